"""What all contexts share: held against a slow oracle, against simulations, and at the edges."""

from __future__ import annotations

import hashlib
import pickle

import numpy as np
import pyarrow as pa
import pytest

from graphengine import tables
from graphengine.errors import RankingError
from graphengine.ranking import Calibration, calibrate, rank_counts
from graphengine.ranking import calibration as module
from tests.ranking_worlds import Oracle, make_counts, simulate


@pytest.fixture(scope="module")
def small():
    """Three contexts of five cards, whose yes-biases differ."""
    return simulate(3, contexts=3, cards=5, pairs=9, answers=12, omega=0.6)[0]


def test_shared_terms_are_the_joint_optimum(small):
    """β and log τ maximise the joint posterior of strengths, β and log τ at the fitted σ and ω."""
    found = calibrate(small)
    best = Oracle(small, found.sigma, found.omega).best()
    assert pytest.approx(best[-2:], abs=2e-5) == [found.beta, found.log_tau]


def test_covariance_is_that_of_the_profiled_posterior(small):
    """The 2x2 covariance is the block of (β, log τ) in the inverse of the joint second derivatives."""
    found = calibrate(small)
    oracle = Oracle(small, found.sigma, found.omega)
    expected = np.linalg.inv(oracle.precision(oracle.best()))[-2:, -2:]
    assert pytest.approx(expected, rel=1e-3) == np.array(found.covariance)
    assert pytest.approx(np.sqrt(expected[0, 0]), rel=1e-3) == found.sd_beta


def test_spread_has_the_highest_evidence(small):
    """σ maximises the Laplace evidence times its prior: no value around it has more."""
    found = calibrate(small)
    there, below, above = (
        Oracle(small, found.sigma * factor, found.omega).log_evidence() for factor in (1.0, 0.93, 1.07))
    assert there > below
    assert there > above
    # Equal losses on both sides say that the top lies between, not at an edge.
    assert pytest.approx(there - above, rel=0.35) == there - below


def test_spread_of_biases_has_the_highest_evidence(small):
    """ω maximises the Laplace evidence times its prior, and the top lies inside."""
    found = calibrate(small)
    assert found.omega > 0.1
    there, below, above = (
        Oracle(small, found.sigma, found.omega * factor).log_evidence() for factor in (1.0, 0.85, 1.15))
    assert there > below
    assert there > above
    assert pytest.approx(there - above, rel=0.35) == there - below


@pytest.mark.slow
@pytest.mark.parametrize(("omega", "least", "most"), [(0.0, 0.0, 0.1), (0.3, 0.2, 0.4), (0.8, 0.65, 0.95)])
def test_spread_of_biases_comes_back(omega, least, most):
    """How much contexts differ in their yes-bias is found in votes drawn from the model."""
    counts, _ = simulate(11, contexts=200, pairs=20, answers=12, omega=omega)
    assert least <= calibrate(counts).omega <= most


def test_one_context_has_no_bias_of_its_own():
    """One context can't tell its own yes-bias from that of all: ω is 0 there."""
    assert 0.0 == calibrate(simulate(2, contexts=1, answers=40)[0]).omega


@pytest.mark.slow
@pytest.mark.parametrize(
    ("beta", "tau", "sigma"), [(1.0, 0.5, 0.8), (0.0, 0.2, 1.2), (1.5, 0.8, 0.3), (-0.5, 1.2, 0.6)]
)
def test_recovery(beta, tau, sigma):
    """From votes drawn from the model, β, τ and σ come back to within a tenth or so."""
    counts, _ = simulate(7, contexts=250, cards=8, pairs=20, answers=12, beta=beta, tau=tau, sigma=sigma)
    found = calibrate(counts)
    # β is a joint mode, not a marginal one: it is drawn a few percent towards 0.
    assert pytest.approx(beta, rel=0.07, abs=0.03) == found.beta
    assert pytest.approx(tau, rel=0.07) == found.tau
    assert pytest.approx(sigma, rel=0.15) == found.sigma


def test_spread_goes_down_where_cards_hardly_differ():
    """Where all cards are equal, the fitted spread is far below the prior's 1."""
    counts, _ = simulate(1, contexts=100, answers=20, sigma=0.0)
    assert calibrate(counts).sigma < 0.2


EDGES = {
    "one pair": [("c", "a", "b", 4, 1, 1)],
    "a sweep": [("c", "a", "b", 100, 0, 0)],
    "a sweep of many": [("c", "a", "b", 100_000, 0, 0)],
    "nearly a sweep": [("c", "a", "b", 90, 5, 5)],
    "no unsure": [("c", "a", "b", 9, 3, 0), ("c", "b", "c", 7, 5, 0), ("c", "c", "a", 4, 4, 0)],
    "one unsure": [("c", "a", "b", 0, 0, 1)],
    "only unsure": [("c", "a", "b", 0, 0, 30), ("c", "b", "d", 0, 0, 30)],
    "only not wiser": [("c", "a", "b", 0, 50, 0)],
    "both ways": [("c", "a", "b", 18, 2, 0), ("c", "b", "a", 2, 18, 0)],
    "both sweeps": [("c", "a", "b", 500, 0, 0), ("c", "b", "a", 500, 0, 0)],
}


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("not_wiser", ["against", "tie"])
def test_edges(name, not_wiser):
    """One pair, a sweep, no "unsure", only "unsure": finite terms, a proper covariance, intervals of some width."""
    counts = make_counts(EDGES[name])
    found = calibrate(counts, not_wiser=not_wiser)
    assert np.isfinite([found.beta, found.log_tau, found.sigma]).all()
    assert 1e-3 < found.tau < 10
    assert np.linalg.eigvalsh(np.array(found.covariance)).min() > 0
    ranks = rank_counts(counts, calibration=found)
    assert np.isfinite(ranks.column("score").to_numpy()).all()
    assert ranks.column("sd").to_numpy().min() > 0.05
    assert pytest.approx(1.0) == ranks.column("p_top").to_numpy().sum()


def test_no_unsure_does_not_flatten_the_scores():
    """A survey without "unsure" keeps its scores apart (a band that shrinks to nothing must not take them along)."""
    counts, truth = simulate(5, contexts=30, tau=1e-6)
    assert 0 == counts.column("unsure").to_numpy().sum()
    ranks = rank_counts(counts)
    scores = ranks.column("score").to_numpy()
    true = [truth[row["context_id"], row["card_id"]] for row in ranks.to_pylist()]
    assert scores.std() > 0.3
    assert np.corrcoef(scores, true)[0, 1] > 0.6


def test_empty_counts_give_the_priors():
    """Nothing known: β = 0, τ = .5, σ = 1, variances 2 and 1."""
    found = calibrate(tables.COUNTS.empty())
    assert (0.0, 0, 0) == (found.beta, found.contexts, found.answers)
    assert pytest.approx([0.5, 1.0], rel=1e-3) == [found.tau, found.sigma]
    assert pytest.approx(np.diag([2.0, 1.0])) == np.array(found.covariance)


def test_json_round_trip_is_exact(small):
    """to_json and from_json lose not one bit, and a calibration can be pickled."""
    found = calibrate(small)
    assert found == Calibration.from_json(found.to_json())
    assert found == pickle.loads(pickle.dumps(found))


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"covariance": [[1, 2], [3, 4]], "x": 1}'])
def test_bad_json(text):
    """A text that is no calibration is named as such."""
    with pytest.raises(RankingError, match="not a calibration"):
        Calibration.from_json(text)


def test_unknown_reading_of_not_wiser(small):
    """An unknown reading of not_wiser is refused, and the known ones are listed."""
    with pytest.raises(RankingError) as caught:
        calibrate(small, not_wiser="maybe")
    assert "one of: against, tie" == caught.value.hint


def test_counts_that_are_no_counts():
    """A missing column, an empty cell, and what is no number of answers are named."""
    with pytest.raises(RankingError, match="lack the columns unsure"):
        calibrate(tables.COUNTS.empty().drop_columns(["unsure"]))
    with pytest.raises(RankingError, match="row 0 of the counts has a number of answers that is negative: -1"):
        calibrate(make_counts([("c", "a", "b", -1, 0, 0)]))
    counts = make_counts([("c", "a", "b", 1, 0, 0), ("c", "b", "a", 2**40, 0, 0)])
    with pytest.raises(RankingError, match="row 1 of the counts has no to_id"):
        calibrate(counts.set_column(2, "to_id", pa.array(["b", None])))
    for wrong, told in (([1.0, 2.5], "row 1 .* that is no whole number: 2.5"), ([1.0, np.nan], "no whole number: nan"),
                        ([np.inf, 1.0], "row 0 .* above"), ([1, None], "row 1 of the counts has no wiser")):
        with pytest.raises(RankingError, match=told):
            calibrate(counts.set_column(3, "wiser", pa.array(wrong, from_pandas=False)))
    with pytest.raises(RankingError, match=r"row 1 .* above 1,099,511,627,776"):
        calibrate(counts.set_column(3, "wiser", pa.array([1, 2**40 + 1])))
    assert calibrate(counts.set_column(3, "wiser", pa.array([4.0, 2.0]))).answers == 6


def test_sample_of_contexts(monkeypatch):
    """Above the limit, the contexts with the smallest sha256 of their id are used, and no others."""
    counts, _ = simulate(2, contexts=12)
    monkeypatch.setattr(module, "SAMPLE", 5)
    ids = sorted(set(counts.column("context_id").to_pylist()), key=lambda c: hashlib.sha256(c.encode()).digest())[:5]
    part = make_counts([tuple(row.values()) for row in counts.to_pylist() if row["context_id"] in ids])
    found = calibrate(counts)
    assert 5 == found.contexts
    assert calibrate(part) == found


def test_sizes_of_contexts_may_differ():
    """Contexts of very different sizes are calibrated together (blocks of several widths), as the oracle does it."""
    rows = [tuple(row.values()) for row in simulate(4, contexts=2, cards=3, pairs=4)[0].to_pylist()]
    rows += [("big " + row[0], *row[1:]) for row in (tuple(r.values()) for r in simulate(
        6, contexts=1, cards=11, pairs=20)[0].to_pylist())]
    counts = make_counts(rows)
    found = calibrate(counts)
    assert pytest.approx(Oracle(counts, found.sigma).best()[-2:], abs=2e-5) == [found.beta, found.log_tau]
