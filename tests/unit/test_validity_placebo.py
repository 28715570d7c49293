"""Answers shuffled within their context."""

from __future__ import annotations

import numpy as np
import pytest

from graphengine.ranking import calibrate
from graphengine.ranking.layout import lay_out
from graphengine.ranking.validity import placebo
from graphengine.ranking.validity.shuffling import shuffled
from tests.ranking_worlds import make_counts, simulate
from tests.validity_worlds import hub, people_who_agree, survey


def test_shuffling_keeps_what_was_asked_and_what_was_said():
    """Every question keeps its number of votes, every context its number of each answer."""
    layout = lay_out(simulate(1, contexts=2)[0])
    found = shuffled(layout, 1, 50)
    own = layout.answers[layout.row_start[1]:layout.row_start[2]]
    assert (own.sum(axis=1) == found.sum(axis=2)).all()
    assert (own.sum(axis=0) == found.sum(axis=1)).all()
    assert found.min() >= 0


def test_shuffling_is_a_fair_permutation():
    """Means and variances per question are those of dealing single votes (multivariate hypergeometric)."""
    layout = lay_out(make_counts([("c", "a", "b", 10, 0, 0), ("c", "b", "d", 2, 6, 2), ("c", "d", "a", 0, 2, 8)]))
    found = shuffled(layout, 0, 20_000)
    total = layout.answers.sum(axis=0)
    p, votes, n = total / 30, layout.answers.sum(axis=1)[:, None], 30
    assert votes * p == pytest.approx(found.mean(axis=0), abs=0.05)
    assert votes * p * (1 - p) * (n - votes) / (n - 1) == pytest.approx(found.var(axis=0), rel=0.05)


def test_draws_follow_from_the_votes():
    """The same votes in another row order, or beside another context, are shuffled the same."""
    counts, _ = simulate(2, contexts=3)
    shared = calibrate(counts)
    mixed = counts.take(np.random.default_rng(0).permutation(counts.num_rows))
    first, second = placebo(counts, shared, shuffles=20), placebo(mixed, shared, shuffles=20)
    assert first.rows == second.rows
    alone = counts.filter([c == "context 0001" for c in counts.column("context_id").to_pylist()])
    assert first.rows[1] == placebo(alone, shared, shuffles=20).rows[0]


def test_exposure_drives_pagerank_not_the_default():
    """Where nobody knows anything and one card is asked about from everywhere, PageRank keeps it, not the default."""
    found = [placebo(hub(seed), calibrate(hub(seed)), shuffles=60).figures for seed in range(6)]
    assert min(f["pagerank_survival"] for f in found) > 0.9
    assert np.mean([f["survival"] for f in found]) < 0.2
    assert {1 / 9} == {f["chance"] for f in found}


def test_a_real_order_does_not_survive():
    """Where people agree on an order, the leader is gone once their answers are shuffled: about chance is left."""
    _, counts = survey(people_who_agree(people=60, cards=6, questions=8))
    found = placebo(counts, calibrate(counts), shuffles=100)
    assert 1 / 6 == pytest.approx(found.figures["survival"], abs=0.12)
    assert "fine" == found.level


def test_one_kind_of_answer_can_not_be_shuffled():
    """Contexts with one kind of answer are left out; where there are no others, that is said."""
    plain = [("c", "a", "b", 9, 0, 0), ("c", "b", "d", 3, 0, 0)]
    found = placebo(make_counts(plain), calibrate(make_counts(plain)))
    assert ("unknown", 1) == (found.level, found.figures["left_out"])
    assert "only one kind of answer" in found.verdict
    both = make_counts([*plain, ("e", "a", "b", 9, 3, 0)])
    found = placebo(both, calibrate(both), shuffles=10)
    assert (1, 1) == (found.figures["contexts"], found.figures["left_out"])
    assert ["e"] == [row["context_id"] for row in found.rows]
