"""The main job on the sample graph, told step by step."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphengine.cli import output
from graphengine.cli.exporting import show_export
from graphengine.cli.output import count, say
from graphengine.cli.running import named_graph
from graphengine.errors import StoreError

if TYPE_CHECKING:
    from graphengine.graph import MoralGraph

FOLDER = Path("graphengine-demo")

_CYPHER = """\
MATCH (card:ValuesCard)-[place:RANKED_IN {ranking_id: "bradley-terry"}]->(context:Context)
WHERE place.tied_top
WITH card.title AS title, count(context) AS contexts
WHERE contexts > 1
RETURN title, contexts ORDER BY contexts DESC, title"""


@click.command()
@click.option("--graph", metavar="URL_OR_FOLDER",
              help="Where to make the sample graph. Only what stands here counts, never GRAPHENGINE_GRAPH. "
              f"[default: {FOLDER}/moral.graph]")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False), default=FOLDER, show_default=True,
              help="Where to put what the demo writes.")
@click.pass_context
def demo(context: click.Context, graph: str | None, folder: Path) -> None:
    """Run the main job on a made-up sample.

    Imports, ranks, asks, exports, and says what was done. A graph that holds anything else than the sample is never
    touched.

    \b
      graphengine demo
      graphengine demo --graph neo4j://localhost:7687
    """  # noqa: D301
    import graphengine

    address = graph or named_graph(context) or str(folder / "moral.graph")
    folder.mkdir(parents=True, exist_ok=True)
    with graphengine.open(address) as store:
        _only_the_sample(store, address)
        _run(store, f"graphengine --graph {shlex.quote(address)}", folder / "preferences")


def _only_the_sample(store: MoralGraph, address: str) -> None:
    from hashlib import sha256

    from graphengine.sample import sample_files

    known = {sha256(path.read_bytes()).hexdigest() for path in sample_files().values()}
    others = [row for row in store.store.state("loads").to_pylist() if row["file_sha256"] not in known]
    if others:
        raise StoreError(
            f"{address} holds more than the sample: {others[0]['file']} was imported into it",
            hint="name a new folder or an empty database: graphengine demo --graph OTHER", graph=address,
        )


def _run(store: MoralGraph, program: str, preferences: Path) -> None:
    from graphengine.cli.asking import show_wisest
    from graphengine.cli.ranking import show_outcome, show_winners
    from graphengine.sample import sample_files

    say("The sample is made up: scenarios, values cards, and votes drawn from a model. Nobody said any of it.")

    _step(1, "Import: files become a graph; importing a file again changes nothing.")
    for file in sample_files().values():
        _typed(f"{program} import {file.name}")
        outcome = store.import_file(file)
        say(f"{file.name}: {count(outcome.read, 'row')} read, {outcome.rejected} rejected")
    holds = {row["what"]: row["number"] for row in store.query("stats").to_pylist()}
    kinds = ("votes", "users", "cards", "scenarios", "contexts", "upgrades")
    say(f"The graph holds {output.amounts({kind: holds[kind] for kind in kinds})}.")

    _step(2, "Rank: in each context, how probable is it that a card is the wisest?")
    _typed(f"{program} rank")
    ranked = store.rank()
    show_outcome(ranked)
    winners = store.query("wisest_everywhere", ranking=ranked.ranking_id).to_pylist()
    show_winners(winners)

    _step(3, "Ask: where the votes decide, there is one answer; where they don't, it says so.")
    single = next(row["context"] for row in winners if row["single_winner"])
    contested = next(row["context"] for row in winners if not row["single_winner"])
    for context in (single, contested):
        _typed(f"{program} wisest {shlex.quote(context)}")
        show_wisest(store.wisest(context))

    _step(4, "Ask in Cypher: which cards are among the wisest in more than one context?")
    _typed(f"{program} query {shlex.quote(_CYPHER)}")
    found = store.query(_CYPHER)
    output.show_rows(found.to_pylist(), {name: name for name in found.column_names}, empty="none")

    _step(5, "Export: preference pairs, labelled cards and prompts that TRL trains on.")
    _typed(f"{program} export preferences {shlex.quote(str(preferences))}")
    done = store.export_preferences(preferences, force=True)
    show_export(done)

    say(f"\nDone: imported, ranked, asked and exported; the data is in {preferences}. What you can do next:\n")
    for command, why in (
        (f"{program} explain {shlex.quote(single)} {shlex.quote(_first(winners, single))}", "why does it win?"),
        (f"{program} edges {shlex.quote(single)}", "which card is wiser than which?"),
        (f"{program} doctor", "is the graph in order?"),
        ("graphengine template", "example files for a study of your own"),
        ("graphengine import votes.csv --rank", "your own votes, into ./moral.graph"),
    ):
        say(f"  {command}\n      {why}")


def _first(winners: list[dict[str, Any]], context: str) -> str:
    return next(row["title"] or row["id"] for row in winners if row["context"] == context)


def _step(number: int, text: str) -> None:
    say(f"\n{number}. {text}", bold=True)


def _typed(command: str) -> None:
    say(f"\n$ {command}", fg="cyan")
