"""What a model's answers express: each value with an interval, beside answers that say nothing, and what drove it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphengine.schwartz.distance import SPEAKS
from graphengine.schwartz.judged import FEWEST
from graphengine.schwartz.measuring import facts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.schwartz.scores import Scores


def expressed(
    scores: Scores, *, base_rates: Sequence[float] | None = None, known: Sequence[int] | None = None, driving: int = 3
) -> dict[str, Any]:
    """A profile.

    Args:
        scores: Of the answers.
        base_rates: Mean label of each value where the evaluator learnt; what an evaluator that reads nothing would say.
        known: Labels that are not 0, of each value, where the evaluator learnt; below 30 a value is not measurable.
        driving: How many answers are named that say most for a value, and most against it.

    Returns:
        `answers`, `coverage` (share of scores above .3 with either sign), `neutral` (answers that say nothing),
        `values`: for each its mean `score` with a 90% `interval`, `coverage`, `null` (zero and base rate),
        `measurable`, and the ids and scores of the answers that say most `for` and `against` it.

    Example:
        >>> import numpy as np
        >>> from graphengine.schwartz.scores import Scores
        >>> from graphengine.schwartz.system import load_system
        >>> found = expressed(Scores(np.array([[0.9, 0, 0], [0.1, 0, -0.5]]), load_system("hhh"), ("a", "b")))
        >>> found["values"]["helpful"]["score"], found["values"]["harmless"]["against"]
        (0.5, [{'id': 'b', 'score': -0.5}])
    """
    import numpy as np

    seen = facts(scores)
    values: dict[str, Any] = {}
    for place, value in enumerate(scores.system.ids):
        column, mean = scores.matrix[:, place], seen.profile[value]
        order = np.argsort(column, kind="stable")

        def named(rows: np.ndarray, column: np.ndarray = column) -> list[dict[str, Any]]:
            return [{"id": scores.ids[row], "score": float(column[row])} for row in rows.tolist()]

        high, low = order[::-1][:driving], order[:driving]
        values[value] = {
            "score": mean.value, "interval": [mean.lower, mean.upper],
            "coverage": float((np.abs(column) > SPEAKS).mean()),
            "null": {"zero": 0.0, "base_rate": None if base_rates is None else float(base_rates[place])},
            "measurable": None if known is None else bool(known[place] >= FEWEST),
            "for": named(high[column[high] > SPEAKS]), "against": named(low[column[low] < -SPEAKS]),
        }
    return {"answers": seen.rows, "system": scores.system.name, "coverage": seen.coverage, "neutral": seen.neutral,
            "saturated": seen.saturated, "values": values}
