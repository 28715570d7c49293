"""A report that a person looks at: tables in, one self-contained HTML page and SVG pictures out.

The room holds no store. `graphengine.ranked.reporting` reads the tables and hands them in as a `Source`; everything
here is a pure function to text but `check` and `write`. Groups of fewer than five people are not counted out, and
nothing about single people comes in but which group they are of.
"""

from __future__ import annotations

from graphengine.report.intervals import intervals
from graphengine.report.layered import Drawn, layered
from graphengine.report.page import GENERATOR, MOST_CONTEXTS, covered, page
from graphengine.report.source import Arrow, Card, Source, View, choose, views
from graphengine.report.words import file_stem
from graphengine.report.writing import check, write

__all__ = [
    "GENERATOR", "MOST_CONTEXTS", "Arrow", "Card", "Drawn", "Source", "View", "check", "choose", "covered",
    "file_stem", "intervals", "layered", "page", "views", "write",
]
