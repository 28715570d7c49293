"""What stands around PPO: the gate before a reward model, and the score that nobody optimises."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

pytest.importorskip("torch")

from graphengine.errors import TrainingError
from graphengine.training.gaming import gaming_picture, kept_checkpoint, parting
from graphengine.training.gate import check_gates, reasons_against
from graphengine.training.ppo import PPOSettings, train_ppo
from tests.train.test_ppo import FUNCTIONS, lines, settings, tiny

__all__ = ["settings", "tiny"]  # fixtures

pytestmark = [
    pytest.mark.train,
    # What the libraries say to each other about coming versions is not about us.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]
GOOD = {
    "held_out": {"accuracy": 0.9, "lower": 0.85, "upper": 0.94, "length_correlation": 0.1},
    "baselines": [{"name": "length", "accuracy": 0.55}, {"name": "words", "accuracy": 0.7}],
}


def model_with(report: dict[str, Any] | str | None, folder: Path) -> Path:
    """The folder of a run of `train reward`, as far as the gate looks at it."""
    model = folder / "model"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    if report is not None:
        (folder / "report.json").write_text(report if isinstance(report, str) else json.dumps(report))
    return model


def with_held_out(**numbers: float | None) -> dict[str, Any]:
    """The good report with other numbers."""
    return {**GOOD, "held_out": {**GOOD["held_out"], **numbers}}


def test_a_reward_model_that_knows_something_passes(tmp_path: Path) -> None:
    """Better than a coin and than every baseline, by its interval, and not a matter of length."""
    model = model_with(GOOD, tmp_path)
    assert [] == reasons_against(model)
    assert [{"model": str(model), "reasons": [], "passed": True}] == check_gates([str(model), "mine.py:f"])


@pytest.mark.parametrize(
    ("report", "reason"),
    [
        (None, "no report.json"),
        ("[]", "is no report"),
        ("not json", "can't be read"),
        ({}, "was not measured"),
        ({**GOOD, "baselines": None}, "rules that never see the prompt"),
        (with_held_out(lower=None), "was not measured"),
        (with_held_out(accuracy=0.6, lower=0.45, upper=0.74), "no better than a coin"),
        (with_held_out(accuracy=0.75, lower=0.69, upper=0.8), "words alone, which never sees the prompt, has 0.700"),
        (with_held_out(length_correlation=-0.8), "go with the length"),
    ],
)
def test_one_that_does_not_is_refused_unless_forced(
    report: dict[str, Any] | str | None, reason: str, tmp_path: Path
) -> None:
    """With the reason and what to do; forced, the reason is kept."""
    model = model_with(report, tmp_path)
    with pytest.raises(TrainingError, match=reason) as caught:
        check_gates([str(model)])
    assert "force" in caught.value.hint
    told = check_gates([str(model)], force=True)
    assert [False] == [each["passed"] for each in told]
    assert reason in told[0]["reasons"][0]


def row(step: int, reward: float, second: float) -> dict[str, float]:
    """An update with little noise."""
    return {"step": step, "kl": 0.1 * step, "reward": reward, "reward_sd": 1.0, "second": second, "second_sd": 1.0}


HONEST = [row(step, 0.1 * step, 0.1 * step) for step in range(1, 21)]
GAMED = [*HONEST, *(row(20 + i, 2 + 0.1 * i, 2 - 0.2 * i) for i in range(1, 21))]


def test_they_part_where_the_second_score_is_best_and_falls_while_the_reward_holds() -> None:
    """Not while both rise, not if both fall, not by noise."""
    assert parting(HONEST, 64) is None
    parted = parting(GAMED, 64)
    assert parted
    assert 20 <= parted["step"] <= 23
    assert parted["kl"] == pytest.approx(0.1 * (parted["step"] - 2))
    fallen = [*HONEST, *(row(20 + i, 2 - 0.2 * i, 2 - 0.2 * i) for i in range(1, 21))]
    assert parting(fallen, 64) is None
    noise = [{**each, "second_sd": 40.0} for each in GAMED]
    assert parting(noise, 64) is None
    without = [{name: each[name] for name in ("step", "kl", "reward", "reward_sd")} for each in GAMED]
    assert parting(without, 64) is None
    assert parting(GAMED[:9], 64) is None


def test_the_checkpoint_before_is_kept_from_the_start() -> None:
    """At every moment the last checkpoint before the best second score so far is among those that stay."""
    kept: set[int] = set()
    for end in range(1, 41):
        if end % 6 == 0:
            keep = kept_checkpoint(GAMED[:end], [*kept, end])
            kept = {end, *([keep] if keep else [])}
    parted = parting(GAMED, 64)
    assert parted
    assert 18 == kept_checkpoint(GAMED, kept)
    assert {18, 36} == kept
    assert kept_checkpoint(GAMED, [30, 36]) is None


def test_the_picture_shows_both_and_where_they_part() -> None:
    """A picture that parses, with a dot for each update and score, a mark, and the same in words."""
    for history, parted in ((HONEST, None), (GAMED, parting(GAMED, 64)), (HONEST[:1], None)):
        svg = gaming_picture(history, parted)
        root = ElementTree.fromstring(svg)
        space = "{http://www.w3.org/2000/svg}"
        dots = [each for each in root.iter(f"{space}circle") if each.get("r") == "2"]
        assert 2 * len(history) == len(dots)
        words = " ".join(filter(None, (each.text for each in root.iter())))
        assert ("part at update" in words) == (parted is not None)
        assert "nan" not in svg


@pytest.mark.slow
def test_a_policy_that_games_its_reward_is_found_out(settings: PPOSettings) -> None:
    """The second score rises with the reward, then falls: it is told, and the checkpoint before becomes the model."""
    import torch
    from transformers import AutoModelForCausalLM

    def few(rows: list[dict[str, Any]], texts: list[str]) -> list[float]:
        return [share if share < 0.1 else 0.2 - share for share in FUNCTIONS["e"](rows, texts)]

    gamed = replace(
        settings, updates=16, learning_rate=8e-3, save_every=2, second_score={"few": 1.0},
        kl_coefficient=0.0, kl_limit=1e3,
    )  # fmt: skip
    outcome = train_ppo(gamed, functions={**FUNCTIONS, "few": few})
    parted, kept = outcome.report["parted"], outcome.report["kept_step"]
    assert parted
    assert kept <= parted["step"] < kept + 2
    assert any("part at update" in note for note in outcome.report["notes"])
    assert "They part at update" in (outcome.out / "gaming.svg").read_text()
    saved = torch.load(outcome.out / "checkpoints" / f"step-{kept:08d}" / "weights.pt", weights_only=True)
    model = AutoModelForCausalLM.from_pretrained(outcome.model)
    assert torch.equal(model.model.norm.weight, saved["policy.model.norm.weight"])
    assert all("second" in each and "second_sd" in each for each in lines(outcome.out))


@pytest.mark.slow
def test_the_last_policy_is_kept_where_that_is_asked_for(settings: PPOSettings) -> None:
    """`keep: last`; and without parting anyway."""
    outcome = train_ppo(replace(settings, updates=2, second_score={"nothing": 1.0}, keep="last"), functions=FUNCTIONS)
    assert outcome.report["parted"] is None
    assert 2 == outcome.report["kept_step"]


@pytest.mark.slow
def test_ppo_does_not_start_on_a_model_that_fails_its_gate(settings: PPOSettings, tmp_path: Path) -> None:
    """Nothing is written; by force it starts, and the report says so."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(settings.model, num_labels=1)
    folder = tmp_path / "reward" / "model"
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(settings.model).save_pretrained(folder)
    refused = replace(settings, rewards={str(folder): 1.0}, updates=1)
    with pytest.raises(TrainingError, match="not fit to be optimised: it has no report"):
        train_ppo(refused)
    assert not settings.out.exists()
    outcome = train_ppo(replace(refused, force=True))
    assert not outcome.report["gates"][0]["passed"]
    assert "used by force" in outcome.report["notes"][0]
    (folder.parent / "report.json").write_text(json.dumps(GOOD))
    assert train_ppo(replace(refused, out=tmp_path / "second")).report["gates"][0]["passed"]
