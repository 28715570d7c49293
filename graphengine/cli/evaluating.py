"""Measuring what training was worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphengine.cli import output
from graphengine.cli.output import say
from graphengine.cli.running import json_option

if TYPE_CHECKING:
    from graphengine.training.evaluation import Evaluation

_FOLDER = click.Path(path_type=Path)


@click.command()
@click.argument("more", nargs=-1, type=_FOLDER, metavar="")
@click.option("--out", required=True, type=_FOLDER, help="The folder for the report.")
@click.option("--data", type=_FOLDER, metavar="FOLDER",
              help="The dataset folder; its test split is measured on.")
@click.option("--models", multiple=True, type=_FOLDER, metavar="A [B C…]",
              help="Policies to measure, and reward models to tabulate: folders that `graphengine train` wrote, or of "
                   "Hugging Face models.")
@click.option("--reference", type=_FOLDER, metavar="FOLDER",
              help="The policy before training: what win rate, KL and alignment tax are told against.")
@click.option("--reward", default="", metavar="R",
              help="What answers are rewarded by: a reward model, or module:function. It is measured too.")
@click.option("--kind", default="cards", show_default=True, metavar="KIND",
              help="The pairs that reward models are measured on.")
@click.option("--scenarios", type=_FOLDER, metavar="FOLDER",
              help="An export with --all-scenarios of the same graph: for scenarios that training did not show.")
@click.option("--text", type=_FOLDER, metavar="FILE",
              help="A text that training did not see, for the loss. [default: the sft test split]")
@click.option("--task", type=_FOLDER, metavar="FILE", help="Tasks for exact match: JSONL with prompt and answer.")
@click.option("--judge", default="", metavar="URL", help="A chat endpoint that compares answers, in both orders.")
@click.option("--judge-model", default="", metavar="NAME", help="Its name of the judge.")
@click.option("--judge-budget", type=click.IntRange(1), metavar="TOKENS", help="The most that the judge may cost.")
@click.option("--stages", multiple=True, type=_FOLDER, metavar="RUN",
              help="More runs whose time and memory are told; may be given more than once.")
@click.option("--in-context/--no-in-context", default=True, show_default=True,
              help="Measure the reference with winning cards as a system prompt, too.")
@click.option("--prompts", type=click.IntRange(1), default=64, show_default=True, help="The most prompts.")
@click.option("--texts", type=click.IntRange(1), default=200, show_default=True, help="The most held-out texts.")
@click.option("--max-new-tokens", type=click.IntRange(1), default=128, show_default=True,
              help="The longest answer, in tokens.")
@click.option("--batch-size", type=click.IntRange(1), default=16, show_default=True,
              help="Prompts that are answered at once.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of what is drawn.")
@json_option
def evaluate(*, more: tuple[Path, ...], models: tuple[Path, ...], as_json: bool, **given: Any) -> None:
    """Measure reward models and policies on what training did not see.

    Writes report.md, report.json and pictures. Reward models: accuracy and calibration beside baselines that never see
    the prompt. Policies: reward, win rate, KL, and what alignment cost elsewhere; beside them the reference with the
    winning cards as a system prompt, which training must beat. Needs the extra train.

    \b
      graphengine evaluate --data pairs --reward runs/reward --out evaluation
      graphengine evaluate --data pairs --reward runs/reward --reference runs/sft --models runs/ppo --out evaluation
      graphengine evaluate --data pairs --reward runs/reward --reference base --models A B C --out evaluation
    """  # noqa: D301
    from graphengine.training.evaluation import EvaluationSettings
    from graphengine.training.evaluation import evaluate as run

    settings = EvaluationSettings(models=(*models, *more), **given)
    with output.working("evaluating") as tell:
        found = run(settings, progress=tell)
    if as_json:
        output.show_json(found.as_json())
        return
    _show(found)


def _show(found: Evaluation) -> None:
    from graphengine.training.evaluation.markdown import verdicts

    for line in verdicts(found):
        say(line)
    for note in found.notes:
        output.warn(note)
    say(f"the report is in {found.out}: report.md, report.json and pictures")
