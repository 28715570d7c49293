"""What moved between two dates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphengine.answers_time import Drift
from graphengine.errors import InputError
from graphengine.ranked import basis, records, when
from graphengine.ranked.making import judge, told
from graphengine.ranked.moves import moves
from graphengine.ranked.names import Wanted
from graphengine.store import sql

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranked.basis import Basis
    from graphengine.ranking import Calibration
    from graphengine.store.base import Store


def drift(store: Store, before: str, after: str, *, not_wiser: str, confidence: float, least: float) -> Drift:
    """What moved between two dates; see `MoralGraph.drift`."""
    first, second = when.spelled(before), when.spelled(after)
    if not first or not second or when.moment(first) >= when.moment(second):
        raise InputError(f"{before!r} is not before {after!r}", hint=f"graphengine drift {after} {before}",
                         value=before)
    (one, notes), (other, _) = basis.at_time(store, first), basis.at_time(store, second)
    calibration, shown = calibrated(store, other.counts, not_wiser, f"the answers as of {second}")
    wanted = Wanted(not_wiser=not_wiser, confidence=confidence)
    # With one calibration a context moves only where its own answers did.
    changed = _differing(one, other)
    sides = [judge(basis.only(side, changed), wanted, calibration) for side in (one, other)]
    compared = sql.run("select count(distinct context_id) as n from (select context_id from a union all"
                       " select context_id from b)", a=one.counts, b=other.counts).column("n")[0].as_py()
    return Drift(first, second, shown, compared, least, moves(store, sides[0], sides[1], least), notes)


def calibrated(store: Store, counts: pa.Table, not_wiser: str, otherwise: str) -> tuple[Calibration, dict[str, Any]]:
    """The stored calibration, or where there is none one fitted to these counts; and what is told of it."""
    from graphengine import ranking

    known = records.calibration_of(store, not_wiser)
    calibration, source = known or (ranking.calibrate(counts, not_wiser=not_wiser), "")
    return calibration, {**told(calibration), "source": f"the ranking {source}" if source else otherwise}


def _differing(one: Basis, other: Basis) -> list[str]:
    found = [
        sql.run("select distinct context_id from ((select * from a except select * from b)"
                " union all (select * from b except select * from a))", a=a, b=b).column("context_id").to_pylist()
        for a, b in ((one.counts, other.counts), (one.people, other.people))
    ]
    return sorted({context for contexts in found for context in contexts})
