"""Backups: the truth as neutral Parquet, the same from both engines, and the way from one to the other.

A folder with one Parquet file per table and a `manifest.json` (format, graph id, key fingerprint, content hash, rows
and sha256 of each file). Derived tables are left out: `rank` makes them again. The key of the pseudonyms is left out
too, unless asked for: whoever has both can tell who a participant was.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from graphengine import __version__
from graphengine.errors import ExportError, InputError, StoreDamagedError, StoreNewerError, WrongKeyError
from graphengine.store import pseudonyms
from graphengine.store.base import Identity
from graphengine.store.journal import fsync
from graphengine.tables import TRUTH, conform

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

    from graphengine.store.base import Store

FORMAT = 1


@dataclass(frozen=True)
class BackedUp:
    """What a backup holds."""

    path: str
    rows: dict[str, int]
    content_hash: str
    with_key: bool


def write(store: Store, out: Path, *, with_key: bool = False) -> BackedUp:
    """Write a backup into a new folder, whole or not at all.

    Raises:
        ExportError: If the folder is there already, or can't be written.
    """
    if out.exists():
        raise ExportError(f"{out} is there already", hint="name a new folder for the backup", path=str(out))
    draft = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    try:
        draft.mkdir(parents=True)
        done = _fill(store, draft, with_key=with_key)
        draft.rename(out)
        fsync(out.parent)
    except OSError as error:
        raise ExportError(
            f"can't write the backup {out}: {error.strerror or error}", hint="make room, or name another place",
            path=str(out),
        ) from None
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return replace(done, path=str(out))


def _fill(store: Store, folder: Path, *, with_key: bool) -> BackedUp:
    import pyarrow.parquet as pq

    identity = store.identity()
    files: dict[str, dict[str, Any]] = {}
    for name, spec in TRUTH.items():
        table = store.state(name).sort_by([(column, "ascending") for column in spec.key])
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
        fsync(folder / f"{name}.parquet")
        digest = hashlib.sha256((folder / f"{name}.parquet").read_bytes()).hexdigest()
        files[name] = {"rows": table.num_rows, "sha256": digest}
    if with_key:
        pseudonyms.write_key(folder / "key", store.key())
    content_hash = store.content_hash()
    manifest = {
        "format": FORMAT, "graphengine": __version__, "graph_id": identity.graph_id,
        "key_fingerprint": identity.key_fingerprint, "content_hash": content_hash, "files": files,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    fsync(folder / "manifest.json")
    return BackedUp(str(folder), {name: file["rows"] for name, file in files.items()}, content_hash, with_key)


def read(source: Path) -> tuple[Identity, dict[str, pa.Table], str]:
    """Read a backup: which graph it is of, its tables, its content hash.

    Raises:
        InputError: If the folder is not a backup.
        StoreNewerError: If a newer version made it.
        StoreDamagedError: If a file does not match its sha256.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        manifest = json.loads((source / "manifest.json").read_text(encoding="utf-8"))
        found = int(manifest["format"])
        if found > FORMAT:
            raise StoreNewerError(
                f"the backup {source} was made by a newer version of graphengine",
                hint="pip install --upgrade graphengine", found=found, supported=FORMAT,
            )
        sums = {name: str(file["sha256"]) for name, file in manifest["files"].items()}
        identity = Identity(manifest["graph_id"], manifest["key_fingerprint"])
        content_hash = str(manifest["content_hash"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(
            f"{source} is not a backup of a graph: it has no readable manifest.json",
            hint="graphengine backup OUT writes one", file=str(source),
        ) from None
    if set(sums) | {"targets"} != set(TRUTH):  # backups were made before there were targets
        raise StoreDamagedError(
            f"{source / 'manifest.json'} is damaged: it does not name the tables of a backup",
            hint="use another backup", file=str(source / "manifest.json"),
        )
    tables: dict[str, pa.Table] = {}
    for name, sha256 in sums.items():
        path = source / f"{name}.parquet"
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        if hashlib.sha256(content).hexdigest() != sha256:
            raise StoreDamagedError(
                f"{path} is damaged or missing: it does not match the sha256 in manifest.json",
                hint="use another backup", file=str(path),
            )
        tables[name] = conform(pq.read_table(pa.BufferReader(content)), TRUTH[name].schema)
    return identity, tables, content_hash


def restore(store: Store, source: Path) -> str:
    """Fill an empty graph from a backup; returns a sentence about the key of the pseudonyms.

    Raises:
        InputError: If the folder is not a backup.
        StoreError: If the graph is not empty.
        StoreDamagedError: If a file of the backup, or what came out, is not what was backed up.
    """
    identity, tables, content_hash = read(source)
    store.restore_tables(identity, tables)
    if store.content_hash() != content_hash:
        raise StoreDamagedError(
            f"what was restored from {source} does not have the content hash of its manifest.json",
            hint="do not use this graph; restore another backup", file=str(source),
        )
    path = store.key_file()
    if (source / "key").exists():
        pseudonyms.write_key(path, pseudonyms.read_key(source / "key", identity.key_fingerprint))
        return f"the key of the pseudonyms was restored to {path}"
    try:
        store.key()
    except WrongKeyError:
        return (f"the backup holds no key: to import votes or erase people, put the graph's key (fingerprint "
                f"{identity.key_fingerprint}) at {path}")
    return f"the key of the pseudonyms is at {path}"
