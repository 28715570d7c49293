"""The ranked cards of contexts as texts with their utility, for what is compared with people's judgment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.preferences.pairs import MESSAGES, NO_TEXT, scenarios_by_context
from graphengine.preferences.rendering import CONTENT, PARTS, has_text, parts_of, render_card, render_prompt, said

if TYPE_CHECKING:
    from graphengine.preferences.source import Source

UTILITIES = pa.schema([
    ("id", pa.string()),
    ("utility", pa.float64()),
    ("sd", pa.float64()),
    ("component", pa.string()),
    ("context_id", pa.string()),
    ("card_id", pa.string()),
    ("prompt", MESSAGES),
    ("completion", pa.string()),
])
"""A ranked card: its score and how sure it is, inside what its score can be compared, and the texts of both."""


def card_utilities(source: Source, context_id: str | None = None) -> tuple[pa.Table, dict[str, int]]:
    """The ranked cards of one context, or of all.

    All cards of a context show the same parts, those that each of them has, so that none can be told by its form. The
    prompt is that of the dataset kind `prompts`, with the context's first scenario.

    Args:
        source: With `ranks`.
        context_id: Only this context; then a card's id is its id in the graph, else it has the context's in front.

    Returns:
        `UTILITIES`, by context and card; and how many cards were left out, by reason.
    """
    cards = {card["id"]: card for card in source.cards.to_pylist()}
    texts = {row["id"]: row["text"] or row["id"] for row in source.contexts.to_pylist()}
    scenarios = scenarios_by_context(source)
    places: dict[str, list[dict[str, Any]]] = {}
    left_out = 0
    for row in [] if source.ranks is None else source.ranks.to_pylist():
        if context_id is not None and row["context_id"] != context_id:
            continue
        if has_text(cards.get(row["card_id"]) or {}):
            places.setdefault(row["context_id"], []).append(row)
        else:
            left_out += 1
    rows: list[dict[str, Any]] = []
    for context, ranked in sorted(places.items()):
        common = frozenset.intersection(*(parts_of(cards[row["card_id"]]) for row in ranked))
        shown = common if common & CONTENT else PARTS
        _, scenario = (scenarios.get(context) or [(None, None)])[0]
        prompt = said("user", render_prompt(scenario, texts.get(context, context)))
        rows += [
            {"id": row["card_id"] if context_id is not None else f"{context} / {row['card_id']}",
             "utility": row["score"], "sd": row["sd"], "component": f"{context} {row['component']}",
             "context_id": context, "card_id": row["card_id"], "prompt": prompt,
             "completion": render_card(cards[row["card_id"]], shown)}
            for row in sorted(ranked, key=lambda row: row["card_id"])
        ]
    return pa.Table.from_pylist(rows, schema=UTILITIES), {NO_TEXT: left_out} if left_out else {}
