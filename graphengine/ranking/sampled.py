"""The posterior of one large context from exact draws: no covariance matrix is ever made.

A draw of N(0, H⁻¹) is H⁻¹ b with b ~ N(0, H), and b is easy: H is the prior's precision plus one term per question
(Papandreou and Yuille 2010, "Gaussian sampling by local perturbations", NeurIPS). Variances are those of the draws
given the other cards, plus the exact conditional variance (Siden et al. 2018, "Efficient covariance approximations for
large sparse precision matrices", JCGS 27), which leaves an error of about 1% in an sd. P(top) of the cards that lead is
that of their exact joint covariance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from graphengine.ranking.top import DRAWS, TAIL, Places, places

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.curvature import Sparse
    from graphengine.ranking.posterior import Bias

_AT_ONCE = 64  # draws that are solved for together
_PAIRS_AT_ONCE = 4_096
_LEADERS = 128  # cards whose P(top) is not left to the draws


@dataclass(frozen=True)
class Sampled:
    """One context's posterior.

    Attributes:
        theta: (1, size) most probable strengths.
        shared: (1, size, 2) how they move with (β, log τ).
        curvature: H.
        root: (1, size) what the context's own yes-bias adds to the covariance: root rootᵀ.
        covariance: (2, 2) of (β, log τ).
        draws: (size, DRAWS) draws of N(0, H⁻¹).
        bias: The context's yes-bias.
    """

    theta: Reals
    shared: Reals
    root: Reals
    curvature: Sparse
    covariance: Reals
    draws: Reals
    bias: Bias

    def variance(self) -> Reals:
        """(1, size) variance of each strength."""
        move = self.shared[0]
        diagonal = self.curvature.diagonal
        given_others = self.draws - (self.curvature.matrix @ self.draws) / diagonal[:, None]
        own = 1 / diagonal + (given_others**2).mean(axis=1) + self.root[0] ** 2
        return (own + ((move @ self.covariance) * move).sum(axis=1))[None]

    def own_variance_of_difference(self, owner: Ints, one: Ints, other: Ints) -> Reals:
        """Variance of θ_one - θ_other if β and τ were known."""
        image = self.curvature.matrix @ self.draws
        diagonal = self.curvature.diagonal
        result = np.empty(len(owner))
        for at in range(0, len(owner), _PAIRS_AT_ONCE):
            i, j = one[at : at + _PAIRS_AT_ONCE], other[at : at + _PAIRS_AT_ONCE]
            a, b, c = diagonal[i], diagonal[j], np.asarray(self.curvature.matrix[i, j]).ravel()
            det = a * b - c * c
            # The two given all others: variance of the difference, and the difference of their expected values.
            fixed = (a + b + 2 * c) / det
            left_i, left_j = ((b + c) / det)[:, None] * image[i], ((a + c) / det)[:, None] * image[j]
            expected = self.draws[i] - self.draws[j] - (left_i - left_j)
            leaning = (self.root[0, i] - self.root[0, j]) ** 2
            result[at : at + _PAIRS_AT_ONCE] = fixed + (expected**2).mean(axis=1) + leaning
        return result

    def places(self, real: NDArray[np.bool_]) -> Places:
        """P(top) and rank intervals over the draws."""
        size = int(real.sum())
        move = np.linalg.cholesky(self.covariance + 1e-300 * np.eye(2)) if self.covariance.any() else np.zeros((2, 2))
        normal = np.random.Generator(np.random.PCG64(13)).standard_normal((3, DRAWS))
        common = self.shared[0] @ (move @ normal[:2]) + self.root[0][:, None] * normal[2]
        values = (self.theta[0][:, None] + self.draws + common)[:size]
        order = np.argsort(-values, axis=0, kind="stable")
        ranks = np.empty(values.shape, np.int32)
        np.put_along_axis(ranks, order, np.arange(1, size + 1, dtype=np.int32)[:, None], axis=0)
        low, high = int(TAIL * DRAWS), int(np.ceil((1 - TAIL) * DRAWS)) - 1
        ordered = np.partition(ranks, (low, high), axis=1)
        padding = real.shape[1] - size
        whole = np.concatenate([self._leading((ranks == 1).mean(axis=1)), np.zeros(padding)])
        lower, upper = (np.concatenate([ordered[:, at], np.full(padding, size)]) for at in (low, high))
        return Places(whole[None], lower[None].astype(np.int64), upper[None].astype(np.int64))


    def _leading(self, p_top: Reals) -> Reals:
        """P(top) over the draws, shared out anew among the cards that lead most often.

        Draws at random are off by up to .05; `places` is better, and the leading cards' joint covariance can be had.
        """
        leaders = np.lexsort((-self.theta[0][: len(p_top)], -p_top))[:_LEADERS]
        found = np.empty((len(leaders), len(leaders)))
        for at in range(0, len(leaders), _AT_ONCE):
            some = leaders[at : at + _AT_ONCE]
            unit = np.zeros((self.curvature.size, len(some)))
            unit[some, np.arange(len(some))] = 1.0
            found[:, at : at + len(some)] = self.curvature.columns(unit)[leaders]
        move, root = self.shared[0][leaders], self.root[0][leaders]
        found = 0.5 * (found + found.T) + np.outer(root, root) + move @ self.covariance @ move.T
        exact = places(self.theta[:, leaders], found[None], np.ones((1, len(leaders)), bool)).p_top[0]
        told = p_top.copy()
        told[leaders] = exact * p_top[leaders].sum()
        return told


def sample(
    theta: Reals, shared: Reals, root: Reals, curvature: Sparse, covariance: Reals, bias: Bias
) -> Sampled:
    """Draw from the posterior of one context; the same numbers for the same context, always."""
    random = np.random.Generator(np.random.PCG64(17))
    draws = np.empty((curvature.size, DRAWS))
    spread = np.sqrt(curvature.weight)[:, None]
    rows = len(spread)
    for at in range(0, DRAWS, _AT_ONCE):
        many = min(_AT_ONCE, DRAWS - at)
        noise = spread * random.standard_normal((rows, many))
        right = np.sqrt(curvature.precision) * random.standard_normal((curvature.size, many))
        np.add.at(right, curvature.target, noise)
        np.subtract.at(right, curvature.source, noise)
        draws[:, at : at + many] = curvature.columns(right)
    return Sampled(theta, shared, root, curvature, covariance, draws, bias)
