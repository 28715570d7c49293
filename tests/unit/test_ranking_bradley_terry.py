"""The default ranking: held against a slow oracle, choix, a million draws, and a worked example."""

from __future__ import annotations

import pickle

import choix
import numpy as np
import pyarrow as pa
import pytest

from graphengine import tables
from graphengine.errors import RankingError
from graphengine.ranking import METHODS, Calibration, calibrate, rank_counts
from graphengine.ranking.top import places
from tests.ranking_worlds import Oracle, make_counts, many_people, simulate

FIXED = Calibration(1.1, -0.6, 0.7, ((0.04, 0.006), (0.006, 0.02)), omega=0.4)


def by_card(ranks, column):
    """{(context, card): value} of a column of RANKS."""
    return {(row["context_id"], row["card_id"]): row[column] for row in ranks.to_pylist()}


def test_worked_example():
    """One pair asked both ways, 18 to 2 each time: the model's equations, solved by hand, give the score.

    With θ_a = -θ_b = -t and β = 0 the two questions say the same, and the slope of the log posterior is
    4 [18 (1 - s(2t - τ)) - 2 (1 - s(-2t - τ))] - 2t/σ² = 0.
    """
    calibration = Calibration(0.0, np.log(0.5), 1.0, ((0.0, 0.0), (0.0, 0.0)))
    counts = make_counts([("c", "a", "b", 18, 2, 0), ("c", "b", "a", 2, 18, 0)])
    ranks = rank_counts(counts, calibration=calibration)
    t = by_card(ranks, "score")["c", "b"]
    s = lambda x: 1 / (1 + np.exp(-x))  # noqa: E731
    assert pytest.approx(0.0, abs=1e-9) == 4 * (18 * (1 - s(2 * t - 0.5)) - 2 * (1 - s(-2 * t - 0.5))) - 2 * t
    assert ["b", "a"] == ranks.column("card_id").to_pylist()
    assert pytest.approx(-t, abs=1e-12) == by_card(ranks, "score")["c", "a"]


def test_scores_and_sds_are_the_oracles():
    """θ is the joint optimum at the calibration's β and τ; its sd has the context's own bias and J C Jᵀ in it."""
    counts, _ = simulate(11, contexts=3, cards=5, pairs=8, answers=9)
    oracle = Oracle(counts, FIXED.sigma, FIXED.omega)
    best = oracle.best_theta(FIXED.beta, FIXED.log_tau)
    theta = best[: len(oracle.cards)]
    full = oracle.precision(np.append(best, [FIXED.beta, FIXED.log_tau]))
    own = np.linalg.inv(full[:-2, :-2])
    shared = -own @ full[:-2, -2:]
    covariance = (own + shared @ np.array(FIXED.covariance) @ shared.T)[: len(theta), : len(theta)]
    ranks = rank_counts(counts, calibration=FIXED)
    score, sd = by_card(ranks, "score"), by_card(ranks, "sd")
    assert pytest.approx(theta, abs=2e-5) == [score[card] for card in oracle.cards]
    assert pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-3) == [sd[card] for card in oracle.cards]
    for row in ranks.to_pylist():
        half = 1.6449 * row["sd"]
        assert pytest.approx([row["score"] - half, row["score"] + half], abs=1e-4) == [row["lower"], row["upper"]]


def test_agrees_with_choix_where_the_models_coincide():
    """Without "unsure", band, bias or its uncertainty, this is ridge Bradley-Terry as choix fits it."""
    counts, _ = simulate(5, contexts=1, cards=6, pairs=12, tau=1e-9, beta=0.0)
    sigma = 0.9
    ranks = rank_counts(counts, calibration=Calibration(0.0, -25.0, sigma, ((0.0, 0.0), (0.0, 0.0))))
    cards = sorted(ranks.column("card_id").to_pylist())
    wins = []
    for row in counts.to_pylist():
        a, b = cards.index(row["from_id"]), cards.index(row["to_id"])
        wins += [(b, a)] * row["wiser"] + [(a, b)] * row["not_wiser"]
    expected = choix.opt_pairwise(len(cards), wins, alpha=1 / (2 * sigma**2), tol=1e-9)
    score = by_card(ranks, "score")
    assert pytest.approx(expected, abs=1e-4) == [score["context 0000", card] for card in cards]


@pytest.mark.slow
@pytest.mark.parametrize("cards", [3, 4, 7, 12, 20, 30, 60])
def test_p_top_is_that_of_a_million_draws(cards):
    """P(top), joint over the cards, is within .02 of a million draws; rank intervals within a rank of theirs."""
    rng = np.random.default_rng(cards)
    root = rng.normal(size=(cards, cards)) * 0.1 + np.diag(rng.uniform(0.1, 0.4, cards))
    covariance = root @ root.T
    theta = rng.normal(0, 0.3, cards)
    found = places(theta[None], covariance[None], np.ones((1, cards), bool))
    hits, ranks = np.zeros(cards), []
    for _ in range(10):
        draws = rng.multivariate_normal(theta, covariance, 100_000, method="cholesky")
        hits += np.bincount(draws.argmax(axis=1), minlength=cards)
        ranks.append((-draws[:5_000]).argsort(axis=1).argsort(axis=1) + 1)
    assert pytest.approx(hits / 1e6, abs=0.02) == found.p_top[0]
    low, high = np.quantile(np.concatenate(ranks), [0.05, 0.95], axis=0)
    assert np.abs(found.lower[0] - low).max() <= 1 + cards // 30
    assert np.abs(found.upper[0] - high).max() <= 1 + cards // 30
    assert pytest.approx(1.0) == found.p_top.sum()


def test_two_cards_are_exact():
    """Of two cards, P(top) is Φ of the difference of their scores over its sd."""
    from scipy.stats import norm

    covariance = np.array([[0.3, 0.1], [0.1, 0.2]])
    found = places(np.array([[0.4, 0.1]]), covariance[None], np.ones((1, 2), bool))
    assert pytest.approx(norm.cdf(0.3 / np.sqrt(0.3)), rel=1e-12) == found.p_top[0, 0]
    assert pytest.approx(1.0, rel=1e-12) == found.p_top.sum()
    sure = places(np.array([[4.0, 0.1]]), covariance[None], np.ones((1, 2), bool))
    assert ([[1, 2]], [[1, 2]]) == (sure.lower.tolist(), sure.upper.tolist())


@pytest.mark.parametrize(
    ("rows", "least", "most"),
    [
        ([("c", "a", "b", 90, 5, 5)], 0.8, 0.98),
        ([("c", "a", "b", 100, 0, 0)], 0.9, 1.0),
        ([("c", "a", "b", 18, 2, 0), ("c", "b", "a", 2, 18, 0)], 0.99, 1.0),
        ([("c", "a", "b", 0, 0, 40)], 0.5, 0.5),
        ([("c", "a", "b", 500, 0, 0), ("c", "b", "a", 500, 0, 0)], 0.5, 0.5),
    ],
)
def test_one_pair(rows, least, most):
    """A single pair: a clear one-way answer is mostly believed, both ways entirely, "unsure" or pure yes not at all."""
    p_top = rank_counts(make_counts(rows)).column("p_top").to_numpy().max()
    assert least - 1e-9 <= p_top <= most + 1e-9


def test_equal_cards_share_a_rank_and_stand_in_order_of_id():
    """Cards with scores within 1e-9 share the rank of the first, in order of id; the next rank is skipped."""
    ranks = rank_counts(make_counts([
        ("c", "z", "b", 5, 1, 1), ("c", "z", "a", 5, 1, 1), ("c", "z", "y", 2, 5, 1)]))
    assert ["a", "b", "z", "y"] == ranks.column("card_id").to_pylist()
    assert [1, 1, 3, 4] == ranks.column("rank").to_pylist()


def test_only_unsure_ties_all():
    """Where everybody was unsure, all cards share rank 1 with score 0, and no single winner is named."""
    counts = make_counts([("c", "a", "b", 0, 0, 30), ("c", "b", "d", 0, 0, 30)])
    ranks = rank_counts(counts, people=many_people(counts))
    assert [1, 1, 1] == ranks.column("rank").to_pylist()
    assert pytest.approx([0, 0, 0], abs=1e-9) == ranks.column("score").to_numpy()
    assert sum(ranks.column("tied_top").to_pylist()) > 1


def test_candidates_are_the_cards_with_answers():
    """A card whose questions nobody answered is no candidate, and a card compared with itself says nothing."""
    ranks = rank_counts(make_counts([
        ("c", "a", "b", 3, 0, 0), ("c", "a", "x", 0, 0, 0), ("c", "b", "b", 9, 0, 0), ("d", "p", "q", 0, 0, 0)]))
    assert [("c", "b"), ("c", "a")] == list(by_card(ranks, "rank"))


def test_not_wiser_counts_for_the_card_asked_from():
    """Against: a "not wiser" moves the card asked from up. Tie: it only says that the two are close."""
    rows = [("c", "a", "b", 6, 6, 0), ("c", "b", "d", 9, 0, 3), ("c", "a", "d", 9, 0, 3)]
    against = by_card(rank_counts(make_counts(rows)), "score")
    assert against["c", "a"] > against["c", "b"]
    tie = by_card(rank_counts(make_counts(rows), not_wiser="tie"), "score")
    assert tie["c", "d"] > tie["c", "b"]
    assert against["c", "a"] - against["c", "b"] > tie["c", "a"] - tie["c", "b"]


def test_shape_and_order():
    """RANKS has the schema, is sorted by context, rank, id, and its rank lies in its interval."""
    counts, _ = simulate(1, contexts=4)
    ranks = rank_counts(counts)
    assert ranks.schema == tables.RANKS.schema
    rows = ranks.to_pylist()
    assert rows == sorted(rows, key=lambda row: (row["context_id"], row["rank"], row["card_id"]))
    assert all(1 <= row["rank_lower"] <= row["rank"] <= row["rank_upper"] <= 8 for row in rows)


def test_empty_counts():
    """Empty counts give an empty RANKS."""
    for method in ("bradley-terry", "pagerank"):
        assert rank_counts(tables.COUNTS.empty(), method) == tables.RANKS.empty()


def test_text_columns_may_be_dictionary_encoded():
    """Dictionary-encoded and chunked columns give the same table as plain ones."""
    counts, _ = simulate(1, contexts=3)
    encoded = pa.concat_tables([counts.slice(0, 10), counts.slice(10)])
    for at, name in enumerate(("context_id", "from_id", "to_id")):
        encoded = encoded.set_column(at, name, encoded.column(name).dictionary_encode())
    assert rank_counts(counts) == rank_counts(encoded)


def test_larger_calibration_uncertainty_widens_the_intervals():
    """What is not known of β and τ is in every sd."""
    counts, _ = simulate(1, contexts=1)
    sharp = Calibration(FIXED.beta, FIXED.log_tau, FIXED.sigma, ((0.0, 0.0), (0.0, 0.0)))
    wide, narrow = (by_card(rank_counts(counts, calibration=c), "sd") for c in (FIXED, sharp))
    assert all(wide[card] >= narrow[card] for card in wide)
    assert max(wide[card] - narrow[card] for card in wide) > 1e-3


def test_unknown_names_are_refused_with_the_known_ones():
    """An unknown method or parameter is refused and the known ones are listed."""
    counts = make_counts([("c", "a", "b", 3, 0, 0)])
    with pytest.raises(RankingError, match="unknown method: 'elo'") as caught:
        rank_counts(counts, "elo")
    assert f"one of: {', '.join(METHODS)}" == caught.value.hint
    with pytest.raises(RankingError, match="unknown method") as caught:
        rank_counts(counts, "bradly-terry")
    assert caught.value.hint.startswith("did you mean bradley-terry? one of: bradley-terry, ")
    with pytest.raises(RankingError, match="takes no parameter edge_rule") as caught:
        rank_counts(counts, edge_rule="mai-2023")
    assert "it takes: not_wiser" == caught.value.hint
    with pytest.raises(RankingError, match="unknown reading of not_wiser"):
        rank_counts(counts, not_wiser="maybe")


def test_calibration_for_another_reading_is_refused():
    """A calibration made with not_wiser="tie" can't be used against."""
    counts = make_counts([("c", "a", "b", 3, 0, 0)])
    with pytest.raises(RankingError, match="reads not_wiser as 'tie'"):
        rank_counts(counts, calibration=calibrate(counts, not_wiser="tie"), not_wiser="against")


def test_functions_can_be_pickled():
    """rank_counts and its arguments travel to other processes."""
    counts, _ = simulate(1, contexts=2)
    function, table, calibration = pickle.loads(pickle.dumps((rank_counts, counts, FIXED)))
    assert rank_counts(counts, calibration=FIXED) == function(table, calibration=calibration)


def test_winner_is_found_in_simulations():
    """The true best card leads far more often than chance, and as often as P(top) claims."""
    counts, truth = simulate(9, contexts=300, cards=6, pairs=12, answers=10)
    leaders = [row for row in rank_counts(counts).to_pylist() if row["rank"] == 1]
    best = {}
    for (context, card), strength in truth.items():
        best[context] = max(best.get(context, (-9.0, "")), (strength, card))
    hit = np.mean([best[row["context_id"]][1] == row["card_id"] for row in leaders])
    claimed = np.mean([row["p_top"] for row in leaders])
    assert hit > 0.5
    assert pytest.approx(claimed, abs=0.1) == hit


def test_without_p_top_all_else_stays_the_same():
    """Leaving P(top) out leaves score, sd, interval, rank and component as they are; what follows from it is null."""
    counts, _ = simulate(3, contexts=4, cards=6, pairs=9)
    with_it, without = rank_counts(counts), rank_counts(counts, p_top=False)
    left_out = {"p_top", "rank_lower", "rank_upper", "tied_top"}

    same = [name for name in with_it.column_names if name not in left_out]
    assert with_it.select(same) == without.select(same)
    assert {without.num_rows} == {without.column(name).null_count for name in left_out}
