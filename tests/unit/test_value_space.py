"""The space of values: what tells unsafe answers, held out by prompt, beside words; and what is refused."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from graphengine.alignment.points import Points, read_points
from graphengine.alignment.space import DIFFERENCE, SUM, VALUES, WORDS, value_space
from graphengine.errors import InputError, MissingExtraError
from graphengine.report.value_map import Axes, value_map

pytest.importorskip("sklearn")


def world(n=200, prompts=80, seed=0, *, values_tell=True, words_tell=False):
    """Made-up answers: the second value, or a word, is what unsafe answers have."""
    rng = np.random.default_rng(seed)
    unsafe = rng.random(n) < 0.4
    vectors = rng.integers(-1, 2, (n, 3)).astype(float)
    if values_tell:
        vectors[unsafe, 1] = np.where(rng.random(unsafe.sum()) < 0.95, -1, vectors[unsafe, 1])
    plain = [" ".join(rng.choice(["calm", "tree", "walk", "stone"], 6)) for _ in range(n)]
    texts = [f"{text} danger" if words_tell and bad else text for text, bad in zip(plain, unsafe, strict=True)]
    asked = [f"prompt {number}" for number in rng.integers(0, prompts, n)]
    return Points(vectors, ("one", "two", "three"), unsafe, tuple(asked), tuple(texts), tuple(asked))


def test_values_tell_where_words_don_t():
    """A value that goes with the label is found by its sign, held out, and with it the difference to words."""
    found = value_space(world(), draws=200)
    assert found.auc[VALUES] > 0.75 > 0.6 > found.auc[WORDS]
    lower, upper = found.auc_interval[DIFFERENCE]
    assert 0 < lower < found.auc[VALUES] - found.auc[WORDS] < upper
    assert found.correlation["two"] is not None
    assert found.correlation_interval["two"][1] < 0
    assert found.auc[SUM] > 0.5


def test_words_tell_where_values_don_t():
    """A word of all unsafe answers is worth more than values that know nothing, and it is said so."""
    found = value_space(world(values_tell=False, words_tell=True), draws=100)
    assert found.auc[WORDS] > 0.99
    assert found.auc_interval[DIFFERENCE][1] < 0
    assert abs(found.auc[VALUES] - 0.5) < 0.12


@pytest.mark.slow
def test_labels_by_lot_are_told_by_nothing():
    """Where the label is drawn by lot, no interval of an AUC lies above one half by much, over several worlds."""
    areas = []
    for seed in range(6):
        points = world(seed=seed, values_tell=False)
        areas.append([value_space(points, draws=0).auc[name] for name in (VALUES, WORDS)])
    assert np.abs(np.mean(areas, axis=0) - 0.5).max() < 0.06


def test_a_prompt_is_held_out_whole():
    """A word of its own for each prompt, whose answers are all safe or all unsafe, gives nothing away."""
    rng = np.random.default_rng(2)
    names = np.repeat(np.arange(60), 4)
    unsafe = (rng.random(60) < 0.5)[names]
    asked = tuple(f"p{name}" for name in names)
    texts = tuple(f"word{name} word{name}" for name in names)
    found = value_space(Points(np.zeros((240, 2)), ("a", "b"), unsafe, asked, texts, asked), draws=0)
    assert abs(found.auc[WORDS] - 0.5) < 0.1
    apart = tuple(map(str, range(240)))
    leaks = value_space(Points(np.zeros((240, 2)), ("a", "b"), unsafe, asked, texts, apart), draws=0)
    assert leaks.auc[WORDS] > 0.9


def test_the_axes_are_principal_components():
    """Orthogonal axes of unit length along which most variance lies; the largest loading of each is positive."""
    points = world()
    found = value_space(points, draws=0)
    one, other = (np.array(list(axis.loadings.values())) for axis in found.axes)
    assert (1, 1, 0) == pytest.approx((one @ one, other @ other, one @ other), abs=1e-12)
    centred = points.vectors - points.vectors.mean(axis=0)
    spread = np.sort(np.linalg.eigvalsh(centred.T @ centred))[::-1]
    assert [axis.share for axis in found.axes] == pytest.approx((spread / spread.sum())[:2])
    assert max(one, key=abs) > 0
    assert found.places == pytest.approx(centred @ np.array([one, other]).T)


def test_one_value_has_a_map_too():
    """With a single value the second axis is empty."""
    points = world()
    one = Points(points.vectors[:, 1:2], ("two",), points.unsafe, points.prompts, points.responses, points.units)
    found = value_space(one, draws=0)
    assert [1.0, 0.0] == pytest.approx([axis.share for axis in found.axes])


def test_the_map_is_svg():
    """Every answer is in a mark that says how many it stands for; names of values are escaped."""
    points = world()
    found = value_space(points, draws=0)
    axes = Axes((0.5, 0.3), [("<one>", 0.9, 0.1), ("two", -0.1, 0.9), ("three", 0.01, 0.02)])
    picture = value_map(found.places.tolist(), points.unsafe.tolist(), ("safe", "unsafe"), axes, "Map")
    root = ET.fromstring(picture)
    space = "{http://www.w3.org/2000/svg}"
    told = [title.text for title in root.iter(f"{space}title")][1:]
    assert 200 == sum(int(each.split()[0]) for each in told)
    assert int(points.unsafe.sum()) == sum(int(each.split()[0]) for each in told if each.endswith("unsafe"))
    words = [text.text for text in root.iter(f"{space}text")]
    assert {"<one>", "two"} <= set(words)
    assert "three" not in words


# Reading ---------------------------------------------------------------------------------------------------------


def rows_file(path, rows):
    """Rows of FULCRA with more keys."""
    usual = {"value_items": [], "query_source": "q", "response_source": "r"}
    lines = [{**usual, "dialogue": f"Human: {prompt}\nBob: {said}", "value_types": types, **more}
             for prompt, said, types, more in rows]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_labelled_rows(tmp_path):
    """Rows of FULCRA with a key for the label: values by sign, both signs as 0, held out by prompt."""
    file = rows_file(tmp_path / "rows.jsonl", [
        ("a", "x", ["security: +1", "power: -1"], {"risk": 0}), ("a", "y", ["power: +1", "power: -1"], {"risk": True}),
    ])
    points = read_points(file, "risk")
    assert ([False, True], ("a", "a"), ("x", "y")) == (points.unsafe.tolist(), points.units, points.responses)
    assert {"security": 1.0, "power": -1.0} == {
        name: number for name, number in zip(points.values, points.vectors[0], strict=True) if number
    }
    assert not points.vectors[1].any()
    assert ("q", "q") == read_points(file, "risk", by="query_source").units


def test_a_table_of_scores(tmp_path):
    """A table of scores with texts and a label of its own words."""
    file = tmp_path / "scores.csv"
    names = "helpful,honest,harmless,prompt,response,verdict"
    file.write_text(f"{names}\n1,0,1,p,r,fine\n0,0,-1,p,s,Bad\n", encoding="utf-8")
    points = read_points(file, "verdict", unsafe="bad", system="hhh")
    assert ([False, True], [[1, 0, 1], [0, 0, -1]]) == (points.unsafe.tolist(), points.vectors.tolist())


@pytest.mark.parametrize(
    ("labels", "more", "told", "hint"),
    [
        (["safe", "unsafe"], {"label": "rsk"}, "has no column 'rsk'", "did you mean risk?"),
        (["safe", "unsafe"], {"by": "grp"}, "has no column 'grp'", ""),
        (["safe", ""], {}, "row 2: risk is empty", "leave out"),
        (["safe", "middling"], {}, "row 2: risk is 'middling'", "--unsafe VALUE"),
        (["safe", "safe"], {}, "all rows have the same risk", "both kinds"),
        (["low", "high"], {"unsafe": "hgh"}, "no row has the risk 'hgh'", "did you mean high?"),
    ],
)
def test_refused(tmp_path, labels, more, told, hint):
    """What is missing or of a third kind is refused, with row and what to do."""
    rows = [("a", "x", [], {"risk": label}) for label in labels]
    with pytest.raises(InputError) as refused:
        read_points(rows_file(tmp_path / "rows.jsonl", rows), **{"label": "risk", **more})
    assert told in refused.value.message
    assert hint in refused.value.hint


def test_too_few_prompts():
    """Where all unsafe answers are to one prompt, none can be held out."""
    points = world()
    one = tuple("same" if bad else unit for bad, unit in zip(points.unsafe, points.units, strict=True))
    with pytest.raises(InputError, match="only one prompt"):
        value_space(Points(points.vectors, points.values, points.unsafe, points.prompts, points.responses, one))


def test_without_scikit_learn(monkeypatch):
    """What is missing is said, with the command that installs it."""
    monkeypatch.setitem(sys.modules, "sklearn.model_selection", None)
    with pytest.raises(MissingExtraError) as missing:
        value_space(world(), draws=0)
    assert "graphengine[train]" in missing.value.hint
