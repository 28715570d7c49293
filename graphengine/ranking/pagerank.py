"""PageRank over the edges of a named rule, as the published studies rank.

Kept for comparison with them: it has no uncertainty, and it rewards being asked about.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from graphengine.errors import RankingError
from graphengine.ranking.arrays import compute
from graphengine.ranking.connected import weak_components
from graphengine.ranking.layout import codes
from graphengine.ranking.output import Scores

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints, Reals


DAMPING = 0.85
SCORES = ("normalised", "published")
_ROUNDS = 250  # what is left out after that is below 0.85^250 = 2e-18
_PUBLISHED_ROUNDS = 100


class _Graph(NamedTuple):
    contexts: pa.Array
    cards: pa.Array
    node_context: Ints
    node_card: Ints
    source: Ints
    target: Ints
    weight: Reals


def pagerank_scores(edges: pa.Table, *, scores: str = "normalised", pooled: bool = False) -> Scores:
    """PageRank of every end point of the edges, context by context.

    The graph of a context has the edges whose `contexts` name it, and their end points, nothing else. Weights are
    divided by their sum per source; damping is 0.85; the mass of cards without outgoing weight is spread evenly over
    all cards. Solving (I - d Pᵀ) x = 1 and dividing by the sum gives exactly that, so no card needs to be treated
    apart, and all contexts are solved in one go without touching each other.

    Args:
        edges: RULE_EDGES; weights of 0 or more.
        scores: "normalised": sums to 1 per context, what networkx.pagerank gives. "published": the original's variant
            (start at 1/N, 100 rounds, teleport (1 - d)/N, mass of cards without outgoing edges lost): the same order.
        pooled: All edges as one graph, under the context id "".

    Raises:
        RankingError: If `scores` is unknown.
    """
    if scores not in SCORES:
        raise RankingError(f"unknown scores: {scores!r}", hint=f"one of: {', '.join(SCORES)}", value=scores)
    graph = _graph(edges, pooled)
    size = np.bincount(graph.node_context, minlength=len(graph.contexts)).astype(np.float64)[graph.node_context]
    if scores == "published":
        score = _walk(graph, 1 / size, (1 - DAMPING) / size, _PUBLISHED_ROUNDS)
    else:
        score = _walk(graph, np.ones(len(size)), np.ones(len(size)), _ROUNDS)
        score = score / np.bincount(graph.node_context, score, len(graph.contexts))[graph.node_context]
    return Scores(
        graph.contexts, graph.cards, graph.node_context, graph.node_card, score,
        weak_components(graph.node_context, graph.source, graph.target),
    )


def _walk(graph: _Graph, start: Reals, teleport: Reals, rounds: int) -> Reals:
    from scipy.sparse import coo_array

    nodes = len(start)
    out = np.bincount(graph.source, graph.weight, nodes)[graph.source]
    share = np.divide(graph.weight, out, out=np.zeros(len(out)), where=out > 0)
    step = coo_array((DAMPING * share, (graph.target, graph.source)), shape=(nodes, nodes)).tocsr()
    score = start
    for _ in range(rounds):
        score = teleport + step @ score
    return score


def _graph(edges: pa.Table, pooled: bool) -> _Graph:
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
    nodes, place = np.unique(
        np.concatenate([context * width + source_card, context * width + target_card]), return_inverse=True
    )
    source, target = place[: len(edge)], place[len(edge):]
    order = np.lexsort((target, source))
    return _Graph(
        context_ids, cards, nodes // width, nodes % width, source[order], target[order],
        edges.column("weight").to_numpy()[edge][order],
    )
