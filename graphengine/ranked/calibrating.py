"""Which calibration a ranking is made with: the stored one, until the answers have moved on and it has drifted.

A calibration is shared by all contexts, and fitting it costs more than ranking one of them. So it is kept, and tried
only when the answers in the contexts that changed since the fit come to more than `GROWN` of all answers that there
were. It is then fitted anew; if that differs by more than `drifted` allows, everything is ranked with the new one, else
the old one stays and counting starts again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from graphengine.ranked import basis, records, tallied
from graphengine.tables import ANSWERS, of_contexts

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    import pyarrow as pa

    from graphengine.ranked.basis import Basis
    from graphengine.ranked.names import Wanted
    from graphengine.ranked.records import Record
    from graphengine.ranking import Calibration
    from graphengine.store.base import Store

GROWN = 0.05
"""Share of the answers that must lie in changed contexts before the calibration is tried again."""


class Settled(NamedTuple):
    """A calibration, what has happened since it was fitted, and whether it has drifted (`notes` say how)."""

    calibration: Calibration
    fit: records.Fit
    drifted: bool = False
    notes: tuple[str, ...] = ()


def settle(
    store: Store, wanted: Wanted, shared: Record | None, used: Basis, changed: AbstractSet[str], *, undone: int,
    whole: bool,
) -> Settled:
    """The calibration to rank with.

    Args:
        store: The graph.
        wanted: What is ranked.
        shared: The ranking whose calibration is stored.
        used: The answers that are ranked.
        changed: Contexts that changed since they were last counted as changed.
        undone: Number of imports that were taken back.
        whole: Whether `used` has all answers.
    """
    from graphengine import ranking
    from graphengine.ranking.drift import drifted

    if shared is None:
        new = ranking.calibrate(used.counts, not_wiser=wanted.not_wiser)
        return Settled(new, records.Fit(_answers(used.counts), 0, undone))
    old = ranking.Calibration.from_json(shared.calibration)
    moved = shared.fit.moved + _answers(used.counts, changed)
    if moved <= GROWN * shared.fit.answers:
        return Settled(old, records.Fit(shared.fit.answers, moved, undone))
    if not whole:
        used, _ = tallied.counts(basis.everything(store), wanted)
    new = ranking.calibrate(used.counts, not_wiser=wanted.not_wiser)
    why, fit = drifted(old, new), records.Fit(_answers(used.counts), 0, undone)
    if why:
        return Settled(new, fit, True, (f"the calibration drifted ({why}): everything was ranked anew",))
    return Settled(old, fit)


def _answers(counts: pa.Table, contexts: AbstractSet[str] | None = None) -> int:
    """The number of answers, of some contexts or of all."""
    from graphengine.ranking.arrays import compute

    if contexts is not None:
        counts = of_contexts(counts, sorted(contexts))
    return sum(compute().sum(counts.column(name)).as_py() or 0 for name in ANSWERS)
