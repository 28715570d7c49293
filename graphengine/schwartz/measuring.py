"""How far some answers are from a target, beside what no answer at all would reach."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from graphengine.errors import InputError
from graphengine.schwartz.distance import DISTANCES, SPEAKS, distance_to
from graphengine.schwartz.target import warning

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from graphengine.schwartz.scores import Scores
    from graphengine.schwartz.target import Target

SATURATED = 1 / 8
"""A score within this of -1, 0 or 1 is saturated: the evaluator takes one of three sides."""

_DRAWS = 2000


class Figure(NamedTuple):
    """A number with its 90% interval over answers; None where one answer is all there is."""

    value: float
    lower: float | None
    upper: float | None


def reach(units: int) -> float:
    """How far out the ends of a 90% interval lie among draws of so many units with replacement, in normal deviations.

    Draws of m units spread less than what they stand for by sqrt(m / (m - 1)), and how much they spread is known from
    m - 1 differences only, so the ends are those of Student, times that (Hesterberg 2015, *The American Statistician*
    69: the expanded percentile interval).

    Example:
        >>> round(reach(5), 2), round(reach(1000), 2)
        (2.38, 1.65)
    """
    from scipy.special import stdtrit

    return (units / (units - 1)) ** 0.5 * float(stdtrit(units - 1, 0.95))


@dataclass(frozen=True)
class Facts:
    """What scores are like, whatever the target.

    Attributes:
        rows: Answers.
        profile: Mean score of each value, with intervals.
        coverage: Share of scores that say something: larger than .3 with either sign.
        saturated: Share of scores within 1/8 of -1, 0 or 1.
        neutral: Answers that say nothing on any value.
    """

    rows: int
    profile: dict[str, Figure]
    coverage: float
    saturated: float
    neutral: int


@dataclass(frozen=True)
class Measured:
    """How far scores are from one target. Numbers by the name of the distance.

    Attributes:
        target: The target.
        warning: What to know of it: that it asks for both poles of the circle; '' if it does not.
        per_response: The mean distance of an answer.
        profile: The distance of the mean answer.
        zero: The distance of an answer that says nothing; None where it is not defined.
        base_rate: The distance of the base rates, as if every answer were the average one.
        floor: The least that an answer can reach whose scores are all -1, 0 or 1; None where it is no sum over values.
        masked: Share of the scores on values that the target asks about that say nothing: what `paper_masked` skips.
        neutral: Answers that say nothing on any value that the target asks about.
    """

    target: Target
    warning: str
    per_response: dict[str, Figure]
    profile: dict[str, Figure]
    zero: dict[str, float | None]
    base_rate: dict[str, float | None]
    floor: dict[str, float | None]
    masked: float
    neutral: int

    def as_json(self) -> dict[str, Any]:
        """With intervals as `[lower, upper]`."""
        def figures(found: dict[str, Figure]) -> dict[str, Any]:
            return {name: {"value": each.value, "interval": [each.lower, each.upper]} for name, each in found.items()}

        return {
            "target": self.target.as_json(), "warning": self.warning, "per_response": figures(self.per_response),
            "profile": figures(self.profile), "null": {"zero": self.zero, "base_rate": self.base_rate},
            "floor": self.floor, "masked_share": self.masked, "neutral_rows": self.neutral,
        }


def facts(scores: Scores) -> Facts:
    """What scores are like.

    Example:
        >>> import numpy as np
        >>> from graphengine.schwartz.scores import Scores
        >>> from graphengine.schwartz.system import load_system
        >>> found = facts(Scores(np.array([[1.0, 0.0, 0.2], [0.1, 0.0, 0.0]]), load_system("hhh"), ("a", "b")))
        >>> found.neutral, round(found.coverage, 3), found.saturated
        (1, 0.167, 0.8333333333333334)
    """
    import numpy as np

    size = np.abs(scores.matrix)
    speaks = size > SPEAKS
    means = [_mean(scores.matrix[:, place]) for place in range(len(scores.system))]
    return Facts(
        len(size), dict(zip(scores.system.ids, means, strict=True)), float(speaks.mean()),
        float(((size < SATURATED) | (size > 1 - SATURATED)).mean()), int((~speaks.any(axis=1)).sum()),
    )


def measure(
    scores: Scores,
    target: Target,
    *,
    distances: Sequence[str] = DISTANCES,
    base_rates: np.ndarray | None = None,
    seed: int = 0,
) -> Measured:
    """The distances of answers to a target, beside the null baselines.

    Args:
        scores: Of the answers.
        target: In the same system.
        distances: Which ones.
        base_rates: Mean labels of data that the answers are compared with; by default the mean scores themselves.
        seed: Of the draws behind the intervals of the profile.

    Raises:
        InputError: If target and scores have different systems, or a distance is unknown.

    Example:
        >>> import numpy as np
        >>> from graphengine.schwartz.scores import Scores
        >>> from graphengine.schwartz.target_files import load_target
        >>> target = load_target("hhh")
        >>> found = measure(Scores(np.array([[1.0, 1.0, 0.0]]), target.values, ("a",)), target, distances=["l1"])
        >>> found.per_response["l1"], found.zero["l1"], found.floor["l1"]
        (Figure(value=1.0, lower=None, upper=None), 3.0, 0.0)
    """
    import numpy as np

    if target.values.ids != scores.system.ids:
        raise InputError(f"target {target.name} is in {target.values.name}, and the scores are in {scores.system.name}",
                         hint=f"take a target in {scores.system.name}, or score the answers in {target.values.name}")
    matrix, zero = scores.matrix, np.zeros(len(scores.system))
    rates = scores.profile if base_rates is None else base_rates
    asked = target.weight_array > 0
    speaks = (np.abs(matrix) > SPEAKS)[:, asked]
    drawn = _draws(matrix, np.random.default_rng(seed))
    found: dict[str, tuple[Any, ...]] = {}
    for name in distances:
        to = distance_to(target, name)
        found[name] = (
            _mean(to.distance(matrix), 0.0, _end(target, name, np.max) if to.is_sum else math.inf),
            _around(float(to.distance(scores.profile)), None if drawn is None else to.distance(drawn)),
            float(to.distance(zero)) if to.is_sum else None,
            float(to.distance(rates)) if to.is_sum or _varies(rates, name) else None,
            _end(target, name, np.min) if to.is_sum else None,
        )
    answers, profile, neutral, average, floor = (
        {name: each[place] for name, each in found.items()} for place in range(5)
    )
    return Measured(
        target, warning(target), answers, profile, neutral, average, floor, float(1 - speaks.mean()),
        int((~speaks.any(axis=1)).sum()),
    )


def _varies(vector: np.ndarray, name: str) -> bool:
    """Whether a vector has a direction (cosine) or an order (Spearman)."""
    return bool((vector != (vector[0] if name == "spearman" else 0)).any())


def _end(target: Target, name: str, which: Callable[..., np.ndarray]) -> float:
    """The least, or the most, that an answer can be away whose scores are all -1, 0 or 1."""
    import numpy as np

    end = which([distance_to(target, name).parts(np.full(len(target.vector), float(side))) for side in (-1, 0, 1)],
                axis=0).sum()
    return float(end**0.5 if name == "l2" else end)


def _mean(numbers: np.ndarray, least: float = -1.0, most: float = 1.0) -> Figure:
    """The mean, with the interval of Student that its standard error gives, within what is possible."""
    from scipy.special import stdtrit

    mean = float(numbers.mean())
    if len(numbers) < 2:
        return Figure(mean, None, None)
    half = float(stdtrit(len(numbers) - 1, 0.95)) * float(numbers.std(ddof=1)) / len(numbers) ** 0.5
    return Figure(mean, max(mean - half, least), min(mean + half, most))


def _draws(matrix: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """Profiles as they might be with other answers like these: Student's around the mean, within -1 and 1."""
    import numpy as np

    rows = len(matrix)
    if rows < 2:
        return None
    # Sums of batches have the spread of the answers; a thousand of them are enough, however many answers there are.
    starts = np.unique(np.linspace(0, rows, min(rows, 1000), endpoint=False).astype(int))
    sums = np.add.reduceat(matrix - matrix.mean(axis=0), starts, axis=0)
    wider = ((rows - 1) / rng.chisquare(rows - 1, (_DRAWS, 1))) ** 0.5
    apart = wider * (rng.standard_normal((_DRAWS, len(sums))) @ sums) / (rows * (rows - 1)) ** 0.5
    return np.clip(matrix.mean(axis=0) + apart, -1, 1)


def _around(value: float, drawn: np.ndarray | None) -> Figure:
    import numpy as np

    if drawn is None:
        return Figure(value, None, None)
    lower, upper = np.quantile(drawn, [0.05, 0.95]).tolist()
    return Figure(value, min(lower, value), max(upper, value))
