"""What the answer to a question is expected to say about the winner of a context."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints, Reals


def information(draws: Reals, top: Ints, p_top: Reals, low: Ints, high: Ints, tau: float) -> Reals:
    """Mutual information in bits between the answer to a question and the best card.

    Args:
        draws: (k + 1, draws) strengths and β.
        top: (draws,) the best card of each.
        p_top: (k,) share of the draws that each card is best in.
        low: (pairs,) cards.
        high: (pairs,) cards.
        tau: Half width of the band of "unsure".

    Returns:
        (pairs, 2): of asking whether `high` is wiser than `low`, and of the opposite question.
    """
    winners = np.nonzero(p_top)[0]
    best_in = (top[:, None] == winners).astype(np.float32)
    best_in /= best_in.sum(axis=0)
    share = p_top[winners].astype(np.float32)
    # With e = exp(θ), b = exp(β), t = exp(τ): P(wiser) = e_to b / (e_to b + t e_from), P(not wiser) = e_from /
    # (e_from + t e_to b): no exponential for every pair and draw.
    plain = np.exp(np.clip(draws[:-1] - draws[:-1].mean(), -30, 30))
    bias, band = np.exp(draws[-1]), np.float32(np.exp(tau))
    biased, banded, both = plain * bias, plain * band, plain * (bias * band)
    said = np.empty((4, len(low), draws.shape[1]), np.float32)  # wiser, not wiser of either direction
    for at, (of, over, under) in enumerate((
        (biased, high, banded[low]), (plain, low, both[high]), (biased, low, banded[high]), (plain, high, both[low]),
    )):
        part = of[over]
        np.add(part, under, out=said[at])
        np.divide(part, said[at], out=said[at])
    within = said @ best_in
    within = np.concatenate([within, (within @ share)[:, :, None]], axis=2)  # given each winner; whoever wins
    yes, no = within[0::2], within[1::2]
    p = np.maximum(np.stack([yes, no, 1 - yes - no]), 1e-12)
    entropy = -(p * np.log2(p)).sum(axis=0)
    return np.maximum(entropy[:, :, -1] - entropy[:, :, :-1] @ share, 0).T
