"""Rankings by the smoothed share of wins: the transparent baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphengine.ranking.layout import lay_out
from graphengine.ranking.wins import pair_up, per_node, without_uncertainty

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking.model import NotWiser
    from graphengine.ranking.output import Scores


def win_rate(counts: pa.Table, not_wiser: NotWiser = "against") -> Scores:
    """Share of the answers about a card that favour it, smoothed: (wins + 1) / (answers + 2).

    A card asked about as wiser wins by "wiser"; the card asked from wins by "not wiser" (`against`), or both win half
    (`tie`); "unsure" is half a win for both. The share is Laplace's rule of succession, the mean of a Beta posterior
    from a flat prior, so 1 of 1 answers (.67) counts less than 9 of 10 (.83), and nothing is ever 0 or 1.

    Assumes that all opponents are equally strong and that being asked about is no advantage: beating weak cards counts
    like beating strong ones, and the yes-bias is taken for wisdom. The score says nothing of how sure it is.

    Args:
        counts: COUNTS, in any row order.
        not_wiser: "against" or "tie".

    Source: Laplace 1774 (rule of succession); the share of wins is the Borda count of incomplete comparisons.

    Example:
        >>> from graphengine import tables
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 6, "not_wiser": 1, "unsure": 0}])
        >>> win_rate(counts).score.round(3).tolist()  # (1 + 1) / 9, (6 + 1) / 9
        [0.222, 0.778]
    """
    layout = lay_out(counts)
    pairs = pair_up(layout, not_wiser)
    for_target, for_source = pairs.answers.T
    total = for_target + for_source
    return without_uncertainty(layout, (per_node(pairs, for_target, for_source) + 1) / (
        per_node(pairs, total, total) + 2))
