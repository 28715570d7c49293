"""The files of votes: which there are, and which of their columns is what."""

from __future__ import annotations

import glob
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from graphengine.errors import InputError
from graphengine.importing import times
from graphengine.importing.mapping import closest, column_key
from graphengine.scale.database import Room, database, listed

if TYPE_CHECKING:
    from collections.abc import Iterable

    import duckdb

_NAMES = {
    "participant": ("participant", "user"), "context": ("context",), "from_value": ("from_value",),
    "to_value": ("to_value",), "answer": ("answer",), "at": ("at",),
}
_SUFFIXES = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "csv", ".csv.gz": "csv", ".tsv.gz": "csv"}

WHITE = "".join(chr(code) for code in range(0x3001) if chr(code).isspace())


@dataclass(frozen=True)
class Votes:
    """Some files of one form.

    Attributes:
        kind: "parquet" or "csv".
        paths: The files.
        columns: SQL expression (text) for each field that the files have; `at` is milliseconds UTC, and `at_given`
            the text that it was read from.
    """

    kind: str
    paths: tuple[str, ...]
    columns: dict[str, str]

    @property
    def relation(self) -> str:
        """The files as a table of SQL."""
        return _relation(self.kind, self.paths)


def find(patterns: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The files that patterns name, sorted, by kind.

    Raises:
        InputError: If a pattern names no file, or a file that is neither Parquet nor CSV.

    Example:
        >>> find(["nowhere/*.parquet"])
        Traceback (most recent call last):
        graphengine.errors.InputError: no file nowhere/*.parquet
    """
    found: dict[str, set[str]] = {}
    for pattern in patterns:
        paths = [pattern] if Path(pattern).exists() else sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
        if not paths:
            raise InputError(f"no file {pattern}", hint="name files, or a pattern in quotes: 'votes/*.parquet'",
                             file=pattern)
        for path in paths:
            if Path(path).is_dir():
                raise InputError(f"{path} is a folder", hint=f"name its files: '{path}/*.parquet'", file=path)
            kind = next((kind for suffix, kind in _SUFFIXES.items() if path.lower().endswith(suffix)), None)
            if kind is None:
                hint = f"its name must end in one of: {', '.join(_SUFFIXES)}"
                raise InputError(f"{path} is neither Parquet nor CSV", hint=hint, file=path)
            found.setdefault(kind, set()).add(str(Path(path).absolute()))
    return {kind: tuple(sorted(paths)) for kind, paths in sorted(found.items())}


def described(kind: str, paths: tuple[str, ...], room: Room, *, distinct: bool) -> Votes:
    """Files with their columns found: by name, without regard to case, spaces and hyphens.

    Args:
        kind: "parquet" or "csv".
        paths: The files.
        room: What may be used.
        distinct: Are participants and times wanted?

    Raises:
        InputError: If a column is missing, or a file can't be read.
    """
    with database(room) as con:
        there = {name: kind for name, kind, *_ in con.execute(f"DESCRIBE FROM {_relation(kind, paths)}").fetchall()}
    by_key = {column_key(name): name for name in reversed(there)}
    columns = {}
    for field, names in _NAMES.items():
        if field in ("participant", "at") and not distinct:
            continue  # a column that is not read costs nothing
        name = next((by_key[each] for each in names if each in by_key), None)
        if name is not None:
            columns |= _expressions(field, name, there[name])
        elif field != "at":
            raise InputError(
                f'{paths[0]} has no column "{names[0]}"{closest(names[0], there)}', file=paths[0], column=names[0],
                hint="the columns are: context, from_value, to_value, answer; with --distinct participant too",
            )
    return Votes(kind, paths, columns)


def rows(con: duckdb.DuckDBPyConnection, votes: Votes) -> int:
    """About how many rows the files have: as Parquet says, or a guess from the size of CSV."""
    if votes.kind == "csv":
        return sum(Path(path).stat().st_size for path in votes.paths) // 10
    found = con.execute(f"SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata({listed(votes.paths)})").fetchone()
    return int(found[0]) if found else 0


def parts(votes: Votes, number: int) -> list[Votes]:
    """The files in at most so many parts of like size in bytes."""
    shares: list[list[str]] = [[] for _ in range(min(number, len(votes.paths)))]
    sizes = [0] * len(shares)
    for path in sorted(votes.paths, key=lambda path: (-Path(path).stat().st_size, path)):
        least = sizes.index(min(sizes))
        shares[least].append(path)
        sizes[least] += Path(path).stat().st_size
    return [Votes(votes.kind, tuple(sorted(share)), votes.columns) for share in shares]


def _relation(kind: str, paths: tuple[str, ...]) -> str:
    if kind == "parquet":
        return f"read_parquet({listed(paths)})"
    return f"read_csv({listed(paths)}, header = true, all_varchar = true)"


def _expressions(field: str, name: str, kind: str) -> dict[str, str]:
    column = '"' + name.replace('"', '""') + '"'
    text = column if kind == "VARCHAR" else f"{column}::VARCHAR"
    if field != "at":
        return {field: text}
    is_time = kind.startswith(("TIMESTAMP", "DATE"))
    return {"at": f"epoch_ms({column}::TIMESTAMP)" if is_time else times.at_sql(text), "at_given": text}
