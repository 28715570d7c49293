"""What a ranking says of each context: is a single winner named, and why (not).

The rule for a single winner is strict on purpose: of two cards one always has P(top) >= .5, and a card with one answer
in a corner of its own can lead through the prior alone.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from graphengine.errors import RankingError
from graphengine.ranking.layout import codes, lay_out
from graphengine.tables import RANKS, VERDICTS

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints


MIN_ANSWERS = 5
MIN_PEOPLE = 3
RIVAL = 0.05
COVERED = 0.9
"""A single winner has at least `MIN_ANSWERS` answers from `MIN_PEOPLE` people; cards with P(top) above `RIVAL` must be
in its component; a set of cards has a total P(top) of at least `COVERED`."""


class Verdict(NamedTuple):
    """Of one context: is there a single winner, why (not), and which rows `wisest` answers."""

    single_winner: bool
    reason: str
    members: list[int]


def verdicts(
    ranks: pa.Table, counts: pa.Table, people: pa.Table | None = None, *, method: str = "bradley-terry",
    confidence: float = 0.8,
) -> pa.Table:
    """The verdict on every context that has answers or ranks.

    For `bradley-terry` a single winner needs P(top) >= `confidence`, at least 5 answers from at least 3 people on that
    card, and every card with P(top) > .05 in the same component; otherwise the smallest set of cards with total
    P(top) >= .9 is given. Without `people` the number of people is not known, so no single winner is named. For
    `pagerank`, which has no uncertainty, the first card is the winner unless others tie with it.

    Args:
        ranks: RANKS, any row order.
        counts: COUNTS that they were made from.
        people: PEOPLE: who answered about a card in a context.
        method: "bradley-terry" or "pagerank".
        confidence: The least P(top) of a single winner.

    Returns:
        VERDICTS sorted by context, `data_hash` null (the caller knows the state of the votes). Reasons name no card.

    Raises:
        RankingError: If `confidence` is not above 0 and at most 1.
    """
    layout = lay_out(counts)
    answers = _look_up(ranks, pa.table({
        "context_id": layout.context_column(), "card_id": layout.card_column(),
        "n": pa.array(layout.answers_per_node()),
    }))
    judged = judge(ranks, answers, people, method=method, confidence=confidence)
    silent = "no card is ranked: no edge of this context passes the edge rule" if method == "pagerank" else (
        "no card is ranked: the ranking does not cover this context")
    for context in layout.contexts.to_pylist():
        judged.setdefault(context, Verdict(False, silent, []))
    return VERDICTS.table([
        {"context_id": context, "single_winner": judged[context].single_winner, "reason": judged[context].reason}
        for context in sorted(judged)
    ])


def with_tied_top(
    ranks: pa.Table, answers: Ints, people: pa.Table | None, *, method: str, confidence: float
) -> pa.Table:
    """The ranks with `tied_top` filled: member of what `wisest` answers."""
    top = np.zeros(ranks.num_rows, bool)
    for verdict in judge(ranks, answers, people, method=method, confidence=confidence).values():
        top[verdict.members] = True
    at = RANKS.schema.get_field_index("tied_top")
    return ranks.set_column(at, RANKS.schema.field(at), pa.array(top))


def judge(
    ranks: pa.Table, answers: Ints, people: pa.Table | None, *, method: str, confidence: float
) -> dict[str, Verdict]:
    """The verdict by context id; members are row numbers of `ranks`.

    `answers` has the number of answers about the card of each row.
    """
    if not 0 < confidence <= 1:
        raise RankingError(f"confidence must be above 0 and at most 1, not {confidence}", hint="--confidence 0.8",
                           value=confidence)
    context, names = codes(ranks.column("context_id"))
    rank = ranks.column("rank").to_numpy()
    if method == "pagerank":
        order, key = np.lexsort((rank, context)), rank
    else:
        key = ranks.column("p_top").to_numpy()
        order = np.lexsort((rank, -key, context))
    ends = np.searchsorted(context[order], np.arange(len(names) + 1)).tolist()
    rows, keys = order.tolist(), key[order].tolist()
    component = ranks.column("component").to_numpy()[order].tolist()
    persons = None if people is None else _look_up(ranks, people.rename_columns({"people": "n"}))
    judged = {}
    for name, start, end in zip(names.to_pylist(), ends[:-1], ends[1:], strict=True):
        part = slice(start, end)
        if method == "pagerank":
            judged[name] = _by_rank(rows[part], keys[part])
        else:
            first = rows[start]
            judged[name] = _by_probability(rows[part], keys[part], component[part], int(answers[first]),
                                           None if persons is None else int(persons[first]), confidence)
    return judged


def _by_rank(rows: list[int], rank: list[int]) -> Verdict:
    first = rows[: rank.count(1)]
    if len(first) == 1:
        return Verdict(True, "highest PageRank; PageRank has no uncertainty, so this says nothing of how sure it is",
                       first)
    return Verdict(False, f"no single winner: {len(first)} cards tie for the highest PageRank", first)


def _by_probability(
    rows: list[int], p_top: list[float], component: list[int], answers: int, people: int | None, confidence: float
) -> Verdict:
    failed = []
    if p_top[0] < confidence:
        failed.append(f"P(top) of the leading card is {_short(p_top[0], confidence)}, below {confidence:.2f}")
    if answers < MIN_ANSWERS:
        failed.append(f"the leading card has {_number(answers, 'answer')}, fewer than {MIN_ANSWERS}")
    if people is None:
        failed.append("it is not known how many people answered about the leading card")
    elif people < MIN_PEOPLE:
        failed.append(f"the answers about the leading card come from {_number(people, 'person', 'people')}, "
                      f"fewer than {MIN_PEOPLE}")
    apart = len({component[0], *(where for p, where in zip(p_top, component, strict=True) if p > RIVAL)})
    if apart > 1:
        failed.append(f"the cards with P(top) above {RIVAL} lie in {apart} components that no question ties together")
    if not failed:
        return Verdict(True, f"single winner: P(top) {_short(p_top[0])} (at least {confidence:.2f}), "
                             f"{_number(answers, 'answer')} from {people} people", rows[:1])
    size, total = 0, 0.0
    while size < len(rows) and total < COVERED - 1e-9:
        total += p_top[size]
        size += 1
    failed.append(f"{size} cards together have P(top) {_short(total)}" if size > 1
                  else f"the leading card alone has P(top) {_short(total)}")
    return Verdict(False, "no single winner: " + "; ".join(failed), rows[:size])


def _short(p: float, limit: float = 1.0) -> str:
    """Three digits; rounded down where rounding up would read as reaching a limit that the number misses."""
    text = f"{p:.3f}"
    return f"{math.floor(p * 1000) / 1000:.3f}" if p < limit <= float(text) else text


def _number(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"


def _look_up(ranks: pa.Table, values: pa.Table) -> Ints:
    keys = ["context_id", "card_id"]
    wanted = ranks.select(keys)
    both = pa.concat_tables([wanted, values.select(keys).cast(wanted.schema)])
    context, _ = codes(both.column("context_id"))
    card, cards = codes(both.column("card_id"))
    key = context * max(len(cards), 1) + card
    mine, theirs = key[: ranks.num_rows], key[ranks.num_rows:]
    order = np.argsort(theirs, kind="stable")
    at = np.minimum(np.searchsorted(theirs[order], mine), max(len(theirs) - 1, 0))
    if not len(theirs):
        return np.zeros(len(mine), np.int64)
    n = values.column("n").to_numpy()[order]
    return np.where(theirs[order][at] == mine, n[at], 0)
