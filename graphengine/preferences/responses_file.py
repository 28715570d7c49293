"""Responses, orderings and ratings made elsewhere: a file in, checked rows and rejects out."""

from __future__ import annotations

import csv
import difflib
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

ROWS = pa.schema([
    ("row", pa.int64()),
    ("prompt_id", pa.string()),
    ("response_id", pa.string()),
    ("response", pa.string()),
    ("score", pa.float64()),
    ("rater", pa.string()),
    ("card_id", pa.string()),
])
"""Rows of a file of responses. `score` is the rater's, or the rank turned round (higher is better), or null."""

COLUMNS = ("prompt_id", "response_id", "response", "rank", "score", "rater", "card_id")
_NEEDED = ("prompt_id", "response_id")
_FAULT = "\0"  # the name under which a row that is none carries its Reject


@dataclass(frozen=True)
class Reject:
    """A row that was not taken.

    Attributes:
        row: Number of the row; in a CSV file as a spreadsheet counts them, the header is row 1.
        column: Where the fault is.
        value: What is there.
        reason: What is wrong with it, and what would be right.
    """

    row: int
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        value = self.value if len(self.value) <= 40 else self.value[:39] + "…"
        return f"row {self.row}, {self.column} {value!r}: {self.reason}"


def read_responses(
    path: str | os.PathLike[str], known: Callable[[str, str], str | None] | None = None
) -> tuple[pa.Table, list[Reject]]:
    """Read responses, and what people or programs said of them.

    Columns: `prompt_id` (the id of a scenario or a context, or the text of a context), `response_id`, `response` (may
    be empty where the same id has a text in another row), `rank` (1 is the best) or `score` (more is better), `rater`
    (empty: one rater), `card_id` (the values card that the response was written for). Other columns are ignored.

    Args:
        path: CSV, JSONL or Parquet, by the name's ending.
        known: The text of a response by `prompt_id` and `response_id`, for rows without one; None: not known.

    Returns:
        `ROWS`, with the text of a response in each of its rows; and the rows that were not taken.

    Raises:
        InputError: If the file can't be read, lacks a column, or no row is good.
    """
    path = Path(path)
    names, rows = _open(path)
    _check_columns(path, names, () if known else ("response",))
    taken: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    texts: dict[tuple[str, str], str] = {}
    given: set[tuple[str, str, str]] = set()
    for number, row in rows:
        made = _row(number, row, texts, given)
        if isinstance(made, Reject):
            rejects.append(made)
        else:
            taken.append(made)
    good: list[dict[str, Any]] = []
    for row in taken:
        key = row["prompt_id"], row["response_id"]
        text = texts.get(key) or (known and known(*key))
        if not text:
            rejects.append(Reject(row["row"], "response", "", "this response has a text in no row; give one"))
        else:
            good.append({**row, "response": text})
    rejects.sort(key=lambda each: each.row)
    if not good:
        why = f"; the first: {rejects[0]}" if rejects else ""
        raise InputError(
            f"{path} has no row that can be used{why}", hint=f"columns: {', '.join(COLUMNS)}", file=path
        )
    return pa.Table.from_pylist(good, schema=ROWS), rejects


def _row(
    number: int, row: Mapping[str, Any], texts: dict[tuple[str, str], str], given: set[tuple[str, str, str]]
) -> dict[str, Any] | Reject:
    from graphengine.models.requests import LONGEST, readable

    if isinstance(row.get(_FAULT), Reject):
        return row[_FAULT]
    cells = {name: _text(row.get(name)) for name in COLUMNS}
    for name in _NEEDED:
        if not cells[name]:
            return Reject(number, name, "", "it is empty; give an id")
    if cells["rank"] and cells["score"]:
        return Reject(number, "rank", cells["rank"], "there is a score too; give one of the two")
    score = None
    for name in ("rank", "score"):
        if cells[name]:
            score = _number(cells[name])
            if score is None or (name == "rank" and score < 1):
                wanted = "a number from 1 on" if name == "rank" else "a number"
                return Reject(number, name, cells[name], f"it is no {name}: {wanted}")
            score = -score if name == "rank" else score
    if len(cells["response"]) > LONGEST:
        return Reject(number, "response", cells["response"], f"it is longer than {LONGEST:,} characters")
    key = (cells["prompt_id"], cells["response_id"])
    text = readable(cells["response"])
    if text and texts.setdefault(key, text) != text:
        return Reject(number, "response", text, f"the response {key[1]!r} has another text in an earlier row")
    if (*key, cells["rater"]) in given:
        return Reject(number, "rater", cells["rater"], f"this rater has an earlier row for the response {key[1]!r}")
    given.add((*key, cells["rater"]))
    return {
        "row": number, "prompt_id": key[0], "response_id": key[1], "score": score, "rater": cells["rater"],
        "card_id": cells["card_id"] or None,
    }


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # an id that a program took for a number
    return str(value).strip()


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _check_columns(path: Path, names: list[str], more: tuple[str, ...]) -> None:
    for name in (*_NEEDED, *more):
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            raise InputError(
                f"{path} has no column {name}" + (f", but {near[0]}" if near else ""),
                hint=f"columns: {', '.join(COLUMNS)}", file=path, column=name,
            )


def _open(path: Path) -> tuple[list[str], Iterator[tuple[int, Mapping[str, Any]]]]:
    """The columns and the numbered rows of a file."""
    try:
        if path.suffix in (".jsonl", ".ndjson"):
            rows = list(_json_lines(path))
            return list(dict.fromkeys(name for _, row in rows for name in row)), iter(rows)
        if path.suffix == ".parquet":
            from pyarrow import parquet

            table = parquet.read_table(path)
            return table.column_names, enumerate(table.to_pylist(), 1)
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8", hint="save it as UTF-8", file=path) from error
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} can't be read: {error}", hint="give CSV, JSONL or Parquet", file=path) from error
    read = csv.reader(io.StringIO(text, newline=""))
    try:
        header, *rows = [*read] or [[]]
    except csv.Error as error:
        raise InputError(f"{path}, line {read.line_num}: {error}", hint="see its quotes", file=path) from error
    # A blank line is no row, but a spreadsheet counts it.
    return header, ((number, _csv_row(number, header, cells)) for number, cells in enumerate(rows, 2) if cells)


def _csv_row(number: int, header: list[str], cells: list[str]) -> dict[str, Any]:
    if more := cells[len(header):]:
        return {_FAULT: Reject(number, "the row", ", ".join(more), "it has more cells than the header")}
    return dict(zip(header, cells, strict=False))


def _json_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open(encoding="utf-8-sig") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except ValueError:
                    row = None
                if isinstance(row, dict):
                    yield number, row
                else:
                    yield number, {_FAULT: Reject(number, "the line", line.strip(), "it is not a JSON object")}
