"""Whatever the bytes, an import ends in tables and rejects or in an error of ours; and order never matters."""

from __future__ import annotations

import csv
import io
import random
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from graphengine.errors import GraphEngineError
from graphengine.importing import Known, Prepared, delimited, prepare, sniff
from graphengine.importing.delimited import read_delimited
from tests.importing_kit import HEADER, pseudonym

pytestmark = pytest.mark.slow

ENDINGS = ["csv", "tsv", "jsonl", "json", "parquet", "txt"]
PIECES = st.sampled_from([
    b"p1,c,a,b,wiser\n", b"p2,c,a,b,no,2024-01-01\n", b'"', b",", b"\n", b"\r", b"\r\n", b";", b"\t", b"\0", b"\xff",
    b"\xc3\xa9", b"{", b"}", b"[", b'{"participant": "p"}\n', b"\xef\xbb\xbf", b"p3,,a,a,perhaps\n", b"\\", b"'",
    b'p4,"c\nd",a,b,yes\n',
    HEADER.encode() + b"\n", b"id,title\n1,A\n", b"PAR1", b'{"values": [], "edges": []}', b"|", b" ",
])


def attempt(content: bytes, ending: str) -> Prepared | None:
    """Import bytes; nothing if they are refused with an error of ours."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"votes.{ending}")
        path.write_bytes(content)
        try:
            sniff(path)
        except GraphEngineError as error:
            assert error.hint
        try:
            return prepare(path, known=Known(), pseudonym=pseudonym)
        except GraphEngineError as error:
            assert error.hint
            return None


@settings(max_examples=60)
@given(st.one_of(st.binary(max_size=200), st.lists(PIECES, max_size=12).map(b"".join)), st.sampled_from(ENDINGS))
def test_random_bytes_never_end_in_a_traceback(content: bytes, ending: str) -> None:
    """Any bytes under any ending: tables and rejects that add up, or one of our errors with a hint."""
    prepared = attempt(content, ending)
    if prepared is not None:
        assert prepared.read >= 0


@settings(max_examples=60)
@given(st.lists(PIECES, max_size=12).map(b"".join))
def test_a_header_and_anything_adds_up(content: bytes) -> None:
    """After a good header every record is a vote, an earlier vote, a repetition or a reject."""
    prepared = attempt(HEADER.encode() + b",at\n" + content, "csv")
    if prepared is not None:
        votes = [prepared.tables[name].num_rows for name in ("votes", "votes_before") if name in prepared.tables]
        assert sum(votes) + prepared.repeated + prepared.rejects.count == prepared.read


CELLS = st.sampled_from(["p1", "p2", "", " p1", "é", 'a "b"', "x,y", "two\nlines", "甲", "c\r\nd", "a\rb", "'"])


@settings(max_examples=50)
@given(st.lists(st.lists(CELLS, min_size=3, max_size=3), max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_both_readers_see_the_same_cells(rows: list[list[str]], end: str, quoted: bool) -> None:
    """DuckDB's reader and Python's give the same rows with the same numbers for every file that csv writes."""
    text = io.StringIO()
    # Python's writer leaves a lone \r unquoted where lines end in \n; read back, that is a line end.
    quoting = csv.QUOTE_ALL if quoted or end == "\n" else csv.QUOTE_MINIMAL
    writer = csv.writer(text, lineterminator=end, quoting=quoting)
    writer.writerows([["a", "b", "c"], *rows])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "t.csv")
        path.write_text(text.getvalue(), encoding="utf-8", newline="")
        fast = read_delimited(path, "csv", frozenset())
        slow = read_delimited(path, "csv", frozenset(), careful=True)

    wanted = [(i, *map(str.strip, row)) for i, row in enumerate(rows, start=2) if any(map(str.strip, row))]
    for source in (fast, slow):
        found = source.con.execute("FROM source ORDER BY row").fetchall()
        # White space around cells is trimmed by all that follows; the readers differ before opening quotes.
        assert wanted == [(row, *((cell or "").strip() for cell in cells)) for row, *cells in found]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["p1", "p2", "p3", ""]), st.sampled_from(["c", "d", ""]), st.sampled_from(["a", "b"]),
        st.sampled_from(["a", "b", "e"]), st.sampled_from(["wiser", "no", "unsure", "perhaps"]),
        st.sampled_from(["", "1", "2", "2024-01-01", "never"]), st.sampled_from(["", "s1", "s2"]),
        st.sampled_from(["", "x", "y"]),
    ),
    max_size=30,
)


@settings(max_examples=40)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows: list[tuple[str, ...]], shuffle: random.Random) -> None:
    """The same rows in another order give the same tables, and reject the same rows."""
    def run(lines: list[tuple[str, ...]]) -> Prepared:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "votes.csv")
            path.write_text("\n".join([HEADER + ",at,story,age", *map(",".join, lines), ""]), encoding="utf-8")
            return prepare(path, known=Known(), pseudonym=pseudonym, groups=["age"])

    other = list(rows)
    shuffle.shuffle(other)
    one, two = run(rows), run(other)

    assert one.tables == two.tables
    assert (one.read, one.repeated, one.rejects.count) == (two.read, two.repeated, two.rejects.count)
    cells = [prepared.rejects.table.select(range(8)).to_pylist() for prepared in (one, two)]
    assert sorted(map(str, cells[0])) == sorted(map(str, cells[1]))


@settings(max_examples=40)
@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=6))
def test_any_text_is_an_id(texts: list[str]) -> None:
    """Any Unicode text that survives trimming and holds no NUL comes through CSV unchanged as a card id."""
    wanted = sorted({text.strip() for text in texts if text.strip() and "\0" not in text} - {"to"})
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerows([HEADER.split(","), *(["p", "c", each, "to", "no"] for each in wanted)])
    prepared = attempt(text.getvalue().encode("utf-8"), "csv")

    assert prepared is not None
    assert (sorted([*wanted, "to"]) if wanted else []) == prepared.new_cards


def test_the_fast_reader_is_used_for_clean_files() -> None:
    """A clean file goes through DuckDB's reader (which leaves the table `lines`), a file with a blank line does not."""
    tables = []
    for content in (f"{HEADER}\np,c,a,b,no\n", f"{HEADER}\n\np,c,a,b,no\n"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "votes.csv")
            path.write_text(content, encoding="utf-8")
            source = delimited.read_delimited(path, "csv", frozenset())
            tables.append({name for (name,) in source.con.execute("SELECT table_name FROM duckdb_tables()").fetchall()})

    assert [True, False] == ["lines" in each for each in tables]
