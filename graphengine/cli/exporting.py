"""Taking data out."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphengine.cli import generating, output
from graphengine.cli.output import amounts, count, say
from graphengine.cli.running import graph_option, json_option, opened

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphengine.answers import ExportOutcome

# Written out, since `graphengine export --help` must not load the room; a test holds them against it.
KINDS = ("cards", "unpaired", "prompts")
FORMATS = ("parquet", "jsonl", "openrlhf", "verl")
RENDERS = ("full", "policies")


@click.group()
def export() -> None:
    """Write preference datasets and graph files.

    \b
      graphengine export preferences my-preferences
      graphengine export graphml wiser.graphml
    """  # noqa: D301


def _form_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """How a dataset is written."""
    for option in (
        click.option("--plain", is_flag=True, help="Texts instead of messages."),
        click.option("--format", type=click.Choice(FORMATS), default="parquet", show_default=True,
                     help="How rows lie in files; openrlhf and verl have columns of their own."),
        click.option("--card-disjoint", is_flag=True,
                     help="No card of the test split is in another one; rows in between are left out."),
        click.option("--min-probability", type=click.FloatRange(0.5, 1, max_open=True), default=0.5, show_default=True,
                     metavar="P", help="Leave out pairs that are less sure."),
        click.option("--render", type=click.Choice(RENDERS), default="full", show_default=True,
                     help="Whole cards, or their policies without title and description."),
        click.option("--all-scenarios", is_flag=True, help="A pair for every scenario, the weight divided."),
    ):
        command = option(command)
    return command


def _whose_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Whose preferences, and between which cards."""
    for option in (
        click.option("--k", type=click.IntRange(1), default=5, show_default=True, metavar="N",
                     help="A group counts in a context only if so many of its members answered."),
        click.option("--variable", default="", metavar="NAME", help="For worst-group: what tells the groups apart."),
        click.option("--objective", type=click.Choice(["worst-group"]),
                     help="The order of the bridging ranking: by the group that is least satisfied."),
        click.option("--group", default="", metavar="NAME", help="One group's preferences: variable=value."),
        click.option("--by", type=click.Choice(["edges", "rank"]), default="edges", show_default=True,
                     help="Cards that people were asked to compare, or all ranked cards of a context."),
    ):
        command = option(command)
    return command


@export.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--kind", "kinds", type=click.Choice((*KINDS, *generating.WRITTEN)), multiple=True,
              help="Write only this kind (may be given again).  [default: cards, unpaired, prompts,"
                   " as far as the format has them]")
@_whose_options
@_form_options
@generating.text_options
@click.option("--images", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              help="Put the images of scenarios, found in FOLDER, into a column.")
@click.option("--force", is_flag=True, help="Replace an older export that is there.")
@json_option
@graph_option
def preferences(
    out: Path, kinds: tuple[str, ...], images: Path | None, force: bool, as_json: bool, graph: str, **asked: Any
) -> None:
    """Write datasets of preferences into the folder OUT.

    \b
      cards      a pair (chosen, rejected) for each wiser edge: for reward models and DPO
      unpaired   a card and whether it is one to follow: for KTO
      prompts    a prompt and the card that won there: for PPO, GRPO, RLOO
      responses  two answers, each written for a card, or ordered by people
      adherence  two answers, rated for how far they follow the card that won
      sft        an answer that follows the card that won, or that card

    `datasets.load_dataset(OUT, KIND)` opens each. OUT/README.md says what is in it, OUT/manifest.json holds hashes.

    \b
      graphengine export preferences my-preferences
      graphengine export preferences theirs --kind cards --group party=left
      graphengine export preferences for-verl --format verl
      graphengine export preferences written --kind responses --generator MODEL
    """  # noqa: D301
    from graphengine.preferences import Form

    form = Form(**{each.name: asked.pop(each.name) for each in fields(Form)})
    asked["objective"] = asked["objective"] or ""
    texts = generating.taken_out(asked)
    written = tuple(kind for kind in generating.WRITTEN if kind in kinds)
    generating.check_texts(written, texts)
    with (
        opened(graph) as store, output.working("exporting") as line,
        generating.text_rows(written, form, out, texts, force=force, line=line) as more,
    ):
        done = store.export_preferences(
            out, kinds=[kind for kind in kinds if kind in KINDS], form=form, images=images, more=more, force=force,
            told=generating.told_options(texts), **asked,
        )
    if as_json:
        output.show_json(done.as_json())
        return
    show_export(done)


def show_export(done: ExportOutcome) -> None:
    """Say what an export wrote, kind by kind, and what it left out."""
    say(f"wrote {done.path}")
    for kind, told in done.kinds.items():
        say(f"  {kind}: {count(told['rows'], 'row')} ({amounts(told['splits'])})")
        for reason, number in told["left_out"].items():
            say(f"    left out: {reason} ({number:,})")
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
