"""Reading dataset folders in tests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pyarrow import parquet

from tests.preference_sources import edge, make_source

if TYPE_CHECKING:
    from pathlib import Path

    from graphengine.preferences import Source


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its path in it."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def head(folder: Path) -> list[str]:
    """The lines of the YAML head of the card."""
    return (folder / "README.md").read_text(encoding="utf-8").split("---\n")[1].splitlines()


def read(folder: Path, split: str) -> list[dict[str, Any]]:
    """The rows of a kind's split, in whatever format."""
    path = next(folder.glob(f"{split}.*"))
    if path.suffix == ".parquet":
        return parquet.read_table(path).to_pylist()
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def pieces(contexts: int = 10, **more: Any) -> Source:
    """A source of contexts that share nothing."""
    return make_source([edge(f"c{c}", f"a{c}", f"b{c}") for c in range(contexts)], **more)
