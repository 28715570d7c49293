"""All methods side by side: ranked for the occasion, compared, not stored."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

from graphengine.answers_comparing import Comparison
from graphengine.errors import RankingError
from graphengine.ranked import basis, labels
from graphengine.ranked.names import ranking_id
from graphengine.tables import of_contexts

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.answers import ContextRef
    from graphengine.ranking.layout import Layout
    from graphengine.ranking.validity.copies import Standings
    from graphengine.store.base import Store

MOST_CONTEXTS = 2_000
"""Of more contexts, those with the smallest sha256 of "compare:" and their id are compared."""


def compare(
    store: Store, context: ContextRef | None = None, edge_rule: str = "mai-2023", not_wiser: str = "against",
    variable: str = "",
) -> Comparison:
    """All methods, context by context; see `MoralGraph.compare`."""
    from graphengine import ranking
    from graphengine.ranking.layout import lay_out

    counts, tallies = store.read("count_votes"), store.read("tallies")
    chosen, known = basis.chosen(counts, context, MOST_CONTEXTS, "compare")
    some = len(chosen) < known
    notes = [f"{MOST_CONTEXTS:,} of {known:,} contexts are compared, always the same ones"] if (
        some and context is None) else []
    calibration = ranking.calibrate(counts, not_wiser=not_wiser)
    own = of_contexts(counts, chosen) if some else counts
    groups = ranking.group_counts(store.read("said"), store.read("members"), variable) if variable else None
    names, tables = [], []
    for method, takes in ranking.METHODS.items():
        if "groups" in takes and groups is None:
            continue
        parameters: dict[str, Any] = {"not_wiser": not_wiser}
        if "edge_rule" in takes:  # a rule may pool contexts, so it needs them all
            parameters |= {"edge_rule": edge_rule, "tallies": tallies}
        if "groups" in takes and groups is not None:
            parameters["groups"] = of_contexts(groups, chosen) if some else groups
        names.append(ranking_id(method, edge_rule, not_wiser, variable=variable))
        tables.append(ranking.rank_counts(counts if "edge_rule" in takes else own, method, calibration, **parameters))
    if not variable:
        notes.append("bradley-terry-groups is left out: it needs a group variable (--variable)")
    layout = lay_out(own)
    if not len(layout.contexts):
        raise RankingError("there are no votes to rank", hint="graphengine import votes.csv", method="compare")
    return _answer(store, context, layout, dict(zip(names, tables, strict=True)), notes)


def _answer(
    store: Store, context: ContextRef | None, layout: Layout, ranks: dict[str, pa.Table], notes: list[str]
) -> Comparison:
    import numpy as np

    from graphengine.ranking.validity.copies import kendall, leader_ids, mean, same_leader, standings

    every = np.arange(len(layout.contexts))
    placed: dict[str, Standings] = {
        name: standings(layout, every, layout.contexts, table) for name, table in ranks.items()}
    titles = labels.titles(store)
    texts = labels.texts(store)
    leaders = {name: leader_ids(layout, found) for name, found in placed.items()}
    rows = []
    for at, one in enumerate(layout.contexts.to_pylist()):
        first = {name: found[at] for name, found in leaders.items()}
        rows.append({
            "context": {"id": one, "text": texts.get(one, one)},
            "leaders": {name: [{"id": card, "title": titles.get(card, card)} for card in cards]
                        for name, cards in first.items()},
            "agree": len({tuple(cards) for cards in first.values()}) == 1 and len(next(iter(first.values()))) == 1,
        })
    agreement = [
        {"method": one, "other": other, "same_leader": float(same_leader(placed[one], layout, placed[other]).mean()),
         "tau": mean(kendall(placed[one], layout, placed[other]))}
        for one, other in combinations(placed, 2)
    ]
    return Comparison(context, list(ranks), rows, _cards(context, ranks, titles), agreement, notes)


def _cards(context: ContextRef | None, ranks: dict[str, pa.Table], titles: dict[str, str]) -> list[dict[str, Any]]:
    """Of one context: each card's rank by each method, in the order of the first."""
    if context is None:
        return []
    by_method = {
        name: {row["card_id"]: row["rank"] for row in of_contexts(table, [context.id]).to_pylist()}
        for name, table in ranks.items()
    }
    known = {card: None for found in by_method.values() for card in found}  # in order, the first method's before others
    return [{"id": card, "title": titles.get(card, card),
             "ranks": {name: found.get(card) for name, found in by_method.items()}} for card in known]
