"""Lengths in the tokens of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError, MissingExtraError
from graphengine.models.offline import stay_offline

if TYPE_CHECKING:
    from collections.abc import Callable


def token_length(folder: str | Path) -> Callable[[str, str], int]:
    """How many tokens a prompt and a side have, as a trainer sees them.

    With the tokenizer's chat template, where it has one, as one message of the user and one of the assistant.

    Args:
        folder: A folder with a tokenizer of Hugging Face. Nothing is fetched.

    Raises:
        InputError: If there is no tokenizer.
        MissingExtraError: If transformers is not installed.
    """
    stay_offline()
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingExtraError.of("transformers", "train") from error
    if not Path(folder).is_dir():
        raise InputError(f"{folder} is no folder", hint="give a folder with a tokenizer", file=folder)
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(str(folder))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder} holds no tokenizer: {error}", hint="give a folder with tokenizer.json", file=folder
        ) from error

    def length(prompt: str, side: str) -> int:
        if not tokenizer.chat_template:
            return len(tokenizer(prompt + side)["input_ids"])
        messages = [{"role": "user", "content": prompt}] if prompt else []
        messages.append({"role": "assistant", "content": side})
        return len(tokenizer.apply_chat_template(messages, return_dict=True)["input_ids"])

    return length
