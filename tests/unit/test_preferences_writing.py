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
    Kind,
    Rows,
    Source,
    pair_id,
    split_of_contexts,
    write_folder,
    write_preferences,
)
from graphengine.sample import sample_files
from tests.preference_sources import RANKING, card, edge, leaks, make_source, source_of_files

CHINESE = Path(__file__).resolve().parents[1] / "fixtures" / "zh"


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its path in it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def head(folder: Path) -> list[str]:
    """The lines of the YAML head of the card."""
    return (folder / "README.md").read_text(encoding="utf-8").split("---\n")[1].splitlines()


def read(folder: Path, split: str) -> list[dict[str, Any]]:
    """The rows of a kind's split, in whatever format."""
    path = next(folder.glob(f"{split}.*"))
    if path.suffix == ".parquet":
        return parquet.read_table(path).to_pylist()
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def pieces(contexts: int = 10, **more: Any) -> Source:
    """A source of contexts that share nothing."""
    return make_source([edge(f"c{c}", f"a{c}", f"b{c}") for c in range(contexts)], **more)


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


def test_kinds_that_are_asked_for(tmp_path: Path) -> None:
    """Only the kinds asked for are written, the first of them opens by default, and the command names them."""
    summary = write_preferences(pieces(), tmp_path / "out", kinds=("prompts", "unpaired"))
    assert {"prompts", "unpaired"} == {path.name for path in (tmp_path / "out").iterdir() if path.is_dir()}
    assert (summary.pairs, list(summary.kinds)) == (10, ["prompts", "unpaired"])
    lines = head(tmp_path / "out")
    assert lines[lines.index("configs:") + 1 :][:2] == ["- config_name: prompts", "  default: true"]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_bytes())
    assert "graphengine export preferences OUT --kind prompts --kind unpaired" == manifest["command"]


def test_a_kind_that_does_not_follow_from_the_graph(tmp_path: Path) -> None:
    """A kind whose text nobody wrote can't be exported from the graph alone."""
    with pytest.raises(ExportError, match="'sft' does not follow from the graph alone"):
        write_preferences(pieces(), tmp_path / "out", kinds=("sft",))
    assert list(tmp_path.iterdir()) == []


NOTES = Kind("sft", "Each row is a note.", "nobody", (
    ("prompt, completion", "texts"), ("context_id, scenario_id", "where"), ("card_id", "what"),
))  # fmt: skip


def notes(contexts: int, **more: Any) -> Rows:
    """Rows of a kind that was made elsewhere."""
    import pyarrow as pa

    rows = [
        {"prompt": [{"role": "user", "content": f"c{c}"}], "completion": [{"role": "assistant", "content": "Well."}],
         "context_id": f"c{c}", "scenario_id": None, "card_id": f"b{c}"}
        for c in range(contexts)
    ]  # fmt: skip
    return Rows(NOTES, pa.Table.from_pylist(rows), **more)


def test_rows_made_elsewhere(tmp_path: Path) -> None:
    """Rows of another kind are split as the others are, and their facts, notes and losses are told."""
    more = [notes(10, left_out={"too long": 2}, notes=("Made by hand.",), facts={"generator": "a pencil"})]
    summary = write_preferences(pieces(), tmp_path / "out", kinds=("cards",), more=more)
    where = split_of_contexts(pieces())
    for split in SPLITS:
        found = {row["context_id"] for row in read(tmp_path / "out" / "sft", split)}
        assert found == {context for context, name in where.items() if name == split}
        assert found == {row["context_id"] for row in read(tmp_path / "out" / "cards", split)}
    assert "Made by hand." in summary.notes
    told = json.loads((tmp_path / "out" / "manifest.json").read_bytes())["kinds"]["sft"]
    assert (told["left_out"], told["made_with"]) == ({"too long": 2}, {"generator": "a pencil"})
    assert '{"generator": "a pencil"}' in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


def test_a_kind_without_rows_is_not_written(tmp_path: Path) -> None:
    """A further kind of which nothing is left is told of and not written; of the first one there must be rows."""
    summary = write_folder(pieces(), tmp_path / "out", [notes(10), Rows(NOTES, notes(10).table.slice(0, 0))])
    assert "No row of the kind sft is left." in summary.notes
    with pytest.raises(ExportError, match=r"there is no row of the kind sft \(too long: 2\)"):
        write_folder(pieces(), tmp_path / "two", [Rows(NOTES, notes(1).table.slice(0, 0), {"too long": 2})])


def test_json_lines(tmp_path: Path) -> None:
    """JSON lines hold the same rows as Parquet, twice the same bytes, and the card points to them."""
    forms = {name: Form(format=name) for name in ("parquet", "jsonl")}
    for name, form in forms.items():
        write_preferences(pieces(), tmp_path / name, form=form)
    for kind in KINDS:
        assert read(tmp_path / "jsonl" / kind, "train") == read(tmp_path / "parquet" / kind, "train")
    assert "    path: cards/train.jsonl" in head(tmp_path / "jsonl")
    assert not list((tmp_path / "jsonl").rglob("*.parquet"))
    write_preferences(pieces(), tmp_path / "again", form=forms["jsonl"])
    assert contents(tmp_path / "jsonl") == contents(tmp_path / "again")


def test_plain_texts(tmp_path: Path) -> None:
    """Plain texts are those of the messages, and a prompt ends so that what follows is not glued to it."""
    write_preferences(pieces(1), tmp_path / "out", form=Form(plain=True))
    row = read(tmp_path / "out" / "cards", "train")[0]
    assert (row["prompt"], row["chosen"][:8]) == ("c0\n\n", "Title b0")
    assert (read(tmp_path / "out" / "unpaired", "train")[0]["completion"][:8]) == "Title a0"
    assert "A plain prompt ends with a blank line" in (tmp_path / "out" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("plain", [False, True])
def test_openrlhf(plain: bool, tmp_path: Path) -> None:
    """The names that OpenRLHF reads; with messages an unpaired response is the whole conversation."""
    write_preferences(pieces(1), tmp_path / "out", form=Form(format="openrlhf", plain=plain))
    pair = read(tmp_path / "out" / "cards", "train")[0]
    assert {"prompt", "chosen", "rejected", "margin"} <= set(pair)
    labelled = read(tmp_path / "out" / "unpaired", "train")
    assert {(0, "a0"), (1, "b0")} == {(row["label"], row["card_id"]) for row in labelled}
    roles = [each["role"] for each in labelled[0]["response"]] if not plain else []
    assert roles == ([] if plain else ["user", "assistant"])
    asked = read(tmp_path / "out" / "prompts", "train")[0]
    assert asked["label"].startswith("Title b0")
    assert asked["input"] == ("c0\n\n" if plain else [{"role": "user", "content": "c0"}])


def test_verl(tmp_path: Path) -> None:
    """The form of verl has prompts with the winning card as ground truth, and is told what it has no form for."""
    summary = write_preferences(pieces(1), tmp_path / "out", form=Form(format="verl"))
    row = read(tmp_path / "out" / "prompts", "train")[0]
    assert list(summary.kinds) == ["prompts"]
    assert list(row) == ["data_source", "prompt", "ability", "reward_model", "extra_info"]
    assert (row["prompt"], row["reward_model"]["style"]) == ([{"role": "user", "content": "c0"}], "model")
    assert row["reward_model"]["ground_truth"].startswith("Title b0")
    assert (row["extra_info"]["card_id"], row["extra_info"]["context_id"]) == ("b0", "c0")
    with pytest.raises(ExportError, match="verl has no form for the kind cards"):
        write_preferences(pieces(), tmp_path / "two", kinds=("cards",), form=Form(format="verl"))
    with pytest.raises(ExportError, match="verl reads chats"):
        write_preferences(pieces(), tmp_path / "two", form=Form(format="verl", plain=True))


@pytest.mark.parametrize("form", [Form(render="title"), Form(format="csv"), Form(min_probability=1.5),
                                  Form(min_probability=0.2)])
def test_a_form_that_is_not_possible(form: Form, tmp_path: Path) -> None:
    """Unknown names and impossible numbers are refused before anything is written."""
    with pytest.raises(ExportError) as caught:
        write_preferences(pieces(), tmp_path / "out", form=form)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_single_cards_known_from_train_are_counted(tmp_path: Path) -> None:
    """Card and manifest say how many cards and rows of the test split are of cards that train has too."""
    edges = [edge(f"c{c}", f"a{c}", "everywhere") for c in range(10)]
    write_preferences(make_source(edges), tmp_path / "out", kinds=("cards",))
    told = json.loads((tmp_path / "out" / "manifest.json").read_bytes())["kinds"]["cards"]["cards_known_from_train"]
    assert told["test"] == {
        "cards": 2, "cards_in_train": 1, "rows": 1, "rows_with_a_card_in_train": 1, "rows_with_all_cards_in_train": 0,
    }  # fmt: skip
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "cards, test: 1 of 2 single cards and 0 of 1 rows are of cards known from train." in text


def test_images(tmp_path: Path) -> None:
    """Images of scenarios are a column of every kind, and the notes say what ignores it and what was not found."""
    source = make_source(
        [edge("c", "a", "b"), edge("d", "x", "y")], scenarios={"s": ["c"], "t": ["d"], "u": ["d"]},
        images={"s": "sha256:1", "t": "sha256:2"},
    )
    source = type(source)(**{**vars(source), "images": {"s": b"png"}})
    summary = write_preferences(source, tmp_path / "out")
    rows = [row for split in summary.splits for row in read(tmp_path / "out" / "cards", split)]
    assert {"s": [{"bytes": b"png", "path": None}], "t": []} == {row["scenario_id"]: row["images"] for row in rows}
    assert any("RewardTrainer ignores the column images" in note for note in summary.notes)
    assert any("1 of 2 images were not found, the first that of the scenario t" in note for note in summary.notes)
    with pytest.raises(ExportError, match="jsonl has no place for images"):
        write_preferences(source, tmp_path / "two", form=Form(format="jsonl"))


def test_whose_preferences_these_are(tmp_path: Path) -> None:
    """A group, an objective and the pairs that turn round between groups are in the manifest and the card."""
    flips = {"party": {"groups": 2, "pairs": 9, "flipping": 4, "least": 0.5, "k": 5}}
    write_preferences(pieces(facts={"group": "party=left", "flips": flips}), tmp_path / "one")
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_bytes())
    assert (manifest["group"], manifest["flips"]) == ("party=left", flips)
    text = (tmp_path / "one" / "README.md").read_text(encoding="utf-8")
    assert "the members of one group, `party=left`" in text
    assert "**Groups**: of 9 pairs that at least two groups of `party` were asked about, 4 turn round" in text
    write_preferences(pieces(facts={"objective": "worst-group", "variable": "party"}), tmp_path / "two")
    assert "least satisfied" in (tmp_path / "two" / "README.md").read_text(encoding="utf-8")


def test_pair_ids_are_public() -> None:
    """Whoever makes pairs elsewhere can name them as the export does."""
    row = preference_rows(make_source([edge("c", "a", "b")], scenarios={"s": ["c"]}))[0]
    assert pair_id("c", "s", "b", "a") == row["pair_id"]


def preference_rows(source: Source) -> list[dict[str, Any]]:
    """The pairs of a source."""
    from graphengine.preferences import preference_pairs

    return preference_pairs(source)[0].to_pylist()
