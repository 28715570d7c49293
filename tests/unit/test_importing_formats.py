"""One table, many formats: CSV dialects, TSV, JSON, JSON Lines and Parquet give the same votes."""

from __future__ import annotations

import datetime
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from graphengine.importing import Known, Prepared, objects, prepare
from tests.importing_kit import HEADER, answers, pseudonym, reasons, take

ROWS = [
    {"participant": "p1", "context": "When lost, or sad", "from_value": "165", "to_value": "167", "answer": "wiser"},
    {"participant": "p2", "context": "面临抉择时", "from_value": "167", "to_value": "165", "answer": "unsure"},
]
EXPECTED = sorted(tuple(row.values()) for row in ROWS)


def _delimited(delimiter: str) -> str:
    lines = [delimiter.join(ROWS[0])]
    lines += [delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in row.values()) for row in ROWS]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("name", "delimiter"), [
    ("v.csv", ","), ("v.csv", ";"), ("v.csv", "\t"), ("v.csv", "|"), ("v.txt", ";"), ("v.tsv", "\t"), ("v", ","),
])
def test_delimiters(tmp_path: Path, name: str, delimiter: str) -> None:
    """The delimiter is found from the file; cells that contain another one are whole."""
    assert EXPECTED == answers(take(tmp_path, _delimited(delimiter), name=name))


def test_json_lines(tmp_path: Path) -> None:
    """One object per line, under .jsonl, .ndjson, or any name."""
    content = "".join(json.dumps(row) + "\n" for row in ROWS)
    for name in ("v.jsonl", "v.ndjson", "v"):
        prepared = take(tmp_path, content, name=name)
        assert (EXPECTED, "jsonl") == (answers(prepared), prepared.format)


def test_json_records(tmp_path: Path) -> None:
    """A JSON list of objects is a table."""
    for name in ("v.json", "v"):
        prepared = take(tmp_path, json.dumps(ROWS, indent=1), name=name)
        assert (EXPECTED, "json") == (answers(prepared), prepared.format)


def test_json_numbers_keep_their_digits(tmp_path: Path) -> None:
    """An id written as a number is the text of that number, however long or odd."""
    line = '{"participant": 9007199254740993, "context": "c", "from_value": 1.50, "to_value": 1e3, "answer": true}'
    prepared = take(tmp_path, line, name="v.jsonl", mapping='[answers]\n"true" = "wiser"')

    assert [("9007199254740993", "c", "1.50", "1e3", "wiser")] == answers(prepared)


def test_json_numbers_that_are_none(tmp_path: Path) -> None:
    """NaN, which some tools write for a gap, is a blank cell."""
    prepared = take(tmp_path, json.dumps(ROWS[0] | {"participant": float("nan")}), name="v.jsonl")

    assert [(1, "participant", "", "no participant")] == reasons(prepared)


def test_json_keys_that_come_late(tmp_path: Path) -> None:
    """A field that only later objects have is read for these, and blank for the others."""
    rows = [ROWS[0], ROWS[1] | {"at": 1717165800}]
    prepared = take(tmp_path, "\n".join(map(json.dumps, rows)), name="v.jsonl")

    assert [None, 1717165800000] == sorted(prepared.tables["votes"]["at"].to_pylist(), key=lambda at: at or 0)


def test_json_lines_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many records go through in parts: numbers, late fields and faulty cells stay where they belong."""
    monkeypatch.setattr(objects, "_PART", 2)
    lines = [json.dumps(ROWS[0] | {"participant": f"p{i}"}) for i in range(5)]
    lines += [json.dumps(ROWS[0] | {"participant": "p6\0"}), json.dumps(ROWS[1] | {"at": 7})]
    prepared = take(tmp_path, "\n".join(lines), name="v.jsonl")

    assert 6 == prepared.tables["votes"].num_rows
    assert [7000] == [at for at in prepared.tables["votes"]["at"].to_pylist() if at]
    assert [(6, "participant")] == [each[:2] for each in reasons(prepared)]


def _parquet(folder: Path, **columns: pa.Array) -> Prepared:
    parquet.write_table(pa.table(columns), folder / "v.parquet")
    return prepare(folder / "v.parquet", known=Known(), pseudonym=pseudonym)


def _texts(*cells: str | None) -> pa.Array:
    return pa.array(cells, pa.string())


BASE = {"context": _texts("c", "c"), "answer": _texts("wiser", "no")}


def test_parquet_of_texts(tmp_path: Path) -> None:
    """Plain text columns are taken as they are."""
    prepared = _parquet(tmp_path, **{name: _texts(*[row[name] for row in ROWS]) for name in ROWS[0]})

    assert (EXPECTED, "parquet") == (answers(prepared), prepared.format)


@pytest.mark.parametrize("kind", [
    pa.int64(), pa.int32(), pa.uint8(), pa.float64(), pa.float32(), pa.string(), pa.large_string(),
    pa.dictionary(pa.int32(), pa.string()), pa.string_view(),
])
def test_parquet_ids_of_any_type(tmp_path: Path, kind: pa.DataType) -> None:
    """Ids stored as whole numbers, as reals (what pandas makes of gaps) or as categories are the same text."""
    def ids(*numbers: int) -> pa.Array:
        texts = pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view()
        if pa.types.is_dictionary(kind):
            return pa.array(list(map(str, numbers))).dictionary_encode()
        return pa.array(list(map(str, numbers)) if texts else numbers, kind)

    prepared = _parquet(tmp_path, participant=ids(1, 2), from_value=ids(165, 7), to_value=ids(3, 4), **BASE)

    assert [("1", "c", "165", "3", "wiser"), ("2", "c", "7", "4", "not_wiser")] == answers(prepared)


@pytest.mark.parametrize("gap", [None, float("nan")])
def test_parquet_gaps(tmp_path: Path, gap: float | None) -> None:
    """A null, or a NaN among ids, is a blank cell and rejects its row by its number."""
    prepared = _parquet(
        tmp_path, participant=pa.array([1.0, gap]), from_value=_texts("a", "a"), to_value=_texts("b", "b"), **BASE
    )

    assert ("1", 1) == (answers(prepared)[0][0], len(answers(prepared)))
    assert [(2, "participant")] == [each[:2] for each in reasons(prepared)]
    assert "records" in prepared.rejects.counting


@pytest.mark.parametrize(("column", "at"), [
    (pa.array([datetime.datetime(2024, 5, 31, 14, 30)] * 2, pa.timestamp("ns")), 1717165800000),
    (pa.array([datetime.datetime(2024, 5, 31, 14, 30, 0, 250_000)] * 2, pa.timestamp("us", "UTC")), 1717165800250),
    (pa.array([datetime.datetime(2024, 5, 31, 14, 30)] * 2, pa.timestamp("s", "Asia/Shanghai")), 1717165800000),
    (pa.array([datetime.date(2024, 5, 31)] * 2), 1717113600000),
    (pa.array([1717165800000] * 2), 1717165800000),
    (pa.array([1717165800.25] * 2), 1717165800250),
])
def test_parquet_times(tmp_path: Path, column: pa.Array, at: int) -> None:
    """Timestamps with or without zone, dates and epoch numbers are read exactly."""
    texts = {name: _texts(*[row[name] for row in ROWS]) for name in ROWS[0]}

    assert [at, at] == _parquet(tmp_path, **texts, at=column).tables["votes"]["at"].to_pylist()


def test_parquet_cells_with_nul_or_too_long(tmp_path: Path) -> None:
    """Rows with a NUL or a cell of more than a million characters are rejected, others taken."""
    prepared = _parquet(
        tmp_path, participant=_texts("1", "2", "3"), from_value=_texts("a", "a\0", "a"),
        to_value=_texts("b", "b", "b"), context=_texts("c", "c", "x" * 1_000_001),
        answer=_texts("wiser", "wiser", "no"),
    )

    assert [(2, "from_value"), (3, "context")] == [each[:2] for each in reasons(prepared)]
    assert 1 == prepared.tables["votes"].num_rows
    assert (3, 2) == (prepared.read, prepared.rejects.count)


def test_parquet_lists_of_policies(tmp_path: Path) -> None:
    """A list column becomes the list it is."""
    policies = pa.array([["SIGNS of rest; or sleep", "MOMENTS"], None], pa.list_(pa.string()))
    prepared = _parquet(tmp_path, id=pa.array([7, 8]), title=_texts("A", "B"), policies=policies)

    assert [("7", ["SIGNS of rest; or sleep", "MOMENTS"]), ("8", [])] == [
        (card["id"], card["policies"]) for card in prepared.tables["cards"].to_pylist()
    ]


def test_an_empty_parquet_table(tmp_path: Path) -> None:
    """A Parquet file with columns and no rows is a valid file without votes."""
    prepared = _parquet(tmp_path, **{name: _texts() for name in ROWS[0]})

    assert (0, 0) == (prepared.read, prepared.tables["votes"].num_rows)


def test_format_can_be_named(tmp_path: Path) -> None:
    """A format given by name wins over the file's ending."""
    assert EXPECTED == answers(take(tmp_path, _delimited("\t"), name="v.csv", format="tsv"))


def test_all_formats_agree_with_the_same_hash_of_the_mapping(tmp_path: Path) -> None:
    """The mapping's hash tells what rows mean, not how they were stored."""
    one = take(tmp_path, _delimited(","), name="v.csv")
    two = take(tmp_path, _delimited(";"), name="w.csv")
    three = take(tmp_path, _delimited(","), name="v.csv", prefix="s:")

    assert one.mapping_sha256 == two.mapping_sha256 != three.mapping_sha256
    assert one.file_sha256 == three.file_sha256 != two.file_sha256


def test_a_csv_named_after_nothing_known(tmp_path: Path) -> None:
    """A file without a telling name is recognised by its beginning."""
    assert "csv" == take(tmp_path, f"{HEADER}\np1,c,a,b,no\n", name="export.dat").format
