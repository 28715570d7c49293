"""Edges under the named rules of the published studies: which pairs count as "wiser", and with what weight.

Source: the DFT / values-tools code (`mai-2023`, as published, its entropy over five counters included) and the paper
(`paper-majority`: "a majority of participants agree that one value is wiser than another for a particular context",
Klingefjord, Lowe, Edelman, arXiv 2404.10636); the others are steps between the two.
"""

from __future__ import annotations

import difflib
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from graphengine.errors import RankingError
from graphengine.ranking.arrays import compute
from graphengine.ranking.layout import Layout, lay_out
from graphengine.tables import RULE_EDGES, TALLIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.typing import NDArray

    from graphengine.ranking.arrays import Ints, Reals


_LIKELY = 0.33
_ENTROPY = 1.69
_COUNTERS = ("wiser", "not_wiser", "unsure", "less_wise", "impressions")


class Counters(NamedTuple):
    """What is counted of an ordered pair, each (pairs,)."""

    wiser: Ints
    not_wiser: Ints
    unsure: Ints
    less_wise: Ints
    impressions: Ints
    likelihood: Reals
    entropy: Reals


class EdgeRule(NamedTuple):
    """A rule: which ordered pairs are edges.

    Attributes:
        definition: In words.
        per_context: Are the answers counted context by context, or pooled over a pair's contexts?
        keep: The pairs that are edges.
        share: Is the likelihood wiser / (wiser + not_wiser + unsure), of this direction alone?
        four_counters: Is the entropy over the four answer counters, `impressions` left out?
    """

    definition: str
    per_context: bool
    keep: Callable[[Counters], NDArray[np.bool_]]
    share: bool = False
    four_counters: bool = False


def _likely(c: Counters) -> NDArray[np.bool_]:
    return (c.wiser >= 2) & (c.likelihood >= _LIKELY)


def _mai_2023(c: Counters) -> NDArray[np.bool_]:
    return _likely(c) & (c.entropy <= _ENTROPY)


def _likelihood_only(c: Counters) -> NDArray[np.bool_]:
    return c.likelihood >= _LIKELY


def _any_wiser(c: Counters) -> NDArray[np.bool_]:
    return c.wiser >= 1


def _majority(c: Counters) -> NDArray[np.bool_]:
    return 2 * c.wiser > c.wiser + c.not_wiser + c.unsure + c.less_wise


def _majority_of_decided(c: Counters) -> NDArray[np.bool_]:
    return c.wiser > c.not_wiser + c.less_wise


def _majority_one_way(c: Counters) -> NDArray[np.bool_]:
    return 2 * c.wiser > c.wiser + c.not_wiser + c.unsure


EDGE_RULES: dict[str, EdgeRule] = {
    "mai-2023": EdgeRule(
        "per ordered pair, contexts pooled: wiser >= 2, likelihood >= 0.33, and entropy over five counters <= 1.69, as "
        "published", False, _mai_2023,
    ),
    "mai-2023-context": EdgeRule("mai-2023 on the answers of each context on their own", True, _mai_2023),
    "mai-2023-four-counters": EdgeRule(
        "mai-2023 with the entropy over the four answer counters", False, _mai_2023, four_counters=True
    ),
    "mai-2023-no-entropy": EdgeRule("mai-2023 without the entropy limit", False, _likely),
    "likelihood-only": EdgeRule("likelihood >= 0.33 and nothing else", False, _likelihood_only),
    "any-wiser": EdgeRule("at least one wiser answer on the ordered pair, contexts pooled", False, _any_wiser),
    "majority-per-pair": EdgeRule(
        "contexts pooled: wiser > half of wiser + not_wiser + unsure + less_wise", False, _majority
    ),
    "majority-of-decided-per-pair": EdgeRule(
        "contexts pooled: wiser > not_wiser + less_wise", False, _majority_of_decided
    ),
    "paper-majority": EdgeRule(
        "per context and ordered pair: wiser is more than half of wiser + not_wiser + unsure", True, _majority_one_way,
        share=True,
    ),
}
"""The known rules by name. `less_wise` = "wiser" answers to the opposite question; `impressions` = all answers on the
pair in both directions; `likelihood` = (wiser - less_wise) / (wiser + not_wiser + unsure + less_wise)."""


def find_rule(name: str) -> EdgeRule:
    """The rule of a name.

    Raises:
        RankingError: If there is none; the hint names the closest, or lists the known ones.
    """
    if name in EDGE_RULES:
        return EDGE_RULES[name]
    raise RankingError(f"unknown edge rule: {name!r}", hint=closest(name, EDGE_RULES), value=name)


def closest(name: str, known: Iterable[str], introduced: str = "one of") -> str:
    """A hint for a name that is not known: the closest that is, if one is close, and all of them."""
    close = difflib.get_close_matches(name, known, n=1)
    return (f"did you mean {close[0]}? " if close else "") + f"{introduced}: {', '.join(known)}"


def rule_edges(counts: pa.Table, rule: str, tallies: pa.Table | None = None, context: str | None = None) -> pa.Table:
    """The edges under a named rule.

    A rule that pools counts a pair over all contexts, and its edge names every context in which the pair was answered,
    in either direction; so an edge of a context can rest on answers given in another. Tallies that votes supersede, or
    that the rule can't use, are left out (`superseded_tallies`, `usable_tallies` say how many). A tally speaks for its
    own ordered pair only; where a pair has votes too (in contexts that the tally does not name), a pooling rule adds
    the two.

    Args:
        counts: COUNTS, in any row order.
        rule: A name of `EDGE_RULES`.
        tallies: TALLIES to use beside the counts.
        context: Only the edges that name this context.

    Returns:
        RULE_EDGES sorted by from card, to card, contexts. `weight` is what PageRank uses: the likelihood (the share for
        `paper-majority`, whose `likelihood` column is the share too), 0 where that is negative.

    Raises:
        RankingError: If the rule is unknown.
    """
    chosen = find_rule(rule)
    layout = lay_out(counts)
    records = _from_votes(layout, chosen.per_context)
    if tallies is not None and tallies.num_rows:
        kept, _ = superseded_tallies(counts, tallies)
        usable, _ = usable_tallies(kept, rule)
        if usable.num_rows:
            records = _add_tallies(records, usable, chosen.per_context)
    counters = derive(np.stack([records.column(name).to_numpy() for name in _COUNTERS]), chosen)
    keep = np.nonzero(chosen.keep(counters))[0]
    table = pa.table(
        {
            "from_id": records.column("from_id").take(pa.array(keep)),
            "to_id": records.column("to_id").take(pa.array(keep)),
            "contexts": records.column("contexts").take(pa.array(keep)),
            **{name: pa.array(getattr(counters, name)[keep]) for name in Counters._fields},
            "weight": pa.array(np.maximum(counters.likelihood[keep], 0.0)),
        }
    ).select(RULE_EDGES.schema.names).cast(RULE_EDGES.schema)
    return table if context is None else _naming(table, context)


def _naming(edges: pa.Table, context: str) -> pa.Table:
    pc = compute()

    lists = edges.column("contexts").combine_chunks()
    hit = pc.equal(pc.list_flatten(lists), pa.scalar(context))
    rows = pc.unique(pc.list_parent_indices(lists).filter(hit))
    return edges.take(pc.take(rows, pc.array_sort_indices(rows)))


def derive(counted: Ints, rule: EdgeRule) -> Counters:
    """Likelihood and entropy of pairs under a rule, beside their counters.

    Args:
        counted: (5, pairs) wiser, not_wiser, unsure, less_wise, impressions.
        rule: Says what likelihood and entropy are.
    """
    wiser, not_wiser, unsure, less_wise, impressions = counted
    one_way = wiser + not_wiser + unsure
    with np.errstate(divide="ignore", invalid="ignore"):
        likelihood = wiser / one_way if rule.share else (wiser - less_wise) / (one_way + less_wise)
    shared = (wiser, not_wiser, less_wise, unsure) + (() if rule.four_counters else (impressions,))
    return Counters(
        wiser, not_wiser, unsure, less_wise, impressions, np.nan_to_num(likelihood), entropy(shared)
    )


def entropy(counters: Sequence[Ints]) -> Reals:
    """(rows,) entropy in bits of the shares of counters, each (rows,); counters of 0 add nothing."""
    total, weighed = np.zeros_like(counters[0]), np.zeros(len(counters[0]))
    for counter in counters:
        total += counter
        weighed += _times_log(counter)
    # -Σ p log p, with p = n / total
    return np.maximum(_times_log(total) - weighed, 0.0) / np.maximum(total, 1)


@lru_cache(maxsize=1)
def _small_times_log() -> Reals:
    n = np.arange(4_096.0)
    return n * np.log2(np.maximum(n, 1.0))


def _times_log(n: Ints) -> Reals:
    """`n log2 n`; small numbers, nearly all, are looked up."""
    table = _small_times_log()
    if not len(n) or int(n.max()) < len(table):
        return table[n]
    return n * np.log2(np.maximum(n, 1.0))


def _from_votes(layout: Layout, per_context: bool) -> pa.Table:
    """Per ordered pair (and context): the five counters and the contexts, sorted."""
    cards = max(len(layout.cards), 1)
    source, target = layout.node_card[layout.source], layout.node_card[layout.target]
    context = layout.row_context
    group = context if per_context else np.zeros(len(context), np.int64)
    keys, place = np.unique((group * cards + source) * cards + target, return_inverse=True)
    own = np.stack([np.bincount(place, layout.answers[:, i], len(keys)) for i in range(3)], axis=1).astype(np.int64)
    g, s, t = keys // (cards * cards), keys // cards % cards, keys % cards
    opposite = (g * cards + t) * cards + s
    at = np.minimum(np.searchsorted(keys, opposite), max(len(keys) - 1, 0))
    asked = keys[at] == opposite if len(keys) else np.zeros(0, bool)
    other = np.where(asked[:, None], own[at], 0) if len(keys) else own
    names = _contexts_of(layout, source, target, context, s, t) if not per_context else pa.ListArray.from_arrays(
        pa.array(np.arange(len(g) + 1), pa.int32()), layout.contexts.take(pa.array(g))
    )
    table = pa.table({
        "from_id": layout.cards.take(pa.array(s)), "to_id": layout.cards.take(pa.array(t)), "contexts": names,
        "wiser": own[:, 0], "not_wiser": own[:, 1], "unsure": own[:, 2], "less_wise": other[:, 0],
        "impressions": own.sum(axis=1) + other.sum(axis=1),
    })
    if not per_context:
        return table
    return table.take(pa.array(np.lexsort((g, t, s))))


def _contexts_of(layout: Layout, source: Ints, target: Ints, context: Ints, s: Ints, t: Ints) -> pa.Array:
    """For pairs (s, t): all contexts in which the pair was answered, in either direction, sorted."""
    cards, contexts = max(len(layout.cards), 1), max(len(layout.contexts), 1)
    low, high = np.minimum(source, target), np.maximum(source, target)
    named = np.unique((low * cards + high) * contexts + context)
    pair, which = named // contexts, named % contexts
    keys, first = np.unique(pair, return_index=True)
    lists = pa.ListArray.from_arrays(
        pa.array(np.append(first, len(pair)), pa.int32()), layout.contexts.take(pa.array(which))
    )
    return lists.take(pa.array(np.searchsorted(keys, np.minimum(s, t) * cards + np.maximum(s, t))))


def _add_tallies(records: pa.Table, tallies: pa.Table, per_context: bool) -> pa.Table:
    """Records of votes and tallies together; a pair that has both is added up and names the contexts of both."""
    columns = ["from_id", "to_id", "contexts", *_COUNTERS]
    merged: dict[tuple[str, ...], dict[str, object]] = {}
    for row in [*records.select(columns).to_pylist(), *tallies.select(columns).to_pylist()]:
        key = (row["from_id"], row["to_id"], *(row["contexts"] if per_context else ()))
        into = merged.setdefault(key, {**row, "contexts": [], **dict.fromkeys(_COUNTERS, 0)})
        into["contexts"] = sorted({*into["contexts"], *(row["contexts"] or ())})  # type: ignore[misc]
        for name in _COUNTERS:
            into[name] += row[name] or 0  # type: ignore[operator]
    ordered = [merged[key] for key in sorted(merged)]
    return pa.Table.from_pylist(ordered, schema=TALLIES.schema).select(columns)


def superseded_tallies(counts: pa.Table, tallies: pa.Table) -> tuple[pa.Table, int]:
    """The tallies that votes leave standing, and the number of those that gave way.

    A tally gives way as a whole to any vote on its pair, in either direction, in any of its contexts (in any context at
    all, if it names none).
    """
    voted: dict[tuple[str, str], set[str]] = {}
    layout = lay_out(counts)
    names, contexts = layout.cards.to_pylist(), layout.contexts.to_pylist()
    rows = zip(
        layout.node_card[layout.source].tolist(), layout.node_card[layout.target].tolist(),
        layout.row_context.tolist(), strict=True,
    )
    for source, target, context in rows:
        pair = (names[source], names[target])
        voted.setdefault(min(pair, pair[::-1]), set()).add(contexts[context])
    keep = []
    for row in tallies.select(["from_id", "to_id", "contexts"]).to_pylist():
        pair = (row["from_id"], row["to_id"])
        there = voted.get(min(pair, pair[::-1]), set())
        named = set(row["contexts"] or ())
        keep.append(not (there & named if named else there))
    return tallies.filter(pa.array(keep, pa.bool_())), len(keep) - sum(keep)


def usable_tallies(tallies: pa.Table, rule: str) -> tuple[pa.Table, int]:
    """The tallies that a rule can use, and the number of those it can't.

    A rule that counts context by context can use a tally of exactly one context: pooled counters can't be split. Every
    other rule can use all.

    Raises:
        RankingError: If the rule is unknown.
    """
    if not find_rule(rule).per_context:
        return tallies, 0
    single = [len(names or ()) == 1 for names in tallies.column("contexts").to_pylist()]
    return tallies.filter(pa.array(single, pa.bool_())), len(single) - sum(single)


