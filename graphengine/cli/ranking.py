"""Making a ranking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from graphengine.cli import output
from graphengine.cli.output import count, say
from graphengine.cli.running import graph_option, json_option, method_options, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.answers import RankOutcome


@click.command()
@method_options
@click.option("--confidence", type=click.FloatRange(0.5, 1, max_open=True), default=0.8, show_default=True,
              help="The least P(top) of a single winner.")
@click.option("--scores", type=click.Choice(["normalised", "published"]), default="normalised", show_default=True,
              help="For pagerank: scores of a context sum to 1, or are as the published code gave them.")
@click.option("--compare", is_flag=False, flag_value="", metavar="[CONTEXT]",
              help="Show all methods side by side, everywhere or in one context; nothing is stored.")
@click.option("--bootstrap", type=click.IntRange(min=1), metavar="N",
              help="P(top) and rank intervals from N draws of people (about 200).")
@click.option("--tallies", is_flag=True, help="Let bradley-terry take published tallies for votes.")
@click.option("--full", is_flag=True, help="Calibrate and rank everything anew, whatever changed.")
@click.option("--as-of", default="", metavar="DATE",
              help="Rank the answers as they stood at a date (that day counts) or time, UTC; kept beside the others.")
@click.option("--diff", nargs=2, metavar="A B", help="Show what differs between two stored rankings.")
@json_option
@graph_option
def rank(
    *, method: str, edge_rule: str, not_wiser: str, variable: str, confidence: float, scores: str,
    compare: str | None, tallies: bool, full: bool, as_of: str, bootstrap: int | None,
    diff: tuple[str, str] | None, as_json: bool, graph: str,
) -> None:
    """Rank the cards of every context.

    Rankings of several methods and rules live side by side. One that is there already is brought up to date: only the
    contexts whose votes changed are ranked again, with the calibration that is stored.

    \b
      graphengine rank
      graphengine rank --method pagerank --edge-rule mai-2023
      graphengine rank --compare
      graphengine rank --as-of 2026-01-31
      graphengine rank --diff bradley-terry "bradley-terry as-of=2026-01-31"
    """  # noqa: D301
    if compare is not None:
        from graphengine.cli.comparing import show_comparison

        with opened(graph) as store, output.working("ranking by every method"):
            answer = store.compare(compare or None, edge_rule=edge_rule, not_wiser=not_wiser, variable=variable)
        if as_json:
            output.show_json(answer.as_json())
        else:
            show_comparison(answer)
        return
    if diff is not None:
        from graphengine.cli.moving import show_diff

        with opened(graph) as store, output.working("comparing"):
            differing = store.diff(*diff)
        if as_json:
            output.show_json(differing.as_json())
        else:
            show_diff(differing)
        return
    with opened(graph) as store, output.working("ranking"):
        outcome = store.rank(
            method, edge_rule=edge_rule, not_wiser=not_wiser, confidence=confidence, scores=scores, tallies=tallies,
            variable=variable, full=full, as_of=as_of, bootstrap=bootstrap or 0,
        )
        winners = [] if as_json else store.query("wisest_everywhere", ranking=outcome.ranking_id).to_pylist()
    if as_json:
        output.show_json(outcome.as_json())
        return
    show_outcome(outcome)
    show_winners(winners)


def show_outcome(outcome: RankOutcome) -> None:
    """Say what a ranking did."""
    if outcome.unchanged:
        say(f"{outcome.ranking_id}: no votes changed in any of its {count(outcome.covered, 'context')} since it was "
            "made, so nothing was done (--full ranks everything anew)")
        return
    say(
        f"ranked {'again ' if outcome.incremental else ''}by {outcome.ranking_id}: {count(outcome.cards, 'place')} in "
        f"{count(outcome.contexts, 'context')}, "
        + ("" if outcome.as_of else f"{count(outcome.edges, 'wiser edge')}, ")
        + count(outcome.single_winners, "single winner")
        + (f"; votes changed in no other of its {count(outcome.covered, 'context')}" if outcome.incremental else "")
    )
    for note in outcome.notes:
        output.warn(note)


def show_winners(winners: Sequence[dict[str, Any]], *, most: int = 20) -> None:
    """Show what a ranking names the wisest, at most so many rows of it."""
    by_context: dict[str, list[dict[str, Any]]] = {}
    for row in winners:
        by_context.setdefault(row["context_id"], []).append(row)
    shown = [
        {"context": rows[0]["context"] or context, "wisest": " | ".join(row["title"] or row["id"] for row in rows),
         "p_top": rows[0]["p_top"], "single": rows[0]["single_winner"]}
        for context, rows in by_context.items()
    ]
    columns = {"context": "context", "wisest": "wisest", "p_top": "P(top)", "single": "single winner"}
    output.show_rows(shown[:most], columns, empty="no context has a ranked card")
    if len(shown) > most:
        say(f"… and {count(len(shown) - most, 'more context')}: graphengine query wisest_everywhere")
