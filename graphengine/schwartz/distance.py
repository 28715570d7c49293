r"""How far scores are from a target. One definition, for numpy arrays and for tensors alike.

With scores s, target t, weights w of the target (ones where it has none), sums over the values:

| distance | formula |
|---|---|
| `weighted` | Σ w \|s - t\|, the default |
| `l1` | Σ \|s - t\| |
| `l2_squared`, `l2` | Σ (s - t)², its root |
| `l1_weighted` | Σ \|t\| \|s - t\| |
| `l1_masked` | Σ [\|s\| > .3] \|s - t\| |
| `paper_masked` | Σ \|t\| [\|s\| > .3] \|s - t\|, the published reward is minus this |
| `cosine` | 1 - s·t / (\|s\| \|t\|) |
| `spearman` | 1 - rank correlation, mean ranks for ties |

`paper_masked` is there to reproduce what was published. It gives an answer with no value in it, s = 0, the distance 0,
which is the least there is, as if it had met the target.

`cosine` and `spearman` look at all values, whatever the weights. Where they are not defined (an answer that is zero, or
the same number everywhere) they are 1, as for an answer that has nothing to do with the target; reports say "-".

Scores have shape (…, values). Nothing here is numpy's or torch's own: only operators that both have.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError
from graphengine.schwartz.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphengine.schwartz.target import Target

SPEAKS = 0.3
"""A score says something where it is larger than this, with either sign; the bound of the published code."""

_PARTS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "weighted": lambda s, t, w: w * abs(s - t),
    "l1": lambda s, t, w: abs(s - t),  # noqa: ARG005
    "l2": lambda s, t, w: (s - t) ** 2,  # noqa: ARG005
    "l2_squared": lambda s, t, w: (s - t) ** 2,  # noqa: ARG005
    "l1_weighted": lambda s, t, w: abs(t) * abs(s - t),  # noqa: ARG005
    "l1_masked": lambda s, t, w: (abs(s) > SPEAKS) * abs(s - t),  # noqa: ARG005
    "paper_masked": lambda s, t, w: abs(t) * (abs(s) > SPEAKS) * abs(s - t),  # noqa: ARG005
}
"""What each value adds."""

DISTANCES = (*_PARTS, "cosine", "spearman")
"""The names of the distances."""


@dataclass(frozen=True)
class ValueDistance:
    """A distance to a target, and the reward that is minus it.

    Attributes:
        target: The target's numbers, an array or a tensor (values,).
        weights: Its weights, of the same kind.
        name: One of `DISTANCES`.
        coverage: Share of the values that count (weight above 0) on which an answer must say something; one that
            stays below is charged. 0 charges nothing.
        coverage_weight: The charge where an answer says nothing at all and `coverage` is 1.

    Example:
        >>> from graphengine.schwartz.target_files import load_target
        >>> neutral = [0.0] * 10
        >>> far = distance_to(load_target("paper"))
        >>> published = distance_to(load_target("paper"), "paper_masked")
        >>> float(far.reward(far.array(neutral))), float(published.reward(published.array(neutral)))
        (-5.0, 0.0)
    """

    target: Any
    weights: Any
    name: str = "weighted"
    coverage: float = 0.0
    coverage_weight: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in DISTANCES:
            raise InputError(f"{self.name!r} is no distance", hint=did_you_mean(self.name, DISTANCES), value=self.name)
        if not 0 <= self.coverage <= 1:
            raise InputError(f"coverage is {self.coverage}", hint="it is a share, from 0 to 1", value=self.coverage)
        if not self.coverage_weight >= 0:
            raise InputError(f"coverage_weight is {self.coverage_weight}", hint="it must be 0 or more",
                             value=self.coverage_weight)

    @property
    def is_sum(self) -> bool:
        """Whether the distance is a sum (or the root of one) over values, so that each has its part."""
        return self.name in _PARTS

    def array(self, scores: Any) -> Any:
        """Scores as an array of numpy."""
        import numpy as np

        return np.asarray(scores, dtype=float)

    def parts(self, scores: Any) -> Any:
        """What each value adds to the distance (before the root, for `l2`), (…, values).

        Raises:
            InputError: If the distance is no sum over values.
        """
        if not self.is_sum:
            raise InputError(f"{self.name} has no parts by value", hint="take another distance for a table by value")
        return _PARTS[self.name](scores, self.target, self.weights)

    def distance(self, scores: Any) -> Any:
        """The distance of each answer, (…)."""
        if self.name == "cosine":
            return 1 - _cosine(scores, self.target)
        if self.name == "spearman":
            return 1 - _cosine(_ranks(scores), _ranks(self.target))
        total = self.parts(scores).sum(-1)
        return total**0.5 if self.name == "l2" else total

    def charge(self, scores: Any) -> Any:
        """What an answer pays for saying too little, (…): `coverage_weight` × what it lacks of `coverage`."""
        counts = (self.weights > 0) * 1.0
        share = ((abs(scores) > SPEAKS) * counts).sum(-1) / counts.sum(-1)
        lacks = self.coverage - share
        return self.coverage_weight * lacks * (lacks > 0)

    def reward(self, scores: Any) -> Any:
        """Minus the distance, minus the charge."""
        return 0 - self.distance(scores) - self.charge(scores)  # 0 - 0 is 0, and -0 reads as if it were less


def distance_to(
    target: Target, name: str = "weighted", *, coverage: float = 0.0, coverage_weight: float = 1.0
) -> ValueDistance:
    """A distance to a target, for numpy.

    Raises:
        InputError: If the distance is unknown, or the coverage is no share.
    """
    return ValueDistance(target.array, target.weight_array, name, coverage, coverage_weight)


def _cosine(a: Any, b: Any) -> Any:
    """The cosine, 0 where one side is zero."""
    length = (a * a).sum(-1) ** 0.5 * (b * b).sum(-1) ** 0.5
    return (a * b).sum(-1) / (length + (length == 0))


def _ranks(x: Any) -> Any:
    """Ranks around their mean, mean ranks for ties."""
    across, down = x[..., None, :], x[..., :, None]
    return ((down > across) * 1.0).sum(-1) + ((down == across) * 0.5).sum(-1) - x.shape[-1] / 2 + 0 * x
