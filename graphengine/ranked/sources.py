"""What is read from the store for edges under a rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphengine.answers import EdgeList

if TYPE_CHECKING:
    from graphengine.store.base import Store


def rule_edges(store: Store, rule: str, context: str | None) -> EdgeList:
    """The edges under a named rule; see `MoralGraph.edges`."""
    from graphengine import ranking

    counts, tallies = store.read("count_votes"), store.read("tallies")
    _, gave_way = ranking.superseded_tallies(counts, tallies)
    return EdgeList(rule, ranking.rule_edges(counts, rule, tallies, context), gave_way)
