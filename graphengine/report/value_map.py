"""Answers on a map of two axes, of two kinds, with the values that the axes are made of."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from graphengine.report.placing import MARGIN, PAGE, Box
from graphengine.report.svg import Picture
from graphengine.report.words import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

_WIDE, _TALL, _TOP, _LEGEND = PAGE - 2 * MARGIN, 560.0, 84.0, 40.0
_ROOM = 0.86  # of half the map, for what stands farthest out
_SMALLEST, _LARGEST = 2.2, 17.0
_LINE = 15.0  # between two names
_SHOWN = 0.15  # a value with less of both axes is left out


class Axes(NamedTuple):
    """The axes of a map.

    Attributes:
        shares: Of the variance that each axis holds.
        loadings: How much of a value both axes have.
    """

    shares: tuple[float, float]
    loadings: Sequence[tuple[str, float, float]]


def value_map(
    places: Sequence[tuple[float, float]], marked: Sequence[bool], kinds: tuple[str, str], axes: Axes, title: str
) -> str:
    """Draw the map as SVG. Answers at the same place are one mark, the larger the more they are.

    Args:
        places: Of each answer.
        marked: Which answers are of the second kind: they are squares, the others discs.
        kinds: What both kinds are called.
        axes: What the axes are.
        title: What the map shows.
    """
    numbers = Counter((round(x, 6), round(y, 6), bool(mark)) for (x, y), mark in zip(places, marked, strict=True))
    most = max(numbers.values(), default=1)
    both = tuple(sum(1 for mark in marked if bool(mark) is kind) for kind in (False, True))
    shares = " and ".join(f"{share:.0%}" for share in axes.shares)
    told = f"{both[0]} {kinds[0]} and {both[1]} {kinds[1]} answers; the axes hold {shares} of the variance."
    picture = Picture(PAGE, "m", title, told)
    picture.text(MARGIN, 26, title, "head")
    picture.text(MARGIN, 46, told, "soft")
    middle_x, middle_y = MARGIN + _WIDE / 2, _TOP + _TALL / 2
    far_x, far_y = (max((abs(place[axis]) for place in places), default=0.0) or 1.0 for axis in (0, 1))
    unit = _ROOM * min(_WIDE / 2 / far_x, _TALL / 2 / far_y)  # one scale, so that distances can be compared
    picture.line(MARGIN, middle_y, MARGIN + _WIDE, middle_y, "rule")
    picture.line(middle_x, _TOP, middle_x, _TOP + _TALL, "rule")
    for (x, y, mark), number in sorted(numbers.items(), key=lambda each: (-each[1], each[0])):
        size = _SMALLEST + (_LARGEST - _SMALLEST) * math.sqrt(number / most)
        u, v = middle_x + x * unit, middle_y - y * unit
        with picture.group(f"{number:,} {kinds[mark]}"):
            if mark:  # beside the disc at the same place
                picture.box(Box(u, v - size / 2, size, size), "tip circle", corner=1)
            else:
                picture.dot(u - size / 2, v, size / 2, "dot top")
    _arrows(picture, axes, middle_x, middle_y)
    y = _TOP + _TALL + 24
    picture.dot(MARGIN + 6, y - 4, 5, "dot top")
    picture.text(MARGIN + 18, y, clean(kinds[0], 40), "soft")
    picture.box(Box(MARGIN + 200, y - 9, 10, 10), "tip circle", corner=1)
    picture.text(MARGIN + 218, y, clean(kinds[1], 40), "soft")
    picture.text(MARGIN + 400, y, f"the largest mark: {most:,} answers; lines: what the axes have of a value", "soft")
    return picture.svg(_TOP + _TALL + _LEGEND, alone=True)


def _arrows(picture: Picture, axes: Axes, x: float, y: float) -> None:
    longest = max((math.hypot(one, other) for _, one, other in axes.loadings), default=0.0) or 1.0
    unit = 0.4 * _TALL / longest
    shown = sorted((each for each in axes.loadings if math.hypot(*each[1:]) >= _SHOWN), key=lambda each: -each[2])
    last = {True: -math.inf, False: -math.inf}  # the lowest name so far, on either side
    for value, one, other in shown:
        u, v, right = x + one * unit, y - other * unit, one >= 0
        picture.line(x, y, u, v, "arrow sure")
        last[right] = max(v + 4, last[right] + _LINE)
        picture.text(u + (6 if right else -6), last[right], clean(value, 30), "strong", end=not right)
