"""Written kinds open with `datasets` and pass a step of the matching TRL trainer; images pass a step of DPO."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from graphengine.models.generator import LocalGenerator
from graphengine.models.tiny import CHATML, make_tiny, make_tokenizer
from graphengine.preferences import write_preferences
from graphengine.preferences.texts import WRITTEN, Texts
from graphengine.preferences.writer import Writer
from tests.preference_sources import edge, make_source
from tests.written_sources import Echo, ranked_sample

pytestmark = [
    pytest.mark.train,
    pytest.mark.slow,
    # What the libraries say to each other about coming versions is not about us.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of all written kinds."""
    for name in ("torch", "datasets", "trl"):
        pytest.importorskip(name)
    out = tmp_path_factory.mktemp("written") / "out"
    rows = Texts(writer=Writer(Echo()), negatives=True).rows(ranked_sample(), WRITTEN)
    write_preferences(ranked_sample(), out, more=rows)
    return out


@pytest.fixture(scope="module")
def tiny(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small model that can read what is in the folder."""
    from datasets import load_dataset

    rows = load_dataset(str(written), "responses", split="train", cache_dir=str(written.parent / "cache"))
    texts = [row[side][0]["content"] for row in rows for side in ("prompt", "chosen", "rejected")]
    return make_tiny(tmp_path_factory.mktemp("models") / "tiny", texts, hidden=32, layers=1, heads=2, vocabulary=800)


def step(out: Path, **more: Any) -> dict[str, Any]:
    """The settings of a trainer that takes one step on a CPU."""
    return {
        "output_dir": str(out), "max_steps": 1, "per_device_train_batch_size": 2, "max_length": 2048,
        "report_to": "none", "bf16": False, "use_cpu": True, "gradient_checkpointing": False, "save_strategy": "no",
        "disable_tqdm": True, "learning_rate": 1e-2, **more,
    }  # fmt: skip


def trained(trainer: Any) -> None:
    """Take the step and see that weights moved."""
    import torch

    before = {name: weight.detach().clone() for name, weight in trainer.model.named_parameters()}
    result = trainer.train()
    assert 1 == trainer.state.global_step
    assert 0 < result.training_loss < 50
    assert any(not torch.equal(before[name], weight) for name, weight in trainer.model.named_parameters())


@pytest.mark.parametrize("kind", ["responses", "adherence"])
@pytest.mark.parametrize("trainer", ["reward", "dpo"])
def test_pairs_of_answers_train(written: Path, tiny: Path, tmp_path: Path, kind: str, trainer: str) -> None:
    """`RewardTrainer` and `DPOTrainer` take both kinds of pairs as they are; all rows are kept."""
    import trl
    from datasets import load_dataset
    from transformers import AutoTokenizer

    dataset = load_dataset(str(written), kind, cache_dir=str(tmp_path / "cache"))
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    made = {"reward": (trl.RewardTrainer, trl.RewardConfig), "dpo": (trl.DPOTrainer, trl.DPOConfig)}[trainer]
    one = made[0](
        model=str(tiny), args=made[1](**step(tmp_path / "model")), train_dataset=dataset["train"],
        processing_class=tokenizer,
    )  # fmt: skip
    assert dataset["train"].num_rows == len(one.train_dataset) > 0
    trained(one)


def test_sft_trains(written: Path, tiny: Path, tmp_path: Path) -> None:
    """`SFTTrainer` takes prompt and completion, with the columns of negatives beside them."""
    from datasets import load_dataset
    from trl import SFTConfig, SFTTrainer

    dataset = load_dataset(str(written), "sft", cache_dir=str(tmp_path / "cache"))
    assert {"negative", "critique", "revision"} <= set(dataset["train"].column_names)
    arguments = SFTConfig(**step(tmp_path / "model"))
    one = SFTTrainer(model=str(tiny), args=arguments, train_dataset=dataset["train"])
    assert dataset["train"].num_rows == len(one.train_dataset)
    trained(one)


@pytest.mark.parametrize("kind", WRITTEN)
def test_training_opens_written_kinds(written: Path, kind: str) -> None:
    """The checks of training (hashes, columns, no nulls in numbers) let every written kind in."""
    from graphengine.training.data import open_folder

    opened = open_folder(written, kind)
    assert opened.splits["train"].num_rows > 0


def test_a_model_on_this_machine_writes_a_dataset(tmp_path: Path) -> None:
    """A local model writes the responses, the same each time, and every answer is a row's or counted as left out."""
    pytest.importorskip("torch")
    from datasets import load_dataset

    source = make_source([edge("When lost", "a", "b"), edge("When late", "c", "d"), edge("When ill", "e", "f")])
    model = make_tiny(tmp_path / "m", ["When lost"], hidden=16, layers=1, heads=2, vocabulary=270, context=1500)
    digests = set()
    for name in ("one", "two"):
        writer = Writer(LocalGenerator(model, batch_size=3), max_tokens=500)
        (rows,) = Texts(writer=writer).rows(source, ["responses"])
        assert 0 < rows.table.num_rows < 3, "an untrained model ends five of six answers within 500 tokens"
        assert 3 == rows.table.num_rows + rows.left_out["a card has no response"]
        digests.add(write_preferences(source, tmp_path / name, more=[rows]).sha256)
    assert 1 == len(digests)
    dataset = load_dataset(str(tmp_path / "one"), "responses", cache_dir=str(tmp_path / "cache"))
    assert {"m"} == {row["generator"] for split in dataset.values() for row in split}


# images


def picture(shade: int) -> bytes:
    """A PNG of one shade with a mark in it."""
    from PIL import Image

    image = Image.new("RGB", (40, 30), (shade, 120, 255 - shade))
    image.paste((255, 255, 255), (5, 5, 15, 15))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def make_tiny_with_eyes(folder: Path, texts: list[str]) -> Path:
    """A Llava of random weights: a vision tower of one layer, a Llama of one layer, a processor for both."""
    import torch
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokenizer = make_tokenizer(texts, vocabulary=500)
    tokenizer.add_tokens(["<image>"], special_tokens=True)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlavaConfig(
        vision_config=CLIPVisionConfig(image_size=32, patch_size=16, projection_dim=32, **small),
        text_config=LlamaConfig(
            vocab_size=len(tokenizer), num_key_value_heads=2, max_position_embeddings=512,
            pad_token_id=tokenizer.pad_token_id, bos_token_id=None, eos_token_id=tokenizer.eos_token_id, **small,
        ),
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"), vision_feature_layer=-1,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    with_images = CHATML.replace("message['content'] +", "text(message['content']) +")
    template = (
        "{%- macro text(content) -%}{%- if content is string -%}{{- content -}}{%- else -%}{%- for part in content -%}"
        "{%- if part['type'] == 'image' -%}{{- '<image>\\n' -}}{%- else -%}{{- part['text'] -}}{%- endif -%}"
        "{%- endfor -%}{%- endif -%}{%- endmacro -%}"
    ) + with_images
    processor = LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}),
        tokenizer=tokenizer, patch_size=16, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template=template,
    )  # fmt: skip
    torch.manual_seed(0)
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def test_images_reach_dpo(tmp_path: Path) -> None:
    """Images of scenarios go out in a column, a vision-language model takes a step of DPO and sees them.

    And the export says that TRL's RewardTrainer does not.
    """
    for name in ("torch", "datasets", "trl", "PIL"):
        pytest.importorskip(name)
    import torch
    from datasets import load_dataset
    from transformers import AutoProcessor, LlavaForConditionalGeneration
    from trl import DPOConfig, DPOTrainer

    source = make_source(
        [edge("When lost", "a", "b"), edge("When late", "c", "d")],
        scenarios={"s1": ["When lost"], "s2": ["When late"]}, images={"s1": "one.png", "s2": "two.png"},
    )  # fmt: skip
    source = replace(source, images={"s1": picture(10), "s2": picture(200)})
    done = write_preferences(source, tmp_path / "out", kinds=("cards",))
    assert any("RewardTrainer ignores the column images" in note for note in done.notes)
    rows = load_dataset(str(tmp_path / "out"), "cards", split="train", cache_dir=str(tmp_path / "cache"))
    assert (40, 30) == rows[0]["images"][0].size
    texts = [row[side][0]["content"] for row in rows for side in ("prompt", "chosen", "rejected")]
    model = make_tiny_with_eyes(tmp_path / "eyes", texts)
    trainer = DPOTrainer(
        model=LlavaForConditionalGeneration.from_pretrained(model),
        ref_model=LlavaForConditionalGeneration.from_pretrained(model),
        args=DPOConfig(**step(tmp_path / "model", max_length=None, per_device_train_batch_size=1)),
        train_dataset=rows, processing_class=AutoProcessor.from_pretrained(model),
    )  # fmt: skip
    batch = next(iter(trainer.get_train_dataloader()))
    assert batch["pixel_values"].shape[-2:] == (32, 32)
    with torch.no_grad():
        seen = trainer.model(**{name: batch[name] for name in ("input_ids", "attention_mask", "pixel_values")}).logits
        blind = trainer.model(
            **{name: batch[name] for name in ("input_ids", "attention_mask")},
            pixel_values=torch.zeros_like(batch["pixel_values"]),
        ).logits
    assert not torch.allclose(seen, blind)
    trained(trainer)
