"""The layered picture: wiser is higher, nothing overlaps, nothing is cut off."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from graphengine.report import Arrow, layered
from graphengine.report.layers import circles, rows
from graphengine.report.placing import PAGE, Router
from graphengine.report.placing import Box as Rectangle
from tests.report_worlds import acyclic, card, view

SVG = "{http://www.w3.org/2000/svg}"
SIZES = [(1, 0), (2, 1), (5, 6), (12, 20), (30, 60), (30, 200), (45, 90)]


@pytest.mark.parametrize(("cards", "pairs"), SIZES)
@pytest.mark.parametrize("seed", range(4))
def test_wiser_is_strictly_higher(seed, cards, pairs):
    """Where no arrows run in a circle, the wiser card of each arrow that is drawn stands wholly above the other."""
    world = acyclic(seed, cards, pairs)
    boxes = layered(world).boxes

    drawn = [arrow for arrow in world.arrows if {arrow.source, arrow.target} <= set(boxes)]
    assert [] == [arrow for arrow in drawn if boxes[arrow.target].bottom >= boxes[arrow.source].y]


@pytest.mark.parametrize(("cards", "pairs"), SIZES)
@pytest.mark.parametrize("seed", range(4))
def test_boxes_stand_apart_and_inside(seed, cards, pairs):
    """No two boxes overlap, and each lies within the picture."""
    drawn = layered(acyclic(seed, cards, pairs))

    assert min(cards, 30) == len(drawn.boxes)
    assert [] == [pair for pair in itertools.combinations(drawn.boxes.values(), 2) if pair[0].meets(pair[1])]
    assert all(box.x >= 0 and box.y >= 0 and box.x + box.w <= PAGE and box.bottom <= drawn.height
               for box in drawn.boxes.values())


@pytest.mark.parametrize(("cards", "pairs"), SIZES)
def test_everything_lies_within_the_view_box(cards, pairs):
    """Every coordinate of every shape lies within the picture's viewBox."""
    root = ET.fromstring(layered(acyclic(7, cards, pairs)).svg)
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    points = [(float(e.attrib[x]), float(e.attrib[y])) for e in root.iter()
              for x, y in (("x", "y"), ("x1", "y1"), ("x2", "y2")) if x in e.attrib and e.tag != f"{SVG}svg"]
    for path in root.iter(f"{SVG}path"):
        if "arrow" in path.attrib.get("class", "") and "h" not in path.attrib["d"]:
            numbers = [float(n) for n in re.findall(r"-?\d+\.?\d*", path.attrib["d"])]
            points += list(zip(numbers[::2], numbers[1::2], strict=True))

    assert points
    assert [] == [(x, y) for x, y in points if not (0 <= x <= width and 0 <= y <= height)]


def test_arrows_pass_no_box():
    """A straight part of an arrow that passes a row runs through a gap, and two in one gap run beside each other."""
    row = [Rectangle(100, 100, 158, 60), Rectangle(300, 100, 158, 60)]
    router = Router([[Rectangle(300, 0, 158, 50)], row, [Rectangle(300, 250, 158, 50)]])
    ways = [router.way((380, 250), (380, 50), [1]) for _ in range(3)]

    between = [x for way in ways for x, _ in way[1:-1]]
    assert [] == [x for x in between if any(box.x <= x <= box.x + box.w for box in row)]
    assert 3 == len({x for way in ways for x, _ in way[1:2]})


def test_circle_is_seen():
    """Cards of a circle stand on one level in a frame that says so, and their arrows are of another kind."""
    arrows = [Arrow(a, b, 0.6, False, circle=True) for a, b in (("a", "b"), ("b", "c"), ("c", "a"))]
    drawn = layered(view([card("a", 1, 0.3), card("b", 2, 0.2), card("c", 3, 0.1), card("d", 4, -1)],
                         [*arrows, Arrow("d", "a", 0.97, True)]))

    assert 1 == len({drawn.boxes[name].y for name in "abc"})
    assert drawn.boxes["d"].y > drawn.boxes["a"].bottom
    assert 3 == drawn.svg.count('class="arrow circle" marker-end="url(#p-circle)"><title>')
    assert "no order is supported here" in drawn.svg
    assert 1 == drawn.svg.count('class="frame"')


def test_large_circle_takes_several_rows():
    """A circle of more cards than a row holds is drawn without overlap, its frame in parts."""
    names = [f"v{n}" for n in range(8)]
    arrows = [Arrow(a, b, 0.6, False, circle=True) for a, b in zip(names, [*names[1:], names[0]], strict=True)]
    drawn = layered(view([card(name, at + 1, -at / 10) for at, name in enumerate(names)], arrows))

    assert [] == [pair for pair in itertools.combinations(drawn.boxes.values(), 2) if pair[0].meets(pair[1])]
    assert 2 == drawn.svg.count('class="frame"')


def test_ties_stand_on_one_level():
    """Two cards of which neither is wiser stand on one level, tied by a line without a tip."""
    drawn = layered(view([card("a", 1, 1.0), card("b", 1, 1.0), card("c", 3, -1.0)],
                         [Arrow("a", "b", 0.5, False), Arrow("c", "a", 0.9, True), Arrow("c", "b", 0.9, True)]))

    assert drawn.boxes["a"].y == drawn.boxes["b"].y
    assert '<path d="' in drawn.svg
    assert re.search(r'class="arrow faint"><title>P\(wiser\) 0\.50', drawn.svg)
    assert "neither is wiser" in drawn.svg


def test_sure_and_unsure_arrows_differ():
    """An arrow that is sure is solid, another faint; the legend names the kinds that are there and no other."""
    svg = layered(view([card("a", 1, 1.0), card("b", 2, 0.0), card("c", 3, -1.0)],
                       [Arrow("b", "a", 0.99, True), Arrow("c", "b", 0.6, False)])).svg

    assert 'class="arrow sure" marker-end="url(#p-sure)"><title>P(wiser) 0.99' in svg
    assert 'class="arrow faint" marker-end="url(#p-faint)"><title>P(wiser) 0.60' in svg
    assert ">wiser: P(wiser) at least 0.95, or clear answers<" in svg
    assert "part of a circle" not in svg


def test_parts_that_no_question_ties_together_are_told_apart():
    """Each component of a context is a part of its own with a line that says so."""
    cards = [card("a", 1, 1.0), card("b", 2, 0.5, component=1), card("c", 3, 0), card("d", 4, -1, component=1)]
    drawn = layered(view(cards, [Arrow("c", "a", 0.9, False), Arrow("d", "b", 0.9, False)]))

    assert ["Part 1", "Part 2"] == re.findall(r">(Part \d): no question", drawn.svg)
    assert max(drawn.boxes["a"].bottom, drawn.boxes["c"].bottom) < min(drawn.boxes["b"].y, drawn.boxes["d"].y)


def test_what_is_left_out_is_said():
    """Of more than thirty cards the first thirty are drawn, and the picture says how many are not."""
    drawn = layered(acyclic(3, 45, 60))

    assert (30, 15) == (len(drawn.boxes), drawn.left_out)
    assert {f"v{n:02d}" for n in range(30)} == set(drawn.boxes)
    assert "15 cards left out" in drawn.svg


@pytest.mark.parametrize("cards", [0, 1])
def test_hardly_any_card(cards):
    """A context with no card, or with one, gives a picture that can be read."""
    drawn = layered(view([card("only", 1, 0.0)][:cards]))

    assert cards == len(drawn.boxes)
    assert ("No card is ranked here." in drawn.svg) == (not cards)
    assert ET.fromstring(drawn.svg).attrib["role"] == "img"


def test_stands_alone():
    """A picture that stands alone has its own colours, for light and dark, and a background."""
    alone, inside = layered(acyclic(1, 5, 6), alone=True).svg, layered(acyclic(1, 5, 6)).svg

    assert "prefers-color-scheme: dark" in alone
    assert 'class="back"' in alone
    assert "<style>" not in inside


def test_ids_differ_between_pictures():
    """Two pictures with different marks share no id, so that they can stand on one page."""
    ids = [set(re.findall(r'id="([^"]+)"', layered(acyclic(1, 6, 8), mark).svg)) for mark in ("c1", "c2")]

    assert ids[0]
    assert set() == ids[0] & ids[1]


def test_rows_follow_scores_where_arrows_leave_it_open():
    """Cards that no arrow ties stand the higher the higher their score; of the same score they share a row."""
    assert [[0, 1], [2], [3]] == rows([1.0, 1.0, 0.2, -1.0], [], [], 5)[0]


def test_rows_hold_no_more_than_fit():
    """A row never has more cards than fit."""
    assert [5, 5, 2] == [len(row) for row in rows([0.0] * 12, [], [], 5)[0]]


def test_every_card_has_a_row():
    """Cards in circles, ties and chains all get exactly one row."""
    above = [(0, 1), (1, 2), (2, 0), (3, 0), (4, 3), (5, 6)]
    made, _ = rows([0.3, 0.2, 0.1, -0.5, -1, 0, 0.0], above, [(5, 4)], 5)

    assert list(range(7)) == sorted(itertools.chain(*made))


def test_components_of_circles():
    """Cards share a strong component exactly if arrows lead from each to the other."""
    assert [0, 0, 1, 2, 2] == circles(5, [(0, 1), (1, 0), (1, 2), (3, 4), (4, 3), (2, 3)])
    assert [] == circles(0, [])
