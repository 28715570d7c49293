"""Orderings of responses by people or programs, made elsewhere: pairs with counts."""

from __future__ import annotations

import difflib
from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.preferences.evidence import evidence_of
from graphengine.preferences.kinds import Kind, Rows
from graphengine.preferences.pairs import COUNTS, pair_id, scenarios_by_context
from graphengine.preferences.rendering import render_prompt, said
from graphengine.preferences.responses import ADDED, RESPONSES, SAME_RESPONSE
from graphengine.preferences.responses import KIND as BY_GRAPH
from graphengine.preferences.responses_file import Reject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphengine.preferences.source import Source

EVEN = "the raters are divided evenly"
ALONE = "no rater ordered both responses"

OPINIONS = (
    ("prompt", "as in `cards`"),
    ("p_chosen", "P(most raters would put the chosen answer above the other), with a uniform prior on their share"),
    ("p_chosen_lower, p_chosen_upper", "the same: nothing is shared with other pairs"),
    ("weight", "2 p_chosen - 1: .5 for one rater alone"),
    ("margin", "expected log odds of being put above"),
    ("margin_sd", "its standard deviation"),
    ("wiser, not_wiser, unsure", "raters who put the chosen answer above the other, below it, on the same place"),
    ("wiser_reverse, not_wiser_reverse, unsure_reverse", "0"),
    ("pair_id", "names context, scenario and the unordered pair of responses"),
    ("context_id, scenario_id", "ids in the graph"),
    ("chosen_id, rejected_id", "the cards that the answers were written for, where that is known"),
    ("chosen_title, rejected_title, ranking_id, method", "nothing: no ranking of cards is behind the pair"),
    ("upgrade_ids", "none"),
    ("data_hash", "the state of the votes of the graph that the prompt is from"),
    *ADDED,
)

ORDERED = Kind(
    name="responses",
    about="Each row has two answers to one prompt, ordered by people or programs in a file; the one that more of them "
          "put above the other is chosen.",
    trainers=BY_GRAPH.trainers,
    columns=(
        *OPINIONS[:1],
        ("chosen", "the answer that more raters put above the other: one message of the assistant"),
        ("rejected", "the other answer"),
        *OPINIONS[1:],
    ),
)


def prompt_name(context_id: str, scenario_id: str | None) -> str:
    """The name of a prompt that no other one has.

    Example:
        >>> prompt_name("When lost", "s1"), prompt_name("When lost", None)
        ('When lost | s1', 'When lost')
    """
    return context_id if scenario_id is None else f"{context_id} | {scenario_id}"


def prompts_by_name(source: Source) -> dict[str, dict[str, Any]]:
    """What a `prompt_id` can name.

    A context by id or text, with its first scenario; a scenario by id, with the first context that it raises; both by
    `prompt_name`. Of each: `prompt, context_id, scenario_id`.
    """
    scenarios = scenarios_by_context(source)
    named: dict[str, dict[str, Any]] = {}
    rows = sorted(source.contexts.to_pylist(), key=lambda row: row["id"])
    for row in rows:
        text = row["text"] or row["id"]
        for scenario_id, scenario in scenarios.get(row["id"], [(None, None)]):
            place = {
                "prompt": render_prompt(scenario, text), "context_id": row["id"], "scenario_id": scenario_id
            }
            named.setdefault(row["id"], place)
            if scenario_id is not None:
                named.setdefault(scenario_id, place)
                named.setdefault(prompt_name(row["id"], scenario_id), place)
    for row in rows:
        named.setdefault((row["text"] or "").strip() or row["id"], named[row["id"]])
    return named


def with_prompts(rows: pa.Table, source: Source) -> tuple[pa.Table, list[Reject]]:
    """The rows with `prompt`, `context_id` and `scenario_id`; a prompt that is not in the graph is a reject.

    A card that is a duplicate becomes its canonical card.

    Args:
        rows: `responses_file.ROWS`.
        source: The graph.
    """
    named = prompts_by_name(source)
    cards = set(source.cards.column("id").to_pylist())
    canonical = source.canonical
    found: list[dict[str, Any]] = []
    rejects: list[Reject] = []
    for row in rows.to_pylist():
        place = named.get(row["prompt_id"])
        if place is None:
            near = difflib.get_close_matches(row["prompt_id"], named, 1)
            reason = "the graph has no scenario or context of this name; " + (
                f"did you mean {near[0]!r}?" if near else "see the kind prompts for their ids"
            )
            rejects.append(Reject(row["row"], "prompt_id", row["prompt_id"], reason))
        elif row["card_id"] is not None and row["card_id"] not in cards:
            rejects.append(Reject(row["row"], "card_id", row["card_id"], "the graph has no card of this id"))
        else:
            found.append({**row, **place, "card_id": canonical.get(row["card_id"], row["card_id"])})
    extra = [("prompt", pa.string()), ("context_id", pa.string()), ("scenario_id", pa.string())]
    return pa.Table.from_pylist(found, schema=pa.schema([*rows.schema, *extra])), rejects


def ordering_rows(rows: pa.Table, name: str, data_hash: str | None = None) -> Rows:
    """Pairs of responses to one prompt, each with the number of raters who put one above the other.

    The response that more raters put above the other one is chosen. `wiser` counts them, `not_wiser` those who put it
    below, `unsure` those who gave both the same rank or score; `p_chosen`, `margin` and `margin_sd` follow from the
    three by `evidence_of`, so one rater alone makes a pair of weight .5.

    Args:
        rows: From `with_prompts`, with scores.
        name: Who wrote them, for the column `generator`.
        data_hash: Of the graph.
    """
    prompts: dict[str, dict[str, dict[str, Any]]] = defaultdict(lambda: defaultdict(dict))
    for row in rows.to_pylist():
        place = prompts[row["prompt"]][row["response_id"]]
        place.setdefault("row", row)
        if row["score"] is not None:
            place.setdefault("scores", {})[row["rater"]] = row["score"]
    made: list[dict[str, Any]] = []
    left: dict[str, int] = defaultdict(int)
    for _, responses in sorted(prompts.items()):
        for one, other in combinations(sorted(responses), 2):
            pair = _pair(responses[one], responses[other], name)
            if isinstance(pair, str):
                left[pair] += 1
            else:
                made.append({**pair, "data_hash": data_hash})
    table = pa.Table.from_pylist(made, schema=RESPONSES)
    return Rows(ORDERED, table, dict(sorted(left.items())), facts={"generator": name, "ordered_by": "raters in a file"})


def count_opinions(one: Mapping[str, float], other: Mapping[str, float]) -> tuple[int, int, int]:
    """How many raters of both put the one above, below, and on the same place as the other.

    Example:
        >>> count_opinions({"a": 3, "b": 1, "c": 2}, {"a": 1, "b": 1, "d": 9})
        (1, 0, 1)
    """
    both = [(one[rater], other[rater]) for rater in one if rater in other]
    return sum(a > b for a, b in both), sum(a < b for a, b in both), sum(a == b for a, b in both)


def _pair(one: dict[str, Any], other: dict[str, Any], name: str) -> dict[str, Any] | str:
    above, below, even = count_opinions(one.get("scores", {}), other.get("scores", {}))
    if above < below:
        one, other, above, below = other, one, below, above
    if not above + below + even:
        return ALONE
    if above == below:
        return EVEN
    if one["row"]["response"] == other["row"]["response"]:
        return SAME_RESPONSE
    return made_pair(one["row"], other["row"], (above, below, even), name=name)


def made_pair(
    chosen: Mapping[str, Any], rejected: Mapping[str, Any], counts: tuple[int, int, int], *, name: str, share: float = 1
) -> dict[str, Any]:
    """A row of two responses, with the evidence that some raters give.

    Args:
        chosen: `prompt, context_id, scenario_id, response_id, response`, and `card_id` where it is known.
        rejected: The same of the other one.
        counts: Raters who put the chosen one above, below, and on the same place as the other.
        name: Who wrote them.
        share: How much of what counts in full they differ by.
    """
    sure = evidence_of(*counts).times(share)
    ids = [chosen["response_id"], rejected["response_id"]]
    cards = chosen.get("card_id"), rejected.get("card_id")
    apart = None not in cards and cards[0] != cards[1]
    return {
        "prompt": said("user", chosen["prompt"]),
        "chosen": said("assistant", chosen["response"]),
        "rejected": said("assistant", rejected["response"]),
        "p_chosen": sure.p_chosen,
        # Nothing is shared with other pairs that could be known better.
        "p_chosen_lower": sure.p_chosen,
        "p_chosen_upper": sure.p_chosen,
        "weight": sure.weight,
        "margin": sure.margin,
        "margin_sd": sure.margin_sd,
        **dict.fromkeys(COUNTS, 0),
        **dict(zip(COUNTS[:3], counts, strict=True)),
        "pair_id": pair_id(chosen["context_id"], chosen["scenario_id"], *ids, letter="o"),
        "context_id": chosen["context_id"],
        "scenario_id": chosen["scenario_id"],
        "chosen_id": cards[0] if apart else None,
        "rejected_id": cards[1] if apart else None,
        "upgrade_ids": [],
        "response_ids": ids,
        "generator": name,
    }
