"""What the tests of the importing room share: writing a small file and preparing it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from graphengine.importing import Known, Prepared, prepare

HEADER = "participant,context,from_value,to_value,answer"


def pseudonym(people: pa.Array) -> pa.Array:
    """A stand-in for the store's keyed pseudonyms: distinct ids to distinct pseudonyms that hide them."""
    return pa.array([pseudonym_of(each) for each in people.to_pylist()], pa.string())


def pseudonym_of(person: str) -> str:
    """The pseudonym that `pseudonym` gives one id."""
    return "x" + person.encode().hex()


def take(folder: Path, content: str | bytes, name: str = "votes.csv", **options: Any) -> Prepared:
    """Write a file (text as UTF-8) and prepare it, with an empty graph unless `known` says otherwise."""
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if isinstance(options.get("mapping"), str):
        toml = folder / "map.toml"
        toml.write_text(options["mapping"], encoding="utf-8")
        options["mapping"] = toml
    return prepare(path, **({"known": Known(), "pseudonym": pseudonym} | options))


def votes(folder: Path, *rows: str, header: str = HEADER, **options: Any) -> Prepared:
    """Prepare a votes file of these rows."""
    return take(folder, "\n".join([header, *rows, ""]), **options)


def known(**tables: list[tuple[str, str | None]]) -> Known:
    """A graph that holds these contexts, cards, scenarios (id, text or title) or duplicates (card, canonical)."""
    columns = {
        "contexts": ("id", "text"), "cards": ("id", "title"), "scenarios": ("id", "text"),
        "duplicates": ("card_id", "canonical_id"),
    }
    made = {}
    for name, rows in tables.items():
        one, two = ([row[i] for row in rows] for i in (0, 1))
        made[name] = pa.table([pa.array(one, pa.string()), pa.array(two, pa.string())], names=list(columns[name]))
    return Known(**made)


def reasons(prepared: Prepared) -> list[tuple[int, str, str, str]]:
    """Row, column, value, reason of each reject."""
    names = ["_reject_row", "_reject_column", "_reject_value", "_reject_reason"]
    return [tuple(row.values()) for row in prepared.rejects.table.select(names).to_pylist()]


def answers(prepared: Prepared) -> list[tuple[str, str, str, str, str]]:
    """Person (raw), context, from, to, answer of each vote, sorted."""
    upgrades = {row["id"]: row for row in prepared.tables["upgrades"].to_pylist()} if prepared.tables["votes"] else {}
    return sorted(
        (
            bytes.fromhex(row["user_id"][1:]).decode(),
            *(upgrades[row["upgrade_id"]][each] for each in ("context_id", "from_id", "to_id")), row["answer"],
        )
        for row in prepared.tables["votes"].to_pylist()
    )
