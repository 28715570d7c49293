"""Weak components: which cards of a context are tied together by questions, however indirectly.

Cards of different components were never compared; only the prior orders them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from graphengine.ranking import fast
from graphengine.ranking.layout import lay_out

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints


def components(counts: pa.Table) -> pa.Table:
    """The weak component of every candidate.

    Args:
        counts: COUNTS.

    Returns:
        `context_id, card_id, component`, sorted; components of a context are numbered from 0 by falling number of
        cards, then by smallest card id.
    """
    layout = lay_out(counts)
    return pa.table({
        "context_id": layout.context_column(), "card_id": layout.card_column(),
        "component": pa.array(weak_components(layout.node_context, layout.source, layout.target)),
    })


def weak_components(node_context: Ints, source: Ints, target: Ints) -> Ints:
    """(nodes,) component of each node; nodes of a context are neighbours, sorted by card id."""
    nodes = len(node_context)
    if not nodes:
        return np.zeros(0, np.int64)
    compiled = fast.kernels()
    if compiled is not None:
        return compiled.components(node_context, source, target)
    count, label = _label(nodes, source, target)
    first = np.full(count, nodes, np.int64)
    np.minimum.at(first, label, np.arange(nodes))
    size = np.bincount(label, minlength=count)
    context = node_context[first]
    order = np.lexsort((first, -size, context))
    number = np.empty(count, np.int64)
    sorted_context = context[order]
    start = np.searchsorted(sorted_context, sorted_context)
    number[order] = np.arange(count) - start
    return number[label]


_MANY = 1_000_000
_FIRST = 2


def _label(nodes: int, source: Ints, target: Ints) -> tuple[int, Ints]:
    """Number of components and the component of each node.

    Of very many edges a few per node tie most nodes together; then only those between what is left need a look
    (Sutton, Ben-Nun, Barak 2018, "Optimizing parallel graph connectivity computation via subgraph sampling", IPDPS).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    def tie(many: int, one: Ints, other: Ints) -> tuple[int, Ints]:
        graph = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(many, many)).tocsr()
        return connected_components(graph, directed=True, connection="weak")

    if len(source) < max(_MANY, 2 * _FIRST * nodes):
        return tie(nodes, source, target)
    part = slice(None, None, len(source) // (_FIRST * nodes))
    many, label = tie(nodes, source[part], target[part])
    one, other = label[source], label[target]
    apart = one != other
    count, together = tie(many, one[apart], other[apart])
    return count, together[label]
