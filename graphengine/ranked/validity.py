"""How far the rankings of a graph can be trusted: what is read, and the parts of the report in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphengine.answers_validity import PARTS, Validity
from graphengine.errors import RankingError
from graphengine.ranked import basis, records
from graphengine.store import sql
from graphengine.tables import of_contexts

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from graphengine.answers import ContextRef
    from graphengine.ranking import Calibration
    from graphengine.ranking.validity.finding import Finding
    from graphengine.store.base import Store

MOST_CONTEXTS = 200
"""Of more contexts, those with the smallest sha256 of "validity:" and their id are looked at."""

_DOING = {
    "placebo": "shuffling answers", "yes_bias": "yes-bias", "thresholds": "edge rules",
    "not_wiser": "“not wiser” read both ways", "groups": "leaving groups out", "people": "leaving people out",
    "careless": "careless voters", "growth": "adding participants", "methods": "comparing methods",
}


def validate(
    store: Store, context: ContextRef | None = None, *, shuffles: int = 200, orders: int = 20,
    not_wiser: str = "against", min_group: int = 5, show_people: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Validity:
    """How far rankings can be trusted; see `MoralGraph.validate`."""
    from graphengine.ranking import validity

    _check(shuffles, orders, min_group)
    tell = progress or (lambda _: None)
    tell("reading the votes")
    everything, tallies = store.read("count_votes"), store.read("tallies")
    if not everything.num_rows:
        raise RankingError(
            "there are no votes to look at" + (": published tallies say nothing of who said what" if tallies.num_rows
                                               else ""), hint="graphengine import votes.csv")
    chosen, known = basis.chosen(everything, context, MOST_CONTEXTS, "validity")
    every_count = everything if context is None and len(chosen) == known else _sharing_pairs(everything, chosen)
    counts, said = (of_contexts(table, chosen) for table in (everything, store.read("said")))
    members = store.read("members")
    fitted = _calibration(store, everything, not_wiser)
    other = "tie" if not_wiser == "against" else "against"
    readings = {not_wiser: fitted, other: _calibration(store, everything, other)}
    more: dict[str, Any] = {"every_count": every_count, "tallies": tallies}
    parts = _parts({
        "placebo": lambda: validity.placebo(counts, fitted, shuffles=shuffles),
        "yes_bias": lambda: validity.yes_bias(counts, fitted),
        "thresholds": lambda: validity.thresholds(counts, **more),
        "not_wiser": lambda: validity.not_wiser(counts, readings["against"], readings["tie"], **more),
        "groups": lambda: validity.without_groups(said, members, counts, fitted, min_group=min_group),
        "people": lambda: validity.without_people(said, counts, fitted, min_group=min_group),
        "careless": lambda: validity.careless(said, counts, fitted, show_people=show_people),
        "growth": lambda: validity.growth(said, counts, fitted, orders=orders),
        "methods": lambda: validity.agreement(counts, fitted, **more),
    }, tell)
    notes = [] if context is not None or len(chosen) == known else [
        f"{len(chosen)} of {known:,} contexts were looked at: always the same ones, whatever was voted there"]
    return Validity(
        context, len(chosen), known, said.num_rows, len(set(said.column("user_id").to_pylist())),
        {"shuffles": shuffles, "orders": orders, "not_wiser": not_wiser, "min_group": min_group,
         "beta": fitted.beta, "tau": fitted.tau, "sigma": fitted.sigma,
         "omega": fitted.omega},
        _overall(parts), parts, notes,
    )


def _parts(make: dict[str, Callable[[], Finding]], tell: Callable[[str], None]) -> dict[str, Finding]:
    found: dict[str, Finding] = {}
    for name in PARTS:
        tell(_DOING[name])
        found[name] = make[name]()
    return found


def _check(shuffles: int, orders: int, min_group: int) -> None:
    for name, value in (("shuffles", shuffles), ("orders", orders), ("min_group", min_group)):
        if value < 1:
            raise RankingError(f"{name.replace('_', '-')} must be at least 1, not {value}", hint="graphengine validate",
                               value=value)


def _sharing_pairs(counts: pa.Table, contexts: list[str]) -> pa.Table:
    """What rules that pool contexts need of all counts: the pairs asked about in some contexts, wherever they were."""
    return sql.run(
        "select c.* from c where (least(from_id, to_id), greatest(from_id, to_id)) in"
        " (select (least(from_id, to_id), greatest(from_id, to_id)) from s)", c=counts, s=of_contexts(counts, contexts),
    ).cast(counts.schema)


def _calibration(store: Store, counts: pa.Table, not_wiser: str) -> Calibration:
    """The stored calibration, if it was made from the votes as they are; a new one otherwise."""
    from graphengine.ranking import calibrate

    known = records.calibration_of(store, not_wiser, of_now=True)
    return known[0] if known else calibrate(counts, not_wiser=not_wiser)


def _overall(parts: dict[str, Finding]) -> list[str]:
    by_level = {level: [part for part in parts.values() if part.level == level]
                for level in ("warning", "caution", "fine", "unknown")}
    many = {level: len(found) for level, found in by_level.items()}
    say = [f"Of {len(parts)} checks {many['fine']} found nothing to worry about"]
    say += [f"{many['caution']} call for care"] if many["caution"] else []
    say += [f"{many['warning']} can change what the results mean"] if many["warning"] else []
    say += [f"{many['unknown']} could not be made"] if many["unknown"] else []
    return [", ".join(say) + ".", *(f"{part.title}: {part.verdict}" for part in by_level["warning"])]
