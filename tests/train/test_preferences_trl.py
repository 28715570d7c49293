"""An export opens with `datasets` and trains with TRL, with a tokenizer and a model made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphengine.models.tiny import make_tiny
from graphengine.preferences import PAIRS, PROMPTS, UNPAIRED, Form, Source, write_preferences
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


@pytest.mark.parametrize("name", [[], ["cards"]])
def test_load_dataset_opens_the_folder(exported: Path, tmp_path: Path, name: list[str]) -> None:
    """By folder alone and by the name of its configuration, with the splits and columns that were written."""
    dataset = load(exported, tmp_path / "cache", *name)
    assert {split: rows.num_rows for split, rows in dataset.items()} == {"train": 57, "test": 15}
    assert dataset["train"].column_names == PAIRS.names
    first = dataset["train"][0]
    assert [message["role"] for side in ("prompt", "chosen", "rejected") for message in first[side]] == [
        "user", "assistant", "assistant",
    ]  # fmt: skip


@pytest.mark.parametrize("form", [Form(), Form(format="jsonl"), Form(plain=True)], ids=["messages", "jsonl", "plain"])
def test_every_kind_opens(libraries: None, form: Form, tmp_path: Path) -> None:
    """Each kind opens by its name, in every form, with the columns and types that were written."""
    write_preferences(source_of_files(sample_files()["cards"].parent), tmp_path / "out", form=form)
    schemas = {"cards": PAIRS, "unpaired": UNPAIRED, "prompts": PROMPTS}
    for kind, schema in schemas.items():
        dataset = load(tmp_path / "out", tmp_path / "cache", kind)
        assert set(dataset) == {"train", "test"}
        row = dataset["train"][0]
        assert dataset["train"].column_names == schema.names
        assert isinstance(row["prompt"], str if form.plain else list)
        assert {name: type(row[name]) for name in row if schema.field(name).type == "double"} == dict.fromkeys(
            [field.name for field in schema if field.type == "double"], float)
    assert type(load(tmp_path / "out", tmp_path / "cache", "unpaired")["train"][0]["label"]) is bool


@pytest.mark.parametrize("format_", ["openrlhf", "verl"])
def test_forms_of_other_trainers_open(libraries: None, format_: str, tmp_path: Path) -> None:
    """The folder of another trainer's form opens with `datasets` as well, kind by kind."""
    summary = write_preferences(
        source_of_files(sample_files()["cards"].parent), tmp_path / "out", form=Form(format=format_))
    for kind, told in summary.kinds.items():
        dataset = load(tmp_path / "out", tmp_path / "cache", kind)
        assert {split: rows.num_rows for split, rows in dataset.items()} == told["splits"]


def test_images_open_as_images(libraries: None, tmp_path: Path) -> None:
    """The column of images opens as pictures; where a scenario has none it is empty."""
    import io

    image = pytest.importorskip("PIL.Image")
    buffer = io.BytesIO()
    image.new("RGB", (3, 2), (200, 10, 10)).save(buffer, "PNG")
    source = make_source([edge("c", "a", "b"), edge("c2", "a2", "b2")], scenarios={"s": ["c"], "t": ["c2"]})
    write_preferences(type(source)(**{**vars(source), "images": {"s": buffer.getvalue()}}), tmp_path / "out")
    for kind in ("cards", "unpaired", "prompts"):
        dataset = load(tmp_path / "out", tmp_path / "cache", kind)
        shown = {row["scenario_id"]: row["images"] for rows in dataset.values() for row in rows}
        assert [(3, 2)] == [each.size for each in shown["s"]]
        assert [] == shown["t"]


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
    assert [each["config_name"] for each in data["configs"]] == ["cards", "unpaired", "prompts"]
    assert [each.get("default") for each in data["configs"]] == [True, None, None]
    paths = [each["path"] for config in data["configs"] for each in config["data_files"]]
    assert paths[:2] == ["cards/train.parquet", "cards/test.parquet"]
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


@pytest.fixture(scope="module")
def tiny(libraries: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small language model that can read what is in the sample."""
    texts = [row[side] for row in source_of_files(sample_files()["cards"].parent).cards.to_pylist()
             for side in ("title", "description")]
    return make_tiny(tmp_path_factory.mktemp("models") / "tiny", texts, hidden=32, layers=1, heads=2, vocabulary=600)


def one_step(trainer: Any) -> None:
    """Take a step and see that weights moved."""
    import torch

    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    trainer.train()
    assert trainer.state.global_step == 1
    assert any(not torch.equal(before[name], weight) for name, weight in trainer.model.named_parameters())


STEP: dict[str, Any] = {
    "max_steps": 1, "report_to": "none", "bf16": False, "use_cpu": True, "gradient_checkpointing": False,
    "save_strategy": "no", "disable_tqdm": True, "learning_rate": 1e-2,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("form", [Form(), Form(plain=True)], ids=["messages", "plain"])
@pytest.mark.parametrize(("kind", "name"), [("cards", "Reward"), ("cards", "DPO"), ("unpaired", "KTO")])
def test_pairs_and_labels_train(tiny: Path, form: Form, kind: str, name: str, tmp_path: Path) -> None:
    """`cards` pass a step of `RewardTrainer` and `DPOTrainer`, `unpaired` one of `KTOTrainer`; no row is lost."""
    import trl
    from transformers import AutoTokenizer

    write_preferences(source_of_files(sample_files()["cards"].parent), tmp_path / "out", form=form)
    rows = load(tmp_path / "out", tmp_path / "cache", kind)["train"]
    arguments = getattr(trl, f"{name}Config")(
        output_dir=str(tmp_path / "model"), per_device_train_batch_size=4, max_length=2048, **STEP)
    trainer = getattr(trl, f"{name}Trainer")(
        model=str(tiny), args=arguments, train_dataset=rows, processing_class=AutoTokenizer.from_pretrained(tiny))
    assert len(trainer.train_dataset) == rows.num_rows
    one_step(trainer)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["GRPO", "RLOO"])
def test_prompts_train(tiny: Path, name: str, tmp_path: Path) -> None:
    """`prompts` pass a step of `GRPOTrainer` and `RLOOTrainer`; the reward sees the target of each prompt."""
    import trl
    from transformers import AutoTokenizer

    write_preferences(source_of_files(sample_files()["cards"].parent), tmp_path / "out")
    rows = load(tmp_path / "out", tmp_path / "cache", "prompts")["train"]
    seen: list[tuple[str, str]] = []

    def reward(completions: list[Any], card: list[str], context_id: list[str], **_: Any) -> list[float]:
        seen.extend(zip(context_id, card, strict=True))
        return [float(len(each[0]["content"]) % 7) for each in completions]

    arguments = getattr(trl, f"{name}Config")(
        output_dir=str(tmp_path / "model"), per_device_train_batch_size=4, num_generations=4, max_completion_length=8,
        **STEP)
    tokenizer = AutoTokenizer.from_pretrained(tiny, padding_side="left")
    trainer = getattr(trl, f"{name}Trainer")(
        model=str(tiny), reward_funcs=reward, args=arguments, train_dataset=rows, processing_class=tokenizer)
    one_step(trainer)
    assert set(seen) <= {(row["context_id"], row["card"]) for row in rows}
    assert seen
