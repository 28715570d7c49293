"""`WISER` edges: one per unordered pair and context with answers, pointing to the card more probably wiser."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from graphengine.ranking.keys import distinct, ranges, unordered
from graphengine.ranking.layout import Layout, blocks, lay_out
from graphengine.ranking.model import weigh
from graphengine.ranking.output import TIE, Z90
from graphengine.ranking.posterior import posterior
from graphengine.tables import ANSWERS, COUNTS, EDGES

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.calibration import Calibration
    from graphengine.ranking.model import NotWiser

SHOWN_MODEL = 0.95
SHOWN_MAJORITY = 0.9
SHOWN_VOTES = 3
"""An edge is shown as wiser from these probabilities and answers on."""


class Pairs(NamedTuple):
    """The unordered pairs of a layout.

    Attributes:
        low: (pairs,) node of the smaller card id.
        high: (pairs,) node of the other one.
        up: (pairs, 3) answers to "is high wiser than low?"
        down: (pairs, 3) answers to "is low wiser than high?"
    """

    low: Ints
    high: Ints
    up: Ints
    down: Ints

    def of(self, layout: Layout, contexts: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """The pairs of some contexts: which of the contexts, which pairs, and the places of low and high there."""
        first = np.searchsorted(layout.node_context[self.low], np.arange(len(layout.contexts) + 1))
        owner, which, _ = ranges(first[contexts], first[contexts + 1])
        start = layout.start[contexts][owner]
        return owner, which, self.low[which] - start, self.high[which] - start


def wiser_edges(counts: pa.Table, calibration: Calibration, *, unanswered: bool = False) -> pa.Table:
    """The EDGES of all contexts under a calibration.

    With m and s the mean and standard deviation of θ_to - θ_from (s² = own² + shared², where `shared` is what is not
    known of β and τ): `p_model` = Φ(m / s), yes-bias removed; its interval is Φ((m ± 1.645 shared) / own). An edge
    points to the card with p_model > .5; at exactly .5 to the one with the higher `p_majority`, and then to the
    smaller id.

    `p_majority` is the mean of Beta(1 + favour, 1 + n - favour), with its 5% and 95% quantiles, n = all answers on the
    pair ("unsure" included) and favour = "wiser" for `to` plus "not wiser" for `from` (the latter only if the
    calibration reads "not wiser" as against).

    Args:
        counts: COUNTS, in any row order.
        calibration: From `calibrate`.
        unanswered: Whether a pair that only has rows without answers gets an edge too (see `all_pairs`).

    Returns:
        EDGES sorted by context, from card, to card.
    """
    layout = lay_out(counts, unanswered=unanswered)
    return edges_by(layout, calibration.not_wiser, lambda pairs: _differences(layout, pairs, calibration))


def all_pairs(counts: pa.Table) -> pa.Table:
    """COUNTS with a row for every pair of cards of a context: without answers where nobody was asked.

    Example:
        >>> from graphengine import tables
        >>> asked = [{"context_id": "c", "from_id": "a", "to_id": to, "wiser": 1, "not_wiser": 0, "unsure": 0}
        ...          for to in "bd"]
        >>> all_pairs(tables.COUNTS.table(asked)).select(["from_id", "to_id", "wiser"]).to_pylist()[-1]
        {'from_id': 'b', 'to_id': 'd', 'wiser': 0}
    """
    layout = lay_out(counts)
    places = [np.triu_indices(size, 1) for size in layout.sizes.tolist()]
    first = np.repeat(layout.start[:-1], [len(one) for one, _ in places])
    none = np.zeros(0, np.int64)
    low, high = (np.concatenate([none, *(place[end] for place in places)]) + first for end in (0, 1))
    told_low, told_high, _ = unordered(layout.source, layout.target)
    nodes = max(len(layout.node_card), 1)
    new = ~np.isin(low * nodes + high, told_low * nodes + told_high)
    context, card = layout.context_column(), layout.card_column()
    source, target = pa.array(low[new]), pa.array(high[new])
    answers = [pa.array(np.zeros(int(new.sum()), np.int64))] * len(ANSWERS)
    added = pa.table([context.take(source), card.take(source), card.take(target), *answers],
                     names=COUNTS.schema.names).cast(COUNTS.schema)
    return pa.concat_tables([counts.select(COUNTS.schema.names).cast(COUNTS.schema), added])


def edges_by(
    layout: Layout, not_wiser: NotWiser, differences: Callable[[Pairs], tuple[Reals, Reals, Reals]]
) -> pa.Table:
    """The EDGES of a layout under any model of the differences.

    Args:
        layout: The layout.
        not_wiser: How "not wiser" is read.
        differences: For pairs: mean of θ_high - θ_low, its sd if β and τ were known, and its sd from what is not known
            of them.
    """
    if not len(layout.source):
        return EDGES.empty()
    pairs = _pair_up(layout)
    mean, own, shared = differences(pairs)
    against = not_wiser == "against"
    answers = pairs.up.sum(axis=1) + pairs.down.sum(axis=1)
    for_high = pairs.up[:, 0] + (pairs.down[:, 1] if against else 0)
    for_low = pairs.down[:, 0] + (pairs.up[:, 1] if against else 0)
    mean = np.where(np.abs(mean) <= TIE, 0.0, mean)
    to_high = (mean > 0) | ((mean == 0) & (for_high > for_low))
    return _table(layout, pairs, to_high, np.abs(mean), own, shared,
                  _majority(np.where(to_high, for_high, for_low), answers))


def shown(edges: pa.Table, not_wiser: NotWiser = "against") -> pa.Array:
    """Which edges are certain enough to be shown as WISER; nothing is ever left out of a ranking for it.

    `p_model` >= .95, or at least 3 answers on the pair and P(p > ½) > .9, with p the share of all answers on the pair
    that favour `to_id`: the Beta posterior of `p_majority`, yes-bias and all.

    Args:
        edges: EDGES.
        not_wiser: As the edges' calibration reads it.

    Returns:
        A boolean for each row.

    Example:
        >>> from graphengine import tables
        >>> row = {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 0, "not_wiser": 0, "unsure": 0,
        ...        "wiser_reverse": 0, "not_wiser_reverse": 0, "unsure_reverse": 0, "p_model": 0.8}
        >>> rows = [row, row | {"p_model": 0.95}, row | {"wiser": 3}, row | {"wiser": 2}]
        >>> shown(tables.EDGES.table(rows)).to_pylist()
        [False, True, True, False]
    """
    from scipy.special import betainc

    def answers(name: str) -> Ints:
        return edges.column(name).to_numpy()

    favour = answers("wiser") + (answers("not_wiser_reverse") if not_wiser == "against" else 0)
    votes = sum(answers(name + which) for name in ANSWERS for which in ("", "_reverse"))
    # P(p > ½) for p ~ Beta(a, b) is P(1 - p < ½), and 1 - p ~ Beta(b, a).
    beta = betainc(1.0 + votes - favour, 1.0 + favour, 0.5)
    certain = (answers("p_model") >= SHOWN_MODEL) | ((beta > SHOWN_MAJORITY) & (votes >= SHOWN_VOTES))
    return pa.array(certain, pa.bool_())


def _pair_up(layout: Layout) -> Pairs:
    low, high, pair = unordered(layout.source, layout.target)
    up, down = np.zeros((len(low), 3), np.int64), np.zeros((len(low), 3), np.int64)
    upward = layout.source < layout.target
    up[pair[upward]] = layout.answers[upward]
    down[pair[~upward]] = layout.answers[~upward]
    return Pairs(low, high, up, down)


def _differences(layout: Layout, pairs: Pairs, calibration: Calibration) -> tuple[Reals, Reals, Reals]:
    """Per pair: mean of θ_high - θ_low, its sd if β and τ were known, and its sd from what is not known of them."""
    n = len(pairs.low)
    mean, own, shared = np.empty(n), np.empty(n), np.empty(n)
    for block in blocks(layout):
        found = posterior(block, weigh(block.answers, calibration.not_wiser), calibration)
        owner, which, low, high = pairs.of(layout, block.contexts)
        mean[which] = found.theta[owner, high] - found.theta[owner, low]
        own[which] = np.sqrt(found.own_variance_of_difference(owner, high, low))
        move = found.shared[owner, high] - found.shared[owner, low]
        shared[which] = shared_sd(move, calibration)
    return mean, own, shared


def shared_sd(move: Reals, calibration: Calibration) -> Reals:
    """The sd that what is not known of β and log τ gives to numbers that move with them by `move` (n, 2)."""
    c = np.array(calibration.covariance)
    return np.sqrt(move[:, 0] ** 2 * c[0, 0] + 2 * move[:, 0] * move[:, 1] * c[0, 1] + move[:, 1] ** 2 * c[1, 1])


def _majority(favour: Ints, answers: Ints) -> tuple[Reals, Reals, Reals]:
    """Mean, 5% and 95% quantile of Beta(1 + favour, 1 + answers - favour)."""
    from scipy.special import betaincinv

    # Few distinct pairs of numbers occur, and quantiles are slow.
    (n, of_n), (k, of_k) = distinct(answers), distinct(favour)
    keys, place = distinct(of_n * len(k) + of_k)
    n, k = n[keys // len(k)], k[keys % len(k)]
    yes, no = 1.0 + k, 1.0 + n - k
    return (yes / (yes + no))[place], betaincinv(yes, no, 0.05)[place], betaincinv(yes, no, 0.95)[place]


def _table(
    layout: Layout, pairs: Pairs, to_high: NDArray[np.bool_], margin: Reals, own: Reals, shared: Reals,
    majority: tuple[Reals, Reals, Reals],
) -> pa.Table:
    from scipy.special import ndtr

    source = np.where(to_high, pairs.low, pairs.high)
    target = np.where(to_high, pairs.high, pairs.low)
    order = np.lexsort((target, source))
    answers = np.where(to_high[:, None], pairs.up, pairs.down)[order]
    reverse = np.where(to_high[:, None], pairs.down, pairs.up)[order]
    context, card = layout.context_column(), layout.card_column()
    sd = np.sqrt(own**2 + shared**2)
    columns = {
        "context_id": context.take(pa.array(source[order])), "from_id": card.take(pa.array(source[order])),
        "to_id": card.take(pa.array(target[order])),
        "wiser": answers[:, 0], "not_wiser": answers[:, 1], "unsure": answers[:, 2],
        "wiser_reverse": reverse[:, 0], "not_wiser_reverse": reverse[:, 1], "unsure_reverse": reverse[:, 2],
        "p_model": ndtr(margin / sd)[order], "p_model_lower": ndtr((margin - Z90 * shared) / own)[order],
        "p_model_upper": ndtr((margin + Z90 * shared) / own)[order], "margin": margin[order], "margin_sd": sd[order],
        "p_majority": majority[0][order], "p_majority_lower": majority[1][order],
        "p_majority_upper": majority[2][order],
    }
    return pa.table([pa.array(columns[field.name], field.type) for field in EDGES.schema], schema=EDGES.schema)
