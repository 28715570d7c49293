"""Pairs that are split already, as a dataset folder that training opens; and pairs of other people's data."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parent.parent


def write(out: Path, splits: Mapping[str, pa.Table]) -> Path:
    """Write `cards/<split>.parquet` and `manifest.json`.

    Args:
        out: The folder; an earlier one is replaced.
        splits: Tables with the columns of a preference dataset.
    """
    from pyarrow import parquet

    from graphengine.preferences.folder import FORMAT, MANIFEST, new_folder, sha256

    with new_folder(out, force=True) as folder:
        (folder / "cards").mkdir()
        for name, table in splits.items():
            parquet.write_table(table, folder / "cards" / f"{name}.parquet")
        files = {path.relative_to(folder).as_posix(): sha256(path) for path in sorted(folder.rglob("*.parquet"))}
        (folder / MANIFEST).write_text(json.dumps({"format": FORMAT, "files": files}), encoding="utf-8")
    return out


def data_folder(name: str) -> Path | None:
    """A folder of published data, where `GRAPHENGINE_TEST_DATA` (default `../shared/data`) has it."""
    folder = Path(os.environ.get("GRAPHENGINE_TEST_DATA") or ROOT.parent / "shared" / "data") / name
    return folder if folder.is_dir() else None


def svda(folder: Path, *, shuffled: int | None = None) -> dict[str, pa.Table]:
    """SVDA (NLPCC 2026, Shared Task 2; CC BY 4.0) as pairs: chosen is the answer that follows the value.

    Args:
        folder: Holds `train.jsonl` and `dev.jsonl`.
        shuffled: A seed by which the values are shuffled among the rows of each split; what a model reaches then, it
            reaches without the value.

    Returns:
        `train`, and `test` (the published dev split). The prompt names the value, then scenario and question.
    """
    return {"train": _svda(folder / "train.jsonl", shuffled), "test": _svda(folder / "dev.jsonl", shuffled)}


def _svda(file: Path, shuffled: int | None) -> pa.Table:
    from graphengine.preferences import PAIRS

    with file.open(encoding="utf-8") as lines:
        rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    values = [row["Value"] for row in rows]
    if shuffled is not None:
        random.Random(shuffled).shuffle(values)
    pairs = []
    for number, (row, value) in enumerate(zip(rows, values, strict=True)):
        id_ = f"{file.stem}-{number:04}"
        pairs.append({
            "prompt": [{"role": "user", "content": f"{value}\n\n{row['Scenario']}\n\n{row['Question']}"}],
            "chosen": [{"role": "assistant", "content": row["Consistent Value Response"]}],
            "rejected": [{"role": "assistant", "content": row["Contrastive Response"]}],
            "p_chosen": 0.95, "p_chosen_lower": 0.95, "p_chosen_upper": 0.95, "weight": 0.9, "margin": 3.0,
            "margin_sd": 0.0, "pair_id": id_, "context_id": id_, "upgrade_ids": [],
        })
    return pa.Table.from_pylist(pairs, schema=PAIRS)
