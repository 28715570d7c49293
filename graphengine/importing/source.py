"""A file as one DuckDB table of text, whatever format it came in.

Readers fill three tables of one in-memory database:

- `source(row, c0, c1, …)`: rows that could be read. Cells are text or null (blank), without NUL, and no longer than
  `MAX_FIELD` characters. `row` is the number a person sees.
- `broken(row, c0, c1, …)`: rows that could not, as far as they could be taken apart.
- `problems(row, asked, col, value, reason, fix)`: what is wrong, with these and with rows found bad later; `asked`
  tells answers of one row of a wide survey apart.

Columns go by number, so that no name in a file ever becomes part of an SQL text.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.importing.rejects import OWN, REPORT, Rejects

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

MAX_FIELD = 1_000_000
"""Longest cell, in characters; a row with a longer one is rejected."""

SHEET_ROWS = "rows as a spreadsheet counts them; the header is row 1"


@dataclass
class Source:
    """A file that has been read.

    Attributes:
        path: The file.
        format: `csv`, `tsv`, `jsonl`, `json` or `parquet`.
        columns: Its column names, made unique; column number i is `c{i}` in the tables.
        con: The database that holds the tables of the module's docstring.
        counting: What `row` counts, in words.
        layout: `qualtrics`, `google` or nothing.
        notes: Sentences for the report.
        delimiter: Of a CSV or TSV file.
        encoding: Of a CSV or TSV file.
    """

    path: Path
    format: str
    columns: tuple[str, ...]
    con: duckdb.DuckDBPyConnection
    counting: str = SHEET_ROWS
    layout: str = ""
    notes: list[str] = field(default_factory=list)
    delimiter: str = ""
    encoding: str = ""
    _pending: list[tuple[int, int, str | None, str, str, str]] = field(default_factory=list)

    def cell(self, column: str | None) -> str:
        """The SQL name of a column, or `NULL` for none."""
        return "NULL::VARCHAR" if column is None else f"c{self.columns.index(column)}"

    def own_columns(self) -> list[str]:
        """The columns that are the file's, not those of a rejects report."""
        return [name for name in self.columns if not name.startswith(OWN)]

    def rows(self, columns: dict[str, str]) -> list[dict[str, Any]]:
        """All readable rows as dictionaries of trimmed text, blank cells as "".

        Args:
            columns: Column of the file for each name wanted.

        Returns:
            Dictionaries with `row` and the names of `columns`.
        """
        cells = ", ".join(f"coalesce({self.cell(column)}, '')" for column in columns.values())
        found = self.con.execute(f"SELECT row, {cells} FROM source ORDER BY row").fetchall()
        return [
            {"row": row, **dict(zip(columns, (value.strip() for value in values), strict=True))}
            for row, *values in found
        ]

    def count(self, table: str = "source") -> int:
        """Number of rows of a table."""
        return one(self.con, f"SELECT count(*) FROM {table}")

    def reject(self, row: int, column: str | None, value: str, reason: str, fix: str) -> None:
        """Set a row of `source` aside."""
        self._pending.append((row, 0, column, shorten(value), reason, fix))

    def rejects(self) -> Rejects:
        """All rows with a problem, with their original cells."""
        insert_problems(self.con, self._pending)
        kept = [(i, name) for i, name in enumerate(self.columns) if not name.startswith(OWN)]
        empty = Rejects.none(tuple(name for _, name in kept))
        count = one(self.con, "SELECT count(*) FROM (SELECT DISTINCT row, asked FROM problems)")
        if not count:
            return Rejects(empty.table, 0, self.counting)
        cells = "".join(f"s.c{i}, " for i, _ in kept)
        table = self.con.sql(
            f"""
            WITH faults AS (SELECT DISTINCT row, asked, col, value, reason, fix FROM problems),
            lines AS (
                SELECT row,
                    string_agg(DISTINCT col, '; ' ORDER BY col) AS cols,
                    string_agg(DISTINCT value, '; ' ORDER BY value) AS value,
                    string_agg(DISTINCT reason, '; ' ORDER BY reason) AS reason,
                    string_agg(DISTINCT fix, '; ' ORDER BY fix) AS fix
                FROM faults GROUP BY row
            )
            SELECT {cells} lines.row, lines.cols, lines.value, lines.reason, lines.fix
            FROM lines JOIN (FROM source UNION ALL FROM broken) s USING (row) ORDER BY lines.row
            """
        ).to_arrow_table()
        return Rejects(table.rename_columns([name for _, name in kept] + list(REPORT)), count, self.counting)


def database() -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB that reads nothing but what it is told to."""
    import duckdb

    con = duckdb.connect(
        ":memory:", config={"temp_directory": _scratch(), "autoinstall_known_extensions": "false"}
    )
    con.execute("SET python_enable_replacements = false")
    con.execute("SET TimeZone = 'UTC'")
    return con


@cache
def _scratch() -> str:
    """A folder of the user's own for what does not fit into memory: it holds raw participant ids."""
    folder = tempfile.mkdtemp(prefix="graphengine-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def compute() -> Any:
    """`pyarrow.compute`; its functions are made at run time, so no type checker knows them."""
    return import_module("pyarrow.compute")


def one(con: duckdb.DuckDBPyConnection, query: str) -> Any:
    """The only value of a query's only row."""
    # fetchall, not fetchone: a result that is not read to its end keeps the connection busy.
    return con.execute(query).fetchall()[0][0]


def make_tables(con: duckdb.DuckDBPyConnection, columns: int, *tables: str) -> None:
    """Make empty tables of the shape of `source`, and `problems`."""
    cells = "".join(f", c{i} VARCHAR" for i in range(columns))
    for table in tables:
        con.execute(f"CREATE TABLE {table}(row BIGINT{cells})")
    con.execute(
        "CREATE TABLE problems(row BIGINT, asked INTEGER, col VARCHAR, value VARCHAR, reason VARCHAR, fix VARCHAR)"
    )


class Rows:
    """Rows on their way into `source` and `broken`, in batches.

    Args:
        con: The database; `make_tables` has been called.
        columns: Number of columns.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, columns: int) -> None:
        self.con = con
        self.columns = columns
        self._parts: dict[str, list[tuple[int, Sequence[str | None]]]] = {"source": [], "broken": []}
        self._problems: list[tuple[int, int, str | None, str, str, str]] = []
        self._size = 0

    def good(self, row: int, cells: Sequence[str | None], size: int) -> None:
        """A row that could be read; `size` is about its number of characters."""
        self._add("source", row, cells, size)

    def bad(self, row: int, cells: Iterable[str | None], column: str | None, value: str, reason: str, fix: str) -> None:
        """A row that could not, as far as it could be taken apart."""
        shown = [cell if cell is None else shorten(cell) for cell in cells][: self.columns]
        self._add("broken", row, shown + [None] * (self.columns - len(shown)), 1000)
        self._problems.append((row, 0, column, shorten(value), reason, fix))

    def _add(self, table: str, row: int, cells: Sequence[str | None], size: int) -> None:
        part = self._parts[table]
        part.append((row, cells))
        self._size += size
        if len(part) >= 50_000 or self._size > 50_000_000:
            self.flush()

    def flush(self) -> None:
        """Write what has been gathered."""
        for table, part in self._parts.items():
            if part:
                numbers = pa.array([row for row, _ in part], pa.int64())
                cells = [pa.array([cells[i] for _, cells in part], pa.string()) for i in range(self.columns)]
                insert_rows(self.con, table, numbers, cells)
                part.clear()
        insert_problems(self.con, self._problems)
        self._size = 0


def insert(con: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Append an Arrow table to a table."""
    con.register("incoming", rows)
    con.execute(f"INSERT INTO {table} FROM incoming")
    con.unregister("incoming")


def insert_rows(
    con: duckdb.DuckDBPyConnection, table: str, numbers: pa.Array, columns: Sequence[pa.Array | pa.ChunkedArray]
) -> None:
    """Append rows to a table of the shape of `source`; blank cells become null."""
    pc = compute()
    cells = [pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column) for column in columns]
    insert(con, table, pa.Table.from_arrays([numbers, *cells], ["row", *(f"c{i}" for i in range(len(cells)))]))


def insert_problems(
    con: duckdb.DuckDBPyConnection, problems: list[tuple[int, int, str | None, str, str, str]]
) -> None:
    """Move problems (row, asked, col, value, reason, fix) into their table; the list is empty afterwards."""
    if not problems:
        return
    types = [pa.int64(), pa.int32(), *[pa.string()] * 4]
    columns = zip(*problems, strict=True)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, types, strict=True)]
    insert(con, "problems", pa.Table.from_arrays(arrays, ["row", "asked", "col", "value", "reason", "fix"]))
    problems.clear()


def shorten(text: str, limit: int = 1000) -> str:
    """The text, or its beginning and its length: a rejects file need not repeat 10 MB."""
    return text if len(text) <= limit else f"{text[:200]}… [{len(text):,} characters]"


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Column names, trimmed; a blank one is called by its place, a repeated one gets a number.

    Example:
        >>> unique_names(["a", " a", ""])
        ('a', 'a_2', 'column_3')
    """
    taken: set[str] = set()
    result = []
    for place, name in enumerate(names, start=1):
        base = name.strip() or f"column_{place}"
        candidate, number = base, 1
        while candidate in taken:
            number += 1
            candidate = f"{base}_{number}"
        taken.add(candidate)
        result.append(candidate)
    return tuple(result)
