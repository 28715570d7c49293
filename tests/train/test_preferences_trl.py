"""An export opens with `datasets` and trains with TRL, with a tokenizer and a model made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphengine.preferences import PAIRS, Source, write_preferences
from graphengine.sample import sample_files
from tests.preference_sources import edge, make_source, source_of_files

pytestmark = [
    pytest.mark.train,
    # What the libraries say to each other about coming versions is not about us.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]
CHINESE = Path(__file__).resolve().parents[1] / "fixtures" / "zh"
CHATML = (
    "{%- for m in messages -%}{{- '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' -}}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}"
)


@pytest.fixture(scope="module")
def libraries() -> None:
    """Skips where the train extra is not installed."""
    for name in ("torch", "datasets", "trl"):
        pytest.importorskip(name)


def load(folder: Path, cache: Path, *args: str) -> Any:
    """The dataset of a folder, with a cache of its own."""
    from datasets import load_dataset

    return load_dataset(str(folder), *args, cache_dir=str(cache))


@pytest.fixture
def exported(libraries: None, tmp_path: Path) -> Path:
    """The sample graph as a dataset folder."""
    write_preferences(source_of_files(sample_files()["cards"].parent), tmp_path / "out")
    return tmp_path / "out"


@pytest.mark.parametrize("name", [[], ["preferences"]])
def test_load_dataset_opens_the_folder(exported: Path, tmp_path: Path, name: list[str]) -> None:
    """By folder alone and by the name of its configuration, with the splits and columns that were written."""
    dataset = load(exported, tmp_path / "cache", *name)
    assert {split: rows.num_rows for split, rows in dataset.items()} == {"train": 60, "test": 15}
    assert dataset["train"].column_names == PAIRS.names
    first = dataset["train"][0]
    assert [message["role"] for side in ("prompt", "chosen", "rejected") for message in first[side]] == [
        "user", "assistant", "assistant",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "source",
    [
        make_source([edge("c", "a", "b")]),
        make_source([edge(f"c{c}", f"a{c}", f"b{c}") for c in range(10)]),
        make_source([edge(f"c{c}", f"a{c}", f"b{c}") for c in range(10)], upgrades=[], ranking={}),
    ],
    ids=["one split", "three splits", "nulls only"],
)
def test_every_form_of_export_opens(libraries: None, source: Source, tmp_path: Path) -> None:
    """One split or three, and columns that are null throughout: the folder opens as it was written."""
    summary = write_preferences(source, tmp_path / "out")
    dataset = load(tmp_path / "out", tmp_path / "cache")
    assert {split: rows.num_rows for split, rows in dataset.items()} == summary.splits


def test_the_card_is_valid_for_the_hub(exported: Path) -> None:
    """The head of the card parses, and its configuration points to the files."""
    from huggingface_hub import DatasetCard

    data = DatasetCard.load(exported / "README.md").data.to_dict()
    assert [each["config_name"] for each in data["configs"]] == ["preferences"]
    paths = [each["path"] for each in data["configs"][0]["data_files"]]
    assert paths == ["preferences/train.parquet", "preferences/test.parquet"]
    assert all((exported / path).is_file() for path in paths)


def make_tokenizer(texts: list[str]) -> Any:
    """A byte-level tokenizer of a few hundred tokens, with the chat template of ChatML."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<|pad|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=600, show_progress=False, special_tokens=special, initial_alphabet=alphabet
    )
    tokenizer.train_from_iterator(texts, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<|pad|>", eos_token="<|im_end|>")
    fast.chat_template = CHATML
    return fast


def reward_trainer(dataset: Any, out: Path, **options: Any) -> Any:
    """TRL's trainer around a tiny untrained model, for one step of four pairs."""
    from transformers import LlamaConfig, LlamaForSequenceClassification, set_seed
    from trl import RewardConfig, RewardTrainer

    texts = [row[side][0]["content"] for row in dataset["train"] for side in ("prompt", "chosen", "rejected")]
    tokenizer = make_tokenizer(texts)
    set_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=2048, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id, num_labels=1,
    )  # fmt: skip
    arguments = RewardConfig(
        output_dir=str(out), max_steps=1, per_device_train_batch_size=4, max_length=2048, report_to="none", bf16=False,
        use_cpu=True, gradient_checkpointing=False, save_strategy="no", disable_tqdm=True, learning_rate=1e-2,
    )  # fmt: skip
    return RewardTrainer(
        model=LlamaForSequenceClassification(config), args=arguments, train_dataset=dataset["train"],
        eval_dataset=dataset.get("test"), processing_class=tokenizer, **options,
    )  # fmt: skip


@pytest.mark.parametrize("folder", [sample_files()["cards"].parent, CHINESE], ids=["sample", "Chinese"])
def test_reward_trainer_takes_a_step(libraries: None, folder: Path, tmp_path: Path) -> None:
    """TRL's RewardTrainer trains on the export as it is: all rows are kept, margins reach the loss, weights move."""
    import torch

    write_preferences(source_of_files(folder), tmp_path / "out")
    dataset = load(tmp_path / "out", tmp_path / "cache")
    trainer = reward_trainer(dataset, tmp_path / "model")
    assert len(trainer.train_dataset) == dataset["train"].num_rows
    batch = next(iter(trainer.get_train_dataloader()))
    assert all(margin >= 0 for margin in batch["margin"].tolist())
    before = trainer.model.score.weight.detach().clone()
    result = trainer.train()
    assert trainer.state.global_step == 1
    assert 0 < result.training_loss < 20
    assert not torch.equal(before, trainer.model.score.weight.detach())


def test_the_loss_is_the_one_that_the_card_tells(libraries: None, tmp_path: Path) -> None:
    """The loss of a batch is the mean of -log s(r_chosen - r_rejected - margin), with the margins of the export."""
    import torch

    write_preferences(source_of_files(CHINESE), tmp_path / "out")
    dataset = load(tmp_path / "out", tmp_path / "cache")
    trainer = reward_trainer(dataset, tmp_path / "model")
    batch = next(iter(trainer.get_train_dataloader()))
    margins = {round(margin, 5) for margin in dataset["train"]["margin"]}
    assert {round(margin, 5) for margin in batch["margin"].tolist()} <= margins
    trainer.model.eval()
    with torch.no_grad():
        inputs = {name: batch[name] for name in ("input_ids", "attention_mask")}
        chosen, rejected = trainer.model(**inputs).logits.squeeze(-1).chunk(2)
        expected = -torch.nn.functional.logsigmoid(chosen - rejected - batch["margin"]).mean()
        assert torch.allclose(expected, trainer.compute_loss(trainer.model, batch), atol=1e-6)
