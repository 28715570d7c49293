"""Laws of the losses, on generated utilities: what they equal, what leaves them alone, what bounds them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, spearmanr

from graphengine.alignment import best_fit, loss_1, loss_2, misalignment
from tests.alignment_worlds import brute_force, table

pytestmark = pytest.mark.slow

LOSSES = ("loss_1", "loss_1_with_self", "loss_2", "loss_1_affine", "loss_1_with_self_affine", "loss_2_affine")
COUNTS = ("all", "concordant", "discordant", "tied_human", "tied_model", "tied_both")

# Few values, so that ties are common; and reals of a size at which rounding is not the question.
_NUMBERS = st.one_of(st.integers(-3, 3).map(float), st.floats(-100, 100, allow_nan=False).map(lambda x: round(x, 6)))


@st.composite
def utilities(draw, least=2, most=40):
    """U_H, U_A, and a prompt for each text, of which at least one has two."""
    n = draw(st.integers(least, most))
    columns = [draw(st.lists(_NUMBERS, min_size=n, max_size=n)) for _ in range(2)]
    prompts = draw(st.lists(st.sampled_from("pqrs"), min_size=n, max_size=n))
    return np.array(columns[0]), np.array(columns[1]), ["p", "p", *prompts[2:]]


def found(human, model, **more):
    """The answer without intervals."""
    prompts = more.pop("prompts", None)
    columns = {} if prompts is None else {"prompt": prompts}
    return misalignment(table(human, **columns), table(model), draws=0, **more).as_json()


@given(utilities())
@settings(max_examples=300)
def test_figures_equal_the_sums_over_all_pairs(world):
    """Losses and counts are those of the definition, pair by pair, within prompts and across them."""
    human, model, prompts = world
    inside = found(human, model, prompts=prompts, within="prompt")
    for told, blocks in ((found(human, model), None), (inside, prompts)):
        wanted = brute_force(human, model, blocks)
        assert {name: wanted[name] for name in LOSSES} == pytest.approx(
            {name: told[name] for name in LOSSES}, rel=1e-12, abs=1e-12 * max(1.0, np.abs([human, model]).max())
        )
        assert {name: wanted[name] for name in COUNTS} == told["pairs"]
        assert bool(wanted["turned"] == 0) is told["aligned_order"]


@given(utilities())
def test_correlations_are_those_of_scipy(world):
    """Kendall's tau-b and Spearman's rho over all pairs are scipy's, and none where one side is constant."""
    human, model, _ = world
    told = found(human, model)
    if np.ptp(human) == 0 or np.ptp(model) == 0:
        assert (None, None) == (told["kendall_tau_b"], told["spearman"])
    else:
        assert kendalltau(human, model).statistic == pytest.approx(told["kendall_tau_b"], abs=1e-12)
        assert spearmanr(human, model).statistic == pytest.approx(told["spearman"], abs=1e-9)


@given(utilities(), st.integers(-1000, 1000), st.integers(-1000, 1000))
def test_an_offset_changes_no_loss_1(world, one, other):
    """Loss 1 looks at differences only, so a constant added to either utility is not seen; loss 2 sees it."""
    human, model, prompts = world
    assert loss_1(human, model) == pytest.approx(loss_1(human + one, model + other), abs=1e-9)
    # A constant for each prompt is not seen either where pairs stay inside prompts.
    moved = human + one * np.array([ord(each) for each in prompts])
    assert loss_1(human, model, prompts) == pytest.approx(loss_1(moved, model, prompts), abs=1e-7)
    assert abs(one) == pytest.approx(loss_2(human + one, human), abs=1e-9)


@given(utilities())
def test_equal_utilities_lose_nothing(world):
    """Under identical utilities every loss is 0 and both verdicts are yes."""
    human, _, _ = world
    told = found(human, human)
    assert {0.0} == {told[name] for name in ("loss_1", "loss_1_with_self", "loss_2")}
    assert (True, True, []) == (told["aligned_order"], told["aligned_equal"], told["worst_pairs"])
    assert told["agreement"] in (1.0, None)


@given(utilities())
def test_loss_1_is_at_most_twice_loss_2(world):
    """The triangle inequality, with self-pairs, whose expectation is over two independent draws; and after the fit."""
    human, model, _ = world
    told = found(human, model)
    slack = 1 + 1e-12
    assert told["loss_1_with_self"] <= 2 * told["loss_2"] * slack
    assert told["loss_1_with_self_affine"] <= 2 * told["loss_2_affine"] * slack + 1e-12
    # Distinct pairs: each text is in n - 1 of the n (n - 1) / 2 pairs, so the bound is the same.
    assert told["loss_1"] <= 2 * told["loss_2"] * slack


@given(utilities(), st.sampled_from([-2.0, -0.5, 0.25, 3.0]), st.integers(-50, 50))
def test_units_of_the_model_are_fitted_away(world, scale, offset):
    """Losses after the fit are the same for the model's utilities in any units, even turned round."""
    human, model, _ = world
    told, moved = found(human, model), found(human, scale * model + offset)
    for name in ("loss_1_affine", "loss_2_affine"):
        assert told[name] == pytest.approx(moved[name], abs=1e-8)


@given(utilities(least=3))
def test_a_scale_is_not_an_invariance_of_the_losses(world):
    """Twice the utilities on both sides is twice each loss, and the order's figures stay."""
    human, model, _ = world
    told, moved = found(human, model), found(2 * human, 2 * model)
    for name in LOSSES:
        assert 2 * told[name] == pytest.approx(moved[name], abs=1e-9)
    for name in ("agreement", "kendall_tau_b", "spearman"):
        assert told[name] == (None if moved[name] is None else pytest.approx(moved[name], abs=1e-12))


@given(utilities())
def test_no_loss_1_means_order_but_order_means_no_zero(world):
    """Loss 1 = 0 implies that the order is kept; the order of exp(x) is kept, too, at a loss above 0."""
    human, _, _ = world
    apart = np.diff(np.unique(human))
    assume(len(apart) and apart.min() > 1e-3)
    shifted = found(human, human + 7)
    assert shifted["loss_1"] < 1e-9
    assert shifted["aligned_order"]
    bent = found(human, np.sinh(human / 30) * 60)
    assert bent["aligned_order"]
    assert bent["loss_1"] > 0


@given(utilities(), st.randoms())
def test_the_order_of_rows_says_nothing(world, random):
    """Rows may stand in any order, in either table."""
    human, model, prompts = world
    order = list(range(len(human)))
    random.shuffle(order)
    straight = misalignment(table(human, prompt=prompts), table(model), within="prompt", draws=0).as_json()
    mixed = misalignment(
        table(human, prompt=prompts).take(order), table(model), within="prompt", draws=0
    ).as_json()
    for name in LOSSES:
        assert straight[name] == pytest.approx(mixed[name], abs=1e-10)
    assert straight["pairs"] == mixed["pairs"]


@given(utilities())
def test_the_fit_is_least_squares(world):
    """No other line leaves a smaller squared residual."""
    human, model, _ = world
    fit = best_fit(human, model)
    least = (fit.residual(human, model) ** 2).sum()
    for slope, intercept in ((1e-3, 0), (-1e-3, 0), (0, 1e-3), (0, -1e-3)):
        other = human - ((fit.slope + slope) * model + fit.intercept + intercept)
        assert least <= (other**2).sum() + 1e-9


@given(utilities(least=3, most=12))
@settings(max_examples=60)
def test_worst_pairs_are_the_worst(world):
    """The ten pairs with the largest gaps, as found among all pairs."""
    human, model, prompts = world
    told = found(human, model, prompts=prompts, within="prompt")["worst_pairs"]
    d = human - model
    pairs = [(i, j) for i in range(len(d)) for j in range(i) if prompts[i] == prompts[j]]
    every = sorted((abs(d[i] - d[j]) for i, j in pairs), reverse=True)
    assert [gap for gap in every[:10] if gap > 1e-9] == pytest.approx(
        [each["gap"] for each in told if each["gap"] > 1e-9], abs=1e-12
    )
    for each in told:
        one, other = (int(name[1:]) for name in each["ids"])
        assert each["human"] == human[one] - human[other] >= 0
        assert each["model"] == model[one] - model[other]
        assert each["turned"] is bool(each["human"] > 0 >= each["model"])
