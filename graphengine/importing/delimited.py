"""Reading CSV and TSV.

Two ways, one result. DuckDB reads clean files (a million rows in a third of a second), in strict mode. Whatever it
refuses, and whatever would make its rows and a person's rows differ (blank lines, NUL, UTF-16, several header rows),
goes through Python's `csv` row by row, so that each bad row is rejected by itself, with its number.
"""

from __future__ import annotations

import csv
import io
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from graphengine.errors import InputError
from graphengine.importing.scan import Scan, scan_text
from graphengine.importing.source import MAX_FIELD, Rows, Source, database, make_tables, unique_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DELIMITERS = ",\t;|"
_RESCANNED = 50_000_000
"""Characters read again because of open quotes before the file is given up."""

Broken = tuple[str, str, str]
"""The text of a line that can't be taken apart, the reason, and the fix."""


class _Lines:
    """Lines of a file, remembered since the last `mark`, with a way to put some back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._back: list[str] = []
        self.since: list[str] = []
        self.rescanned = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._back.pop() if self._back else next(self._lines)
        self.since.append(line)
        return line

    def put_back(self, lines: list[str]) -> None:
        self._back.extend(reversed(lines))
        self.rescanned += sum(map(len, lines))


@contextmanager
def _field_limit() -> Iterator[None]:
    before = csv.field_size_limit(MAX_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def records(path: Path, encoding: str, delimiter: str) -> Iterator[tuple[int, list[str] | Broken]]:
    """The records of a CSV file with their numbers as a spreadsheet counts them; blank lines count, but don't come.

    A record whose quotes are broken comes as `Broken`, and reading goes on at its second line: one quote that is never
    closed costs one row, not the rest of the file.

    Raises:
        InputError: If quotes are broken in so many places that this is not CSV.
    """
    with path.open(encoding=encoding, newline="") as file, _field_limit():
        lines = _Lines(file)
        reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=True)
        number = 0
        while True:
            lines.since.clear()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                first, rest = lines.since[0], lines.since[1:]
                lines.put_back(rest)
                if lines.rescanned > _RESCANNED:
                    raise InputError(
                        f"{path}: quotes are broken in so many rows that this is no {delimiter!r}-separated table",
                        hint="save it again as CSV UTF-8 from a spreadsheet", file=str(path), row=number + 1,
                    ) from error
                number += 1
                yield number, (first.rstrip("\r\n"), *_explain(error, rest))
                continue
            number += 1
            if "".join(cells).strip():
                yield number, cells


def _explain(error: csv.Error, rest: list[str]) -> tuple[str, str]:
    if "field larger" in str(error) and not rest:
        return f"a cell of more than {MAX_FIELD:,} characters", "shorten the cell"
    if rest or "unexpected end" in str(error):
        return "a quote is opened and not closed", 'close the quote, or double it ("") where it is part of a text'
    return "text stands beside a quoted cell", 'quote the whole cell, and double the quotes ("") inside it'


def split_loosely(line: str, delimiter: str) -> list[str]:
    """The cells of a broken line, as well as they can be told."""
    return line.split(delimiter) if '"' not in line or len(line) > MAX_FIELD else next(
        csv.reader([line], delimiter=delimiter), []
    )


def find_delimiter(path: Path, encoding: str, known: frozenset[str]) -> str:
    """The delimiter under which the first rows make the best table.

    Args:
        path: The file.
        encoding: Its encoding.
        known: Column names (lower case) that speak for a delimiter.
    """
    with path.open(encoding=encoding, newline="") as file:
        head = file.read(65_536)
    lines = list(io.StringIO(head, newline=""))
    if len(lines) > 1 and len(head) == 65_536:
        lines.pop()

    def score(delimiter: str) -> tuple[int, int, float]:
        with _field_limit():
            try:
                rows = [row for row in csv.reader(lines, delimiter=delimiter, skipinitialspace=True) if row]
            except csv.Error:
                rows = []
        if not rows:
            return 0, 0, 0.0
        names = sum(name.strip().lower() in known for name in rows[0])
        width = len(rows[0])
        alike = sum(len(row) == width for row in rows[:50]) / len(rows[:50])
        return names, int(width > 1 and alike > 0.5), width * alike

    # max keeps the first of equals, so the comma wins where nothing speaks for another.
    return max(DELIMITERS, key=score)


def read_delimited(path: Path, format: str, known: frozenset[str], *, careful: bool = False) -> Source:
    """Read a CSV or TSV file.

    Args:
        path: The file.
        format: `csv` or `tsv`.
        known: Column names that help to find the delimiter.
        careful: Read row by row even where DuckDB could read the file.

    Raises:
        InputError: If it is not text in a known encoding, or has no header.
    """
    scan = scan_text(path)
    delimiter = "\t" if format == "tsv" else find_delimiter(path, scan.encoding, known)
    layout, names, skip, header_row = _header(path, scan, delimiter)
    columns = unique_names(names)
    source = Source(
        path, format, columns, database(), layout=layout, delimiter=delimiter, encoding=scan.encoding
    )
    easy = scan.plain and skip == 1 and header_row == 1 and not any("\n" in name or "\r" in name for name in names)
    if careful or not (easy and _read_fast(source)):
        _read_slowly(source, header_row, skip)
    return source


def _header(path: Path, scan: Scan, delimiter: str) -> tuple[str, list[str], int, int]:
    """Layout, column names, number of header rows, and the row the names stand in."""
    first: list[tuple[int, list[str] | Broken]] = []
    for record in records(path, scan.encoding, delimiter):
        first.append(record)
        if len(first) == 3:
            break
    if not first:
        raise InputError(
            f"{path} has no rows", hint="`graphengine template` writes example files", file=str(path)
        )
    row, names = first[0]
    if isinstance(names, tuple):
        raise InputError(
            f"{path}, row {row}: the header can't be read: {names[1]}", hint=names[2], file=str(path), row=row
        )
    if len(first) == 3 and isinstance(first[2][1], list) and any('"ImportId"' in cell for cell in first[2][1]):
        return "qualtrics", names, 3, row
    lowered = {name.strip().lower() for name in names}
    if {"responseid", "status", "finished"} <= lowered:
        return "qualtrics", names, 1, row
    if names[0].strip().lower() in GOOGLE_TIMESTAMPS:
        return "google", names, 1, row
    return "", names, 1, row


GOOGLE_TIMESTAMPS = frozenset(
    {"timestamp", "zeitstempel", "horodateur", "marca temporal", "carimbo de data/hora", "informazioni cronologiche",
     "tijdstempel", "时间戳记", "時間戳記", "タイムスタンプ", "отметка времени"}
)
"""First column of a Google Forms export, in some of the languages it is written in."""


def _read_fast(source: Source) -> bool:
    """Read with DuckDB; False (and nothing read) where it refuses the file."""
    import duckdb

    if any(letter in str(source.path) for letter in "*?[]{}"):
        return False  # DuckDB would take them for a pattern, and has no way to say otherwise
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(source.columns)))
    try:
        source.con.execute(
            f"""
            CREATE TABLE lines AS FROM read_csv(
                ?, columns = {{{columns}}}, auto_detect = false, header = true, delim = ?, quote = '"', escape = '"',
                strict_mode = true, null_padding = false, ignore_errors = false, compression = 'none',
                hive_partitioning = false, max_line_size = {MAX_FIELD}
            )
            """,
            [str(source.path), source.delimiter],
        )
    except duckdb.Error:
        return False
    make_tables(source.con, len(source.columns), "broken")
    # Rows keep the file's order and none was skipped, so the number follows from the place; the header is row 1.
    source.con.execute("CREATE VIEW source AS SELECT rowid + 2 AS row, * FROM lines")
    blank = " AND ".join(f"c{i} IS NULL" for i in range(len(source.columns)))
    source.con.execute(f"DELETE FROM lines WHERE {blank}")
    return True


def _read_slowly(source: Source, header_row: int, skip: int) -> None:
    """Read row by row, setting aside what can't be read."""
    width = len(source.columns)
    make_tables(source.con, width, "source", "broken")
    rows = Rows(source.con, width)
    seen = 0
    for number, cells in records(source.path, source.encoding, source.delimiter):
        if number < header_row or (seen := seen + 1) <= skip:
            continue
        if isinstance(cells, tuple):
            text, reason, fix = cells
            rows.bad(number, split_loosely(text, source.delimiter), None, text, reason, fix)
            continue
        if len(cells) != width and (len(cells) < width or any(map(str.strip, cells[width:]))):
            rows.bad(
                number, cells, None, source.delimiter.join(cells[width:]),
                f"{len(cells)} cells, but the header has {width}",
                "add the missing cells" if len(cells) < width else "quote cells that contain the delimiter",
            )
            continue
        text = "".join(cells)
        if "\0" in text:
            place = next(i for i, cell in enumerate(cells) if "\0" in cell)
            rows.bad(
                number, cells, source.columns[place], cells[place], "the cell contains a NUL character", "remove it"
            )
            continue
        rows.good(number, cells, len(text))
    rows.flush()
