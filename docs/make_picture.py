"""Draws docs/images/context.svg: one context of the sample graph, wiser is higher: `python docs/make_picture.py`."""

from __future__ import annotations

import tempfile
from html import escape
from pathlib import Path

import graphengine
from graphengine.sample import sample_files

CONTEXT = "When money comes between friends"
OUT = Path(__file__).parent / "images" / "context.svg"
WIDTH, HEIGHT, TOP = 760, 430, 90
BOX = (190, 44)
COLUMNS = [390, 130, 630, 420, 250]


def draw() -> str:
    """The picture as SVG: cards by their score, an arrow from each less wise card to the wiser one."""
    with tempfile.TemporaryDirectory() as folder, graphengine.open(f"{folder}/moral.graph") as graph:
        for file in sample_files().values():
            graph.import_file(file)
        graph.rank()
        cards = graph.ranking(CONTEXT).cards
        edges = graph.edges(CONTEXT).table.to_pylist()
    best, worst = cards[0]["score"], cards[-1]["score"]
    place = {}
    for card, x in zip(cards, COLUMNS, strict=True):
        place[card["id"]] = (x, TOP + (HEIGHT - TOP - 60) * (best - card["score"]) / (best - worst))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" font-family="sans-serif">',
        f"<title>{escape(CONTEXT)}: five values, wiser is higher</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#456"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="20" y="28" font-size="15" font-weight="bold" fill="#222">{escape(CONTEXT)}</text>',
        '<text x="20" y="46" font-size="11" fill="#666">made-up sample; arrows point to the wiser value, with P(wiser)'
        " and the answers wiser/not/unsure</text>",
    ]
    for edge in edges:
        parts += _arrow(place[edge["from_id"]], place[edge["to_id"]], edge)
    for card in cards:
        x, y = place[card["id"]]
        fill = "#dcefe0" if card["tied_top"] else "#f1f3f6"
        parts.append(
            f'<rect x="{x - BOX[0] / 2:.0f}" y="{y - BOX[1] / 2:.0f}" width="{BOX[0]}" height="{BOX[1]}" rx="7"'
            f' fill="{fill}" stroke="#456"/>'
            f'<text x="{x:.0f}" y="{y - 3:.0f}" font-size="12" text-anchor="middle" fill="#111">'
            f'{escape(card["title"])}</text>'
            f'<text x="{x:.0f}" y="{y + 13:.0f}" font-size="11" text-anchor="middle" fill="#555">'
            f'{card["score"]:.2f} [{card["lower"]:.2f}, {card["upper"]:.2f}]</text>'
        )
    return "\n".join([*parts, "</svg>"]) + "\n"


def _arrow(start: tuple[float, float], end: tuple[float, float], edge: dict[str, float]) -> list[str]:
    (x, y), (u, v) = start, end
    y, v = y - BOX[1] / 2, v + BOX[1] / 2
    if y < v:  # nearly the same height: from side to side
        y, v = start[1], end[1]
        x, u = (x + BOX[0] / 2, u - BOX[0] / 2) if x < u else (x - BOX[0] / 2, u + BOX[0] / 2)
    label = f"{min(edge['p_model'], 0.99):.2f} · {edge['wiser']:.0f}/{edge['not_wiser']:.0f}/{edge['unsure']:.0f}"
    mx, my = x + (u - x) * 0.42, y + (v - y) * 0.42
    return [
        f'<line x1="{x:.0f}" y1="{y:.0f}" x2="{u:.0f}" y2="{v:.0f}" stroke="#456" stroke-width="1.3"'
        ' marker-end="url(#tip)"/>',
        f'<rect x="{mx - 37:.0f}" y="{my - 10:.0f}" width="74" height="14" fill="#fff"/>'
        f'<text x="{mx:.0f}" y="{my:.0f}" font-size="10" text-anchor="middle" fill="#345">{label}</text>',
    ]


if __name__ == "__main__":
    OUT.write_text(draw(), encoding="utf-8")
