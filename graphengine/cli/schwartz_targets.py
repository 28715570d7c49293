"""The value targets in the graph, targets as prompts, and as a circle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from graphengine.cli import output
from graphengine.cli.output import say
from graphengine.cli.running import graph_option, json_option, opened

if TYPE_CHECKING:
    from graphengine.graph import MoralGraph
    from graphengine.schwartz.target import Target

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--add", "added", type=_FILE, metavar="FILE", help="Store the target of a file (.toml, .json).")
@click.option("--write", "written", nargs=2, metavar="NAME FILE", help="Write a target of the graph to a file.")
@click.option("--forget", metavar="NAME", help="Take a target out.")
@json_option
@graph_option
def targets(
    *, added: Path | None, written: tuple[str, str] | None, forget: str | None, as_json: bool, graph: str
) -> None:
    """The value targets in the graph.

    \b
      graphengine schwartz targets
      graphengine schwartz targets --add uk.toml
    """  # noqa: D301
    from graphengine.schwartz.target import warning
    from graphengine.schwartz.target_files import load_target, write_target

    with opened(graph) as store:
        if added is not None:
            store.add_target(load_target(added))
        if forget is not None:
            store.forget_target(forget)
        if written is not None:
            write_target(store.target(written[0]), written[1])
        found = store.targets()
    rows = [
        {"name": row["name"], "kind": row["target"].kind, "system": row["target"].values.name,
         "contexts": row["contexts"], "ranking_id": row["ranking_id"], "evaluator": row["evaluator"],
         "stale": row["stale"], "at": row["at"], "warning": warning(row["target"]), "target": row["target"].as_json()}
        for row in found
    ]
    if as_json:
        output.show_json({"ok": True, "targets": rows})
        return
    output.show_rows([{**row, "contexts": len(row["contexts"])} for row in rows],
                     {"name": "target", "kind": "kind", "contexts": "contexts", "evaluator": "cards read by",
                      "stale": "votes changed"}, empty="none: graphengine schwartz bridge draws them")
    for row in rows:
        if row["warning"]:
            output.warn(row["warning"])


@click.command()
@click.argument("name")
@click.option("--winners", is_flag=True, help="NAME is a context: its winning cards instead of a target's values.")
@json_option
@graph_option
def prompt(*, name: str, winners: bool, as_json: bool, graph: str) -> None:
    """Print the target NAME as a system prompt.

    What a model does with it is the baseline that training on the target must beat.

    \b
      graphengine schwartz prompt UK
      graphengine schwartz prompt "When grieving" --winners
    """  # noqa: D301
    from graphengine.schwartz.prompting import target_prompt

    if winners:
        with opened(graph) as store:
            text = _winners(store, name)
    else:
        text = target_prompt(_target(name, graph))
    if as_json:
        output.show_json({"ok": True, "name": name, "prompt": text})
        return
    say(text)


def _target(name: str, graph: str) -> Target:
    """A preset or a file, for which no graph is opened; else one of the graph."""
    from graphengine.schwartz.target_files import load_target, presets

    if name.endswith((".toml", ".json")) or name.lower() in {each.lower() for each in presets()}:
        return load_target(name)
    with opened(graph) as store:
        return store.target(name)


@click.command()
@click.argument("out", type=_FILE)
@click.option("--target", "name", required=True, metavar="NAME", help="A preset, a file, or a target of the graph.")
@click.option("--scores", type=_FILE, metavar="FILE", help="Scores of a model's answers; their mean is drawn beside.")
@click.option("--with", "other", metavar="NAME", help="Another target, drawn beside it.")
@json_option
@graph_option
def circle(*, out: Path, name: str, scores: Path | None, other: str | None, as_json: bool, graph: str) -> None:
    """Draw a target on the circle of values into OUT, with a model and their difference.

    \b
      graphengine schwartz circle uk.svg --target UK --scores scores.csv
    """  # noqa: D301
    from graphengine.errors import InputError
    from graphengine.report.value_circle import value_circle
    from graphengine.schwartz.scores import read_scores
    from graphengine.schwartz.target import warning
    from graphengine.schwartz.target_files import write_whole

    if scores is not None and other is not None:
        raise click.UsageError("One is drawn beside the target: --scores or --with.")
    target = _target(name, graph)
    second, called = None, ""
    if scores is not None:
        second, called = read_scores(scores, target.values).profile.tolist(), f"{scores.name}, mean of the answers"
    elif other is not None:
        beside = _target(other, graph)
        if beside.values.ids != target.values.ids:
            raise InputError(f"target {target.name} is in {target.values.name}, and {beside.name} is in "
                             f"{beside.values.name}", hint="draw targets of one system of values")
        second, called = beside.vector, beside.name
    write_whole(out, value_circle(target.values, target.vector, target.name, second, called) + "\n")
    apart = {value: number - seen for value, number, seen in
             zip(target.values.ids, target.vector, second or target.vector, strict=True)}
    if as_json:
        output.show_json({"ok": True, "path": str(out), "target": target.as_json(), "beside": called or None,
                          "differences": apart if second is not None else None, "warning": warning(target)})
        return
    say(f"drew {out}")
    if warning(target):
        output.warn(warning(target))


def _winners(store: MoralGraph, context: str) -> str:
    """The winning cards of a context as a system prompt: the one of the in-context row of `graphengine evaluate`."""
    from graphengine.preferences import RENDERS, render_card
    from graphengine.preferences.rendering import parts_of
    from graphengine.training.evaluation.prompts import system_prompt

    wanted = [row["id"] for row in store.wisest(context).cards]
    cards = {row["id"]: row for row in store.query("cards").to_pylist()}
    return system_prompt([render_card(cards[each], parts_of(cards[each]) & RENDERS["full"]) for each in wanted])
