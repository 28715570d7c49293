"""Texts as 64-bit numbers: found among known ones, and put in order, as texts are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from graphengine.ranking import texts
from graphengine.ranking.texts import encode, look_up, text_order
from graphengine.ranking.words import find

MANY = 30_000


def ids(numbers, form="card-{:07d}"):
    """Ids of one length."""
    return [form.format(int(n)) for n in numbers]


@pytest.mark.parametrize("form", ["{:08d}", "{:011d}", "card-{:07d}", "a much longer name {:020d}", "ü-{:09x}-é"])
def test_known_texts_are_found(form, monkeypatch):
    """Every known text is found at its place, every other is not, of whatever length; so in pieces of an array."""
    monkeypatch.setattr("graphengine.ranking.words._PIECE", 1_000)
    rng = np.random.default_rng(1)
    known = rng.permutation(9_000)[:4_000]
    asked = rng.integers(0, 9_000, 7_001)
    place = dict(zip(known.tolist(), range(len(known)), strict=True))
    values = pa.array(["", *ids(asked, form)]).slice(1)
    assert [place.get(n, -1) for n in asked.tolist()] == find(values, pa.array(ids(known, form))).tolist()


def test_texts_that_meet_in_one_place_are_told_apart(monkeypatch):
    """Where nearly all texts fall to few places of the table, rounds go on until each is found."""
    from graphengine.ranking import words

    honest = words._places
    monkeypatch.setattr(words, "_places", lambda of, factors, bits: honest(of, factors, bits) % 7)
    known = pa.array(ids(range(50)))
    assert [*range(49, -1, -1), -1] == find(pa.array(ids([*range(49, -1, -1), 51])), known).tolist()


@pytest.mark.parametrize(
    ("asked", "known"),
    [(["longer-00", "short-0"], ["longer-00"]), (["aaaaaaaaaaaaa"], ["aaaaaaaaaaaa"]), (["short"], ["short"]),
     ([], ["longer-00"]), (["longer-00", None], ["longer-00"]), (["longer-00"], [])],
)
def test_other_texts_are_left_to_arrow(asked, known):
    """Texts of several lengths, very short ones, or none at all, have no words."""
    assert find(pa.array(asked, pa.string()), pa.array(known, pa.string())) is None


@pytest.mark.parametrize("form", ["{:07d}", "{:d}", "card-{:09d}"])
def test_texts_are_looked_up_alike(form):
    """Numbers into the known texts and the new ones after them, by words or by Arrow."""
    rng = np.random.default_rng(2)
    known, asked = pa.array(ids(range(500), form)), rng.integers(0, 700, 3_000)
    column = pa.chunked_array([ids(asked[:1_000], form), ids(asked[1_000:], form)])
    numbers, values = look_up(column, known)
    assert known.equals(values.slice(0, 500))
    assert len(set(asked.tolist()) | set(range(500))) == len(values) == len(set(values.to_pylist()))
    assert column.to_pylist() == [values[n].as_py() for n in numbers]


@pytest.mark.parametrize("form", ["{:05d}", "{:d}", "{:08d}", "{:019x}", "the same card {:09d}", "é{:d}ü"])
def test_texts_in_order(form):
    """The order of many texts, of one length or several, is that of their bytes; None where they are in it."""
    numbers = np.random.default_rng(3).permutation(MANY)
    values = pa.array(ids(numbers, form))
    assert len(values) >= texts._MANY
    ordered = values.take(pa.array(text_order(values)))
    assert sorted(values.to_pylist(), key=str.encode) == ordered.to_pylist()
    assert text_order(ordered) is None
    assert encode(ordered)[1].equals(ordered)
