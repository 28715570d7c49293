"""The posterior of one block of contexts, given the shared terms: most probable strengths and their covariance.

Each context has its own Newton iteration, its own step length and its own end, so its numbers don't depend on its
neighbours in the block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphengine.ranking.curvature import LARGE, Dense, Sparse, dense
from graphengine.ranking.model import Terms, terms
from graphengine.ranking.sampled import Sampled, sample
from graphengine.ranking.top import Places, places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.calibration import Calibration
    from graphengine.ranking.layout import Block

ROUNDS, TOLERANCE = 100, 1e-6
"""Of Newton's method: the most steps, and the step that ends it."""


@dataclass(frozen=True)
class State:
    """Log posterior of a block's contexts at some strengths.

    Attributes:
        theta: (m, width) strengths; 0 for padding.
        value: (m,) log likelihood + log prior of θ, without the normalising constant of the prior.
        gradient: (m, width) by θ.
        curvature: H, second derivatives of -log posterior by θ.
        cross: (m, width, 2) second derivatives of -log posterior by θ and (β, log τ).
        terms: The rows' derivatives.
    """

    theta: Reals
    value: Reals
    gradient: Reals
    curvature: Dense | Sparse
    cross: Reals
    terms: Terms


def evaluate(block: Block, answers: Reals, theta: Reals, beta: float, log_tau: float, sigma: float) -> State:
    """The log posterior and its derivatives at `theta`."""
    m, width = theta.shape
    flat, cells = theta.ravel(), theta.size
    row = terms(flat[block.target] - flat[block.source] + beta, log_tau, answers)

    def differences(values: Reals) -> Reals:
        return np.bincount(block.target, values, cells) - np.bincount(block.source, values, cells)

    precision = sigma**-2
    weight = -row.dd
    curvature = (
        Sparse(block.source, block.target, weight, precision, width) if width > LARGE
        else Dense(dense(block, weight, precision))
    )
    cross = np.stack([differences(weight), differences(-row.d_tau)], axis=1).reshape(m, width, 2)
    return State(
        theta, np.bincount(block.owner, row.value, m) - 0.5 * precision * (theta**2).sum(axis=1),
        differences(row.d).reshape(m, width) - precision * theta, curvature, cross, row,
    )


def most_probable(
    block: Block, answers: Reals, beta: float, log_tau: float, sigma: float, *, theta: Reals | None = None,
    tolerance: float = TOLERANCE,
) -> tuple[State, Reals, Reals]:
    """The strengths of highest posterior, by Newton steps that are halved where they would lose ground.

    The log posterior is strictly concave in θ, so this always ends.

    Returns:
        A state whose Newton steps are all below `tolerance`; those steps (`state.theta + step` is off by about the
        square of the tolerance, the derivatives of the state by about the tolerance); and (m, width, 2) how the
        strengths move with (β, log τ): J = -H⁻¹ H_{θ,(β, log τ)}.
    """
    now = evaluate(block, answers, np.zeros(block.nodes.shape) if theta is None else theta, beta, log_tau, sigma)
    step = move = np.zeros(0)
    for _ in range(ROUNDS):
        solved = now.curvature.solve(np.concatenate([now.gradient[:, :, None], now.cross], axis=2))
        step, move = solved[:, :, 0], -solved[:, :, 1:]
        active = np.abs(step).max(axis=1, initial=0.0) >= tolerance
        if not active.any():
            break
        scale = np.where(active, 1.0, 0.0)  # a context that is done does not move any more
        while True:
            trial = evaluate(block, answers, now.theta + scale[:, None] * step, beta, log_tau, sigma)
            worse = active & (trial.value < now.value - 1e-10 * (1 + np.abs(now.value))) & (scale > 1e-9)
            if not worse.any():
                break
            scale = np.where(worse, scale / 2, scale)
        now = trial
    return now, step, move


@dataclass(frozen=True)
class Exact:
    """Gaussian approximation (Laplace) of a block's strengths, the shared terms' uncertainty included.

    Attributes:
        theta: (m, width) most probable strengths.
        shared: (m, width, 2) how θ moves with (β, log τ): J = -H⁻¹ H_{θ,(β, log τ)}.
        own: (m, width, width) covariance if β and τ were known: H⁻¹.
        covariance: (m, width, width) H⁻¹ + J C Jᵀ.
    """

    theta: Reals
    shared: Reals
    own: Reals
    covariance: Reals

    def variance(self) -> Reals:
        """(m, width) variance of each strength."""
        return np.diagonal(self.covariance, axis1=1, axis2=2)

    def own_variance_of_difference(self, owner: Ints, one: Ints, other: Ints) -> Reals:
        """Variance of θ_one - θ_other if β and τ were known."""
        return self.own[owner, one, one] + self.own[owner, other, other] - 2 * self.own[owner, one, other]

    def places(self, real: NDArray[np.bool_]) -> Places:
        """P(top) and rank intervals."""
        return places(self.theta, self.covariance, real)


def posterior(block: Block, answers: Reals, calibration: Calibration) -> Exact | Sampled:
    """The posterior of a block's contexts under a calibration; sampled for a large context, exact for all others."""
    state, step, move = most_probable(block, answers, calibration.beta, calibration.log_tau, calibration.sigma)
    c = np.array(calibration.covariance)
    if isinstance(state.curvature, Sparse):
        return sample(state.theta + step, move, state.curvature, c)
    own = np.linalg.inv(state.curvature.matrix)
    own = 0.5 * (own + own.transpose(0, 2, 1))
    spread = np.matmul(np.matmul(move, c), move.transpose(0, 2, 1))
    return Exact(state.theta + step, move, own, own + 0.5 * (spread + spread.transpose(0, 2, 1)))
