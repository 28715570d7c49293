"""The parts of the importing room by themselves: names, times, lists, lines, delimiters, kinds of files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from graphengine.errors import InputError
from graphengine.importing import Known, names, prepare, source
from graphengine.importing.delimited import find_delimiter, records, split_loosely
from graphengine.importing.importer import HINT_FIELDS, find_format
from graphengine.importing.lists import split_list
from graphengine.importing.scan import scan_text, sha256_of
from graphengine.importing.scenes import image_hash
from graphengine.importing.times import at_sql, google_times
from tests.importing_kit import answers, pseudonym


def test_texts_prefer_ids_to_texts() -> None:
    """A value that is an id names that thing, even where it is the text of another."""
    found = names.Texts({"a": "b", "b": "c"}, "")

    assert ["a", "b", "b", "new"] == [found.id(each) for each in ("a", "b", "c", "new")]


def test_texts_shared_by_several_ids() -> None:
    """A text that several ids share names the first id, whatever the order in which they come."""
    for ids in ({"c1": "x", "c2": "x"}, {"c2": "x", "c1": "x"}):
        assert "c1" == names.Texts(ids, "").id("x")


def test_texts_of_blank_values() -> None:
    """Blank values name nothing, and a text of null is found by its id only."""
    found = names.Texts({"c1": None}, "")

    assert [None, None, "c1"] == [found.id(each) for each in ("", " \t\u3000", "c1")]


def test_codes_sort_like_ids() -> None:
    """The code of an id is its place among the sorted ids, with one name per id or several, and with blanks."""
    for raw, ids in (
        (["x", "y", "z"], ["c", "a", "b"]), (["x", " x", "y"], ["b", "b", "a"]), (["x", "", "y"], ["b", None, "a"]),
    ):
        con = source.database()
        order = names.code(con, "codes", pa.array(raw), pa.array(ids, pa.string())).to_pylist()
        table = dict(con.execute("FROM codes").fetchall())

        assert sorted(order) == order
        assert {name: each for name, each in zip(raw, ids, strict=True) if each} == {
            name: order[code] for name, code in table.items()
        }


def test_no_people_no_call() -> None:
    """The pseudonym function is not troubled with nobody."""
    def never(people: pa.Array) -> pa.Array:
        raise AssertionError(people)

    assert [None] == names.pseudonyms(pa.array([None], pa.string()), never).to_pylist()


@pytest.mark.parametrize(("text", "at"), [
    ("1969-12-31T23:59:59Z", -1000), ("2024-02-29", 1709164800000), ("2023-02-29", None),
    ("99999999999", 99999999999000), ("100000000000", 100000000000), ("2024-05-31T24:00:00Z", 1717200000000),
    ("2024-05-31T25:00:00Z", None), ("2024-05-31T14:30:00,5Z", 1717165800500),
    ("2024-05-31t14:30:00z", None), ("2024-05-31T14:30:00.123456789Z", 1717165800123), ("--5", None), ("+5", 5000),
])
def test_times_at_the_edges(text: str, at: int | None) -> None:
    """Leap days, the change from seconds to milliseconds, fractions, and what only looks like a time."""
    found = source.database().execute(f"SELECT {at_sql('t')} FROM (SELECT $text AS t)", {"text": text}).fetchall()

    assert at == found[0][0]


def test_google_times_of_a_column() -> None:
    """One cell with a day above 12 tells how all cells of the column are read; one that can't be read spoils all."""
    day_first = google_times(["1/2/2024 10:00:00", "31/1/2024 10:00"]) or {}
    month_first = google_times(["1/2/2024 12:00:00 AM", "1/31/2024 12:00:00 PM"]) or {}

    assert ["2024-02-01T10:00:00+00:00", "2024-01-31T10:00:00+00:00"] == list(day_first.values())
    assert ["2024-01-02T00:00:00+00:00", "2024-01-31T12:00:00+00:00"] == list(month_first.values())
    assert google_times(["31/1/2024 10:00", "1/31/2024 10:00"]) is None
    assert google_times(["31/1/2024 10:00", "soon"]) is None
    assert {} == google_times([])


@pytest.mark.parametrize("cell", ["[1, {}]", "[", '["a"', "[[1]]"])
def test_lists_that_are_none(cell: str) -> None:
    """What starts like a JSON list and is none is an error, not a policy."""
    with pytest.raises(ValueError, match=r".+"):
        split_list(cell)


def _records(folder: Path, text: str) -> list[object]:
    (folder / "t.csv").write_text(text, encoding="utf-8", newline="")
    found = [cells for _, cells in records(folder / "t.csv", "utf-8", ",")]
    return [cells if isinstance(cells, list) else cells[0] for cells in found]


def test_records_after_an_open_quote(tmp_path: Path) -> None:
    """Reading goes on at the line after the one whose quote stays open."""
    assert [["a", "b"], '1,"2', ["3", "4"], ["5", "6"]] == _records(tmp_path, 'a,b\n1,"2\n3,4\n5,6\n')


def test_an_open_quote_that_another_one_seems_to_close(tmp_path: Path) -> None:
    """A quote further down that closes the first by accident costs both lines at most, not those between."""
    found = _records(tmp_path, 'a,b\n1,"2\n3,4\n5,"6"\n7,8\n')

    assert (['1,"2'], [["3", "4"], ["5", "6"], ["7", "8"]]) == (found[1:2], found[2:])


def test_the_field_limit_of_csv_is_left_as_it_was(tmp_path: Path) -> None:
    """Reading changes the limit of Python's csv module for the time being only."""
    import csv

    before = csv.field_size_limit()
    _records(tmp_path, "a,b\n1,2\n")

    assert before == csv.field_size_limit()


def test_split_loosely() -> None:
    """A broken line is shown in cells as well as they can be told."""
    assert (["a", "b"], ["a", "b,c"]) == (split_loosely("a,b", ","), split_loosely('a,"b,c', ","))


@pytest.mark.parametrize(("text", "delimiter"), [
    ("id,title\n1,a;b;c\n2,d;e;f\n", ","), ("id;title\n1;a,b,c\n2;d\n", ";"), ("text\nWhen lost, or sad\n", "\t"),
    ("a|b\n1|2\n", "|"), ("a\tb\n1\t2\n", "\t"), ("text\nA; B\n", ","), ("", ","), ('"a;b",c\n"1;2",3\n', ","),
])
def test_delimiters_are_found(tmp_path: Path, text: str, delimiter: str) -> None:
    """Known column names decide, then rows of equal width (one column of texts with commas is one column)."""
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")

    assert delimiter == find_delimiter(tmp_path / "t.csv", "utf-8", HINT_FIELDS)


@pytest.mark.parametrize(("name", "content", "format"), [
    ("a", b"PAR1....", "parquet"), ("a.csv", b"PAR1....", "parquet"), ("a", b"[1]", "json"),
    ("a", b'{\n"a": 1}', "json"), ("a", b'{"a": 1}\n', "jsonl"), ("a", b'\xef\xbb\xbf [{"a": 1}]', "json"),
    ("a", b"x,y", "csv"), ("A.CSV", b"[", "csv"), ("a.tab", b"x", "tsv"), ("a.pq", b"x", "parquet"),
])
def test_formats_are_found(tmp_path: Path, name: str, content: bytes, format: str) -> None:
    """The beginning of the file tells Parquet; otherwise the ending, and without one the beginning again."""
    (tmp_path / name).write_bytes(content)

    assert format == find_format(tmp_path / name)


@pytest.mark.parametrize(("content", "plain"), [
    (b"a\nb\n", True), (b"a\nb", True), (b"a\nb\n\n\n", True), (b"a\r\nb\r\n\r\n", True), (b"a\n\nb\n", False),
    (b"a\r\n\r\nb", False), (b"a\r\rb", False), (b"a word\0b", False), ("\ufeffa\n".encode(), True),
    (b"a\n" * 3_000_000 + b"\nb\n", False), (b"a\n" * 3_000_000, True),
])
def test_plain_files(tmp_path: Path, content: bytes, plain: bool) -> None:
    """Files whose lines are surely rows are told from those with blank lines between rows or NUL."""
    (tmp_path / "t.csv").write_bytes(content)

    assert plain == scan_text(tmp_path / "t.csv").plain


def test_an_endless_line(tmp_path: Path) -> None:
    """A line of more than 64 MB is refused before it is in memory."""
    with (tmp_path / "t.csv").open("wb") as file:
        file.write(b"a,b\n")
        for _ in range(70):
            file.write(b"x" * (1 << 20))

    with pytest.raises(InputError, match="line 2: a line of more than 64 MB"):
        scan_text(tmp_path / "t.csv")


def test_hashes(tmp_path: Path) -> None:
    """The hash of a file and of an image are those of their bytes."""
    (tmp_path / "a").write_bytes(b"")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    assert (empty, "sha256:" + empty, "") == (
        sha256_of(tmp_path / "a"), image_hash("a", tmp_path), image_hash("", tmp_path)
    )
    assert "sha256:" + empty == image_hash("data:,", tmp_path)


def test_the_chinese_fixture(tmp_path: Path) -> None:
    """The four Chinese files come in whole, each on top of the ones before."""
    folder = Path(__file__).parent.parent / "fixtures" / "zh"
    known = Known()
    counts = {}
    for kind in ("contexts", "cards", "scenarios", "votes"):
        prepared = prepare(folder / f"{kind}.csv", known=known, pseudonym=pseudonym, strict=kind == "votes")
        counts[kind] = len(prepared.rejects)
        tables = {"contexts": known.contexts, "cards": known.cards, "scenarios": known.scenarios}
        if kind in tables:
            tables[kind] = prepared.tables[kind].select(tables[kind].column_names)
            known = Known(**tables)

    assert {"contexts": 0, "cards": 0, "scenarios": 0, "votes": 0} == counts
    assert (prepared.read, [], []) == (len(answers(prepared)), prepared.new_cards, prepared.new_contexts)
