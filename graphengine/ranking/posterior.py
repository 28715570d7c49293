"""The posterior of one block of contexts, given the shared terms: most probable strengths and their covariance.

Each context has its own Newton iteration, its own step length and its own end, so its numbers don't depend on its
neighbours in the block.

A context's yes-bias is β + ω z with z ~ N(0, 1), integrated out together with the strengths: people say yes more
readily in some contexts than in others, and where that was not reckoned with, a card that was much asked about in such
a context would win by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

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
    """Log posterior of a block's contexts at some strengths and biases.

    Attributes:
        theta: (m, width) strengths; 0 for padding.
        bias: (m,) how far each context's yes-bias is from β, in units of ω.
        value: (m,) log likelihood + log prior of θ and bias, without the normalising constants of the priors.
        gradient: (m, width) by θ.
        bias_gradient: (m,) by bias.
        curvature: H, second derivatives of -log posterior by θ.
        cross: (m, width, 2) second derivatives of -log posterior by θ and (β, log τ).
        whole: (m, 2) those of the log likelihood by β and (β, log τ), with a minus: what a context says about them.
        terms: The rows' derivatives.
    """

    theta: Reals
    bias: Reals
    value: Reals
    gradient: Reals
    bias_gradient: Reals
    curvature: Dense | Sparse
    cross: Reals
    whole: Reals
    terms: Terms


class Step(NamedTuple):
    """Newton's step from a state, and what its linear algebra says besides.

    With c the derivative of H's rows by β (`cross[:, :, 0]`) and w that of the bias (`whole[:, 0]`), the bias is taken
    out of the joint system by its Schur complement S = 1 + ω² (w - cᵀ H⁻¹ c).

    Attributes:
        theta: (m, width) step of the strengths.
        bias: (m,) step of the bias.
        move: (m, width, 2) how the strengths move with (β, log τ), the bias moving along.
        bias_move: (m, 2) how the bias does.
        root: (m, width) -ω H⁻¹ c / √S: the covariance of θ given β and τ is H⁻¹ + root rootᵀ, and of θ and bias
            root / √S.
        complement: (m,) S, the precision of the bias.
    """

    theta: Reals
    bias: Reals
    move: Reals
    bias_move: Reals
    root: Reals
    complement: Reals


def evaluate(
    block: Block, answers: Reals, theta: Reals, bias: Reals, beta: float, log_tau: float, sigma: float, omega: float
) -> State:
    """The log posterior and its derivatives at `theta` and `bias`."""
    m, width = theta.shape
    flat, cells = theta.ravel(), theta.size
    row = terms(flat[block.target] - flat[block.source] + (beta + omega * bias)[block.owner], log_tau, answers)

    def differences(values: Reals) -> Reals:
        return np.bincount(block.target, values, cells) - np.bincount(block.source, values, cells)

    def sums(values: Reals) -> Reals:
        return np.bincount(block.owner, values, m)

    precision = sigma**-2
    weight = -row.dd
    curvature = (
        Sparse(block.source, block.target, weight, precision, width) if width > LARGE
        else Dense(dense(block, weight, precision))
    )
    cross = np.stack([differences(weight), differences(-row.d_tau)], axis=1).reshape(m, width, 2)
    return State(
        theta, bias, sums(row.value) - 0.5 * precision * (theta**2).sum(axis=1) - 0.5 * bias**2,
        differences(row.d).reshape(m, width) - precision * theta, omega * sums(row.d) - bias, curvature, cross,
        np.stack([sums(weight), sums(-row.d_tau)], axis=1), row,
    )


def newton(state: State, omega: float) -> Step:
    """The step from a state to the top of its second-order picture."""
    solved = state.curvature.solve(np.concatenate([state.gradient[:, :, None], state.cross], axis=2))
    c = state.cross[:, :, 0]
    inward, pull, along = solved[:, :, 0], -solved[:, :, 1], -solved[:, :, 2]
    by_shared = state.whole + np.stack([(c * pull).sum(axis=1), (c * along).sum(axis=1)], axis=1)
    complement = 1 + omega**2 * by_shared[:, 0]
    bias = (state.bias_gradient - omega * (c * inward).sum(axis=1)) / complement
    bias_move = -omega / complement[:, None] * by_shared
    return Step(
        inward + omega * bias[:, None] * pull, bias,
        np.stack([pull, along], axis=2) + omega * pull[:, :, None] * bias_move[:, None, :], bias_move,
        omega * pull / np.sqrt(complement)[:, None], complement,
    )


def most_probable(
    block: Block, answers: Reals, beta: float, log_tau: float, sigma: float, omega: float, *,
    start: tuple[Reals, Reals] | None = None, tolerance: float = TOLERANCE,
) -> tuple[State, Step]:
    """The strengths and biases of highest posterior, by Newton steps that are halved where they would lose ground.

    The log posterior is strictly concave in both, so this always ends.

    Args:
        block: Contexts of about the same size.
        answers: (rows, 3), as the model reads them.
        beta: Mean of the contexts' yes-biases.
        log_tau: Log of the half width of the band of "unsure".
        sigma: Spread of the strengths.
        omega: Spread of the contexts' yes-biases.
        start: Strengths and biases to start from.
        tolerance: The step that ends it.

    Returns:
        A state whose Newton steps are all below `tolerance`; and those steps (`state.theta + step.theta` is off by
        about the square of the tolerance, the derivatives of the state by about the tolerance).
    """
    m = len(block.nodes)
    theta, bias = (np.zeros(block.nodes.shape), np.zeros(m)) if start is None else start
    now = evaluate(block, answers, theta, bias, beta, log_tau, sigma, omega)
    step = newton(now, omega)
    for _ in range(ROUNDS):
        size = np.maximum(np.abs(step.theta).max(axis=1, initial=0.0), omega * np.abs(step.bias))
        active = size >= tolerance
        if not active.any():
            break
        scale = np.where(active, 1.0, 0.0)  # a context that is done does not move any more
        while True:
            trial = evaluate(block, answers, now.theta + scale[:, None] * step.theta, now.bias + scale * step.bias,
                             beta, log_tau, sigma, omega)
            worse = active & (trial.value < now.value - 1e-10 * (1 + np.abs(now.value))) & (scale > 1e-9)
            if not worse.any():
                break
            scale = np.where(worse, scale / 2, scale)
        now = trial
        step = newton(now, omega)
    return now, step


@dataclass(frozen=True)
class Bias:
    """What is known of the yes-bias of each context of a block, given the calibration.

    Attributes:
        mean: (m,) most probable yes-bias, log odds.
        move: (m, 2) how it moves with (β, log τ).
        variance: (m,) if β and τ were known.
        covariance: (m, width) with θ, if β and τ were known.
    """

    mean: Reals
    move: Reals
    variance: Reals
    covariance: Reals


@dataclass(frozen=True)
class Exact:
    """Gaussian approximation (Laplace) of a block's strengths, the shared terms' uncertainty included.

    Attributes:
        theta: (m, width) most probable strengths.
        shared: (m, width, 2) how θ moves with (β, log τ): J.
        own: (m, width, width) covariance if β and τ were known.
        covariance: (m, width, width) own + J C Jᵀ.
        bias: The contexts' yes-biases.
    """

    theta: Reals
    shared: Reals
    own: Reals
    covariance: Reals
    bias: Bias

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
    omega = calibration.omega
    state, step = most_probable(
        block, answers, calibration.beta, calibration.log_tau, calibration.sigma, omega)
    c = np.array(calibration.covariance)
    width = omega / np.sqrt(step.complement)
    bias = Bias(
        calibration.beta + omega * (state.bias + step.bias), np.array([1.0, 0.0]) + omega * step.bias_move,
        width**2, width[:, None] * step.root,
    )
    if isinstance(state.curvature, Sparse):
        return sample(state.theta + step.theta, step.move, step.root, state.curvature, c, bias)
    own = np.linalg.inv(state.curvature.matrix)
    own = 0.5 * (own + own.transpose(0, 2, 1)) + step.root[:, :, None] * step.root[:, None, :]
    spread = np.matmul(np.matmul(step.move, c), step.move.transpose(0, 2, 1))
    return Exact(
        state.theta + step.theta, step.move, own, own + 0.5 * (spread + spread.transpose(0, 2, 1)), bias)
