"""Pictures of what training changed: the mean score of each value before and after, and how scores are spread."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from graphengine.report.placing import MARGIN, PAGE, Box
from graphengine.report.svg import Picture
from graphengine.report.words import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

BINS = 16
_ROW, _TOP, _LABELS = 34.0, 92.0, 150.0
_ACROSS, _TALL, _GAP = 2, 74.0, 40.0


class Moved(NamedTuple):
    """A value before and after.

    Attributes:
        value: Its name.
        before: Mean score with its interval: (value, lower, upper).
        after: The same afterwards.
        target: What the target asks for; None where it asks for nothing.
    """

    value: str
    before: tuple[float, float | None, float | None]
    after: tuple[float, float | None, float | None]
    target: float | None


def value_change(rows: Sequence[Moved], title: str, before: str, after: str) -> str:
    """Draw mean scores as bars from 0, with intervals; a red stroke is the target.

    Args:
        rows: The values, in the order of the circle.
        title: What is shown.
        before: What the first bar is.
        after: What the second one is.
    """
    told = "; ".join(f"{row.value} {row.before[0]:.2f} and {row.after[0]:.2f}"
                     + (f", target {row.target:.2f}" if row.target is not None else "") for row in rows)
    picture = Picture(PAGE, "c", title, f"Mean scores {before} and {after}. {told}.")
    picture.text(MARGIN, 26, clean(title, 110), "head")
    _legend(picture, before, after, target=True)
    left, right = MARGIN + _LABELS, PAGE - MARGIN
    bottom = _TOP + _ROW * len(rows)

    def x(score: float) -> float:
        return left + (max(-1.0, min(1.0, score)) + 1) / 2 * (right - left)

    for tick in (-1.0, -0.5, 0.0, 0.5, 1.0):
        picture.line(x(tick), _TOP - 4, x(tick), bottom, "rule")
        picture.text(x(tick), _TOP - 10, f"{tick:g}", "soft", middle=True)
    for number, row in enumerate(rows):
        top = _TOP + number * _ROW
        picture.text(MARGIN, top + 21, clean(row.value, 24), "strong" if row.target is not None else "soft")
        for place, (name, (value, lower, upper), style) in enumerate(
                ((before, row.before, "fill"), (after, row.after, "fill top"))):
            y = top + 5 + place * 13
            span = f" ({lower:.2f} to {upper:.2f})" if lower is not None and upper is not None else ""
            with picture.group(f"{row.value}, {name}: {value:.2f}{span}"):
                picture.box(Box(min(x(0), x(value)), y, abs(x(value) - x(0)), 10), style, corner=1)
                if lower is not None and upper is not None:
                    picture.line(x(lower), y + 5, x(upper), y + 5, "span" if place else "span top")
        if row.target is not None:
            with picture.group(f"{row.value}, target: {row.target:.2f}"):
                picture.line(x(row.target), top + 2, x(row.target), top + 31, "apart")
    return picture.svg(bottom + 12, alone=True)


def score_histograms(
    values: Sequence[str], before: Sequence[Sequence[float]], after: Sequence[Sequence[float]], title: str,
    names: tuple[str, str],
) -> str:
    """Draw how the scores of each value are spread from -1 to 1: before upwards, after downwards.

    Args:
        values: The names of the values.
        before: Scores of each value.
        after: The same afterwards.
        title: What is shown.
        names: What the two sides are.
    """
    picture = Picture(PAGE, "h", title, f"Shares of the scores in {BINS} steps from -1 to 1, a panel for each value: "
                      f"{names[0]} upwards, {names[1]} downwards.")
    picture.text(MARGIN, 26, clean(title, 110), "head")
    _legend(picture, *names)
    width = (PAGE - 2 * MARGIN - (_ACROSS - 1) * _GAP) / _ACROSS
    step = width / BINS
    tall = 2 * _TALL + 44
    for number, value in enumerate(values):
        left = MARGIN + number % _ACROSS * (width + _GAP)
        top = 66 + number // _ACROSS * tall
        zero = top + 24 + _TALL
        picture.text(left, top + 14, clean(value, 40), "strong")
        sides = ((names[0], before[number], "fill", -1), (names[1], after[number], "fill top", 1))
        for side, scores, style, sign in sides:
            for bin_, share in enumerate(_shares(scores)):
                if share:
                    high = max(1.0, share * _TALL)
                    ends = (-1 + 2 * bin_ / BINS, -1 + 2 * (bin_ + 1) / BINS)
                    with picture.group(f"{value}, {side}: {share:.1%} from {ends[0]:.2f} to {ends[1]:.2f}"):
                        picture.box(Box(left + bin_ * step + 1, zero - high if sign < 0 else zero, step - 2, high),
                                    style, corner=1)
        picture.line(left, zero, left + width, zero, "rule")
        picture.line(left + width / 2, top + 20, left + width / 2, zero + _TALL, "rule")
        for place, told in ((0.0, "-1"), (0.5, "0"), (1.0, "1")):
            picture.text(left + place * width, zero + _TALL + 13, told, "soft", middle=place == 0.5, end=place == 1.0)
    return picture.svg(70 + -(-len(values) // _ACROSS) * tall, alone=True)


def _shares(scores: Sequence[float]) -> list[float]:
    counts = [0] * BINS
    for score in scores:
        counts[min(BINS - 1, max(0, int((score + 1) / 2 * BINS)))] += 1
    return [count / max(1, len(scores)) for count in counts]


def _legend(picture: Picture, before: str, after: str, *, target: bool = False) -> None:
    picture.box(Box(MARGIN, 40, 14, 10), "fill", corner=1)
    picture.text(MARGIN + 20, 50, clean(before, 40), "soft")
    picture.box(Box(MARGIN + 240, 40, 14, 10), "fill top", corner=1)
    picture.text(MARGIN + 260, 50, clean(after, 40), "soft")
    if target:
        picture.line(MARGIN + 487, 38, MARGIN + 487, 53, "apart")
        picture.text(MARGIN + 500, 50, "target", "soft")
