"""Making a ranking: what is read from the store, what is written.

After an import only the contexts that it touched are ranked again, with the calibration that is stored: a context's
rows depend on its own counts and on the calibration, so the result is the one that ranking everything would give.
Everything is ranked anew where that can't be known: another version, other parameters, an import that was taken back
(pairs may have gone without a trace), group methods (a group can change without a vote), and where the calibration has
drifted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from graphengine.answers import RankOutcome
from graphengine.errors import RankingError
from graphengine.ranked import basis, records, tallied, when
from graphengine.ranked.calibrating import Settled, settle
from graphengine.ranked.names import Wanted
from graphengine.ranked.records import Record
from graphengine.tables import TALLIES, of_contexts

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from graphengine.ranked.basis import Basis
    from graphengine.ranking import Calibration
    from graphengine.store.base import Store


class Made(NamedTuple):
    """RANKS, VERDICTS (`data_hash` null) and EDGES of the same contexts."""

    ranks: pa.Table
    verdicts: pa.Table
    edges: pa.Table


def rank(
    store: Store, method: str = "bradley-terry", edge_rule: str = "mai-2023", not_wiser: str = "against",
    confidence: float = 0.8, scores: str = "normalised", tallies: bool = False, *, variable: str = "",
    full: bool = False, as_of: str = "", bootstrap: int = 0,
) -> RankOutcome:
    """Rank what changed and store it; see `MoralGraph.rank`."""
    wanted = Wanted(method, edge_rule, not_wiser, confidence, scores, tallies, variable, when.spelled(as_of),
                    bootstrap)
    if wanted.takes("groups") and not variable:
        raise RankingError(f"{method} needs a group variable", method=method,
                           hint=f"graphengine rank --method {method} --variable VARIABLE")
    if as_of:
        return _rank_as_of(store, wanted)
    known = [] if full else records.stored(store)
    mine = next((record for record in known if record.id == wanted.id), None)
    shared = next((r for r in known if (r.wanted.not_wiser, r.wanted.tallies) == (not_wiser, tallies)), None)
    # What changed since this ranking, the one that the edges are from, and the one that holds the calibration.
    of = {record.id: record for record in (mine, shared, *known[:1]) if record is not None}
    states = {name: records.state(store, name, record.data_hash) for name, record in of.items()}
    changed = {context: data_hash for state in states.values() for context, data_hash in state.changed.items()}
    undone = records.undone(store) if changed or mine is None else mine.fit.undone
    if mine is None or shared is None or mine.wanted != wanted or not (
        known[0].calibration == shared.calibration == mine.calibration
    ):
        return _rank_all(store, wanted, shared, set(changed), undone)
    state = states[mine.id]
    if not changed and not (wanted.takes("groups") and state.data_hash != mine.data_hash):
        return _nothing(mine, state)
    if wanted.takes("groups") or 2 * len(changed) > state.covered or {mine.fit.undone, known[0].fit.undone} != {undone}:
        return _rank_all(store, wanted, shared, set(changed), undone)
    return _rank_some(store, wanted, shared, state, changed, undone)


def _rank_all(
    store: Store, wanted: Wanted, shared: Record | None, changed: set[str], undone: int, why: tuple[str, ...] = ()
) -> RankOutcome:
    hashes = _hashes(store)  # before the counts: what comes in between is then seen as a change
    data_hash = records.state(store, wanted.id).data_hash
    used, notes = tallied.counts(basis.everything(store), wanted)
    if not used.counts.num_rows and not used.tallies.num_rows:
        raise RankingError("there are no votes to rank", hint="graphengine import votes.csv", method=wanted.method)
    settled = settle(store, wanted, shared, used, changed, undone=undone, whole=True)
    made = make(used, wanted, settled.calibration)
    return _write(store, wanted, made, settled, data_hash, hashes, [*why, *settled.notes, *notes])


def _rank_some(
    store: Store, wanted: Wanted, shared: Record, state: records.State, changed: Mapping[str, str], undone: int
) -> RankOutcome:
    # Few graphs have tallies, and looking is cheaper than the query.
    tallies = store.read("tallies") if store.state("tallies").num_rows else TALLIES.empty()
    hashes: Mapping[str, str | None] = changed
    replaced = sorted(changed)
    if _pools(wanted):
        hashes = _hashes(store)
        used, replaced = _sharing_pairs(basis.everything(store), set(changed))
    else:
        used = basis.in_contexts(store, replaced, tallies)
    used, notes = tallied.counts(used, wanted, whole=False)
    settled = settle(store, wanted, shared, used, set(changed), undone=undone, whole=False)
    if settled.drifted:
        return _rank_all(store, wanted, None, set(), undone, settled.notes)
    made = make(used, wanted, settled.calibration)
    if _pools(wanted):
        made = Made(*(of_contexts(table, replaced) for table in made))
    covered = state.covered - len(set(replaced) - state.new) + made.verdicts.num_rows
    return _write(store, wanted, made, settled, state.data_hash, hashes, notes, replaced, covered)


def make(used: Basis, wanted: Wanted, calibration: Calibration) -> Made:
    """Ranks, verdicts and edges of a basis."""
    from graphengine import ranking

    return Made(*judge(used, wanted, calibration), ranking.wiser_edges(used.counts, calibration))


def judge(used: Basis, wanted: Wanted, calibration: Calibration) -> tuple[pa.Table, pa.Table]:
    """Ranks and verdicts of a basis."""
    from graphengine import ranking
    from graphengine.ranking.judging import settle as in_line
    from graphengine.ranking.methods import CALIBRATED

    given: dict[str, Any] = {"not_wiser": wanted.not_wiser, "edge_rule": wanted.edge_rule, "scores": wanted.scores,
                             "tallies": used.tallies}
    given = {name: value for name, value in given.items() if wanted.takes(name)}
    shared = calibration if wanted.method in CALIBRATED else None
    if wanted.bootstrap:
        ranks = _drawn(used, wanted, shared, given)
    else:
        if wanted.takes("groups"):
            given["groups"] = ranking.group_counts(used.said(None), used.members(), wanted.variable)
        ranks = ranking.rank_counts(
            used.counts, wanted.method, shared, people=used.people, confidence=wanted.confidence, **given)
    verdicts = ranking.verdicts(
        ranks, used.counts, used.people, method=wanted.method, confidence=wanted.confidence, said=used.said,
        calibration=calibration,
    )
    return in_line(ranks, verdicts), verdicts


def _drawn(used: Basis, wanted: Wanted, calibration: Calibration | None, given: dict[str, Any]) -> pa.Table:
    """Ranks whose P(top) and rank intervals come from drawing people anew."""
    from graphengine.ranking.bootstrap import bootstrap

    said = used.said(None)
    if wanted.tallies or not said.num_rows:
        raise RankingError("people can't be drawn anew from published tallies", method=wanted.method,
                           hint="rank without --bootstrap")
    return bootstrap(
        said, wanted.method, calibration, wanted.bootstrap, people=used.people, confidence=wanted.confidence,
        members=used.members() if wanted.takes("groups") else None, variable=wanted.variable, **given,
    )


def _write(
    store: Store, wanted: Wanted, made: Made, settled: Settled, data_hash: str, hashes: Mapping[str, str | None],
    notes: list[str], replaced: list[str] | None = None, covered: int | None = None,
) -> RankOutcome:
    import pyarrow as pa

    from graphengine.store.base import now

    at = made.verdicts.column_names.index("data_hash")
    contexts = made.verdicts.column("context_id").to_pylist()
    verdicts = made.verdicts.set_column(at, "data_hash", pa.array([hashes.get(c) for c in contexts], pa.string()))
    record = Record(wanted.id, wanted, settled.calibration.to_json(), data_hash, now(), settled.fit)
    store.replace(record.row(), verdicts, made.ranks, None if wanted.as_of else made.edges, replaced)
    singles = sum(verdicts.column("single_winner").to_pylist())
    return RankOutcome(
        wanted.id, wanted.method, wanted.rule, verdicts.num_rows, made.ranks.num_rows, singles,
        0 if wanted.as_of else made.edges.num_rows, told(settled.calibration), notes,
        covered=verdicts.num_rows if covered is None else covered, incremental=replaced is not None,
        as_of=wanted.as_of or None,
    )


def told(calibration: Calibration) -> dict[str, Any]:
    """What is told of a calibration."""
    return {"yes_bias": calibration.beta, "yes_bias_sd": calibration.sd_beta,
            "yes_bias_spread": calibration.omega, "tie_band": calibration.tau, "spread": calibration.sigma,
            "answers": calibration.answers}


def _nothing(mine: Record, state: records.State) -> RankOutcome:
    from graphengine.ranking import Calibration

    return RankOutcome(
        mine.id, mine.wanted.method, mine.wanted.rule, 0, 0, 0, 0, told(Calibration.from_json(mine.calibration)), [],
        covered=state.covered, incremental=True, unchanged=True,
    )


def _rank_as_of(store: Store, wanted: Wanted) -> RankOutcome:
    from graphengine import ranking

    data_hash = records.state(store, wanted.id).data_hash
    used, notes = basis.at_time(store, wanted.as_of)
    calibration = ranking.calibrate(used.counts, not_wiser=wanted.not_wiser)
    settled = Settled(calibration, records.Fit(calibration.answers, 0, 0))
    return _write(store, wanted, make(used, wanted, calibration), settled, data_hash, {}, notes)


def _pools(wanted: Wanted) -> bool:
    from graphengine.ranking import EDGE_RULES

    return wanted.rule is not None and wanted.rule in EDGE_RULES and not EDGE_RULES[wanted.rule].per_context


def _sharing_pairs(all_of: Basis, contexts: set[str]) -> tuple[Basis, list[str]]:
    """For rules that pool contexts: all counts, and every context that shares a pair with one of these."""
    asked: list[tuple[frozenset[str], str]] = []
    columns = [all_of.counts.column(name).to_pylist() for name in ("from_id", "to_id", "context_id")]
    asked += [(frozenset(pair), context) for *pair, context in zip(*columns, strict=True)]
    for row in all_of.tallies.to_pylist():
        asked += [(frozenset((row["from_id"], row["to_id"])), context) for context in row["contexts"] or ()]
    pairs = {pair for pair, context in asked if context in contexts}
    return all_of, sorted(contexts.union(context for pair, context in asked if pair in pairs))


def _hashes(store: Store) -> dict[str, str | None]:
    known = store.read("contexts")
    return dict(zip(known.column("id").to_pylist(), known.column("data_hash").to_pylist(), strict=True))


def again(store: Store) -> None:
    """Make every stored ranking again, with its own parameters, in the order in which they were made.

    The last one made is the one that the wiser edges are from.
    """
    import json

    for row in sorted(store.read("rankings").to_pylist(), key=lambda row: (row["at"], row["id"])):
        wanted = Wanted.of(json.loads(row["parameters"]))
        try:
            rank(store, **{**wanted.__dict__, "full": True})
        except RankingError:  # nobody's answers are left
            store.forget(row["id"])
