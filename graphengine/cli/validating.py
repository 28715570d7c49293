"""How far rankings can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from graphengine.cli import output
from graphengine.cli.output import count, say
from graphengine.cli.running import graph_option, json_option, opened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphengine.answers_validity import Validity
    from graphengine.ranking.validity.finding import Finding

_MARKS = {"warning": "!!", "caution": "! ", "fine": "ok", "unknown": "? "}
_MOST_ROWS = 15


@click.command()
@click.argument("context", required=False)
@click.option("--shuffles", type=click.IntRange(1), default=200, show_default=True,
              help="How often the answers of a context are shuffled.")
@click.option("--orders", type=click.IntRange(1), default=20, show_default=True,
              help="In how many random orders participants are added.")
@click.option("--not-wiser", type=click.Choice(["against", "tie"]), default="against", show_default=True,
              help="What a “not wiser” says: for the card asked from, or for neither.")
@click.option("--min-group", type=click.IntRange(1), default=5, show_default=True,
              help="The fewest people whose answers may show.")
@click.option("--people", "show_people", is_flag=True, help="Show the pseudonyms of careless voters.")
@json_option
@graph_option
def validate(
    *, context: str | None, shuffles: int, orders: int, not_wiser: str, min_group: int, show_people: bool,
    as_json: bool, graph: str,
) -> None:
    """How far rankings can be trusted.

    Of one CONTEXT (an id or a text) or of all. Shuffled answers, yes-bias, edge rules, what one group or one person
    changes, careless voters, growing numbers of participants, other methods: what each means first, its numbers
    beneath.

    \b
      graphengine validate
      graphengine validate "When in distress" --json
    """  # noqa: D301
    with opened(graph) as store, output.working("looking at the votes") as tell:
        report = store.validate(
            context, shuffles=shuffles, orders=orders, not_wiser=not_wiser, min_group=min_group,
            show_people=show_people, progress=None if as_json else tell,
        )
        names = {} if as_json else {
            table: {row["id"]: row[text] or row["id"] for row in store.query(table).to_pylist()}
            for table, text in (("cards", "title"), ("contexts", "text"))
        }
    if as_json:
        output.show_json(report.as_json())
        return
    show_validity(report, names["cards"], names["contexts"])


def show_validity(report: Validity, cards: Mapping[str, str], contexts: Mapping[str, str]) -> None:
    """Say how far rankings can be trusted: the whole, then each part."""
    where = report.context.text if report.context else count(report.contexts, "context")
    say(f"{where}: {count(report.votes, 'vote')} by {count(report.people, 'person', 'people')}")
    for note in report.notes:
        output.warn(note)
    for sentence in report.overall:
        say(sentence)
    for part in report.parts.values():
        _show_part(part, cards, contexts)


def _show_part(part: Finding, cards: Mapping[str, str], contexts: Mapping[str, str]) -> None:
    say()
    say(f"[{_MARKS[part.level]}] {part.title}", bold=True)
    say(f"  {part.verdict}")
    say("  " + ", ".join(f"{name} {_figure(value)}" for name, value in part.figures.items()))
    if part.rows:
        output.show_rows([_named(row, cards, contexts) for row in part.rows[:_MOST_ROWS]], part.columns)
    if len(part.rows) > _MOST_ROWS:
        say(f"… and {count(len(part.rows) - _MOST_ROWS, 'more row')}: --json has them")


def _figure(value: Any) -> str:
    return "-" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


def _named(row: dict[str, Any], cards: Mapping[str, str], contexts: Mapping[str, str]) -> dict[str, Any]:
    """The row with the texts of contexts and cards in place of their ids."""
    return {
        key: contexts.get(value, value) if key == "context_id"
        else [contexts.get(one, one) for one in value] if key == "changed"
        else " | ".join(cards.get(one, one) for one in value) or None if isinstance(value, list)
        else value
        for key, value in row.items()
    }
