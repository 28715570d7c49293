"""What becomes of the results when "not wiser" is read the other way: for the card asked from, or for neither."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.ranking.layout import lay_out
from graphengine.ranking.validity.copies import by_counts, kendall, mean, rank_by, same_leader
from graphengine.ranking.validity.finding import Finding, counted, share

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking.calibration import Calibration
    from graphengine.ranking.validity.finding import Level

_TITLE = "How “not wiser” is read"
_DEFAULT = "bradley-terry"


def not_wiser(
    counts: pa.Table, against: Calibration, tie: Calibration, *, every_count: pa.Table | None = None,
    tallies: pa.Table | None = None,
) -> Finding:
    """Rank by every method that needs counts only under both readings of "not wiser", and compare.

    Args:
        counts: COUNTS of the contexts to look at.
        against: Calibration that reads it as for the card asked from.
        tie: Calibration that reads it as one more "unsure".
        every_count: COUNTS of all contexts, for edge rules that pool them; by default `counts`.
        tallies: TALLIES that edge rules use beside the counts.

    Returns:
        Figures: contexts, not_wiser (share of all answers), same_leader and tau of the default (share of contexts, tied
        leaders count in part; mean of Kendall's tau-b). Rows by method: method, same_leader, tau, changed (ids of the
        contexts whose leader is another).

    Example:
        >>> from graphengine import ranking, tables
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 5, "not_wiser": 0, "unsure": 1}])
        >>> both = [ranking.calibrate(counts, not_wiser=reading) for reading in ("against", "tie")]
        >>> not_wiser(counts, *both).figures["same_leader"]
        1.0
    """
    layout = lay_out(counts)
    contexts = layout.contexts.to_pylist()
    rows: list[dict[str, Any]] = []
    for method in by_counts():
        one, other = (
            rank_by(layout, counts, method, fitted if method == _DEFAULT else None, every_count, tallies,
                    not_wiser=fitted.not_wiser)
            for fitted in (against, tie))
        same = same_leader(one, layout, other)
        rows.append({"method": method, "same_leader": float(same.mean()), "tau": mean(kendall(one, layout, other)),
                     "changed": [contexts[at] for at in np.nonzero(same == 0)[0]]})
    default = next(row for row in rows if row["method"] == _DEFAULT)
    stays = default["same_leader"]
    total = layout.answers.sum(axis=0)
    said = float(total[1] / total.sum())
    level: Level = "fine" if stays >= 0.95 else "caution" if stays >= 0.7 else "warning"
    verdict = f"“Not wiser” is {share(said)} of all answers. "
    if not total[1]:
        verdict += "How it is read changes nothing."
    else:
        verdict += (
            f"Read as a tie and not as a vote for the card asked from, it leaves the leader in place in {share(stays)} "
            f"of {counted(len(contexts), 'context')}. "
        ) + ("The reading does not matter much." if level == "fine" else
             "So say how you read it, and look at both: graphengine rank --not-wiser tie.")
    return Finding(
        _TITLE, verdict, level,
        {"contexts": len(contexts), "not_wiser": said, "same_leader": stays, "tau": default["tau"]},
        {"method": "method", "same_leader": "same leader", "tau": "Kendall's tau", "changed": "contexts that change"},
        rows,
    )
