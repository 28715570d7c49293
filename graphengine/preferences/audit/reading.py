"""The splits of a dataset folder, straight from its files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError
from graphengine.preferences.folder import MANIFEST, sha256
from graphengine.preferences.splits import SPLITS

if TYPE_CHECKING:
    import pyarrow as pa

_ENDINGS = ("parquet", "jsonl")
_HINT = "give a folder that was written by: graphengine export preferences"


def read_splits(folder: str | Path, kind: str) -> dict[str, pa.Table]:
    """The tables of one kind by split: train, validation, test, then others by name.

    Raises:
        InputError: If the folder, the kind or a column is missing, or a file can't be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder", hint=_HINT, file=folder)
    files = {path.stem: path for path in _files(folder, kind)}
    if not files:
        kinds = sorted({path.parent.name for path in _files(folder, "*")})
        hint = f"kinds there: {', '.join(kinds)} (--kind)" if kinds else _HINT
        raise InputError(f"{folder} has no rows of the kind {kind}", hint=hint, file=folder, value=kind)
    order = [*(name for name in SPLITS if name in files), *(name for name in files if name not in SPLITS)]
    tables = {}
    for name in order:
        tables[name] = _read(files[name])
        missing = [column for column in ("prompt", "chosen", "rejected") if column not in tables[name].column_names]
        if missing:
            raise InputError(
                f"{files[name]} has no column {missing[0]}", hint="an audit needs pairs: prompt, chosen, rejected",
                file=files[name], column=missing[0],
            )
    return tables


def _files(folder: Path, kind: str) -> list[Path]:
    return sorted(path for ending in _ENDINGS for path in folder.glob(f"{kind}/*.{ending}"))


def _read(file: Path) -> pa.Table:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        if file.suffix == ".parquet":
            return parquet.ParquetFile(file).read()
        lines = file.read_text(encoding="utf-8").split("\n")  # not splitlines: a text may hold other ends of lines
        return pa.Table.from_pylist([json.loads(line) for line in lines if line])
    except (pa.ArrowException, ValueError, AttributeError) as error:
        raise InputError(f"{file} can't be read: {error}", hint="export the dataset again", file=file) from error


def changed_files(folder: str | Path, kind: str) -> tuple[str, ...]:
    """Files of a kind that are not what the manifest says, or that it does not know; none where there is no manifest.

    Raises:
        InputError: If the manifest can't be read.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).exists():
        return ()
    try:
        files: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        told = {name: each["sha256"] if isinstance(each, dict) else each for name, each in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{folder / MANIFEST} is no manifest of a dataset", hint="export the dataset again", file=folder / MANIFEST
        ) from error
    there = {path.relative_to(folder).as_posix() for path in _files(folder, kind)}
    named = {name for name in told if name.startswith(f"{kind}/")}
    return tuple(
        name for name in sorted(there | named) if name not in there or told.get(name) != sha256(folder / name)
    )
