"""The interval plot of a context: each card's score with its 90% interval, and its P(top)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from graphengine.ranking.validity.finding import counted
from graphengine.report.layered import MOST_CARDS
from graphengine.report.placing import MARGIN, PAGE, Box
from graphengine.report.svg import Picture
from graphengine.report.words import clean, probability, real, wrapped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.report.source import View

_ROW = 27.0
_LEFT, _RIGHT = 340.0, 700.0
_BAR, _BAR_END = 750.0, 880.0


def intervals(view: View, mark: str = "i", *, alone: bool = False) -> str:
    """Draw the scores of a context as SVG, the first card on top; of more than 30 cards the first 30 by rank.

    A method without uncertainty has dots without intervals, and no P(top).

    Args:
        view: The context.
        mark: Put before the ids inside the SVG.
        alone: With its own colours, to stand alone as a file.
    """
    cards = view.cards[:MOST_CARDS]
    sure = [card for card in cards if card.lower is not None and card.upper is not None]
    told = "; ".join(
        f"{clean(card.title, 60)}: {real(card.score)}" + (f", P(top) {probability(card.p_top)}" if sure else "")
        for card in cards[:5]
    )
    what = "scores with their 90% intervals" if sure else "scores"
    picture = Picture(PAGE, mark, f"{clean(view.text, 120)}: {what}",
                      f"{what.capitalize()} of {counted(len(view.cards), 'card')}. {told}. "
                      "The table beside the picture holds the same.")
    top, bottom = 52.0, 52.0 + _ROW * len(cards)
    picture.text(MARGIN, 26, clean(view.text, 60), "head")
    if not cards:
        picture.text(MARGIN, 54, "No card is ranked here.", "soft")
        return picture.svg(74, alone=alone)
    ends = [value for card in cards for value in (card.score, card.lower, card.upper) if value is not None]
    marks = ticks(min(ends), max(ends))
    low, high = min(*ends, *marks), max(*ends, *marks)
    across = high - low or 1.0

    def at(value: float) -> float:
        return _LEFT + (value - low) / across * (_RIGHT - _LEFT)

    for value in marks:
        picture.line(at(value), top, at(value), bottom, "rule")
        picture.text(at(value), bottom + 18, real(value), "soft", middle=True)
    picture.text((_LEFT + _RIGHT) / 2, top - 10, "score" + (" and 90% interval" if sure else ""), "soft", middle=True)
    if sure:
        picture.text(_BAR, top - 10, "P(top)", "soft")
    for row, card in enumerate(cards):
        y = top + _ROW * (row + 0.5)
        style = " top" if card.top else ""
        with picture.group(clean(card.title, 120)):
            picture.text(MARGIN, y + 4.5, f"{card.rank}", "soft")
            label = wrapped(card.title, (_LEFT - MARGIN - 46) / 13, 1)[0]
            picture.text(MARGIN + 26, y + 4.5, label, "strong" if card.top else "")
            if card.lower is not None and card.upper is not None:
                picture.line(at(card.lower), y, at(card.upper), y, f"span{style}")
            picture.dot(at(card.score), y, 5, f"dot{style}")
            if card.p_top is not None:
                picture.box(Box(_BAR, y - 6, _BAR_END - _BAR, 12), "track", corner=2)
                picture.box(Box(_BAR, y - 6, (_BAR_END - _BAR) * card.p_top, 12), f"fill{style}", corner=2)
                picture.text(PAGE - MARGIN, y + 4.5, probability(card.p_top), end=True)
    y = bottom + 42
    if len(view.cards) > len(cards):
        picture.text(MARGIN, y, f"The first {len(cards)} of {len(view.cards)} cards by rank.", "soft")
        y += 20
    return picture.svg(y - 10, alone=alone)


def ticks(low: float, high: float) -> Sequence[float]:
    """Round numbers between two ends, some five of them.

    Example:
        >>> ticks(-1.3, 2.2), ticks(0.5, 0.5)
        ([-1.0, 0.0, 1.0, 2.0], [0.5])
    """
    if not high > low:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= 6)
    return [round(n * step, 12) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]
