"""The dataset folder: its kinds and its formats."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graphengine.errors import ExportError
from graphengine.preferences import (
    KINDS,
    SPLITS,
    Form,
    Kind,
    Rows,
    Source,
    pair_id,
    split_of_contexts,
    write_folder,
    write_preferences,
)
from tests.preference_folders import contents, head, pieces, read
from tests.preference_sources import edge, make_source
from tests.written_sources import ranked_sample


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


def test_all_scenarios_is_heeded_beside_a_form(tmp_path: Path) -> None:
    """The short way to ask for all scenarios adds to a form that is given."""
    short = write_preferences(ranked_sample(), tmp_path / "a", form=Form(format="jsonl"), all_scenarios=True)
    long = write_preferences(ranked_sample(), tmp_path / "b", form=Form(format="jsonl", all_scenarios=True))
    assert long.sha256 == short.sha256
