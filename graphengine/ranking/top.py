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
_BLOCK_NUMBERS = 400_000
_PAIRWISE_WIDTH = 128
TAIL = 0.05


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
    sorted_covariance = covariance[np.arange(m)[:, None, None], order[:, :, None], order[:, None, :]]
    root = np.linalg.cholesky(sorted_covariance)
    draws = standard_draws(width)
    result = Places(np.empty((m, width)), np.empty((m, width), np.int64), np.empty((m, width), np.int64))
    take = max(1, _BLOCK_NUMBERS // (DRAWS * width))
    for at in range(0, m, take):
        part = slice(at, at + take)
        sample = np.matmul(root[part].astype(np.float32), draws) + mean[part].astype(np.float32)[:, :, None]
        p_top, lower, upper = _count(sample)
        for out, values in zip(result, (p_top, lower, upper), strict=True):
            np.put_along_axis(out[part], order[part], values, axis=1)
    return result


def _two(theta: Reals, covariance: Reals) -> Places:
    from scipy.special import ndtr

    variance = covariance[:, 0, 0] + covariance[:, 1, 1] - 2 * covariance[:, 0, 1]
    z = (theta[:, 0] - theta[:, 1]) / np.sqrt(variance)
    p = np.stack([ndtr(z), ndtr(-z)], axis=1)
    return Places(p, np.where(p > TAIL, 1, 2), np.where(p >= 1 - TAIL, 1, 2))


def _count(sample: NDArray[np.float32]) -> tuple[Reals, Ints, Ints]:
    """P(top) and rank interval from (m, width, draws)."""
    m, width, draws = sample.shape
    ranks = _ranks(sample)
    cell = np.arange(m * width).reshape(m, width, 1) * width
    share = np.bincount((ranks + cell).ravel(), minlength=m * width * width).reshape(m, width, width) / draws
    reached = np.cumsum(share, axis=2)
    lower, upper = (reached <= TAIL).sum(axis=2) + 1, (reached < 1 - TAIL).sum(axis=2) + 1
    return share[:, :, 0], lower, np.minimum(upper, width)


def _ranks(sample: NDArray[np.float32]) -> NDArray[Any]:
    """How many cards of the same draw are higher: (m, width, draws), from 0."""
    m, width, draws = sample.shape
    if width > _PAIRWISE_WIDTH:
        order = np.argsort(-sample, axis=1, kind="stable")
        ranks = np.empty(sample.shape, np.int32)
        np.put_along_axis(ranks, order, np.arange(width, dtype=np.int32)[None, :, None], axis=1)
        return ranks
    columns = np.ascontiguousarray(sample.transpose(1, 0, 2))
    ranks = np.zeros((width, m, draws), np.uint8)
    for one in range(1, width):
        above = (columns[one] > columns[:one]).view(np.uint8)
        ranks[:one] += above
        ranks[one] += np.uint8(one) - above.sum(axis=0, dtype=np.uint8)
    return ranks.transpose(1, 0, 2)


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
