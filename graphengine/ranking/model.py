"""The default model: Bradley-Terry with a band for "unsure" and a yes-bias.

Asked whether card `to` is wiser than card `from`, with d = θ_to - θ_from + β_c, β_c the yes-bias of the context, and s
the logistic function:

    P(wiser) = s(d - τ)      P(not wiser) = s(-d - τ)      P(unsure) = (1 - s(d - τ)) (1 - s(-d - τ)) (1 - exp(-2τ))

The last form equals 1 - P(wiser) - P(not wiser) but keeps its digits when it goes to zero, and splits the
log likelihood into two logistic terms and one that knows τ alone. (Ties as in Rao and Kupper 1967, "Ties in
paired-comparison experiments", JASA 62; β_c takes up that people tend to say yes, more readily in some contexts than in
others.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Reals


NotWiser = Literal["against", "tie"]
"""What "not wiser" says: that the card asked from is the wiser one, or only that the step was no gain."""

BETA_VARIANCE = 2.0
LOG_TAU_MEAN = float(np.log(0.5))
LOG_TAU_VARIANCE = 1.0
LOG_SIGMA_VARIANCE = 1.0
OMEGA_SD = 0.5
"""Scale of the half-normal prior of ω."""


class Terms(NamedTuple):
    """Log likelihood per row and its derivatives by d and by λ = log τ, each (rows,)."""

    value: Reals
    d: Reals
    tau: Reals
    dd: Reals
    d_tau: Reals
    tau_tau: Reals


def terms(d: Reals, log_tau: float, answers: Reals) -> Terms:
    """Log likelihood of answers (rows, 3: wiser, not_wiser, unsure) at differences d (rows,).

    `dd` is never positive; `tau_tau` is by log τ and can be.
    """
    tau = float(np.exp(log_tau))
    yes, no, unsure = answers[:, 0], answers[:, 1], answers[:, 2]
    (a, log_a), (b, log_b) = _logistic(d - tau), _logistic(-d - tau)
    slope_a, slope_b = (yes + unsure) * a * (1 - a), (no + unsure) * b * (1 - b)
    # log(1 - s(x)) = log s(x) - x
    value = (
        yes * log_a + no * log_b
        + unsure * (log_a + log_b + 2 * tau + np.log(-np.expm1(-2 * tau)))
    )
    by_tau = -yes * (1 - a) - no * (1 - b) + unsure * (a + b)
    # For log τ: τ·2/(exp(2τ) - 1) and τ²/sinh²(τ) stay finite as τ goes to zero or grows.
    grow = 2 * tau * np.exp(-2 * tau) / -np.expm1(-2 * tau)
    bend = 4 * tau * tau * np.exp(-2 * tau) / np.expm1(-2 * tau) ** 2
    first = tau * by_tau + unsure * grow
    return Terms(
        value, yes * (1 - a) - no * (1 - b) + unsure * (b - a), first, -slope_a - slope_b,
        tau * (slope_a - slope_b), first - tau * tau * (slope_a + slope_b) - unsure * bend,
    )


def _logistic(x: Reals) -> tuple[Reals, Reals]:
    """s(x) and log s(x), without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1.0 + small), np.minimum(x, 0.0) - np.log1p(small)


def weigh(answers: Reals, not_wiser: NotWiser) -> Reals:
    """Answers as the model reads them: under "tie", "not wiser" is one more "unsure"."""
    if not_wiser == "against":
        return answers
    return np.stack([answers[:, 0], np.zeros(len(answers)), answers[:, 1] + answers[:, 2]], axis=1)
