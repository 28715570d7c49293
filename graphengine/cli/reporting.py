"""The report."""

from __future__ import annotations

from pathlib import Path

import click

from graphengine.cli import output
from graphengine.cli.output import count, say
from graphengine.cli.running import graph_option, json_option, method_options, opened


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--context", "contexts", multiple=True, metavar="CONTEXT",
              help="Only this context, an id or a text; may be given several times.")
@click.option("--svg", type=click.Path(path_type=Path), metavar="FOLDER", help="Write the pictures as SVG files, too.")
@click.option("--most", type=click.IntRange(1), default=200, show_default=True, help="The most contexts to cover.")
@click.option("--validity/--no-validity", default=True, show_default=True,
              help="Run the validity check, which takes longest.")
@method_options
@json_option
@graph_option
def report(
    *, out: Path, contexts: tuple[str, ...], svg: Path | None, most: int, validity: bool, method: str, edge_rule: str,
    not_wiser: str, variable: str = "", as_json: bool, graph: str,
) -> None:
    """Write a report that a person looks at.

    One HTML file OUT that needs no network and runs no script: contexts with their winners and how contested they are,
    pictures with a table beside each, how far the results can be trusted. Rank first.

    \b
      graphengine report report.html
      graphengine report distress.html --context "When in distress" --svg pictures
    """  # noqa: D301
    with opened(graph) as store, output.working("looking at the votes") as tell:
        done = store.report(
            out, contexts=contexts, svg=svg, method=method, edge_rule=edge_rule, not_wiser=not_wiser,
            variable=variable, most=most, validity=validity, progress=None if as_json else tell,
        )
    if as_json:
        output.show_json(done.as_json())
        return
    say(f"wrote {done.path}: {count(done.contexts, 'context')}, {count(done.single_winners, 'single winner')}, "
        f"{done.bytes / 1000:,.0f} kB")
    if done.pictures:
        say(f"wrote {count(len(done.pictures), 'picture')} into {svg}")
    if done.left_out:
        output.warn(f"{count(done.left_out, 'context')} left out: --most covers more, --context names one")
