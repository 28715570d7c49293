"""Intervals from draws of whole units: the texts of one prompt are no independent witnesses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graphengine.schwartz.measuring import reach

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Figures = Callable[[NDArray[np.float64] | None], dict[str, float]]

LEVEL = 0.9
"""How much of what may be an interval covers."""

Interval = list[float | None]
_FEWEST = 0.5  # of the draws that a figure must be defined in


def intervals(figures: Figures, units: int, *, draws: int = 1000, seed: int = 0) -> dict[str, Interval]:
    """The 90% interval of each figure: quantiles of the figure over draws of units with replacement.

    Draws are more uneven than what they are drawn from, and a fit takes away more of few units than of many, so the
    quantiles are corrected for the share of draws that lie below the figure itself (Efron and Tibshirani, *An
    Introduction to the Bootstrap*, section 14.3, without the acceleration). For few units they are taken further out
    (`graphengine.schwartz.measuring.reach`). In made-up worlds they hold the truth in 86 to 91% of the cases with 40
    units, and in 78 to 91% with 8.

    Args:
        figures: Gives the figures for how often each unit was drawn, (units,), or for the rows as they are (None); NaN
            for one that is not defined.
        units: How many units there are.
        draws: How many draws.
        seed: Of the draws.

    Returns:
        `[lower, upper]` for each figure; `[None, None]` with one unit, or where a figure is not defined.
    """
    from scipy.special import ndtr, ndtri

    values = figures(None)
    told: dict[str, Interval] = {name: [None, None] for name in values}
    if units < 2 or not draws:
        return told
    rng = np.random.default_rng(seed)
    found = np.array([
        list(figures(np.bincount(rng.integers(units, size=units), minlength=units).astype(float)).values())
        for _ in range(draws)
    ])
    out = reach(units)
    for (name, value), column in zip(values.items(), found.T, strict=True):
        known = column[np.isfinite(column)]
        if len(known) < max(2, _FEWEST * draws) or not np.isfinite(value):
            continue
        below = float((known < value).mean() + (known == value).mean() / 2)
        shift = 2 * float(ndtri(np.clip(below, 1 / draws, 1 - 1 / draws)))
        told[name] = [float(each) for each in np.quantile(known, ndtr([shift - out, shift + out]))]
    return told
