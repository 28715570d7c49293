"""`WISER` edges: direction, counts of both directions, and the two probabilities with their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import beta as beta_distribution
from scipy.stats import norm

from graphengine import tables
from graphengine.ranking import Calibration, calibrate, rank_counts, shown, wiser_edges
from tests.ranking_worlds import Oracle, make_counts, simulate

FIXED = Calibration(1.1, -0.6, 0.7, ((0.04, 0.006), (0.006, 0.02)), omega=0.4)


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
    oracle = Oracle(counts, FIXED.sigma, FIXED.omega)
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


@pytest.mark.parametrize("many", [2**31, 2**33, 2**40])
def test_majority_of_very_many_answers(many):
    """However many answers, the probability is that of the Beta posterior, its interval around it."""
    edge = wiser_edges(make_counts([("c", "a", "b", many, many // 4, 0)]), FIXED).to_pylist()[0]
    assert pytest.approx(0.8, abs=1e-6) == edge["p_majority"]
    assert edge["p_majority_lower"] <= edge["p_majority"] <= edge["p_majority_upper"]


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


def edge_with(p_model=0.6, **answers):
    """One row of EDGES with these answers, all others 0."""
    names = [answer + way for answer in tables.ANSWERS for way in ("", "_reverse")]
    return {"context_id": "c", "from_id": "a", "to_id": "b", "p_model": p_model, **dict.fromkeys(names, 0), **answers}


@pytest.mark.parametrize(("edge", "expected"), [
    (edge_with(0.95), True), (edge_with(0.9499), False), (edge_with(wiser=3), True), (edge_with(wiser=2), False),
    (edge_with(wiser=1, not_wiser_reverse=2), True), (edge_with(wiser=3, unsure=1), False),
    (edge_with(wiser=5, wiser_reverse=2), False), (edge_with(wiser=12, not_wiser=4, unsure_reverse=4), False),
    (edge_with(wiser=12, not_wiser=4), True), (edge_with(not_wiser=30), False), (edge_with(unsure=9), False),
])
def test_which_edges_are_shown(edge, expected):
    """Shown from P >= .95 on, or from Beta > .9 on with at least 3 answers; "unsure" counts as not in favour."""
    assert [expected] == shown(tables.EDGES.table([edge])).to_pylist()


def test_shown_is_the_beta_posterior():
    """P(share > ½) is that of scipy's Beta for any numbers of answers, under either reading of "not wiser"."""
    rng = np.random.default_rng(1)
    names = [a + w for a in tables.ANSWERS for w in ("", "_reverse")]
    rows = [edge_with(0.5, **{name: int(rng.integers(0, 30 if name == "wiser" else 5)) for name in names})
            for _ in range(200)]
    for reading in ("against", "tie"):
        found = shown(tables.EDGES.table(rows), reading).to_pylist()
        for row, one in zip(rows, found, strict=True):
            n = sum(row[f"{a}{w}"] for a in tables.ANSWERS for w in ("", "_reverse"))
            favour = row["wiser"] + (row["not_wiser_reverse"] if reading == "against" else 0)
            assert (n >= 3 and beta_distribution(1 + favour, 1 + n - favour).sf(0.5) > 0.9) == one
        assert 0 < sum(found) < 150


def test_nothing_is_shown_of_nothing():
    """No edges, no flags; and showing takes no edge away."""
    assert [] == shown(tables.EDGES.empty()).to_pylist()
    counts, _ = simulate(3, contexts=3)
    edges = wiser_edges(counts, FIXED)
    flags = shown(edges)
    assert edges.num_rows == len(flags)
    assert not all(flags.to_pylist())
