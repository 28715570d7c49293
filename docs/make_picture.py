"""Draws docs/images/context.svg: one context of the sample graph, wiser is higher: `python docs/make_picture.py`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import graphengine
from graphengine import report
from graphengine.ranked.reporting import report_source
from graphengine.sample import sample_files

CONTEXT = "When money comes between friends"
OUT = Path(__file__).parent / "images" / "context.svg"


def draw() -> str:
    """The picture as SVG, as `graphengine report --svg` writes it."""
    with tempfile.TemporaryDirectory() as folder, graphengine.open(f"{folder}/moral.graph") as graph:
        for file in sample_files().values():
            graph.import_file(file)
        graph.rank()
        found, _ = report.covered(report_source(graph.store, "bradley-terry", made_at=0), [graph.context(CONTEXT).id])
    return report.layered(found[0], alone=True).svg + "\n"


if __name__ == "__main__":
    OUT.write_text(draw(), encoding="utf-8")
