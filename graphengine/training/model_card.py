"""The model card of a run: what the model is, what it was trained on, what came out, and what it can't do.

It says only what the report and the manifest of the data say. What nobody measured is named as such.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TITLES = {
    "sft": "A policy trained on answers (SFT)",
    "reward": "A reward model",
    "ppo": "A policy trained with PPO",
    "dpo": "A policy trained on preferences (DPO)",
    "kto": "A policy trained on good and bad answers (KTO)",
    "grpo": "A policy trained with GRPO",
    "rloo": "A policy trained with RLOO",
}

_LIMITS = """\
- It learnt what the people who voted judged wiser, in the contexts they were asked about: no more, and nobody else's
  judgment. The dataset card beside the data says who they were, how the votes were collected, and known biases.
- {held_out}
- A higher score on held-out pairs is no evidence of safety, and none of good behaviour in contexts unlike those of the
  data. Do not use it to judge people, nor to decide about them.
- Nothing of what came before this stage was examined here: what the base model learnt, and from what, is not known to
  the software that wrote this card.
"""
_HELD_OUT = "The numbers above are of one split of contexts and one seed; other contexts or seeds give other numbers."
_NOT_HELD_OUT = "Nothing was measured on held-out data: there is no evidence that it does what it was trained for."


def model_card(report: Mapping[str, Any], manifest: Mapping[str, Any] | None = None) -> str:
    """The text of a run's README.md.

    Args:
        report: What `report.json` says: `stage`, `run` and, where there are any, `rows`, `left_out`, `evidence`,
            `held_out`, `before`, `baselines`, `parameters`, `cost` and `notes`.
        manifest: What the `manifest.json` of the dataset folder says.

    Example:
        >>> report = {"stage": "reward", "held_out": {"split": "test", "accuracy": 0.8, "lower": 0.7, "upper": 0.9}}
        >>> print(model_card(report).split("## What came out")[1].split("##")[0].strip())
        | on test | |
        | --- | --- |
        | accuracy | 0.8 (90% interval 0.7 to 0.9) |
    """
    run = report.get("run") or {}
    stage = report.get("stage") or run.get("stage") or ""
    held_out = report.get("held_out")
    notes = "".join(f"- {note}\n" for note in report.get("notes") or ())
    parts = [
        _head(stage),
        f"# {TITLES.get(stage, stage)}\n",
        _introduction(stage, run, report),
        "## Use\n\n" + _use(stage),
        "## Data\n\n" + _data(run, report, manifest or {}),
        "## What came out\n\n" + _measured(report) + ("\n" + notes if notes else ""),
        "## Limits\n\n" + _LIMITS.format(held_out=_HELD_OUT if held_out else _NOT_HELD_OUT),
        "## How it was made\n\n" + _made(run, report),
    ]
    return "\n".join(parts)


def _head(stage: str) -> str:
    """What machines read. The base is a folder here, so no name of a model on a hub is claimed."""
    task = "text-classification" if stage == "reward" else "text-generation"
    tags = ["graphengine", "moral-graph", *(["reward-model"] if stage == "reward" else []), stage]
    lines = ["library_name: transformers", f"pipeline_tag: {task}", "tags:", *(f"- {tag}" for tag in tags)]
    return "\n".join(["---", *lines, "---", ""])


def _introduction(stage: str, run: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    base = (run.get("settings") or {}).get("model")
    size = (report.get("parameters") or {}).get("all")
    words = [
        "It gives a conversation one number: higher for answers in which people found the wiser value."
        if stage == "reward" else "It answers; it was trained on what people judged wiser.",
        f"It started from `{base}`." if base else "",
        f"It has {size:,} parameters." if size else "",
    ]
    return " ".join(filter(None, words)) + "\n"


def _use(stage: str) -> str:
    kind = "SequenceClassification" if stage == "reward" else "CausalLM"
    lines = [
        f"from transformers import AutoModelFor{kind}, AutoTokenizer", "",
        f'model = AutoModelFor{kind}.from_pretrained("path/to/this/folder/model")',
        'tokenizer = AutoTokenizer.from_pretrained("path/to/this/folder/model")',
    ]
    if stage == "reward":
        lines += [
            'talk = [{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]',
            "ids = tokenizer.apply_chat_template(talk, return_tensors=\"pt\", return_dict=True)",
            "reward = model(**ids).logits[0, 0]",
        ]
    return "\n".join(["```python", *lines, "```", ""])


def _data(run: Mapping[str, Any], report: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    settings = run.get("settings") or {}
    ranking = manifest.get("ranking") or {}
    rows = [(f"rows of {split}", number) for split, number in (report.get("rows") or {}).items()]
    for reason, numbers in (report.get("left_out") or {}).items():
        told = ", ".join(f"{split}: {number:,}" for split, number in numbers.items())
        rows.append((f"left out: {reason}", told or "none"))
    facts = [
        ("folder", _code(settings.get("data"))),
        ("kind", settings.get("kind")),
        ("evidence used", report.get("evidence")),
        ("sha256 of its manifest", _code(run.get("data_hash"))),
        ("state of the votes", _code(manifest.get("data_hash"))),
        ("ranking", _code(ranking.get("ranking_id"))),
        ("made with", _code(manifest.get("command"))),
    ]
    table = _table(("data", ""), [*((name, value) for name, value in facts if value), *rows])
    return table + "\nThe README.md of that folder is its dataset card, with its licence.\n"


def _measured(report: Mapping[str, Any]) -> str:
    tables = []
    for name, title in (("held_out", "on {split}"), ("before", "before training, on {split}")):
        if found := report.get(name):
            rows = list(_numbers(found))
            tables.append(_table((title.format(split=found.get("split", "held-out rows")), ""), rows))
    if baselines := report.get("baselines"):
        rows = [(f"{each['name']}: {each['rule']}", _with_interval(each, "accuracy")) for each in baselines]
        tables.append(_table(("baselines that never see the prompt", "accuracy"), rows))
    for name, found in (report.get("curve") or {}).items():
        rows = [(when, _with_interval(found[when], "mean")) for when in ("first", "last")]
        tables.append(_table((f"{name} in training", "mean of a fifth of the logged lines"), rows))
    return "\n".join(tables) or "Nothing was measured.\n"


def _numbers(found: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Rows for the numbers of a measurement; one with an interval in the same place takes it along."""
    for name, value in found.items():
        if name in ("lower", "upper", "split"):
            continue
        if name == "accuracy":
            yield name, _with_interval(found, name)
        elif isinstance(value, int | float):
            yield name.replace("_", " "), _number(value)


def _with_interval(found: Mapping[str, Any], name: str) -> str:
    value, lower, upper = found.get(name), found.get("lower"), found.get("upper")
    told = _number(value) if value is not None else "not known"
    return told if lower is None or upper is None else f"{told} (90% interval {_number(lower)} to {_number(upper)})"


def _made(run: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    cost = report.get("cost") or {}
    facts = [
        ("seconds", cost.get("seconds")),
        ("peak memory, MB", round(cost["peak_memory_bytes"] / 1e6) if cost.get("peak_memory_bytes") else None),
        ("peak memory of the GPU, MB",
         round(cost["peak_gpu_memory_bytes"] / 1e6) if cost.get("peak_gpu_memory_bytes") else None),
        *(run.get("settings") or {}).items(),
        *((f"version of {name}", version) for name, version in (run.get("versions") or {}).items()),
    ]
    return _table(("run", ""), [(name, value) for name, value in facts if value is not None]) + (
        "\n`report.json` and `metrics.jsonl` hold the numbers, `run.json` what is needed to make it again.\n"
    )


def _code(value: Any) -> str:
    return f"`{value}`" if value else ""


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def _table(header: tuple[str, str], rows: Iterable[tuple[str, Any]]) -> str:
    lines = [header, ("---", "---"), *rows]
    return "".join(f"| {_cell(name)} | {_cell(value)} |\n".replace("  ", " ") for name, value in lines)


def _cell(value: Any) -> str:
    text = _number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
    return " ".join(text.replace("|", "\\|").split())
