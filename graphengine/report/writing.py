"""Writing a file whole or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from graphengine.errors import ExportError

if TYPE_CHECKING:
    from pathlib import Path


def check(out: Path, ours: str) -> None:
    """See that a file may be written.

    Args:
        out: The file.
        ours: Stands near the beginning of an older file that may be replaced.

    Raises:
        ExportError: If something else is there, or no folder.
    """
    if out.is_dir():
        raise ExportError(f"{out} is a folder", hint=f"name a file: {out / 'report.html'}", path=str(out))
    if not out.parent.is_dir():
        raise ExportError(f"there is no folder {out.parent}", hint="name a file in a folder that is there",
                          path=str(out))
    if out.exists() and ours.encode() not in out.read_bytes()[:1000]:
        raise ExportError(f"{out} is there already, and graphengine did not write it", hint="name another file",
                          path=str(out))


def write(out: Path, text: str) -> None:
    """Write a file: under another name beside it, renamed at the end.

    Raises:
        ExportError: If it can't be written.
    """
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    except OSError as error:
        raise ExportError(
            f"{out} can't be written: {error.strerror or error}", hint="name a file in a folder that is there",
            path=str(out),
        ) from None
    finally:
        with suppress(OSError):
            part.unlink()
