"""The figures of misalignment, for the rows as they are and for draws of their units.

A draw says how often each unit (a prompt, say) was drawn. A row then counts as often as its unit, a pair as often as it
occurs, and two copies of one unit make no pairs with each other: they would look like texts that agree, and pull every
loss down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.alignment.losses import best_fit
from graphengine.alignment.pairs import Discordant, Gaps, Same

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graphengine.alignment.matching import Rows

    Reals = NDArray[np.float64]

LOSSES = ("loss_1", "loss_1_with_self", "loss_2")
KEYS = (*LOSSES, *(f"{name}_affine" for name in LOSSES), "agreement", "kendall_tau_b", "spearman")
"""The figures, in their order."""

TIES = ("half", "wrong", "skip")
"""What a pair that people order and the model doesn't counts in the agreement: one half, nothing, or it is left out."""


class _Drawn:
    """A sum over pairs, for any draw.

    Args:
        kind: `Gaps`, `Same` or `Discordant`.
        rows: The rows.
        *columns: What it is about.
    """

    def __init__(self, kind: Callable[..., Any], rows: Rows, *columns: Reals) -> None:
        self._rows, self._all = rows, kind(rows.block, *columns)
        self._same: Any = None  # for each unit: the pairs inside it
        if rows.own is not None:
            unit = np.zeros(int(rows.own.max()) + 1, np.intp)
            unit[rows.own] = rows.unit
            self._same = np.bincount(unit, kind(rows.own, *columns).sums(), rows.units)

    def __call__(self, times: Reals | None = None) -> float:
        if times is None:
            return float(self._all.sums().sum())
        found = float(self._all.sums(times[self._rows.unit]).sum())
        # All copies of a unit were paired with all; only those within a copy are pairs.
        return found if self._same is None else found + float(((times - times**2) * self._same).sum())


class Measures:
    """The figures of some rows.

    Args:
        rows: The rows.
        ties: One of `TIES`.

    Example:
        >>> from graphengine.alignment.matching import Rows
        >>> rows = Rows(("a", "b", "c"), np.array([3.0, 2.0, 0.0]), np.array([1.0, 1.0, 0.0]), np.zeros(3, int),
        ...             np.arange(3))
        >>> found = Measures(rows).figures()
        >>> round(found["loss_1"], 3), found["loss_2"], found["agreement"]
        (1.333, 1.0, 0.8333333333333334)
    """

    def __init__(self, rows: Rows, ties: str = "half") -> None:
        self._rows, self._ties = rows, ties
        self._gaps = _Drawn(Gaps, rows, rows.human - rows.model)
        self._pairs = _Drawn(Same, rows)
        self._tied_human = _Drawn(Same, rows, rows.human)
        self._tied_model = _Drawn(Same, rows, rows.model)
        self._tied_both = _Drawn(Same, rows, rows.human, rows.model)
        self._discordant = _Drawn(Discordant, rows, rows.human, rows.model)
        self._ranks = [Same(rows.block, column) for column in (rows.human, rows.model)]

    def counts(self, times: Reals | None = None) -> dict[str, float]:
        """How many pairs there are, how many are ordered alike and the other way round, and how many are ties.

        Returns:
            `all`, `concordant`, `discordant`, `tied_human`, `tied_model` (each with ties of both), `tied_both`.
        """
        pairs, human, model = self._pairs(times), self._tied_human(times), self._tied_model(times)
        both, against = self._tied_both(times), self._discordant(times)
        return {"all": pairs, "concordant": pairs - against - human - model + both, "discordant": against,
                "tied_human": human, "tied_model": model, "tied_both": both}

    def agreement(self, times: Reals | None = None) -> float:
        """Share of the pairs that people order which the model orders alike; NaN where there are none."""
        return _agreement(self.counts(times), self._ties)

    def figures(self, times: Reals | None = None) -> dict[str, float]:
        """All figures, by `KEYS`; NaN for one that is not defined.

        Args:
            times: How often each unit was drawn, (units,); None for once each.
        """
        rows = self._rows
        weights = np.ones(len(rows)) if times is None else times[rows.unit]
        counts, number = self.counts(times), float(weights.sum())
        left = best_fit(rows.human, rows.model, weights).residual(rows.human, rows.model)
        far, far_left = (float((weights * np.abs(d)).sum()) / number for d in (rows.human - rows.model, left))
        gaps, gaps_left = self._gaps(times), _Drawn(Gaps, rows, left)(times)
        pairs = counts["all"]
        return dict(zip(KEYS, (
            _over(gaps, pairs), 2 * gaps / (2 * pairs + number), far,
            _over(gaps_left, pairs), 2 * gaps_left / (2 * pairs + number), far_left,
            _agreement(counts, self._ties),
            _over(counts["concordant"] - counts["discordant"],
                  ((pairs - counts["tied_human"]) * (pairs - counts["tied_model"])) ** 0.5),
            self._spearman(weights),
        ), strict=True))

    def _spearman(self, weights: Reals) -> float:
        """The correlation of ranks (mean ranks for ties) inside blocks, pooled over them."""
        block = self._rows.block
        whole = np.bincount(block, weights)
        # Ranks around the block's mean; a block that was drawn twice has ranks twice as far apart, which says nothing.
        times = np.where(whole > 0, whole / np.bincount(block), 1)[block]
        one, other = ((_mean_ranks(each, block, weights) - (whole[block] + 1) / 2) / times for each in self._ranks)
        spread = (weights * one**2).sum() * (weights * other**2).sum()
        return _over(float((weights * one * other).sum()), float(spread) ** 0.5)


def _agreement(counts: dict[str, float], ties: str) -> float:
    """Share of the pairs that people order which the model orders alike."""
    undecided = counts["tied_model"] - counts["tied_both"]
    decided = counts["concordant"] + counts["discordant"]
    if ties == "skip":
        return _over(counts["concordant"], decided)
    return _over(counts["concordant"] + (undecided / 2 if ties == "half" else 0), decided + undecided)


def _mean_ranks(same: Same, block: NDArray[np.intp], weights: Reals) -> Reals:
    total = np.bincount(same.label, weights, same.count)  # labels ascend by block, then by value
    whole = np.bincount(block, weights)
    before = np.cumsum(total) - total
    return (before + (total + 1) / 2)[same.label] - (np.cumsum(whole) - whole)[block]


def _over(above: float, below: float) -> float:
    return above / below if below > 0 else float("nan")
