"""The dataset folder: its files, its card, its manifest, and what it refuses."""

from __future__ import annotations

import hashlib
import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

import graphengine
from graphengine.errors import ExportError
from graphengine.preferences import (
    KINDS,
    PAIRS,
    PROMPTS,
    SPLITS,
    UNPAIRED,
    Form,
    write_preferences,
)
from graphengine.sample import sample_files
from tests.preference_folders import contents, head, pieces, read
from tests.preference_sources import RANKING, card, edge, leaks, make_source, source_of_files

CHINESE = Path(__file__).resolve().parents[1] / "fixtures" / "zh"


def test_files_of_a_dataset(tmp_path: Path) -> None:
    """A Parquet file per split, a card and a manifest; the summary counts what is in them."""
    summary = write_preferences(pieces(), tmp_path / "out")
    assert set(contents(tmp_path / "out")) == {
        "README.md", "manifest.json",
        *(f"{kind}/{split}.parquet" for kind in KINDS for split in SPLITS),
    }  # fmt: skip
    rows = {name: parquet.read_table(tmp_path / "out" / "cards" / f"{name}.parquet") for name in summary.splits}
    assert {"train": 8, "validation": 1, "test": 1} == summary.splits == {k: v.num_rows for k, v in rows.items()}
    assert all(table.schema.equals(PAIRS) for table in rows.values())
    for kind, schema in (("unpaired", UNPAIRED), ("prompts", PROMPTS)):
        assert parquet.read_table(tmp_path / "out" / kind / "train.parquet").schema.equals(schema)
    assert {"cards": 10, "unpaired": 20, "prompts": 10} == {name: told["rows"] for name, told in summary.kinds.items()}
    assert summary.contexts == tuple(sorted(f"c{c}" for c in range(10)))
    assert (summary.pairs, summary.data_hash, summary.left_out, summary.notes) == (10, "ab12", {}, ())


def test_summary_as_json(tmp_path: Path) -> None:
    """The JSON has the stable keys of `export preferences --json`, and no more than JSON can hold."""
    shape = write_preferences(pieces(3), tmp_path / "out").as_json()
    assert {"ok", "path", "pairs", "splits", "sha256"} <= set(shape)
    assert (shape["ok"], shape["path"], shape["pairs"]) == (True, str(tmp_path / "out"), 3)
    assert json.loads(json.dumps(shape)) == shape


def test_manifest_names_every_file(tmp_path: Path) -> None:
    """The manifest holds the sha256 of every other file, and the summary that of the manifest."""
    summary = write_preferences(pieces(), tmp_path / "out", all_scenarios=True)
    files = contents(tmp_path / "out")
    manifest = json.loads(files["manifest.json"])
    assert summary.sha256 == hashlib.sha256(files.pop("manifest.json")).hexdigest()
    assert manifest["files"] == {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    assert manifest["kinds"]["cards"]["splits"]["train"] == {"rows": 8, "contexts": 8}
    assert manifest["kinds"]["unpaired"]["splits"]["test"] == {"rows": 2, "contexts": 1}
    assert manifest["ranking"]["ranking_id"] == "bradley-terry"
    assert manifest["versions"]["graphengine"] == graphengine.__version__
    assert (manifest["format_version"], manifest["form"]["all_scenarios"], manifest["data_hash"]) == (2, True, "ab12")


def test_same_source_same_bytes(tmp_path: Path) -> None:
    """Two exports to two places are equal byte for byte: no time and no path is in them."""
    for name in ("one", "elsewhere/two"):
        write_preferences(pieces(), tmp_path / name)
    assert contents(tmp_path / "one") == contents(tmp_path / "elsewhere" / "two")


def test_other_votes_other_hash(tmp_path: Path) -> None:
    """A change in the data changes the hash in the summary."""
    one = write_preferences(pieces(), tmp_path / "one")
    two = write_preferences(make_source([edge(f"c{c}", f"a{c}", f"b{c}", 0.81) for c in range(10)]), tmp_path / "two")
    assert one.sha256 != two.sha256


def test_card_lists_only_splits_that_exist(tmp_path: Path) -> None:
    """`configs` has one entry per file that was written, and a note says why others are missing."""
    summary = write_preferences(pieces(1), tmp_path / "out", kinds=("cards",))
    lines = head(tmp_path / "out")
    assert lines[lines.index("configs:") :] == [
        "configs:", "- config_name: cards", "  default: true", "  data_files:", "  - split: train",
        "    path: cards/train.parquet",
    ]  # fmt: skip
    assert summary.splits == {"train": 1}
    assert "All pairs are in train" in summary.notes[0]
    assert summary.notes[0] in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_a_missing_validation_split_is_noted(tmp_path: Path) -> None:
    """With few contexts there is train and test only, which the summary says."""
    summary = write_preferences(pieces(3), tmp_path / "out")
    assert list(summary.splits) == ["train", "test"]
    assert "no validation split" in summary.notes[0]


@pytest.mark.parametrize(
    "form", [Form(), Form(plain=True, format="jsonl"), Form(format="openrlhf"), Form(format="verl")]
)
def test_card_tells_all_columns(form: Form, tmp_path: Path) -> None:
    """Every column of the files of each kind is in the card's table of columns, and every name there is a column."""
    source = make_source([edge(f"c{c}", f"a{c}", f"b{c}") for c in range(3)])
    summary = write_preferences(source, tmp_path / "out", form=form)
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert summary.kinds
    for kind in summary.kinds:
        table = text.split(f"## `{kind}`")[1].split("\n\n")[2]
        told = {name for line in table.splitlines()[2:] for name in line.split("|")[1].strip().split(", ")}
        assert told == set(read(tmp_path / "out" / kind, "train")[0]), kind


def test_card_tells_where_the_pairs_come_from(tmp_path: Path) -> None:
    """Counts, yes-bias with its spread, directions of asking, what was left out, ranking, hash, command and licence."""
    edges = [edge("c1", "a", "b"), edge("c2", "a", "d", wiser_reverse=4), edge("c3", "a", "x")]
    cards = [card("a"), card("b"), card("d")]
    facts = {"votes": 1535, "participants": 300, "license": "CC-BY-4.0", "collection": "Asked in a café in Graz."}
    write_preferences(make_source(edges, cards=cards, facts=facts), tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "license: cc-by-4.0" in head(tmp_path / "out")
    for told in (
        "| votes | 1,535 |", "| participants | 300 |", "Asked in a café in Graz.", "β = 0.90 (sd 0.20)",
        "1 row(s) of `cards` rest on answers to both directions of the question, 1 on answers to one",
        "| cards | a card has no text | 1 |", "`ab12`", "graphengine export preferences OUT", "Licence: CC-BY-4.0",
    ):  # fmt: skip
        assert told in text
    assert "Made up" not in text


def test_card_without_facts(tmp_path: Path) -> None:
    """Where nothing is known of votes, bias and licence, the card says so and claims nothing."""
    write_preferences(pieces(ranking={}, facts={}), tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "No licence is stated" in text
    assert "is not known to the software" in text
    assert not any(line.startswith("license") for line in head(tmp_path / "out"))
    assert "β =" not in text
    assert "None" not in text


@pytest.mark.parametrize("license_", ["ours, ask: first\ntags: [x]", "a: b", 3])
def test_a_licence_can_not_break_the_card(license_: Any, tmp_path: Path) -> None:
    """What is no identifier stays out of the YAML head."""
    write_preferences(pieces(facts={"license": license_}), tmp_path / "out")
    assert not any(line.startswith("license") for line in head(tmp_path / "out"))
    assert head(tmp_path / "out")[-1].strip().startswith("path: prompts/")


def test_made_up_data_says_so(tmp_path: Path) -> None:
    """A sample is marked in the head and at the top of the card."""
    write_preferences(pieces(facts={"made_up": True}), tmp_path / "out")
    assert "- synthetic" in head(tmp_path / "out")
    assert "**Made up.**" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_the_command_is_told(tmp_path: Path) -> None:
    """The card and the manifest hold the command that makes the dataset again, options included."""
    write_preferences(pieces(), tmp_path / "one", all_scenarios=True)
    assert "export preferences OUT --all-scenarios" in (tmp_path / "one" / "README.md").read_text(encoding="utf-8")
    typed = f"graphengine export preferences '{tmp_path}/a b' --graph g"
    write_preferences(pieces(), f"{tmp_path}/a b", command=typed)
    told = json.loads((tmp_path / "a b" / "manifest.json").read_bytes())["command"]
    assert told == "graphengine export preferences OUT --graph g"
    write_preferences(pieces(), tmp_path / "three", command="it's by hand")
    assert json.loads((tmp_path / "three" / "manifest.json").read_bytes())["command"] == "it's by hand"


def test_images_are_not_in_the_prompt_which_is_noted(tmp_path: Path) -> None:
    """A scenario with an image gives a prompt of its text only, and a note."""
    source = make_source([edge("c", "a", "b")], scenarios={"s": ["c"], "t": []}, images={"s": "ab", "t": "cd"})
    assert "1 scenario(s) of the prompts have an image" in write_preferences(source, tmp_path / "out").notes[-1]


def test_no_edges_is_an_error(tmp_path: Path) -> None:
    """A graph that was never ranked can't be exported, and the error says what to run."""
    with pytest.raises(ExportError, match="no wiser edges") as caught:
        write_preferences(make_source([]), tmp_path / "out")
    assert caught.value.hint == "run: graphengine rank"
    assert list(tmp_path.iterdir()) == []


def test_no_texts_is_an_error(tmp_path: Path) -> None:
    """If every card is a stub, nothing is left; the error counts them and says to import the cards."""
    stubs = [card(each, title=None, description=None, policies=None) for each in "ab"]
    with pytest.raises(ExportError, match=r"no pair is left of 1 wiser edges \(a card has no text: 1\)") as caught:
        write_preferences(make_source([edge("c", "a", "b")], cards=stubs), tmp_path / "out")
    assert "graphengine import cards.csv" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_an_earlier_export_is_not_replaced_unless_told(tmp_path: Path) -> None:
    """A second export to the same folder fails and changes nothing; with force it replaces the first whole."""
    write_preferences(pieces(), tmp_path / "out")
    before = contents(tmp_path / "out")
    with pytest.raises(ExportError, match="holds an export already") as caught:
        write_preferences(pieces(1), tmp_path / "out")
    assert "--force" in caught.value.hint
    assert contents(tmp_path / "out") == before
    write_preferences(pieces(1), tmp_path / "out", force=True)
    assert set(contents(tmp_path / "out")) == {
        "README.md", "manifest.json", *(f"{kind}/train.parquet" for kind in KINDS),
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["thesis.txt", "manifest.json"])
def test_a_folder_of_something_else_is_never_replaced(name: str, force: bool, tmp_path: Path) -> None:
    """Without our manifest a folder is somebody else's, whatever the options."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).write_text('{"name": "not ours"}')
    with pytest.raises(ExportError, match="no export of preferences"):
        write_preferences(pieces(), tmp_path / "out", force=force)
    assert contents(tmp_path / "out") == {name: b'{"name": "not ours"}'}


def test_a_file_added_to_an_export_is_kept(tmp_path: Path) -> None:
    """Force replaces what an export wrote, and refuses where that would delete something else."""
    write_preferences(pieces(), tmp_path / "out")
    (tmp_path / "out" / "notes.md").write_text("mine")
    with pytest.raises(ExportError, match=r"holds notes\.md, which no export wrote"):
        write_preferences(pieces(), tmp_path / "out", force=True)
    assert (tmp_path / "out" / "notes.md").read_text() == "mine"


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    """A folder that is there and empty is as good as none."""
    (tmp_path / "out").mkdir()
    assert write_preferences(pieces(), tmp_path / "out").pairs == 10


def test_a_file_in_the_way(tmp_path: Path) -> None:
    """An export is a folder: where a file is, it is refused."""
    (tmp_path / "out").write_text("x")
    with pytest.raises(ExportError, match="is a file"):
        write_preferences(pieces(), tmp_path / "out", force=True)
    assert (tmp_path / "out").read_text() == "x"


@pytest.mark.parametrize("force", [False, True])
def test_a_failure_leaves_nothing_behind(force: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up in the middle leaves the old export, or nothing, and no half-written folder."""
    if force:
        write_preferences(pieces(1), tmp_path / "out")
    before = contents(tmp_path)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(parquet, "write_table", full)
    with pytest.raises(ExportError, match="can't be written: No space left on device"):
        write_preferences(pieces(), tmp_path / "out", force=force)
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == (["out"] if force else [])


def test_a_place_that_can_not_be_written(tmp_path: Path) -> None:
    """A parent that is a file gives an error of ours, not a traceback."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportError, match="can't be written"):
        write_preferences(pieces(), tmp_path / "file" / "out")


def test_others_may_read_the_folder(tmp_path: Path) -> None:
    """The folder has the permissions of any new folder, not those of a private temporary one."""
    write_preferences(pieces(), tmp_path / "out")
    (tmp_path / "plain").mkdir()
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is taken from where the user stands and given back as it was typed."""
    monkeypatch.chdir(tmp_path)
    assert write_preferences(pieces(), "out").path == Path("out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("every", "left_out"),
    [
        (False, {}),
        (True, {"the scenario belongs to another split": 5}),
    ],
)
def test_the_sample_graph(every: bool, left_out: dict[str, int], tmp_path: Path) -> None:
    """The sample gives train and test without a leak; every edge is a row or counted, the circle in it too."""
    left_out |= {"the answers run in a circle through both cards": 3, "the pair of cards is in another split": 1}
    source = source_of_files(sample_files()["cards"].parent)
    summary = write_preferences(source, tmp_path / "out", all_scenarios=every)
    there = {
        name: [parquet.read_table(tmp_path / "out" / kind / f"{name}.parquet") for kind in KINDS]
        for name in summary.splits
    }
    assert leaks(there, source) == set()
    assert (summary.splits, summary.left_out) == ({"train": 57, "test": 15}, left_out)
    assert summary.pairs + 4 == source.edges.num_rows == 76
    rows = [row for tables in there.values() for row in tables[0].to_pylist()]
    best = [row for row in rows if (row["context_id"], row["chosen_id"]) == ("When grieving", "silence-that-stays")]
    assert len(best) >= 3
    assert all(row["p_chosen"] > 0.8 for row in best)
    assert best[0]["prompt"][0]["content"].endswith("How should I think about this?\n\nWhen grieving")


def test_the_chinese_fixture(tmp_path: Path) -> None:
    """Chinese ids and texts come through to the files and the card."""
    source = source_of_files(CHINESE)
    summary = write_preferences(source, tmp_path / "out")
    files = [tmp_path / "out" / "cards" / f"{name}.parquet" for name in summary.splits]
    rows = [row for file in files for row in parquet.read_table(file).to_pylist()]
    best = next(row for row in rows if row["chosen_id"] == "听懂没说出口的话")
    assert best["prompt"][0]["content"].endswith("我该怎么劝他？\n\n当父母年老时")
    assert best["chosen"][0]["content"].startswith("听懂没说出口的话\n\n留意老人")
    assert summary.pairs == len(rows) == source.edges.num_rows


@pytest.mark.parametrize("folder", [sample_files()["cards"].parent, CHINESE])
def test_no_participant_in_any_file(folder: Path, tmp_path: Path) -> None:
    """Neither raw ids of people nor a column about a single person reach the folder."""
    write_preferences(source_of_files(folder), tmp_path / "out")
    files = contents(tmp_path / "out")
    people = set(re.findall(rb"^(p\d+),", (folder / "votes.csv").read_bytes(), re.MULTILINE))
    assert len(people) >= 30
    told = [files["README.md"], files["manifest.json"]]
    told += [json.dumps(parquet.read_table(tmp_path / "out" / name).to_pylist()).encode()
             for name in files if name.endswith(".parquet")]  # fmt: skip
    words = {word for text in told for word in re.findall(rb"\w+", text)}
    assert people & words == set()
    assert RANKING["data_hash"].encode() in words
