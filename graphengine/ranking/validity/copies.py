"""Contexts whose answers were changed, ranked side by side with the others in one call.

A copy is a context with other answers to its questions. All copies are ranked as contexts of their own, so that
hundreds of rankings cost one call of `rank_counts` and one calibration serves them all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from graphengine.ranking.layout import Layout, codes
from graphengine.ranking.methods import METHODS, rank_counts
from graphengine.ranking.output import TIE
from graphengine.tables import ANSWERS, RANKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.calibration import Calibration

ROWS_AT_ONCE = 400_000
_SIGNS_AT_ONCE = 4_000_000
_WIDE = 400


@dataclass(frozen=True)
class Standings:
    """Copies of contexts, ranked; every copy has a place for each candidate of its context.

    Attributes:
        context: (copies,) which context of the layout each is a copy of.
        start: (copies + 1,) first place of each copy.
        node: (places,) node of the layout.
        score: (places,) score; -inf where the method ranks the card nowhere.
        p_top: (places,) P(top), 0 where the card is not ranked; None for a method without uncertainty.
        lead: (places,) 1 / (number of leaders) at the leaders of a copy, 0 elsewhere. Leaders: the highest P(top), for
            a method without uncertainty the highest score.
    """

    context: Ints
    start: Ints
    node: Ints
    score: Reals
    p_top: Reals | None
    lead: Reals


def subset(layout: Layout, contexts: Ints) -> tuple[Ints, Ints]:
    """Rows of the contexts, one context after the other, and how many rows each has."""
    return ranges(layout.row_start, contexts)


def rank_copies(
    layout: Layout, context: Ints, rows: Ints, copy: Ints, answers: Ints, method: str = "bradley-terry",
    calibration: Calibration | None = None, **parameters: Any,
) -> Standings:
    """Rank copies of contexts.

    Args:
        layout: The contexts as they are.
        context: (copies,) which context of the layout each is a copy of.
        rows: (r,) row of the layout.
        copy: (r,) which copy it belongs to; never falls.
        answers: (r, 3) the answers of the copy to that question.
        method: Any method of `rank_counts` that needs counts only.
        calibration: The calibration of all of them.
        **parameters: Of the method.
    """
    names = pa.array([f"{at:09d}" for at in range(len(context))])
    tables = []
    for part in _parts(copy, len(context)):
        counts = pa.table({
            "context_id": names.take(pa.array(copy[part])), "from_id": _cards(layout, layout.source[rows[part]]),
            "to_id": _cards(layout, layout.target[rows[part]]),
            **{name: answers[part, at] for at, name in enumerate(ANSWERS)},
        })
        ranks = rank_counts(counts, method, calibration, **parameters)
        tables.append(ranks.select(["context_id", "card_id", "score", "p_top"]))
    return standings(layout, context, names, pa.concat_tables(tables) if tables else RANKS.empty())


def rank_as_is(
    layout: Layout, method: str = "bradley-terry", calibration: Calibration | None = None, **parameters: Any
) -> Standings:
    """Rank every context as it is, in the order of the layout."""
    return rank_variants(layout, layout.answers[None], method, calibration, **parameters)


def by_counts() -> tuple[str, ...]:
    """The methods that need nothing but counts."""
    return tuple(name for name, takes in METHODS.items() if "groups" not in takes)


def rank_by(
    layout: Layout, counts: pa.Table, method: str, calibration: Calibration | None = None,
    every_count: pa.Table | None = None, tallies: pa.Table | None = None, **parameters: Any,
) -> Standings:
    """Rank every context as it is; a method whose rule pools contexts sees `every_count`, and tallies if there are."""
    if "edge_rule" in METHODS[method]:
        counts, parameters = counts if every_count is None else every_count, {**parameters, "tallies": tallies}
    ranks = rank_counts(counts, method, calibration, **parameters)
    return standings(layout, np.arange(len(layout.contexts)), layout.contexts, ranks)


def rank_variants(
    layout: Layout, answers: Ints, method: str = "bradley-terry", calibration: Calibration | None = None,
    **parameters: Any,
) -> Standings:
    """Rank every context under other answers: (variants, rows of the layout, 3).

    Copies are variant by variant, contexts in order. A context without answers in a variant has no leader there.
    """
    variants, contexts = len(answers), len(layout.contexts)
    copy = (np.arange(variants)[:, None] * contexts + layout.row_context).ravel()
    return rank_copies(layout, np.tile(np.arange(contexts), variants), np.tile(np.arange(len(layout.source)), variants),
                       copy, answers.reshape(-1, 3), method, calibration, **parameters)


def standings(layout: Layout, context: Ints, names: pa.Array, ranks: pa.Table) -> Standings:
    """RANKS of contexts called `names` (sorted), as copies of the layout's contexts; other contexts are left out."""
    node, size = ranges(layout.start, context)
    start = np.concatenate([[0], np.cumsum(size)])
    copy = np.repeat(np.arange(len(context)), size)
    all_context, _ = codes(pa.concat_arrays([names, *_chunks(ranks, "context_id")]))
    all_card, card_names = codes(pa.concat_arrays([layout.cards, *_chunks(ranks, "card_id")]))
    width = max(len(card_names), 1)
    mine = all_context[: len(names)][copy] * width + all_card[: len(layout.cards)][layout.node_card[node]]
    theirs = all_context[len(names):] * width + all_card[len(layout.cards):]
    order = np.argsort(theirs, kind="stable")
    at = np.minimum(np.searchsorted(theirs[order], mine), max(len(theirs) - 1, 0))
    there = theirs[order][at] == mine if len(theirs) else np.zeros(len(mine), bool)
    row = order[at[there]] if len(theirs) else np.zeros(0, np.int64)
    score, p_top = np.full(len(node), -np.inf), None
    score[there] = ranks.column("score").to_numpy()[row]
    if ranks.num_rows and ranks.column("p_top").null_count == 0:
        p_top = np.zeros(len(node))
        p_top[there] = ranks.column("p_top").to_numpy()[row]
    decides = score if p_top is None else np.where(np.isfinite(score), p_top, -np.inf)
    return Standings(context, start, node, score, p_top, _leaders(decides, start, copy))


def _leaders(value: Reals, start: Ints, copy: Ints) -> Reals:
    if not len(value):
        return np.zeros(0)
    best = np.maximum.reduceat(value, start[:-1])[copy]
    first = (value >= best - TIE) & np.isfinite(best)
    many = np.bincount(copy, first, len(start) - 1)[copy]
    return np.divide(first, many, out=np.zeros(len(value)), where=many > 0)


def same_leader(one: Standings, layout: Layout, copies: Standings) -> Reals:
    """(copies,) how far each copy has the leader of its context in `one` (every context of the layout once, in order).

    1: the same; 0: another, or none. Of tied leaders one is drawn on each side: the probability that they are the same.
    """
    return over(copies, _of_layout(one, layout, one.lead)[copies.node] * copies.lead)


def over(copies: Standings, values: Reals) -> Reals:
    """(copies,) sums over the places of each copy."""
    return np.add.reduceat(values, copies.start[:-1]) if len(values) else np.zeros(0)


def leader_ids(layout: Layout, ranked: Standings) -> list[list[str]]:
    """The ids of the leaders of each copy."""
    found: list[list[str]] = [[] for _ in ranked.context]
    places = np.nonzero(ranked.lead > 0)[0]
    copy = np.searchsorted(ranked.start, places, side="right") - 1
    names = layout.cards.take(pa.array(layout.node_card[ranked.node[places]])).to_pylist()
    for at, name in zip(copy.tolist(), names, strict=True):
        found[at].append(name)
    return found


def kendall(one: Standings, layout: Layout, copies: Standings, *, missing: float = -np.inf) -> Reals:
    """(copies,) Kendall's tau-b of each copy with its context in `one`; null (NaN) where either has only ties.

    Args:
        one: Every context of the layout once, in order.
        layout: The contexts.
        copies: What is compared.
        missing: The score of a card that a copy ranks nowhere: -inf puts it below all, 0 at Bradley-Terry's prior.
    """
    result = np.full(len(copies.context), np.nan)
    base = _of_layout(one, layout, one.score)
    score = np.where(np.isfinite(copies.score), copies.score, missing)
    for context in np.unique(copies.context):
        which = np.nonzero(copies.context == context)[0]
        node, size = ranges(layout.start, np.array([context]))
        width = int(size[0])
        values = score[copies.start[which][:, None] + np.arange(width)]
        result[which] = _tau(base[node], values)
    return result


def _tau(one: Reals, many: Reals) -> Reals:
    if len(one) > _WIDE:  # scipy counts in n log n
        from scipy.stats import kendalltau

        return np.array([_scipy_tau(kendalltau, one, other) for other in many])
    low, high = np.triu_indices(len(one), 1)
    sign = _sign(one[low], one[high])
    result = np.empty(len(many))
    take = max(1, _SIGNS_AT_ONCE // max(len(low), 1))
    for at in range(0, len(many), take):
        other = _sign(many[at : at + take, low], many[at : at + take, high])
        untied = np.abs(other).sum(axis=1) * float(np.abs(sign).sum())
        both = other @ sign
        result[at : at + take] = np.divide(both, np.sqrt(untied), out=np.full(len(both), np.nan), where=untied > 0)
    return result


def _sign(one: Reals, other: Reals) -> Reals:
    """1 where `one` is above `other`, -1 below, 0 for a tie; also for infinities."""
    with np.errstate(invalid="ignore"):
        tied = (one == other) | (np.abs(one - other) <= TIE)
    return np.where(tied, 0.0, np.where(one > other, 1.0, -1.0))


def _scipy_tau(kendalltau: Any, one: Reals, other: Reals) -> float:
    if len(np.unique(one)) == 1 or len(np.unique(other)) == 1:
        return float("nan")
    return float(kendalltau(one, other).statistic)


def mean(values: Reals) -> float | None:
    """The mean of what is known; None if nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _of_layout(one: Standings, layout: Layout, values: Reals) -> Reals:
    found = np.full(len(layout.node_card), np.nan)
    found[one.node] = values
    return found


def _cards(layout: Layout, node: Ints) -> pa.Array:
    return layout.cards.take(pa.array(layout.node_card[node]))


def _chunks(table: pa.Table, name: str) -> list[pa.Array]:
    return table.column(name).cast(pa.string()).chunks


def _parts(copy: Ints, copies: int) -> Iterator[slice]:
    """Slices of whole copies, each of about ROWS_AT_ONCE rows."""
    ends = np.searchsorted(copy, np.arange(1, copies + 1))
    at = 0
    while at < len(copy):
        last = int(np.searchsorted(ends, at + ROWS_AT_ONCE, side="right"))
        to = int(ends[last - 1]) if last and ends[last - 1] > at else int(ends[np.searchsorted(ends, at, side="right")])
        yield slice(at, to)
        at = to


def ranges(start: Ints, which: Ints) -> tuple[Ints, Ints]:
    """start[i] … start[i + 1] - 1 for each i of `which`, one after the other, and their lengths."""
    first, size = start[which], start[which + 1] - start[which]
    return np.arange(int(size.sum())) - np.repeat(np.cumsum(size) - size, size) + np.repeat(first, size), size
