"""From scores to RANKS: shared ranks, order, intervals."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from graphengine import tables
from graphengine.ranking.output import Scores


def scores(values, **more):
    """Scores of one context whose cards are a, b, c and so on."""
    n = len(values)
    cards = pa.array([chr(97 + i) for i in range(n)])
    zeros = np.zeros(n, int)
    return Scores(pa.array(["x"]), cards, zeros, np.arange(n), np.array(values, float), zeros, **more)


def test_ties_within_a_billionth():
    """Scores within 1e-9 share the rank of the first of them and stand in order of id; the next rank is skipped."""
    table = scores([0.1, 0.5 - 4e-10, 0.5, 0.4, 0.5 - 2e-9]).table()
    assert ["b", "c", "e", "d", "a"] == table.column("card_id").to_pylist()
    assert [1, 1, 3, 4, 5] == table.column("rank").to_pylist()


def test_ranks_start_again_in_every_context():
    """Each context has its own ranks, even where scores are equal across contexts."""
    given = Scores(pa.array(["x", "y"]), pa.array(["a", "b"]), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]),
                   np.array([0.2, 0.2, 0.2, 0.7]), np.zeros(4, int))
    assert [("x", "a", 1), ("x", "b", 1), ("y", "b", 1), ("y", "a", 2)] == [
        (row["context_id"], row["card_id"], row["rank"]) for row in given.table().to_pylist()]


def test_rank_lies_in_its_interval():
    """An interval that misses the rank is widened to hold it."""
    table = scores([3.0, 2.0, 1.0], rank_lower=np.array([2, 1, 1]), rank_upper=np.array([3, 1, 2])).table()
    assert [(1, 1, 3), (1, 2, 2), (1, 3, 3)] == [
        (row["rank_lower"], row["rank"], row["rank_upper"]) for row in table.to_pylist()]


def test_what_a_method_does_not_know_is_null():
    """Without sd, P(top) and rank interval, these columns are null, and rank 1 is the top; the schema stands."""
    table = scores([1.0, 2.0]).table()
    assert tables.RANKS.schema == table.schema
    assert [False, True] == sorted(table.column("tied_top").to_pylist())
    assert ["rank_lower", "rank_upper", "sd", "lower", "upper", "p_top"] == [
        name for name in table.column_names if table.column(name).null_count == 2]


def test_answers_follow_the_rows():
    """Numbers of answers come in the order of the table's rows."""
    found = scores([1.0, 2.0], answers=np.array([5, 7]), decided=np.array([4, 0])).answers_in_order()
    assert [[7, 5], [0, 4]] == [each.tolist() for each in found]
    assert [[0, 0], [0, 0]] == [each.tolist() for each in scores([1.0, 2.0]).answers_in_order()]
