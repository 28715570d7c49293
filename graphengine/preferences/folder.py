"""Writing a folder whole or not at all."""

from __future__ import annotations

import hashlib
import json
import shutil
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING

from graphengine.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANIFEST = "manifest.json"
FORMAT = "graphengine-preferences"


def sha256(path: Path) -> str:
    """The sha256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def new_folder(out: Path, *, force: bool = False) -> Iterator[Path]:
    """A folder to write into; when the block ends well it becomes `out`, otherwise nothing is left of it.

    Args:
        out: Where the folder shall be; missing parents are made.
        force: Replace an export that is there already.

    Raises:
        ExportError: If `out` is a file, or holds anything but an export that may be replaced, or can't be written.
    """
    out = out.resolve()
    check(out, force=force)
    temporary = out.with_name(f".{out.name}.{uuid.uuid4().hex[:8]}.tmp")
    old = temporary.with_suffix(".old")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if out.exists():
            out.rename(old)
        temporary.rename(out)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise ExportError(
            f"{out} can't be written: {error.strerror or error}", hint="choose another folder", path=out
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if old.exists() and not out.exists():
            old.rename(out)


def check(out: Path, *, force: bool) -> None:
    """See that a folder can be made at `out`.

    Raises:
        ExportError: If not.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise ExportError(f"{out} is a file, and the export is a folder", hint="choose another folder", path=out)
    there = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    if not there:
        return
    ours = _written(out / MANIFEST)
    if not ours:
        raise ExportError(
            f"{out} is not empty, and no export of preferences", hint="choose another folder", path=out
        )
    if not force:
        raise ExportError(
            f"{out} holds an export already", hint="choose another folder, or replace it with --force", path=out
        )
    if foreign := sorted(there - ours):
        raise ExportError(
            f"{out} holds {foreign[0]}, which no export wrote, so the folder is not replaced",
            hint="move the file away, or choose another folder", path=out, file=foreign[0],
        )


def _written(manifest: Path) -> set[str]:
    """The files that an export wrote; none if this is not the manifest of one."""
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        return {MANIFEST, *content["files"]} if content["format"] == FORMAT else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()
