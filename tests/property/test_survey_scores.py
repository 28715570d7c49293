"""Laws of scoring a survey, on answers of any kind."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from graphengine.schwartz.instruments.instrument import INSTRUMENTS
from graphengine.schwartz.instruments.scoring import answers_of, person_scores
from graphengine.schwartz.instruments.survey_scores import score_survey, weighted_mean
from tests.survey_people import ess_csv

KINDS = st.sampled_from(sorted(INSTRUMENTS))


def answers(name: str) -> st.SearchStrategy[np.ndarray]:
    """A few people's answers, some of them missing."""
    items = INSTRUMENTS[name].number
    steps = st.sampled_from([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, float("nan")])
    return arrays(float, st.tuples(st.integers(1, 4), st.just(items)), elements=steps)


@given(st.data(), KINDS)
def test_reversal_flips_every_sign_once(data, name):
    """Turning the scale round turns every centred score into its opposite, and twice into itself."""
    kind = INSTRUMENTS[name]
    codes = data.draw(answers(name))
    one, other = (answers_of(codes, kind, "here", turned=turned) for turned in (False, True))
    scores = [person_scores(each, kind, kind.system, centred=True) for each in (one, other)]
    assert scores[0] == pytest.approx(-scores[1], abs=1e-9, nan_ok=True)
    assert one == pytest.approx(answers_of(other, kind, "here", turned=True), nan_ok=True)
    usual = answers_of(codes, kind, "here")
    assert usual == pytest.approx(other if kind.reversed else one, nan_ok=True)


@given(st.data(), KINDS, st.floats(-50, 50))
def test_centring_removes_any_constant(data, name, constant):
    """A constant added to all answers of a person changes no centred score."""
    kind = INSTRUMENTS[name]
    given_ = data.draw(answers(name))
    before = person_scores(given_, kind, "schwartz-10", centred=True)
    after = person_scores(given_ + constant, kind, "schwartz-10", centred=True)
    assert before == pytest.approx(after, abs=1e-9, nan_ok=True)


@given(st.data())
def test_centred_scores_weigh_to_nothing(data):
    """Centred scores, weighted by the numbers of items, sum to zero where every item is answered."""
    kind = INSTRUMENTS["ess-21"]
    given_ = data.draw(answers("ess-21"))
    assume(not np.isnan(given_).any())
    scores = person_scores(given_, kind, "schwartz-10", centred=True)
    numbers = np.array([len(items) for items in kind.items.values()])
    assert np.zeros(len(scores)) == pytest.approx(scores @ numbers, abs=1e-9)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=30), st.floats(0.01, 100))
def test_equal_weights_are_no_weights(numbers, weight):
    """With one weight for all, mean and standard error are those of an unweighted sample, whatever the weight."""
    x = np.array(numbers)
    mean, error = weighted_mean(x, np.full(len(x), weight))
    assert x.mean() == pytest.approx(mean, abs=1e-9)
    assert x.std(ddof=1) / len(x) ** 0.5 == pytest.approx(error, abs=1e-9)


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 4)), min_size=1, max_size=12))
def test_a_weight_counts_as_that_many_people(people):
    """The mean with whole weights is the mean of as many people."""
    x, w = (np.array(each, dtype=float) for each in zip(*people, strict=True))
    repeated = np.repeat(x, w.astype(int))
    assert repeated.mean() == pytest.approx(weighted_mean(x, w)[0], abs=1e-9)


def test_weights_of_one_equal_no_weights(tmp_path):
    """A column of ones gives the scores that no weights give, to the last bit."""
    from tests.survey_people import codes

    path = ess_csv(tmp_path / "s.csv", {"AA": codes("ess-21", 50, 1)}, w=[1] * 50)
    assert score_survey(path).groups == score_survey(path, weight="w").groups
