"""Numbers for cards from files: scores on a system of values, or embeddings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.errors import InputError
from graphengine.preferences.audit.probe import Features
from graphengine.schwartz.names import did_you_mean
from graphengine.schwartz.scores import open_table, read_scores
from graphengine.schwartz.system import SYSTEMS, load_system

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.schwartz.system import ValueSystem

ID, CONTEXT, EMBEDDING = "id", "context_id", "embedding"


def value_features(path: str | Path, system: str = "") -> tuple[Features, ...]:
    """Scores of cards: `id`, `context_id` where a card has other scores in each context, and a column for each value.

    Args:
        path: CSV, JSONL or Parquet.
        system: The system of values; "": the largest one that comes with graphengine of which the table has all values.

    Returns:
        The scores; scores on nineteen values also rolled up to ten.

    Raises:
        InputError: If the file can't be read, a card is there twice, or a value has no column.
    """
    path = Path(path)
    names, rows = open_table(path)
    space = load_system(system) if system else _system(path, names)
    scores = read_scores(path, space)
    keys = _keys(path, names, rows)
    made = [Features(_called(space), dict(zip(keys, scores.matrix, strict=True)))]
    if space.name == "schwartz-19":
        ten = load_system("schwartz-10")
        made.append(Features(_called(ten), dict(zip(keys, scores.matrix @ space.roll_up(ten).T, strict=True))))
    return tuple(made)


def embedding_features(path: str | Path, name: str = "embeddings") -> Features:
    """Embeddings of cards: `id`, and either a column `embedding` with a list or a column for each number.

    Raises:
        InputError: If the file can't be read, a card is there twice, or numbers are missing.
    """
    path = Path(path)
    names, rows = open_table(path)
    keys = _keys(path, names, rows)
    columns = [each for each in names if each not in (ID, CONTEXT)]
    if EMBEDDING in names:
        listed = [row.get(EMBEDDING) for row in rows]
    else:
        listed = [[row.get(column) for column in columns] for row in rows]
    length = len(listed[0]) if isinstance(listed[0], list) else 0
    for number, each in enumerate(listed, 1):
        if not isinstance(each, list) or not each or len(each) != length or not _finite(each):
            raise InputError(f"{path}, row {number}: the embedding is not a list of {length or 'some'} finite numbers",
                             hint="give a column `embedding` with lists of one length, or a column for each number",
                             file=path, row=number, column=EMBEDDING)
    return Features(name, {key: np.array(each, float) for key, each in zip(keys, listed, strict=True)})


def _finite(numbers: Sequence[Any]) -> bool:
    try:
        return bool(np.isfinite([float(each) for each in numbers]).all())
    except (TypeError, ValueError):
        return False


def _system(path: Path, names: Sequence[str]) -> ValueSystem:
    """The largest system of which a table has all values."""
    known = [load_system(name) for name in SYSTEMS]
    complete = [each for each in known if len({each.place(name) for name in names if each.has(name)}) == len(each)]
    if not complete and "scores" not in names:
        raise InputError(f"{path} has no column for each value of any system", file=path,
                         hint=f"give a column for each value of one of: {', '.join(SYSTEMS)}; or --system")
    return max(complete, key=len) if complete else load_system("schwartz-10")


def _called(space: ValueSystem) -> str:
    return f"{len(space)} values ({space.name})"


def _keys(path: Path, names: Sequence[str], rows: Sequence[dict[str, Any]]) -> list[Any]:
    if ID not in names:
        raise InputError(f"{path} has no column 'id'", hint=did_you_mean(ID, names), file=path, column=ID)
    if not rows:
        raise InputError(f"{path} has no rows", hint="each row is a card", file=path)
    keys = [(str(row.get(CONTEXT)), str(row.get(ID))) if CONTEXT in names else str(row.get(ID)) for row in rows]
    seen: set[Any] = set()
    for number, key in enumerate(keys, 1):
        if key in seen:
            card = key if isinstance(key, str) else key[1]
            raise InputError(f"{path}, row {number}: the card {card!r} is there twice", file=path, row=number,
                             hint="give each card one row, or a row for each context_id")
        seen.add(key)
    return keys
