"""Whole numbers that stand for things: the different ones, pairs of them, ranges of them laid end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints


def distinct(keys: Ints) -> tuple[Ints, Ints]:
    """The different keys (whole numbers, 0 or more), sorted, and the place of each key among them.

    Example:
        >>> [part.tolist() for part in distinct(np.array([7, 3, 7]))]
        [[3, 7], [1, 0, 1]]
    """
    at, ordered = in_order(keys)
    new = np.ones(len(keys), bool)
    np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
    place = np.empty(len(keys), np.int64)
    place[at] = np.cumsum(new) - 1
    return ordered[new], place


def in_order(keys: Ints) -> tuple[Ints, Ints]:
    """Where the sorted keys (whole numbers, 0 or more) stand, equal ones in their own order; and the sorted keys.

    Numbers that carry their place are sorted, which is several times faster than asking for the order.
    """
    bits = len(keys).bit_length()
    if not len(keys) or int(keys.max()) >= 2 ** (63 - bits):
        order = np.argsort(keys, kind="stable")
        return order, keys[order]
    carrying = keys << bits
    carrying |= np.arange(len(keys))
    carrying.sort()
    at = carrying & ((1 << bits) - 1)
    carrying >>= bits
    return at, carrying


def unordered(one: Ints, other: Ints) -> tuple[Ints, Ints, Ints]:
    """The unordered pairs that occur, sorted: the lower and the higher number of each; and the pair of each entry.

    Example:
        >>> [part.tolist() for part in unordered(np.array([2, 5, 4]), np.array([4, 3, 2]))]
        [[2, 3], [4, 5], [0, 1, 0]]
    """
    if not len(one):
        return one, other, one
    low, high = np.minimum(one, other), np.maximum(one, other)
    first = int(low.min())
    span = int(high.max()) - first + 1
    keys, pair = distinct((low - first) * span + (high - first))
    return keys // span + first, keys % span + first, pair


def ranges(first: Ints, last: Ints) -> tuple[Ints, Ints, Ints]:
    """Ranges (`last` left out) laid end to end: which range each entry is of, the entries, and the shift of each range.

    The place of an entry is the entry plus the shift of its range.

    Example:
        >>> [part.tolist() for part in ranges(np.array([7, 2]), np.array([9, 3]))]
        [[0, 0, 1], [7, 8, 2], [-7, 0]]
    """
    size = last - first
    owner = np.repeat(np.arange(len(first)), size)
    shift = np.cumsum(size) - size - first
    return owner, np.arange(len(owner)) - shift[owner], shift
