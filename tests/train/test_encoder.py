"""A small encoder as a model that training takes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from graphengine.errors import InputError
from graphengine.models.encoder import VARIABLE, find_encoder, prepare_encoder
from graphengine.models.tiny import make_tiny

pytestmark = pytest.mark.train

WORDS = "when grieving listen first ask what they need wait".split()


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    """A BERT of a few thousand weights, as hubs have them: no chat template, no end token."""
    pytest.importorskip("transformers")
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]",
        mask_token="[MASK]",
    )  # fmt: skip
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
                        intermediate_size=32)
    for part in (BertModel(config), tokenizer):
        part.save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"


def test_it_reads_conversations(encoder: Path, tmp_path: Path) -> None:
    """Each message is a segment between the encoder's own tokens; an end token is there, and no weight has changed."""
    from safetensors.torch import load_file
    from transformers import AutoTokenizer

    tokenizer: Any = AutoTokenizer.from_pretrained(prepare_encoder(encoder, tmp_path / "out"))
    messages = [{"role": "user", "content": "when grieving"}, {"role": "assistant", "content": "listen first"}]
    ids = tokenizer.apply_chat_template(messages, return_dict=True)["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == "[CLS] when grieving [SEP] listen first [SEP]".split()
    assert (tokenizer.eos_token, tokenizer.pad_token) == ("[SEP]", "[PAD]")
    before, after = (load_file(folder / "model.safetensors") for folder in (encoder, tmp_path / "out"))
    assert before.keys() == after.keys()
    assert all(bool((before[name] == after[name]).all()) for name in before)


def test_a_reward_model_is_trained_on_it(encoder: Path, tmp_path: Path) -> None:
    """`train reward` takes it as it is, and what comes out opens as a model for sequence classification."""
    pytest.importorskip("accelerate")
    from pyarrow import parquet
    from transformers import AutoModelForSequenceClassification

    from benchmarks.pair_folders import write
    from graphengine.preferences import write_preferences
    from graphengine.sample import sample_files
    from graphengine.training.reward import RewardSettings, train_reward
    from tests.preference_sources import source_of_files

    write_preferences(source_of_files(sample_files()["cards"].parent), tmp_path / "sample")
    rows = {name: parquet.read_table(tmp_path / "sample" / "cards" / f"{name}.parquet") for name in ("train", "test")}
    data = write(tmp_path / "data", {name: table.slice(0, 8) for name, table in rows.items()})
    model = prepare_encoder(encoder, tmp_path / "model")
    outcome = train_reward(RewardSettings(model=model, data=data, out=tmp_path / "run", steps=2, learning_rate=1e-3))
    assert outcome.report["held_out"]["pairs"] == 8
    assert AutoModelForSequenceClassification.from_pretrained(outcome.model).config.num_labels == 1


def test_it_is_found_where_it_is_named(encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`GRAPHENGINE_ENCODER` names a folder; one that is no model is refused."""
    monkeypatch.setenv(VARIABLE, str(encoder))
    assert find_encoder() == encoder
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(InputError, match="is no model"):
        find_encoder()


def test_what_is_no_encoder_is_refused(encoder: Path, tmp_path: Path) -> None:
    """A decoder, an empty folder, a place that holds something else: each is named, and nothing is written."""
    tiny = make_tiny(tmp_path / "tiny", WORDS)
    with pytest.raises(InputError, match="no tokens for beginning"):
        prepare_encoder(tiny, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="can't be opened"):
        prepare_encoder(tmp_path / "empty", tmp_path / "out")
    (tmp_path / "empty" / "notes.json").write_text(json.dumps({}))
    with pytest.raises(InputError, match="not a model"):
        prepare_encoder(encoder, tmp_path / "empty")
    assert not (tmp_path / "out").exists()
