"""Threshold sensitivity: does the winner of a rule-based method depend on where somebody drew a line?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graphengine.ranking.layout import lay_out
from graphengine.ranking.rules import EDGE_RULES
from graphengine.ranking.validity.copies import leader_ids, rank_by
from graphengine.ranking.validity.finding import Finding, counted

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking.validity.finding import Level

_TITLE = "Thresholds of the edge rules"


def thresholds(counts: pa.Table, *, every_count: pa.Table | None = None, tallies: pa.Table | None = None) -> Finding:
    """The PageRank winner of every context under each edge rule, and how many different winners there are.

    Args:
        counts: COUNTS of the contexts to look at.
        every_count: COUNTS of all contexts, for the rules that pool them; by default `counts`.
        tallies: TALLIES that the rules use beside the counts.

    Returns:
        Figures: rules, contexts, contexts_with_one_winner (all rules agree), mean_winners, most_winners,
        without_winner (context and rule without any edge). Rows by context: winners (number of different answers of
        the rules that have one), and the card ids under each rule, a list.

    Example:
        >>> from graphengine import tables
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 9, "not_wiser": 0, "unsure": 1}])
        >>> thresholds(counts).rows[0]["paper-majority"]
        ['b']
    """
    layout = lay_out(counts)
    contexts = layout.contexts.to_pylist()
    found: dict[str, list[list[str]]] = {}
    for rule in EDGE_RULES:
        ranked = rank_by(layout, counts, "pagerank", None, every_count, tallies, edge_rule=rule)
        found[rule] = leader_ids(layout, ranked)
    rows, different, silent = [], [], 0
    for at, name in enumerate(contexts):
        winners = {rule: cards[at] for rule, cards in found.items()}
        distinct = len({tuple(cards) for cards in winners.values() if cards})
        silent += sum(not cards for cards in winners.values())
        different.append(distinct)
        rows.append({"context_id": name, "winners": distinct, **winners})
    one = sum(n == 1 for n in different)
    level: Level = "fine" if one == len(contexts) else "warning" if one < len(contexts) / 2 else "caution"
    verdict = (
        f"Under the {len(EDGE_RULES)} edge rules of the published studies PageRank names "
        f"{np.mean(different):.1f} different winners per context (at most {max(different)}); in {one} of "
        f"{counted(len(contexts), 'context')} all rules agree. "
    ) + ("The line that a rule draws decides nothing here." if level == "fine" else
         "So where the line is drawn, decides: don't rest a result on one rule.")
    return Finding(
        _TITLE, verdict, level,
        {"rules": len(EDGE_RULES), "contexts": len(contexts), "contexts_with_one_winner": one,
         "mean_winners": float(np.mean(different)), "most_winners": max(different), "without_winner": silent},
        {"context_id": "context", "winners": "different winners", **{rule: rule for rule in EDGE_RULES}}, rows,
    )
