"""Where boxes stand and how arrows run between them, so that no box is overlapped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.report.layers import Pairs

Point = tuple[float, float]
"""x to the right, y down."""

PAGE, MARGIN, BOX, GAP = 960.0, 30.0, 158.0, 27.0
COLUMNS = 5
"""Width of the picture, of its margins, of a box, least distance of two boxes; so at most five in a row."""


class Box(NamedTuple):
    """A rectangle: left, top, width, height."""

    x: float
    y: float
    w: float
    h: float

    @property
    def middle(self) -> float:
        """Half way from left to right."""
        return self.x + self.w / 2

    @property
    def bottom(self) -> float:
        """Of the box."""
        return self.y + self.h

    def meets(self, other: Box) -> bool:
        """Whether the two overlap.

        Example:
            >>> Box(0, 0, 10, 10).meets(Box(9, 9, 5, 5)), Box(0, 0, 10, 10).meets(Box(10, 0, 5, 5))
            (True, False)
        """
        return (self.x < other.x + other.w and other.x < self.x + self.w
                and self.y < other.bottom and other.y < self.bottom)


def columns(rows: Sequence[Sequence[int]], pairs: Pairs, unit: Sequence[int]) -> list[float]:
    """The middle of each card, so that cards stand near those that they are compared with.

    Cards of a unit stay beside each other. A few sweeps down and up, each card drawn to the mean of its neighbours.
    """
    cards = sum(map(len, rows))
    near: list[list[int]] = [[] for _ in range(cards)]
    for a, b in pairs:
        near[a].append(b)
        near[b].append(a)
    row_of = {card: at for at, row in enumerate(rows) for card in row}
    x = [PAGE / 2] * cards
    order = [list(row) for row in rows]
    for row in order:
        _place(row, [PAGE / 2] * len(row), x)
    for sweep in range(6):
        for at in range(len(order)) if sweep % 2 == 0 else range(len(order) - 1, -1, -1):
            pull = {card: _mean([x[other] for other in near[card] if row_of[other] != at], x[card])
                    for card in order[at]}
            together: dict[int, list[float]] = {}
            for card in order[at]:
                together.setdefault(unit[card], []).append(pull[card])
            order[at].sort(key=lambda card: (_mean(together[unit[card]], 0), unit[card], pull[card], card))
            _place(order[at], [pull[card] for card in order[at]], x)
    return x


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _place(row: Sequence[int], wanted: Sequence[float], x: list[float]) -> None:
    """Put a row's cards, in their order, as near as can be to where they are wanted, without overlap."""
    step = BOX + GAP
    groups: list[tuple[float, int]] = []  # mean and number of cards that touch (pool adjacent violators)
    for at, want in enumerate(wanted):
        groups.append((want - at * step, 1))
        while len(groups) > 1 and groups[-2][0] >= groups[-1][0]:
            (a, n), (b, m) = groups[-2:]
            groups[-2:] = [((a * n + b * m) / (n + m), n + m)]
    first, last = MARGIN + BOX / 2, PAGE - MARGIN - BOX / 2 - (len(row) - 1) * step
    free = [min(max(mean, first), max(first, last)) for mean, n in groups for _ in range(n)]
    for at, card in enumerate(row):
        x[card] = free[at] + at * step


@dataclass
class Router:
    """Finds the way of an arrow through the rows between its ends, by the gaps between boxes.

    Args:
        rows: Boxes of each row, from the top.
    """

    rows: list[list[Box]]

    def __post_init__(self) -> None:
        self._used: dict[tuple[int, int], int] = {}
        self._gaps: list[list[tuple[float, float]]] = []
        for row in self.rows:
            ends = [0.0, *(end for box in sorted(row) for end in (box.x, box.x + box.w)), PAGE]
            self._gaps.append([(ends[i] + 8, ends[i + 1] - 8) for i in range(0, len(ends), 2)])

    def way(self, start: Point, end: Point, between: Sequence[int]) -> list[Point]:
        """Points from `start` up to `end`: two for each row between them (its lower and upper edge)."""
        points = [start]
        for row in between:
            top = min(box.y for box in self.rows[row])
            bottom = max(box.bottom for box in self.rows[row])
            height = (start[1] - (top + bottom) / 2) / max(start[1] - end[1], 1)
            straight = start[0] + (end[0] - start[0]) * height
            gaps = self._gaps[row]
            which = min(range(len(gaps)), key=lambda g: (self._detour(row, g, straight), g))
            low, high = gaps[which]
            n = self._used.get((row, which), 0)
            self._used[row, which] = n + 1
            x = min(max(straight, low), high)
            inwards = 1 if x - low < high - x else -1  # beside those that pass here already
            x = min(max(x + 6.0 * n * inwards, low), high)
            points += [(x, bottom + 4), (x, top - 4)]
        return [*points, end]

    def _detour(self, row: int, gap: int, straight: float) -> float:
        """How far a gap is from the straight way, and how full."""
        low, high = self._gaps[row][gap]
        crowd = max(0.0, 6.0 * self._used.get((row, gap), 0) - (high - low))
        return abs(min(max(straight, low), high) - straight) + 10 * crowd
