"""The distance to a value target as a function, as a table and as modules of torch: one number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from graphengine.errors import InputError, ModelError, TrainingError
from graphengine.models.tiny import make_tiny
from graphengine.schwartz.distance import DISTANCES
from graphengine.schwartz.reward import ValueReward
from graphengine.schwartz.target_files import load_target
from graphengine.training.value_reward import TargetDistance, ValueRewardModel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

pytestmark = pytest.mark.train

ANSWERS = ["Lock the door first.", "Ask her what she wants,\nand help.", "保护大家。", "Whatever wins!", " Rest. "]
ROWS: list[dict[str, Any]] = [
    {"prompt": [{"role": "user", "content": "I hear steps outside."}]},
    {"prompt": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "My friend\n is sad."}]},
    {"prompt": [{"role": "user", "content": "怎么办？"}]},
    {"prompt": [{"role": "user", "content": "First."}, {"role": "assistant", "content": "Yes?"},
                {"role": "user", "content": "Then."}]},
    {"prompt": [{"role": "user", "content": "I am tired."}]},
]


class ByHash:
    """An evaluator whose scores depend on every character of prompt and answer."""

    name, system = "by hash", "schwartz-10"

    def score(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        import zlib

        rows = [np.random.default_rng(zlib.crc32(repr(pair).encode())).uniform(-1, 1, 10) for pair in pairs]
        return np.round(4 * np.array(rows)) / 4  # some are equal


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The tokenizer of a tiny model, with its chat template."""
    from transformers import AutoTokenizer

    folder: Path = make_tiny(tmp_path_factory.mktemp("models") / "tiny", ANSWERS, hidden=32, layers=1, heads=2)
    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("target", ["UK", "paper", "security"])
@pytest.mark.parametrize("distance", DISTANCES)
def test_function_table_and_modules_agree(tokenizer: Any, distance: str, target: str) -> None:
    """Function, table, reward model over tokens and layer over scores give the same numbers to 1e-6."""
    reward = ValueReward(load_target(target), ByHash(), distance, coverage=0.6, coverage_weight=0.7)
    said = reward(ROWS, ANSWERS)
    table = reward.table(ROWS, ANSWERS)
    assert len(set(said)) > 1
    assert table["reward"].to_pylist() == pytest.approx(said, abs=1e-12)
    if distance not in ("cosine", "spearman"):
        parts = np.array([table[value].to_numpy() for value in reward.target.values.ids]).sum(axis=0)
        whole = np.sqrt(parts) if distance == "l2" else parts
        assert table["distance"].to_pylist() == pytest.approx(whole.tolist(), abs=1e-12)
        assert said == pytest.approx((-whole - table["charge"].to_numpy()).tolist(), abs=1e-12)

    texts = [
        tokenizer.apply_chat_template([*row["prompt"], {"role": "assistant", "content": answer}], tokenize=False)
        for row, answer in zip(ROWS, ANSWERS, strict=True)
    ]
    model = ValueRewardModel(reward, tokenizer)
    for padding_side in ("left", "right"):
        batch = tokenizer(texts, padding=True, padding_side=padding_side, add_special_tokens=False, return_tensors="pt")
        logits = model(**batch).logits
        assert (len(ROWS), 1) == tuple(logits.shape)
        assert logits[:, 0].tolist() == pytest.approx(said, abs=1e-6)
    layer = TargetDistance(reward)
    assert layer(torch.tensor(reward.scores(ROWS, ANSWERS)).float()).tolist() == pytest.approx(said, abs=1e-6)


def test_the_layer_has_gradients() -> None:
    """The layer pulls a score that is too low upwards, and leaves what is not asked alone."""
    scores = torch.zeros(1, 10, requires_grad=True)
    TargetDistance(ValueReward(load_target("security"), ByHash()))(scores).sum().backward()
    assert scores.grad is not None
    assert [0, 0, 0, 0, 0, 1, 0, 0, 0, 0] == scores.grad[0].tolist()


def test_grpo_takes_the_module(tokenizer: Any) -> None:
    """The module has what TRL's GRPO asks of a reward model: a config, a name, logits for one label."""
    model = ValueRewardModel(ValueReward(load_target("UK"), ByHash()), tokenizer)
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    assert 1 == model.config.num_labels
    assert model.config._name_or_path.split("/")[-1]


def test_no_template_no_module() -> None:
    """A tokenizer without a chat template, or a text that is no conversation, is refused with what to do."""
    class Bare:
        chat_template = None

    with pytest.raises(TrainingError, match="no chat template") as error:
        ValueRewardModel(ValueReward(load_target("UK"), ByHash()), Bare())
    assert "function" in error.value.hint


def test_a_text_that_is_no_conversation(tokenizer: Any) -> None:
    """Tokens without the marks of the template are refused, not scored as something else."""
    model = ValueRewardModel(ValueReward(load_target("UK"), ByHash()), tokenizer)
    with pytest.raises(TrainingError, match="no conversation"):
        model(**tokenizer(["Only words."], return_tensors="pt"))


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        (np.full((1, 10), np.nan), "score of self-direction is nan"),
        (np.full((1, 10), 1.5), "score of self-direction is 1.5"),
        (np.zeros((1, 9)), "has 9 numbers"),
        (np.zeros((2, 10)), "scored 2 of 1 answers"),
    ],
)
def test_an_evaluator_that_gives_nonsense(scores: np.ndarray, told: str) -> None:
    """Scores that are missing, not finite or out of range stop a run and name the evaluator."""

    class Broken(ByHash):
        def score(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
            return scores

    with pytest.raises(ModelError, match=told) as error:
        ValueReward(load_target("UK"), Broken())(ROWS[:1], ANSWERS[:1])
    assert "by hash" in error.value.message


def test_another_system_is_refused() -> None:
    """A target in another system than the evaluator's is refused before anything is scored."""
    with pytest.raises(InputError, match="target hhh is in hhh, and the evaluator by hash scores schwartz-10"):
        ValueReward(load_target("hhh"), ByHash())(ROWS[:1], ANSWERS[:1])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")
def test_trl_trains_on_the_module(tmp_path: Path) -> None:
    """TRL's GRPO takes a step with the module as its reward model, and with the function gets the same rewards."""
    datasets, trl = pytest.importorskip("datasets"), pytest.importorskip("trl")
    from transformers import AutoTokenizer

    from graphengine.training.rewards import as_trl

    folder = make_tiny(tmp_path / "tiny", ANSWERS, hidden=32, layers=1, heads=2, context=256)
    words = AutoTokenizer.from_pretrained(folder)
    reward = ValueReward(load_target("UK"), ByHash())
    rows = datasets.Dataset.from_list([{"prompt": row["prompt"]} for row in ROWS[:1] + ROWS[4:]])
    model = ValueRewardModel(reward, words)
    trainer = trl.GRPOTrainer(
        model=str(folder), reward_funcs=[model, as_trl(reward, "function")], reward_processing_classes=[words, None],
        train_dataset=rows, processing_class=words,
        args=trl.GRPOConfig(
            output_dir=str(tmp_path / "out"), max_steps=1, num_generations=4, per_device_train_batch_size=8,
            max_completion_length=6, logging_steps=1, report_to=[], use_cpu=True, bf16=False, save_strategy="no",
            disable_tqdm=True,
        ),
    )
    trainer.train()
    told = {name: value for row in trainer.state.log_history for name, value in row.items()}
    means = [value for name, value in told.items() if name.startswith("rewards/") and name.endswith("/mean")]
    assert 2 == len(means)
    assert means[0] == pytest.approx(means[1], abs=1e-5)
