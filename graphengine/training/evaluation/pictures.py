"""Two pictures as SVG: how calibrated a reward model is, and what reward costs elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from graphengine.report.intervals import ticks
from graphengine.report.svg import Picture
from graphengine.report.words import clean, real

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.training.evaluation.calibration import Calibration
    from graphengine.training.evaluation.figures import Figure

_WIDTH, _LEFT, _TOP, _ACROSS, _DOWN = 640.0, 90.0, 60.0, 500.0, 380.0


class _Axes(NamedTuple):
    """Where numbers lie in the picture."""

    picture: Picture
    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        return (
            _LEFT + (x - self.x[0]) / (self.x[1] - self.x[0]) * _ACROSS,
            _TOP + _DOWN - (y - self.y[0]) / (self.y[1] - self.y[0]) * _DOWN,
        )

    def frame(self, across: str, up: str) -> None:
        """Grid, numbers and names of both axes."""
        for value in ticks(*self.x):
            x, _ = self.at(value, self.y[0])
            self.picture.line(x, _TOP, x, _TOP + _DOWN, "rule")
            self.picture.text(x, _TOP + _DOWN + 18, real(value), "soft", middle=True)
        for value in ticks(*self.y):
            _, y = self.at(self.x[0], value)
            self.picture.line(_LEFT, y, _LEFT + _ACROSS, y, "rule")
            self.picture.text(_LEFT - 8, y + 4, real(value), "soft", end=True)
        self.picture.text(_LEFT + _ACROSS / 2, _TOP + _DOWN + 42, across, "soft", middle=True)
        self.picture.text(_LEFT, _TOP - 12, up, "soft")


def reliability(name: str, found: Sequence[Calibration]) -> str:
    """The reliability plot of a reward model: confidence across, how often it was right upwards.

    Args:
        name: The model.
        found: Its calibration against hard labels (with intervals), and against soft ones (dots in another colour).
    """
    pairs = found[0].error.n
    told = "; ".join(f"confidence {each.confidence:.2f}: right {each.right.value or 0:.2f}, {each.right.n} pairs"
                     for each in found[0].bins)
    picture = Picture(_WIDTH, "r", f"{name}: confidence against truth",
                      f"Reliability plot over {pairs} held-out pairs, with 90% intervals. {told}.")
    picture.text(30, 26, f"{clean(name, 24)}: confidence against truth, {pairs} held-out pairs", "head")
    least = min([0.4, *(each.right.lower for each in found[0].bins if each.right.lower is not None)])
    axes = _Axes(picture, (0.5, 1.0), (max(0.0, least), 1.0))
    axes.frame("confidence in the preferred side", "share right (line: perfectly calibrated)")
    picture.line(*axes.at(0.5, 0.5), *axes.at(1.0, 1.0), "arrow")
    for calibration, mark in zip(found, ("", " top"), strict=False):
        for each in calibration.bins:
            if each.right.value is None:
                continue
            if not mark and each.right.lower is not None and each.right.upper is not None:
                picture.line(*axes.at(each.confidence, each.right.lower), *axes.at(each.confidence, each.right.upper),
                             "span")
            picture.dot(*axes.at(each.confidence, each.right.value), 3.5 if mark else 5, f"dot{mark}")
    y = _TOP + _DOWN + 70
    picture.dot(_LEFT, y - 4, 5, "dot")
    picture.text(_LEFT + 12, y, "the chosen side is right, with 90% interval")
    if len(found) > 1:
        picture.dot(_LEFT + 310, y - 4, 3.5, "dot top")
        picture.text(_LEFT + 322, y, "it is right with p_chosen")
    return picture.svg(y + 20, alone=True)


class Point(NamedTuple):
    """A policy: what it gained, and what it lost."""

    label: str
    gain: Figure
    tax: Figure


def reward_and_tax(points: Sequence[Point], gain: str, tax: str) -> str:
    """Reward against tax: what was lost elsewhere across, what was gained upwards, a point for each policy.

    Args:
        points: At least one, with values.
        gain: What the gain is, in words.
        tax: What the tax is, in words.
    """
    told = "; ".join(f"{each.label}: {tax} {real(each.tax.value)}, {gain} {real(each.gain.value)}" for each in points)
    picture = Picture(_WIDTH, "t", f"{gain} against {tax}", f"With 90% intervals. {told}.")
    picture.text(30, 26, "Reward against alignment tax, with 90% intervals", "head")
    axes = _Axes(picture, _range([each.tax for each in points]), _range([each.gain for each in points]))
    axes.frame(tax, gain)
    for each in points:
        x, y = each.tax.value or 0.0, each.gain.value or 0.0
        if each.tax.lower is not None and each.tax.upper is not None:
            picture.line(*axes.at(each.tax.lower, y), *axes.at(each.tax.upper, y), "arrow sure")
        if each.gain.lower is not None and each.gain.upper is not None:
            picture.line(*axes.at(x, each.gain.lower), *axes.at(x, each.gain.upper), "arrow sure")
        picture.dot(*axes.at(x, y), 5, "dot")
        across, up = axes.at(x, y)
        right = across > _LEFT + _ACROSS * 0.7
        picture.text(across + (-9 if right else 9), up - 8, clean(each.label, 40), end=right)
    return picture.svg(_TOP + _DOWN + 60, alone=True)


def _range(figures: Sequence[Figure]) -> tuple[float, float]:
    """From the least to the most that is drawn, zero included, with some air."""
    ends = [0.0, *(end for each in figures for end in (each.value, each.lower, each.upper) if end is not None)]
    air = (max(ends) - min(ends)) * 0.08 or 0.5
    return min(ends) - air, max(ends) + air
