"""Minus the second derivatives of a block's log posterior by its strengths: dense, or sparse for a large context.

Both can be solved against and have a log determinant. The sparse one uses conjugate gradients and Lanczos quadrature
(Ubaru, Chen, Saad 2017, "Fast estimation of tr(f(A)) via stochastic Lanczos quadrature", SIAM J. Matrix Anal. 38) with
fixed probes, so that its log determinant is a smooth function of the parameters and always the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.layout import Block

LARGE = 512
"""Contexts of more cards than this are solved by sparse methods (each is a block of its own)."""

_PROBES = 32
_LANCZOS_STEPS = 40
_RELATIVE_RESIDUAL = 1e-11
_CG_ROUNDS = 20_000


@dataclass(frozen=True)
class Dense:
    """H as an array (m, width, width)."""

    matrix: Reals

    def solve(self, right: Reals) -> Reals:
        """H⁻¹ right, (m, width, columns)."""
        return np.linalg.solve(self.matrix, right)

    def log_det(self) -> float:
        """The sum of the log determinants of all contexts."""
        return float(np.linalg.slogdet(self.matrix)[1].sum())


def dense(block: Block, weight: Reals, precision: float = 0.0) -> Reals:
    """(m, width, width) `precision` on the diagonal, plus each row's weight on the difference of its two cards."""
    m, width = block.nodes.shape
    cells = m * width
    to_place, from_place = block.target % width, block.source % width
    matrix = np.bincount(
        np.concatenate([block.target * width + from_place, block.source * width + to_place]),
        np.concatenate([-weight, -weight]), cells * width,
    ).reshape(m, width, width)
    place = np.arange(width)
    own = np.bincount(block.target, weight, cells) + np.bincount(block.source, weight, cells)
    matrix[:, place, place] += precision + own.reshape(m, width)
    return matrix


@dataclass(frozen=True)
class Sparse:
    """H of one context: `precision` on the diagonal, plus `weight` on the difference of each row's two cards.

    Attributes:
        source: (rows,) card asked from.
        target: (rows,) card asked about.
        weight: (rows,) 0 or more.
        precision: Of the prior.
        size: Number of cards.
    """

    source: Ints
    target: Ints
    weight: Reals
    precision: float
    size: int

    @cached_property
    def matrix(self) -> Any:
        """H in compressed rows."""
        from scipy.sparse import coo_array

        place = np.arange(self.size)
        rows = np.concatenate([self.target, self.source, place])
        columns = np.concatenate([self.source, self.target, place])
        values = np.concatenate([-self.weight, -self.weight, self.diagonal])
        return coo_array((values, (rows, columns)), shape=(self.size, self.size)).tocsr()

    @cached_property
    def diagonal(self) -> Reals:
        """(size,) diagonal of H."""
        return self.precision + np.bincount(self.source, self.weight, self.size) + np.bincount(
            self.target, self.weight, self.size
        )

    def solve(self, right: Reals) -> Reals:
        """H⁻¹ right, (1, size, columns)."""
        return self.columns(right[0])[None]

    def columns(self, right: Reals) -> Reals:
        """H⁻¹ right, (size, columns), by conjugate gradients with the diagonal as preconditioner."""
        scale = 1 / self.diagonal[:, None]
        found, left = np.zeros_like(right), right.copy()
        ahead = scale * left
        direction, energy = ahead, (left * ahead).sum(axis=0)
        goal = _RELATIVE_RESIDUAL**2 * energy
        for _ in range(_CG_ROUNDS):
            if (energy <= goal).all():
                break
            image = self.matrix @ direction
            bend = (direction * image).sum(axis=0)
            length = np.divide(energy, bend, out=np.zeros_like(energy), where=bend > 0)
            found = found + length * direction
            left = left - length * image
            ahead = scale * left
            before, energy = energy, (left * ahead).sum(axis=0)
            direction = ahead + np.divide(energy, before, out=np.zeros_like(energy), where=before > 0) * direction
        return found

    def log_det(self) -> float:
        """The log determinant: exact for the diagonal, Lanczos quadrature over fixed probes for what is left."""
        root = np.sqrt(self.diagonal)[:, None]
        probes = np.random.Generator(np.random.PCG64(11)).choice([-1.0, 1.0], (self.size, _PROBES))
        now, last = probes / np.sqrt(self.size), np.zeros_like(probes)
        alphas, betas, beta = [], [], np.zeros(_PROBES)
        for _ in range(min(_LANCZOS_STEPS, self.size)):
            image = (self.matrix @ (now / root)) / root - beta * last
            alpha = (now * image).sum(axis=0)
            image = image - alpha * now
            beta = np.sqrt((image**2).sum(axis=0))
            alphas.append(alpha)
            betas.append(beta)
            last, now = now, image / np.maximum(beta, 1e-300)
        place = np.arange(len(alphas))
        band = np.zeros((_PROBES, len(alphas), len(alphas)))
        band[:, place, place] = np.stack(alphas, axis=1)
        band[:, place[1:], place[:-1]] = band[:, place[:-1], place[1:]] = np.stack(betas, axis=1)[:, :-1]
        values, vectors = np.linalg.eigh(band)
        quadrature = (vectors[:, 0, :] ** 2 * np.log(np.maximum(values, 1e-300))).sum(axis=1)
        return float(2 * np.log(root).sum() + self.size * quadrature.mean())
