"""Training models on what was exported."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from graphengine.cli import output
from graphengine.cli.output import count, say

# Name of the stage, its classes' name, and its first sentence: `train --help` answers without loading them.
STAGES = {
    "sft": ("SFT", "A policy on the answers of the wisest values."),
    "reward": ("Reward", "A reward model on pairs."),
    "ppo": ("PPO", "A policy on rewards, by PPO."),
    "dpo": ("DPO", "A policy on pairs, without a reward model."),
    "kto": ("KTO", "A policy on single answers, wanted or not."),
    "grpo": ("GRPO", "A policy on rewards, by groups of answers."),
    "rloo": ("RLOO", "A policy on rewards, each answer against the others."),
}


class _Stages(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(STAGES)  # in the order of the work, not of the alphabet


class _Stage(click.Command):
    """A stage as a command; its settings are read from its module when help asks for them."""

    def __init__(self, name: str) -> None:
        super().__init__(
            name, callback=lambda **given: _run(name, **given), short_help=STAGES[name][1],
            help=f"""{STAGES[name][1]}

            \b
              graphengine train {name} --config pipelines/{RECIPES.get(name, name)}.yaml
              graphengine train {name} --config my.yaml --set learning_rate=1e-6 --set out=runs/second
            """,
            params=[
                click.Option(
                    ["--config", "config"], type=click.Path(path_type=Path), metavar="FILE",
                    help="A recipe: YAML of the settings below.",
                ),
                click.Option(
                    ["--set", "overrides"], multiple=True, metavar="KEY=VALUE",
                    help="A setting, over what the recipe says; may be given more than once.",
                ),
                click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object."),
            ],
        )

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from graphengine.training.settings import describe

        super().format_options(ctx, formatter)
        assert self.name
        told = [
            (name, meaning + (f"  [default: {default}]" if default else "  [required]"))
            for name, default, meaning in describe(_settings(self.name))
        ]
        with formatter.section("Settings"):
            formatter.write_dl(told)


RECIPES = {"reward": "reward_model"}
"""Recipes that are not called what their stage is."""


@click.group(cls=_Stages)
def train() -> None:
    """Train a model on a dataset folder, one stage at a time.

    A stage reads a recipe and writes into the folder `out` a model, metrics.jsonl, report.json and a model card. What
    `graphengine train STAGE --help` lists may stand in the recipe or behind --set. Needs the extra train.

    \b
      graphengine train sft --config pipelines/sft.yaml
      graphengine train reward --config pipelines/reward_model.yaml --set seed=1
    """  # noqa: D301


for _name in STAGES:
    train.add_command(_Stage(_name))


def _module(name: str) -> Any:
    """A module of the training room.

    Raises:
        MissingExtraError: If what it is made of is not installed.
    """
    from graphengine.errors import MissingExtraError

    try:
        return import_module(f"graphengine.training.{name}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("graphengine"):
            raise
        raise MissingExtraError.of(error.name or "torch", "train") from error


def _settings(stage: str) -> type:
    """The settings of a stage; they have a module of their own where the stage's needs torch to be imported."""
    own = f"{stage}_settings"
    module = _module(own if find_spec(f"graphengine.training.{own}") else stage)
    return getattr(module, f"{STAGES[stage][0]}Settings")


def _run(stage: str, *, config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    from graphengine.training.settings import read_settings

    settings = read_settings(_settings(stage), config, overrides)
    first = os.environ.get("RANK", "0") == "0"  # of processes that train together, one speaks
    with output.working(f"training: {stage}") as tell:
        train_stage = getattr(_module(stage), f"train_{stage}")
        outcome = train_stage(settings, progress=tell if first else lambda _line: None)
    if not first:
        return
    answer = outcome.as_json()
    if as_json:
        output.show_json(answer)
        return
    _show(stage, answer["report"])
    say(f"the model is in {outcome.model}; report.json and README.md beside it say what it is")


def _show(stage: str, report: dict[str, Any]) -> None:
    """Say what a stage did: its rows, what was left out, how its numbers went, what it cost."""
    cost = report["cost"]
    memory = cost["peak_gpu_memory_bytes"] or cost["peak_memory_bytes"]
    say(
        f"{stage}: {count(report['steps'], 'step')} on {count(report['rows']['train'], 'row')} in "
        f"{cost['seconds']:,.0f} s, at most {memory / 2**20:,.0f} MiB of memory"
    )
    for reason, numbers in report["left_out"].items():
        if total := sum(numbers.values()):
            output.warn(f"{count(total, 'row')} left out: {reason} ({output.amounts(numbers)})")
    for name, ends in report["curve"].items():
        first, last = (_with_interval(ends[end], "mean") for end in ("first", "last"))
        say(f"  {name} in training: {first} at first, {last} at last")
    if held_out := report.get("held_out"):
        told = [
            f"{name.replace('_', ' ')} {_with_interval(held_out, name) if name == 'accuracy' else f'{value:.3g}'}"
            for name, value in held_out.items()
            if isinstance(value, int | float) and name not in ("rows", "lower", "upper")
        ]
        say(f"  on the {held_out['split']} split: {', '.join(told)}")
    for baseline in report.get("baselines") or []:
        say(f"  beside it, {baseline['name']} alone: {_with_interval(baseline, 'accuracy')}")
    for note in report.get("notes") or []:
        output.warn(note)


def _with_interval(found: dict[str, Any], name: str) -> str:
    """A number with its 90% interval, where there is one."""
    if found[name] is None:
        return "not known"
    if found.get("lower") is None or found.get("upper") is None:
        return f"{found[name]:.3g}"
    return f"{found[name]:.3g} (90%: {found['lower']:.3g} to {found['upper']:.3g})"
