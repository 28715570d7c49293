"""The kind `prompts`: what to ask a policy, with the value that won there as the target."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.preferences.kinds import Kind
from graphengine.preferences.pairs import MESSAGES, NO_TEXT, SAME_PROMPT, origin, scenarios_by_context
from graphengine.preferences.rendering import RENDERS, has_text, render_card, render_prompt, said

if TYPE_CHECKING:
    from graphengine.preferences.source import Source

PROMPTS = pa.schema([
    ("prompt", MESSAGES),
    ("context_id", pa.string()),
    ("scenario_id", pa.string()),
    ("context", pa.string()),
    ("card_id", pa.string()),
    ("card_title", pa.string()),
    ("card", pa.string()),
    ("p_top", pa.float64()),
    ("single_winner", pa.bool_()),
    ("wisest_ids", pa.list_(pa.string())),
    ("ranking_id", pa.string()),
    ("method", pa.string()),
    ("data_hash", pa.string()),
])
"""The columns of the kind `prompts`."""


def prompt_rows(source: Source, *, render: str = "full") -> tuple[pa.Table, dict[str, int]]:
    """One row for each scenario of a ranked context; the context alone where no scenario is known.

    The target is the card of the first rank. `single_winner` says whether it is named as the only winner; where it is
    not, `wisest_ids` lists the cards that the votes leave open.

    Args:
        source: With `ranks`, and `verdicts` for `single_winner`.
        render: A name of `RENDERS`: which parts of the card are shown.

    Returns:
        `PROMPTS`, by context and scenario, each prompt once; and the number of contexts or prompts left out, by reason.
    """
    cards = {card["id"]: card for card in source.cards.to_pylist()}
    texts = {row["id"]: row["text"] or row["id"] for row in source.contexts.to_pylist()}
    singles = {} if source.verdicts is None else dict(
        zip(*(source.verdicts.column(name).to_pylist() for name in ("context_id", "single_winner")), strict=True))
    scenarios = scenarios_by_context(source)
    rows: list[dict[str, Any]] = []
    left_out: dict[str, int] = {}
    taken: set[str] = set()
    for context_id, places in sorted(_places(source).items()):
        winner = cards.get(places[0]["card_id"]) or {}
        if not has_text(winner, render):
            left_out[NO_TEXT] = left_out.get(NO_TEXT, 0) + 1
            continue
        context = texts.get(context_id, context_id)
        for scenario_id, scenario in scenarios.get(context_id) or [(None, None)]:
            prompt = render_prompt(scenario, context)
            if prompt in taken:
                left_out[SAME_PROMPT] = left_out.get(SAME_PROMPT, 0) + 1
                continue
            taken.add(prompt)
            rows.append({
                "prompt": said("user", prompt),
                "context_id": context_id,
                "scenario_id": scenario_id,
                "context": context,
                "card_id": winner["id"],
                "card_title": winner.get("title"),
                "card": render_card(winner, RENDERS[render]),
                "p_top": places[0]["p_top"],
                "single_winner": bool(singles.get(context_id)),
                "wisest_ids": [row["card_id"] for row in places if row["tied_top"]],
                **origin(source),
            })
    return pa.Table.from_pylist(rows, schema=PROMPTS), dict(sorted(left_out.items()))


def _places(source: Source) -> dict[str, list[dict[str, Any]]]:
    """The ranked cards of each context, the wisest first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in [] if source.ranks is None else source.ranks.to_pylist():
        found.setdefault(row["context_id"], []).append(row)
    return {context: sorted(rows, key=lambda row: (row["rank"], row["card_id"])) for context, rows in found.items()}


KIND = Kind(
    name="prompts",
    about="Each row is a scenario and a context that it raises, with the card that won there as the target.",
    trainers="TRL `GRPOTrainer` and `RLOOTrainer`; `graphengine train ppo`, `grpo`, `rloo`",
    columns=(
        ("prompt", "as in `cards`, for every scenario of a context"),
        ("context_id, scenario_id", "ids in the graph"),
        ("context", "text of the context"),
        ("card_id", "the card of the first rank: the target"),
        ("card_title", "its title"),
        ("card", "the card as text"),
        ("p_top", "P(this card is the wisest of its context)"),
        ("single_winner", "whether the ranking names it as the only winner"),
        ("wisest_ids", "the cards that the votes leave open as the wisest"),
        ("ranking_id, method, data_hash", "as in `cards`"),
    ),
)
