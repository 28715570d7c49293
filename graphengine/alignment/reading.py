"""Tables of utilities from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from graphengine.errors import InputError
from graphengine.schwartz.scores import open_table

_ENDINGS = (".csv", ".jsonl", ".ndjson", ".parquet")


def read_utilities(path: str | Path) -> pa.Table:
    """A table from CSV, JSONL or Parquet, by the ending of its name; CSV keeps all cells as text.

    Raises:
        InputError: If the file can't be read, or is none of these.
    """
    path = Path(path)
    hint = "give CSV, JSONL or Parquet with the columns id and utility"
    if path.suffix not in _ENDINGS:
        raise InputError(f"{path} is no table that can be read", hint=hint, file=path)
    names, rows = open_table(path)
    if path.suffix == ".csv":
        for number, row in enumerate(rows, 1):
            if set(row) != set(names) or None in row.values():
                raise InputError(f"{path}, row {number}: not as many cells as there are columns",
                                 hint="see its commas and quotes", file=path, row=number)
    try:
        return pa.table({name: _alike([row.get(name) for row in rows]) for name in names})
    except pa.ArrowException as error:
        raise InputError(f"{path}: the values of a column are not alike: {error}", hint=hint, file=path) from error


def _alike(cells: list[Any]) -> list[Any]:
    """Cells of which some are texts and some numbers, as texts: 7 and "7" are the same id."""
    kinds = {type(cell) for cell in cells if cell is not None}
    mixed = str in kinds and kinds & {int, float} and kinds <= {str, int, float}
    return [None if cell is None else str(cell) for cell in cells] if mixed else cells
