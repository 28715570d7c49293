"""Published tallies in the place of votes, where somebody said so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphengine.errors import RankingError
from graphengine.tables import COUNTS

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranked.basis import Basis
    from graphengine.ranked.names import Wanted


def counts(used: Basis, wanted: Wanted, *, whole: bool = True) -> tuple[Basis, list[str]]:
    """What a method ranks: with published tallies among the counts if that was asked for; and what is to be told.

    Args:
        used: The answers.
        wanted: What is asked.
        whole: Whether these are all answers.

    Raises:
        RankingError: If there are only tallies, the method takes votes, and nobody said that tallies may stand for
            votes.
    """
    from graphengine import ranking

    notes: list[str] = []
    if not used.tallies.num_rows:
        return used, notes
    if wanted.takes("tallies"):
        _, gave_way = ranking.superseded_tallies(used.counts, used.tallies)
        return used, [f"{gave_way} published tallies gave way to votes on their pair"] if gave_way else []
    if wanted.tallies or (whole and not used.counts.num_rows):
        return replace(used, counts=_with_tallies(used.counts, used.tallies, wanted, notes)), notes
    return used, notes


def _with_tallies(counts: pa.Table, tallies: pa.Table, wanted: Wanted, notes: list[str]) -> pa.Table:
    """Counts with the published tallies of one context in the place of votes."""
    import pyarrow as pa

    from graphengine import ranking

    if not wanted.tallies:
        raise RankingError(
            f"there are no votes, only {tallies.num_rows} published tallies; they are a selection (the pairs that "
            f"passed the study's own edge rule), so {wanted.method} would take the rule's choice for people's answers",
            hint="rank by the study's rule: graphengine rank --method pagerank --edge-rule mai-2023; "
            "or say that you know: graphengine rank --tallies", method=wanted.method,
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
