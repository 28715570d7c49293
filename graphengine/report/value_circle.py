"""The circle of values with a target, what a model (or another target) has in its place, and the difference."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from graphengine.report.svg import Picture
from graphengine.report.words import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.schwartz.system import ValueSystem

_WIDTH, _HEIGHT, _RADIUS = 760.0, 560.0, 190.0
_MIDDLE = (_WIDTH / 2, 300.0)
_NAMES = 1.13  # of the radius: clear of the number of the outer ring
_SEEN = 0.05  # a difference below this is not drawn


def around(system: ValueSystem) -> list[int]:
    """The places of the values in the order of the circle; of two at one angle the inner one first.

    Example:
        >>> from graphengine.schwartz.system import load_system
        >>> [load_system("schwartz-10").shorts[place] for place in around(load_system("schwartz-10"))]
        ['SD', 'ST', 'HE', 'AC', 'PO', 'SE', 'CO', 'TR', 'BE', 'UN']
    """
    values = system.values
    return sorted(range(len(values)), key=lambda place: (values[place].angle or 0.0, values[place].outer, place))


def value_circle(
    system: ValueSystem, numbers: Sequence[float], name: str, other: Sequence[float] | None = None,
    other_name: str = "", *, mark: str = "w", alone: bool = True,
) -> str:
    """Draw one or two vectors as SVG.

    The middle is -1 (opposed), the inner ring 0 (neither), the outer ring 1. A red line joins what differs.

    Args:
        system: The system of values; without a circle its values stand in their order.
        numbers: From -1 to 1, in the order of the system.
        name: Whose numbers they are.
        other: The numbers of a model, or of another target.
        other_name: Whose they are.
        mark: Put before ids, which must differ between the pictures of a page.
        alone: Whether the picture brings its colours.
    """
    order = around(system)
    title = f"{clean(name, 60)}" + (f" and {clean(other_name, 60)}" if other is not None else "")
    described = "; ".join(
        f"{system.values[place].name} {numbers[place]:.2f}" + (f" and {other[place]:.2f}" if other is not None else "")
        for place in order
    )
    picture = Picture(_WIDTH, mark, title, f"From -1 (opposed) over 0 to 1. {described}.")
    x, y = _MIDDLE
    picture.dot(24, 26, 5, "dot")
    picture.text(36, 30, clean(name, 70), "strong")
    if other is not None:
        picture.dot(24, 48, 5, "dot top")
        picture.text(36, 52, clean(other_name, 70), "strong")
    for share, told in ((0.5, "0"), (1.0, "1")):
        ring = [_at(step / 72, share) for step in range(72)]
        picture.shape(ring, "ring")
        picture.text(x + 4, y - share * _RADIUS - 3, told, "soft")
    for step, place in enumerate(order):
        angle = step / len(order)
        u, v = _at(angle, 1.0)
        picture.line(x, y, u, v, "rule")
        u, v = _at(angle, _NAMES)
        picture.text(u, v + 4, system.values[place].name, "soft", middle=abs(u - x) < 30, end=u - x <= -30)
    shapes = [(numbers, "area"), *([(other, "area top")] if other is not None else [])]
    for drawn, style in shapes:
        picture.shape([_at(step / len(order), (1 + drawn[place]) / 2) for step, place in enumerate(order)], style)
    for step, place in enumerate(order):
        angle, value = step / len(order), system.values[place].name
        here = _at(angle, (1 + numbers[place]) / 2)
        if other is not None and abs(numbers[place] - other[place]) >= _SEEN:
            there = _at(angle, (1 + other[place]) / 2)
            with picture.group(f"{value}: {numbers[place]:.2f} and {other[place]:.2f}, "
                               f"difference {numbers[place] - other[place]:+.2f}"):
                picture.line(*here, *there, "apart")
                picture.dot(*there, 3.5, "dot top")
        with picture.group(f"{value}: {numbers[place]:.2f}"):
            picture.dot(*here, 3.5, "dot")
    return picture.svg(_HEIGHT, alone=alone)


def _at(angle: float, share: float) -> tuple[float, float]:
    """A point at a share of the turn, clockwise from the top, and of the radius."""
    turn = 2 * math.pi * angle
    return _MIDDLE[0] + share * _RADIUS * math.sin(turn), _MIDDLE[1] - share * _RADIUS * math.cos(turn)
