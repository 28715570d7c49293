"""The pairs that are furthest off."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graphengine.alignment.matching import Rows

MOST = 10
_ROUNDING = 1e-14  # of the utilities: what is left after a perfect fit is no gap


def worst_pairs(rows: Rows, d: NDArray[np.float64], most: int = MOST) -> list[dict[str, Any]]:
    """The pairs with the largest |d_i - d_j|, without forming all pairs.

    Args:
        rows: The texts.
        d: What is left of people's utilities, (n,).
        most: How many pairs.

    Returns:
        For each `ids` (the text that people put higher comes first), `human` and `model` (its utility less the
        other's), `gap` (how much it adds to loss 1), `turned` (whether the model does not put it higher, too). The
        largest first.

    Example:
        >>> from graphengine.alignment.matching import Rows
        >>> rows = Rows(("a", "b", "c"), np.array([3.0, 2.0, 0.0]), np.array([0.0, 2.0, 0.0]), np.zeros(3, int),
        ...             np.arange(3))
        >>> worst_pairs(rows, rows.human - rows.model, 1)
        [{'ids': ['a', 'b'], 'human': 1.0, 'model': -2.0, 'gap': 3.0, 'turned': True}]
    """
    order = np.lexsort((d, rows.block))
    starts = np.flatnonzero(np.concatenate([[True], np.diff(rows.block[order]) > 0]))
    ends = np.append(starts[1:], len(order))
    # A block whose widest pair is not among the widest of all blocks holds none of the pairs wanted; in a block, only
    # its lowest and highest rows make them.
    widest = np.argsort(-(d[order[ends - 1]] - d[order[starts]]), kind="stable")[:most]
    found: list[tuple[float, int, int]] = []
    for block in widest:
        at = order[starts[block] : ends[block]]
        ends_of = at if len(at) <= 2 * most else np.concatenate([at[:most], at[-most:]])
        found += [(float(d[high] - d[low]), int(low), int(high)) for low, high in combinations(ends_of, 2)]
    found.sort(key=lambda each: (-each[0], rows.ids[each[1]], rows.ids[each[2]]))
    size = float(np.abs(rows.human).max() + np.abs(rows.model).max())
    return [_told(rows, *each) for each in found[:most] if each[0] > _ROUNDING * size]


def _told(rows: Rows, gap: float, low: int, high: int) -> dict[str, Any]:
    first, second = (high, low) if rows.human[high] >= rows.human[low] else (low, high)
    human, model = (float(column[first] - column[second]) for column in (rows.human, rows.model))
    return {"ids": [rows.ids[first], rows.ids[second]], "human": human, "model": model, "gap": gap,
            "turned": human > 0 >= model}
