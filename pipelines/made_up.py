"""What a demonstration needs beside the sample: made-up prompts, a tiny policy, an evaluator; and dataset folders."""

from __future__ import annotations

import csv
import hashlib
import json
import random
from typing import TYPE_CHECKING, Any

from survey_to_policy import TOKENS, export, rank, tiny_model

from graphengine.errors import InputError
from graphengine.sample import sample_files

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from stages import Stages

WHO = ("nurse", "teacher", "father", "student", "neighbour", "manager", "widow", "friend")
WHAT = ("a debt", "an illness", "a quarrel at home", "a promise", "a lie", "a new job", "a secret", "an old friend")
ASKS = ("I am a {who}, and it is about {what}. What should I do?", "What would you tell a {who} about {what}?")
HELD_OUT = 0.25
"""Share of the prompts that are never trained on."""


def tiny_policy(work: Stages) -> Path:
    """A tiny model with random weights that has learnt to write like the sample's cards."""
    files = list(sample_files().values())
    graph = work.make("moral.graph", {"files": files}, lambda place: rank(place, files))
    data = work.make("preferences", {"graph": graph}, lambda place: export(graph, place))
    base = work.make("base", {"data": data, "tokens": TOKENS}, lambda place: tiny_model(data, place))
    return work.train("sft", {"model": base, "data": data}) / "model"


def small_evaluator(place: Path) -> None:
    """An evaluator of words, trained on the sample's 54 cards as one of us read them: enough to show the way."""
    from graphengine.training.evaluator import EvaluatorSettings, train_evaluator

    values = sample_files()["cards"].with_name("card_values.csv")
    with sample_files()["cards"].open(encoding="utf-8") as cards, values.open(encoding="utf-8") as read:
        of = {row.pop("id"): row for row in csv.DictReader(read)}
        rows = [
            {"prompt": "What matters here?", "response": f"{card['title']}. {card['description']} {card['policies']}",
             "group": card["id"], **{value: (float(cell) > 0) - (float(cell) < 0) for value, cell in
                                     of[card["id"]].items()}}
            for card in csv.DictReader(cards) if card["id"] in of
        ]
    place.mkdir(parents=True)
    file = place.with_name(f"{place.name}-rows.jsonl")
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    train_evaluator(EvaluatorSettings(rows=(file,), out=place))


def made_up_prompts() -> list[str]:
    """One question for each who, what and way of asking."""
    return [ask.format(who=who, what=what) for ask in ASKS for who in WHO for what in WHAT]


def prompts_folder(place: Path, prompts: Sequence[Any], seed: int = 0) -> None:
    """A dataset folder of prompts: train, and a test split that is never trained on; equal prompts count once."""
    talks = [[{"role": "user", "content": each}] if isinstance(each, str) else each for each in prompts]
    once = list({json.dumps(talk, sort_keys=True): talk for talk in talks}.values())
    random.Random(seed).shuffle(once)  # noqa: S311 (nothing secret)
    rows = [{"prompt": talk, "context_id": f"prompt-{number}"} for number, talk in enumerate(once)]
    if len(rows) < 4:
        raise InputError(f"there are {len(rows)} different prompts, too few to hold some out", hint="give at least 4")
    most = round(HELD_OUT * len(rows))
    write_folder(place, "prompts", {"train": rows[most:], "test": rows[:most]})


def write_folder(place: Path, kind: str, splits: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """A dataset folder of one kind, with its manifest."""
    import pyarrow as pa
    from pyarrow import parquet

    from graphengine.preferences.folder import FORMAT, MANIFEST, new_folder, sha256

    with new_folder(place) as folder:
        (folder / kind).mkdir()
        for split, rows in splits.items():
            parquet.write_table(pa.Table.from_pylist(list(map(dict, rows))), folder / kind / f"{split}.parquet")
        files = {f"{kind}/{split}.parquet": sha256(folder / kind / f"{split}.parquet") for split in splits}
        made_of = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
        told = {"format": FORMAT, "format_version": 2, "data_hash": made_of, "files": files}
        (folder / MANIFEST).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
