"""Dataset folders of made-up pairs, for the tests of training: the wiser answer names what matters."""

from __future__ import annotations

import hashlib
import json
import random
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pyarrow import parquet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

WHO = ("a father", "a nurse", "a student", "a manager", "a widow", "a teacher")
WHAT = ("a debt", "a move", "a quarrel", "an illness", "a new job", "an old friend")
WISER = ("listen for what is left unsaid", "ask whom they trust", "name the feeling", "make room for their judgment")
LESS = ("repeat the rule", "change the subject", "press for an outcome", "quote a slogan")
PLAIN = ("take a breath", "set a time to talk", "write it down", "keep it short")


def pair(number: int, *, context: str = "", seed: int = 0, **more: Any) -> dict[str, Any]:
    """One row, the same for the same number and seed; wiser answers and less wise ones are equally long."""
    draw = random.Random(f"{seed} {number}")
    context = context or f"{draw.choice(WHO)} asks about {draw.choice(WHAT)}, case {number % 40}"
    steps = draw.randint(1, 4)

    def answer(words: Sequence[str]) -> list[dict[str, str]]:
        said = [draw.choice((words, PLAIN)[draw.random() < 0.3]) for _ in range(steps - 1)] + [draw.choice(words)]
        return [{"role": "assistant", "content": "I would " + ", then ".join(said) + "."}]

    row = {
        "prompt": [{"role": "user", "content": context}], "chosen": answer(WISER), "rejected": answer(LESS),
        "p_chosen": 0.9, "weight": 0.8, "margin": 0.5, "pair_id": f"p{number}", "context_id": context,
    }  # fmt: skip
    return {**row, **more}


def pairs(number: int, *, start: int = 0, **more: Any) -> list[dict[str, Any]]:
    """Some rows."""
    return [pair(start + each, **more) for each in range(number)]


def write_folder(
    folder: Path, splits: Mapping[str, Sequence[Mapping[str, Any]]], kind: str = "cards", **facts: Any
) -> Path:
    """A dataset folder of these rows."""
    (folder / kind).mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        parquet.write_table(pa.Table.from_pylist(list(map(dict, rows))), folder / kind / f"{split}.parquet")
    (folder / "README.md").write_text("Made up.\n")
    return write_manifest(folder, **facts)


def write_manifest(folder: Path, **facts: Any) -> Path:
    """A manifest that fits what is in the folder now."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json")
    digests = {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    content = {"format": "graphengine-preferences", "format_version": 1, "data_hash": "ab12", **facts, "files": digests}
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder


def texts(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """All that is said in some rows."""
    return [row[side][0]["content"] for row in rows for side in ("prompt", "chosen", "rejected")]
