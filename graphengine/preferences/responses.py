"""The kind `responses`: two answers to one prompt, each written for a values card, ordered by the graph."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.preferences.kinds import Kind, Rows
from graphengine.preferences.pairs import CARDS, PAIRS, with_weights
from graphengine.preferences.rendering import said, text_of
from graphengine.preferences.writer import FOLLOW, Unusable, Writer, short_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RESPONSES = pa.schema([*PAIRS, ("response_ids", pa.list_(pa.string())), ("generator", pa.string())])
"""The columns of the kind `responses`: those of pairs, the ids of the chosen and the rejected response, who wrote."""

SAME_RESPONSE = "both responses read the same"
NO_RESPONSE = "a card has no response"

ADDED = (
    ("response_ids", "the chosen and the rejected response; of responses from a file, the ids given there"),
    ("generator", "who wrote both of them"),
)

KIND = Kind(
    name="responses",
    about="Each row has two answers to one prompt, written by the same generator, each for another values card; the "
          "answer written for the wiser card is chosen.",
    trainers=CARDS.trainers,
    columns=(
        ("prompt", "as in `cards`; it is what the generator was asked"),
        ("chosen", "the answer written for the wiser card: one message of the assistant"),
        ("rejected", "the answer written for the less wise card"),
        *(each for each in CARDS.columns if each[0] not in ("prompt", "chosen", "rejected")),
        *ADDED,
    ),
    finish=with_weights,
)

Found = tuple[str, str] | None  # id and text of a response


def response_rows(pairs: pa.Table, left_out: Mapping[str, int], writer: Writer) -> Rows:
    """Write an answer for every prompt and card of some pairs; the pairs keep their order and their evidence.

    Each card is asked for once per prompt, as the pair shows it, so both sides of a pair are written from the same
    parts of their cards, by the same generator with the same settings.

    Args:
        pairs: `PAIRS`, from `preference_pairs` (all pairs of a ranking, or along wiser edges).
        left_out: What was left out of them.
        writer: Who writes.
    """
    rows = pairs.to_pylist()
    wanted = list(dict.fromkeys(
        (text_of(row["prompt"]), text_of(row[side])) for row in rows for side in ("chosen", "rejected")
    ))
    asked = [(FOLLOW.format(card=card, length=""), prompt) for prompt, card in wanted]
    unusable = Unusable()
    found: dict[tuple[str, str], Found] = {}
    for key, answer in zip(wanted, writer.ask(asked), strict=True):
        found[key] = (short_id(answer.key), answer.text) if unusable.usable(answer) else None
    table, left = _with_responses(
        rows, lambda row, side: found[text_of(row["prompt"]), text_of(row[side])], writer.generator.name
    )
    reasons = {**left_out, **unusable.as_dict(), **left}
    return Rows(KIND, table, reasons, facts=writer.facts(follow=FOLLOW))


def responses_from_file(pairs: pa.Table, left_out: Mapping[str, int], responses: pa.Table, name: str) -> Rows:
    """Pairs of responses that were written elsewhere for the cards of the graph, ordered by the graph.

    Args:
        pairs: `PAIRS`, from `preference_pairs`.
        left_out: What was left out of them.
        responses: From `with_prompts`, with `card_id`; of several for one prompt and card the first by id is taken.
        name: Who wrote them.
    """
    found: dict[tuple[str, str], Found] = {}
    for row in sorted(responses.to_pylist(), key=lambda row: row["response_id"]):
        found.setdefault((row["prompt"], row["card_id"]), (row["response_id"], row["response"]))
    table, left = _with_responses(
        pairs.to_pylist(), lambda row, side: found.get((text_of(row["prompt"]), row[f"{side}_id"])), name
    )
    return Rows(KIND, table, {**left_out, **left}, facts={"generator": name})


def _with_responses(
    rows: list[dict[str, Any]], find: Callable[[dict[str, Any], str], Found], name: str
) -> tuple[pa.Table, dict[str, int]]:
    made: list[dict[str, Any]] = []
    left: Counter[str] = Counter()
    for row in rows:
        chosen, rejected = find(row, "chosen"), find(row, "rejected")
        if chosen is None or rejected is None:
            left[NO_RESPONSE] += 1
        elif chosen[1] == rejected[1]:
            left[SAME_RESPONSE] += 1
        else:
            made.append({
                **row,
                "chosen": said("assistant", chosen[1]),
                "rejected": said("assistant", rejected[1]),
                "response_ids": [chosen[0], rejected[0]],
                "generator": name,
            })
    return pa.Table.from_pylist(made, schema=RESPONSES), dict(sorted(left.items()))
