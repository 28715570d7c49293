"""Taking data out."""

from __future__ import annotations

from pathlib import Path

import click

from graphengine.cli import output
from graphengine.cli.output import amounts, count, say
from graphengine.cli.running import graph_option, json_option, opened


@click.group()
def export() -> None:
    """Write preference datasets and graph files.

    \b
      graphengine export preferences my-preferences
      graphengine export graphml wiser.graphml
    """  # noqa: D301


@export.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--all-scenarios", is_flag=True, help="A pair for every scenario of a context, the weight divided.")
@click.option("--force", is_flag=True, help="Replace an older export that is there.")
@json_option
@graph_option
def preferences(out: Path, all_scenarios: bool, force: bool, as_json: bool, graph: str) -> None:
    """Write a preference dataset into the folder OUT.

    A pair (chosen, rejected) for each wiser edge. `datasets.load_dataset(OUT)` opens it; its README.md says what is in
    it.

    \b
      graphengine export preferences my-preferences
    """  # noqa: D301
    with opened(graph) as store, output.working("exporting"):
        done = store.export_preferences(out, all_scenarios=all_scenarios, force=force)
    if as_json:
        output.show_json(done.as_json())
        return
    say(f"wrote {count(done.pairs, 'pair')} ({amounts(done.splits)}) into {done.path}")
    for reason, number in done.left_out.items():
        say(f"  left out: {reason} ({number:,})")
    for note in done.notes:
        output.warn(note)


@export.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--context", help="Only this context (its id or text).")
@json_option
@graph_option
def graphml(out: Path, context: str | None, as_json: bool, graph: str) -> None:
    """Write the wiser edges as a GraphML file.

    For Gephi, yEd, Cytoscape, igraph, networkx. Edges point to the wiser card.

    \b
      graphengine export graphml wiser.graphml --context "When in distress"
    """  # noqa: D301
    with opened(graph) as store:
        number = store.export_graphml(out, context)
    if as_json:
        output.show_json({"ok": True, "path": str(out), "edges": number})
        return
    say(f"wrote {count(number, 'wiser edge')} to {out}")
