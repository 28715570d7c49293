"""How the cards of each context hang together, by the answers on each pair alone: where an order is supported at all.

A pair's arrow points to the card that more answers favour, whichever way the question was asked. (The model's own
edges can't run in a circle: each points to the card with the higher score.) Nothing here takes out the yes-bias, so a
circle of questions that were asked one way only may be people's yes-saying.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from graphengine.ranking.calibration import check_not_wiser
from graphengine.ranking.circles import circles, strong_components
from graphengine.ranking.connected import weak_components
from graphengine.ranking.hodgerank import flow
from graphengine.ranking.layout import lay_out
from graphengine.ranking.wins import pair_up
from graphengine.tables import STRUCTURES

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints
    from graphengine.ranking.layout import Layout
    from graphengine.ranking.model import NotWiser

_NODES_AT_ONCE = 200_000


def structure(counts: pa.Table, not_wiser: NotWiser = "against") -> pa.Table:
    """Components, circles, cyclicity and triangles of every context.

    - `components`: weak components, over all pairs with answers. Cards of different ones are not compared.
    - `cyclic_cards`, `cycles`: strongly connected components of more than one card, over the arrows, and at most
      `circles.MOST` circles there (shortest first; each is a shortest one through one of its arrows): no order of
      these cards is supported.
    - `cyclicity`: Σ w (y - (s_j - s_i))² / Σ w y² with y the log odds of a pair's wins, w its answers, s the scores of
      least squares (HodgeRank): 0 where an order explains the flow, 1 where nothing but circles is in it. Null where
      the pairs form no loop, so that no disagreement could show. Few answers look cyclic by chance.
    - `triangles`: three cards with an arrow on each of their pairs; `transitivity`: the share of them that is no
      circle (by chance three quarters).
    - `isolated`: cards about which people only ever answered "unsure".

    Args:
        counts: COUNTS, in any row order.
        not_wiser: "against": a "not wiser" counts for the card asked from; "tie": for neither.

    Returns:
        STRUCTURES sorted by context, of the contexts that have answers; `never_asked` is null.

    Raises:
        RankingError: If `not_wiser` is unknown or the table is not COUNTS.

    Source: Jiang, Lim, Yao, Ye 2011, "Statistical ranking and combinatorial Hodge theory", Mathematical Programming
    127 (cyclicity).

    Example:
        >>> from graphengine import tables
        >>> found = structure(tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": x, "to_id": y, "wiser": 5, "not_wiser": 1, "unsure": 0}
        ...     for x, y in [("a", "b"), ("b", "d"), ("d", "a")]])).to_pylist()[0]
        >>> found["cycles"], round(found["cyclicity"], 6), found["transitivity"]
        ([['a', 'b', 'd']], 1.0, 0.0)
    """
    reading = check_not_wiser(not_wiser)
    layout = lay_out(counts)
    number = len(layout.contexts)
    if not number:
        return STRUCTURES.empty()
    pairs = pair_up(layout, reading)
    component = weak_components(layout.node_context, layout.source, layout.target)
    components = np.maximum.reduceat(component, layout.start[:-1]) + 1
    lead = pairs.answers[:, 0] - pairs.answers[:, 1]
    upward, told = (lead > 0)[lead != 0], lead != 0
    low, high = pairs.source[told], pairs.target[told]
    source, target = np.where(upward, low, high), np.where(upward, high, low)
    strong, size = strong_components(source, target, len(layout.node_card))
    triangles, circular = _triangles(layout, source, target)
    explained = flow(layout, pairs, component)
    loops = np.diff(pairs.row_start) - layout.sizes + components
    decided = layout.answers[:, 0] + (layout.answers[:, 1] if reading == "against" else 0)
    heard = np.bincount(layout.source, decided, len(strong)) + np.bincount(layout.target, decided, len(strong))
    ratio = np.divide(explained.residual, explained.energy, out=np.zeros(number), where=explained.energy > 0)
    columns = {
        "context_id": layout.contexts, "cards": layout.sizes, "pairs": np.diff(pairs.row_start),
        "components": components, "cyclic_cards": _cards(layout, np.nonzero(size[strong] > 1)[0]),
        "cycles": circles(layout, source, target, strong), "cyclicity": _known(np.clip(ratio, 0.0, 1.0), loops > 0),
        "triangles": triangles, "isolated": _cards(layout, np.nonzero(heard == 0)[0]),
        "transitivity": _known(1 - circular / np.maximum(triangles, 1), triangles > 0),
        "never_asked": pa.nulls(number, pa.list_(pa.string())),
    }
    return pa.table([pa.array(columns[field.name], field.type) for field in STRUCTURES.schema],
                    schema=STRUCTURES.schema)


def _known(values: Ints, known: Ints) -> pa.Array:
    return pa.array(values, pa.float64(), mask=~known)


def _cards(layout: Layout, nodes: Ints) -> pa.Array:
    """Some nodes, in order, as lists of card ids per context."""
    offsets = np.searchsorted(layout.node_context[nodes], np.arange(len(layout.contexts) + 1))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()),
                                    layout.cards.take(pa.array(layout.node_card[nodes])))


def _triangles(layout: Layout, source: Ints, target: Ints) -> tuple[Ints, Ints]:
    """(contexts,) triangles of arrows, and how many of them are circles.

    Each pair is turned from the card with fewer pairs to the one with more, so that a triangle is one path of two
    steps and its short cut, and no card with very many pairs makes very many paths (Chiba and Nishizeki 1985).
    """
    from scipy.sparse import csr_array

    nodes = len(layout.node_card)
    degree = np.bincount(source, minlength=nodes) + np.bincount(target, minlength=nodes)
    place = np.empty(nodes, np.int64)
    place[np.argsort(degree, kind="stable")] = np.arange(nodes)
    along = place[source] < place[target]
    first, second = np.where(along, source, target), np.where(along, target, source)

    def matrix(which: Ints) -> csr_array:
        return csr_array((np.ones(int(which.sum()), np.int32), (first[which], second[which])), shape=(nodes, nodes))

    def count(step: csr_array, short_cut: csr_array) -> Ints:
        each = np.zeros(nodes, np.int64)
        for at in range(0, nodes, _NODES_AT_ONCE):
            part = slice(at, at + _NODES_AT_ONCE)
            each[part] = ((step[part] @ step) * short_cut[part]).sum(axis=1)
        return np.rint(np.bincount(layout.node_context, each, len(layout.contexts))).astype(np.int64)

    forth, back, both = matrix(along), matrix(~along), matrix(np.ones(len(along), bool))
    return count(both, both), count(forth, back) + count(back, forth)
