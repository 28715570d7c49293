"""Rankings by Copeland's rule: pairs won less pairs lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graphengine.ranking.layout import lay_out
from graphengine.ranking.wins import pair_up, per_node, without_uncertainty

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking.model import NotWiser
    from graphengine.ranking.output import Scores


def copeland(counts: pa.Table, not_wiser: NotWiser = "against") -> Scores:
    """The number of cards that a card beats by majority, less the number that beat it.

    score(i) = Σ_j sign(wins of i over j - wins of j over i), over the cards j that were compared with i. A card asked
    about as wiser wins by "wiser"; the card asked from by "not wiser" (`against`; under `tie` it speaks for neither);
    "unsure" speaks for neither.

    Assumes that every pair was asked: a pair without answers counts like a draw, so a card gains by being compared with
    many weak ones. A majority of one counts like one of a hundred. Ties are frequent.

    Args:
        counts: COUNTS, in any row order.
        not_wiser: "against" or "tie".

    Source: Copeland 1951, "A reasonable social welfare function", University of Michigan; the score is Llull's (1299).

    Example:
        >>> from graphengine import tables
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 6, "not_wiser": 1, "unsure": 0},
        ...     {"context_id": "c", "from_id": "a", "to_id": "d", "wiser": 1, "not_wiser": 1, "unsure": 4}])
        >>> copeland(counts).score.tolist()  # a loses to b and draws with d
        [-1.0, 1.0, 0.0]
    """
    layout = lay_out(counts)
    pairs = pair_up(layout, not_wiser)
    sign = np.sign(pairs.answers[:, 0] - pairs.answers[:, 1])
    return without_uncertainty(layout, per_node(pairs, sign, -sign))
