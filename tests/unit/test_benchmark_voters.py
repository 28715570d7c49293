"""The simulated surveys, and what the default is held against in the benchmarks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from benchmarks import asking, recovery, rivals, voters
from graphengine import ranking


@pytest.mark.parametrize("name", voters.SCENARIOS)
def test_a_survey_is_as_its_scenario_says(name: str) -> None:
    """Values, pairs, votes and one direction per pair are the scenario's; the same seed gives the same votes."""
    scenario = voters.SCENARIOS[name]
    survey = voters.simulate(scenario, 7, 5)
    pairs = {tuple(sorted(pair)) for pair in zip(survey.source.tolist(), survey.target.tolist(), strict=True)}
    assert (scenario.values, scenario.pairs) == (len(survey.strength[0]), len(pairs))
    assert scenario.pairs == len(survey.source)
    assert scenario.heaped or (survey.answers.sum(axis=1) == 5).all()
    assert survey.counts().equals(voters.simulate(scenario, 7, 5).counts())
    assert not survey.counts().equals(voters.simulate(scenario, 8, 5).counts())


def test_people_say_yes_more_often_under_a_yes_bias() -> None:
    """Shares of answers follow the scenarios: even without yes-bias, mostly "wiser" with it."""
    def shares(name: str) -> np.ndarray:
        answers = sum(voters.simulate(voters.SCENARIOS[name], seed, 20).answers.sum(axis=0) for seed in range(40))
        return answers / np.sum(answers)

    even, yes = shares("A random pairs"), shares("D acquiescence")
    assert even[0] == pytest.approx(even[1] + 0.04, abs=0.05)  # careless people say "wiser" more often
    assert yes[0] > even[0] + 0.1


def test_a_good_proposer_is_right_as_often_as_said() -> None:
    """In scenario F four of five pairs are asked in the true direction."""
    surveys = [voters.simulate(voters.SCENARIOS["F proposer 80% right"], seed, 1) for seed in range(60)]
    right = np.concatenate([one.strength[0][one.target] > one.strength[0][one.source] for one in surveys])
    assert right.mean() == pytest.approx(0.8, abs=0.03)


def test_the_published_layout() -> None:
    """About 10 values and 12 pairs a context, 1,500 votes, few votes on most pairs, some contexts in components."""
    survey = voters.together([voters.published_layout(seed, 0.5) for seed in range(15)])
    votes, contexts = survey.answers.sum(axis=1), len(survey.strength)
    assert 180 == contexts
    assert 15 * 1500 == votes.sum()
    assert np.mean([len(strength) for strength in survey.strength]) == pytest.approx(10, abs=1)
    assert len(votes) / contexts == pytest.approx(12, abs=1.5)
    assert np.median(votes) == pytest.approx(4, abs=1.5)
    parts = ranking.components(survey.counts()).to_pylist()
    apart = {row["context_id"] for row in parts if row["component"] > 0}
    assert len(apart) / contexts == pytest.approx(0.4, abs=0.12)


def test_tables_and_matrices_hold_the_same_answers() -> None:
    """COUNTS of two surveys put together have every answer, and ids lead back to numbers."""
    survey = voters.together([voters.simulate(voters.SCENARIOS["D acquiescence"], seed, 3) for seed in (1, 2)])
    counts = survey.counts()
    dense = np.zeros((2, 20, 20, 3))
    at = tuple(voters.numbers(counts.column(name)) for name in ("context_id", "from_id", "to_id"))
    for k, answer in enumerate(("wiser", "not_wiser", "unsure")):
        dense[(*at, k)] = counts.column(answer).to_numpy()
    assert np.array_equal(survey.matrices(20), dense)
    assert {"00001"} == set(survey.counts([1]).column("context_id").to_pylist())


def test_bradley_terry_is_at_its_top() -> None:
    """The gradient of the penalised log likelihood is zero where the rival ends, with and without a bias term."""
    dense = voters.simulate(voters.SCENARIOS["D acquiescence"], 3, 10).matrices(20)
    won, asked = (dense[..., 0] + dense[..., 2] / 2)[0], dense.sum(axis=3)[0]
    theta = rivals.bradley_terry(dense)[0]
    left = won - asked / (1 + np.exp(theta[:, None] - theta[None, :]))
    assert left.sum(axis=0) - left.sum(axis=1) == pytest.approx(rivals.RIDGE * theta, abs=1e-6)
    assert rivals.bradley_terry(dense, bias=True)[0] != pytest.approx(theta, abs=0.05)


def test_published_pagerank_is_that_of_the_rule() -> None:
    """The rival's order is that of PageRank on the edges of `mai-2023-context`, values without an edge last."""
    survey = voters.simulate(voters.SCENARIOS["F proposer 80% right"], 5, 20)
    score = rivals.published_pagerank(survey.matrices(20))[0]
    ranks = ranking.rank_counts(survey.counts(), "pagerank", edge_rule="mai-2023-context")
    ours = np.zeros(20)
    ours[voters.numbers(ranks.column("card_id"))] = ranks.column("score").to_numpy()
    assert np.array_equal(ours > 0, score > 0)
    assert ours == pytest.approx(score / score.sum(), abs=1e-9)


def test_kendall_is_that_of_scipy() -> None:
    """Tau-b, ties and all."""
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 5, (6, 12)).astype(float), rng.normal(size=(6, 12))
    theirs = [kendalltau(a, b)[0] for a, b in zip(one, other, strict=True)]
    assert rivals.kendall(one, other) == pytest.approx(np.array(theirs))


def test_a_tie_for_the_top_is_half_a_hit() -> None:
    """Two first values, one of them the best, count a half."""
    hits = rivals.top_hit(np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0]]), np.array([[3.0, 2.0, 1.0], [3.0, 2.0, 1.0]]))
    assert [0.5, 0.0] == hits.tolist()


def test_bins_need_cases() -> None:
    """Claims are held against what came true in bins that have 200 cases, and in no others."""
    p_top = np.concatenate([np.full(300, 0.15), np.full(199, 0.55)])
    found = recovery.bins(p_top, np.arange(499) % 10 == 0)
    assert [(0.1, 300)] == [(one["bin"], one["cases"]) for one in found]
    assert (found[0]["claimed"], found[0]["true"]) == (pytest.approx(0.15), pytest.approx(0.1))


def test_crossing() -> None:
    """The votes at which a rising curve reaches the goal, between two rounds; never is infinity."""
    hits = np.array([0.3, 0.4, 0.5, 0.6, 0.7])
    assert asking.VALUES + 3 * asking.STEP == pytest.approx(asking.crossing(hits))
    assert float("inf") == asking.crossing(np.full(5, 0.3))


@pytest.mark.slow
def test_asking_beats_chance() -> None:
    """After the same number of votes, questions chosen by `ask_next` find more winners than random ones."""
    guided, chance = (np.mean([asking.curve(seed, guided=way, most=100)[-1] for seed in range(2)])
                      for way in (True, False))
    assert guided > chance
