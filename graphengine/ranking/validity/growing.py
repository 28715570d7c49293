"""Growth: does the ranking settle as participants are added?

The scaling figure of Klingefjord, Lowe and Edelman 2024 (arXiv 2404.10636), with several orders and an interval.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graphengine.ranking.layout import lay_out
from graphengine.ranking.validity.copies import kendall, mean, rank_as_is, rank_variants, same_leader
from graphengine.ranking.validity.finding import Finding, counted, share
from graphengine.ranking.validity.votes import answers_of, in_order, read_votes

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.calibration import Calibration
    from graphengine.ranking.validity.finding import Level

PARTS = (1 / 16, 1 / 8, 1 / 4, 3 / 8, 1 / 2, 5 / 8, 3 / 4, 7 / 8, 1.0)

_TITLE = "Growth: more participants"
_MOST_ROWS, _MOST_COPIES = 1_000_000, 15_000
_COLUMNS = {
    "people": "people", "part": "share of all", "same_leader": "same leader as with all", "same_leader_lower": "from",
    "same_leader_upper": "to", "tau": "Kendall's tau with all", "tau_lower": "from", "tau_upper": "to",
}


def growth(said: pa.Table, counts: pa.Table, calibration: Calibration, *, orders: int = 20) -> Finding:
    """Compare the ranking from the first n participants with that from all, in several random orders.

    The orders follow from the pseudonyms (sha256), so they don't depend on the order of rows. Cards that nobody of the
    first n was asked about stand at the prior's score, 0. That the last step agrees is no merit: it is the same data.
    Stability is not validity either: what is asked about unevenly is stable too (see placebo).

    Args:
        said: SAID.
        counts: COUNTS.
        calibration: Of the default, from all participants.
        orders: Number of orders; fewer on many contexts or questions.

    Returns:
        Figures: people, orders, same_leader_half, tau_half (with half of the people), gain (of same_leader from half to
        seven eighths). Rows by number of people: same_leader and tau (means over contexts and orders), each with the
        5% and 95% quantile of the orders' means.

    Example:
        >>> from graphengine import ranking, tables
        >>> said = tables.SAID.table([{"user_id": f"p{p}", "context_id": "c", "from_id": "a", "to_id": "b",
        ...                            "answer": "wiser"} for p in range(20)])
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 20, "not_wiser": 0, "unsure": 0}])
        >>> growth(said, counts, ranking.calibrate(counts), orders=3).rows[-1]["same_leader"]
        1.0
    """
    layout = lay_out(counts)
    votes = read_votes(said, layout)
    people, rows = len(votes.users), len(layout.source)
    sizes = sorted({max(1, round(people * part)) for part in PARTS}) if people else []
    if people < 4:
        return Finding(_TITLE, "Fewer than 4 people voted: nothing can be said of how the ranking grows.", "unknown",
                       {"people": people, "orders": 0}, _COLUMNS)
    many = len(sizes) * len(layout.contexts)
    orders = max(min(orders, 3), min(orders, _MOST_ROWS // (rows * len(sizes)), _MOST_COPIES // many))
    answers = np.empty((orders, len(sizes), rows, 3), np.int64)
    for order in range(orders):
        place = in_order(votes.users, order)[votes.user]
        for at, size in enumerate(sizes):
            answers[order, at] = answers_of(votes, place < size, rows)
    full = rank_as_is(layout, "bradley-terry", calibration)
    part = rank_variants(layout, answers.reshape(-1, rows, 3), "bradley-terry", calibration)
    shape = (orders, len(sizes), len(layout.contexts))
    same = same_leader(full, layout, part).reshape(shape).mean(axis=2)
    tau = _by_order(kendall(full, layout, part, missing=0.0).reshape(shape))
    found = [
        {"people": size, "part": size / people, **_interval("same_leader", same[:, at]), **_interval("tau", tau[:, at])}
        for at, size in enumerate(sizes)
    ]
    half, late = (min(found, key=lambda row: abs(row["part"] - part)) for part in (0.5, 7 / 8))
    figures = {"people": people, "orders": orders, "same_leader_half": half["same_leader"], "tau_half": half["tau"],
               "gain": late["same_leader"] - half["same_leader"]}
    return Finding(_TITLE, *_said(half, people), figures, _COLUMNS, found)


def _by_order(tau: Reals) -> Reals:
    """(orders, sizes) mean over the contexts whose tau is known; NaN where none is."""
    known: Ints = np.isfinite(tau)
    return np.divide(np.where(known, tau, 0).sum(axis=2), known.sum(axis=2), out=np.full(tau.shape[:2], np.nan),
                     where=known.sum(axis=2) > 0)


def _interval(name: str, values: Reals) -> dict[str, float | None]:
    known = values[np.isfinite(values)]
    low, high = (float(np.quantile(known, q)) if len(known) else None for q in (0.05, 0.95))
    return {name: mean(values), f"{name}_lower": low, f"{name}_upper": high}


def _said(half: dict[str, float | None], people: int) -> tuple[str, Level]:
    same = half["same_leader"] or 0.0
    level: Level = "fine" if same >= 0.8 else "caution" if same >= 0.5 else "warning"
    return (
        f"With half of the {counted(people, 'person', 'people')} the card that leads with all of them would lead in "
        f"{share(same)} of the cases. "
    ) + {
        "fine": "The leaders have settled.",
        "caution": "The leaders have not settled: more people may still change them.",
        "warning": "The leaders are far from settled: another survey of this size would name others. Ask more people, "
                   "or fewer questions.",
    }[level] + " (Stable is not yet right: see the placebo.)", level
