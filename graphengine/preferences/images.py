"""The images of scenarios: the graph keeps their hashes, a folder of the user's has the files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from graphengine.errors import ExportError
from graphengine.preferences.folder import sha256

if TYPE_CHECKING:
    import os

    import pyarrow as pa


def images_in(folder: str | os.PathLike[str], scenarios: pa.Table) -> dict[str, bytes]:
    """The images of scenarios that are among the files of a folder, whatever the files are called.

    Args:
        folder: Where to look, folders in it included.
        scenarios: `id, image`; an image is `sha256:` and the hash of its bytes.

    Returns:
        The bytes by scenario id.

    Raises:
        ExportError: If there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ExportError(f"there is no folder {folder}", hint="name the folder that holds the images", path=folder)
    wanted: dict[str, list[str]] = {}
    for row in scenarios.to_pylist():
        if row["image"]:
            wanted.setdefault(row["image"].removeprefix("sha256:"), []).append(row["id"])
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")) if wanted else ():
        if path.is_file():
            named = wanted.get(sha256(path))
            found |= dict.fromkeys(named, path.read_bytes()) if named else {}
    return found
