"""Weighted sums over all pairs of rows in O(n log n): the pairs are never formed.

Rows lie in blocks, numbered from 0, and only the pairs inside a block count. A pair of rows i, j weighs w_i w_j. What
depends on the order alone is worked out once, so that many draws of weights cost little each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Reals = NDArray[np.float64]
    Ints = NDArray[np.intp]


def codes(names: Sequence[Any] | NDArray[Any]) -> Ints:
    """Numbers from 0 for names, the same for the same, in the order in which they come.

    Example:
        >>> codes(["b", "a", "b"]).tolist()
        [0, 1, 0]
    """
    number: dict[Any, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in names], dtype=np.intp)


def dense(*columns: NDArray[Any]) -> Ints:
    """Ranks from 0 without gaps, by the first column, then the next, the same for equal rows.

    Example:
        >>> dense(np.array([0, 0, 1, 0]), np.array([2.5, 0.5, 0.0, 2.5])).tolist()
        [1, 0, 2, 1]
    """
    order = np.lexsort(columns[::-1])
    new = np.zeros(len(order), dtype=bool)
    for column in columns:
        new[1:] |= column[order][1:] != column[order][:-1]
    ranks = np.empty(len(order), dtype=np.intp)
    ranks[order] = np.cumsum(new)
    return ranks


class Same:
    """The pairs that are equal in all columns; without columns, all pairs.

    Args:
        block: Of each row, (n,).
        *columns: What must be equal, each (n,).

    Example:
        >>> Same(np.array([0, 0, 0]), np.array([1.0, 2.0, 1.0])).sums().tolist()
        [1.0]
    """

    def __init__(self, block: Ints, *columns: NDArray[Any]) -> None:
        self.label = dense(block, *columns)
        self.count = int(self.label.max()) + 1
        self._block = np.zeros(self.count, dtype=np.intp)
        self._block[self.label] = block

    def sums(self, weights: Reals | None = None) -> Reals:
        """The sum for each block."""
        total = np.bincount(self.label, weights, self.count)
        squares = np.bincount(self.label, None if weights is None else weights**2, self.count)
        return np.bincount(self._block, (total**2 - squares) / 2).astype(float)


class Gaps:
    """Pairs by the distance of their values, |x_i - x_j|.

    With the values sorted, a pair's distance is made of the gaps between neighbours, and the gap behind the k-th value
    counts for as many pairs as it has values before it times values behind it. All terms are positive, so nothing is
    lost to rounding, and an offset of the values changes nothing.

    Args:
        block: Of each row, (n,).
        values: x, (n,).

    Example:
        >>> Gaps(np.array([0, 0, 0]), np.array([1.0, 4.0, 2.0])).sums().tolist()
        [6.0]
    """

    def __init__(self, block: Ints, values: Reals) -> None:
        order = np.argsort(values)
        self._order = order[np.argsort(block[order], kind="stable")]  # two sorts are faster than one lexsort
        self._block = block[self._order]
        within = self._block[1:] == self._block[:-1]
        self._gap = np.zeros(len(values))
        self._gap[:-1] = np.where(within, np.diff(values[self._order]), 0)

    def sums(self, weights: Reals | None = None) -> Reals:
        """The sum for each block."""
        w = np.ones(len(self._order)) if weights is None else weights[self._order]
        whole = np.bincount(self._block, w)
        before = np.cumsum(w) - (np.cumsum(whole) - whole)[self._block]
        return np.bincount(self._block, self._gap * before * (whole[self._block] - before)).astype(float)


class Discordant:
    """Pairs that two columns order the other way round; a tie in either is no such pair.

    Rows stand in the order of the first column. Each pair of different ranks of the second differs first in one binary
    digit, so the pairs are found digit by digit: among rows that share all digits above, those with a 1 that stand
    before those with a 0.

    Args:
        block: Of each row, (n,).
        one: First column, (n,).
        other: Second column, (n,).

    Example:
        >>> Discordant(np.array([0, 0, 0]), np.array([1.0, 2.0, 3.0]), np.array([3.0, 1.0, 2.0])).sums().tolist()
        [2.0]
    """

    def __init__(self, block: Ints, one: Reals, other: Reals) -> None:
        ranks = dense(other)
        # Where the first column ties, the second ascends, so that a tie never looks like a turn.
        order = np.lexsort((ranks, one, block))
        self._blocks, digits = int(block.max()) + 1, int(ranks.max()).bit_length()
        number = (block[order] << digits) | ranks[order]
        self._levels: list[tuple[Ints, NDArray[np.bool_], Ints, Ints]] = []
        for digit in range(digits):
            shared = number >> (digit + 1)
            at = np.argsort(shared, kind="stable")
            head = np.concatenate([[True], shared[at][1:] != shared[at][:-1]])
            start = np.maximum.accumulate(np.where(head, np.arange(len(at)), 0))
            zero = np.flatnonzero(~((number[at] >> digit) & 1).astype(bool))
            self._levels.append((order[at], ((number[at] >> digit) & 1).astype(bool), zero, start[zero]))
        self._block = block

    def sums(self, weights: Reals | None = None) -> Reals:
        """The sum for each block."""
        found = np.zeros(self._blocks)
        w = np.ones(len(self._block)) if weights is None else weights
        for rows, one, zero, start in self._levels:
            before = np.concatenate([[0.0], np.cumsum(np.where(one, w[rows], 0))])
            of_zero = rows[zero]
            found += np.bincount(self._block[of_zero], w[of_zero] * (before[zero] - before[start]), self._blocks)
        return found
