"""All methods side by side, on the screen: what `graphengine rank --compare` shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphengine.cli import output
from graphengine.cli.output import count, say

if TYPE_CHECKING:
    from graphengine.answers_comparing import Comparison

_MOST = 20


def show_comparison(answer: Comparison) -> None:
    """Show who leads by which method, and how far the methods agree."""
    say(answer.words)
    columns = {name: name for name in answer.methods}
    say()
    if answer.context is not None:
        rows = [{"card": row["title"], **row["ranks"]} for row in answer.cards]
        output.show_rows(rows, {"card": f"rank in “{answer.context.text}”", **columns}, empty="nothing is ranked here")
    else:
        rows = [{"context": row["context"]["text"], "agree": row["agree"],
                 **{name: _leaders(cards) for name, cards in row["leaders"].items()}} for row in answer.contexts]
        output.show_rows(rows[:_MOST], {"context": "leader in", "agree": "agree", **columns},
                         empty="no context has answers")
        if len(rows) > _MOST:
            say(f"… and {count(len(rows) - _MOST, 'more context')}: graphengine rank --compare --json")
    say()
    output.show_rows(answer.agreement, {"method": "method", "other": "with", "same_leader": "same leader",
                                        "tau": "Kendall's tau"})
    say("same leader: share of contexts; Kendall's tau: 1 is the same order, 0 none in common, -1 the reverse")
    for note in answer.notes:
        output.warn(note)


def _leaders(cards: list[dict[str, Any]]) -> str:
    if not cards:
        return "-"
    first = " | ".join(card["title"] for card in cards[:2])
    return first if len(cards) <= 2 else f"{first} | +{len(cards) - 2}"
