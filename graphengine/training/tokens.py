"""Tokenizers as training needs them, and rows that are too long for a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphengine.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def open_tokenizer(model: Path, rows: Any) -> Any:
    """The tokenizer of a model, fit for some rows.

    Args:
        model: The model's folder, or its name in the cache of Hugging Face.
        rows: A `datasets.Dataset` that it shall read; conversations need a chat template.

    Raises:
        TrainingError: If there is no model, it is damaged or half downloaded, or its tokenizer has no chat template.
    """
    from transformers import AutoConfig, AutoTokenizer

    hint = "give the folder of a model; a name is looked up in the cache only (HF_HUB_OFFLINE=0 downloads it)"
    if model.exists() and not (model / "config.json").is_file():
        raise TrainingError(f"{model} is no model: it has no config.json", hint=hint, file=model, key="model")
    try:
        AutoConfig.from_pretrained(str(model))
        tokenizer = AutoTokenizer.from_pretrained(str(model))
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise TrainingError(f"{model} can't be opened: {first}", hint=hint, file=model, key="model") from error
    if not isinstance(rows[0]["prompt"], str) and not tokenizer.chat_template:
        raise TrainingError(
            f"the tokenizer of {model} has no chat template, and the rows are conversations",
            hint="take a chat model, save a template with the tokenizer, or export with --plain", file=model,
            key="model",
        )
    if tokenizer.eos_token_id is None:
        raise TrainingError(
            f"the tokenizer of {model} has no end token, so an answer would never end",
            hint="set eos_token in its tokenizer_config.json", file=model, key="model",
        )
    return tokenizer


def count_tokens(tokenizer: Any, *parts: Any) -> int:
    """Tokens of a text in parts: a prompt and its answer, both plain or both messages."""
    if isinstance(parts[0], str):
        text = "".join(parts)
    else:
        messages = [message for part in parts for message in part]
        text = tokenizer.apply_chat_template(messages, tokenize=False)
    return len(tokenizer(text, add_special_tokens=False)["input_ids"])


def drop_too_long(rows: Any, tokenizer: Any, answers: Sequence[str], most: int) -> tuple[Any, int]:
    """Leave out the rows that are longer than a model shall read, where a trainer would cut or drop them silently.

    Args:
        rows: A `datasets.Dataset` with a column `prompt`.
        tokenizer: That of the model.
        answers: Columns that follow the prompt, each by itself; none where the prompt is all there is.
        most: Tokens that a row may have.

    Returns:
        The rows that are kept, and the number of those that are not.
    """
    kept = [
        index for index, row in enumerate(rows)
        if max(
            [count_tokens(tokenizer, row["prompt"], row[name]) for name in answers]
            or [count_tokens(tokenizer, row["prompt"])]
        ) <= most
    ]
    return (rows, 0) if len(kept) == len(rows) else (rows.select(kept), len(rows) - len(kept))
