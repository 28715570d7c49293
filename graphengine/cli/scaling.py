"""Ranking files of votes without a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from graphengine.cli import output
from graphengine.cli.output import count, say
from graphengine.cli.running import EDGE_RULES, METHODS, json_option

if TYPE_CHECKING:
    from graphengine.scale import VotesRanked


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES…")
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="The Parquet file of ranks to write.")
@click.option("--engine", type=click.Choice(["local", "dask"]), default="local", show_default=True,
              help="Where it runs: here, or on the workers of a Dask cluster (extra: dask).")
@click.option("--scheduler", metavar="ADDRESS",
              help="A Dask scheduler that is running; its workers see files and FILE of --out under the same paths. "
                   "[default: workers on this machine]")
@click.option("--method", type=click.Choice(METHODS), default="bradley-terry", show_default=True,
              help="How cards are ranked.")
@click.option("--edge-rule", type=click.Choice(EDGE_RULES), metavar="RULE",
              help="For pagerank: a rule that looks at each context on its own: mai-2023-context, paper-majority.")
@click.option("--not-wiser", type=click.Choice(["against", "tie"]),
              help="What a “not wiser” says: for the card asked from, or for neither. [default: against]")
@click.option("--calibration", metavar="FILE",
              help="Take the calibration of this file (JSON, or ranks of an earlier run) and fit none.")
@click.option("--distinct", is_flag=True,
              help="Count one answer for each participant and upgrade: the latest by the column at. "
                   "Without it every row counts.")
@click.option("--no-p-top", is_flag=True, help="Leave out P(top) and what follows from it; takes less time.")
@click.option("--memory", default="1200MB", show_default=True, metavar="AMOUNT",
              help="Memory for sorting and counting; ranking takes about 600 MB after it.")
@click.option("--threads", type=click.IntRange(1, 256), default=2, show_default=True,
              help="Threads; with dask the number of workers on this machine.")
@click.option("--temp", type=click.Path(exists=True, file_okay=False), metavar="FOLDER",
              help="Where votes lie while they are sorted, about 40 bytes each. [default: beside --out]")
@json_option
def rank_votes(
    *, files: tuple[str, ...], out: str, engine: str, scheduler: str | None, method: str, edge_rule: str | None,
    not_wiser: str | None, calibration: str | None, distinct: bool, no_p_top: bool, memory: str, threads: int,
    temp: str | None, as_json: bool,
) -> None:
    """Rank FILES of votes without a graph, however many.

    Parquet or CSV with the columns context, from_value, to_value, answer (with --distinct also participant, or user,
    and if it is there at). Every row is an answer that counts, unless --distinct is given. The ranks are those of
    `graphengine rank` with the same calibration; no single winner is named, since people are not counted.

    \b
      graphengine rank-votes 'votes/*.parquet' --out ranks.parquet
      graphengine rank-votes votes.csv --out ranks.parquet --distinct --no-p-top
    """  # noqa: D301
    from graphengine.scale import rank_votes as run
    from graphengine.scale.calibrating import read_calibration

    parameters: dict[str, Any] = {"edge_rule": edge_rule, "not_wiser": not_wiser}
    with output.working("ranking") as tell:
        outcome = run(
            files, out, engine=engine, scheduler=scheduler, method=method, distinct=distinct, p_top=not no_p_top,
            calibration=None if calibration is None else read_calibration(calibration), memory=memory, threads=threads,
            folder=temp, progress=tell, **{name: value for name, value in parameters.items() if value is not None},
        )
    if as_json:
        output.show_json(outcome.as_json())
    else:
        _show(outcome)
    if outcome.rejected:
        click.get_current_context().exit(output.REJECTED)


def _show(outcome: VotesRanked) -> None:
    counted = "one for each participant and upgrade" if outcome.distinct else "every row counted as an answer"
    say(
        f"{outcome.out}: {count(outcome.cards, 'place')} in {count(outcome.contexts, 'context')}, from "
        f"{count(outcome.votes, 'answer')} ({counted}) in {count(outcome.files, 'file')}, ranked by {outcome.method}"
    )
    if outcome.repeated:
        say(f"{count(outcome.repeated, 'row')} repeated or superseded an answer")
    for reason, rows in outcome.rejected.items():
        output.warn(f"left out, {reason}: {count(rows, 'row')}")
    if outcome.words:
        words = ", ".join(f"{word[:40]!r} ({rows:,})" for word, rows in outcome.words.items())
        output.warn(f"not an answer: {words}")
    took = ", ".join(f"{step} {seconds:.1f}" for step, seconds in outcome.seconds.items())
    say(f"seconds: {took}", err=True)
