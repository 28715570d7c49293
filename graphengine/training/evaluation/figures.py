"""A number, how sure it is, and from how many: shares, means and ratios with 90% intervals.

Rows of one context are no independent witnesses (they share a scenario and cards), so every interval takes whole
clusters as what was drawn. All of it is exact arithmetic: the same rows give the same interval, without a random draw.

Sources: the linearised variance of a ratio over clusters (Cochran, *Sampling Techniques*, 3rd ed., section 9A.1); a
share has the interval of the audit (`graphengine.preferences.audit.accuracy`); the change of a paired share follows
Agresti and Min (*Statistics in Medicine* 24, 2005).
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

LEVEL = 0.9
"""How much of what may be an interval covers."""
Z = 1.6448536269514722
"""Half the width of a 90% interval, in standard deviations of a normal distribution."""


@dataclass(frozen=True)
class Figure:
    """One measured number.

    Attributes:
        value: The number; None if there was nothing to measure.
        lower: Where its 90% interval begins; None if there are too few clusters for one.
        upper: Where it ends.
        n: How many rows it rests on.
        of: What a row is: pairs, prompts, documents, tasks, answers.
        clusters: How many clusters (contexts, scenarios, documents) the rows are from.
    """

    value: float | None
    lower: float | None
    upper: float | None
    n: int
    of: str
    clusters: int

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries."""
        return asdict(self)

    @property
    def sd(self) -> float | None:
        """The standard deviation that the width of the interval tells; None without an interval."""
        if self.lower is None or self.upper is None:
            return None
        return (self.upper - self.lower) / (2 * Z)


def ratio(above: ArrayLike, below: ArrayLike, of: str, clusters: Sequence[Any] | None = None) -> Figure:
    """The sum of `above` over the sum of `below`, such as loss per token; the interval is Student's over clusters.

    Args:
        above: Shape (rows,).
        below: Shape (rows,), its sum positive.
        of: What a row is.
        clusters: What each row belongs to; left out, each row stands alone.

    Returns:
        The figure; without an interval where there is one cluster only.

    Example:
        >>> figure = ratio([1.0, 3.0], [1.0, 1.0], "documents")
        >>> figure.value, round(figure.upper - figure.value, 3)
        (2.0, 6.314)
    """
    top, bottom, count = _totals(above, below, clusters)
    rows = np.size(above)
    if not rows or bottom.sum() <= 0:
        return Figure(None, None, None, rows, of, count)
    value = float(top.sum() / bottom.sum())
    if count < 2:
        return Figure(value, None, None, rows, of, count)
    half = _student(count - 1) * math.sqrt(_variance(top, bottom, value))
    return Figure(value, value - half, value + half, rows, of, count)


def mean(values: ArrayLike, of: str, clusters: Sequence[Any] | None = None) -> Figure:
    """The mean of `values`, shape (rows,); see `ratio`."""
    values = np.asarray(values, float)
    return ratio(values, np.ones_like(values), of, clusters)


def share(outcomes: ArrayLike, of: str, clusters: Sequence[Any] | None = None) -> Figure:
    """The mean of outcomes between 0 and 1 (1 right, 0 wrong, a half for a tie), with an interval that stays in [0, 1].

    Args:
        outcomes: Shape (rows,).
        of: What a row is.
        clusters: What each row belongs to; left out, each row stands alone.

    Example:
        >>> figure = share([1] * 95 + [0] * 10, "pairs")
        >>> [round(each, 3) for each in (figure.value, figure.lower, figure.upper)]
        [0.905, 0.846, 0.943]
    """
    from graphengine.preferences.audit import accuracy

    rows = [float(each) for each in np.asarray(outcomes, float)]
    if not rows:
        return Figure(None, None, None, 0, of, 0)
    found = accuracy(rows, range(len(rows)) if clusters is None else clusters)
    return Figure(found.accuracy, found.lower, found.upper, found.pairs, of, found.contexts)


def changed_share(before: Sequence[bool], after: Sequence[bool], of: str) -> Figure:
    """How much a share changed where the same rows were looked at twice.

    Example:
        >>> figure = changed_share([True, True, False, False], [True, True, True, False], "tasks")
        >>> figure.value, figure.lower < 0.25 < figure.upper
        (0.25, True)
    """
    n = len(before)
    if not n:
        return Figure(None, None, None, 0, of, 0)
    won = sum(1 for was, is_ in zip(before, after, strict=True) if is_ and not was)
    lost = sum(1 for was, is_ in zip(before, after, strict=True) if was and not is_)
    # Half a row is added to each of the four cells: no change in few rows is not certainty.
    total, up, down = n + 2.0, won + 0.5, lost + 0.5
    middle = (up - down) / total
    half = Z * math.sqrt(up + down - (up - down) ** 2 / total) / total
    return Figure((won - lost) / n, max(-1.0, middle - half), min(1.0, middle + half), n, of, n)


def _totals(
    above: ArrayLike, below: ArrayLike, clusters: Sequence[Any] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Both sums of each cluster, and how many clusters there are."""
    above, below = np.asarray(above, float), np.asarray(below, float)
    if clusters is None:
        return above, below, above.size
    number: dict[Any, int] = {}
    at = np.array([number.setdefault(each, len(number)) for each in clusters], int)
    return (
        np.bincount(at, above, len(number)).astype(float), np.bincount(at, below, len(number)).astype(float),
        len(number),
    )


def _variance(top: NDArray[np.float64], bottom: NDArray[np.float64], value: float) -> float:
    left = top - value * bottom
    count = left.size
    return float(count / (count - 1) * (left @ left) / bottom.sum() ** 2)


def _student(degrees: int) -> float:
    from scipy.stats import t

    return float(t.ppf((1 + LEVEL) / 2, degrees))
