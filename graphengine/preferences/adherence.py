"""The kind `adherence`: two answers to one prompt, rated for how far they follow the card that won there.

From ratings to pairs (`Rule`): two responses to the same prompt make a pair where their mean ratings, over the raters
who rated both, differ by at least `threshold`. The raters' agreement gives `p_chosen` by `evidence_of`, as in
orderings; a difference of less than `full` counts in proportion.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.errors import InputError, ModelError
from graphengine.preferences.kinds import Kind, Rows
from graphengine.preferences.orderings import ALONE, EVEN, OPINIONS, count_opinions, made_pair
from graphengine.preferences.rendering import text_of
from graphengine.preferences.responses import KIND as BY_GRAPH
from graphengine.preferences.responses import RESPONSES, SAME_RESPONSE
from graphengine.preferences.writer import ANSWER, RATE, Unusable, Writer, short_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ADHERENCE = pa.schema([
    *RESPONSES, ("card_id", pa.string()), ("rating_chosen", pa.float64()), ("rating_rejected", pa.float64()),
])
"""The columns of the kind `adherence`."""

TOO_CLOSE = "the ratings differ by less than the threshold"
NO_RATING = "a rating is not what was asked for"
NO_TARGET = "no card won in the context"
LOWEST, HIGHEST = 1, 5

KIND = Kind(
    name="adherence",
    about="Each row has two answers to one prompt, rated for how far they follow the card that won in the context; the "
          "one that follows it further is chosen.",
    trainers=BY_GRAPH.trainers,
    columns=(
        *OPINIONS[:1],
        ("chosen", "the answer with the higher mean rating: one message of the assistant"),
        ("rejected", "the other answer"),
        ("p_chosen", "P(most raters would rate the chosen answer higher), brought nearer to .5 where the ratings "
                     "differ by less than what counts in full"),
        *(each for each in OPINIONS[2:] if each[0] not in ("chosen_id, rejected_id", "wiser, not_wiser, unsure")),
        ("wiser, not_wiser, unsure", "raters who rated the chosen answer higher, lower, equally"),
        ("chosen_id, rejected_id", "nothing: both answers are held against one card"),
        ("card_id", "the card that won in the context, by which the answers were rated"),
        ("rating_chosen, rating_rejected", "mean ratings by those who rated both"),
    ),
)


@dataclass(frozen=True)
class Rule:
    """From ratings to pairs.

    Attributes:
        threshold: The least difference of mean ratings that makes a pair.
        full: The difference from which on it counts in full.
        samples: Answers to each prompt, where a generator writes them.
        times: How often a model rates each answer; each time counts as one rater.
    """

    threshold: float = 1.0
    full: float = 2.0
    samples: int = 4
    times: int = 3

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= self.full or self.samples < 2 or self.times < 1:
            raise InputError(
                "the rule from ratings to pairs needs 0 < threshold <= full, 2 samples, and 1 rating of each",
                hint="leave it out for the defaults", value=str(asdict(self)),
            )


def written_responses(prompts: pa.Table, writer: Writer, samples: int) -> tuple[pa.Table, Unusable]:
    """Several answers to each prompt, which follow no card.

    Args:
        prompts: `PROMPTS`.
        writer: Who writes.
        samples: Answers to each prompt.

    Returns:
        `prompt, context_id, scenario_id, response_id, response`; and the numbers of answers that can't be used.
    """
    rows = [(row, seed) for row in prompts.to_pylist() for seed in range(samples)]
    answers = writer.ask(
        [(ANSWER.format(length=""), text_of(row["prompt"])) for row, _ in rows], seeds=[seed for _, seed in rows]
    )
    unusable = Unusable()
    made = [
        {
            "prompt": text_of(row["prompt"]), "context_id": row["context_id"], "scenario_id": row["scenario_id"],
            "response_id": short_id(answer.key), "response": answer.text,
        }
        for (row, _), answer in zip(rows, answers, strict=True) if unusable.usable(answer)
    ]  # fmt: skip
    names = ("prompt", "context_id", "scenario_id", "response_id", "response")
    return pa.Table.from_pylist(made, schema=pa.schema([(name, pa.string()) for name in names])), unusable


def rated_by_model(
    responses: pa.Table, prompts: pa.Table, rater: Writer, times: int
) -> tuple[pa.Table, dict[str, int]]:
    """Ratings of responses by a model, from 1 to 5, for how far each follows the winning card.

    Args:
        responses: `prompt, context_id, scenario_id, response_id, response`.
        prompts: `PROMPTS`: the card that won in each context.
        rater: Who rates.
        times: How often; each time counts as one rater.

    Returns:
        The responses with `score` and `rater`, one row per rating; and the numbers of ratings that can't be used.
    """
    cards = _targets(prompts)
    rows = [(row, time) for row in responses.to_pylist() if row["context_id"] in cards for time in range(times)]
    asked = []
    for row, _ in rows:
        shown = {"message": row["prompt"], "answer": row["response"]}
        asked.append((RATE.format(card=cards[row["context_id"]]["card"]), json.dumps(shown, ensure_ascii=False)))
    answers = rater.ask(asked, seeds=[time for _, time in rows], json=True)
    made: list[dict[str, Any]] = []
    unusable = Unusable()
    for (row, time), answer in zip(rows, answers, strict=True):
        score = _rating(answer.text)
        if score is None:
            unusable[NO_RATING] += 1
        else:
            made.append({**row, "score": float(score), "rater": str(time)})
    schema = pa.schema([*responses.schema, ("score", pa.float64()), ("rater", pa.string())])
    return pa.Table.from_pylist(made, schema=schema), unusable.as_dict()


def _rating(text: str) -> int | None:
    from graphengine.models.requests import strict_json

    try:
        rating = strict_json(text, {"rating": int})["rating"]
    except ModelError:
        return None
    return rating if LOWEST <= rating <= HIGHEST else None


def adherence_rows(
    ratings: pa.Table,
    prompts: pa.Table,
    *,
    name: str,
    rule: Rule | None = None,
    left_out: Mapping[str, int] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Rows:
    """Pairs of responses whose adherence to the winning card differs.

    Args:
        ratings: `prompt, context_id, scenario_id, response_id, response, score, rater`; higher scores follow the card
            further.
        prompts: `PROMPTS`: the card that won in each context.
        name: Who wrote the responses.
        rule: From ratings to pairs.
        left_out: What was left out before, by reason.
        facts: What the manifest shall hold.
    """
    rule = rule or Rule()
    cards = _targets(prompts)
    grouped: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    left: dict[str, int] = defaultdict(int, left_out or {})
    for row in ratings.to_pylist():
        if row["context_id"] not in cards:
            left[NO_TARGET] += 1
        elif row["score"] is not None:
            grouped[row["context_id"], row["prompt"]][row["response_id"]].append(row)
    made: list[dict[str, Any]] = []
    for (context_id, _), responses in sorted(grouped.items()):
        target = cards[context_id]
        for one, other in combinations(sorted(responses), 2):
            pair = _pair(responses[one], responses[other], rule, name)
            if isinstance(pair, str):
                left[pair] += 1
            else:
                made.append({**pair, "card_id": target["card_id"], "data_hash": target["data_hash"]})
    told = {**(facts or {}), "rule": asdict(rule)}
    return Rows(KIND, pa.Table.from_pylist(made, schema=ADHERENCE), dict(sorted(left.items())), facts=told)


def _targets(prompts: pa.Table) -> dict[str, dict[str, Any]]:
    """The winning card of each context."""
    return {row["context_id"]: row for row in prompts.to_pylist()}


def _pair(
    one: Sequence[dict[str, Any]], other: Sequence[dict[str, Any]], rule: Rule, name: str
) -> dict[str, Any] | str:
    scores = [{row["rater"]: row["score"] for row in rows} for rows in (one, other)]
    both = [rater for rater in scores[0] if rater in scores[1]]
    if not both:
        return ALONE
    means = [sum(each[rater] for rater in both) / len(both) for each in scores]
    if means[0] < means[1]:
        one, other, scores, means = other, one, scores[::-1], means[::-1]
    if means[0] - means[1] < rule.threshold:
        return TOO_CLOSE
    higher, lower, even = count_opinions(*scores)
    if higher <= lower:
        return EVEN  # a few large differences against as many or more small ones: the raters don't agree
    if one[0]["response"] == other[0]["response"]:
        return SAME_RESPONSE
    share = min(1.0, (means[0] - means[1]) / rule.full)
    pair = made_pair(
        {**one[0], "card_id": None}, {**other[0], "card_id": None}, (higher, lower, even), name=name, share=share
    )
    return {**pair, "rating_chosen": means[0], "rating_rejected": means[1]}
