"""A tiny model made on the spot: a tokenizer trained on the user's own texts and a Llama with random weights.

It knows nothing. It is there so that every program of the project runs offline on a CPU in minutes, with the same files
that a large model has: any folder that `AutoModelForCausalLM` and `AutoTokenizer` open can take its place.
"""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError, MissingExtraError
from graphengine.models.offline import stay_offline

if TYPE_CHECKING:
    from collections.abc import Iterable

PAD, END_OF_TEXT, START, END = SPECIAL = ("<|pad|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>")

CHATML = (
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message['role'] + '\\n' -}}"
    "{%- if message['role'] == 'assistant' -%}"
    "{%- generation -%}{{- message['content'] + '<|im_end|>' -}}{%- endgeneration -%}"
    "{%- else -%}{{- message['content'] + '<|im_end|>' -}}{%- endif -%}"
    "{{- '\\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)
"""The chat template: ChatML. The `generation` tags say what the assistant wrote (TRL's `assistant_only_loss`)."""


def make_tiny(
    folder: str | Path,
    texts: Iterable[str],
    *,
    seed: int = 0,
    hidden: int = 128,
    layers: int = 4,
    heads: int = 4,
    vocabulary: int = 2048,
    context: int = 2048,
) -> Path:
    """Make a small language model with random weights, and its tokenizer.

    A Llama with tied embeddings and a byte-level BPE, which can write any text in any language. The defaults give about
    900,000 parameters in a second or two. Same texts and seed, same files.

    Args:
        folder: Where to write it: a plain folder of Hugging Face. One that is there already is replaced, if it is
            a model.
        texts: What the tokenizer learns from.
        seed: Of the weights.
        hidden: Width; a multiple of `heads`.
        layers: Number of layers.
        heads: Number of attention heads.
        vocabulary: The most tokens that the tokenizer may have (at least 260: all bytes and the special tokens);
            fewer if the texts are short.
        context: The longest text, in tokens.

    Returns:
        The folder.

    Raises:
        InputError: If the sizes don't fit, there is no text, or `folder` holds something else.
        MissingExtraError: If torch or transformers is not installed.

    Example:
        >>> from graphengine.models.tiny import make_tiny
        >>> folder = make_tiny("tiny", ["When grieving", "Listen first."])  # doctest: +SKIP
    """
    folder = Path(folder)
    _check(folder, hidden=hidden, heads=heads, vocabulary=vocabulary)
    stay_offline()
    try:
        import torch
        from transformers import LlamaConfig, LlamaForCausalLM
    except ImportError as error:
        raise MissingExtraError.of(error.name or "transformers", "train") from error
    tokenizer = make_tokenizer(texts, vocabulary=vocabulary, context=context)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=context,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):  # the caller's random numbers are not ours to move
        torch.manual_seed(seed)
        model = LlamaForCausalLM(config)
    assert model.generation_config is not None
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    return save_whole(folder, model, tokenizer)


def make_tokenizer(texts: Iterable[str], *, vocabulary: int = 2048, context: int = 2048) -> Any:
    """A byte-level BPE tokenizer with ChatML and a pad token of its own, padding on the left.

    Padding is on the left because a decoder writes on at the right end; trainers that need the right side say so
    themselves.

    Args:
        texts: What it learns from.
        vocabulary: The most tokens that it may have.
        context: `model_max_length`.

    Returns:
        A `transformers.PreTrainedTokenizerFast`.

    Raises:
        InputError: If there is no text.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    learnt = [text for text in texts if text.strip()]
    if not learnt:
        raise InputError("there is no text to make a tokenizer from", hint="give the texts that the model shall read")
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        # The words of the template are not in the data, and each message costs them.
        [*learnt, "system\n", "user\n", "assistant\n"],
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            show_progress=False,
            special_tokens=list(SPECIAL),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        ),
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token=PAD,
        eos_token=END,
        additional_special_tokens=[START, END_OF_TEXT],
        padding_side="left",
        model_max_length=context,
    )
    tokenizer.chat_template = CHATML
    return tokenizer


def _check(folder: Path, *, hidden: int, heads: int, vocabulary: int) -> None:
    if hidden % heads or (hidden // heads) % 2:
        raise InputError(
            f"hidden={hidden} can't be shared among {heads} heads",
            hint="take a multiple of twice the number of heads", value=hidden,
        )
    if vocabulary < 256 + len(SPECIAL):
        raise InputError(
            f"a vocabulary of {vocabulary} can't hold all bytes and the special tokens",
            hint=f"take at least {256 + len(SPECIAL)}", value=vocabulary,
        )
    check_place(folder)


def check_place(folder: Path) -> None:
    """See that a model may be written there: nothing but a model is replaced.

    Raises:
        InputError: If not.
    """
    if folder.exists() and not (folder / "config.json").is_file() and (folder.is_file() or any(folder.iterdir())):
        raise InputError(f"{folder} holds something that is not a model", hint="choose another folder", file=folder)


def save_whole(folder: Path, *parts: Any) -> Path:
    """Write a model whole or not at all; `parts` are what is saved: the model, its tokenizer."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}.tmp")
    old = temporary.with_suffix(".old")
    try:
        for part in parts:
            part.save_pretrained(temporary)
        if folder.exists():
            folder.rename(old)
        temporary.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if old.exists() and not folder.exists():
            old.rename(folder)
    return folder
