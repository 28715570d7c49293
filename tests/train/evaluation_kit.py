"""A small dataset folder, tiny models and readers of what was measured, for the tests of evaluation."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from graphengine.models.tiny import make_tiny
from graphengine.training.evaluation import Evaluation, EvaluationSettings, Row

LENGTH = "def reward(rows, texts):\n    return [float(len(text)) for text in texts]\n"
TEXTS = [
    "My friend asks me for a loan.", "Listen for what weighs on them.", "Name the cost plainly.", "Wait a day first.",
    "Answer in the spirit of this value:", "What should I do when a promise is hard to keep?", "forty two",
]


def said(role: str, content: str) -> list[dict[str, str]]:
    """A conversation of one message."""
    return [{"role": role, "content": content}]


def pair(context: str, scenario: str | None, chosen: str, rejected: str, p_chosen: float = 0.9) -> dict[str, Any]:
    """A row of `cards`."""
    return {
        "prompt": said("user", f"{scenario}\n\n{context}"), "chosen": said("assistant", chosen),
        "rejected": said("assistant", rejected), "p_chosen": p_chosen, "weight": 2 * p_chosen - 1, "margin": 1.0,
        "context_id": context, "scenario_id": scenario, "chosen_id": chosen, "rejected_id": rejected,
    }


def prompt(context: str, card: str | None = "Calm\n\nWait a day first.") -> dict[str, Any]:
    """A row of `prompts`."""
    return {"prompt": said("user", f"A promise in {context}. What should I do?"), "context_id": context, "card": card}


def answer(context: str, text: str) -> dict[str, Any]:
    """A row of `sft`."""
    return {"prompt": said("user", f"In {context}?"), "completion": said("assistant", text), "context_id": context}


def write_dataset(folder: Path, kinds: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]) -> Path:
    """A dataset folder with the manifest that training checks."""
    files = {}
    for kind, splits in kinds.items():
        for split, rows in splits.items():
            path = folder / kind / f"{split}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            parquet.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)
            files[f"{kind}/{split}.parquet"] = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    content = {"format": "graphengine-preferences", "files": files, "data_hash": "votes"}
    (folder / "manifest.json").write_text(json.dumps(content))
    return folder


def whole_dataset(folder: Path) -> Path:
    """Pairs, prompts and answers of eight contexts, two of them held out."""
    train = [pair(f"t{c}", f"st{c}", f"wise {c} listen longer", f"hasty {c}") for c in range(6)]
    test = [pair(f"h{c}", f"sh{c}", f"wise {c} listen {i}", f"hasty {c} {i}") for c in range(3) for i in range(2)]
    return write_dataset(folder, {
        "cards": {"train": train, "test": test},
        "prompts": {"train": [prompt(f"t{c}") for c in range(6)], "test": [prompt(f"h{c}") for c in range(5)]},
        "sft": {
            "train": [answer("t0", "Listen for what weighs on them.")],
            "test": [answer(f"h{c}", "Listen for what weighs on them. Wait a day first.") for c in range(4)],
        },
    })


def tiny(folder: Path, seed: int = 0, hidden: int = 32, texts: Sequence[str] = TEXTS) -> Path:
    """A tiny language model, made on the spot."""
    return make_tiny(folder, texts, seed=seed, hidden=hidden, layers=1, heads=2, vocabulary=320, context=512)


def talkative(folder: Path, base: Path) -> Path:
    """A model whose weights are so large that what it says depends on all that it read; a fresh one only repeats."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(base)
    with torch.no_grad():
        for layer in model.model.layers:
            for weight in layer.parameters():
                if weight.dim() > 1:
                    weight.mul_(30)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def tiny_reward_model(folder: Path, base: Path, seed: int = 0) -> Path:
    """A tiny reward model with random weights and the tokenizer of a language model."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = AutoModelForSequenceClassification.from_config(AutoConfig.from_pretrained(base, num_labels=1))
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(base).save_pretrained(folder)
    return folder


def finished_run(folder: Path, model: Path, stage: str = "ppo", **settings: Any) -> Path:
    """A run folder of a stage, around a copy of a model."""
    import shutil

    shutil.copytree(model, folder / "model")
    cost = {"seconds": 12.5, "peak_memory_bytes": 400 * 2**20, "peak_gpu_memory_bytes": None}
    report = {"stage": stage, "cost": cost, "run": {"stage": stage, "settings": settings}}
    (folder / "report.json").write_text(json.dumps(report))
    return folder


def small(out: Path, **more: Any) -> EvaluationSettings:
    """Settings of an evaluation that takes a second or two."""
    return EvaluationSettings(out=out, prompts=8, max_new_tokens=8, **more)


def row(found: Evaluation, name: str) -> Row:
    """The row of a model."""
    return next(each for each in found.rows if each.name == name)


def value(found: Evaluation, name: str, measure: str) -> float:
    """A measured number."""
    figure = row(found, name).measures[measure]
    assert figure is not None and figure.value is not None
    return figure.value
