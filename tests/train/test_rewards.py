"""Rewards: reward models and functions with weights, as one callable, here and in TRL."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

from graphengine.errors import TrainingError
from graphengine.models.tiny import make_tiny
from graphengine.training.rewards import Rewards, as_trl, load_rewards
from graphengine.training.scoring import RewardModel

pytestmark = [
    pytest.mark.train,
    # What the libraries say to each other about coming versions is not about us.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]
TEXTS = ["Notice grief first.", "Tell him the rule and stop there.", "Ask.", "Make room for her own judgment."]
ROWS = [{"prompt": [{"role": "user", "content": f"What about situation {i}?"}], "target": i} for i in range(4)]


@pytest.fixture(scope="module")
def reward_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny reward model with random weights."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    base = make_tiny(tmp_path_factory.mktemp("models") / "base", TEXTS, hidden=32, layers=2, heads=2)
    torch.manual_seed(0)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    out = base.with_name("rm") / "model"
    model.save_pretrained(out)
    AutoTokenizer.from_pretrained(base).save_pretrained(out)
    return out


def alone(folder: Path, row: dict[str, Any], text: str) -> float:
    """The score of one text, without any padding."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    ids = tokenizer.apply_chat_template([*row["prompt"], {"role": "assistant", "content": text}], return_tensors="pt")
    with torch.no_grad():
        hidden = model.model(ids["input_ids"]).last_hidden_state
        return model.score(hidden[0, -1]).item()


def test_a_reward_model_says_the_same_in_every_batch(reward_model: Path) -> None:
    """Padding, order and batch size don't matter: each text has the score that it has alone."""
    expected = [alone(reward_model, row, text) for row, text in zip(ROWS, TEXTS, strict=True)]
    assert len(set(expected)) == 4
    for size in (1, 3, 16):
        assert expected == pytest.approx(RewardModel(reward_model, batch_size=size)(ROWS, TEXTS), abs=1e-6)


def test_plain_texts_are_read_as_in_training(reward_model: Path, tmp_path: Path) -> None:
    """With the tokens that the tokenizer adds, and one end token, whether the answer has it or not."""
    import torch
    from datasets import Dataset
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from graphengine.training.reward_rows import encode

    tokenizer = AutoTokenizer.from_pretrained(reward_model)
    begin = tokenizer.convert_ids_to_tokens(5)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(f"{begin} $A", special_tokens=[(begin, 5)])
    tokenizer.save_pretrained(tmp_path / "model")
    AutoModelForSequenceClassification.from_pretrained(reward_model).save_pretrained(tmp_path / "model")
    pair = {"prompt": "Ask. ", "chosen": TEXTS[0], "rejected": TEXTS[1] + tokenizer.eos_token, "context_id": "a"}
    read = encode(Dataset.from_list([pair]), tokenizer, 100, "none", "here").pairs[0]
    assert [5, 5] == [ids[0] for ids in read]
    reward = RewardModel(tmp_path / "model")
    with torch.no_grad():
        expected = [reward.model(input_ids=torch.tensor([ids])).logits.item() for ids in read]
    found = reward([{"prompt": pair["prompt"]}] * 2, [pair["chosen"], pair["rejected"]])
    assert expected == pytest.approx(found, abs=1e-6)


def test_a_pad_token_that_ends_texts_moves_no_score(reward_model: Path, tmp_path: Path) -> None:
    """Where the tokenizer pads with the token that texts end with, the score is still read at the last token."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(reward_model)
    newline = tokenizer("\n", add_special_tokens=False)["input_ids"]
    assert 1 == len(newline)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(newline[0])
    tokenizer.save_pretrained(tmp_path / "model")
    AutoModelForSequenceClassification.from_pretrained(reward_model).save_pretrained(tmp_path / "model")
    expected = RewardModel(reward_model)(ROWS, TEXTS)
    assert expected == pytest.approx(RewardModel(tmp_path / "model")(ROWS, TEXTS), abs=1e-6)


def test_a_text_that_is_too_long_loses_its_beginning_and_is_counted(reward_model: Path) -> None:
    """The model reads as much of the end as it can."""
    reward = RewardModel(reward_model)
    reward([ROWS[0]] * 2, [TEXTS[0], " grief" * 3000])
    assert 1 == reward.cut


def test_what_is_no_reward_model_is_said(reward_model: Path, tmp_path: Path) -> None:
    """A language model with two outputs, a folder that is no model, prompts that need a template."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    two = AutoModelForSequenceClassification.from_pretrained(reward_model, num_labels=2, ignore_mismatched_sizes=True)
    two.save_pretrained(tmp_path)
    tokenizer = AutoTokenizer.from_pretrained(reward_model)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(TrainingError, match="gives 2 numbers"):
        RewardModel(tmp_path)
    bare = RewardModel(reward_model)
    bare.tokenizer.chat_template = None
    with pytest.raises(TrainingError, match="chat template"):
        bare(ROWS[:1], TEXTS[:1])
    assert math.isfinite(bare([{"prompt": "Q: "}], ["grief"])[0])


def test_models_and_functions_add_up_with_their_weights(
    reward_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder, a function of a file and one of a module, which see the columns of the rows, under short names."""
    distance = "def distance(rows, texts):\n    return [abs(row['target'] - 2) for row in rows]\n"
    (tmp_path / "mine.py").write_text(distance)
    (tmp_path / "mypackage.py").write_text("def length(rows, texts):\n    return map(len, texts)\n")
    monkeypatch.syspath_prepend(tmp_path)
    file = str(tmp_path / "mine.py")
    both = load_rewards({str(reward_model): 2.0, f"{file}:distance": -1.0, "mypackage:length": 0.1})
    assert ["rm", "distance", "length"] == list(both.parts)
    single = RewardModel(reward_model)(ROWS, TEXTS)
    expected = [2 * single[i] - abs(i - 2) + 0.1 * len(TEXTS[i]) for i in range(4)]
    assert expected == pytest.approx(both(ROWS, TEXTS))
    assert [2.0, 1.0, 0.0, 1.0] == both.each(ROWS, TEXTS)["distance"]
    sys.modules.pop("mypackage")


def test_names_that_are_alike_are_told_whole(tmp_path: Path) -> None:
    """Two functions of the same name keep the names of their files."""
    for name in ("a", "b"):
        (tmp_path / f"{name}.py").write_text("def score(rows, texts):\n    return [0.0] * len(texts)\n")
    names = [f"{tmp_path / name}.py:score" for name in ("a", "b")]
    assert names == list(load_rewards(dict.fromkeys(names, 1.0)).parts)


@pytest.mark.parametrize(
    ("name", "message"),
    [("no/such/folder", "is no folder of a model"), ("no_such_module:f", "can't be loaded"),
     ("no/such.py:f", "can't be loaded"), ("math:no_such", "can't be loaded"), ("math:pi", "is no function")],
)
def test_a_reward_that_is_not_there_is_said(name: str, message: str) -> None:
    """With the name, and what would be one."""
    with pytest.raises(TrainingError, match=message) as caught:
        load_rewards({name: 1.0})
    assert name == caught.value.value
    assert caught.value.hint


@pytest.mark.parametrize(
    ("values", "message"),
    [([1.0], "1 numbers for 2 texts"), ([1.0, None], "None for a text"), ([1.0, math.nan], "nan for a text"),
     (["high", 1], "'high' for a text")],
)
def test_a_reward_must_give_a_number_for_each_text(values: list[Any], message: str) -> None:
    """Anything else stops the training with the name of the reward."""
    with pytest.raises(TrainingError, match=message):
        Rewards({"mine": (1.0, lambda rows, texts: values)})([{}, {}], ["a", "b"])


@pytest.mark.parametrize("values", [[math.nan], [None], [1.0, 2.0]])
def test_trl_takes_no_reward_that_is_no_number(values: list[Any]) -> None:
    """TRL would count a missing number as nothing; here it is named, as everywhere else."""
    scored = as_trl(lambda rows, texts: values, "odd")
    with pytest.raises(TrainingError, match="the reward odd gave "):
        scored(prompts=["What now?"], completions=["Wait."])


def test_a_reward_model_whose_weights_are_cut_short_is_told(reward_model: Path, tmp_path: Path) -> None:
    """A copy or a download that ended in the middle is named, with what to do."""
    import shutil

    model = shutil.copytree(reward_model, tmp_path / "model")
    whole = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    for _ in range(2):
        with pytest.raises(TrainingError, match=r"the weights of .* can't be opened") as caught:
            RewardModel(model)
        assert "copy or download the model again" == caught.value.hint
        (model / "model.safetensors").unlink(missing_ok=True)


def test_trl_calls_our_reward(reward_model: Path, tmp_path: Path) -> None:
    """TRL's RLOO trainer hands over texts and all columns, row by row, and takes a step."""
    from datasets import Dataset
    from trl.trainer.rloo_config import RLOOConfig
    from trl.trainer.rloo_trainer import RLOOTrainer

    seen: list[tuple[dict[str, Any], str]] = []

    def reward(rows: list[dict[str, Any]], texts: list[str]) -> list[float]:
        seen.extend(zip(rows, texts, strict=True))
        return [float(len(text)) for text in texts]

    arguments = RLOOConfig(
        output_dir=str(tmp_path), max_steps=1, per_device_train_batch_size=4, num_generations=2,
        max_completion_length=4, report_to="none",
        bf16=False, use_cpu=True, gradient_checkpointing=False, disable_tqdm=True, save_strategy="no",
    )  # fmt: skip
    trainer = RLOOTrainer(
        model=str(reward_model.parent.parent / "base"), reward_funcs=as_trl(reward, "mine"), args=arguments,
        train_dataset=Dataset.from_list(ROWS),
    )  # fmt: skip
    trainer.train()
    assert 4 == len(seen)
    for row, text in seen:
        assert {"prompt", "target"} == set(row)
        assert ROWS[row["target"]]["prompt"] == row["prompt"]
        assert isinstance(text, str)
    assert "rewards/mine/mean" in trainer.state.log_history[0]
