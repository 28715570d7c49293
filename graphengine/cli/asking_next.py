"""What to ask people next."""

from __future__ import annotations

import click

from graphengine.cli import output
from graphengine.cli.output import count, say
from graphengine.cli.running import graph_option, json_option, opened


@click.command()
@click.argument("context", required=False)
@click.option("--n", type=click.IntRange(1), default=20, show_default=True, help="How many questions.")
@json_option
@graph_option
def ask_next(context: str | None, n: int, as_json: bool, graph: str) -> None:
    """The questions whose answers would say most about the winners.

    Of one CONTEXT (an id or a text) or of all: is the value on the right wiser than the one on the left? A question
    marked new is about a pair that no upgrade of the graph ties together in this direction, so it needs a story.

    \b
      graphengine ask-next
      graphengine ask-next "When in distress" --n 5 --json
    """  # noqa: D301
    with opened(graph) as store:
        answer = store.ask_next(n, context)
    if as_json:
        output.show_json(answer.as_json())
        return
    shown = [
        {"context": row["context"]["text"], "from": row["from"]["title"], "to": row["to"]["title"],
         "new": "new" if row["upgrade_id"] is None else "", "gain": row["gain"], "why": row["why"]}
        for row in answer.questions
    ]
    columns = {"context": "context", "from": "compared with", "to": "is this one wiser?",
               "new": "", "gain": "bits", "why": "why ask"}
    output.show_rows(shown, columns, empty="there is nothing left to ask: the winners are clear, or have no rivals")
    if shown and len(shown) < n:
        say(f"{count(len(shown), 'question')}: no other answer would change what is known of the winners")
