"""From scores per card to a RANKS table: order, shared ranks, intervals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from graphengine.ranking.cores import spread
from graphengine.tables import RANKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graphengine.ranking.arrays import Ints, Reals


TIE = 1e-9
"""Scores this close share a rank."""

Z90 = 1.6448536269514722
"""Half width of a 90% interval, in standard deviations."""

COVERED, PARTS = 0.9, 2**40
"""A set of cards that answers has a total P(top) of at least `COVERED`, counted in `PARTS` of 1."""

_PART_NODES = 200_000


@dataclass(frozen=True)
class Scores:
    """Scores of cards within contexts, sorted by context and card id.

    `answers` is the number of answers about each card, `decided` of those that are not "unsure"; they, `sd`, `p_top`
    and the rank interval are None for a method without uncertainty. `tie` is (contexts,): scores that close share a
    rank; by default `TIE`.
    """

    contexts: pa.Array
    cards: pa.Array
    node_context: Ints
    node_card: Ints
    score: Reals
    component: Ints
    answers: Ints | None = None
    sd: Reals | None = None
    p_top: Reals | None = None
    rank_lower: Ints | None = None
    rank_upper: Ints | None = None
    tie: Reals | None = None
    decided: Ints | None = None

    def table(self) -> pa.Table:
        """RANKS sorted by context, rank, card id.

        `tied_top` is the smallest set of cards that has P(top) >= .9, the answer where no single winner is named; for a
        method without P(top), the cards of rank 1.
        """
        order, rank = self._order_and_rank
        columns: dict[str, Callable[[], Any]] = {
            "context_id": lambda: self.contexts.take(pa.array(self.node_context)),
            "card_id": lambda: self.cards.take(pa.array(self.node_card[order])), "rank": lambda: rank,
            "score": lambda: self.score[order], "component": lambda: self.component[order],
            "tied_top": lambda: self._tied_top(order, rank),
        }
        if (sd := self.sd) is not None:
            columns["sd"] = lambda: sd[order]
            columns["lower"] = lambda: self.score[order] - Z90 * sd[order]
            columns["upper"] = lambda: self.score[order] + Z90 * sd[order]
        if (p_top := self.p_top) is not None:
            columns["p_top"] = lambda: p_top[order]
        if (low := self.rank_lower) is not None and (high := self.rank_upper) is not None:
            columns["rank_lower"] = lambda: np.minimum(low[order], rank)
            columns["rank_upper"] = lambda: np.maximum(high[order], rank)

        def column(field: pa.Field) -> pa.Array:
            make = columns.get(field.name)
            return pa.nulls(len(order), field.type) if make is None else pa.array(make(), field.type)

        return pa.table(spread(column, RANKS.schema, len(order)), schema=RANKS.schema)

    def answers_in_order(self) -> tuple[Ints, Ints]:
        """`answers` and `decided` in the order of the table's rows; 0 where they play no part."""
        order, _ = self._order_and_rank
        answers, decided = (np.zeros(len(order), np.int64) if each is None else each[order]
                            for each in (self.answers, self.decided))
        return answers, decided

    @cached_property
    def _start(self) -> Ints:
        return np.searchsorted(self.node_context, np.arange(len(self.contexts) + 1))

    @cached_property
    def _order_and_rank(self) -> tuple[Ints, Ints]:
        """Nodes by context, falling score, card id, and the rank of each; close scores share the rank of the first."""
        start = self._start
        order = np.empty(len(self.score), np.int64)
        spread(lambda part: _by_falling_score(self.score, start, part, order), _parts(np.diff(start)), len(order))
        score = self.score[order]
        nodes = len(order)
        new_context = np.zeros(nodes, bool)
        new_context[start[:-1][start[:-1] < nodes]] = True
        new_rank = new_context.copy()
        gap = score[:-1] - score[1:]
        new_rank[1:] |= gap > (TIE if self.tie is None else self.tie[self.node_context[1:]])
        _settle_ties(order, new_rank)
        position = np.arange(nodes)
        first_of_rank = np.maximum.accumulate(np.where(new_rank, position, 0))
        return order, first_of_rank - start[self.node_context] + 1

    def _tied_top(self, order: Ints, rank: Ints) -> NDArray[np.bool_]:
        if self.p_top is None:
            return rank == 1
        return covering(self.p_top[order], self._start)


def covering(p_top: Reals, start: Ints) -> NDArray[np.bool_]:
    """Per context the smallest set of cards whose P(top) is at least `COVERED` in total.

    Args:
        p_top: (rows,), context by context, by rank.
        start: (contexts + 1,) first row of each context.
    """
    order = np.empty(len(p_top), np.int64)
    spread(lambda part: _by_falling_score(p_top, start, part, order), _parts(np.diff(start)), len(order))
    # Whole numbers, so that a context's sums do not depend on those before it.
    share = np.rint(p_top[order] * PARTS).astype(np.int64)
    before = np.cumsum(share) - share
    before -= np.repeat(before[np.minimum(start[:-1], len(before) - 1)] if len(before) else before, np.diff(start))
    top = np.empty(len(order), bool)
    top[order] = before < (COVERED - 1e-9) * PARTS
    return top


def _parts(sizes: Ints) -> list[Ints]:
    """Contexts of equal size together, at most `_PART_NODES` nodes in a part."""
    parts = []
    for size in np.unique(sizes[sizes > 0]).tolist():
        members = np.nonzero(sizes == size)[0]
        take = max(1, _PART_NODES // size)
        parts += [members[at : at + take] for at in range(0, len(members), take)]
    return parts


def _by_falling_score(score: Reals, start: Ints, contexts: Ints, order: Ints) -> None:
    """Fill in the order of some contexts of equal size: falling score, then row."""
    size = int(start[contexts[0] + 1] - start[contexts[0]])
    rows = start[contexts][:, None] + np.arange(size)
    order[rows] = np.take_along_axis(rows, np.argsort(-score[rows], axis=1, kind="stable"), axis=1)


def _settle_ties(order: Ints, new_rank: NDArray[np.bool_]) -> None:
    """Cards that share a rank by close but unequal scores: by card id."""
    wrong = np.nonzero(~new_rank[1:] & (order[1:] < order[:-1]))[0]
    if len(wrong):
        group = np.cumsum(new_rank)
        rows = np.nonzero(np.isin(group, group[wrong]))[0]
        order[rows] = order[rows][np.lexsort((order[rows], group[rows]))]
