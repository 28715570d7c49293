"""How values hang together: structure, and the chain from one value to another."""

from __future__ import annotations

import click

from graphengine.answers_structure import NO_CIRCLE
from graphengine.cli import output
from graphengine.cli.output import count, say
from graphengine.cli.running import graph_option, json_option, opened

_MOST = 20

_NUMBERS = {
    "name": "context", "cards": "values", "pairs": "pairs", "components": "components", "circles": "circles",
    "in_circles": "values in circles", "cyclicity": "cyclicity", "triangles": "triangles",
    "transitivity": "transitive",
}


@click.command()
@click.argument("context", required=False)
@click.option("--not-wiser", type=click.Choice(["against", "tie"]), default="against", show_default=True,
              help="What a “not wiser” says: for the card asked from, or for neither.")
@json_option
@graph_option
def structure(context: str | None, not_wiser: str, as_json: bool, graph: str) -> None:
    """Where the answers support an order of values, and where not.

    Values that no question ties together, answers that run in a circle, values that nobody was asked about; of one
    CONTEXT (an id or a text) or of all. It looks at the answers on each pair alone and needs no ranking.

    \b
      graphengine structure
      graphengine structure "When in distress" --json
    """  # noqa: D301
    with opened(graph) as store:
        answer = store.structure(context, not_wiser=not_wiser)
    if as_json:
        output.show_json(answer.as_json())
        return
    rows = answer.contexts
    if context is None:
        for sentence in answer.words:
            say(sentence)
        rows = sorted(rows, key=lambda row: (-len(row["cyclic_cards"]), -row["components"], row["context_id"]))
    for row in [row for row in rows if context is not None or row["words"] != [NO_CIRCLE]][:_MOST]:
        say(row["context"]["text"])
        for sentence in row["words"]:
            say(f"  {sentence}")
    say()
    shown = [{**row, "name": row["context"]["text"], "circles": len(row["cycles"]),
              "in_circles": len(row["cyclic_cards"])} for row in rows[:_MOST]]
    output.show_rows(shown, _NUMBERS, empty="no context has answers")
    if len(rows) > _MOST:
        say(f"… and {count(len(rows) - _MOST, 'more context')}: graphengine structure --json")


@click.command()
@click.argument("context")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@json_option
@graph_option
def path(context: str, source: str, target: str, as_json: bool, graph: str) -> None:
    """The strongest chain of wiser edges from one value to another.

    Strongest: its weakest link, which is named, is as strong as can be. CONTEXT is an id or a text, FROM and TO are
    ids or titles.

    \b
      graphengine path "When in distress" "Giving advice" "Staying with"
    """  # noqa: D301
    with opened(graph) as store:
        answer = store.upgrade_path(context, source, target)
    if as_json:
        output.show_json(answer.as_json())
        return
    if answer.links:
        say(" → ".join([answer.from_card["title"], *(row["to_title"] for row in answer.links)]))
    say(answer.reason)
    if answer.links:
        output.show_rows(answer.links, {"from_title": "less wise", "to_title": "wiser", "p_model": "P(wiser)",
                                        "shown": "certain"})
