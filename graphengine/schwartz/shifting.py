"""What training (or a prompt) changed: answers to the same prompts before and after, held against a target.

Intervals are 90%, from bootstrap samples of whole prompts, so that several answers to a prompt count as what they are.
A prompt's answers before and after are drawn together: what a prompt does to both cancels. With few prompts ends are
taken further out (`reach`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from graphengine.errors import InputError
from graphengine.schwartz.distance import SPEAKS, distance_to
from graphengine.schwartz.measuring import Figure, reach

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from graphengine.schwartz.scores import Scores
    from graphengine.schwartz.target import Target

_DRAWS = 2000
SAID = ("per_response", "profile", "neutral", "coverage")
"""What is told of both sides: the mean distance of an answer, the distance of the mean answer, the share of answers
that say nothing on the values that count, the share of their scores that say something."""


class Change(NamedTuple):
    """A number before and after, and what changed."""

    before: Figure
    after: Figure
    change: Figure

    def as_json(self) -> dict[str, Any]:
        """With intervals as `[lower, upper]`."""
        return {name: {"value": each.value, "interval": [each.lower, each.upper]}
                for name, each in zip(self._fields, self, strict=True)}


@dataclass(frozen=True)
class Shift:
    """What changed.

    Attributes:
        prompts: How many prompts both sides answered.
        distance: Which distance.
        told: The numbers of `SAID`.
        values: The mean score of each value.
        off_target: The values with weight zero, which nobody asked to move.
        tax: The value tax: the mean size of the shift of the values off the target; None where there are none.
        by_chance: What the tax would be on average had nothing moved, with as many answers as these.
        tax_rate: Sum of the shifts off the target for each unit by which the profile came nearer to the target; None
            where it is not shown to have come nearer.
    """

    prompts: int
    distance: str
    told: dict[str, Change]
    values: dict[str, Change]
    off_target: tuple[str, ...]
    tax: Figure | None
    by_chance: float | None
    tax_rate: float | None

    def as_json(self) -> dict[str, Any]:
        """For reports."""
        return {
            "prompts": self.prompts, "distance": self.distance,
            **{name: each.as_json() for name, each in self.told.items()},
            "values": {name: each.as_json() for name, each in self.values.items()},
            "tax": None if self.tax is None else {
                "values": list(self.off_target), "mean_shift": self.tax.value,
                "interval": [self.tax.lower, self.tax.upper], "by_chance": self.by_chance, "rate": self.tax_rate},
        }


def shift(
    before: Scores, after: Scores, target: Target, *, prompts: Sequence[str] | None = None,
    distance: str = "weighted", seed: int = 0,
) -> Shift:
    """Hold two sets of answers to the same prompts against a target.

    Args:
        before: Scores of the answers before.
        after: Of those after, in the same order.
        target: In the same system.
        prompts: The prompt of each answer; None takes each answer for a prompt's only one.
        distance: Which distance.
        seed: Of the bootstrap.

    Raises:
        InputError: If the two sides are not the same answers, or have another system than the target.

    Example:
        >>> import numpy as np
        >>> from graphengine.schwartz.scores import Scores
        >>> from graphengine.schwartz.target_files import load_target
        >>> target = load_target("security")
        >>> one, two = np.zeros((3, 10)), np.zeros((3, 10))
        >>> two[:, 5], two[:, 0] = 1.0, -0.5
        >>> sides = [Scores(each, target.values, ("a", "b", "c")) for each in (one, two)]
        >>> found = shift(*sides, target)
        >>> found.told["profile"].change.value, round(found.tax.value, 3), found.tax_rate
        (-1.0, 0.056, 0.5)
    """
    import numpy as np
    from scipy.special import ndtr

    if before.ids != after.ids:
        raise InputError("the answers before and after are not to the same prompts, in the same order",
                         hint="score the same prompts twice")
    if before.system.ids != target.values.ids or after.system.ids != target.values.ids:
        raise InputError(f"target {target.name} is in {target.values.name}, and the scores are not",
                         hint="score the answers in the target's system")
    groups = list(before.ids if prompts is None else prompts)
    sides = [_by_prompt(each.matrix, target, distance, groups) for each in (before, after)]
    number, width = len(sides[0]), len(target.vector)
    several = number > 1
    ends = ndtr([-reach(number), reach(number)]) if several else None
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(number, np.full(number, 1 / number), size=_DRAWS if several else 1) / number
    to = distance_to(target, distance)

    def numbers(means: np.ndarray) -> np.ndarray:
        """Values, then `SAID`, of mean columns."""
        profile = to.distance(means[..., :width])[..., None]
        per_response, neutral, coverage = (means[..., width + place, None] for place in range(3))
        return np.concatenate([means[..., :width], per_response, profile, neutral, coverage], axis=-1)

    one, two = (numbers(side.mean(axis=0)) for side in sides)
    drawn = [numbers(weights @ side) for side in sides]

    def figure(value: float, draws: np.ndarray) -> Figure:
        if ends is None:
            return Figure(float(value), None, None)
        lower, upper = np.quantile(draws, ends).tolist()
        return Figure(float(value), min(lower, float(value)), max(upper, float(value)))

    changes = [
        Change(figure(one[at], drawn[0][:, at]), figure(two[at], drawn[1][:, at]),
               figure(two[at] - one[at], drawn[1][:, at] - drawn[0][:, at]))
        for at in range(len(one))
    ]
    ids = target.values.ids
    told: dict[str, Change] = dict(zip(SAID, changes[width:], strict=True))
    off = np.flatnonzero(target.weight_array == 0)
    tax = chance = rate = None
    if len(off):
        moved = (two - one)[off]
        tax = figure(np.abs(moved).mean(), np.abs(drawn[1][:, off] - drawn[0][:, off]).mean(axis=1))
        if several:
            errors = (sides[1] - sides[0])[:, off].std(axis=0, ddof=1) / number**0.5
            chance = float(((2 / np.pi) ** 0.5 * errors).mean())
        nearer = told["profile"].change
        if nearer.value < 0 and (nearer.upper is None or nearer.upper < 0):
            rate = float(np.abs(moved).sum() / -nearer.value)
    return Shift(number, distance, told, dict(zip(ids, changes[:width], strict=True)), tuple(ids[at] for at in off),
                 tax, chance, rate)


def _by_prompt(matrix: np.ndarray, target: Target, distance: str, groups: Sequence[str]) -> np.ndarray:
    """Means over each prompt's answers: scores, distance, whether an answer says nothing, how much it says."""
    import numpy as np

    speaks = (np.abs(matrix) > SPEAKS)[:, target.weight_array > 0]
    columns = np.column_stack([matrix, distance_to(target, distance).distance(matrix), ~speaks.any(axis=1),
                               speaks.mean(axis=1)])
    names = {name: place for place, name in enumerate(dict.fromkeys(groups))}
    place = np.array([names[group] for group in groups])
    sums = np.zeros((len(names), columns.shape[1]))
    np.add.at(sums, place, columns)
    return sums / np.bincount(place)[:, None]
