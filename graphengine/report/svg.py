"""An SVG picture, made of escaped text and rounded numbers only."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from graphengine.report.style import picture_style
from graphengine.report.words import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from graphengine.report.placing import Box
    from graphengine.report.source import Arrow


class Picture:
    """Collects shapes; `svg` closes the picture.

    Args:
        width: In units of the picture.
        mark: Put before ids, which must differ between the pictures of a page.
        title: What the picture shows.
        description: The same in sentences, for whoever can't see it.
    """

    def __init__(self, width: float, mark: str, title: str, description: str) -> None:
        self._width, self._mark, self._title, self._description = width, mark, title, description
        self._parts: list[str] = []

    def text(self, x: float, y: float, words: str, style: str = "", *, middle: bool = False, end: bool = False) -> None:
        """Words that begin, lie or end at (x, y), the base line."""
        anchor = ' text-anchor="middle"' if middle else ' text-anchor="end"' if end else ""
        self._parts.append(f'<text x="{x:.1f}" y="{y:.1f}"{_class(style)}{anchor}>{plain(words)}</text>')

    def line(self, x: float, y: float, u: float, v: float, style: str) -> None:
        """A straight line."""
        self._parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{u:.1f}" y2="{v:.1f}"{_class(style)}/>')

    def box(self, box: Box, style: str, *, corner: float = 6) -> None:
        """A rectangle."""
        self._parts.append(f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.w:.1f}" height="{box.h:.1f}"'
                           f' rx="{corner:g}"{_class(style)}/>')

    def shape(self, points: Sequence[tuple[float, float]], style: str) -> None:
        """A closed shape through points."""
        told = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._parts.append(f'<polygon points="{told}"{_class(style)}/>')

    def dot(self, x: float, y: float, radius: float, style: str) -> None:
        """A filled circle."""
        self._parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"{_class(style)}/>')

    def arrow(self, path: str, arrow: Arrow, told: str) -> None:
        """An arrow along a path; a line without a tip for a tie."""
        kind = "circle" if arrow.circle else "sure" if arrow.sure else "faint"
        tip = "" if arrow.tie else f' marker-end="url(#{self._mark}-{kind})"'
        self._parts.append(f'<path d="{path}" class="arrow {kind}"{tip}><title>{plain(told)}</title></path>')

    def sample(self, x: float, y: float, kind: str) -> None:
        """A short arrow for the legend."""
        tip = "" if kind == "tie" else f' marker-end="url(#{self._mark}-{kind})"'
        self._parts.append(f'<path d="M{x:.1f} {y:.1f}h34" class="arrow {kind}"{tip}/>')

    @contextmanager
    def group(self, title: str) -> Iterator[None]:
        """What is drawn inside belongs together and has a title of its own."""
        self._parts.append(f"<g><title>{plain(title)}</title>")
        yield
        self._parts.append("</g>")

    def svg(self, height: float, *, alone: bool = False) -> str:
        """The picture; `alone`: with its own colours and background."""
        name, mark = ' xmlns="http://www.w3.org/2000/svg"', self._mark
        tips = "".join(
            f'<marker id="{mark}-{kind}" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="8" markerHeight="8"'
            f' markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z" class="tip {kind}"/></marker>'
            for kind in ("sure", "faint", "circle") if f"#{mark}-{kind})" in "".join(self._parts)
        )
        own = ""
        if alone:
            own = (f"<style>{picture_style()}</style>"
                   f'<rect width="{self._width:g}" height="{height:.0f}" class="back"/>')
        return "\n".join([
            f'<svg{name} viewBox="0 0 {self._width:g} {height:.0f}" class="pic" role="img"'
            f' aria-labelledby="{mark}-title {mark}-desc">',
            f'<title id="{mark}-title">{plain(self._title)}</title>',
            f'<desc id="{mark}-desc">{plain(self._description)}</desc>',
            (f"<defs>{tips}</defs>" if tips else "") + own, *self._parts, "</svg>",
        ])


def _class(style: str) -> str:
    return f' class="{style}"' if style else ""
