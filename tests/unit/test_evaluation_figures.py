"""The arithmetic of an evaluation: intervals, calibration, trends and pictures, against numbers worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from graphengine.preferences.audit import accuracy
from graphengine.training.evaluation import Evaluation, Figure, Row
from graphengine.training.evaluation.calibration import calibration
from graphengine.training.evaluation.figures import changed_share, mean, ratio, share
from graphengine.training.evaluation.judging import judged
from graphengine.training.evaluation.markdown import markdown, verdicts
from graphengine.training.evaluation.pictures import Point, reliability, reward_and_tax
from graphengine.training.evaluation.sizes import trend
from graphengine.training.evaluation.stages import model_folders

T_TWO = 2.919985580355516  # Student's 95% quantile, two degrees of freedom


def test_a_ratio_has_the_interval_of_its_clusters() -> None:
    """Three clusters: the linearised variance over clusters with Student's two degrees of freedom."""
    found = ratio([2.0, 1.0, 4.0, 1.0], [1.0, 1.0, 2.0, 2.0], "texts", ["a", "a", "b", "c"])

    left = np.array([3 - 2 * 8 / 6, 4 - 2 * 8 / 6, 1 - 2 * 8 / 6])
    half = T_TWO * math.sqrt(3 / 2 * (left @ left) / 36)
    assert (8 / 6, 4, 3) == (found.value, found.n, found.clusters)
    assert found.lower == pytest.approx(8 / 6 - half)
    assert found.upper == pytest.approx(8 / 6 + half)


def test_a_share_has_the_interval_of_the_audit() -> None:
    """The accuracy of a reward model and those of the baselines beside it have the same kind of interval."""
    hits, contexts = [1, 1, 0, 1, 0.5, 1], ["a", "a", "b", "b", "c", "c"]
    found, expected = share(hits, "pairs", contexts), accuracy(hits, contexts)
    assert (expected.accuracy, expected.lower, expected.upper) == (found.value, found.lower, found.upper)


def test_nothing_measured_has_no_value() -> None:
    """No rows: no value; one cluster: a value, and no interval that others could be expected in."""
    for found in (share([], "pairs"), mean([], "prompts"), changed_share([], [], "tasks"), ratio([], [], "texts")):
        assert (None, None, None, 0) == (found.value, found.lower, found.upper, found.n)
    alone = mean([1.0, 2.0], "prompts", ["a", "a"])
    assert (1.5, None, None) == (alone.value, alone.lower, alone.upper)


def test_a_change_of_shares_is_paired() -> None:
    """Two of four tasks won and one lost: +.25; equal answers: exactly 0, with an interval around it."""
    found = changed_share([True, False, False, False], [False, True, True, False], "tasks")
    middle, spread = (2.5 - 1.5) / 6, 2.5 + 1.5 - 1 / 6
    assert 0.25 == found.value
    assert found.lower == pytest.approx(middle - 1.6448536269514722 * math.sqrt(spread) / 6)
    same = changed_share([True, False] * 20, [True, False] * 20, "tasks")
    assert 0 == same.value
    assert same.lower == pytest.approx(-(same.upper or 0))
    assert 0 < (same.upper or 0) < 0.1


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Of 1,000 worlds of 20 contexts with 1 to 6 dependent rows each, about 90% have the true mean in the interval."""
    random = np.random.default_rng(3)
    held = 0
    for _ in range(1000):
        sizes = random.integers(1, 7, 20)
        clusters = np.repeat(np.arange(20), sizes)
        values = random.normal(0, 1, 20)[clusters] + random.normal(0, 1, clusters.size)
        found = mean(values, "prompts", clusters.tolist())
        assert found.lower is not None and found.upper is not None
        held += found.lower <= 0 <= found.upper
    assert 0.87 <= held / 1000 <= 0.93


def test_a_calibration_error_is_that_of_its_bins() -> None:
    """Ten sure pairs of which eight are right, and four tosses: the error by hand, for hard labels."""
    sure = math.log(0.97 / 0.03)
    found = calibration([sure] * 8 + [-sure] * 2 + [0.0] * 4, list(range(14)), None)

    assert [(10, 0.8), (4, 0.5)] == [(each.right.n, pytest.approx(each.right.value)) for each in reversed(found.bins)]
    assert found.error.value == pytest.approx(10 / 14 * (0.97 - 0.8))
    assert found.overconfidence == pytest.approx(10 / 14 * (0.97 - 0.8))
    assert found.error.lower is not None and found.error.upper is not None
    assert 0 <= found.error.lower <= found.error.value <= found.error.upper


def test_soft_labels_know_an_even_pair() -> None:
    """A model that says what `p_chosen` says is calibrated against it, and underconfident by hard labels."""
    p = [0.55, 0.6, 0.7, 0.8, 0.95] * 4
    differences = [math.log(each / (1 - each)) for each in p]
    contexts = [str(each) for each in range(20)]
    soft, hard = calibration(differences, contexts, p), calibration(differences, contexts, None)
    assert soft.error.value == pytest.approx(0)
    assert hard.overconfidence is not None and hard.overconfidence < -0.2


def test_a_calibrated_model_errs_as_chance_does() -> None:
    """Outcomes drawn from the model's own probabilities give an error near the one told for chance."""
    random = np.random.default_rng(0)
    confidence = random.uniform(0.5, 1, 400)
    right = random.random(400) < confidence
    differences = np.where(right, 1, -1) * np.log(confidence / (1 - confidence))
    found = calibration(differences.tolist(), list(range(400)), None)
    assert found.error_by_chance is not None and found.error.value is not None
    assert 0.5 < found.error.value / found.error_by_chance < 2


def test_a_trend_is_a_slope_with_the_noise_of_its_points() -> None:
    """Three sizes: the least-squares slope per tenfold parameters, and an interval from the points' own."""
    points = [Figure(value, value - 0.1, value + 0.1, 50, "prompts", 9) for value in (1.0, 0.8, 0.9)]
    found = trend("reward", [10**6, 10**7, 10**8], points, higher_is_better=True)
    assert found is not None
    assert found.slope.value == pytest.approx(-0.05)
    assert found.slope.upper == pytest.approx(-0.05 + 0.1 * math.sqrt(2) / 2)
    assert (True, False) == (found.worse, found.clearly)
    better = trend("loss", [10**6, 10**7, 10**8], points, higher_is_better=False)
    assert better is not None and not better.worse
    assert trend("reward", [10**6, 10**6], points[:2], higher_is_better=True) is None
    assert trend("reward", [], [], higher_is_better=True) is None


class Stubborn:
    """A judge that says the same whatever it is asked."""

    name = "stubborn"

    def __init__(self, *said: str) -> None:
        self.said = said

    def complete(self, requests: list, *, progress: object = None) -> list:
        from graphengine.models.requests import Answer

        return [Answer(self.said[at % len(self.said)], "end", "") for at in range(len(requests))]


def test_a_judge_counts_by_hand() -> None:
    """A win in both orders counts 1, a win and a tie a half, what can't be read nothing; equal answers are a tie."""
    a, b, tie, bad = ('{"better": "A"}', '{"better": "B"}', '{"better": "tie"}', "A, I think")
    prompts, contexts = ["p"] * 5, list("vwxyz")
    found = judged(
        Stubborn(a, b, a, tie, b, a, a, bad), prompts, ["one"] * 5, ["two"] * 4 + ["one"], contexts
    )
    assert (found.win_rate.value, found.win_rate.n) == ((1 + 0.5 + 0 + 0.5) / 4, 4)
    assert (1, 1) == (found.unreadable, found.same)
    assert found.position_bias.value == pytest.approx(4 / 6)
    assert found.agreement.value == pytest.approx(2 / 3)


def test_pictures_are_whole_svg_with_text_of_their_own() -> None:
    """Both pictures parse, say in words what they show, and carry no markup of a model's name."""
    found = [calibration([1.0, -2.0, 0.5], ["a", "b", "c"], each) for each in (None, [0.9, 0.6, 0.7])]
    one = reliability("<b>model</b>", found)
    points = [Point("A & B", Figure(0.2, None, None, 5, "prompts", 1), Figure(0.0, -0.1, 0.1, 5, "texts", 5))]
    for picture in (one, reward_and_tax(points, "reward", "loss")):
        root = ElementTree.fromstring(picture)
        assert "{http://www.w3.org/2000/svg}title" in [each.tag for each in root]
    assert "<b>" not in one and "A &amp; B" in reward_and_tax(points, "reward", "loss")


def made(*rows: Row, baselines: tuple = ()) -> Evaluation:
    """An evaluation of some rows."""
    return Evaluation(Path("out"), rows, baselines, {}, {}, (), (), (), {}, {})


def test_verdicts_say_what_is_within_the_noise() -> None:
    """A reward model not above the baselines, and a win rate whose interval holds a half, are told as what they are."""
    weak = Row("weak", "reward model", "f", 10, None, {"accuracy_contexts": Figure(0.8, 0.7, 0.9, 60, "pairs", 20)})
    words = {"name": "words", "rule": "", "accuracy": 0.75, "lower": 0.65, "upper": 0.85, "pairs": 60}
    even = Row("even", "policy", "f", 10, None, {"win_rate": Figure(0.6, 0.45, 0.7, 60, "prompts", 20)})
    won = Row("won", "policy", "f", 10, None, {"win_rate": Figure(0.8, 0.7, 0.9, 60, "prompts", 20)})
    few = Row("few", "policy", "f", 10, None, {"win_rate": Figure(0.8, 0.7, 0.9, 60, "prompts", 2)})
    said = verdicts(made(weak, even, won, few, baselines=(words,)))
    assert "is not shown" in said[0] and "0.750 [0.650, 0.850], n=60" in said[0]
    assert said[1].endswith("n=60: within the noise.") and said[2].endswith("n=60.")
    assert said[3].endswith("from 2 only: too few to say.")


def test_a_name_can_not_break_the_page() -> None:
    """A model's name with a bar and a line break stays in its cell."""
    row = Row("a|b\nc", "policy", "f", None, None, {"reward": Figure(1.0, None, None, 2, "prompts", 1)})
    page = markdown(made(row), [])
    assert "| measure | a\\|b c (policy) |" in page
    assert "| reward ↑ | 1.000, n=2 |" in page


def test_models_have_short_names_that_differ(tmp_path: Path) -> None:
    """Runs of the same name in two folders are told apart; a run's folder and its model/ are the same model."""
    for place in ("one/ppo/model", "two/ppo/model"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "config.json").write_text("{}")
    found = model_folders((tmp_path / "one" / "ppo", tmp_path / "two" / "ppo" / "model"))
    assert ["one/ppo", "two/ppo"] == [each.name for each in found]
    assert all(each.path.name == "model" for each in found)
