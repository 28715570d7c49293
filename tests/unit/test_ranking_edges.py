"""`WISER` edges: direction, counts of both directions, and the two probabilities with their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta as beta_distribution
from scipy.stats import norm

from graphengine import tables
from graphengine.ranking import Calibration, calibrate, rank_counts, wiser_edges
from tests.ranking_worlds import Oracle, make_counts, simulate

FIXED = Calibration(1.1, -0.6, 0.7, ((0.04, 0.006), (0.006, 0.02)))


def test_one_edge_per_unordered_pair_and_context():
    """Both directions of a pair make one edge per context; the counts of each direction are told apart."""
    counts = make_counts([
        ("c", "a", "b", 8, 1, 1), ("c", "b", "a", 2, 6, 0), ("d", "b", "a", 7, 0, 3), ("c", "a", "e", 1, 1, 4),
        ("c", "e", "b", 0, 0, 0)])
    edges = {(e["context_id"], e["from_id"], e["to_id"]): e for e in wiser_edges(counts, FIXED).to_pylist()}
    assert {("c", "a", "b"), ("d", "b", "a"), ("c", "e", "a")} == set(edges)
    both = edges["c", "a", "b"]
    assert [8, 1, 1, 2, 6, 0] == [both[name] for name in tables.EDGES.schema.names[3:9]]
    # Asked "is e wiser than a?", one yes of six with this yes-bias speaks for a: the arrow turns round.
    assert [0, 0, 0, 1, 1, 4] == [edges["c", "e", "a"][name] for name in tables.EDGES.schema.names[3:9]]


def test_model_probability_is_the_oracles():
    """p_model = Φ(m / s), interval Φ((m ± 1.645 shared) / own), margin = m, with m and s from numeric derivatives."""
    counts, _ = simulate(11, contexts=2, cards=5, pairs=8, answers=9)
    oracle = Oracle(counts, FIXED.sigma)
    theta = oracle.best_theta(FIXED.beta, FIXED.log_tau)
    full = oracle.precision(np.append(theta, [FIXED.beta, FIXED.log_tau]))
    own = np.linalg.inv(full[:-2, :-2])
    shared = -own @ full[:-2, -2:]
    place = {key: at for at, key in enumerate(oracle.cards)}
    for edge in wiser_edges(counts, FIXED).to_pylist():
        v = np.zeros(len(theta))
        v[place[edge["context_id"], edge["to_id"]]], v[place[edge["context_id"], edge["from_id"]]] = 1, -1
        mean, own_variance = v @ theta, v @ own @ v
        shared_variance = v @ shared @ np.array(FIXED.covariance) @ shared.T @ v
        sd = np.sqrt(own_variance + shared_variance)
        ends = [mean - 1.6449 * np.sqrt(shared_variance), mean + 1.6449 * np.sqrt(shared_variance)]
        assert pytest.approx([mean, sd], rel=1e-3, abs=1e-4) == [edge["margin"], edge["margin_sd"]]
        assert pytest.approx(norm.cdf(mean / sd), abs=1e-4) == edge["p_model"]
        assert pytest.approx(norm.cdf(ends / np.sqrt(own_variance)), abs=1e-4) == [
            edge["p_model_lower"], edge["p_model_upper"]]


@pytest.mark.parametrize(("not_wiser", "favour"), [("against", 7 + 4), ("tie", 7)])
def test_majority_probability(not_wiser, favour):
    """p_majority is the mean of Beta(1 + favour, 1 + n - favour), with its 5% and 95% quantiles."""
    counts = make_counts([("c", "a", "b", 7, 2, 3), ("c", "b", "a", 1, 4, 0)])
    edge = wiser_edges(counts, calibrate(counts, not_wiser=not_wiser)).to_pylist()[0]
    posterior = beta_distribution(1 + favour, 1 + 17 - favour)
    assert "b" == edge["to_id"]
    assert pytest.approx([posterior.mean(), *posterior.ppf([0.05, 0.95])]) == [
        edge["p_majority"], edge["p_majority_lower"], edge["p_majority_upper"]]


def test_edges_point_to_the_higher_score():
    """An edge always points to the card with the higher score, with p_model of at least .5 and no negative margin."""
    counts, _ = simulate(3, contexts=10)
    calibration = calibrate(counts)
    ranks = rank_counts(counts, calibration=calibration).to_pylist()
    score = {(row["context_id"], row["card_id"]): row["score"] for row in ranks}
    for edge in wiser_edges(counts, calibration).to_pylist():
        gap = score[edge["context_id"], edge["to_id"]] - score[edge["context_id"], edge["from_id"]]
        assert pytest.approx(gap, abs=1e-9) == edge["margin"]
        assert edge["p_model"] >= 0.5
        assert edge["p_model_lower"] <= edge["p_model"] <= edge["p_model_upper"]


def test_exact_ties():
    """At exactly .5 the majority decides, and where that is even too, the smaller id is called the wiser one."""
    even = wiser_edges(make_counts([("c", "a", "b", 0, 0, 9)]), Calibration(0.0, -0.7, 1.0, ((2.0, 0.0), (0.0, 1.0))))
    assert [("b", "a", 0.5, 0.0)] == [
        (e["from_id"], e["to_id"], e["p_model"], e["margin"]) for e in even.to_pylist()]
    # Pure yes in both directions is even too: all of it is yes-bias.
    counts = make_counts([("c", "a", "b", 5, 0, 0), ("c", "b", "a", 5, 0, 0)])
    assert "a" == wiser_edges(counts, calibrate(counts)).to_pylist()[0]["to_id"]


def test_schema_and_order():
    """EDGES has the schema and is sorted by its key; empty counts give the empty table."""
    counts, _ = simulate(3, contexts=3)
    edges = wiser_edges(counts, FIXED)
    keys = list(zip(*(edges.column(name).to_pylist() for name in tables.EDGES.key), strict=True))
    assert edges.schema == tables.EDGES.schema
    assert keys == sorted(keys)
    assert tables.EDGES.empty() == wiser_edges(tables.COUNTS.empty(), FIXED)
