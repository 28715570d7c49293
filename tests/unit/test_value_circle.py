"""The circle: every value at its place, the target, the model, and what differs between them."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pytest

from graphengine.report.value_circle import around, value_circle
from graphengine.schwartz.system import SYSTEMS, load_system

TEN = load_system("schwartz-10")
SVG = "{http://www.w3.org/2000/svg}"


def polygons(text: str, style: str) -> list[list[tuple[float, float]]]:
    """The corners of the shapes of a style."""
    found = ElementTree.fromstring(text).iter(f"{SVG}polygon")
    return [[tuple(map(float, pair.split(","))) for pair in each.get("points", "").split()] for each in found
            if each.get("class") == style]


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_can_be_drawn(name: str) -> None:
    """Each value is named once in the picture, and the picture is sound XML, whatever the system."""
    system = load_system(name)
    text = value_circle(system, [0.5] * len(system), "a < b")
    words = [each.text for each in ElementTree.fromstring(text).iter(f"{SVG}text")]
    assert {value.name for value in system.values} <= {*words}
    assert sorted(around(system)) == list(range(len(system)))


def test_numbers_are_distances_from_the_middle() -> None:
    """-1 lies in the middle, 1 on the outer ring, 0 half way."""
    numbers = [0.0] * 10
    numbers[TEN.place("power")], numbers[TEN.place("benevolence")] = -1.0, 1.0
    (shape,) = polygons(value_circle(TEN, numbers, "t"), "area")
    rings = polygons(value_circle(TEN, numbers, "t"), "ring")
    middle = tuple(sum(axis) / len(rings[0]) for axis in zip(*rings[0], strict=True))
    far = dict(zip((TEN.ids[place] for place in around(TEN)), (math.dist(middle, p) for p in shape), strict=True))
    outer = math.dist(middle, rings[1][0])
    assert pytest.approx([0, outer, outer / 2], abs=0.2) == [far[v] for v in ("power", "benevolence", "security")]


def test_differences_are_drawn_where_there_are_some() -> None:
    """A line joins target and model for each value on which they differ, and says by how much."""
    model = [0.5] * 10
    model[3] = -0.25
    text = value_circle(TEN, [0.5] * 10, "target", model, "model")
    assert ["achievement: 0.50 and -0.25, difference +0.75"] == [
        each.lower() for each in re.findall(r"<title>(.*difference.*)</title>", text)]
    assert 1 == text.count('class="apart"')
    assert 2 == len(polygons(text, "area") + polygons(text, "area top"))
    assert "difference" not in value_circle(TEN, [0.5] * 10, "target")


@pytest.mark.parametrize("name", SYSTEMS)
def test_names_stand_clear_of_the_scale(name: str) -> None:
    """No value's name touches the numbers of the rings, whatever the system."""
    size, apart = 11.5, 2.0

    def box(each: ElementTree.Element) -> tuple[float, float, float, float]:
        """Left, right, top and bottom of a text, of letters as wide as they may be."""
        x, y, wide = float(each.get("x", "")), float(each.get("y", "")), 0.7 * size * len(each.text or "")
        left = x - {"middle": wide / 2, "end": wide}.get(each.get("text-anchor", ""), 0.0)
        return left, left + wide, y - 0.8 * size, y + 0.25 * size

    system = load_system(name)
    soft = [each for each in ElementTree.fromstring(value_circle(system, [0.5] * len(system), "t")).iter(f"{SVG}text")
            if each.get("class") == "soft"]
    scale = [box(each) for each in soft if each.text in {"0", "1"}]
    names = [box(each) for each in soft if each.text not in {"0", "1"}]
    assert (2, len(system)) == (len(scale), len(names))
    assert not [(one, other) for one in scale for other in names
                if one[0] < other[1] + apart and other[0] < one[1] + apart
                and one[2] < other[3] + apart and other[2] < one[3] + apart]
