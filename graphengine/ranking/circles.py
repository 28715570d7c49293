"""Circles of arrows: strongly connected components, and short circles in them to show people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints
    from graphengine.ranking.layout import Layout

MOST = 10
"""So many circles are shown of a context."""


def strong_components(source: Ints, target: Ints, nodes: int) -> tuple[Ints, Ints]:
    """(nodes,) strongly connected component of each node, and (components,) their sizes."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(source), np.int8), (source, target)), shape=(nodes, nodes)).tocsr()
    count, label = connected_components(graph, directed=True, connection="strong")
    return label, np.bincount(label, minlength=count)


def circles(layout: Layout, source: Ints, target: Ints, strong: Ints) -> pa.Array:
    """Some circles of every context, at most `MOST`, as lists of lists of card ids.

    In each strongly connected component: a shortest circle through the first arrow that no circle has yet, again and
    again. A circle begins with its smallest card id; shorter ones come first.
    """
    inside = strong[source] == strong[target]
    start, at, node = _rounds(source[inside], target[inside], strong)
    length = np.diff(np.append(start, len(node)))
    circle = np.repeat(np.arange(len(start)), length)
    if len(start):  # begin with the smallest card
        smallest = node == np.repeat(np.minimum.reduceat(node, start), length)
        place = np.arange(len(node)) - start[circle]
        place = (place - np.repeat(place[smallest], length)) % length[circle]
        node = node[np.lexsort((place, circle))]
    context = layout.node_context[node[start]]
    order = np.lexsort((at, length, context))
    rank = np.arange(len(order)) - np.searchsorted(context[order], context[order])
    order = order[rank < MOST]
    size = length[order]
    entries = np.repeat(start[order] - (np.cumsum(size) - size), size) + np.arange(int(size.sum()))
    cards = layout.cards.take(pa.array(layout.node_card[node[entries]]))
    one = pa.ListArray.from_arrays(pa.array(np.append(0, np.cumsum(size)), pa.int32()), cards)
    offsets = np.searchsorted(context[order], np.arange(len(layout.contexts) + 1))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), one)


def _rounds(source: Ints, target: Ints, strong: Ints) -> tuple[Ints, Ints, Ints]:
    """Circles laid end to end: where each begins, in which round it was found, and the nodes.

    One search by breadth goes through all components at once, from a root that leads to one card of each.
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import breadth_first_order

    names, local = np.unique(np.concatenate([source, target]), return_inverse=True)
    u, v = local[: len(source)], local[len(source):]
    order = np.lexsort((v, u, strong[names[u]]))
    u, v, nodes = u[order], v[order], len(names)
    group = np.unique(strong[names[u]], return_inverse=True)[1]
    keys = np.argsort(u * nodes + v)
    sorted_keys, covered = (u * nodes + v)[keys], np.zeros(len(u), bool)
    begin = np.searchsorted(u[keys], np.arange(nodes + 1))
    starts, rounds, entries, total = [], [], [], 0
    for number in range(MOST):
        missing = np.nonzero(~covered)[0]
        if not len(missing):
            break
        arc = missing[np.unique(group[missing], return_index=True)[1]]
        indices = np.concatenate([v[keys], v[arc]])
        graph = csr_array((np.ones(len(indices)), indices, np.append(begin, len(indices))), shape=(nodes + 1,) * 2)
        _, before = breadth_first_order(graph, nodes, directed=True, return_predecessors=True)
        at, owner, steps = u[arc], np.arange(len(arc)), []
        covered[arc] = True
        while len(at):  # back from the arrow's beginning to its end
            steps.append((owner, at))
            on = at != v[arc[owner]]
            at, owner = at[on], owner[on]
            covered[keys[np.searchsorted(sorted_keys, before[at] * nodes + at)]] = True
            at = before[at].astype(np.int64)
        owners, path = (np.concatenate(part) for part in zip(*steps, strict=True))
        depth = np.repeat(np.arange(len(steps)), [len(one) for one, _ in steps])
        forward = np.lexsort((-depth, owners))
        starts.append(total + np.searchsorted(owners[forward], np.arange(len(arc))))
        rounds.append(np.full(len(arc), number))
        entries.append(names[path[forward]])
        total += len(path)
    none = np.zeros(0, np.int64)
    return np.concatenate([none, *starts]), np.concatenate([none, *rounds]), np.concatenate([none, *entries])
