"""From the pair of a dataset back to the votes behind it."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from graphengine.answers import ContextRef, PairExplanation
from graphengine.errors import NotFoundError
from graphengine.ranked.valuing import values_of_pair
from graphengine.tables import upgrade_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphengine.store.base import Store


def explain_pair(store: Store, name: str) -> PairExplanation:
    """Where a pair of a dataset comes from; see `MoralGraph.explain_pair`."""
    context_id, scenario_id, ends = _find(store, name)
    text = next((row["text"] for row in store.read("contexts").to_pylist() if row["id"] == context_id), None)
    scenario = next((row for row in store.read("scenarios").to_pylist() if row["id"] == scenario_id), None)
    cards = {row["id"]: row for row in store.read("cards").to_pylist()}
    canonical = {id_: row["canonical_id"] or id_ for id_, row in cards.items()}

    def about(row: dict[str, Any]) -> bool:
        return {canonical.get(row[end], row[end]) for end in ("from_id", "to_id")} == set(ends)

    edges = [row for row in store.read("edges_of_context", context=context_id).to_pylist() if about(row)]
    wiser = edges[0]["to_id"] if edges else ends[0]
    less = next(end for end in ends if end != wiser)
    upgrades = store.read("upgrades_of_card", context=context_id, card=wiser).to_pylist()
    votes = store.read("votes_of_contexts", contexts=[context_id]).to_pylist()
    told = ("user_id", "from_id", "to_id", "answer", "at")
    return PairExplanation(
        pair_id=name,
        context=ContextRef(context_id, text or context_id),
        scenario=scenario and {"id": scenario["id"], "text": scenario["text"]},
        wiser=cards[wiser], less_wise=cards[less],
        edge=edges[0] if edges else None,
        upgrades=[row for row in upgrades if about(row)],
        votes=[{"upgrade_id": upgrade_id(context_id, row["from_id"], row["to_id"]), **{key: row[key] for key in told}}
               for row in votes if about(row)],
        stale=context_id in store.read("stale_contexts").column("context_id").to_pylist(),
        values=values_of_pair(store, context_id, wiser, less),
    )


def _find(store: Store, name: str) -> tuple[str, str | None, tuple[str, str]]:
    """Context, scenario and cards of a pair.

    Raises:
        NotFoundError: If no context, scenario and pair of cards gives this id.
    """
    from graphengine.preferences import pair_id

    raised: dict[str, list[str | None]] = {}
    for row in store.read("raises").to_pylist():
        raised.setdefault(row["context_id"], [None]).append(row["scenario_id"])
    for context_id, ends in _pairs(store):
        for scenario_id in raised.get(context_id, [None]):
            if pair_id(context_id, scenario_id, *ends) == name:
                return context_id, scenario_id, ends
    raise NotFoundError(
        f"no pair of cards in this graph has the id {name!r}", kind="pair", name=name,
        hint="take pair_id from a dataset that was exported from this graph, and see that no scenario or card was "
             "taken out since; or explain a card: graphengine explain CONTEXT CARD",
    )


def _pairs(store: Store) -> Iterator[tuple[str, tuple[str, str]]]:
    """Pairs that people were asked about, then all others of ranked cards."""
    for row in store.read("wiser_edges").to_pylist():
        yield row["context_id"], (row["to_id"], row["from_id"])
    placed: dict[str, list[str]] = {}
    for row in store.read("ranks").to_pylist():
        placed.setdefault(row["context_id"], []).append(row["card_id"])
    for context_id, cards in placed.items():
        for pair in combinations(cards, 2):
            yield context_id, pair
