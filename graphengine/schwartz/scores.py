"""Tables of scores: a number from -1 to 1 for each answer and value."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError
from graphengine.schwartz.names import did_you_mean
from graphengine.schwartz.system import ValueSystem, load_system

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa

_SLACK = 1e-6  # numbers that were rounded, or came through 32 bits


@dataclass(frozen=True)
class Scores:
    """What an evaluator said of some answers.

    Attributes:
        matrix: Scores, (answers, values), in the order of the system.
        system: The system of values.
        ids: A name for each answer.

    Example:
        >>> import numpy as np
        >>> Scores(np.array([[0.5, 0.0, 1.0]]), load_system("hhh"), ("a",)).profile.tolist()
        [0.5, 0.0, 1.0]
    """

    matrix: np.ndarray
    system: ValueSystem
    ids: tuple[str, ...]

    @property
    def profile(self) -> np.ndarray:
        """The mean score of each value."""
        return self.matrix.mean(axis=0)

    def as_table(self) -> pa.Table:
        """`id` and a column for each value."""
        import pyarrow as pa

        columns = {name: self.matrix[:, place] for place, name in enumerate(self.system.ids)}
        return pa.table({"id": list(self.ids), **columns})


def checked(matrix: Any, system: ValueSystem, where: str, names: Sequence[str] | None = None) -> np.ndarray:
    """Scores as an array of the right shape and range.

    Args:
        matrix: (answers, values).
        system: The system of values.
        where: Whose scores they are, for errors.
        names: What an answer is called in errors; by default its number from 1.

    Raises:
        InputError: If the shape is wrong, or a score is missing, not finite, or out of [-1, 1].
    """
    import numpy as np

    try:
        made = np.asarray(matrix, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: not every answer has {len(system)} numbers", hint=_order(system)) from error
    if made.ndim != 2 or made.shape[1] != len(system):
        shape = f"{made.shape[1]} numbers" if made.ndim == 2 else f"the shape {made.shape}"
        raise InputError(f"{where}: an answer has {shape}, and {system.name} has {len(system)} values",
                         hint=_order(system), value=list(made.shape))
    wrong = ~(np.abs(made) <= 1 + _SLACK)  # NaN is wrong, too
    if wrong.any():
        row, place = np.argwhere(wrong)[0].tolist()
        name = names[row] if names else f"answer {row + 1}"
        raise InputError(f"{where}, {name}: the score of {system.ids[place]} is {made[row, place]:g}",
                         hint="scores are finite and from -1 (opposed) to 1 (aligned)", row=row + 1,
                         column=system.ids[place], value=float(made[row, place]))
    return np.clip(made, -1, 1)


def _order(system: ValueSystem) -> str:
    return f"{len(system)} numbers in this order: {', '.join(system.ids)}"


def read_scores(path: str | Path, system: str | ValueSystem = "schwartz-10") -> Scores:
    """Read a table of scores: CSV, JSONL or Parquet by its ending.

    A column for each value (by id, short name or name), or one column `scores` with a list in the order of the system;
    `id` or `row` names an answer. Other columns are ignored.

    Raises:
        InputError: If the file can't be read, a value has no column, or a score is missing or out of range.
    """
    path = Path(path)
    space = load_system(system) if isinstance(system, str) else system
    names, rows = open_table(path)
    if not rows:
        raise InputError(f"{path} has no rows", hint="each row is an answer", file=path)
    called = next((name for name in ("id", "row") if name in names), None)
    ids = tuple(str(row.get(called)) if called else str(number) for number, row in enumerate(rows, 1))
    where = [f"row {number}" + (f" ({each})" if called else "") for number, each in enumerate(ids, 1)]
    if "scores" in names:
        lists = [row.get("scores") for row in rows]
        for each, place in zip(lists, where, strict=True):
            if not isinstance(each, list) or len(each) != len(space):
                found = f"{len(each)} numbers" if isinstance(each, list) else "no list"
                raise InputError(f"{path}, {place}: `scores` has {found}", hint=_order(space), file=path)
        matrix = [[_number(number) for number in each] for each in lists if isinstance(each, list)]
    else:
        columns: list[str | None] = [None] * len(space)
        for name in names:
            if space.has(name):
                place = space.place(name)
                if columns[place] is not None:
                    raise InputError(f"{path}: {columns[place]!r} and {name!r} are both {space.ids[place]}",
                                     hint="leave one of them out", file=path, column=name)
                columns[place] = name
        for value, column in zip(space.ids, columns, strict=True):
            if column is None:
                raise InputError(f"{path} has no column for {value}", hint=did_you_mean(value, names), file=path,
                                 column=value)
        matrix = [[_number(row.get(name)) for name in columns if name is not None] for row in rows]
    return Scores(checked(matrix, space, str(path), where), space, ids)


def _number(cell: Any) -> float:
    """The number of a cell; NaN where there is none, which `checked` refuses with the row."""
    try:
        return float(cell)
    except (TypeError, ValueError):
        return float("nan")


def open_table(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    """The columns and rows of a file: CSV, JSONL or Parquet by its ending.

    Raises:
        InputError: If it can't be read; with the line.
    """
    hint = "give CSV, JSONL or Parquet"
    try:
        if path.suffix == ".parquet":
            import pyarrow as pa
            from pyarrow import parquet

            try:
                table = parquet.read_table(path)
            except pa.ArrowException as error:
                raise InputError(f"{path} is no Parquet: {error}", hint=hint, file=path) from error
            return table.column_names, table.to_pylist()
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8", hint="save it as UTF-8", file=path) from error
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}", hint=hint, file=path) from error
    if path.suffix in (".jsonl", ".ndjson"):
        rows: list[dict[str, Any]] = []
        for number, line in enumerate(text.split("\n"), 1):
            if line.strip():
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError):
                    row = None
                if not isinstance(row, dict):
                    raise InputError(f"{path}, line {number} is not a JSON object", hint="one object a line", file=path,
                                     row=number)
                rows.append(row)
        return list(dict.fromkeys(name for row in rows for name in row)), rows
    try:
        read = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        return list(read.fieldnames or []), list(read)
    except csv.Error as error:
        raise InputError(f"{path} is no CSV: {error}", hint="see its quotes", file=path) from error
