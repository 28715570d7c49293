"""The edges of a rule as numbers, straight from the layout: what PageRank walks on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from graphengine.ranking.cores import spread
from graphengine.ranking.keys import distinct, in_order, unordered
from graphengine.ranking.layout import parts
from graphengine.ranking.rules import derive

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.layout import Layout
    from graphengine.ranking.rules import Counters, EdgeRule


_ROWS = 100_000  # that are looked at together: what is worked out of them stays in the cache


class Kept(NamedTuple):
    """Edges between nodes of a layout, sorted by source; `weight` is 0 or more. Each (edges,)."""

    source: Ints
    target: Ints
    weight: Reals


def kept_edges(layout: Layout, rule: EdgeRule) -> Kept:
    """The edges that `rule_edges` gives for the same answers, in every context that they name."""
    if not rule.per_context:
        return _pooled(layout, rule)
    ranges = [slice(at, at + _ROWS) for at in range(0, len(layout.source), _ROWS)]
    keep, weight = _judge(layout, rule, ranges)
    if keep.all():
        return Kept(layout.source, layout.target, weight)
    ends = np.cumsum([np.count_nonzero(keep[rows]) for rows in ranges]).tolist()
    every = layout.source, layout.target, weight
    kept = Kept(*(np.empty(ends[-1], column.dtype) for column in every))

    def take(part: tuple[slice, int, int]) -> None:
        rows, first, last = part
        for column, into in zip(every, kept, strict=True):
            np.compress(keep[rows], column[rows], out=into[first:last])

    spread(take, zip(ranges, [0, *ends], ends, strict=False))
    return kept


def _judge(layout: Layout, rule: EdgeRule, ranges: list[slice]) -> tuple[NDArray[np.bool_], Reals]:
    """(rows,) is a row an edge, and its weight."""
    rows = len(layout.source)
    back = np.full(rows, -1, np.min_scalar_type(-max(rows, 1)))
    spread(lambda part: _ask_back(layout, part, back), parts(layout.row_start))
    keep, weight = np.empty(rows, bool), np.empty(rows)

    def look(some: slice) -> None:
        counters = _count(layout, rule, some, back[some])
        keep[some], weight[some] = rule.keep(counters), np.maximum(counters.likelihood, 0.0)

    spread(look, ranges)
    return keep, weight


def _ask_back(layout: Layout, part: tuple[int, int], back: Ints) -> None:
    """Fill in, for the rows of some contexts, the row that asks about the same two cards the other way round."""
    rows = slice(layout.row_start[part[0]], layout.row_start[part[1]])
    first = layout.start[part[0]]
    span = int(layout.start[part[1]] - first)
    down = np.nonzero(layout.source[rows] > layout.target[rows])[0] + rows.start
    # Nodes in ranges, so that few rows are looked at together.
    many = max(1, len(down) // _ROWS)
    of = ((layout.target[down] - first) * many // max(span, 1)).astype(np.min_scalar_type(many))
    order = np.argsort(of, kind="stable")
    borders = np.searchsorted(of, np.arange(many + 1), sorter=order)
    nodes = first + -(-np.arange(many + 1) * span // many)
    begins = rows.start + np.searchsorted(layout.source[rows], nodes)

    def match(at: int) -> None:
        asking = slice(begins[at], begins[at + 1])
        up = np.nonzero(layout.source[asking] < layout.target[asking])[0] + asking.start
        other = down[order[borders[at] : borders[at + 1]]]
        if not len(up) or not len(other):
            return
        asked = (layout.source[up] - nodes[at]) * span + (layout.target[up] - first)  # sorted, as the rows are
        places, wanted = in_order((layout.target[other] - nodes[at]) * span + (layout.source[other] - first))
        found = np.minimum(np.searchsorted(asked, wanted), len(asked) - 1)
        both = np.nonzero(asked[found] == wanted)[0]
        up, other = up[found[both]], other[places[both]]
        back[up], back[other] = other, up

    spread(match, range(many))


def _count(layout: Layout, rule: EdgeRule, rows: slice, back: Ints) -> Counters:
    answers = layout.answers[rows]
    counted = np.zeros((5, len(answers)), answers.dtype)
    counted[:3] = answers.T
    counted[4] = counted[0] + counted[1] + counted[2]
    both = np.nonzero(back >= 0)[0]
    if len(both):
        other = layout.answers[back[both]]
        counted[3, both] = other[:, 0]
        counted[4, both] += other.sum(axis=1)
    return derive(counted, rule)


def _pooled(layout: Layout, rule: EdgeRule) -> Kept:
    low, high, pair = unordered(layout.source, layout.target)
    keys, place = distinct(layout.node_card[low] * max(len(layout.cards), 1) + layout.node_card[high])
    slot = 2 * place[pair] + (layout.source > layout.target)
    own = np.stack([np.bincount(slot, answers, 2 * len(keys)) for answers in layout.answers.T], axis=1).astype(np.int64)
    other = own.reshape(-1, 2, 3)[:, ::-1].reshape(-1, 3)
    counters = derive(np.stack([*own.T, other[:, 0], own.sum(axis=1) + other.sum(axis=1)]), rule)
    keep = rule.keep(counters) & own.any(axis=1)
    weight = np.maximum(counters.likelihood, 0.0)
    up, down = np.nonzero(keep[2 * place])[0], np.nonzero(keep[2 * place + 1])[0]
    order, source = in_order(np.concatenate([low[up], high[down]]))
    target = np.concatenate([high[up], low[down]])
    value = np.concatenate([weight[2 * place[up]], weight[2 * place[down] + 1]])
    return Kept(source, target[order], value[order])
