"""What an import amounts to: rows that stand where they stood are known at a glance, and nothing hides among them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from graphengine.store import merge
from graphengine.tables import TRUTH


def _votes(rows: list[tuple[str, str, str, int | None]], load: str = "l0") -> pa.Table:
    names = ("user_id", "upgrade_id", "answer", "at")
    return TRUTH["votes"].table([dict(zip(names, row, strict=True), load_id=load) for row in rows])


def _merged(incoming: pa.Table, known: pa.Table) -> merge.Merged:
    state = {"votes": known}
    tables = {"votes": incoming.drop_columns(["load_id"])}
    return merge.merge(tables, lambda name: state.get(name, TRUTH[name].empty()), "l1")


@pytest.mark.parametrize("seed", range(5))
def test_order_does_not_decide_what_is_new(seed: int) -> None:
    """A file in the order of the graph, shifted, shuffled or cut amounts to the same changes."""
    random = np.random.default_rng(seed)
    known = [(f"p{i % 7}", f"u{i}", "wiser", 5 if i % 3 else None) for i in range(60)]
    said = [(u, p, "unsure" if random.random() < 0.2 else a, at) for u, p, a, at in known]
    said += [("p9", f"u{i}", "wiser", None) for i in range(4)]
    changed = sorted(b for a, b in zip(known, said, strict=False) if a != b)
    for order in (said, said[1:] + said[:1], [said[i] for i in random.permutation(len(said))]):
        merged = _merged(_votes(order), _votes(known))
        assert (4, len(changed), 60 - len(changed)) == (merged.accepted, merged.changed, merged.unchanged)
        after = merged.delta["votes"].after.drop_columns(["load_id"]).to_pylist()
        assert changed == sorted(tuple(row.values()) for row in after if row["user_id"] != "p9")


def test_an_answer_without_a_time_is_the_same_whatever_time_is_known() -> None:
    """A file without times repeats what is known; a file with another time changes it, with an earlier one does not."""
    known = _votes([("p", "u", "wiser", 5)])
    assert 1 == _merged(_votes([("p", "u", "wiser", None)]), known).unchanged
    assert 1 == _merged(_votes([("p", "u", "wiser", 6)]), known).changed
    assert 1 == _merged(_votes([("p", "u", "wiser", 4)]), known).unchanged
    assert 1 == _merged(_votes([("p", "u", "wiser", 5)]), _votes([("p", "u", "wiser", None)])).changed


def test_rows_with_lists_are_compared_as_well() -> None:
    """A card whose policies change is an update; one that stays the same is not."""
    cards = TRUTH["cards"]
    known = cards.table([{"id": "a", "title": "A", "policies": ["x"], "load_id": "l0"}])
    for policies, updates in ((["x"], 0), (["y"], 1), (None, 0)):
        incoming = cards.table([{"id": "a", "title": "A", "policies": policies}]).drop_columns(["load_id"])
        merged = merge.merge({"cards": incoming}, lambda n: known if n == "cards" else TRUTH[n].empty(), "l1")
        assert updates == merged.updated.get("cards", 0)
