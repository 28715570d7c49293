"""The report as Markdown: plain words first, the tables beneath."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from graphengine.report.words import clean
from graphengine.training.evaluation.results import MEASURES, OF_POLICIES, OF_REWARD_MODELS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from graphengine.training.evaluation.figures import Figure
    from graphengine.training.evaluation.results import Evaluation, Row

FEW = 5
"""Fewer contexts (texts, tasks) than these support no claim, whatever their interval."""
_HOW = """\
Every interval covers 90% and takes whole contexts (for tasks: tasks; for a text file: paragraphs) as what was drawn at
random. n counts rows. Answers are drawn at temperature 1 with nothing cut off, with the same seed for every model; KL
is summed over the whole vocabulary at each place of the policy's answers. Exact match compares words, whatever white
space is between them. A change is a difference on the same rows, so it is exactly 0 for equal models.
"""


def markdown(evaluation: Evaluation, pictures: Sequence[str]) -> str:
    """The report.

    Args:
        evaluation: What was found.
        pictures: Files beside it.
    """
    rewards = [row for row in evaluation.rows if row.kind == "reward model"]
    policies = [row for row in evaluation.rows if row.kind != "reward model"]
    blocks = ["# Evaluation", "\n".join(f"- {each}" for each in verdicts(evaluation)) or "Nothing was measured."]
    if rewards:
        blocks += ["## Reward models", _measured(rewards, list(OF_REWARD_MODELS)), _baselines(evaluation)]
        blocks += [_calibration(evaluation)]
    if policies:
        blocks += ["## Policies", _measured(policies, list(OF_POLICIES))]
        blocks += [_reward_and_tax(evaluation), _judge(evaluation)]
    blocks += [f"![{name.removesuffix('.svg')}]({name})" for name in pictures]
    blocks += [_sizes(evaluation), _stages(evaluation)]
    if evaluation.notes:
        blocks += ["## Notes", "\n".join(f"- {note}" for note in evaluation.notes)]
    blocks += ["## How it was measured", _HOW.strip(), _meanings(evaluation), "## The run", _run(evaluation)]
    return "\n\n".join(block for block in blocks if block) + "\n"


def verdicts(evaluation: Evaluation) -> list[str]:
    """What was found, in sentences."""
    said = []
    best = max(evaluation.baselines, key=lambda each: each["accuracy"], default=None)
    led = next((row for row in evaluation.rows if row.kind == "in-context"), None)
    for row in evaluation.rows:
        if row.kind == "reward model" and (found := row.measures.get("accuracy_contexts")) and best:
            over = (found.lower or 0) > best["upper"]
            apart = "" if over else " The intervals overlap: that it learnt more than wording is not shown."
            said.append(
                f"{row.name}: accuracy {shown(found)} on held-out pairs; the best baseline, {best['name']}, which "
                f"never sees the prompt: {_accuracy(best)}.{apart}"
            )
        if row.kind != "policy":
            continue
        if (found := row.measures.get("win_rate")) and found.value is not None:
            said.append(f"{row.name} wins against the reference in {shown(found)}{_sure(found, 0.5)}")
        if (found := row.measures.get("reward_over_in_context")) and found.value is not None and led:
            told = f"{shown(found, sign=True)}{_sure(found, 0)}"
            said.append(f"{row.name} against winning cards as a system prompt, reward: {told}")
        for key in ("loss_change", "exact_match_change"):
            if (found := row.measures.get(key)) and found.value is not None:
                said.append(f"{row.name}, {MEASURES[key].heading}: {shown(found, sign=True)}{_sure(found, 0)}")
    for clearly, how in ((True, "clearly"), (False, "though within the noise")):
        worse = [MEASURES[each.measure].heading for each in evaluation.trends if each.worse and each.clearly == clearly]
        if worse:
            said.append(f"Worse with size, {how}: {'; '.join(worse)}.")
    return said


def _sure(figure: Figure, nothing: float) -> str:
    if figure.lower is None or figure.upper is None or figure.clusters < FEW:
        return f", from {figure.clusters} only: too few to say."
    return ": within the noise." if figure.lower <= nothing <= figure.upper else "."


def shown(figure: Figure | None, *, sign: bool = False) -> str:
    """A figure with its interval and from how many.

    Example:
        >>> from graphengine.training.evaluation.figures import Figure
        >>> shown(Figure(0.9, 0.8, 0.95, 105, "pairs", 20))
        '0.900 [0.800, 0.950], n=105'
        >>> shown(None)
        '–'
    """
    if figure is None or figure.value is None:
        return "–"
    form = "+.3f" if sign else ".3f"
    between = "" if figure.lower is None else f" [{figure.lower:{form}}, {figure.upper:{form}}]"
    return f"{figure.value:{form}}{between}, n={figure.n}"


def _measured(rows: Sequence[Row], keys: Sequence[str]) -> str:
    """Measures down, models across."""
    used = [key for key in keys if any(row.measures.get(key) is not None for row in rows)]
    body = [("parameters", *("–" if row.parameters is None else f"{row.parameters:,}" for row in rows))]
    for key in used:
        change = "change" in key or "over" in key
        body.append((_heading(key), *(shown(row.measures.get(key), sign=change) for row in rows)))
    return table(("measure", *(_title(row) for row in rows)), body)


def _title(row: Row) -> str:
    return row.name if row.kind in ("reward model", "in-context") else f"{row.name} ({row.kind})"


def _heading(key: str) -> str:
    arrow = {"higher": " ↑", "lower": " ↓", "": ""}[MEASURES[key].better]
    return MEASURES[key].heading + arrow


def _baselines(evaluation: Evaluation) -> str:
    if not evaluation.baselines:
        return ""
    rows = [(each["name"], each["rule"], _accuracy(each)) for each in evaluation.baselines]
    said = "Baselines on the same pairs, none of which sees the prompt:"
    return f"{said}\n\n{table(('baseline', 'rule', 'accuracy'), rows)}"


def _accuracy(baseline: dict[str, Any]) -> str:
    return "{accuracy:.3f} [{lower:.3f}, {upper:.3f}], n={pairs}".format(**baseline)


def _calibration(evaluation: Evaluation) -> str:
    rows = []
    for name, found in evaluation.calibrations.items():
        for each in found:
            chance = "–" if each.error_by_chance is None else f"{each.error_by_chance:.3f}"
            over = "–" if each.overconfidence is None else f"{each.overconfidence:+.3f}"
            rows.append((name, each.labels, shown(each.error), chance, over))
    head = ("model", "labels", "calibration error", "error of a calibrated model by chance", "overconfidence")
    return table(head, rows) if rows else ""


def _reward_and_tax(evaluation: Evaluation) -> str:
    rows = [row for row in evaluation.rows if row.kind in ("policy", "in-context")]
    if len(rows) < 2:
        return ""
    rows.sort(key=lambda row: (row.kind != "in-context", row.kl_weight is None, -(row.kl_weight or 0), row.name))
    keys = ("reward_change", "kl_response", "loss_change", "exact_match_change", "length")
    body = [
        (row.name, "–" if row.kl_weight is None else f"{row.kl_weight:g}",
         *(shown(row.measures.get(key), sign="change" in key) for key in keys))
        for row in rows
    ]
    head = ("policy", "KL weight", *(MEASURES[key].heading for key in keys))
    return "### Reward against tax\n\n" + table(head, body)


def _judge(evaluation: Evaluation) -> str:
    if not evaluation.judged:
        return ""
    rows = [
        (name, each.judge, shown(each.win_rate), shown(each.position_bias), shown(each.agreement), f"{each.unreadable}",
         f"{each.same}")
        for name, each in evaluation.judged.items()
    ]
    head = ("policy", "judge", "win rate", "first place won (0.5: no bias)", "both orders agree", "unreadable",
            "same answers")
    return "### The judge\n\n" + table(head, rows)


def _sizes(evaluation: Evaluation) -> str:
    if not evaluation.trends:
        return ""
    rows = [
        (_heading(each.measure), shown(each.slope, sign=True),
         ("yes" if each.clearly else "within the noise") if each.worse else "no")
        for each in evaluation.trends
    ]
    return "## Sizes\n\n" + table(("measure", "change for ten times the parameters", "worse with size"), rows)


def _stages(evaluation: Evaluation) -> str:
    if not evaluation.stages:
        return ""
    rows = [
        (each.stage or "–", each.folder, "–" if each.seconds is None else f"{each.seconds:,.0f} s",
         _memory(each.peak_memory_bytes), _memory(each.peak_gpu_memory_bytes))
        for each in evaluation.stages
    ]
    return "## Stages\n\n" + table(("stage", "folder", "time", "peak memory", "peak GPU memory"), rows)


def _memory(size: int | None) -> str:
    return "–" if size is None else f"{size / 2**20:,.0f} MiB"


def _meanings(evaluation: Evaluation) -> str:
    used = {key for row in evaluation.rows for key, figure in row.measures.items() if figure is not None}
    rows = [(measure.heading, measure.meaning) for key, measure in MEASURES.items() if key in used]
    return table(("measure", "what it is"), rows) if rows else ""


def _run(evaluation: Evaluation) -> str:
    cost = evaluation.cost
    said = f"{cost['seconds']:,.0f} s, {_memory(cost['peak_memory_bytes'])} of memory at most." if cost else ""
    return f"{said}\n\n```json\n{json.dumps(evaluation.run, indent=2, ensure_ascii=False)}\n```"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    r"""A Markdown table.

    Example:
        >>> print(table(("a", "b"), [("x|y", 1)]))
        | a | b |
        | --- | --- |
        | x\|y | 1 |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(clean(str(cell)).replace("|", "\\|") for cell in line) + " |" for line in lines)
