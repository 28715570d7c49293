"""What a moral graph offers around its rankings: making them, and judging how far they hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphengine import ranked

if TYPE_CHECKING:
    from graphengine.answers import RankOutcome
    from graphengine.store.base import Store


class Judging:
    """The part of `graphengine.MoralGraph` that ranks."""

    store: Store

    def rank(
        self, method: str = "bradley-terry", *, edge_rule: str = "mai-2023", not_wiser: str = "against",
        confidence: float = 0.8, scores: str = "normalised", tallies: bool = False,
    ) -> RankOutcome:
        """Rank the cards of every context and derive the wiser edges; both are stored in the graph.

        Args:
            method: `bradley-terry`, or `pagerank` over the edges of a rule.
            edge_rule: For pagerank: a name of `graphengine.ranking.EDGE_RULES`.
            not_wiser: `against`: a "not wiser" counts for the card asked from; `tie`: for neither.
            confidence: The least P(top) of a single winner.
            scores: For pagerank: `normalised` (sum to 1 in each context) or `published` (as the published code).
            tallies: Let bradley-terry use published tallies as if they were votes.

        Raises:
            RankingError: If the method can't run on what there is.
        """
        return ranked.rank(self.store, method, edge_rule, not_wiser, confidence, scores, tallies)
