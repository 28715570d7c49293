"""How often answers are labelled as opposed to a value, or aligned with it: bars to both sides, a panel per source."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from graphengine.report.placing import MARGIN, PAGE, Box
from graphengine.report.svg import Picture
from graphengine.report.words import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

_ROW, _HEAD, _LABELS, _GAP, _ACROSS = 17.0, 62.0, 110.0, 40.0, 2


class Shares(NamedTuple):
    """One panel.

    Attributes:
        name: Whose answers.
        rows: How many.
        values: (value, share opposed, share aligned), shares from 0 to 1.
    """

    name: str
    rows: int
    values: Sequence[tuple[str, float, float]]


def value_shares(panels: Sequence[Shares], title: str) -> str:
    """Draw the shares as SVG, two panels in a row, all on one scale.

    Args:
        panels: At least one; the first is told in words, too.
        title: What they show.
    """
    told = "; ".join(f"{value}: opposed {no:.1%}, aligned {yes:.1%}" for value, no, yes in panels[0].values)
    picture = Picture(PAGE, "v", title, f"{clean(panels[0].name, 80)}, {panels[0].rows} rows. {told}.")
    picture.text(MARGIN, 26, title, "head")
    most_no = max((no for panel in panels for _, no, _ in panel.values), default=0.0)
    most_yes = max((yes for panel in panels for _, _, yes in panel.values), default=0.0)
    width = (PAGE - 2 * MARGIN - (_ACROSS - 1) * _GAP) / _ACROSS
    # Room for the numbers at both ends of the bars.
    unit = (width - _LABELS - 2 * 44) / max(most_no + most_yes, 1e-9)
    tall = _HEAD + _ROW * len(panels[0].values)
    for number, panel in enumerate(panels):
        left = MARGIN + number % _ACROSS * (width + _GAP)
        top = 40 + number // _ACROSS * tall
        zero = left + _LABELS + 44 + most_no * unit
        picture.text(left, top + 16, f"{clean(panel.name, 44)} ({panel.rows:,} rows)", "strong")
        picture.text(zero - 5, top + 34, "opposed", "soft", end=True)
        picture.text(zero + 5, top + 34, "aligned", "soft")
        for row, (value, no, yes) in enumerate(panel.values):
            y = top + 40 + row * _ROW
            with picture.group(f"{value}: opposed {no:.1%}, aligned {yes:.1%}"):
                picture.text(left, y + 11, clean(value, 24), "soft")
                picture.box(Box(zero - no * unit, y + 2, no * unit, _ROW - 5), "fill", corner=1)
                picture.box(Box(zero, y + 2, yes * unit, _ROW - 5), "fill top", corner=1)
                picture.text(zero - no * unit - 4, y + 11, f"{no:.1%}" if no else "", "soft", end=True)
                picture.text(zero + yes * unit + 4, y + 11, f"{yes:.1%}" if yes else "", "soft")
        picture.line(zero, top + 38, zero, top + 42 + _ROW * len(panel.values), "rule")
    return picture.svg(50 + -(-len(panels) // _ACROSS) * tall, alone=True)
