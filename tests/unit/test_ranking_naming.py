"""P(top) on which a name rests: joint over a context's candidates, against a million draws of an oracle's posterior."""

from __future__ import annotations

import numpy as np
import pytest

from graphengine.ranking import Calibration, rank_counts
from tests.ranking_worlds import Oracle, make_counts, simulate

SHARED = Calibration(0.9, -0.7, 0.6, ((0.05, 0.004), (0.004, 0.03)), omega=0.4)


def draws_of(counts, million=10):
    """Share of the oracle's posterior draws in which each card is the highest, by card."""
    oracle = Oracle(counts, SHARED.sigma, SHARED.omega)
    best = oracle.best_theta(SHARED.beta, SHARED.log_tau)
    full = oracle.precision(np.append(best, [SHARED.beta, SHARED.log_tau]))
    theta = best[: len(oracle.cards)]
    own = np.linalg.inv(full[:-2, :-2])
    move = -own @ full[:-2, -2:]
    covariance = (own + move @ np.array(SHARED.covariance) @ move.T)[: len(theta), : len(theta)]
    rng, hits = np.random.default_rng(7), np.zeros(len(theta))
    for _ in range(million):
        draws = rng.multivariate_normal(theta, covariance, 100_000, method="cholesky")
        hits += np.bincount(draws.argmax(axis=1), minlength=len(theta))
    return {card: hit / (million * 1e5) for (_, card), hit in zip(oracle.cards, hits, strict=True)}


@pytest.mark.parametrize(("cards", "pairs", "answers"), [(2, 2, 3), (3, 4, 2), (6, 9, 4), (12, 18, 3), (12, 40, 20)])
def test_p_top_is_joint(cards, pairs, answers):
    """Within .02 of a million draws of all strengths at once, and the candidates' sum is 1."""
    counts, _ = simulate(cards + pairs, contexts=1, cards=cards, pairs=pairs, answers=answers)
    expected = draws_of(counts)
    found = {row["card_id"]: row["p_top"] for row in rank_counts(counts, calibration=SHARED).to_pylist()}
    assert pytest.approx(expected, abs=0.02) == found
    assert pytest.approx(1.0) == sum(found.values())


def test_two_twins_share_what_one_would_have():
    """Two cards that people answered the same way halve P(top): each alone may be sure to beat all others."""
    rows = [("c", "a", b, 30, 1, 0) for b in ("t1", "t2")] + [("c", b, "a", 1, 30, 0) for b in ("t1", "t2")]
    found = {row["card_id"]: row["p_top"] for row in rank_counts(make_counts(rows), calibration=SHARED).to_pylist()}
    assert pytest.approx(0.5, abs=0.02) == found["t1"]
    assert pytest.approx(0.5, abs=0.02) == found["t2"]
    assert found["a"] < 0.01
