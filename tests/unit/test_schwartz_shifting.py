"""Before and after: distances, value tax and neutrality of answers to the same prompts, and their pictures."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from graphengine.errors import InputError
from graphengine.report.value_change import Moved, score_histograms, value_change
from graphengine.schwartz.measuring import measure
from graphengine.schwartz.scores import Scores
from graphengine.schwartz.shifting import SAID, Shift, shift
from graphengine.schwartz.target import Target
from graphengine.schwartz.target_files import load_target

TARGET = Target.of("two", {"security": 1, "benevolence": 0.5})
ASKED = [5, 8]


def scores(matrix: np.ndarray) -> Scores:
    """With names."""
    return Scores(matrix, TARGET.values, tuple(f"a{row}" for row in range(len(matrix))))


def world(rows: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Answers before, and after security rose by .3 and self-direction fell by .2."""
    rng = np.random.default_rng(seed)
    before = rng.uniform(-0.4, 0.4, (rows, 10))
    after = before + rng.normal(0, 0.02, before.shape)
    after[:, 5] += 0.3
    after[:, 0] -= 0.2
    return before, np.clip(after, -1, 1)


def of(before: np.ndarray, after: np.ndarray, **more: object) -> Shift:
    """Between two matrices."""
    return shift(scores(before), scores(after), TARGET, **more)  # type: ignore[arg-type]


def test_numbers_are_those_of_measure() -> None:
    """Both sides have the distances that `measure` gives, and the change is their difference."""
    before, after = world()
    found = of(before, after)
    for matrix, name in ((before, "before"), (after, "after")):
        alone = measure(scores(matrix), TARGET, distances=["weighted"])
        assert getattr(found.told["per_response"], name).value == pytest.approx(alone.per_response["weighted"].value)
        assert getattr(found.told["profile"], name).value == pytest.approx(alone.profile["weighted"].value)
        speaks = np.abs(matrix[:, ASKED]) > 0.3
        assert getattr(found.told["coverage"], name).value == pytest.approx(speaks.mean())
        assert getattr(found.told["neutral"], name).value == pytest.approx((~speaks.any(axis=1)).mean())
    for name in SAID:
        told = found.told[name]
        assert told.change.value == pytest.approx(told.after.value - told.before.value)
        assert told.change.lower is not None
        assert told.change.upper is not None
        assert told.change.lower <= told.change.value <= told.change.upper


@pytest.mark.slow
def test_a_change_is_sharper_than_its_sides() -> None:
    """What prompts do to both sides cancels: the change's interval is narrow, and holds the truth 90% of the time."""
    hits = 0
    for seed in range(100):
        told = of(*world(seed=seed)).values["security"]
        lower, upper = told.change.lower or 0.0, told.change.upper or 0.0
        sides = [(each.upper or 0.0) - (each.lower or 0.0) for each in (told.before, told.after)]
        assert 0 < upper - lower < 0.3 * min(sides)
        hits += lower < 0.3 < upper
    assert 80 <= hits <= 97


def test_the_tax_is_on_values_that_nobody_asked_about() -> None:
    """Self-direction fell without being asked to: the tax is its share of the eight, and above chance."""
    found = of(*world())
    assert found.tax is not None
    assert found.by_chance is not None
    assert 8 == len(found.off_target)
    assert not {"security", "benevolence"} & set(found.off_target)
    assert found.tax.value == pytest.approx(0.2 / 8, abs=0.004)
    assert found.tax.lower is not None
    assert found.by_chance < found.tax.lower
    assert found.tax_rate is not None
    assert found.tax_rate == pytest.approx(8 * found.tax.value / -found.told["profile"].change.value)


@pytest.mark.slow
def test_nothing_moved() -> None:
    """Answers of the same model drawn anew: the tax lies near what chance makes, and no rate is told."""
    rng = np.random.default_rng(1)
    taxes, chances, rates = [], [], []
    for seed in range(100):
        found = of(rng.uniform(-1, 1, (40, 10)), rng.uniform(-1, 1, (40, 10)), seed=seed)
        assert found.tax is not None
        taxes.append(found.tax.value)
        chances.append(found.by_chance)
        rates.append(found.tax_rate)
    assert np.mean(taxes) == pytest.approx(np.mean(chances), rel=0.06)
    assert rates.count(None) >= 85


def test_a_target_that_asks_for_all_has_no_tax() -> None:
    """With weights everywhere there is nothing off the target."""
    target = load_target("UK")
    before, after = world()
    found = shift(scores(before), scores(after), target)
    assert (None, None, ()) == (found.tax, found.tax_rate, found.off_target)
    assert found.as_json()["tax"] is None


def test_answers_to_one_prompt_hang_together() -> None:
    """Copies of each answer change no number, and no interval by more than the draws do."""
    before, after = world(30)
    prompts = [f"p{row // 4}" for row in range(120)]
    once, copies = of(before, after), of(before.repeat(4, axis=0), after.repeat(4, axis=0), prompts=prompts)
    assert 30 == once.prompts == copies.prompts
    assert once.as_json() == copies.as_json()


def test_one_prompt_has_no_interval() -> None:
    """Nothing is known of how sure a single prompt is."""
    before, after = world(1)
    told = of(before, after)
    assert told.told["profile"].change[1:] == (None, None)
    assert told.by_chance is None


@pytest.mark.slow
def test_intervals_of_few_prompts_hold_what_they_say() -> None:
    """With six prompts, the interval of a change holds the true one in about 90% of made-up worlds."""
    held = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        before = rng.uniform(-0.2, 0.2, (6, 10))
        after = before + rng.normal(0.2, 0.15, before.shape)
        change = of(before, after).values["security"].change
        held.append(change.lower <= 0.2 <= change.upper)
    assert 0.86 <= np.mean(held) <= 0.95


def test_other_answers_are_refused() -> None:
    """Sides that do not answer the same prompts, or have another system, are no comparison."""
    before, after = world(4)
    with pytest.raises(InputError, match="not to the same prompts"):
        of(before, after[:3])
    with pytest.raises(InputError, match="target hhh is in hhh"):
        shift(scores(before), scores(after), load_target("hhh"))


def test_pictures_tell_what_they_show() -> None:
    """Both are whole SVG, escape names, say the numbers in words, and draw nothing outside."""
    bars = value_change(
        [Moved("security", (0.1, 0.0, 0.2), (0.7, 0.6, 0.8), 1.0),
         Moved("<b>", (-0.1, None, None), (-1, None, None), None)],
        "To & fro", "before", "after PPO")
    histograms = score_histograms(["security", "power", "<b>"], [[-1, 1, 0.2], [0], []], [[0.5], [1, 1], [0]], "Spread",
                                  ("before", "after"))
    for text in (bars, histograms):
        root = ElementTree.fromstring(text)
        assert root.tag.endswith("svg")
        for box in root.iter("{http://www.w3.org/2000/svg}rect"):
            assert 0 <= float(box.get("x", 0)) <= float(box.get("x", 0)) + float(box.get("width", 0)) <= 960
    assert "security, after PPO: 0.70 (0.60 to 0.80)" in bars
    assert "security, target: 1.00" in bars
    assert "security, before: 33.3% from 0.88 to 1.00" in histograms
    assert "&lt;b&gt;" in bars
