"""Agreement between methods: do they name the same card, and how far do their orders agree?"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from graphengine.ranking.layout import lay_out
from graphengine.ranking.validity.copies import Standings, by_counts, kendall, leader_ids, mean, rank_by, same_leader
from graphengine.ranking.validity.finding import Finding, counted, share

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking.calibration import Calibration
    from graphengine.ranking.validity.finding import Level

_TITLE = "Agreement between methods"
_DEFAULT = "bradley-terry"


def agreement(
    counts: pa.Table, calibration: Calibration, *, every_count: pa.Table | None = None, tallies: pa.Table | None = None,
    methods: tuple[str, ...] | None = None,
) -> Finding:
    """Rank by every method that needs nothing but counts, and compare leaders and orders, pair by pair.

    Cards that a method ranks nowhere stand below all others. Tied leaders count in part.

    Args:
        counts: COUNTS of the contexts to look at.
        calibration: Of the default.
        every_count: COUNTS of all contexts, for edge rules that pool them; by default `counts`.
        tallies: TALLIES that edge rules use beside the counts.
        methods: By default all of `METHODS` that need counts only.

    Returns:
        Figures: methods, contexts, same_leader_with_default, tau_with_default (means over the other methods and
        contexts), all_agree (share of contexts where all methods name one and the same card). Rows by pair of methods:
        method, other, same_leader, tau, contexts.

    Example:
        >>> from graphengine import ranking, tables
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 9, "not_wiser": 0, "unsure": 1}])
        >>> agreement(counts, ranking.calibrate(counts), methods=("bradley-terry", "pagerank")).figures["all_agree"]
        1.0
    """
    layout = lay_out(counts)
    contexts = len(layout.contexts)
    chosen = methods or by_counts()
    ranked: dict[str, Standings] = {}
    for name in chosen:
        ranked[name] = rank_by(layout, counts, name, calibration if name == _DEFAULT else None, every_count, tallies)
    rows = []
    for one, other in combinations(chosen, 2):
        same, tau = same_leader(ranked[one], layout, ranked[other]), kendall(ranked[one], layout, ranked[other])
        rows.append({"method": one, "other": other, "same_leader": float(same.mean()), "tau": mean(tau),
                     "contexts": contexts})
    leaders = [leader_ids(layout, found) for found in ranked.values()]
    all_agree = sum(len(names[0]) == 1 and all(name == names[0] for name in names)
                    for names in zip(*leaders, strict=True)) / contexts
    with_default = [row for row in rows if _DEFAULT in (row["method"], row["other"])]
    same = float(np.mean([row["same_leader"] for row in with_default])) if with_default else None
    known = [row["tau"] for row in with_default if row["tau"] is not None]
    figures = {"methods": len(chosen), "contexts": contexts, "same_leader_with_default": same,
               "tau_with_default": float(np.mean(known)) if known else None, "all_agree": all_agree}
    level: Level = "fine" if all_agree >= 0.8 else "caution" if (same or 0) >= 0.5 else "warning"
    verdict = (
        f"All {len(chosen)} methods name the same card in {share(all_agree)} of {counted(contexts, 'context')}; "
        f"another method names the default's leader in {share(same)} of the cases. "
    ) + {
        "fine": "The choice of method does not decide.",
        "caution": "Say which method you used, and why.",
        "warning": "The choice of method decides who leads: the votes alone don't.",
    }[level]
    return Finding(
        _TITLE, verdict, level, figures,
        {"method": "method", "other": "with", "same_leader": "same leader", "tau": "Kendall's tau"}, rows,
    )
