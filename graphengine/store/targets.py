"""Value targets in the graph: put there, taken out. Like exports they are the graph's own; no import brings them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphengine.errors import NotFoundError
from graphengine.store.base import now
from graphengine.store.delta import Change
from graphengine.tables import TRUTH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphengine.store.base import Store


def put(store: Store, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store targets, each in the place of the one with its id.

    Args:
        store: The graph.
        rows: Of `TRUTH["targets"]`, without `at`.
    """
    spec = TRUTH["targets"]
    ids = {row["id"] for row in rows}
    known = [row for row in store.state("targets").to_pylist() if row["id"] in ids]
    after = spec.table([{**row, "at": now()} for row in rows])
    store._apply({"targets": Change(spec.table(known), after)}, store.hashes())


def drop(store: Store, name: str) -> None:
    """Take a target out.

    Raises:
        NotFoundError: If there is none of that name.
    """
    spec = TRUTH["targets"]
    known = store.state("targets").to_pylist()
    found = [row for row in known if row["id"] == name]
    if not found:
        raise NotFoundError(f"the graph holds no target {name!r}", kind="target", name=name,
                            hint="it holds: " + (", ".join(row["id"] for row in known) or "none"))
    store._apply({"targets": Change(spec.table(found), spec.empty())}, store.hashes())
