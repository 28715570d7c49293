"""Large contexts: sparse solves, an estimated log determinant and draws, held against the exact dense way."""

from __future__ import annotations

import numpy as np
import pytest

from graphengine.ranking import Calibration, calibrate, posterior, rank_counts, wiser_edges
from graphengine.ranking.curvature import Sparse
from tests.ranking_worlds import make_counts, simulate

pytestmark = pytest.mark.slow

FIXED = Calibration(1.1, -0.6, 0.7, ((0.04, 0.006), (0.006, 0.02)), omega=0.4)


@pytest.fixture(scope="module")
def curvature():
    """A sparse H of 120 cards, and the same as an array."""
    rng = np.random.default_rng(0)
    source, target = rng.integers(0, 120, 300), rng.integers(0, 120, 300)
    keep = source != target
    sparse = Sparse(source[keep], target[keep], rng.uniform(0, 3, int(keep.sum())), 2.0, 120)
    return sparse, sparse.matrix.toarray()


def test_matrix_by_hand():
    """H is the prior's precision plus each row's weight on the difference of its two cards."""
    found = Sparse(np.array([0, 2]), np.array([1, 1]), np.array([3.0, 5.0]), 2.0, 3).matrix.toarray()
    assert [[5, -3, 0], [-3, 10, -5], [0, -5, 7]] == found.tolist()


def test_solve_and_log_determinant(curvature):
    """Conjugate gradients solve to many digits; the log determinant is off by far less than what decides a spread."""
    sparse, dense = curvature
    right = np.random.default_rng(1).normal(size=(1, 120, 3))
    assert pytest.approx(np.linalg.solve(dense, right[0]), abs=1e-9) == sparse.solve(right)[0]
    assert pytest.approx(np.linalg.slogdet(dense)[1], abs=1.0) == sparse.log_det()
    assert sparse.log_det() == sparse.log_det()


def test_log_determinant_of_independent_cards_is_exact():
    """Without questions H is diagonal, and so is its log determinant exact."""
    nothing = np.zeros(0, np.int64)
    assert pytest.approx(50 * np.log(4.0)) == Sparse(nothing, nothing, np.zeros(0), 4.0, 50).log_det()


def test_large_and_small_agree(monkeypatch):
    """The same context by the sparse and by the dense way: scores to 1e-9, sds to 4%, P(top) to .001, edges to .02."""
    counts, _ = simulate(3, contexts=1, cards=60, pairs=200, answers=6)
    dense, dense_edges = rank_counts(counts, calibration=FIXED), wiser_edges(counts, FIXED)
    monkeypatch.setattr(posterior, "LARGE", 20)
    sparse, sparse_edges = rank_counts(counts, calibration=FIXED), wiser_edges(counts, FIXED)
    assert sparse == rank_counts(counts, calibration=FIXED)
    for name, within in (("rank", 0), ("score", 1e-9), ("p_top", 0.001), ("rank_lower", 4), ("rank_upper", 4)):
        assert pytest.approx(dense.column(name).to_numpy(), abs=within) == sparse.column(name).to_numpy()
    assert pytest.approx(dense.column("sd").to_numpy(), rel=0.04) == sparse.column("sd").to_numpy()
    assert dense_edges.select(["from_id", "to_id", "wiser"]) == sparse_edges.select(["from_id", "to_id", "wiser"])
    for name in ("p_model", "p_model_lower", "p_model_upper"):
        assert pytest.approx(dense_edges.column(name).to_numpy(), abs=0.02) == sparse_edges.column(name).to_numpy()
    assert pytest.approx(dense_edges.column("margin_sd").to_numpy(), rel=0.04) == (
        sparse_edges.column("margin_sd").to_numpy())


def test_p_top_of_close_leaders(monkeypatch):
    """Of 300 cards, few of which can lead, P(top) is within .01 of the dense way's, under any names of the cards."""
    counts, _ = simulate(8, contexts=1, cards=300, pairs=1500, answers=4, sigma=1.0)
    dense = {row["card_id"]: row["p_top"] for row in rank_counts(counts, calibration=FIXED).to_pylist()}
    monkeypatch.setattr(posterior, "LARGE", 20)
    cards = sorted(dense)
    other = dict(zip(cards, np.random.default_rng(1).permutation(cards).tolist(), strict=True))
    renamed = make_counts([(row["context_id"], other[row["from_id"]], other[row["to_id"]], row["wiser"],
                            row["not_wiser"], row["unsure"]) for row in counts.to_pylist()])
    for given, name in ((counts, lambda card: card), (renamed, other.__getitem__)):
        found = {row["card_id"]: row["p_top"] for row in rank_counts(given, calibration=FIXED).to_pylist()}
        assert max(abs(found[name(card)] - p) for card, p in dense.items()) < 0.01
        assert pytest.approx(1.0) == sum(found.values())


def test_calibration_agrees(monkeypatch):
    """β, τ and σ fitted by the sparse way are those of the dense way to about a percent."""
    counts, _ = simulate(3, contexts=1, cards=150, pairs=500, answers=6)
    dense = calibrate(counts)
    monkeypatch.setattr(posterior, "LARGE", 20)
    sparse = calibrate(counts)
    assert pytest.approx([dense.beta, dense.tau, dense.sigma], rel=0.015) == [sparse.beta, sparse.tau, sparse.sigma]


def test_one_context_of_many_cards():
    """A context of 800 cards is calibrated and ranked; the scores follow the true strengths."""
    rng = np.random.default_rng(5)
    theta = rng.normal(0, 0.8, 800)
    rows = []
    for a, b in sorted({(int(a), int(b)) for a, b in rng.integers(0, 800, (4000, 2)) if a != b}):
        d = theta[b] - theta[a] + 1.0
        yes, no = 1 / (1 + np.exp(0.5 - d)), 1 / (1 + np.exp(0.5 + d))
        w, n, u = rng.multinomial(6, [yes, no, 1 - yes - no])
        rows.append(("c", f"v{a}", f"v{b}", int(w), int(n), int(u)))
    counts = make_counts(rows)
    found = calibrate(counts)
    assert pytest.approx([1.0, 0.5, 0.8], rel=0.08) == [found.beta, found.tau, found.sigma]
    ranks = rank_counts(counts, calibration=found).to_pylist()
    true = np.array([theta[int(row["card_id"][1:])] for row in ranks])
    score, sd = np.array([row["score"] for row in ranks]), np.array([row["sd"] for row in ranks])
    assert np.corrcoef(score, true)[0, 1] > 0.8
    # nine in ten of the true strengths (centred: only differences are known) lie in their 90% intervals
    assert pytest.approx(0.9, abs=0.04) == (np.abs(score - (true - true.mean())) < 1.645 * sd).mean()
