"""BaseAlign in one readable program: prompts, targets and an evaluator to policies, and what changed.

`python pipelines/basealign.py OUT [--targets security,benevolence,UK,FR,NL] [--evaluator E] [--model M] [--prompts P]`

For each target a policy is trained from the same model, on the same prompts, with the distance to the target as its
reward. Then everybody answers prompts that nobody was trained on: the model before, the same with the target as a
system prompt (what training must beat), and the policy. `OUT/report.md` holds the table, and for each target what
changed: distances, the value tax, how many answers say nothing; with 90% intervals over prompts, and pictures.

Without an evaluator it trains a small one on the sample's cards, without a model it makes a tiny one, and without
prompts it makes them up: a demonstration of the way, on a CPU, in minutes. It may be stopped and started again.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from made_up import made_up_prompts, prompts_folder, small_evaluator, tiny_policy
from stages import RECIPES, Stages, write

from graphengine.errors import GraphEngineError, InputError
from graphengine.schwartz.measuring import Figure, facts, measure
from graphengine.schwartz.reward import prompt_text, scores_of
from graphengine.schwartz.scores import Scores
from graphengine.schwartz.shifting import shift
from graphengine.schwartz.target import warning
from graphengine.schwartz.target_files import load_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.schwartz.reward import Evaluator
    from graphengine.schwartz.shifting import Change, Shift
    from graphengine.schwartz.target import Target

TARGETS = "security,benevolence,UK,FR,NL"
RECIPE = RECIPES / "basealign.yaml"
BEFORE, PROMPTED = "before", "before, target as a prompt"
TOLD = {
    "per_response": "distance of an answer", "profile": "distance of the mean answer",
    "neutral": "share of answers that say nothing", "coverage": "share of asked scores that say something",
}


class PromptTooLongError(InputError):
    """A prompt does not fit into what a model can read."""


@dataclass(frozen=True)
class Task:
    """What is trained and measured.

    Attributes:
        evaluator: As a recipe names it.
        distance: Distance, coverage and its weight, as the recipe has them.
        prompts: A dataset folder of prompts.
        model: The policy before.
        method: ppo, grpo or rloo.
        answers: Answers to each prompt that is measured.
        tokens: The longest answer.
    """

    evaluator: str
    distance: dict[str, Any]
    prompts: Path
    model: Path
    method: str
    answers: int
    tokens: int

    def rewards(self, target: str) -> dict[str, Any]:
        """The rewards of a run; files as paths, so that a run is another one when they change."""
        names = {"target": target, "evaluator": self.evaluator}
        return {"value-distance": {
            **self.distance, **{key: Path(name) if Path(name).exists() else name for key, name in names.items()},
        }}


def main(
    out: Path, targets: str = TARGETS, *, evaluator: str = "", model: Path | None = None, prompts: Path | None = None,
    method: str = "ppo", answers: int = 4, sets: Sequence[str] = (),
) -> dict[str, Any]:
    """Train a policy for each target, measure, report; returns the report."""
    import yaml

    from graphengine.training.evaluators import load_evaluator

    wanted = {name: load_target(name) for name in targets.split(",")}
    if len({slug(target.name) for target in wanted.values()}) < len(wanted):
        raise InputError(f"--targets {targets} names a target twice", hint="give each a name of its own", value=targets)
    work = Stages(out)
    recipe = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    more = {key: yaml.safe_load(value) for key, _, value in (each.partition("=") for each in sets)}
    task = Task(
        evaluator=evaluator or str(work.make("evaluator", {"small": 1}, small_evaluator)),
        distance={key: value for key, value in recipe["rewards"]["value-distance"].items()
                  if key not in ("target", "evaluator")},
        prompts=prompts if prompts and prompts.is_dir() else work.make(
            "prompts", {"file": prompts} if prompts else {"made up": 1},
            lambda place: prompts_folder(place, read_prompts(prompts) if prompts else made_up_prompts())),
        model=model or tiny_policy(work), method=method, answers=answers,
        tokens=int(more.get("max_new_tokens", recipe["max_new_tokens"])),
    )
    reader = load_evaluator(task.evaluator, next(iter(wanted.values())).system)
    for target in wanted.values():
        scores_of(reader, [], target)  # one in another system is refused before anything is trained
    policies = {
        name: work.train(
            method, {"model": task.model, "data": task.prompts, "rewards": task.rewards(name), **more},
            name=f"policy-{slug(target.name)}", recipe=RECIPE if method == "ppo" else None,
        ) / "model"
        for name, target in wanted.items()
    }
    told = report(task, reader, wanted, policies, out) | {
        "demonstration": demonstration(model, prompts, evaluator)}
    write(out / "report.json", json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    write(out / "report.md", text := markdown(told))
    print(text)
    return told


def demonstration(model: Path | None, prompts: Path | None, reader: str, who: str = "evaluator") -> list[str]:
    """Why what comes out is no result; nothing where everything was given."""
    return [why for why, given in (
        ("the model is tiny and began with random weights", model), ("the prompts are made up", prompts),
        (f"the {who} learnt from 54 cards", reader)) if not given]


def report(
    task: Task, reader: Evaluator, targets: dict[str, Target], policies: dict[str, Path], out: Path
) -> dict[str, Any]:
    """Let everybody answer the prompts that were held out, and tell what changed.

    Args:
        task: How to ask and what to measure.
        reader: The evaluator.
        targets: By the name that was asked for.
        policies: The policy of each.
        out: Where the pictures go.
    """
    from graphengine.training.data import open_folder

    splits = open_folder(task.prompts, "prompts").splits
    held_out = next((name for name in ("test", "validation") if name in splits), None)
    if held_out is None:
        raise InputError(f"{task.prompts} has no test split, so nothing is left to measure on",
                         hint="export prompts with held-out contexts, or give a file of prompts", file=task.prompts)
    rows = splits[held_out].to_list()
    before, _ = said(task, reader, task.model, rows)
    prompts = [each.rpartition("#")[0] for each in before.ids]
    found: dict[str, Any] = {}
    table: dict[str, Any] = {
        row: {} for row in (BEFORE, PROMPTED, task.method, "says nothing", "base rates", "least of -1, 0, 1")}
    for name, target in targets.items():
        print(f"measuring: {target.name}", file=sys.stderr, flush=True)
        sides = {BEFORE: before, task.method: said(task, reader, policies[name], rows)[0]}
        note = ""
        try:
            sides[PROMPTED] = said(task, reader, task.model, rows, target)[0]
        except PromptTooLongError as error:
            note = f"Not measured with the target as a prompt: {error.message}."
        known = {"prompts": prompts, "distance": task.distance["distance"]}
        after = shift(before, sides[task.method], target, **known)
        led = shift(before, sides[PROMPTED], target, **known) if PROMPTED in sides else None
        beyond = shift(sides[PROMPTED], sides[task.method], target, **known) if PROMPTED in sides else None
        for row, each in ((BEFORE, [c.before for c in pick(after)]), (task.method, [c.after for c in pick(after)]),
                          (PROMPTED, [c.after for c in pick(led)] if led else [])):
            table[row][target.name] = dict(zip(("per_response", "profile"), map(plain_figure, each), strict=False))
        nulls = measure(before, target, distances=[task.distance["distance"]])
        for row, each in (("says nothing", nulls.zero), ("base rates", nulls.base_rate),
                          ("least of -1, 0, 1", nulls.floor)):
            table[row][target.name] = {"per_response": {"value": each[task.distance["distance"]]}}
        found[target.name] = {
            "target": target.as_json(), "warning": warning(target), "trained": after.as_json(),
            "prompted": led.as_json() if led else None, "note": note,
            "trained_beside_prompted": beyond.as_json() if beyond else None,
            "saturated": facts(sides[task.method]).saturated, "kl": kl_of(policies[name].parent),
            "pictures": pictures(out, target, sides, after, task.method),
        }
    return {
        "method": task.method, "evaluator": reader.name, "distance": task.distance, "prompts": len(rows),
        "answers": task.answers, "table": table, "targets": found,
    }


def said(
    task: Task, reader: Evaluator, model: Path, rows: list[dict[str, Any]], target: Target | None = None, *,
    times: int = 0, seed: int = 0,
) -> tuple[Scores, list[str]]:
    """What a model answers to each prompt several times, and what an evaluator reads in it.

    Args:
        task: How to ask.
        reader: The evaluator.
        model: A policy.
        rows: Prompts.
        target: The model is asked in a system prompt to meet it; None asks nothing.
        times: Answers to each prompt; 0 takes the task's.
        seed: Of the first answer.

    Raises:
        PromptTooLongError: If a prompt does not fit into what the model reads.
    """
    from transformers.utils import logging

    from graphengine.models.generator import LocalGenerator
    from graphengine.models.requests import TOO_LONG, Request
    from graphengine.schwartz.prompting import target_prompt
    from graphengine.schwartz.system import load_system

    logging.disable_progress_bar()
    times = times or task.answers
    talks = [row["prompt"] if isinstance(row["prompt"], list) else [{"role": "user", "content": row["prompt"]}]
             for row in rows]
    led = [("system", target_prompt(target))] if target else []
    asked = [
        Request((*led, *((each["role"], each["content"]) for each in talk)), max_tokens=task.tokens, seed=seed + time)
        for talk in talks for time in range(times)
    ]
    found = LocalGenerator(model, batch_size=32).complete(asked)
    long = sum(each.stopped == TOO_LONG for each in found[::times])
    if long:  # an answer that could not be given is no answer that says nothing
        raise PromptTooLongError(f"{long} of {len(rows)} prompts are longer than {model} can read",
                                 hint="give shorter prompts, or a model that reads more", file=model)
    answers = [each.text for each in found]
    pairs = [(prompt_text(talks[place // times]), text) for place, text in enumerate(answers)]
    names = [f"{row}#{time}" for row in range(len(rows)) for time in range(times)]
    return Scores(scores_of(reader, pairs, target), load_system(reader.system), tuple(names)), answers


def pictures(out: Path, target: Target, sides: dict[str, Scores], after: Shift, method: str) -> list[str]:
    """Bars of each value before and after, histograms of the scores, and the circle with target and policy."""
    from graphengine.report.value_change import Moved, score_histograms, value_change
    from graphengine.report.value_circle import around, value_circle

    system, order = target.values, around(target.values)
    names = [system.values[place].name for place in order]
    asked = [target.vector[place] if target.weight_array[place] > 0 else None for place in order]
    changes = [after.values[system.ids[place]] for place in order]
    one, two = ([each.matrix[:, place].tolist() for place in order] for each in (sides[BEFORE], sides[method]))
    drawn = {
        "values": value_change(
            [Moved(name, each.before, each.after, number)
             for name, each, number in zip(names, changes, asked, strict=True)],
            f"What answers express, target {target.name}", BEFORE, method),
        "scores": score_histograms(names, one, two, f"Scores of answers, target {target.name}", (BEFORE, method)),
        "circle": value_circle(system, target.vector, f"target {target.name}", sides[method].profile.tolist(),
                               f"after {method}"),
    }
    for kind, picture in drawn.items():
        write(out / f"{slug(target.name)}-{kind}.svg", picture)
    return [f"{slug(target.name)}-{kind}.svg" for kind in drawn]


def markdown(told: dict[str, Any]) -> str:
    """The report for people."""
    names, method = list(told["targets"]), told["method"]
    lines = ["# BaseAlign: before and after", ""]
    if told["demonstration"]:
        lines += [f"This shows the way and is no result: {', '.join(told['demonstration'])}.", ""]
    lines += [
        f"Answers to {told['prompts']} prompts that nobody was trained on, {told['answers']} each, read by "
        f"{told['evaluator']}. In brackets: 90% intervals over prompts, of one training run each.", "",
    ]
    for kind, title in (("per_response", "Distance of an answer"), ("profile", "Distance of the mean answer")):
        rows = {row: cells for row, cells in told["table"].items() if any(kind in cells[name] for name in names)}
        lines += [
            f"## {title} ({told['distance']['distance']})", "",
            f"| | {' | '.join(names)} |", f"|---{'|---' * len(names)}|",
            *[f"| {row} | {' | '.join(cell(cells[name].get(kind)) for name in names)} |"
              for row, cells in rows.items()], "",
        ]
    lines += ["The last rows are no model: an answer that says nothing, one that is the average answer before, and "
              "the least that an answer can reach whose scores are all -1, 0 or 1. A target of fractions is met by a "
              "mean of many answers, not by one.", ""]
    for name, each in told["targets"].items():
        trained, led, beyond = each["trained"], each["prompted"], each["trained_beside_prompted"]
        lines += [
            f"## {name}", "", *([f"{each['warning']}.", ""] if each["warning"] else []),
            f"| | {BEFORE} | {method} | change | {PROMPTED}: change | {method} beside that |", f"|---{5 * '|---'}|",
            *[f"| {title} | {cell(trained[kind]['before'])} | {cell(trained[kind]['after'])} | "
              f"{cell(trained[kind]['change'])} | {cell(led and led[kind]['change'])} | "
              f"{cell(beyond and beyond[kind]['change'])} |" for kind, title in TOLD.items()], "",
            tax_told(f"Value tax of {method}", trained["tax"]),
            tax_told("Value tax of the prompt", led["tax"]) if led else each["note"], "",
            *([f"KL to the model before at the end of training: {each['kl']:.1f} nats an answer.", ""] if each["kl"]
              else []),
            f"{each['saturated']:.0%} of the scores lie within 1/8 of -1, 0 or 1. Pictures: "
            + ", ".join(f"[{picture}]({picture})" for picture in each["pictures"]) + ".", "",
        ]
    return "\n".join(lines)


def tax_told(what: str, tax: dict[str, Any] | None) -> str:
    """The value tax in a sentence."""
    if tax is None:
        return f"{what}: none, since the target asks about every value."
    told = (f"{what}: the {len(tax['values'])} values that the target does not ask about shifted by "
            f"{cell({'value': tax['mean_shift'], 'interval': tax['interval']})} in the mean")
    if tax["by_chance"] is not None:
        told += f", of which answers as few as these make {tax['by_chance']:.3f} by chance"
    return told + (f"; {tax['rate']:.2f} in sum for each unit that the profile came nearer." if tax["rate"] else ".")


def cell(figure: dict[str, Any] | None) -> str:
    """A number with its interval."""
    if figure is None or figure["value"] is None:
        return "-"
    lower, upper = figure.get("interval") or (None, None)
    return f"{figure['value']:.3f}" + ("" if lower is None else f" ({lower:.3f} to {upper:.3f})")


def kl_of(run: Path) -> float | None:
    """The KL of the last updates, in nats an answer; None where the stage tells none."""
    curve = json.loads((run / "report.json").read_text(encoding="utf-8"))["curve"]
    return curve["kl"]["last"]["mean"] if "kl" in curve else None


def pick(found: Shift) -> list[Change]:
    """Both distances."""
    return [found.told["per_response"], found.told["profile"]]


def plain_figure(each: Figure) -> dict[str, Any]:
    """As JSON."""
    return {"value": each.value, "interval": [each.lower, each.upper]}


def slug(name: str) -> str:
    """A name in names of files."""
    return "-".join("".join(letter if letter.isalnum() else " " for letter in name).lower().split())


def read_prompts(file: Path) -> list[Any]:
    """Prompts of a text file (one a line), or the column `prompt` of JSON Lines or Parquet."""
    from graphengine.training.prompts import open_prompts

    if file.suffix == ".txt":
        return [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [row["prompt"] for row in open_prompts(file).rows]


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("out", type=Path, help="the folder of everything")
    asked.add_argument("--targets", default=TARGETS, help="presets or files, with commas between them")
    asked.add_argument("--evaluator", default="", help="a folder, MODEL@http://host/v1, or a function")
    asked.add_argument("--model", type=Path, help="the policy before; without it, a tiny one")
    asked.add_argument("--prompts", type=Path, help="a dataset folder, or a file: .txt, .jsonl, .parquet")
    asked.add_argument("--method", choices=("ppo", "grpo", "rloo"), default="ppo")
    asked.add_argument("--answers", type=int, default=4, help="answers to each prompt that is measured")
    asked.add_argument("--set", action="append", default=[], dest="sets", metavar="KEY=VALUE", help="of training")
    given = asked.parse_args()
    try:
        main(**vars(given))
    except GraphEngineError as error:
        sys.exit(f"error: {error.message}\n  try: {error.hint}")
