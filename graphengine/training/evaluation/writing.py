"""The report: `report.json` for programs, `report.md` for people, and the pictures beside."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from graphengine.errors import TrainingError
from graphengine.training.evaluation.markdown import markdown
from graphengine.training.evaluation.pictures import Point, reliability, reward_and_tax
from graphengine.training.run_folder import REPORT, RUN, writing

if TYPE_CHECKING:
    from graphengine.training.evaluation.results import Evaluation
    from graphengine.training.run_folder import RunFolder

STAGE = "evaluate"
PAGE = "report.md"
TAX = "reward-and-tax.svg"


def prepare(run: RunFolder) -> None:
    """Make the folder ready: new, or that of an earlier evaluation, whose report stays until the new one is written.

    Raises:
        TrainingError: If it holds anything else, or can't be written.
    """
    out = run.out
    if out.is_file():
        raise TrainingError(f"{out} is a file", hint="name another folder", file=out, key="out")
    with writing(out):
        if out.is_dir() and any(out.iterdir()) and not _ours(run):
            raise TrainingError(
                f"{out} is not empty, and holds no evaluation", hint="name another folder", file=out, key="out"
            )
        out.mkdir(parents=True, exist_ok=True)
        if not _ours(run):
            run.write_json(RUN, {"stage": STAGE})


def _ours(run: RunFolder) -> bool:
    try:
        return json.loads((run.out / RUN).read_text(encoding="utf-8"))["stage"] == STAGE
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write(run: RunFolder, evaluation: Evaluation) -> Evaluation:
    """Write everything: the pictures, then `report.json`, then the page, which tells what that one says it cost.

    Returns:
        The evaluation with what it cost.

    Raises:
        TrainingError: If a file can't be written.
    """
    pictures = {file_of(name): reliability(name, found) for name, found in evaluation.calibrations.items()}
    if points := tax_points(evaluation):
        pictures[TAX] = reward_and_tax(points, "change of reward", "change of loss (nats per token)")
    with writing(run.out):
        for old in [run.out / REPORT, run.out / PAGE, run.out / TAX, *run.out.glob("reliability-*.svg")]:
            old.unlink(missing_ok=True)
    for name, picture in pictures.items():
        run.write_text(name, picture + "\n")
    run.write_json(RUN, evaluation.run)
    shape = evaluation.as_json()
    whole = run.finish({key: value for key, value in shape.items() if key not in ("run", "cost")})
    evaluation = replace(evaluation, cost=whole["cost"])
    run.write_text(PAGE, markdown(evaluation, list(pictures)))
    return evaluation


def file_of(name: str) -> str:
    """The file of a reward model's reliability plot.

    Example:
        >>> file_of("runs/reward:v2")
        'reliability-runs-reward-v2.svg'
    """
    return f"reliability-{'-'.join(re.findall(r'[A-Za-z0-9_.]+', name)) or 'reward'}.svg"


def tax_points(evaluation: Evaluation) -> list[Point]:
    """What each policy and the in-context row gained and lost, where both were measured."""
    found = []
    for row in evaluation.rows:
        gain, tax = row.measures.get("reward_change"), row.measures.get("loss_change")
        if gain is not None and tax is not None and gain.value is not None and tax.value is not None:
            label = row.name if row.kl_weight is None else f"{row.name} (KL weight {row.kl_weight:g})"
            found.append(Point(label, gain, tax))
    return found
