"""Tables of utilities from files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from graphengine.errors import InputError

_HINT = "give CSV, JSONL or Parquet with the columns id and utility"


def read_utilities(path: str | Path) -> pa.Table:
    """A table from CSV, JSONL or Parquet, by the ending of its name; CSV keeps all cells as text.

    Raises:
        InputError: If the file can't be read, or is none of these.
    """
    path = Path(path)
    readers = {".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".parquet": _parquet}
    if path.suffix not in readers:
        raise InputError(f"{path} is no table that can be read", hint=_HINT, file=path)
    try:
        return readers[path.suffix](path)
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8", hint="save it as UTF-8", file=path) from error
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}", hint=_HINT, file=path) from error
    except pa.ArrowException as error:
        raise InputError(f"{path} can't be read: {error}", hint=_HINT, file=path) from error


def _parquet(path: Path) -> pa.Table:
    from pyarrow import parquet

    return parquet.ParquetFile(path).read()


def _csv(path: Path) -> pa.Table:
    text = path.read_text(encoding="utf-8-sig")
    try:
        head, *rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row] or [[]]
    except csv.Error as error:
        raise InputError(f"{path} is no CSV: {error}", hint="see its quotes", file=path) from error
    for number, row in enumerate(rows, 1):
        if len(row) != len(head):
            raise InputError(f"{path}, row {number}: {len(row)} cells, and {len(head)} columns",
                             hint="see its commas and quotes", file=path, row=number)
    return pa.table({name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(head)})


def _jsonl(path: Path) -> pa.Table:
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise InputError(f"{path}, line {number} is not a JSON object", hint="one object a line", file=path,
                             row=number)
        rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: [row.get(name) for row in rows] for name in names})
