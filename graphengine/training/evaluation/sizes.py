"""Several models against their number of parameters: which measures get worse as models grow.

The trend of a measure is its slope per tenfold parameters, by least squares; its interval comes from the intervals of
the measures themselves, so that three models and noisy figures don't make a law.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphengine.training.evaluation.figures import Figure, Z

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Trend:
    """How a measure goes with size.

    Attributes:
        measure: Its key.
        slope: Change for ten times the parameters; `n` counts models.
        worse: Whether it gets worse with size (the slope points the wrong way).
        clearly: Whether its whole interval does.
    """

    measure: str
    slope: Figure
    worse: bool
    clearly: bool

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries."""
        return {
            "measure": self.measure, "slope": self.slope.as_json(), "worse": self.worse, "clearly": self.clearly,
        }


def trend(
    measure: str, parameters: Sequence[int], figures: Sequence[Figure], *, higher_is_better: bool
) -> Trend | None:
    """The trend of one measure over models.

    Args:
        measure: Its key.
        parameters: Of each model.
        figures: The measure of each model.
        higher_is_better: Which way is worse.

    Returns:
        The trend; None where fewer than two sizes were measured.

    Example:
        >>> few = [Figure(v, v - 0.01, v + 0.01, 500, "pairs", 50) for v in (0.9, 0.8)]
        >>> found = trend("accuracy", [10**6, 10**8], few, higher_is_better=True)
        >>> found.worse, found.clearly, round(found.slope.value, 3)
        (True, True, -0.05)
    """
    points = [
        (math.log10(size), figure.value, figure.sd)
        for size, figure in zip(parameters, figures, strict=True) if size > 0 and figure.value is not None
    ]
    if len({x for x, *_ in points}) < 2:
        return None
    middle = sum(x for x, *_ in points) / len(points)
    spread = sum((x - middle) ** 2 for x, *_ in points)
    slope = sum((x - middle) * value for x, value, _ in points) / spread
    lower = upper = None
    sds = [sd for *_, sd in points if sd is not None]
    if len(sds) == len(points):
        half = Z * math.sqrt(sum(((x - middle) / spread * sd) ** 2 for (x, *_), sd in zip(points, sds, strict=True)))
        lower, upper = slope - half, slope + half
    bad = -1 if higher_is_better else 1
    worse = slope * bad > 0
    ends = (lower, upper)
    clearly = worse and None not in ends and all(end * bad > 0 for end in ends if end is not None)
    return Trend(measure, Figure(slope, lower, upper, len(points), "models", len(points)), worse, clearly)
