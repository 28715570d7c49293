"""The tiny model: a plain folder of Hugging Face, the same from the same texts, ready for chats and for training."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graphengine.errors import InputError
from graphengine.models.offline import QUIET
from graphengine.models.tiny import make_tiny, save_whole

pytestmark = [
    pytest.mark.train,
    # What the libraries say to each other about coming versions is not about us.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]
TEXTS = [f"A {who} asks about {it}. Notice {it} first." for who in ("nurse", "friend") for it in ("grief", "debt")]
TALK = [{"role": "user", "content": "Grüße, 悲しみ?"}, {"role": "assistant", "content": "Notice grief."}]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of the size that it has by default."""
    for name in ("torch", "transformers"):
        pytest.importorskip(name)
    return make_tiny(tmp_path_factory.mktemp("models") / "tiny", TEXTS)


def opened(folder: Path) -> tuple[Any, Any]:
    """The tokenizer and the model, as any program opens them."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)


def test_any_program_opens_it(tiny: Path) -> None:
    """`AutoTokenizer` and `AutoModelForCausalLM` open the folder; it is small, and pads with a token of its own."""
    tokenizer, model = opened(tiny)
    assert 500_000 < model.num_parameters() < 2_000_000
    assert len(tokenizer) == model.config.vocab_size
    assert tokenizer.pad_token_id != tokenizer.eos_token_id
    assert tokenizer.padding_side == "left"
    assert (model.config.pad_token_id, model.config.eos_token_id) == (tokenizer.pad_token_id, tokenizer.eos_token_id)
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id


def test_a_chat_survives_the_tokenizer(tiny: Path) -> None:
    """Text in any language comes back as it was, and the mask marks what the assistant wrote, with its end."""
    tokenizer, _ = opened(tiny)
    ids = tokenizer.apply_chat_template(TALK, return_dict=True, return_assistant_tokens_mask=True)
    text = "<|im_start|>user\nGrüße, 悲しみ?<|im_end|>\n<|im_start|>assistant\nNotice grief.<|im_end|>\n"
    assert text == tokenizer.decode(ids["input_ids"])
    written = [token for token, mask in zip(ids["input_ids"], ids["assistant_masks"], strict=True) if mask]
    assert "Notice grief.<|im_end|>" == tokenizer.decode(written)
    asked = tokenizer.apply_chat_template(TALK[:1], tokenize=False, add_generation_prompt=True)
    assert asked == text[: len(asked)]


def test_it_writes(tiny: Path) -> None:
    """The model generates after a batch of prompts of different length."""
    tokenizer, model = opened(tiny)
    prompts = [tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False) for text in TEXTS[:2]]
    batch = tokenizer(prompts, return_tensors="pt", padding=True)
    out = model.generate(batch["input_ids"], attention_mask=batch["attention_mask"], max_new_tokens=4, do_sample=False)
    assert out.shape[0] == 2
    assert out.shape[1] <= batch["input_ids"].shape[1] + 4


def test_same_texts_and_seed_give_the_same_files(tiny: Path, tmp_path: Path) -> None:
    """Byte for byte; another seed gives other weights, and the caller's random numbers are left alone."""
    import torch

    before = torch.random.get_rng_state()
    again, other = make_tiny(tmp_path / "again", TEXTS), make_tiny(tmp_path / "other", TEXTS, seed=1)
    assert torch.equal(before, torch.random.get_rng_state())
    names = sorted(path.name for path in tiny.iterdir())
    assert names == sorted(path.name for path in again.iterdir())
    assert all((tiny / name).read_bytes() == (again / name).read_bytes() for name in names)
    assert (tiny / "model.safetensors").read_bytes() != (other / "model.safetensors").read_bytes()


def test_what_does_not_fit_is_an_error(tiny: Path, tmp_path: Path) -> None:
    """Sizes that don't fit, no text, and a folder that is not a model; nothing is left behind, nothing is lost."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    cases: list[tuple[Path, list[str], dict[str, int]]] = [
        (tmp_path / "new", TEXTS, {"hidden": 30}),
        (tmp_path / "new", TEXTS, {"vocabulary": 100}),
        (tmp_path / "new", ["  "], {}),
        (tmp_path / "mine", TEXTS, {}),
    ]
    for folder, texts, sizes in cases:
        with pytest.raises(InputError) as caught:
            make_tiny(folder, texts, **sizes)
        assert caught.value.hint
    assert ["mine"] == [path.name for path in tmp_path.iterdir()]
    assert "mine" == (tmp_path / "mine" / "thesis.txt").read_text()


def test_an_older_model_is_replaced(tiny: Path, tmp_path: Path) -> None:
    """A folder that holds a model may be written again."""
    first = make_tiny(tmp_path / "model", TEXTS, hidden=16, layers=1, heads=2)
    second = make_tiny(tmp_path / "model", TEXTS, hidden=32, layers=1, heads=2)
    assert first == second
    assert 32 == opened(second)[1].config.hidden_size


def test_an_older_model_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    """Where the new folder can't take its place, the old one stands there as it was, and nothing lies beside it."""

    class Nothing:
        def save_pretrained(self, folder: Path) -> None:
            """Writes no file."""

    make_tiny(tmp_path / "model", TEXTS, hidden=16, layers=1, heads=2)
    before = {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    with pytest.raises(FileNotFoundError):
        save_whole(tmp_path / "model", Nothing())
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "model").iterdir()}
    assert ["model"] == [path.name for path in tmp_path.iterdir()]


def test_the_room_keeps_the_libraries_quiet() -> None:
    """Importing the room sets offline and no telemetry before the libraries load, loads none, and heeds the user."""
    program = (
        "import os, sys, graphengine.models.tiny\n"
        "print([os.environ[name] for name in sys.argv[1:]], 'torch' in sys.modules, 'openai' in sys.modules)"
    )
    bare = {name: value for name, value in os.environ.items() if name not in QUIET}
    told = {**bare, "HF_HUB_OFFLINE": "0"}
    for environment, first in ((bare, "1"), (told, "0")):
        done = subprocess.run(
            [sys.executable, "-c", program, *QUIET], env=environment, capture_output=True, text=True, check=True
        )
        assert f"['{first}', '1', 'false'] False False" == done.stdout.strip()
