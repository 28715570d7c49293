"""Ranking again, on both engines: only what changed is written, and the graph is as if everything had been ranked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from graphengine import ranked, ranking
from graphengine.ranked import basis, making, records
from tests.contract.worlds import append, rows, world

if TYPE_CHECKING:
    from graphengine.store.base import Store

pytestmark = pytest.mark.slow

Vote = tuple[str, str, str, str, str, int | None]


def votes(seed: int, contexts: int = 30, people: int = 6, at: int | None = None) -> list[Vote]:
    """Votes of some people about four pairs of cards in every context."""
    random = np.random.default_rng(seed)
    answers = ["wiser", "wiser", "not_wiser", "unsure"]
    return [
        (f"p{person:024x}", f"c{c:02d}", f"v{a}", f"v{(a + c % 3 + 1) % 5}", str(random.choice(answers)), at)
        for c in range(contexts) for a in range(4) for person in range(people)
    ]


NEW: Vote = ("p" + "f" * 24, "c03", "v0", "v1", "not_wiser", None)


def derived(store: Store, ranking_id: str) -> dict[str, list[dict[str, Any]]]:
    """All that a ranking left in the graph."""
    return {
        "ranks": store.read("ranks", ranking=ranking_id).to_pylist(),
        "verdicts": store.read("verdicts", ranking=ranking_id).to_pylist(),
        "edges": store.read("wiser_edges").to_pylist(),
    }


def made_in_full(store: Store, ranking_id: str) -> dict[str, list[dict[str, Any]]]:
    """What ranking everything would leave, with the calibration that is stored."""
    record = next(r for r in records.stored(store) if r.id == ranking_id)
    made = making.make(basis.everything(store), record.wanted, ranking.Calibration.from_json(record.calibration))
    known = {row["id"]: row["data_hash"] for row in store.read("contexts").to_pylist()}
    verdicts = [{**row, "data_hash": known[row["context_id"]]} for row in made.verdicts.to_pylist()]
    ranks = sorted(made.ranks.to_pylist(), key=lambda r: (r["context_id"], r["rank"], r["card_id"]))
    return {"ranks": ranks, "verdicts": verdicts, "edges": made.edges.to_pylist()}


@pytest.mark.parametrize(
    ("method", "rule"),
    [("bradley-terry", "mai-2023"), ("copeland", "mai-2023"), ("pagerank", "any-wiser"),
     ("pagerank", "paper-majority")],
)
def test_after_an_import_only_what_it_touched_is_ranked(store: Store, method: str, rule: str) -> None:
    """One new vote: the contexts that it touches are ranked, and the graph holds what ranking everything would give."""
    append(store, world(votes(1)))
    first = ranked.rank(store, method, rule)
    assert (False, 30) == (first.incremental, first.covered)
    append(store, world([NEW]))
    again = ranked.rank(store, method, rule)
    sharing = 30 if rule == "any-wiser" and method == "pagerank" else 1
    assert (True, False) == (again.incremental, again.unchanged)
    assert 1 <= again.contexts <= sharing
    assert made_in_full(store, again.ranking_id) == derived(store, again.ranking_id)
    assert first.calibration == again.calibration


def test_with_nothing_changed_nothing_is_done(store: Store) -> None:
    """A second run says so, and leaves even the time of the ranking as it was."""
    append(store, world(votes(2)))
    ranked.rank(store)
    before = (store.read("rankings").to_pylist(), derived(store, "bradley-terry"))
    again = ranked.rank(store)
    assert (True, 0, 30) == (again.unchanged, again.contexts, again.covered)
    assert before == (store.read("rankings").to_pylist(), derived(store, "bradley-terry"))
    full = ranked.rank(store, full=True)
    assert (False, False, 30) == (full.unchanged, full.incremental, full.contexts)


def test_a_rule_that_pools_contexts_touches_those_that_share_a_pair(store: Store) -> None:
    """A vote about a pair in one context moves the pooled edge of the pair in every other that asks about it."""
    append(store, world(votes(3)))
    ranked.rank(store, "pagerank", "mai-2023")
    append(store, world([NEW]))
    again = ranked.rank(store, "pagerank", "mai-2023")
    counts = [({row["from_id"], row["to_id"]}, row["context_id"]) for row in store.read("count_votes").to_pylist()]
    asked = [pair for pair, context in counts if context == "c03"]
    sharing = {context for pair, context in counts if pair in asked}
    assert again.incremental
    assert 1 < len(sharing) == again.contexts < 30
    assert made_in_full(store, again.ranking_id) == derived(store, again.ranking_id)


def test_new_contexts_and_changed_answers_are_touched(store: Store) -> None:
    """A context that is new and one where an answer changed are ranked again, and no other."""
    append(store, world(votes(4)))
    ranked.rank(store)
    append(store, world([("p" + "0" * 24, "brand new", "v0", "v9", "wiser", None)]))
    person, context, start, end, _, _ = votes(4)[8]
    append(store, world([(person, context, start, end, "unsure", None)]))
    again = ranked.rank(store)
    assert again.incremental
    assert (2, 31) == (again.contexts, again.covered)
    assert made_in_full(store, "bradley-terry") == derived(store, "bradley-terry")


def test_after_an_undo_nothing_stale_stays(store: Store) -> None:
    """Pairs, cards and contexts that an import had brought leave the ranking and the edges with it."""
    append(store, world(votes(5)))
    ranked.rank(store)
    before = derived(store, "bradley-terry")
    load = append(store, world([("p" + "0" * 24, "c01", "v0", "x", "wiser", None),
                                ("p" + "0" * 24, "gone soon", "v0", "v1", "wiser", None)])).load_id
    assert load is not None
    assert ranked.rank(store).incremental
    store.undo(load)
    again = ranked.rank(store)
    assert not again.incremental
    assert before == derived(store, "bradley-terry")


def test_rankings_side_by_side_share_calibration_and_edges(store: Store) -> None:
    """Edges are those of the last ranking made; another reading of "not wiser" rewrites them all, and back again."""
    append(store, world(votes(6)))
    ranked.rank(store)
    against = derived(store, "bradley-terry")
    ranked.rank(store, "copeland")
    assert against["edges"] == store.read("wiser_edges").to_pylist()
    tie = ranked.rank(store, not_wiser="tie")
    assert "bradley-terry not-wiser=tie" == tie.ranking_id
    assert against["edges"] != store.read("wiser_edges").to_pylist()
    back = ranked.rank(store)
    assert not back.unchanged
    assert against == derived(store, "bradley-terry")
    append(store, world([NEW]))
    ranked.rank(store, "copeland")
    assert made_in_full(store, "copeland") == derived(store, "copeland")
    ranked.rank(store)
    assert made_in_full(store, "bradley-terry") == derived(store, "bradley-terry")


def test_a_calibration_that_drifted_is_fitted_anew(store: Store) -> None:
    """Many answers of another kind: the stored calibration no longer holds, and everything is ranked with a new one."""
    append(store, world(votes(7)))
    first = ranked.rank(store)
    yes = [(f"q{person:024x}", f"c{c:02d}", "v0", "v1", "wiser", None) for c in range(5) for person in range(80)]
    append(store, world([*yes, *((u, c, "v1", "v0", "wiser", t) for u, c, _, _, _, t in yes)]))
    again = ranked.rank(store)
    assert not again.incremental
    assert again.calibration["yes_bias"] > first.calibration["yes_bias"]
    assert any("drifted" in note for note in again.notes)
    assert ranking.calibrate(store.read("count_votes")).to_json() == records.stored(store)[0].calibration
    assert made_in_full(store, "bradley-terry") == derived(store, "bradley-terry")


def test_duplicates_touch_every_context(store: Store) -> None:
    """Two cards that become one change what every context says."""
    append(store, world(votes(8)))
    ranked.rank(store)
    append(store, {"duplicates": rows("duplicates", {"card_id": "v4", "canonical_id": "v3"})})
    again = ranked.rank(store)
    assert not again.unchanged
    assert made_in_full(store, "bradley-terry") == derived(store, "bradley-terry")
    append(store, world([NEW]))
    assert ranked.rank(store).incremental
    assert made_in_full(store, "bradley-terry") == derived(store, "bradley-terry")
