"""From scores per card to a RANKS table: order, shared ranks, intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from graphengine.tables import RANKS

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints, Reals


TIE = 1e-9
"""Scores this close share a rank."""

Z90 = 1.6448536269514722
"""Half width of a 90% interval, in standard deviations."""


@dataclass(frozen=True)
class Scores:
    """Scores of cards within contexts, sorted by context and card id.

    `answers` is the number of answers about each card; it, `sd`, `p_top` and the rank interval are None for a method
    without uncertainty.
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

    def table(self) -> pa.Table:
        """RANKS sorted by context, rank, card id; `tied_top` is still null."""
        order, rank = self.order_and_rank()
        nodes = len(order)
        columns: dict[str, object] = {
            "context_id": self.contexts.take(pa.array(self.node_context[order])),
            "card_id": self.cards.take(pa.array(self.node_card[order])), "rank": rank, "score": self.score[order],
            "component": self.component[order],
        }
        if self.sd is not None:
            columns["sd"] = self.sd[order]
            columns["lower"] = self.score[order] - Z90 * self.sd[order]
            columns["upper"] = self.score[order] + Z90 * self.sd[order]
        if self.p_top is not None:
            columns["p_top"] = self.p_top[order]
        if self.rank_lower is not None and self.rank_upper is not None:
            columns["rank_lower"] = np.minimum(self.rank_lower[order], rank)
            columns["rank_upper"] = np.maximum(self.rank_upper[order], rank)
        return pa.table(
            [
                pa.array(columns[field.name], field.type) if field.name in columns else pa.nulls(nodes, field.type)
                for field in RANKS.schema
            ],
            schema=RANKS.schema,
        )

    def answers_in_order(self) -> Ints:
        """`answers` in the order of the table's rows; 0 where they play no part."""
        order, _ = self.order_and_rank()
        return np.zeros(len(order), np.int64) if self.answers is None else self.answers[order]

    def order_and_rank(self) -> tuple[Ints, Ints]:
        """Nodes by context, falling score, card id, and the rank of each; close scores share the rank of the first."""
        nodes = len(self.score)
        rough = np.lexsort((self.node_card, -self.score, self.node_context))
        context, score = self.node_context[rough], self.score[rough]
        new_context = np.ones(nodes, bool)
        new_context[1:] = context[1:] != context[:-1]
        new_rank = new_context.copy()
        new_rank[1:] |= score[:-1] - score[1:] > TIE
        group = np.cumsum(new_rank)
        order = rough[np.lexsort((self.node_card[rough], group))]
        position = np.arange(nodes)
        first_of_context = np.maximum.accumulate(np.where(new_context, position, 0))
        first_of_rank = np.maximum.accumulate(np.where(new_rank, position, 0))
        return order, first_of_rank - first_of_context + 1
