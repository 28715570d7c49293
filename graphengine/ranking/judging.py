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
from graphengine.ranking.arrays import compute
from graphengine.ranking.layout import codes, lay_out
from graphengine.ranking.output import COVERED, covering
from graphengine.tables import RANKS, VERDICTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphengine.ranking.arrays import Ints
    from graphengine.ranking.calibration import Calibration
    from graphengine.ranking.layout import Layout


MIN_ANSWERS = 5
MIN_PEOPLE = 3
RIVAL = 0.05
"""A single winner has at least `MIN_ANSWERS` answers from `MIN_PEOPLE` people; cards with P(top) above `RIVAL` must be
in its component; a set of cards has a total P(top) of at least `COVERED`."""


class Verdict(NamedTuple):
    """Of one context: is there a single winner, and why (not)."""

    single_winner: bool
    reason: str


def verdicts(
    ranks: pa.Table, counts: pa.Table, people: pa.Table | None = None, *, method: str = "bradley-terry",
    confidence: float = 0.8, said: pa.Table | Callable[[list[str]], pa.Table] | None = None,
    calibration: Calibration | None = None,
) -> pa.Table:
    """The verdict on every context that has answers or ranks.

    A method with P(top) names a single winner where P(top) >= `confidence`, at least 5 answers from at least 3 people
    are about that card, not all of them "unsure", every card with P(top) > .05 is in the same component, and (with
    `said`, for `bradley-terry`) no single person's answers decide it: whoever is left out, the same rule names the
    same card. Otherwise the smallest set of cards with total P(top) >= .9 is given. Without `people` the number of
    people is not known, so no single winner is named. A method without uncertainty names its first card unless others
    tie with it.

    Args:
        ranks: RANKS, any row order.
        counts: COUNTS that they were made from.
        people: PEOPLE: who answered about a card in a context.
        method: The name of the method that made the ranks.
        confidence: The least P(top) of a single winner.
        said: SAID: the single votes behind the counts; or a function that gives them for some contexts, so that they
            are read only where a winner would be named. Without it nobody is left out (see `influence`).
        calibration: That the ranks were made with; needed for `said` only, made from the counts if it is missing.

    Returns:
        VERDICTS sorted by context, `data_hash` null (the caller knows the state of the votes). Reasons name no card
        and no person. `settle` brings the ranks' `tied_top` into line with them.

    Raises:
        RankingError: If `confidence` is not above 0 and at most 1.
    """
    layout = lay_out(counts)
    judged = judge(ranks, answers_about(ranks, layout), people, method=method, confidence=confidence)
    if said is not None and method == "bradley-terry":
        _leave_people_out(judged, ranks, counts, said, calibration, confidence)
    silent = "no card is ranked: no edge of this context passes the edge rule" if method == "pagerank" else (
        "no card is ranked: the ranking does not cover this context")
    for context in layout.contexts.to_pylist():
        judged.setdefault(context, Verdict(False, silent))
    return VERDICTS.table([
        {"context_id": context, "single_winner": judged[context].single_winner, "reason": judged[context].reason}
        for context in sorted(judged)
    ])


def _leave_people_out(
    judged: dict[str, Verdict], ranks: pa.Table, counts: pa.Table,
    said: pa.Table | Callable[[list[str]], pa.Table], calibration: Calibration | None, confidence: float,
) -> None:
    """Of the contexts with a single winner, take it from those where one person decides."""
    from graphengine.ranking.calibration import calibrate
    from graphengine.ranking.influence import influence

    named = [context for context, verdict in judged.items() if verdict.single_winner]
    if not named:
        return
    of_named = ranks.filter(compute().is_in(ranks.column("context_id").cast(pa.string()), value_set=pa.array(named)))
    found = influence(
        said(named) if callable(said) else said, of_named, counts, calibration or calibrate(counts),
        confidence=confidence,
    )
    left_open = _mark(of_named, set())
    shares = left_open.filter(left_open.column("tied_top")).group_by("context_id", use_threads=False).aggregate(
        [("p_top", "count"), ("p_top", "sum")])
    known = {row["context_id"]: _open(row["p_top_count"], row["p_top_sum"]) for row in shares.to_pylist()}
    for row in found.to_pylist():
        context = row["context_id"]
        if row["takes_win"]:
            judged[context] = Verdict(False, "no single winner: removing one person's answers would take the win away "
                                             f"({row['why']}); {known[context]}")
        else:
            one = judged[context]
            judged[context] = one._replace(reason=f"{one.reason}, and no one person's answers decide it")


def with_tied_top(
    ranks: pa.Table, answers: tuple[Ints, Ints], people: pa.Table | None, *, method: str, confidence: float
) -> pa.Table:
    """The ranks with `tied_top` filled: member of what `wisest` answers, nobody left out.

    `answers` is what `answers_about` gives.
    """
    judged = judge(ranks, answers, people, method=method, confidence=confidence)
    return _mark(ranks, {context for context, verdict in judged.items() if verdict.single_winner})


def settle(ranks: pa.Table, verdicts: pa.Table) -> pa.Table:
    """The ranks with `tied_top` as the verdicts say: the single winner, or the smallest set that the votes leave open.

    Args:
        ranks: RANKS, any row order.
        verdicts: VERDICTS on the same contexts.

    Returns:
        RANKS in the same row order.

    Example:
        >>> from graphengine import tables
        >>> ranks = tables.RANKS.table([
        ...     {"context_id": "c", "card_id": "a", "rank": 1, "p_top": 0.85, "tied_top": True},
        ...     {"context_id": "c", "card_id": "b", "rank": 2, "p_top": 0.15, "tied_top": False}])
        >>> one_decides = tables.VERDICTS.table([{"context_id": "c", "single_winner": False, "reason": "…"}])
        >>> settle(ranks, one_decides).column("tied_top").to_pylist()
        [True, True]
    """
    return _mark(ranks, set(verdicts.filter(verdicts.column("single_winner")).column("context_id").to_pylist()))


def _mark(ranks: pa.Table, single: set[str]) -> pa.Table:
    context, names = codes(ranks.column("context_id"))
    rank = ranks.column("rank").to_numpy()
    if _has_probability(ranks):
        p_top = ranks.column("p_top").to_numpy()
        order = np.lexsort((rank, -p_top, context))
        start = np.searchsorted(context[order], np.arange(len(names) + 1))
        alone = np.array([name in single for name in names.to_pylist()], bool)[context[order]]
        top = np.empty(len(order), bool)
        top[order] = np.where(alone, np.arange(len(order)) == start[context[order]], covering(p_top[order], start))
    else:
        top = rank == 1
    at = RANKS.schema.get_field_index("tied_top")
    return ranks.set_column(at, RANKS.schema.field(at), pa.array(top, pa.bool_()))


def _has_probability(ranks: pa.Table) -> bool:
    return ranks.num_rows > 0 and ranks.column("p_top").null_count == 0


def judge(
    ranks: pa.Table, answers: tuple[Ints, Ints], people: pa.Table | None, *, method: str, confidence: float
) -> dict[str, Verdict]:
    """The verdict by context id, nobody left out. `answers` is what `answers_about` gives."""
    check_confidence(confidence)
    context, names = codes(ranks.column("context_id"))
    rank = ranks.column("rank").to_numpy()
    probable = _has_probability(ranks)
    key = ranks.column("p_top").to_numpy() if probable else rank
    order = np.lexsort((rank, -key, context)) if probable else np.lexsort((rank, context))
    ends = np.searchsorted(context[order], np.arange(len(names) + 1)).tolist()
    keys, first = key[order].tolist(), order[ends[:-1]]
    component = ranks.column("component").to_numpy()[order].tolist()
    about, decided = (each[first].tolist() for each in answers)
    persons = None if people is None else look_up(ranks, people.rename_columns({"people": "n"}))[first].tolist()
    judged = {}
    for at, (name, start, end) in enumerate(zip(names.to_pylist(), ends[:-1], ends[1:], strict=True)):
        part = slice(start, end)
        judged[name] = _by_probability(
            keys[part], component[part], about[at], decided[at], None if persons is None else persons[at], confidence,
        ) if probable else _by_rank(keys[part], method)
    return judged


def check_confidence(confidence: float) -> None:
    """Is the least P(top) of a single winner above 0 and at most 1?

    Raises:
        RankingError: If not.
    """
    if not 0 < confidence <= 1:
        raise RankingError(f"confidence must be above 0 and at most 1, not {confidence}", hint="--confidence 0.8",
                           value=confidence)


def _by_rank(rank: list[int], method: str) -> Verdict:
    score, first = "PageRank" if method == "pagerank" else f"{method} score", rank.count(1)
    if first == 1:
        return Verdict(True, f"highest {score}; {score} has no uncertainty, so this says nothing of how sure it is")
    return Verdict(False, f"no single winner: {first} cards tie for the highest {score}")


def _by_probability(
    p_top: list[float], component: list[int], answers: int, decided: int, people: int | None, confidence: float
) -> Verdict:
    failed = []
    if p_top[0] < confidence:
        failed.append(f"P(top) of the leading card is {_short(p_top[0], confidence)}, below {confidence:.2f}")
    if answers < MIN_ANSWERS:
        failed.append(f"the leading card has {_number(answers, 'answer')}, fewer than {MIN_ANSWERS}")
    if not decided:
        failed.append("every answer about the leading card is “unsure”")
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
                             f"{_number(answers, 'answer')} from {people} people")
    size, total = 0, 0.0
    while size < len(p_top) and total < COVERED - 1e-9:
        total += p_top[size]
        size += 1
    failed.append(_open(size, total))
    return Verdict(False, "no single winner: " + "; ".join(failed))


def _open(size: int, total: float) -> str:
    return f"{size} cards together have P(top) {_short(total)}" if size > 1 else (
        f"the leading card alone has P(top) {_short(total)}")


def _short(p: float, limit: float = 1.0) -> str:
    """Three digits; rounded down where rounding up would read as reaching a limit that the number misses."""
    text = f"{p:.3f}"
    return f"{math.floor(p * 1000) / 1000:.3f}" if p < limit <= float(text) else text


def _number(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"


def answers_about(ranks: pa.Table, layout: Layout) -> tuple[Ints, Ints]:
    """Answers about the card of each row of RANKS, and those of them that are not "unsure", each (rows,)."""
    node = look_up(ranks, pa.table({
        "context_id": layout.context_column(), "card_id": layout.card_column(),
        "n": pa.array(np.arange(1, len(layout.node_card) + 1)),
    }))
    answers, decided = (
        np.append(0, layout.answers_per_node(decided=decided))[node] for decided in (False, True))
    return answers, decided


def look_up(ranks: pa.Table, values: pa.Table) -> Ints:
    """(rows,) `n` of the context and card of each row of RANKS; 0 where there is none.

    `values` has the columns `context_id, card_id, n`, each card of a context once.
    """
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
