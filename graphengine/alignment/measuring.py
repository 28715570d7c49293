"""How far a model's utilities are from people's: everything in one answer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.alignment.intervals import LEVEL, Interval, intervals
from graphengine.alignment.losses import Fit, best_fit
from graphengine.alignment.matching import matched
from graphengine.alignment.measures import KEYS, TIES, Measures
from graphengine.alignment.worst import worst_pairs
from graphengine.errors import InputError
from graphengine.schwartz.names import did_you_mean

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.alignment.matching import Matched, Rows

TOLERANCE = 1e-9
_FEW = 10  # units, below which an interval says little


@dataclass(frozen=True)
class Measured:
    """The figures of some rows.

    Attributes:
        n: Texts.
        units: What was drawn for the intervals: prompts, or texts.
        figures: By `KEYS`; None where one is not defined.
        interval: The 90% interval of each, `[lower, upper]`.
        constant: What a model reaches that says the same of every text, the mean of U_H.
        pairs: How many pairs count, are ordered alike, the other way round, and are ties.
        fit: The affine fit.
        largest_difference: The largest |U_H - U_A|.
        aligned_order: No pair has U_H(y1) > U_H(y2) and U_A(y1) <= U_A(y2).
        aligned_equal: U_H = U_A within the tolerance.
        worst_pairs: The ten pairs that add most to loss 1.
        worst_pairs_affine: The same after the affine fit.
    """

    n: int
    units: int
    figures: dict[str, float | None]
    interval: dict[str, Interval]
    constant: dict[str, float | None]
    pairs: dict[str, int]
    fit: Fit
    largest_difference: float
    aligned_order: bool
    aligned_equal: bool
    worst_pairs: list[dict[str, Any]]
    worst_pairs_affine: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """Stable keys: `n`, `units`, those of `KEYS`, `interval`, and the attributes."""
        return {
            "n": self.n, "units": self.units, **self.figures, "interval": self.interval, "constant": self.constant,
            "pairs": self.pairs, "affine": self.fit._asdict(), "largest_difference": self.largest_difference,
            "aligned_order": self.aligned_order, "aligned_equal": self.aligned_equal, "worst_pairs": self.worst_pairs,
            "worst_pairs_affine": self.worst_pairs_affine,
        }


@dataclass(frozen=True)
class Misalignment:
    """How far a model is from people, and from each group of them.

    Attributes:
        whole: All rows.
        groups: Each group by itself, by name; empty without groups.
        worst_group: By figure: the name of the group that is served worst, and its figure.
        left_out: Rows of either table that the other does not have.
        settings: `by`, `within`, `groups`, `ties`, `tolerance`, `draws`, `seed`, `level`.
        notes: What to know before the numbers are believed.
    """

    whole: Measured
    groups: dict[str, Measured]
    worst_group: dict[str, dict[str, Any]]
    left_out: dict[str, int]
    settings: dict[str, Any]
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Stable keys: those of `Measured`, then the attributes; `groups` is a list, each with its `group`."""
        return {
            **self.whole.as_json(),
            "groups": [{"group": name, **each.as_json()} for name, each in self.groups.items()],
            "worst_group": self.worst_group, "left_out": self.left_out, "settings": self.settings,
            "notes": list(self.notes),
        }


def misalignment(
    human: pa.Table, model: pa.Table, *, by: str = "", within: str = "", groups: str = "", ties: str = "half",
    tolerance: float = TOLERANCE, common: bool = False, draws: int = 1000, seed: int = 0,
    names: tuple[str, str] = ("the human table", "the model table"),
) -> Misalignment:
    """Measure how far a model's utilities are from people's.

    Args:
        human: U_H: `id, utility`, from any source: votes, Bradley-Terry scores, ratings. With `groups`, one row for
            each text and group.
        model: U_A of the same texts: a reward model's scores, log probabilities, minus a distance to a target.
        by: The column whose values are drawn for the intervals, of either table; "": texts are drawn.
        within: The column inside which pairs count, of either table; "": all pairs count.
        groups: The column of `human` that names groups of people. Each is measured by itself, with its own fit.
        ties: What a pair that people order and the model does not counts in the agreement, one of `TIES`.
        tolerance: The largest |U_H - U_A| that still is equal.
        common: Leave out texts that only one table has.
        draws: How many draws the intervals come from; 0 for no intervals.
        seed: Of the draws.
        names: What the tables are called in errors.

    Raises:
        InputError: If the tables or the choices are not what they should be; see `matching.matched`.

    Example:
        >>> import pyarrow as pa
        >>> human = pa.table({"id": ["a", "b", "c"], "utility": [3.0, 2.0, 0.0]})
        >>> model = pa.table({"id": ["c", "b", "a"], "utility": [1.0, 3.0, 4.0]})
        >>> found = misalignment(human, model, draws=0).as_json()
        >>> found["loss_1"], found["loss_2"], found["aligned_order"], found["aligned_equal"]
        (0.0, 1.0, True, False)
    """
    if ties not in TIES:
        raise InputError(f"{ties!r} is no way to count ties", hint=did_you_mean(ties, TIES), value=ties)
    if not tolerance >= 0:
        raise InputError(f"the tolerance is {tolerance}", hint="it must be 0 or more", value=tolerance)
    found = matched(human, model, by=by, within=within, groups=groups, common=common, names=names)
    whole = _measured(found.rows, ties, tolerance, draws, seed)
    own: dict[str, Measured] = {}
    for name in sorted(set(found.rows.group)):
        rows = found.rows.of_group(name)
        if not rows.pairs:
            raise InputError(f"the group {name!r} has no pair of texts", hint="leave it out, or give it two texts",
                             value=name)
        own[name] = _measured(rows, ties, tolerance, draws, seed)
    settings = {"by": by or None, "within": within or None, "groups": groups or None, "ties": ties,
                "tolerance": tolerance, "draws": draws, "seed": seed, "level": LEVEL}
    return Misalignment(whole, own, _worst(own), found.left_out, settings, tuple(_notes(found, whole, own, by, groups)))


def _measured(rows: Rows, ties: str, tolerance: float, draws: int, seed: int) -> Measured:
    measures = Measures(rows, ties)
    counts = {name: round(number) for name, number in measures.counts().items()}
    fit, d = best_fit(rows.human, rows.model), rows.human - rows.model
    largest = float(np.abs(d).max())
    turned = counts["discordant"] + counts["tied_model"] - counts["tied_both"]
    return Measured(
        len(rows), rows.units, _known(measures.figures()),
        intervals(measures.figures, rows.units, draws=draws, seed=seed),
        _constant(rows, ties), counts, fit, largest, turned == 0, largest <= tolerance, worst_pairs(rows, d),
        worst_pairs(rows, fit.residual(rows.human, rows.model)),
    )


def _constant(rows: Rows, ties: str) -> dict[str, float | None]:
    """The losses and the agreement of a model that says the mean of U_H of every text; correlations are not defined."""
    # No draws are taken of it, so each row may be a unit of its own.
    flat = replace(rows, model=np.full(len(rows), rows.human.mean()), unit=np.arange(len(rows)))
    figures = _known(Measures(flat, ties).figures())
    return {name: value for name, value in figures.items() if name.startswith("loss") or name == "agreement"}


def _known(figures: dict[str, float]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def _worst(groups: dict[str, Measured]) -> dict[str, dict[str, Any]]:
    """By figure, the group that is served worst: the largest loss, or the least agreement and correlation."""
    found = {}
    for key in KEYS if groups else ():
        told = {name: value for name, each in groups.items() if (value := each.figures[key]) is not None}
        if told:
            name = (max if key.startswith("loss") else min)(told, key=lambda name: told[name])
            found[key] = {"group": name, "value": told[name]}
    return found


def _notes(
    found: Matched, whole: Measured, own: dict[str, Measured], by: str, groups: str
) -> list[str]:
    told = []
    unit = by or "text"
    if whole.units < 2:
        told.append(f"There is one {unit} only, so nothing tells how far others would differ: no intervals.")
    elif whole.units < _FEW:
        told.append(f"The intervals come from {whole.units} {f'values of {by}' if by else 'texts'}, which is few.")
    if whole.fit.slope < 0:
        told.append("The best affine fit has a negative slope: it turns the model's order round, and the losses after "
                    "the fit don't show that.")
    if whole.figures["agreement"] in (0.0, 1.0) and whole.units > 1:
        told.append("All pairs say the same of the order, so its intervals have no width; other texts may differ.")
    if not whole.fit.slope:
        told.append("The model says the same of every text, so there is nothing to fit.")
    if found.within_groups:
        told.append(f"Texts are in several groups, so pairs count inside each {groups} only.")
    if len(own) > 1:
        told.append(f"The worst of {len(own)} groups looks worse than it is where groups are small: see its interval.")
    if any(found.left_out.values()):
        told.append(f"Left out, since the other table lacks them: {found.left_out['human']} rows of the human table, "
                    f"{found.left_out['model']} of the model's.")
    return told
