"""Making a ranking: what is read from the store, what is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from graphengine import __version__
from graphengine.answers import RankOutcome
from graphengine.errors import RankingError
from graphengine.ranked.names import ranking_id
from graphengine.tables import COUNTS, RANKINGS, canonical_json

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.store.base import Store


def rank(
    store: Store, method: str, edge_rule: str, not_wiser: str, confidence: float, scores: str, with_tallies: bool
) -> RankOutcome:
    """Rank everything and store it; see `MoralGraph.rank`."""
    from graphengine import ranking
    from graphengine.store.base import now

    counts, tallies, people = store.read("count_votes"), store.read("tallies"), store.read("people_per_card")
    notes: list[str] = []
    if method == "bradley-terry":
        if tallies.num_rows and (with_tallies or not counts.num_rows):
            counts = _with_tallies(counts, tallies, with_tallies, notes)
        parameters: dict[str, Any] = {"not_wiser": not_wiser}
    else:
        if tallies.num_rows:
            _, gave_way = ranking.superseded_tallies(counts, tallies)
            notes += [f"{gave_way} published tallies gave way to votes on their pair"] if gave_way else []
        parameters = {"edge_rule": edge_rule, "scores": scores, "tallies": tallies}
    if not counts.num_rows and not tallies.num_rows:
        raise RankingError("there are no votes to rank", hint="graphengine import votes.csv", method=method)
    calibration = ranking.calibrate(counts, not_wiser=not_wiser)
    ranks = ranking.rank_counts(counts, method, calibration if method == "bradley-terry" else None, people=people,
                                confidence=confidence, **parameters)
    verdicts = ranking.verdicts(ranks, counts, people, method=method, confidence=confidence)
    edges = ranking.wiser_edges(counts, calibration)
    known = store.read("contexts")
    hashes = dict(zip(known.column("id").to_pylist(), known.column("data_hash").to_pylist(), strict=True))
    verdicts = verdicts.set_column(
        verdicts.column_names.index("data_hash"), "data_hash",
        _text([hashes.get(c) for c in verdicts.column("context_id").to_pylist()]),
    )
    name = ranking_id(method, edge_rule, not_wiser)
    said = {"method": method, "edge_rule": edge_rule if method == "pagerank" else None, "not_wiser": not_wiser,
            "confidence": confidence, "scores": scores, "tallies": with_tallies}
    row = {"id": name, "method": method, "edge_rule": said["edge_rule"], "parameters": canonical_json(said),
           "calibration": calibration.to_json(), "data_hash": store.content_hash(), "at": now(), "version": __version__}
    store.replace(RANKINGS.table([row]), verdicts, ranks, edges)
    singles = sum(verdicts.column("single_winner").to_pylist())
    told = {"yes_bias": calibration.beta, "yes_bias_sd": calibration.sd_beta, "tie_band": calibration.tau,
            "spread": calibration.sigma, "answers": calibration.answers}
    return RankOutcome(name, method, said["edge_rule"], verdicts.num_rows, ranks.num_rows, singles, edges.num_rows,
                       told, notes)


def _text(values: list[str | None]) -> pa.Array:
    import pyarrow as pa

    return pa.array(values, pa.string())


def _with_tallies(counts: pa.Table, tallies: pa.Table, told: bool, notes: list[str]) -> pa.Table:
    """Counts with the published tallies of one context in the place of votes.

    Raises:
        RankingError: If nobody said that tallies may stand for votes.
    """
    import pyarrow as pa

    from graphengine import ranking

    if not told:
        raise RankingError(
            f"there are no votes, only {tallies.num_rows} published tallies; they are a selection (the pairs that "
            "passed the study's own edge rule), so bradley-terry would take the rule's choice for people's answers",
            hint="rank by the study's rule: graphengine rank --method pagerank --edge-rule mai-2023; "
            "or say that you know: graphengine rank --tallies", method="bradley-terry",
        )
    kept, gave_way = ranking.superseded_tallies(counts, tallies)
    rows: list[dict[str, Any]] = []
    pooled = 0
    for row in kept.to_pylist():
        if len(row["contexts"]) != 1:
            pooled += 1
            continue
        pair = {"context_id": row["contexts"][0], "from_id": row["from_id"], "to_id": row["to_id"]}
        rows.append({**pair, **{key: row[key] for key in ("wiser", "not_wiser", "unsure")}})
        if row["less_wise"]:
            rows.append({"context_id": row["contexts"][0], "from_id": row["to_id"], "to_id": row["from_id"],
                         "wiser": row["less_wise"], "not_wiser": 0, "unsure": 0})
    notes.append(f"{len(kept) - pooled} published tallies stand for votes: a selection, so read the ranking with care")
    if pooled:
        notes.append(f"{pooled} tallies that pool several contexts were left out")
    if gave_way:
        notes.append(f"{gave_way} published tallies gave way to votes on their pair")
    said = COUNTS.table(rows).group_by(["context_id", "from_id", "to_id"]).aggregate(
        [("wiser", "sum"), ("not_wiser", "sum"), ("unsure", "sum")]
    ).rename_columns(COUNTS.schema.names)
    return pa.concat_tables([counts, said]).sort_by([(c, "ascending") for c in COUNTS.key])


def again(store: Store) -> None:
    """Make every stored ranking again, with its own parameters."""
    for row in store.read("rankings").to_pylist():
        said = json.loads(row["parameters"])
        if store.read("count_votes").num_rows or store.read("tallies").num_rows:
            rank(store, said["method"], said["edge_rule"] or "mai-2023", said["not_wiser"], said["confidence"],
                 said["scores"], said["tallies"])
        else:
            store.forget(row["id"])
