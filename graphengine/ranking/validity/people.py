"""Leave one person out: how much of a lead hangs on a single person?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from graphengine.ranking.layout import Layout, lay_out
from graphengine.ranking.validity.copies import leader_ids, over, ranges, rank_as_is, rank_copies, same_leader, subset
from graphengine.ranking.validity.finding import Finding, counted
from graphengine.ranking.validity.votes import Votes, people_per_context, read_votes

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.calibration import Calibration
    from graphengine.ranking.validity.copies import Standings
    from graphengine.ranking.validity.finding import Level

MOST_CASES = 20_000
"""People who answered a context alike are one case; of more cases those with the most answers are looked at."""

_TITLE = "One person left out"
_COLUMNS = {"context_id": "context", "leader": "leader", "people": "people", "p_top": "P(top)",
            "p_lowest": "lowest without one person", "p_highest": "highest without one person",
            "largest_change": "largest change", "can_change": "one person decides who leads"}


class _Cases(NamedTuple):
    context: Ints  # (cases,)
    case: Ints  # (votes of the cases,) never falls
    row: Ints
    answer: Ints
    found: int  # how many there are, those left aside included


def without_people(said: pa.Table, counts: pa.Table, calibration: Calibration, *, min_group: int = 5) -> Finding:
    """How far P(top) of the leading card moves when one person's answers are left out, the person who moves it most.

    Contexts with fewer than `min_group` people are not shown: there the change would tell what somebody answered.

    Args:
        said: SAID.
        counts: COUNTS.
        calibration: Of the default; it stays as it is.
        min_group: The fewest people of a context that is shown.

    Returns:
        Figures: contexts, masked_contexts, cases, cases_left_aside, largest_change (of P(top), over all contexts),
        mean_change (mean over contexts of the largest change), contexts_one_decides (contexts where the leader changes
        with one person), share_one_decides. Rows by context; no person is named.

    Example:
        >>> from graphengine import ranking, tables
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 5, "not_wiser": 0, "unsure": 1}])
        >>> without_people(tables.SAID.empty(), counts, ranking.calibrate(counts)).figures["masked_contexts"]
        1
    """
    layout = lay_out(counts)
    votes = read_votes(said, layout)
    people = people_per_context(votes, layout)
    shown = people >= min_group
    figures: dict[str, Any] = {"contexts": int(shown.sum()), "masked_contexts": int((~shown).sum())}
    if not shown.any():
        return Finding(_TITLE, f"No context has at least {min_group} people, so nothing is shown.", "unknown", figures,
                       _COLUMNS)
    first = rank_as_is(layout, "bradley-terry", calibration)
    cases = _cases(votes, layout, shown)
    rows, size = subset(layout, cases.context)
    copy = np.repeat(np.arange(len(size)), size)
    answers = layout.answers[rows]
    shift = np.cumsum(size) - size - layout.row_start[cases.context]
    np.subtract.at(answers, (cases.row + shift[cases.case], cases.answer), 1)
    without = rank_copies(layout, cases.context, rows, copy, np.maximum(answers, 0), "bradley-terry", calibration)
    same = same_leader(first, layout, without)
    p_before = over(first, first.lead * _p_top(first))
    p_after = over(without, first.lead[without.node] * _p_top(without))
    return _found(layout, figures, shown, people, cases, same, p_before, p_after, leader_ids(layout, first))


def _found(
    layout: Layout, figures: dict[str, Any], shown: Ints, people: Ints, cases: _Cases, same: Reals,
    before: Reals, after: Reals, leaders: list[list[str]],
) -> Finding:
    rows = []
    for context in np.nonzero(shown)[0].tolist():
        own = cases.context == context
        if not own.any():
            continue
        low, high, now = float(after[own].min()), float(after[own].max()), float(before[context])
        rows.append({
            "context_id": layout.contexts[context].as_py(), "leader": leaders[context], "people": int(people[context]),
            "p_top": now, "p_lowest": low, "p_highest": high, "largest_change": max(now - low, high - now),
            "can_change": bool((same[own] < 0.5 / len(leaders[context])).any()),
        })
    changes = [row["largest_change"] for row in rows]
    decides = sum(row["can_change"] for row in rows)
    part = decides / len(rows)
    level: Level = "fine" if part <= 0.05 else "caution" if part <= 0.5 else "warning"
    figures |= {
        "cases": len(cases.context), "cases_left_aside": cases.found - len(cases.context),
        "largest_change": max(changes), "mean_change": float(np.mean(changes)), "contexts_one_decides": decides,
        "share_one_decides": part,
    }
    verdict = (
        f"In {decides} of {counted(len(rows), 'context')} another card would lead without the answers of one person; "
        f"leaving one person out moves the leader's P(top) by {max(changes):.2f} at most. "
    ) + ("Nobody decides alone." if not decides else
         "Where one person decides who leads, nothing is decided: ask more people there.")
    return Finding(_TITLE, verdict, level, figures, _COLUMNS, rows)


def _p_top(ranked: Standings) -> Reals:
    return np.zeros(len(ranked.node)) if ranked.p_top is None else ranked.p_top


def _cases(votes: Votes, layout: Layout, shown: Ints) -> _Cases:
    """What people answered in a context, each once however many answered the same."""
    context = layout.row_context[votes.row]
    kept = shown[context]
    user, row, answer, context = votes.user[kept], votes.row[kept], votes.answer[kept], context[kept]
    order = np.lexsort((answer, row, user, context))
    user, row, answer, context = user[order], row[order], answer[order], context[order]
    _, voter = np.unique(context * len(votes.users) + user, return_inverse=True)
    first = np.searchsorted(voter, np.arange(voter[-1] + 2))
    signs = np.random.Generator(np.random.PCG64(23)).integers(0, 2**63, 3 * len(layout.source), np.uint64)
    said = np.add.reduceat(signs[row * 3 + answer], first[:-1])
    _, chosen = np.unique(np.stack([context[first[:-1]].astype(np.uint64), said]), axis=1, return_index=True)
    found, many = len(chosen), np.diff(first)
    if found > MOST_CASES:
        chosen = chosen[np.argsort(-many[chosen], kind="stable")][:MOST_CASES]
    chosen = np.sort(chosen)
    at, size = ranges(first, chosen)
    case = np.repeat(np.arange(len(chosen)), size)
    return _Cases(context[first[chosen]], case, row[at], answer[at], found)
