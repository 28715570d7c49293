"""The edges of a rule as numbers, straight from the layout: what PageRank walks on."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from graphengine.ranking.cores import spread
from graphengine.ranking.keys import distinct
from graphengine.ranking.layout import parts
from graphengine.ranking.rules import derive

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.layout import Layout
    from graphengine.ranking.rules import EdgeRule


class Kept(NamedTuple):
    """Edges between nodes of a layout, context by context; `weight` is 0 or more. Each (edges,)."""

    source: Ints
    target: Ints
    weight: Reals


class _Pairs(NamedTuple):
    low: Ints  # (pairs,) node of the smaller card id
    high: Ints
    slot: Ints  # (rows,) 2 * pair, + 1 where the row asks from high to low


def kept_edges(layout: Layout, rule: EdgeRule) -> Kept:
    """The edges that `rule_edges` gives for the same answers, in every context that they name."""
    if not rule.per_context:
        return _pooled(layout, rule)
    done = spread(lambda part: _of_contexts(layout, rule, *part), parts(layout.row_start))
    empty = Kept(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return Kept(*(np.concatenate(columns) for columns in zip(empty, *done, strict=True)))


def _of_contexts(layout: Layout, rule: EdgeRule, first: int, last: int) -> Kept:
    rows = slice(layout.row_start[first], layout.row_start[last])
    pairs, answers = _pair_up(layout, rows), layout.answers[rows]
    wiser, not_wiser, unsure = answers.T
    total = wiser + not_wiser + unsure
    own = np.zeros((2, 2 * len(pairs.low)), np.int64)
    own[:, pairs.slot] = wiser, total
    less_wise, asked_back = own[:, pairs.slot ^ 1]
    counters = derive(np.stack([wiser, not_wiser, unsure, less_wise, total + asked_back]), rule)
    keep = rule.keep(counters)
    return Kept(layout.source[rows][keep], layout.target[rows][keep], np.maximum(counters.likelihood[keep], 0.0))


def _pooled(layout: Layout, rule: EdgeRule) -> Kept:
    pairs = _pair_up(layout, slice(0, len(layout.source)))
    low, high = layout.node_card[pairs.low], layout.node_card[pairs.high]
    keys, place = distinct(low * max(len(layout.cards), 1) + high)
    slot = 2 * place[pairs.slot >> 1] + (pairs.slot & 1)
    own = np.stack([np.bincount(slot, answers, 2 * len(keys)) for answers in layout.answers.T], axis=1).astype(np.int64)
    other = own.reshape(-1, 2, 3)[:, ::-1].reshape(-1, 3)
    counters = derive(np.stack([*own.T, other[:, 0], own.sum(axis=1) + other.sum(axis=1)]), rule)
    keep = rule.keep(counters) & own.any(axis=1)
    weight = np.maximum(counters.likelihood, 0.0)
    up, down = np.nonzero(keep[2 * place])[0], np.nonzero(keep[2 * place + 1])[0]
    at = np.concatenate([up, down])
    order = np.argsort(at, kind="stable")
    source = np.concatenate([pairs.low[up], pairs.high[down]])
    target = np.concatenate([pairs.high[up], pairs.low[down]])
    value = np.concatenate([weight[2 * place[up]], weight[2 * place[down] + 1]])
    return Kept(source[order], target[order], value[order])


def _pair_up(layout: Layout, rows: slice) -> _Pairs:
    source, target = layout.source[rows], layout.target[rows]
    if not len(source):
        return _Pairs(source, target, source)
    low, high = np.minimum(source, target), np.maximum(source, target)
    first = int(low.min())
    span = int(high.max()) - first + 1
    keys, pair = distinct((low - first) * span + (high - first))
    return _Pairs(keys // span + first, keys % span + first, 2 * pair + (source > target))
