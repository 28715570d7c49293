"""From a Gaussian posterior to P(top) and rank intervals, jointly over a context's cards.

Two cards are exact. More are counted over draws that are the same for every context (a lattice, so that the error is
well below that of as many random draws), with the cards in order of their score: the numbers depend neither on names
nor on neighbours in the block.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graphengine.ranking.arrays import Ints, Reals


DRAWS = 1021
_LATTICE_DIMENSIONS = 32
_KOROBOV = 149
_PAIRWISE_WIDTH = 128
TAIL = 0.05

LOWER, UPPER = int(TAIL * DRAWS) + 1, int(np.ceil((1 - TAIL) * DRAWS))
"""The ends of a rank interval: the lowest ranks that at least so many draws do not exceed."""

DRAW_UNIT, ROOT_BITS = 512.0, 11
"""Draws and Cholesky factors are rounded to whole numbers (errors of .001 and .0005 standard deviations), so that their
products and sums are exact in 32-bit reals: no order of adding, no library and no processor changes a digit."""

# A product of this many terms is done by BLAS in the thread that asks for it; larger ones start threads that fight with
# those of this room.
_PRODUCT = 262_144
PIECE = 512
_PADDING = 2 * PIECE - DRAWS


class Places(NamedTuple):
    """P(top) and the 90% interval of the rank, each (m, width)."""

    p_top: Reals
    lower: Ints
    upper: Ints


def places(theta: Reals, covariance: Reals, real: NDArray[np.bool_]) -> Places:
    """P(top) and rank intervals of contexts with `width` cells each.

    Args:
        theta: (m, width) means.
        covariance: (m, width, width).
        real: (m, width) False for cells that are only padding.
    """
    m, width = theta.shape
    if width == 2:
        return _two(theta, covariance)
    height = np.where(real, theta, -np.inf)
    order = np.argsort(-height, axis=1, kind="stable")
    mean = np.take_along_axis(np.where(real, theta, -1e30), order, axis=1)
    root = np.linalg.cholesky(covariance[np.arange(m)[:, None, None], order[:, :, None], order[:, None, :]])
    root, mean = whole_numbers(root, mean, np.take_along_axis(real, order, axis=1))
    draws = whole_draws(width)
    result = Places(np.empty((m, width)), np.empty((m, width), np.int64), np.empty((m, width), np.int64))
    take = min(m, max(1, _PRODUCT // (PIECE * width)))
    room = _Room(width, take)
    for at in range(0, m, take):
        part = slice(at, at + take)
        # Cards first: all contexts' draws of one card are neighbours.
        room.draw(np.ascontiguousarray(root[part].transpose(1, 0, 2)), mean[part].T[:, :, None], draws)
        for out, values in zip(result, room.count(), strict=True):
            np.put_along_axis(out[part], order[part], values.T, axis=1)
    return result


def whole_numbers(
    root: Reals, mean: Reals, real: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Cholesky factors (m, width, width) in whole numbers, and means in the same unit times `DRAW_UNIT`.

    The unit is a power of two that follows from the context's largest standard deviation.
    """
    largest = np.sqrt((root**2).sum(axis=2).max(axis=1, where=real, initial=0.0))
    scale = np.ldexp(1.0, ROOT_BITS - np.frexp(largest)[1])
    return (np.rint(root * scale[:, None, None]).astype(np.float32),
            (mean * (scale * DRAW_UNIT)[:, None]).astype(np.float32))


def _two(theta: Reals, covariance: Reals) -> Places:
    from scipy.special import ndtr

    variance = covariance[:, 0, 0] + covariance[:, 1, 1] - 2 * covariance[:, 0, 1]
    z = (theta[:, 0] - theta[:, 1]) / np.sqrt(variance)
    p = np.stack([ndtr(z), ndtr(-z)], axis=1)
    return Places(p, np.where(p > TAIL, 1, 2), np.where(p >= 1 - TAIL, 1, 2))


class _Room:
    """Memory for the draws of some contexts, used again and again: fresh memory costs more than the sums."""

    def __init__(self, width: int, m: int) -> None:
        self.kind = np.uint8 if width <= _PAIRWISE_WIDTH else np.uint16
        self._sample = np.empty((width, m, PIECE), np.float32)
        self._hit = np.empty((width, m, PIECE), np.bool_)
        self._ranks = np.empty((2, width, m, PIECE), self.kind)
        self.ranks = self._ranks

    def draw(self, root: NDArray[np.float32], mean: NDArray[np.float32], draws: NDArray[np.float32]) -> None:
        """Fill `ranks`, (2, width, m, half the draws): how many cards of the same draw are higher."""
        width, m = root.shape[:2]
        self.ranks = self._ranks[:, :, :m]
        sample = self._sample[:, :m]
        for ranks, half in zip(self.ranks, draws, strict=True):
            np.matmul(root, half, out=sample)
            sample += mean
            if width > _PAIRWISE_WIDTH:
                order = np.argsort(-sample, axis=0, kind="stable")
                np.put_along_axis(ranks, order, np.arange(width, dtype=self.kind)[:, None, None], axis=0)
            else:
                self._pairwise(sample, ranks)
        self.ranks[1, :, :, -_PADDING:] = np.iinfo(self.kind).max

    def _pairwise(self, sample: NDArray[np.float32], ranks: NDArray[Any]) -> None:
        ranks[:] = 0
        for one in range(1, len(sample)):
            above = self._hit[:one, : sample.shape[1]]
            np.greater(sample[one], sample[:one], out=above)
            ranks[:one] += above.view(np.uint8)
            ranks[one] = np.uint8(one) - above.view(np.uint8).sum(axis=0, dtype=np.uint8)

    def count(self) -> tuple[Reals, Ints, Ints]:
        """P(top) and rank interval, each (width, m)."""
        p_top = self._at_most(np.zeros(self.ranks.shape[1:3], self.kind)) / DRAWS
        return p_top, self._quantile(LOWER), self._quantile(UPPER)

    def _quantile(self, draws: int) -> Ints:
        """The lowest rank (from 1) that at least so many draws do not exceed, by bisection."""
        width, m = self.ranks.shape[1:3]
        low, high = np.zeros((width, m), self.kind), np.full((width, m), width - 1, self.kind)
        for _ in range((width - 1).bit_length()):
            middle = low + (high - low) // self.kind(2)
            reached = self._at_most(middle) >= draws
            low = np.where(reached, low, np.minimum(middle + self.kind(1), high))
            high = np.where(reached, middle, high)
        return high.astype(np.int64) + 1

    def _at_most(self, limit: NDArray[Any]) -> Ints:
        """How many draws have at most this rank, (width, m): bytes of 0 and 1, counted as bits of 64-bit words."""
        hit = self._hit[:, : limit.shape[1]]
        total = np.zeros(limit.shape, np.int64)
        for ranks in self.ranks:
            np.less_equal(ranks, limit[:, :, None], out=hit)
            total += np.bitwise_count(hit.view(np.uint64)).sum(axis=2, dtype=np.int64)
        return total


@lru_cache(maxsize=64)
def standard_draws(width: int) -> NDArray[np.float32]:
    """(width, DRAWS) standard normal numbers, always the same.

    The first dimensions are a Korobov lattice (they go to the highest cards), the others random with a fixed seed.
    """
    from scipy.special import ndtri

    lattice = min(width, _LATTICE_DIMENSIONS)
    step = np.array([pow(_KOROBOV, power, DRAWS) for power in range(lattice)])
    shift = np.mod(np.arange(1, lattice + 1) * (np.sqrt(5) - 1) / 2, 1)
    points = np.mod(np.outer(step, np.arange(DRAWS)) % DRAWS / DRAWS + shift[:, None], 1)
    normal = ndtri(np.clip(points, 0.25 / DRAWS, 1 - 0.25 / DRAWS))
    if width > lattice:
        rest = np.random.Generator(np.random.PCG64(7)).standard_normal((width - lattice, DRAWS))
        normal = np.concatenate([normal, rest])
    normal = normal.astype(np.float32)
    normal.setflags(write=False)
    return normal


def opposites(size: int, draws: int, kind: type[np.floating[Any]] = np.float64) -> Reals:
    """(size, draws) standard normal numbers, always the same; half of them are the others' negatives."""
    half = np.random.Generator(np.random.PCG64(19)).standard_normal((size, draws // 2))
    both = np.concatenate([half, -half], axis=1).astype(kind)
    both.setflags(write=False)
    return both


@lru_cache(maxsize=64)
def whole_draws(width: int) -> NDArray[np.float32]:
    """(2, width, 512) `standard_draws` times `DRAW_UNIT` in whole numbers; the last 3 are 0 and no draws."""
    whole = np.pad(np.rint(standard_draws(width) * DRAW_UNIT), ((0, 0), (0, _PADDING))).astype(np.float32)
    halves = np.ascontiguousarray(whole.reshape(width, 2, PIECE).transpose(1, 0, 2))
    halves.setflags(write=False)
    return halves
