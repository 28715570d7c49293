"""The edges of a rule as numbers, straight from the layout: what PageRank walks on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from graphengine.ranking.cores import spread
from graphengine.ranking.keys import distinct, in_order, unordered
from graphengine.ranking.layout import parts
from graphengine.ranking.rules import derive

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.layout import Layout
    from graphengine.ranking.rules import Counters, EdgeRule


_ROWS = 100_000  # that are looked at together: what is worked out of them stays in the cache


class Kept(NamedTuple):
    """Edges between nodes of a layout, context by context; `weight` is 0 or more. Each (edges,)."""

    source: Ints
    target: Ints
    weight: Reals


def kept_edges(layout: Layout, rule: EdgeRule) -> Kept:
    """The edges that `rule_edges` gives for the same answers, in every context that they name."""
    if not rule.per_context:
        return _pooled(layout, rule)
    back = np.full(len(layout.source), -1, np.int64)
    spread(lambda part: _ask_back(layout, part, back), parts(layout.row_start))
    ranges = [slice(at, at + _ROWS) for at in range(0, len(back), _ROWS)]
    keep, weight = np.empty(len(back), bool), np.empty(len(back))

    def look(rows: slice) -> None:
        counters = _count(layout, rule, rows, back[rows])
        keep[rows], weight[rows] = rule.keep(counters), np.maximum(counters.likelihood, 0.0)

    spread(look, ranges)
    if keep.all():
        return Kept(layout.source, layout.target, weight)
    return Kept(layout.source[keep], layout.target[keep], weight[keep])


def _ask_back(layout: Layout, part: tuple[int, int], back: Ints) -> None:
    """Fill in, for the rows of some contexts, the row that asks about the same two cards the other way round."""
    rows = slice(layout.row_start[part[0]], layout.row_start[part[1]])
    source, target = layout.source[rows], layout.target[rows]
    first = layout.start[part[0]]
    span = int(layout.start[part[1]] - first)
    up = np.nonzero(source < target)[0]
    down = np.nonzero(source > target)[0]
    if not len(up) or not len(down):
        return
    asked = (source[up] - first) * span + (target[up] - first)  # sorted, as the rows are
    places, wanted = in_order((target[down] - first) * span + (source[down] - first))
    at = np.minimum(np.searchsorted(asked, wanted), len(asked) - 1)
    both = np.nonzero(asked[at] == wanted)[0]
    one, other = up[at[both]], down[places[both]]
    back[rows.start + one], back[rows.start + other] = rows.start + other, rows.start + one


def _count(layout: Layout, rule: EdgeRule, rows: slice, back: Ints) -> Counters:
    answers = layout.answers[rows]
    counted = np.zeros((5, len(answers)), np.int64)
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
    at = np.concatenate([up, down])
    order = np.argsort(at, kind="stable")
    source = np.concatenate([low[up], high[down]])
    target = np.concatenate([high[up], low[down]])
    value = np.concatenate([weight[2 * place[up]], weight[2 * place[down] + 1]])
    return Kept(source[order], target[order], value[order])
