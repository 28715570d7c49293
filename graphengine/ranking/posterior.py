"""The posterior of one block of contexts, given the shared terms: most probable strengths and their covariance.

Each context has its own Newton iteration, its own step length and its own end, so its numbers don't depend on its
neighbours in the block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.ranking.model import Terms, terms

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Reals
    from graphengine.ranking.layout import Block


_ROUNDS = 100


@dataclass(frozen=True)
class State:
    """Log posterior of a block's contexts at some strengths.

    Attributes:
        theta: (m, width) strengths; 0 for padding.
        value: (m,) log likelihood + log prior of θ, without the normalising constant of the prior.
        gradient: (m, width) by θ.
        hessian: (m, width, width) of -log posterior by θ; positive definite.
        cross: (m, width, 2) second derivatives of -log posterior by θ and (β, log τ).
        terms: The rows' derivatives.
    """

    theta: Reals
    value: Reals
    gradient: Reals
    hessian: Reals
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
    to_place, from_place = block.target % width, block.source % width
    hessian = np.bincount(
        np.concatenate([block.target * width + from_place, block.source * width + to_place]),
        np.concatenate([row.dd, row.dd]), cells * width,
    ).reshape(m, width, width)
    place = np.arange(width)
    own = np.bincount(block.target, weight, cells) + np.bincount(block.source, weight, cells)
    hessian[:, place, place] += precision + own.reshape(m, width)
    cross = np.stack([differences(weight), differences(-row.d_tau)], axis=1).reshape(m, width, 2)
    return State(
        theta, np.bincount(block.owner, row.value, m) - 0.5 * precision * (theta**2).sum(axis=1),
        differences(row.d).reshape(m, width) - precision * theta, hessian, cross, row,
    )


def most_probable(
    block: Block, answers: Reals, beta: float, log_tau: float, sigma: float, *, theta: Reals | None = None,
    tolerance: float = 1e-6,
) -> tuple[State, Reals]:
    """The strengths of highest posterior, by Newton steps that are halved where they would lose ground.

    The log posterior is strictly concave in θ, so this always ends.

    Returns:
        A state whose Newton steps are all below `tolerance`, and those steps: `state.theta + step` is off by about the
        square of the tolerance, and the derivatives of the state by about the tolerance.
    """
    now = evaluate(block, answers, np.zeros(block.nodes.shape) if theta is None else theta, beta, log_tau, sigma)
    step = np.zeros_like(now.theta)
    for _ in range(_ROUNDS):
        step = np.linalg.solve(now.hessian, now.gradient[:, :, None])[:, :, 0]
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
    return now, step


@dataclass(frozen=True)
class Posterior:
    """Gaussian approximation (Laplace) of a block's strengths, the shared terms' uncertainty included.

    Attributes:
        theta: (m, width) most probable strengths.
        own: (m, width, width) covariance if β and τ were known: H⁻¹.
        shared: (m, width, 2) how θ moves with (β, log τ): J = -H⁻¹ H_{θ,(β, log τ)}.
        covariance: (m, width, width) H⁻¹ + J C Jᵀ.
    """

    theta: Reals
    own: Reals
    shared: Reals
    covariance: Reals


def posterior(block: Block, answers: Reals, calibration: Any) -> Posterior:
    """The posterior of a block's contexts under a calibration."""
    state, step = most_probable(block, answers, calibration.beta, calibration.log_tau, calibration.sigma)
    own = np.linalg.inv(state.hessian)
    own = 0.5 * (own + own.transpose(0, 2, 1))
    shared = -np.matmul(own, state.cross)
    spread = np.matmul(np.matmul(shared, np.array(calibration.covariance)), shared.transpose(0, 2, 1))
    return Posterior(state.theta + step, own, shared, own + 0.5 * (spread + spread.transpose(0, 2, 1)))
