"""Labelled rows: reading and writing, defects, counts, types placed anew. All rows here are made up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphengine.errors import InputError
from graphengine.report.value_shares import Shares, value_shares
from graphengine.schwartz.items import POLICIES, item, items
from graphengine.schwartz.lint import KINDS, lint
from graphengine.schwartz.rows import Row, as_table, base_rates, cells, dialogue, label, read_rows, remap, write_rows
from graphengine.schwartz.stats import stats


def row(number: int = 1, items: str = "", types: str = "", **more: Any) -> Row:
    """A row from labels with semicolons between them."""
    parts = [tuple(label(each.strip()) for each in text.split(";") if each.strip()) for text in (items, types)]
    return Row(number, dialogue("May I?", "Please do."), *parts, **more)


GOOD = {
    "dialogue": "Human: May I?\nBob: Please do.", "value_items": ["be polite: +1"], "value_types": ["conformity: +1"],
    "query_source": "made up", "response_source": "model-a",
}


def test_a_row_comes_back_with_all_it_holds(tmp_path: Path) -> None:
    """Keys that we don't know are kept, labels stay as they were written, and texts may hold anything."""
    odd = {**GOOD, "dialogue": "Human: a\nb\u2028c\nBob: d\nBob: e \ud83d", "value_types": [" conformity :1"]}
    odd["id"] = [7]
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(GOOD) + "\n\n" + json.dumps(odd) + "\n")
    rows = read_rows(path)
    assert [1, 3] == [each.number for each in rows]
    assert ("a\nb\u2028c", "d\nBob: e \ud83d") == (rows[1].prompt, rows[1].response)
    assert {("conformity", 1)} == rows[1].signs()
    write_rows(rows, tmp_path / "again.jsonl")
    assert [GOOD, odd] == [json.loads(line) for line in (tmp_path / "again.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{", "line 2: it is not JSON"),
        ("[]", "line 2: it is not a JSON object"),
        (json.dumps({**GOOD, "value_types": "conformity: +1"}), "line 2: value_types is no list of texts"),
        (json.dumps({**GOOD, "value_items": [1]}), "line 2: value_items is no list of texts"),
        (json.dumps({**GOOD, "dialogue": 5}), "line 2: dialogue is no text"),
        (json.dumps({**GOOD, "query_source": None}), "line 2: query_source is no text"),
        (json.dumps({key: GOOD[key] for key in GOOD if key != "value_types"} | {"value_type": []}),
         "line 2 has no value_types"),
    ],
)
def test_lines_that_are_no_rows(tmp_path: Path, line: str, told: str) -> None:
    """A line that is no row is told by its number, never by its texts."""
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + line + "\n")
    with pytest.raises(InputError, match=told) as error:
        read_rows(path)
    assert "May I?" not in str(error.value.as_json())
    if "value_type\"" in line:
        assert "did you mean value_type?" in error.value.hint


@pytest.mark.parametrize(("content", "told"), [(b"", "has no rows"), (b"\xff", "is not UTF-8")])
def test_files_without_rows(tmp_path: Path, content: bytes, told: str) -> None:
    """An empty file, and one that is not text, are refused."""
    (tmp_path / "rows.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=told):
        read_rows(tmp_path / "rows.jsonl")
    with pytest.raises(InputError, match="can't be read"):
        read_rows(tmp_path / "none.jsonl")


# Lint --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "types", "kind", "told"),
    [
        ("be humble: +1", "conformity: +1; modesty: +1", "off_list_type", "'modesty' is no value of schwartz-10"),
        ("", "humility: +1", "off_list_type", "among the ten belongs to tradition or conformity"),
        ("be polite: +1", "conformity: 1+", "value_types_malformed", "write conformity: +1 or conformity: -1"),
        ("be polite: yes", "conformity: +1", "value_items_malformed", "'yes' is no sign"),
        ("be polite: +1", "conformity: +1; conformity: 1", "duplicate_type", "conformity is listed 2 times"),
        ("be polite: +1", "conformity: +1; conformity: -1", "conflicting_type", "as +1 and as -1; decide on one"),
        ("be polight: +1", "conformity: +1", "unmapped_item", "did you mean 'be polite'?"),
        ("be polite: +1", "", "empty", "write the types"),
        ("be polite: +1", "power: +1", "item_type_mismatch", "listed, but no item says so: power: +1; not listed"),
        ("be polite: +1", "conformity: -1", "item_type_mismatch", "though an item says so: conformity: +1"),
        ("be polite: +1", "Conformity: +1; conformity: 1", "duplicate_type", "conformity is listed 2 times"),
        ("be polite: +1", "CO: +1; conformity: -1", "conflicting_type", "as +1 and as -1; decide on one"),
        ("", "security", "value_types_malformed", "there is no sign; write security: +1 or security: -1"),
    ],
)
def test_each_defect_is_found_and_explained(items: str, types: str, kind: str, told: str) -> None:
    """Each kind of defect is found, with its line and what would be right."""
    (found,) = [each for each in lint([row(5, items, types)]).findings if each.kind == kind]
    assert 5 == found.row
    assert told in found.told
    assert KINDS[kind]


def test_a_good_row_has_no_defect() -> None:
    """Rows whose types follow from their items pass; a bare 1 is counted, and read as +1."""
    found = lint([row(1, "be polite: 1; be daring: -1", "stimulation: -1; conformity: +1"), row(2, "be capable: +1",
                                                                                               "achievement: +1")])
    assert () == found.findings
    assert (1,) == found.bare_rows
    assert {"+1": 1, "-1": 1, "bare 1": 1, "malformed": 0} == found.signs["value_items"]


def test_names_of_values_may_be_written_otherwise() -> None:
    """Case and short names are no mismatch with the items."""
    assert [] == [each.kind for each in lint([row(1, "be polite: +1", "Conformity: +1")]).findings]


def test_types_must_follow_under_the_policy_that_is_asked_for() -> None:
    """The same row is right under one policy and wrong under another."""
    humble = row(1, "be humble: +1", "tradition: +1")
    assert () == lint([humble], "schwartz").findings
    assert ["item_type_mismatch"] == [each.kind for each in lint([humble], "fulcra_code").findings]


# Items -------------------------------------------------------------------------------------------------------------


def test_places_of_items() -> None:
    """Humility, social norms, face and wisdom move with the policy; the last three have no place."""
    def places(name: str) -> list[str | None]:
        return [item(name).value(policy) for policy in POLICIES]

    assert ["conformity", "conformity", "tradition"] == places("humble")
    assert ["conformity", "security", None] == places("observing-social-norms")
    assert ["power", "power", None] == places("social recognition")
    assert ["universalism", None, "universalism"] == places("wisdom")
    assert [None] * 3 == places("inner harmony")
    assert [55, 54, 52] == [sum(each.value(policy) is not None for each in items()) for policy in POLICIES]
    assert list(range(1, 59)) == [each.number for each in items()]
    with pytest.raises(InputError, match="no policy"):
        item("humble").value("fulcra")
    with pytest.raises(InputError, match="is no item") as error:
        item("helpfull")
    assert "be helpful" in error.value.hint


def test_remap() -> None:
    """Types are written anew from the items, each once, in the order of the ten values; the rest of a row stays."""
    before = row(3, "be polite: +1; be helpful: 1; be honest: +1; be humble: +1", "power: +1", more={"id": 1})
    after = remap(before, "schwartz")
    assert ["tradition: +1", "conformity: +1", "benevolence: +1"] == [each.text for each in after.types]
    assert (before.items, before.dialogue, before.more) == (after.items, after.dialogue, after.more)
    with pytest.raises(InputError, match="'stored' is no policy"):
        remap(before, "stored")


# Counts ------------------------------------------------------------------------------------------------------------

ROWS = [
    row(1, "be helpful: +1; be honest: +1", "benevolence: +1", query_source="x", response_source="a"),
    row(2, "be helpful: -1; be honest: +1", "benevolence: +1; benevolence: -1", query_source="x", response_source="b"),
    row(3, "have authority: -1", "power: -1", query_source="y", response_source="a"),
    row(4, "", "", query_source="y", response_source="a"),
]


def test_counts() -> None:
    """Labels are counted once an item, rows once a value; a value with both signs is neither."""
    found = stats(ROWS, "fulcra_deck")
    whole = {each.value: each[1:] for each in found.parts[0].counts}
    assert (1, 3, 0, 1, 1) == whole["benevolence"]
    assert (1, 0, 1, 0, 0) == whole["power"]
    assert (40, 3, 1, 37 / 40) == (found.cells, found.nonzero, found.conflicting, found.all_zeros)
    assert {0: 1, 1: 3} == found.types_per_row
    assert [("all", "all", 4), ("query_source", "x", 2), ("query_source", "y", 2), ("response_source", "a", 3),
            ("response_source", "b", 1)] == [each[:3] for each in map(vars_of, found.parts)]
    assert found.base_rates["power"] == -0.25


def vars_of(part: Any) -> tuple[Any, ...]:
    """By, name and rows of a part."""
    return part.by, part.name, part.rows


def test_cells_and_table() -> None:
    """A value with both signs is unknown in the cells and null in the table, and counts as 0 in the base rates."""
    found = cells(ROWS)
    assert np.isnan(found[1, 8])
    assert 1 == found[0, 8]
    assert pytest.approx(0.25) == base_rates(ROWS)[8]
    table = as_table(ROWS)
    assert [1, None, 0, 0] == table["benevolence"].to_pylist()
    assert ["May I?"] * 4 == table["prompt"].to_pylist()
    assert ["a", "b", "a", "a"] == table["response_source"].to_pylist()


def test_the_picture_escapes_names() -> None:
    """Names of responders are text in the picture, never marks of it, and each bar says its share."""
    picture = value_shares([Shares("<b>&", 2, [("power", 0.5, 0.25)]), Shares("none", 1, [("power", 0.0, 0.0)])], "T")
    assert "<b>" not in picture
    assert "power: opposed 50.0%, aligned 25.0%" in picture
    assert picture.startswith("<svg")
    assert "nan" not in picture
