"""A value distance as the reward of a recipe: PPO, GRPO and RLOO take it, and it moves a policy to its target."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("datasets")
pytest.importorskip("trl")

from graphengine.errors import InputError, TrainingError
from graphengine.models.generator import LocalGenerator
from graphengine.models.requests import Request
from graphengine.models.tiny import make_tiny
from graphengine.schwartz.measuring import measure
from graphengine.schwartz.scores import Scores
from graphengine.schwartz.target import Target
from graphengine.schwartz.target_files import load_target, write_target
from graphengine.training.grpo import GRPOSettings, train_grpo
from graphengine.training.ppo import PPOSettings, train_ppo
from graphengine.training.rewards import load_rewards
from graphengine.training.rloo import RLOOSettings, train_rloo
from graphengine.training.settings import read_settings
from tests.training_folders import pairs, texts, write_folder
from tests.value_readers import letters

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]
LETTERS = "tests.value_readers:letters"
ROWS = [{"prompt": "Shall I?"}, {"prompt": [{"role": "user", "content": "Shall we?"}]}]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of a few thousand weights."""
    return make_tiny(tmp_path_factory.mktemp("tiny") / "model", texts(pairs(30)), hidden=32, layers=2, heads=2,
                     vocabulary=320, context=512)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder of prompts."""
    rows = {"train": pairs(24), "test": pairs(6, start=24)}
    return write_folder(tmp_path_factory.mktemp("data"), {
        split: [{"prompt": row["prompt"], "context_id": row["context_id"]} for row in of_split]
        for split, of_split in rows.items()
    }, "prompts")


def spec(**more: Any) -> dict[str, Any]:
    """The rewards of a recipe."""
    return {"value-distance": {"target": "UK", "evaluator": LETTERS, "coverage": 0.5, **more}}


def test_a_recipe_names_a_value_distance(tmp_path: Path) -> None:
    """The settings of a recipe give the reward that a program would make, with its weight; evaluators of files, too."""
    (tmp_path / "mine.py").write_text("from tests.value_readers import letters\n")
    found = load_rewards({
        **spec(weight=0.5, distance="l2", coverage_weight=2), "value-distance of a file":
        {"target": "security", "evaluator": f"{tmp_path / 'mine.py'}:letters", "weight": 1e-5},
    })
    from graphengine.schwartz.reward import ValueReward

    alone = ValueReward(load_target("UK"), letters(), "l2", 0.5, 2.0)
    assert {"value-distance": 0.5, "value-distance of a file": 1e-5} == {
        name: weight for name, (weight, _) in found.parts.items()}
    assert alone(ROWS, ["take it", "no"]) == found.each(ROWS, ["take it", "no"])["value-distance"]


@pytest.mark.parametrize(("given", "told", "hint"), [
    ({"value-distance": {"target": "UK"}}, "names no evaluator", "train-evaluator"),
    (spec(coverag=1), "there is no setting coverag", "coverage"),
    (spec(coverage="much"), "coverage is 'much', and must be a number", "another value"),
    (spec(target=3), "target is 3, and must be text", "another value"),
    (spec(target="Ruritania"), "there is no target 'Ruritania'", "toml"),
    (spec(distance="l1_weigted"), "'l1_weigted' is no distance", "l1_weighted"),
    (spec(coverage=2), "coverage is 2", "share"),
    (spec(target="hhh"), "target hhh is in hhh, and the evaluator letters scores schwartz-10", "system"),
    (spec(evaluator="nowhere"), "there is no evaluator nowhere", "folder"),
    (spec(evaluator="nowhere.py:letters"), "evaluator: nowhere.py:letters can't be loaded", "function"),
    ({"politeness": {"target": "UK"}}, "politeness has settings of its own", "value-distance"),
])
def test_what_is_wrong_is_told(given: dict[str, Any], told: str, hint: str) -> None:
    """A misspelt, missing or wrong setting of a value distance is refused before anything is sampled."""
    with pytest.raises((InputError, TrainingError), match=told) as caught:
        load_rewards(given)
    assert hint in caught.value.hint


@pytest.mark.slow
@pytest.mark.parametrize(("cls", "train"), [
    (PPOSettings, train_ppo), (GRPOSettings, train_grpo), (RLOOSettings, train_rloo),
])
def test_trainers_take_a_step_on_it(cls: Any, train: Any, tiny: Path, data: Path, tmp_path: Path) -> None:
    """PPO, GRPO and RLOO take a step on the distance, from a recipe file, and the report tells what it was."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"""
model: {tiny}
data: {data}
out: {tmp_path / 'out'}
batch_size: 8
max_new_tokens: 8
max_length: 256
learning_rate: 1e-3
log_every: 1
{'updates: 1' if cls is PPOSettings else 'steps: 1'}
{'episodes: 8' if cls is PPOSettings else 'generations: 4'}
rewards:
  value-distance:
    target: UK
    evaluator: {LETTERS}
    coverage: 0.3
    coverage_weight: 2
""")
    outcome = train(read_settings(cls, recipe, []))
    assert 1 == outcome.report["steps"]
    assert {"target": "UK", "evaluator": LETTERS, "coverage": 0.3, "coverage_weight": 2.0} == \
        outcome.report["rewards"]["value-distance"]
    assert (outcome.model / "config.json").is_file()
    line = json.loads((tmp_path / "out" / "metrics.jsonl").read_text().splitlines()[0])
    assert -6 < line["reward"] < -1


def answers(model: Path, number: int = 64) -> Scores:
    """What a model says to some prompts."""
    asked = [Request((("user", row["prompt"][0]["content"]),), max_tokens=12) for row in pairs(number)]
    said = LocalGenerator(model, batch_size=64).complete(asked)
    found = letters().score([("", each.text) for each in said])
    return Scores(found, load_target("UK").values, tuple(map(str, range(number))))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_ppo_moves_the_profile_and_does_not_collapse(seed: int, tiny: Path, data: Path, tmp_path: Path) -> None:
    """On each seed: the profile is nearer to the target by more than chance, and answers say no less than they must."""
    target = Target.of("kind and safe", {"security": 0.6, "benevolence": 0.6, "power": -0.3})
    write_target(target, tmp_path / "target.toml")
    outcome = train_ppo(PPOSettings(
        model=tiny, data=data, out=tmp_path / "out", seed=seed, updates=30, episodes=32, batch_size=16,
        max_new_tokens=12, max_length=256, learning_rate=5e-3, kl_coefficient=0.02, save_every=0, rewards={
            "value-distance": {"target": str(tmp_path / "target.toml"), "evaluator": LETTERS, "coverage": 0.5,
                               "coverage_weight": 2.0}},
    ))
    before, after = answers(tiny), answers(outcome.model)
    first, last = (measure(each, target, distances=["weighted"]).profile["weighted"] for each in (before, after))
    assert last.upper is not None
    assert first.lower is not None
    assert last.upper < first.lower
    asked = target.weight_array > 0
    assert 0.5 <= (np.abs(after.matrix[:, asked]) > 0.3).mean()
    found = measure(after, target, distances=["weighted"])
    assert found.zero["weighted"] is not None
    assert found.per_response["weighted"].value < found.zero["weighted"]
