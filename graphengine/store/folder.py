"""The files of an embedded graph's folder: which graph it is, and what its projection was like at the last close."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from graphengine.errors import StoreDamagedError, StoreError, StoreNewerError
from graphengine.store.base import Identity
from graphengine.store.journal import fsync

if TYPE_CHECKING:
    from pathlib import Path

FORMAT = 1


def check_place(folder: Path, create: bool) -> None:
    """Refuse a place where no graph is and none can be made.

    Raises:
        StoreError: If it is a file, holds something else, or nothing and `create` is not given.
        StoreDamagedError: If a journal is there without the record of its graph.
    """
    if folder.exists() and not folder.is_dir():
        raise StoreError(f"{folder} is a file, not a graph's folder", hint="name another place: --graph FOLDER")
    if folder.is_dir() and any((folder / "journal").glob("*")):
        raise StoreDamagedError(
            f"{folder / 'graph.json'} is missing, but the journal beside it is there", file=str(folder / "graph.json"),
            hint="put it back from a backup of yours: it holds the id of the graph",
        )
    born = {"lock", "key", "journal"}  # a crash may have come while the graph was made
    if folder.is_dir() and any(child.name not in born and child.suffix != ".tmp" for child in folder.iterdir()):
        raise StoreError(
            f"{folder} holds files that are not a graph of graphengine", hint="name another place: --graph FOLDER"
        )
    if not create:
        raise StoreError(
            f"there is no graph at {folder}", hint="make one: graphengine import votes.csv, or graphengine demo"
        )


def write_identity(folder: Path, identity: Identity) -> None:
    """Write graph.json."""
    record = {"format": FORMAT, "graph_id": identity.graph_id, "key_fingerprint": identity.key_fingerprint}
    _write_json(folder / "graph.json", record)


def read_identity(folder: Path) -> Identity:
    """Read graph.json.

    Raises:
        StoreNewerError: If a newer version made the folder.
        StoreDamagedError: If it can't be read.
    """
    path = folder / "graph.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        found = int(record["format"])
        if found > FORMAT:
            raise StoreNewerError(
                f"{folder} was made by a newer version of graphengine (format {found}; this version reads {FORMAT})",
                hint="pip install --upgrade graphengine", found=found, supported=FORMAT,
            )
        return Identity(record["graph_id"], record["key_fingerprint"])
    except (OSError, ValueError, KeyError, TypeError):
        raise StoreDamagedError(
            f"{path} is damaged", file=str(path),
            hint="put it back from a backup of yours: it holds the id of the graph",
        ) from None


def remove_database(path: Path) -> None:
    """Remove a database file and what lies beside it under the same name."""
    for file in path.parent.glob(path.name + "*"):
        file.unlink()


_NOTED = {"size": int, "mtime_ns": int, "sha256": str, "wal_sha256": str, "part": int}


def remember(path: Path, note: Path, part: int) -> None:
    """Note what graph.lbug looks like at a clean close: the engine does not notice damage inside it."""
    stat = path.stat()
    record = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": _digest(path),
              "wal_sha256": _digest(wal(path)), "part": part}
    _write_json(note, record)


def noted(note: Path) -> dict[str, Any]:
    """What was noted; impossible values where nothing was."""
    nothing = {"size": -1, "mtime_ns": -1, "sha256": "", "wal_sha256": "", "part": 0}
    try:
        record = json.loads(note.read_text(encoding="utf-8"))
        return record if {key: type(value) for key, value in record.items()} == _NOTED else nothing
    except (OSError, ValueError, AttributeError):
        return nothing


def as_closed(path: Path, note: Path) -> bool:
    """Whether graph.lbug is the file that was closed; true also after a crash, when nothing was noted."""
    if not note.exists():
        return True
    record, stat = noted(note), path.stat()
    if stat.st_size != record["size"] or _digest(wal(path)) != record["wal_sha256"]:
        return False
    return stat.st_mtime_ns == record["mtime_ns"] or _digest(path) == record["sha256"]


def _write_json(path: Path, value: dict[str, Any]) -> None:
    draft = path.with_name(path.name + ".tmp")
    draft.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
    fsync(draft)
    draft.replace(path)
    fsync(path.parent)


def wal(path: Path) -> Path:
    """Where the engine keeps what it has not yet written into graph.lbug itself."""
    return path.with_name(path.name + ".wal")


def _digest(path: Path) -> str:
    if not path.exists():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
