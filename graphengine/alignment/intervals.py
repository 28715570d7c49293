"""Intervals from draws of whole units: the texts of one prompt are no independent witnesses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graphengine.alignment.measures import KEYS

if TYPE_CHECKING:
    from graphengine.alignment.measures import Measures

LEVEL = 0.9
"""How much of what may be an interval covers."""

Interval = list[float | None]
_FEWEST = 0.5  # of the draws that a figure must be defined in


def intervals(measures: Measures, units: int, *, draws: int = 1000, seed: int = 0) -> dict[str, Interval]:
    """The 90% interval of each figure: quantiles of the figure over draws of units with replacement.

    With few units the quantiles alone would be too narrow, so they are taken further out: at the normal probability of
    Student's quantile times sqrt(m / (m - 1)), for m units (Hesterberg 2015, "What teachers should know about the
    bootstrap", the expanded percentile interval).

    Args:
        measures: Of the rows.
        units: How many units they are from.
        draws: How many draws.
        seed: Of the draws.

    Returns:
        `[lower, upper]` for each of `KEYS`; `[None, None]` with one unit, or where a figure is not defined.
    """
    from scipy.stats import norm, t

    nothing: dict[str, Interval] = {name: [None, None] for name in KEYS}
    if units < 2 or not draws:
        return nothing
    rng = np.random.default_rng(seed)
    found = np.array([
        list(measures.figures(np.bincount(rng.integers(units, size=units), minlength=units).astype(float)).values())
        for _ in range(draws)
    ])
    tail = float(norm.cdf(-((units / (units - 1)) ** 0.5) * t.ppf((1 + LEVEL) / 2, units - 1)))
    for place, name in enumerate(KEYS):
        told = found[:, place][np.isfinite(found[:, place])]
        if len(told) >= max(2, _FEWEST * draws):
            nothing[name] = [float(each) for each in np.quantile(told, [tail, 1 - tail])]
    return nothing
