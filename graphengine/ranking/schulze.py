"""Rankings by Schulze's rule: strongest paths of majorities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graphengine.errors import RankingError
from graphengine.ranking.layout import blocks, lay_out
from graphengine.ranking.wins import pair_up, without_uncertainty

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking.arrays import Reals
    from graphengine.ranking.layout import Block
    from graphengine.ranking.model import NotWiser
    from graphengine.ranking.output import Scores

MOST_CARDS = 3_000
"""Every pair of cards has a path to be found: a context of more cards would take minutes."""


def schulze(counts: pa.Table, not_wiser: NotWiser = "against") -> Scores:
    """Minus the number of cards that beat a card by a stronger path.

    The strength of a majority is its margin (wins of j over i less wins of i over j, where positive), that of a path
    its weakest majority; p(i, j) is the strength of the strongest path from i to j. i beats j if p(i, j) > p(j, i),
    which is transitive. Score 0 are Schulze's winners, unbeaten; a card's score is always above that of the cards that
    it beats. "wiser" is a win for the card asked about, "not wiser" one for the card asked from (`against`; under `tie`
    it is for neither), "unsure" for neither.

    Assumes a full tournament. Where most pairs were never asked, many cards are unbeaten only because nobody asked, and
    tie for the first rank. Elects the Condorcet winner where there is one, and does not depend on copies of a card.

    Args:
        counts: COUNTS, in any row order.
        not_wiser: "against" or "tie".

    Raises:
        RankingError: If a context has more than `MOST_CARDS` cards.

    Source: Schulze 2011, "A new monotonic, clone-independent, reversal symmetric, and condorcet-consistent
    single-winner election method", Social Choice and Welfare 36.

    Example:
        >>> from graphengine import tables
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": x, "to_id": y, "wiser": n, "not_wiser": 0, "unsure": 1}
        ...     for x, y, n in [("a", "b", 8), ("b", "d", 6), ("d", "a", 4)]])  # a circle: its weakest link gives way
        >>> schulze(counts).score.tolist()
        [-2.0, -1.0, 0.0]
    """
    layout = lay_out(counts)
    largest = int(layout.sizes.max(initial=0))
    if largest > MOST_CARDS:
        raise RankingError(
            f"a context has {largest:,} cards; schulze compares all paths between at most {MOST_CARDS:,}",
            hint="rank by another method: graphengine rank --method copeland", method="schulze", cards=largest,
        )
    pairs = pair_up(layout, not_wiser)
    score = np.empty(len(layout.node_card))
    for block in blocks(pairs):
        path = _strongest_paths(block)
        beaten = (path > path.transpose(0, 2, 1)).sum(axis=1)
        score[block.nodes[block.real]] = -beaten[block.real].astype(np.float64)
    return without_uncertainty(layout, score + 0.0)


def _strongest_paths(block: Block) -> Reals:
    """(m, width, width) p(i, j): Floyd and Warshall's algorithm on all contexts of a block at once."""
    m, width = block.nodes.shape
    margin = block.answers[:, 0] - block.answers[:, 1]
    winner = np.where(margin >= 0, block.target, block.source)
    loser = np.where(margin >= 0, block.source, block.target)
    path = np.zeros(m * width * width)
    path[winner * width + loser % width] = np.abs(margin)
    path = path.reshape(m, width, width)
    through = np.empty_like(path)
    for k in range(width):
        np.minimum(path[:, :, k : k + 1], path[:, k : k + 1, :], out=through)
        np.maximum(path, through, out=path)
    return path
