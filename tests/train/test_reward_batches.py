"""Which pairs are read when, and which at once."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
from hypothesis import given, settings
from hypothesis import strategies as st

from graphengine.training.batches import Layout, Order, deal
from graphengine.training.measures import hits, length_correlation, measured

pytestmark = pytest.mark.train


@given(
    st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 120), st.integers(0, 4), st.integers(1, 4),
    st.booleans(),
)  # fmt: skip
@settings(deadline=None)
def test_every_pair_is_dealt_once(sizes: list[int], most: int, rows: int, processes: int, padded: bool) -> None:
    """In one batch of one process, and batches fit, but for a pair that is too large alone.

    All processes have equally many, so that none waits for ever.
    """
    dealt = deal(sizes, most, rows=rows, processes=processes, padded=padded)
    assert processes == len(dealt)
    assert 1 == len({len(batches) for batches in dealt})
    assert sorted(place for batches in dealt for batch in batches for place in batch) == list(range(len(sizes)))
    for batch in (batch for batches in dealt for batch in batches if len(batch) > 1):
        size = max(sizes[place] for place in batch) * len(batch) if padded else sum(sizes[place] for place in batch)
        assert size <= most
        assert not rows or len(batch) <= rows


def test_batches_are_about_equally_large() -> None:
    """Lengths drawn from a lognormal: the largest batch of a step has less than a fifth more than the smallest."""
    sizes = np.random.default_rng(0).lognormal(5, 0.7, 256).astype(int).tolist()
    totals = [sum(sizes[place] for place in batch) for batches in deal(sizes, 8192, processes=4) for batch in batches]
    assert max(totals) < 1.2 * min(totals)


def test_an_epoch_is_shuffled_by_its_seed_alone() -> None:
    """Two orders of one seed are the same at any step, in whatever order they are asked; epochs and seeds differ."""
    one, other = Order(50, 8, 3), Order(50, 8, 3)
    steps = [one.step(step) for step in range(14)]
    assert steps[::-1] == [other.step(step) for step in reversed(range(14))]
    assert list(range(50)) == sorted(row for step in steps[:7] for row in step)
    assert steps[:7] != steps[7:]
    assert steps[0] != Order(50, 8, 4).step(0)


def test_the_size_of_a_pair_is_what_it_takes() -> None:
    """Flat: both texts, their common beginning once. Padded: twice the longer one."""
    pair = ([1, 2, 3, 4], [1, 2, 5])
    assert (5, 8) == (Layout(True, 0).size(pair), Layout(False, 0).size(pair))


def test_ties_count_one_half_and_are_told() -> None:
    """Rewards that rounding could have made differ are a tie, whatever their size."""
    rewards = np.array([[2.0, 1.0], [1.0, 2.0], [1.0, 1.0], [1000.0, 1000.0 + 5e-4]])
    assert [1.0, 0.0, 0.5, 0.5] == hits(rewards)
    found = measured("test", rewards, [([1], [2])] * 4, ["a", "b", "c", "d"])
    assert (0.5, 2, 4) == (found["accuracy"], found["ties"], found["pairs"])
    assert found["lower"] < 0.5 < found["upper"]


def test_the_interval_knows_contexts() -> None:
    """The same answers in fewer contexts say less."""
    rewards = np.array([[1.0, 0.0]] * 15 + [[0.0, 1.0]] * 5)
    pairs = [([1], [2])] * 20
    many = measured("test", rewards, pairs, [str(place) for place in range(20)])
    few = measured("test", rewards, pairs, [str(place // 5) for place in range(20)])
    assert many["accuracy"] == few["accuracy"] == 0.75
    assert few["upper"] - few["lower"] > many["upper"] - many["lower"]


def test_length_correlation_sees_a_model_that_likes_length() -> None:
    """1 where rewards are lengths, near 0 where they have nothing to do with them, none where all are equally long."""
    draw = np.random.default_rng(0)
    lengths = draw.integers(1, 30, (400, 2))
    pairs = [([1] * one, [1] * other) for one, other in lengths.tolist()]
    assert pytest.approx(1.0) == length_correlation(lengths * 0.5, pairs)
    assert pytest.approx(-1.0) == length_correlation(lengths * -2.0, pairs)
    assert abs(length_correlation(draw.normal(size=(400, 2)), pairs) or 0) < 0.15
    assert length_correlation(lengths * 0.5, [([1, 2], [3, 4])] * 400) is None
