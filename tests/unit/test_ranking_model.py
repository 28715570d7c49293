"""The likelihood of an answer: probabilities, derivatives, and its digits where "unsure" becomes rare."""

from __future__ import annotations

import numpy as np
import pytest

from graphengine.ranking.model import terms, weigh

CASES = [(-3.0, -1.2), (0.0, -0.7), (0.4, 0.3), (2.5, 1.1), (7.0, -3.0)]


def log_p(d: float, log_tau: float) -> np.ndarray:
    """Log probability of wiser, not_wiser, unsure."""
    return terms(np.full(3, d), log_tau, np.eye(3)).value


@pytest.mark.parametrize(("d", "log_tau"), CASES)
def test_probabilities(d, log_tau):
    """The three answers' probabilities add up to 1 and are the logistic ones."""
    p = np.exp(log_p(d, log_tau))
    tau = np.exp(log_tau)
    assert pytest.approx(1.0, abs=1e-12) == p.sum()
    assert pytest.approx([1 / (1 + np.exp(tau - d)), 1 / (1 + np.exp(tau + d))], rel=1e-12) == p[:2]


@pytest.mark.parametrize(("d", "log_tau"), CASES)
def test_derivatives(d, log_tau):
    """First and second derivatives by d and log τ agree with differences of the value."""
    answers = np.array([[3.0, 2.0, 4.0]])
    h = 1e-5

    def at(by_d: float, by_tau: float):
        return terms(np.array([d + by_d]), log_tau + by_tau, answers)

    here = at(0, 0)
    assert pytest.approx((at(h, 0).value - at(-h, 0).value)[0] / (2 * h), rel=1e-5, abs=1e-6) == here.d[0]
    assert pytest.approx((at(0, h).value - at(0, -h).value)[0] / (2 * h), rel=1e-5, abs=1e-6) == here.tau[0]
    assert pytest.approx((at(h, 0).d - at(-h, 0).d)[0] / (2 * h), rel=1e-5, abs=1e-6) == here.dd[0]
    assert pytest.approx((at(0, h).d - at(0, -h).d)[0] / (2 * h), rel=1e-5, abs=1e-6) == here.d_tau[0]
    assert pytest.approx((at(0, h).tau - at(0, -h).tau)[0] / (2 * h), rel=1e-5, abs=1e-6) == here.tau_tau[0]


def test_digits_where_unsure_is_rare():
    """With τ = 1e-12 the probability of "unsure" is still 2τ s(d)(1 - s(d)), not 0 and not noise."""
    d, tau = 1.5, 1e-12
    expected = 2 * tau * np.exp(-d) / (1 + np.exp(-d)) ** 2
    assert pytest.approx(expected, rel=1e-9) == np.exp(log_p(d, np.log(tau))[2])


@pytest.mark.parametrize("d", [-800.0, 800.0])
def test_no_overflow(d):
    """Hopeless differences give finite values and derivatives, without a warning."""
    found = terms(np.array([d]), -0.7, np.array([[1.0, 1.0, 1.0]]))
    assert all(np.isfinite(values).all() for values in found)


def test_not_wiser_as_a_tie():
    """Under "tie" every "not wiser" counts as one more "unsure"; under "against" nothing changes."""
    answers = np.array([[5.0, 2.0, 1.0]])
    assert [[5.0, 0.0, 3.0]] == weigh(answers, "tie").tolist()
    assert [[5.0, 2.0, 1.0]] == weigh(answers, "against").tolist()
