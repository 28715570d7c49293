"""Numbers that stand for things, as places in the sorted list of the different ones."""

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
