"""The picture of a context: wiser is higher, an arrow from each less wise card to the wiser one, ties and circles."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from graphengine.ranking.validity.finding import counted
from graphengine.report.layers import rows
from graphengine.report.placing import BOX, COLUMNS, GAP, MARGIN, PAGE, Box, Router, columns
from graphengine.report.source import Arrow
from graphengine.report.svg import Picture
from graphengine.report.words import clean, probability, real, wide, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.report.source import Card, View

MOST_CARDS = 30
"""A picture of more cards can't be read."""
MOST_ARROWS = 120
"""More are taken into account for the places of the cards, and not drawn."""
LABELLED = 16
"""Up to so many arrows carry their numbers."""

_LINE, _BETWEEN = 16.0, 76.0
_CIRCLE = "no order is supported here"
_LEGEND = {
    "sure": "wiser: P(wiser) at least 0.95, or clear answers", "faint": "perhaps wiser",
    "circle": "part of a circle", "tie": "neither is wiser",
}


@dataclass
class Drawn:
    """A picture, where its boxes stand, and what it leaves out."""

    svg: str
    boxes: dict[str, Box]
    height: float
    left_out: int


def layered(view: View, mark: str = "p", *, alone: bool = False) -> Drawn:
    """Draw a context.

    Cards that no question ties together, however indirectly, stand in parts of their own, one below the other. Of
    more than 30 cards the first 30 by rank are drawn.

    Args:
        view: The context.
        mark: Put before the ids inside the SVG, so that several pictures share a page.
        alone: With its own colours, to stand alone as a file.
    """
    cards = view.cards[:MOST_CARDS]
    kept = {card.id for card in cards}
    arrows = sorted((a for a in view.arrows if {a.source, a.target} <= kept), key=Arrow.place)
    left_out = len(view.cards) - len(cards)
    picture = Picture(PAGE, mark, f"{clean(view.text, 120)}: wiser is higher", _described(view, arrows, left_out))
    y = 0.0
    if alone:
        y = 38.0
        picture.text(MARGIN, 30, clean(view.text, 100), "head")
    boxes: dict[str, Box] = {}
    parts = sorted({card.component for card in cards})
    for part in parts:
        members = [card for card in cards if card.component == part]
        if len(parts) > 1:
            y += 26
            picture.text(MARGIN, y, f"Part {part + 1}: no question ties its cards to those of the other parts", "soft")
            picture.line(MARGIN, y + 7, PAGE - MARGIN, y + 7, "rule")
        y = _part(picture, view, members, [a for a in arrows if a.source in {c.id for c in members}], y, boxes)
    if not cards:
        y += 30
        picture.text(MARGIN, y, "No card is ranked here.", "soft")
    y += 24
    if left_out:
        picture.text(MARGIN, y, f"The first {len(cards)} of {len(view.cards)} cards by rank; "
                                f"{counted(left_out, 'card')} left out.", "soft")
        y += 20
    if len(arrows) > MOST_ARROWS:
        picture.text(MARGIN, y, f"Of {counted(len(arrows), 'arrow')} the surest {MOST_ARROWS} of each part.", "soft")
        y += 20
    _legend(picture, arrows, y)
    return Drawn(picture.svg(y + 20, alone=alone), boxes, y + 20, left_out)


def _described(view: View, arrows: Sequence[Arrow], left_out: int) -> str:
    first = "; ".join(clean(card.title, 80) for card in view.cards[:3])
    said = [f"{counted(len(view.cards), 'card')}, wiser ones higher" + (f", first: {first}" if first else "")]
    said.append(f"{counted(len(arrows), 'arrow')}, {sum(a.sure for a in arrows)} of them sure")
    if circle := {card for a in arrows if a.circle for card in (a.source, a.target)}:
        said.append(f"{len(circle)} cards lie in circles, so no order is supported among them")
    if left_out:
        said.append(f"{left_out} cards left out")
    return ". ".join(said) + ". The tables beside the picture hold the same."


def _part(
    picture: Picture, view: View, cards: list[Card], arrows: list[Arrow], top: float, boxes: dict[str, Box]
) -> float:
    """Draw the cards of one part below `top`; returns where it ends."""
    at = {card.id: place for place, card in enumerate(cards)}
    ties = [(at[a.source], at[a.target]) for a in arrows if a.tie]
    above = [(at[a.source], at[a.target]) for a in arrows if not a.tie]
    levels, unit = rows([card.score for card in cards], above, ties, COLUMNS)
    x = columns(levels, [*above, *ties], unit)
    written = [wrapped(card.title, (BOX - 16) / 13, 3) for card in cards]
    place: list[Box] = [Box(0, 0, 0, 0)] * len(cards)
    row_of: dict[int, int] = {}
    y = top + 30
    for row, members in enumerate(levels):
        height = max(_height(written[card], cards[card]) for card in members)
        for card in members:
            row_of[card] = row
            place[card] = Box(x[card] - BOX / 2, y, BOX, height)
        y += height + _BETWEEN
    circle = {at[end] for a in arrows if a.circle for end in (a.source, a.target)}
    words = _frames(picture, place, levels, unit, circle)
    _Arrows(picture, place, row_of, levels, at, words).draw(arrows[:MOST_ARROWS])
    for box in words:
        picture.box(box, "label", corner=2)
        picture.text(box.x, box.y + 12, _CIRCLE, "alarm")
    for card, box in zip(cards, place, strict=True):
        boxes[card.id] = box
        _box(picture, card, box, written[at[card.id]], view)
    return y - _BETWEEN + 26


def _height(lines: list[str], card: Card) -> float:
    return 12 + _LINE * (len(lines) + 1 + card.top) + 4


def _box(picture: Picture, card: Card, box: Box, lines: list[str], view: View) -> None:
    with picture.group(clean(card.title, 120)):
        picture.box(box, "box top" if card.top else "box")
        y = box.y + 4
        for line in lines:
            y += _LINE
            picture.text(box.middle, y, line, "strong" if card.top else "", middle=True)
        numbers = f"score {real(card.score)}" if card.p_top is None else (
            f"P(top) {probability(card.p_top)} · score {card.score:z.{2 if abs(card.score) < 10 else 0}f}")
        picture.text(box.middle, y + _LINE, numbers, "soft", middle=True)
        if card.top:
            verdict = "named the wisest" if view.single else "may be the wisest"
            picture.text(box.middle, y + 2 * _LINE, f"★ {verdict}", "soft", middle=True)


def _frames(
    picture: Picture, place: list[Box], levels: list[list[int]], unit: list[int], circle: set[int]
) -> list[Box]:
    """A frame around the cards of each circle, row by row; returns where their words go."""
    words = []
    for row in levels:
        for which in sorted({unit[card] for card in row if card in circle}):
            found = [place[card] for card in row if unit[card] == which]
            left, right = min(box.x for box in found), max(box.x + box.w for box in found)
            box = Box(left - 9, found[0].y - 9, right - left + 18, found[0].h + 18)
            picture.box(box, "frame")
            words.append(Box(left, box.bottom + 1, wide(_CIRCLE) * 11.5, 16))
    return words


class _Arrows:
    """Draws the arrows of one part."""

    def __init__(
        self, picture: Picture, place: list[Box], row_of: dict[int, int], levels: list[list[int]], at: dict[str, int],
        taken: list[Box],
    ) -> None:
        self.picture, self.place, self.row_of, self.at = picture, place, row_of, at
        self.router = Router([[place[card] for card in row] for row in levels])
        self.taken = [*place, *taken]
        self.ports: dict[tuple[int, str], list[tuple[float, int]]] = defaultdict(list)

    def draw(self, arrows: list[Arrow]) -> None:
        ends = [(self.at[a.source], self.at[a.target]) for a in arrows]
        for number, (low, high) in enumerate(ends):
            if self.row_of[low] != self.row_of[high]:
                down, up = (low, high) if self.row_of[low] > self.row_of[high] else (high, low)
                self.ports[down, "top"].append((self.place[up].middle, number))
                self.ports[up, "bottom"].append((self.place[down].middle, number))
        for ways in self.ports.values():
            ways.sort()
        labels = len(arrows) <= LABELLED
        spots = []
        for number, arrow in enumerate(arrows):
            low, high = ends[number]
            if self.row_of[low] == self.row_of[high]:
                spots.append((arrow, self._beside(low, high, arrow)))
            else:
                spots.append((arrow, self._upwards(low, high, arrow, number)))
        for arrow, where in spots if labels else []:
            self._label(arrow, where)

    def _port(self, card: int, side: str, number: int) -> float:
        ways = self.ports[card, side]
        rank = next(i for i, (_, n) in enumerate(ways) if n == number)
        return self.place[card].x + BOX * (0.15 + 0.7 * (rank + 0.5) / len(ways))

    def _upwards(self, low: int, high: int, arrow: Arrow, number: int) -> list[tuple[float, float]]:
        down, up = (low, high) if self.row_of[low] > self.row_of[high] else (high, low)
        start = self._port(down, "top", number), self.place[down].y
        end = self._port(up, "bottom", number), self.place[up].bottom
        points = self.router.way(start, end, range(self.row_of[down] - 1, self.row_of[up], -1))
        bends = points if down == low else points[::-1]
        path = f"M{bends[0][0]:.1f} {bends[0][1]:.1f}"
        spots = []
        for (x, y), (u, v) in pairwise(bends):
            if x == u:
                path += f"L{u:.1f} {v:.1f}"
            else:
                half = (v - y) * 0.5
                path += f"C{x:.1f} {y + half:.1f} {u:.1f} {v - half:.1f} {u:.1f} {v:.1f}"
            if abs(v - y) > 30:
                spots += [_on_curve(x, y, u, v, t) for t in (0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78)]
        self.picture.arrow(path, arrow, _told(arrow))
        return spots

    def _beside(self, low: int, high: int, arrow: Arrow) -> list[tuple[float, float]]:
        a, b = self.place[low], self.place[high]
        right = a.x < b.x
        if abs(a.x - b.x) < 1.5 * (BOX + GAP):
            x, u = (a.x + a.w, b.x) if right else (a.x, b.x + b.w)
            y = a.y + a.h / 2
            self.picture.arrow(f"M{x:.1f} {y:.1f}L{u:.1f} {y:.1f}", arrow, _told(arrow))
            return []
        y, x, u = a.y, a.middle, b.middle  # over the boxes between
        self.picture.arrow(f"M{x:.1f} {y:.1f}C{x:.1f} {y - 34:.1f} {u:.1f} {y - 34:.1f} {u:.1f} {y:.1f}", arrow,
                           _told(arrow))
        return [((x + u) / 2, y - 26)]

    def _label(self, arrow: Arrow, spots: list[tuple[float, float]]) -> None:
        text = _numbers(arrow)
        w = wide(text) * 11.5
        for x, y in spots:
            box = Box(x - w / 2 - 2, y - 7, w + 4, 14)
            if box.x > 2 and box.x + box.w < PAGE - 2 and not any(box.meets(other) for other in self.taken):
                self.taken.append(box)
                self.picture.box(box, "label", corner=2)
                self.picture.text(x, y + 4, text, "soft", middle=True)
                return


def _on_curve(x: float, y: float, u: float, v: float, t: float) -> tuple[float, float]:
    """A point of the curve that leaves (x, y) and reaches (u, v) upright."""
    bend = 3 * (1 - t) * t * t + t**3
    half = (v - y) * 0.5
    down = (1 - t) ** 3 * y + 3 * (1 - t) ** 2 * t * (y + half) + 3 * (1 - t) * t * t * (v - half) + t**3 * v
    return x + (u - x) * bend, down


def _numbers(arrow: Arrow) -> str:
    a, b = "/".join(map(str, arrow.answers)), "/".join(map(str, arrow.reverse))
    asked = [a] if not any(arrow.reverse) else [f"back {b}"] if not any(arrow.answers) else [a, f"back {b}"]
    return " · ".join([probability(arrow.p), *asked])


def _told(arrow: Arrow) -> str:
    return f"P(wiser) {probability(arrow.p)}; wiser, not wiser, unsure: " + "/".join(map(str, arrow.answers)) + (
        f"; asked the other way round: {'/'.join(map(str, arrow.reverse))}" if any(arrow.reverse) else "")


def _legend(picture: Picture, arrows: Sequence[Arrow], y: float) -> None:
    """The kinds of arrows that are there, and what their numbers are."""
    x = MARGIN
    kinds = {"circle" if a.circle else "tie" if a.tie else "sure" if a.sure else "faint" for a in arrows}
    for kind, words in _LEGEND.items():
        if kind in kinds:
            picture.sample(x, y - 4, kind)
            picture.text(x + 42, y, words, "soft")
            x += 62 + wide(words) * 11.5
    if arrows and len(arrows) <= LABELLED:
        picture.text(x, y, "numbers: P(wiser) · answers wiser/not wiser/unsure", "soft")
