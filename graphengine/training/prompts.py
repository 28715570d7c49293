"""The prompts that a policy is trained on: rows with a column `prompt`, and whatever its rewards look at."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import TrainingError
from graphengine.training.data import check_rows, open_folder

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Prompts:
    """Prompts to train on.

    Attributes:
        rows: One dict for each prompt, with all columns.
        manifest: Of the dataset folder; empty for a file.
        data_hash: Names the data.
    """

    rows: list[dict[str, Any]]
    manifest: dict[str, Any]
    data_hash: str


def open_prompts(data: Path) -> Prompts:
    """Prompts of a dataset folder (its train split), or of a Parquet or JSON Lines file.

    Raises:
        TrainingError: If there are none, or a row has no prompt.
    """
    if data.is_dir() or data.suffix not in (".parquet", ".jsonl", ".json"):
        folder = open_folder(data, "prompts")
        rows, manifest, digest = folder.splits.get("train"), folder.manifest, folder.data_hash
        rows = rows.to_list() if rows is not None else []
    else:
        rows, manifest = _read(data).to_pylist(), {}
        digest = hashlib.sha256(data.read_bytes()).hexdigest()
    if not rows:
        raise TrainingError(f"{data} has no prompts to train on", hint="export prompts again", file=data, key="data")
    return Prompts(rows, manifest, digest)


def tokens_of_prompts(rows: list[dict[str, Any]], tokenizer: Any) -> list[list[int]]:
    """Token ids of each prompt: a conversation up to where the assistant speaks, or a text as it stands."""
    found = []
    for row in rows:
        prompt = row["prompt"]
        if isinstance(prompt, str):
            found.append(tokenizer(prompt)["input_ids"])
        else:
            text = tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
            found.append(tokenizer(text, add_special_tokens=False)["input_ids"])
    return found


def _read(file: Path) -> pa.Table:
    import pyarrow as pa
    from pyarrow import json, parquet

    try:
        table = parquet.ParquetFile(file).read() if file.suffix == ".parquet" else json.read_json(file)
    except (OSError, pa.ArrowException) as error:
        raise TrainingError(f"{file} can't be read: {error}", hint="give a Parquet or JSON Lines file", file=file,
                            key="data") from error
    check_rows(table, ("prompt",), str(file))
    return table
