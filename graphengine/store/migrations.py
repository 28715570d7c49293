"""Migrations: numbered schema files per engine, applied once, in order, and remembered with their checksum."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphengine.errors import StoreError, StoreNewerError
from graphengine.store import queries

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r"V(\d+)__(\w+)")


@dataclass(frozen=True)
class Migration:
    """One schema file: its number, name, checksum (sha256 of its statements), and statements."""

    id: str
    name: str
    checksum: str
    statements: tuple[str, ...]


def available(engine: str) -> list[Migration]:
    """Every migration of an engine, in order."""
    found: list[Migration] = []
    for path in sorted((queries.root() / "schema" / engine).glob("V*.cypher")):
        match = _NAME.fullmatch(path.stem)
        if match:
            parts = queries.statements(path.read_text(encoding="utf-8"))
            found.append(Migration(match[1], match[2], hashlib.sha256("\0".join(parts).encode()).hexdigest(), parts))
    return found


def pending(engine: str, applied: Mapping[str, str]) -> list[Migration]:
    """The migrations that are still to do.

    Args:
        engine: The engine.
        applied: Checksum by id of those that were done.

    Raises:
        StoreNewerError: If one was applied that this version does not know.
        StoreError: If one has been changed since it was applied.
    """
    known = {migration.id: migration for migration in available(engine)}
    for number, checksum in applied.items():
        if number not in known:
            raise StoreNewerError(
                f"the graph was made by a newer version of graphengine (it has migration {number}; "
                f"this version knows up to {max(known)})",
                hint="pip install --upgrade graphengine", found=number, supported=max(known),
            )
        if known[number].checksum != checksum:
            raise StoreError(
                f"migration {number} ({known[number].name}) has been changed since it was applied to this graph",
                hint="install the version of graphengine that made this graph, back up, and restore with this one",
            )
    return [migration for number, migration in known.items() if number not in applied]
