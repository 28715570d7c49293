"""Numbers that stand for things, as places in the sorted list of the different ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints


def distinct(keys: Ints) -> tuple[Ints, Ints]:
    """The different keys (whole numbers, 0 or more), sorted, and the place of each key among them.

    Numbers that carry their place are sorted, which is several times faster than asking for the order.

    Example:
        >>> [part.tolist() for part in distinct(np.array([7, 3, 7]))]
        [[3, 7], [1, 0, 1]]
    """
    bits = len(keys).bit_length()
    if not len(keys) or int(keys.max()) >= 2 ** (63 - bits):
        return np.unique(keys, return_inverse=True)
    carrying = keys << bits
    carrying |= np.arange(len(keys))
    carrying.sort()
    at = carrying & ((1 << bits) - 1)
    carrying >>= bits
    new = np.ones(len(keys), bool)
    np.not_equal(carrying[1:], carrying[:-1], out=new[1:])
    place = np.empty(len(keys), np.int64)
    place[at] = np.cumsum(new) - 1
    return carrying[new], place
