"""PageRank over the edges of a named rule, as the published studies rank.

Kept for comparison with them: it has no uncertainty, and it rewards being asked about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from graphengine.errors import RankingError
from graphengine.ranking.arrays import compute
from graphengine.ranking.connected import weak_components
from graphengine.ranking.cores import spread
from graphengine.ranking.keys import distinct
from graphengine.ranking.layout import lay_out
from graphengine.ranking.output import TIE, Scores
from graphengine.ranking.rule_graph import kept_edges
from graphengine.ranking.rules import find_rule, rule_edges
from graphengine.ranking.texts import codes
from graphengine.ranking.walk import graphs_of, published, walk

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphengine.ranking.arrays import Ints, Reals


SCORES = ("normalised", "published")


def pagerank(
    counts: pa.Table, edge_rule: str = "mai-2023", tallies: pa.Table | None = None, *, scores: str = "normalised"
) -> Scores:
    """PageRank of every end point of a rule's edges: `pagerank_scores` of `rule_edges`, without the table between.

    Raises:
        RankingError: If the rule or `scores` is unknown.
    """
    if tallies is not None and tallies.num_rows:
        return pagerank_scores(rule_edges(counts, edge_rule, tallies), scores=scores)
    _check(scores)
    rule, layout = find_rule(edge_rule), lay_out(counts)
    source, target, weight = kept_edges(layout, rule)
    contexts, cards, node_context, node_card = layout.contexts, layout.cards, layout.node_context, layout.node_card
    del layout  # the answers are not needed any more, and there may be many
    there = np.zeros(len(node_card), bool)
    there[source] = there[target] = True
    if not there.all():
        number = np.cumsum(there) - 1
        source, target = number[source], number[target]
        node_context, node_card = node_context[there], node_card[there]
    return _score(contexts, cards, node_context, node_card, source, target, weight, scores)


def pagerank_scores(edges: pa.Table, *, scores: str = "normalised", pooled: bool = False) -> Scores:
    """PageRank of every end point of the edges, context by context.

    The graph of a context has the edges whose `contexts` name it, and their end points, nothing else. Weights are
    divided by their sum per source; damping is 0.85; the mass of cards without outgoing weight is spread evenly over
    all cards. Scores within 1e-9 of a context's mean score share a rank.

    Args:
        edges: RULE_EDGES; weights of 0 or more.
        scores: "normalised": sums to 1 per context, what networkx.pagerank gives. "published": the original's variant
            (start at 1/N, 100 rounds, teleport (1 - d)/N, mass of cards without outgoing edges lost): the same order.
        pooled: All edges as one graph, under the context id "".

    Raises:
        RankingError: If `scores` is unknown.
    """
    _check(scores)
    pc = compute()
    if pooled:
        context_ids = pa.array([""] if edges.num_rows else [], pa.string())
        context, edge = np.zeros(edges.num_rows, np.int64), np.arange(edges.num_rows)
    else:
        lists = edges.column("contexts").combine_chunks()
        context, context_ids = codes(pc.list_flatten(lists))
        edge = pc.list_parent_indices(lists).to_numpy().astype(np.int64)
    ends, cards = codes(pa.concat_arrays([
        *edges.column("from_id").chunks, *edges.column("to_id").chunks, pa.array([], pa.string())
    ]))
    source_card, target_card = ends[: edges.num_rows][edge], ends[edges.num_rows:][edge]
    width = max(len(cards), 1)
    nodes, place = distinct(np.concatenate([context * width + source_card, context * width + target_card]))
    source, target = place[: len(edge)], place[len(edge):]
    order = np.lexsort((target, source))
    return _score(context_ids, cards, nodes // width, nodes % width, source[order], target[order],
                  edges.column("weight").to_numpy()[edge][order], scores)


def _check(scores: str) -> None:
    if scores not in SCORES:
        raise RankingError(f"unknown scores: {scores!r}", hint=f"one of: {', '.join(SCORES)}", value=scores)


def _score(
    contexts: pa.Array, cards: pa.Array, node_context: Ints, node_card: Ints, source: Ints, target: Ints,
    weight: Reals, scores: str,
) -> Scores:
    """Scores of graphs whose edges are sorted by source."""
    graphs = graphs_of(node_context, len(contexts), source, target, weight)
    jobs: list[Callable[[], Any]] = [
        lambda: published(graphs) if scores == "published" else walk(graphs),
        lambda: weak_components(node_context, source, target),
    ]
    score, components = spread(lambda job: job(), jobs, len(source))
    return Scores(contexts, cards, node_context, node_card, score, components,
                  tie=TIE / np.maximum(np.diff(graphs.start), 1))
