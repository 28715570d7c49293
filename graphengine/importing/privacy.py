"""Texts that look as if they held something personal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from graphengine.importing.source import compute

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

SIGNS = {
    "an e-mail address": r"[^\s@<>()]+@[^\s@<>()]+\.[A-Za-z]{2,}",
    "a participant id (24 hexadecimal digits)": r"(^|[^0-9A-Za-z])[0-9a-fA-F]{24}($|[^0-9A-Za-z])",
    "a phone number": (
        r"(^|[^\w+])(\+\d[\d ()./-]{6,}\d|\(?0?\d{2,4}\)?[ ./-]\d{3,4}[ ./-]\d{3,5}|\d{10,15})($|[^\w-])"
    ),
}
"""What is looked for, as regular expressions that Python and DuckDB (RE2) both read."""

_SHOWN = 5


def look(texts: list[tuple[int, str]], where: str, counting: str) -> list[str]:
    """Sentences that point out texts, by row and never by value.

    Args:
        texts: Row and text.
        where: Name of the column.
        counting: What rows are, in words.

    Example:
        >>> look([(4, "write to a@example.org")], "story", "rows")
        ['story: 1 text looks like it holds an e-mail address (rows 4). Texts are stored as they are; \
remove personal data from the file first.']
    """
    notes = []
    for what, sign in SIGNS.items():
        pattern = re.compile(sign)
        notes += _note(sorted(row for row, text in texts if pattern.search(text)), what, where, counting)
    return notes


def look_in(con: duckdb.DuckDBPyConnection, column: str, texts: pa.Array, where: str, counting: str) -> list[str]:
    """The same for the distinct texts of a column of the table `long`."""
    pc = compute()
    notes = []
    for what, sign in SIGNS.items():
        found = texts.filter(pc.match_substring_regex(texts, sign)).to_pylist()
        if found:
            rows = con.execute(
                f"SELECT min(row) AS row FROM long WHERE {column} IN (SELECT unnest($texts))"
                f" GROUP BY {column} ORDER BY row",
                {"texts": found},
            ).fetchall()
            notes += _note([row for (row,) in rows], what, where, counting)
    return notes


def _note(rows: list[int], what: str, where: str, counting: str) -> list[str]:
    if not rows:
        return []
    shown = ", ".join(map(str, rows[:_SHOWN])) + (", …" if len(rows) > _SHOWN else "")
    texts = "1 text looks like it holds" if len(rows) == 1 else f"{len(rows)} texts look like they hold"
    return [
        f"{where}: {texts} {what} ({counting.split(' ', maxsplit=1)[0]} {shown}). "
        "Texts are stored as they are; remove personal data from the file first."
    ]
