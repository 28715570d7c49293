"""Evaluators of values: trained, measured, put to use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphengine.cli import output
from graphengine.cli.output import count, say
from graphengine.cli.running import json_option

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

_FILE = click.Path(path_type=Path)
_EVALUATOR = click.option(
    "--evaluator", required=True, metavar="WHICH",
    help="A folder of train-evaluator, a file of labelled answers, MODEL@http://host/v1, module:function or "
         "file.py:function.",
)
_SYSTEM = click.option("--system", default="schwartz-10", show_default=True,
                       help="The values, by name or file; a trained evaluator knows its own.")
_TRANSCRIPT = click.option("--transcript", type=_FILE, metavar="FILE",
                           help="Keeps a judge's answers: none is asked twice.")
_BUDGET = click.option("--budget", type=click.IntRange(1), metavar="TOKENS",
                       help="The most tokens that a judge may use.")


class _Train(click.Command):
    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from graphengine.training.evaluator_settings import EvaluatorSettings
        from graphengine.training.settings import describe

        super().format_options(ctx, formatter)
        with formatter.section("Settings"):
            formatter.write_dl([
                (name, meaning + (f"  [default: {default}]" if default else "  [required]"))
                for name, default, meaning in describe(EvaluatorSettings)
            ])


@click.command("train-evaluator", cls=_Train)
@click.option("--config", type=_FILE, metavar="FILE", help="A recipe: YAML of the settings below.")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE",
              help="A setting, over what the recipe says; may be given more than once.")
@json_option
def train_evaluator(*, config: Path | None, overrides: tuple[str, ...], as_json: bool) -> None:
    """Train an evaluator on labelled answers.

    It learns, from (prompt, response) and labels, how likely an answer opposes or aligns with each value; its
    probabilities are calibrated on answers that were held out. Needs the extra train.

    \b
      graphengine schwartz train-evaluator --config pipelines/value_evaluator.yaml
      graphengine schwartz train-evaluator --set 'rows=[a.jsonl, b.jsonl]' --set out=runs/evaluator
    """  # noqa: D301
    from graphengine.cli.training import _module
    from graphengine.training.evaluator_settings import EvaluatorSettings
    from graphengine.training.settings import read_settings

    settings = read_settings(EvaluatorSettings, config, overrides)
    with output.working("training an evaluator") as tell:
        outcome = _module("evaluator").train_evaluator(settings, progress=tell)
    if as_json:
        output.show_json(outcome.as_json())
        return
    held = outcome.report["held_out"]
    for name, told in (("the evaluator", held["evaluator"]["measured"]), ("words alone", held["words"]["measured"]),
                       ("always 0", held["evaluator"]["baselines"]["all_zeros"])):
        say(f"on held-out prompts, {name}: accuracy {_range(told, 'accuracy')}, macro-F1 {_range(told, 'macro_f1')}")
    say(f"calibration error {held['evaluator']['ece']:.3f} at temperature {outcome.report['temperature']:.2f}")
    say(f"the evaluator is in {outcome.model}; report.json and README.md beside it say what it is")


@click.command()
@click.argument("files", nargs=-1, type=_FILE, required=True)
@_EVALUATOR
@_SYSTEM
@click.option("--predict", is_flag=True, help="Score the answers of IN into OUT, instead of measuring.")
@click.option("--policy", default="stored", show_default=True, help="Of FULCRA rows: stored, or how items are placed.")
@click.option("--roll-up", default="schwartz", show_default=True,
              help="Whose roll-up of finer values: schwartz, fulcra.")
@click.option("--band", type=click.FloatRange(0, 1), help="Abstain where the two likeliest sides are closer than this.")
@click.option("--picture", type=_FILE, metavar="SVG", help="Draw the reliability plot into this file.")
@_TRANSCRIPT
@_BUDGET
@json_option
def evaluate(
    *, files: tuple[Path, ...], evaluator: str, system: str, predict: bool, policy: str, roll_up: str,
    band: float | None, picture: Path | None, transcript: Path | None, budget: int | None, as_json: bool,
) -> None:
    """How often an evaluator is right on labelled ROWS.

    Beside it, what answering 0 always reaches, and each value's most frequent label; per value, responder and source of
    queries; 95% intervals over groups of prompts. With --predict it scores IN (JSON lines of id, prompt, response)
    into OUT (id and scores, ten numbers in the order SD ST HE AC PO SE TR CO BE UN).

    \b
      graphengine schwartz evaluate rows.jsonl --evaluator runs/evaluator --picture reliability.svg
      graphengine schwartz evaluate rows.jsonl --evaluator my-model@http://localhost:8000/v1 --transcript judge.jsonl
      graphengine schwartz evaluate --evaluator runs/evaluator --predict in.jsonl out.jsonl
    """  # noqa: D301
    if predict:
        if len(files) != 2:
            raise click.UsageError("--predict takes IN.jsonl and OUT.jsonl")
        _check_folder(files[1])
        _predict(files[0], files[1], evaluator, system, transcript, budget, as_json=as_json)
        return
    if picture is not None:
        _check_folder(picture)
    from graphengine.schwartz.judged import Known, judged
    from graphengine.schwartz.labelled import join, read_labelled
    from graphengine.schwartz.target_files import write_whole

    with output.working("reading answers") as tell:
        reader: Any = _load(evaluator, system, transcript, budget, tell)
        rows = join([read_labelled(path, reader.system, policy=policy, roll_up=roll_up) for path in files])
        found = judged(
            _module().probabilities_of(reader, rows.pairs), rows, known=_known(reader, Known),
            band=getattr(reader, "band", 0.0) if band is None else band,
            one=reader.one_of_many(rows.pairs) if hasattr(reader, "one_of_many") and (rows.chosen >= 0).any() else None,
        )
    if picture is not None:
        from graphengine.report.reliability import reliability_plot

        write_whole(picture, reliability_plot(found["reliability"], f"{reader.name}: right by how sure", found["ece"]))
    if as_json:
        output.show_json({"ok": True, "evaluator": reader.name, "system": rows.system.name, "left_out": rows.left_out,
                          "picture": str(picture) if picture else None, **found})
        return
    _show(reader.name, found)
    if picture is not None:
        say(f"the reliability plot is in {picture}")


@click.command()
@click.argument("file", type=_FILE)
@_EVALUATOR
@_SYSTEM
@click.option("--driving", type=click.IntRange(0), default=3, show_default=True,
              help="Answers that are named for each value, on either side.")
@_TRANSCRIPT
@_BUDGET
@json_option
def profile(
    *, file: Path, evaluator: str, system: str, driving: int, transcript: Path | None, budget: int | None,
    as_json: bool,
) -> None:
    """What the answers in FILE express.

    Each value with a 90% interval over answers, how many answers say anything about it, what an evaluator that reads
    nothing would say, and the answers that drove the score. FILE has prompt and response, and id.

    \b
      graphengine schwartz profile answers.jsonl --evaluator runs/evaluator
    """  # noqa: D301
    from graphengine.schwartz.expressed import expressed
    from graphengine.schwartz.judged import Known
    from graphengine.schwartz.reward import scores_of
    from graphengine.schwartz.scores import Scores
    from graphengine.schwartz.system import load_system

    with output.working("reading answers") as tell:
        reader: Any = _load(evaluator, system, transcript, budget, tell)
        ids, pairs = _answers(file)
        scores = Scores(scores_of(reader, pairs), load_system(reader.system), tuple(map(str, ids)))
    known = _known(reader, Known)
    rates = labels = None
    if known is not None:
        rates = ((known.counts[:, 2] - known.counts[:, 0]) / known.counts.sum(axis=1).clip(1)).tolist()
        labels = (known.counts[:, 0] + known.counts[:, 2]).tolist()
    found = expressed(scores, base_rates=rates, known=labels, driving=driving)
    if as_json:
        output.show_json({"ok": True, "file": str(file), "evaluator": reader.name, **found})
        return
    say(f"{count(found['answers'], 'answer')}, read by {reader.name}; {found['coverage']:.1%} of the scores say "
        f"something, {count(found['neutral'], 'answer')} say nothing on any value")
    output.show_rows(
        [{"value": value, "score": f"{each['score']:+.3f}", "interval": _ends(each["interval"]),
          "coverage": f"{each['coverage']:.1%}",
          "null": "" if each["null"]["base_rate"] is None else f"{each['null']['base_rate']:+.3f}",
          **{side: ", ".join(one["id"] for one in each[side]) for side in ("for", "against")},
          "note": "too few labels to be measurable" if each["measurable"] is False else ""}
         for value, each in found["values"].items()],
        {"value": "value", "score": "score", "interval": "90% interval", "coverage": "says something",
         "null": "base rate", "for": "most for it", "against": "most against it", "note": ""},
    )


def _module() -> Any:
    from graphengine.cli.training import _module as module

    return module("evaluators")


def _load(spec: str, system: str, transcript: Path | None, budget: int | None, tell: Callable[[str], None]) -> Any:
    def told(done: int, of: int) -> None:
        tell(f"{done:,} of {of:,} answers")

    return _module().load_evaluator(spec, system, transcript=transcript, budget=budget, progress=told)


def _known(reader: Any, kind: Any) -> Any:
    """What a trained evaluator learnt from; None for others."""
    import numpy as np

    counts = getattr(reader, "counts", None)
    return kind(np.array(counts)) if counts else None


def _answers(file: Path, *, own_ids: bool = False) -> tuple[list[Any], list[tuple[str, str]]]:
    """Ids, as they stand in the file, and (prompt, response); rows without an id go by their number.

    Raises:
        InputError: If a row has none of these, of `own_ids` no id of its own, or an id is there twice.
    """
    from graphengine.errors import InputError
    from graphengine.schwartz.names import did_you_mean
    from graphengine.schwartz.reward import prompt_text
    from graphengine.schwartz.scores import open_table

    names, rows = open_table(file)
    if not rows:
        raise InputError(f"{file} has no rows", hint="each row is an answer: id, prompt, response", file=file)
    for name in ("prompt", "response"):
        if name not in names:
            raise InputError(f"{file} has no column {name!r}", hint=did_you_mean(name, names), file=file, column=name)
    if own_ids and "id" not in names:
        raise InputError(f"{file} has no column 'id'", hint=did_you_mean("id", names), file=file, column="id")
    ids: dict[str, int] = {}
    given, pairs = [], []
    for number, row in enumerate(rows, 1):
        own = row.get("id")
        if own_ids and (own is None or own == ""):
            raise InputError(f"{file}, row {number} has no id", hint="scores are told by id", file=file, row=number,
                             column="id")
        each = str(number if own is None else own)
        if each in ids:
            raise InputError(f"{file}, row {number}: the id {each!r} is that of row {ids[each]}", file=file, row=number,
                             hint="give each answer an id of its own")
        ids[each] = number
        given.append(number if own is None else own)
        prompt = row.get("prompt")
        if not isinstance(row.get("response"), str) or not isinstance(prompt, (str, list)):
            raise InputError(f"{file}, row {number}: prompt or response is no text", hint="both are texts", file=file,
                             row=number)
        pairs.append((prompt_text(prompt), row["response"].strip()))
    return given, pairs


def _predict(
    file: Path, out: Path, spec: str, system: str, transcript: Path | None, budget: int | None, *, as_json: bool
) -> None:
    from graphengine.schwartz.reward import scores_of
    from graphengine.schwartz.system import load_system
    from graphengine.schwartz.target_files import write_whole

    with output.working("scoring answers") as tell:
        ids, pairs = _answers(file, own_ids=True)
        reader: Any = _load(spec, system, transcript, budget, tell)
        into_ten = _into_ten(load_system(reader.system))
        scores = scores_of(reader, pairs) @ into_ten
    rows = "".join(json.dumps({"id": each, "scores": row}, ensure_ascii=False, default=str) + "\n"
                   for each, row in zip(ids, scores.tolist(), strict=True))
    write_whole(out, rows)
    if as_json:
        output.show_json({"ok": True, "out": str(out), "answers": len(ids), "evaluator": reader.name})
        return
    say(f"wrote the scores of {count(len(ids), 'answer')} to {out}")


def _check_folder(file: Path) -> None:
    """Before an evaluator reads, which may take long and cost money: can its answer be written there?"""
    from graphengine.errors import InputError

    if not file.parent.is_dir():
        raise InputError(f"{file.parent} is no folder", hint="make it, or name another place", file=file)


def _into_ten(system: Any) -> np.ndarray:
    """What scores are multiplied by for the ten values: nothing changes, or they are rolled up."""
    import numpy as np

    from graphengine.schwartz.system import load_system

    ten = load_system("schwartz-10")
    return np.eye(len(ten)) if system.ids == ten.ids else system.roll_up(ten).T


def _show(name: str, found: dict[str, Any]) -> None:
    say(f"{count(found['answers'], 'answer')} in {count(found['groups'], 'group')}, {count(found['cells'], 'label')}")
    rows = [("evaluator", found["measured"]), ("always 0", found["baselines"]["all_zeros"]),
            ("most frequent", found["baselines"]["majority"])]
    output.show_rows(
        [{"name": each if each != "evaluator" else name, "accuracy": _range(told, "accuracy"),
          "macro": _range(told, "macro_f1"), **{side: f"{value:.3f}" for side, value in told["f1"].items()}}
         for each, told in rows],
        {"name": "", "accuracy": "accuracy", "macro": "pooled macro-F1", "opposed": "F1 of -1", "none": "F1 of 0",
         "aligned": "F1 of +1"},
    )
    say(f"calibration error {found['ece']:.3f}; the most frequent label is that of {found['majority_from']}")
    abstained = found["abstained"]
    if abstained["band"]:
        kept = "-" if abstained["accuracy"] is None else f"{abstained['accuracy']:.3f}"
        say(f"it abstains from {abstained['share']:.1%} (band {abstained['band']:g}), and is right in {kept} of the "
            "rest")
    if one := found.get("one_of_many"):
        say(f"the one value of {count(one['answers'], 'answer')}: accuracy {_range(one, 'accuracy')}, macro-F1 "
            f"{_range(one, 'macro_f1')}, calibration error {one['ece']:.3f}; the most frequent value "
            f"{one['majority']['accuracy']:.3f} and {one['majority']['macro_f1']:.3f}")
    say()
    output.show_rows(
        [{"value": value, **{side: _side(each[side]) for side in ("opposed", "none", "aligned")},
          "accuracy": "-" if "accuracy" not in each else f"{each['accuracy']:.3f} {_ends(each['accuracy_interval'])}",
          "zero": "-" if "all_zeros" not in each else f"{each['all_zeros']:.3f}"}
         for value, each in found["values"].items()],
        {"value": "value", "opposed": "-1: precision/recall/F1", "none": "0", "aligned": "+1", "accuracy": "accuracy",
         "zero": "always 0"},
    )
    for by, parts in found["by"].items():
        say()
        output.show_rows(
            [{"name": each, "cells": told["cells"], "accuracy": _range(told, "accuracy"),
              "macro": f"{told['macro_f1']:.3f}", "zero": f"{told['all_zeros']:.3f}",
              "published": "" if told["published"] is None else f"{told['published']:.3f}"}
             for each, told in parts.items()],
            {"name": by, "cells": "labels", "accuracy": "accuracy", "macro": "macro-F1", "zero": "always 0",
             "published": "published"},
        )


def _side(told: dict[str, Any]) -> str:
    if not told["measurable"]:
        return f"not measurable ({count(told['labels'], 'label')})"
    return "/".join("-" if told[name] is None else f"{told[name]:.2f}" for name in ("precision", "recall", "f1"))


def _range(told: dict[str, Any], name: str) -> str:
    return f"{told[name]:.3f} {_ends(told[f'{name}_interval'])}"


def _ends(interval: list[float | None]) -> str:
    lower, upper = interval
    return "" if lower is None or upper is None else f"[{lower:.3f}, {upper:.3f}]"
