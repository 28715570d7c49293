"""Does a reward model know how sure it may be? Its probabilities against what people said.

A reward model says that the chosen answer wins with probability s(r_chosen - r_rejected), s the logistic function. Its
confidence in the side that it prefers lies between a half and one. In a calibrated model the preferred side is the
right one as often as the confidence says. The chosen side is right for certain (hard labels), or with the pair's
`p_chosen` (soft labels): a model that knows that a pair is even is overconfident by neither.

Source: Guo et al., *On Calibration of Modern Neural Networks*, ICML 2017 (expected calibration error, equal bins).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.training.evaluation.figures import Figure, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

BINS = 10
"""Of equal width between a half and one."""
_DRAWS = 400


@dataclass(frozen=True)
class Bin:
    """Pairs of about the same confidence.

    Attributes:
        lower: Least confidence of the bin.
        upper: Most.
        confidence: The mean confidence of its pairs.
        right: How often the preferred side was the right one.
    """

    lower: float
    upper: float
    confidence: float
    right: Figure

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries."""
        return {**asdict(self), "right": self.right.as_json()}


@dataclass(frozen=True)
class Calibration:
    """How far confidence and truth are apart.

    Attributes:
        labels: `hard`: the chosen side is right. `soft`: it is right with `p_chosen`.
        error: Expected calibration error: the mean distance of confidence and truth over bins, weighted by pairs; its
            interval by drawing clusters again (400 times, seed 0).
        error_by_chance: The error that a perfectly calibrated model would show on so many pairs, since the error of
            few pairs is never zero; what exceeds it is the model's.
        overconfidence: Mean confidence minus mean truth.
        bins: Those that hold a pair, from the least confident.
    """

    labels: str
    error: Figure
    error_by_chance: float | None
    overconfidence: float | None
    bins: tuple[Bin, ...]

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries."""
        return {
            "labels": self.labels, "error": self.error.as_json(), "error_by_chance": self.error_by_chance,
            "overconfidence": self.overconfidence, "bins": [each.as_json() for each in self.bins],
        }


def calibration(differences: Sequence[float], clusters: Sequence[Any], p_chosen: Sequence[float] | None) -> Calibration:
    """Hold a reward model's probabilities against the pairs' labels.

    Args:
        differences: r_chosen - r_rejected of each pair, in log odds.
        clusters: The context of each pair.
        p_chosen: How likely the chosen side is right; None: it is.

    Example:
        >>> found = calibration([0.0, 0.0, 0.0, 0.0], ["a", "b", "c", "d"], [0.5] * 4)
        >>> found.error.value, found.bins[0].confidence
        (0.0, 0.5)
    """
    labels = "hard" if p_chosen is None else "soft"
    n = len(differences)
    if not n:
        return Calibration(labels, Figure(None, None, None, 0, "pairs", 0), None, None, ())
    delta = np.asarray(differences, float)
    confidence = 1 / (1 + np.exp(-np.abs(delta)))
    truth = np.ones(n) if p_chosen is None else np.asarray(p_chosen, float)
    right = np.where(delta > 0, truth, np.where(delta < 0, 1 - truth, 0.5))
    place = np.minimum(((confidence - 0.5) * 2 * BINS).astype(int), BINS - 1)
    number: dict[Any, int] = {}
    cluster = np.array([number.setdefault(each, len(number)) for each in clusters])
    bins = []
    for at in range(BINS):
        inside = np.flatnonzero(place == at)
        if inside.size:
            bins.append(Bin(
                0.5 + at / (2 * BINS), 0.5 + (at + 1) / (2 * BINS), float(confidence[inside].mean()),
                share(right[inside], "pairs", cluster[inside].tolist()),
            ))
    value = _error(confidence, right, place, np.ones(n))
    lower, upper = _drawn_again(confidence, right, place, cluster) if len(number) > 1 else (None, None)
    error = Figure(value, lower, upper, n, "pairs", len(number))
    by_chance = _by_chance(confidence, place, soft=p_chosen is not None)
    return Calibration(labels, error, by_chance, float(confidence.mean() - right.mean()), tuple(bins))


def _error(
    confidence: NDArray[np.float64], right: NDArray[np.float64], place: NDArray[np.int64], weight: NDArray[np.float64]
) -> float:
    gaps = np.bincount(place, weight * (confidence - right), BINS)
    return float(np.abs(gaps).sum() / weight.sum())


def _drawn_again(
    confidence: NDArray[np.float64], right: NDArray[np.float64], place: NDArray[np.int64], cluster: NDArray[np.int64]
) -> tuple[float, float]:
    random = np.random.default_rng(0)
    count = int(cluster.max()) + 1
    drawn = (np.bincount(random.integers(0, count, count), minlength=count) for _ in range(_DRAWS))
    errors = [_error(confidence, right, place, times[cluster].astype(np.float64)) for times in drawn]
    low, high = np.quantile(errors, [0.05, 0.95])
    return float(low), float(high)


def _by_chance(confidence: NDArray[np.float64], place: NDArray[np.int64], *, soft: bool) -> float:
    if soft:  # the labels say the probability itself, so nothing is left to chance
        return 0.0
    random, ones = np.random.default_rng(0), np.ones(confidence.size)
    drawn = ((random.random(confidence.size) < confidence).astype(np.float64) for _ in range(_DRAWS))
    return float(np.mean([_error(confidence, right, place, ones) for right in drawn]))
