"""What is read from the store for edges under a rule, and for a preference dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphengine.answers import EdgeList
from graphengine.errors import NotRankedError

if TYPE_CHECKING:
    from graphengine.store.base import Store


def rule_edges(store: Store, rule: str, context: str | None) -> EdgeList:
    """The edges under a named rule; see `MoralGraph.edges`."""
    from graphengine import ranking

    counts, tallies = store.read("count_votes"), store.read("tallies")
    _, gave_way = ranking.superseded_tallies(counts, tallies)
    return EdgeList(rule, ranking.rule_edges(counts, rule, tallies, context), gave_way)


def preference_source(store: Store) -> dict[str, Any]:
    """The tables that a preference dataset is made from.

    Raises:
        NotRankedError: If the graph was never ranked by bradley-terry.
    """
    made = {row["id"]: row for row in store.read("rankings").to_pylist()}
    found = made.get("bradley-terry") or next((r for r in made.values() if r["method"] == "bradley-terry"), None)
    if found is None:
        raise NotRankedError(
            "there is no ranking by bradley-terry to export", hint="graphengine rank", ranking="bradley-terry"
        )
    read = store.read
    holds = dict(zip(*(read("stats").column(c).to_pylist() for c in ("what", "number")), strict=True))
    return {
        "edges": read("wiser_edges"), "cards": read("cards"), "contexts": read("contexts"),
        "scenarios": read("scenarios"), "raises": read("raises"), "upgrades": read("upgrades"),
        "ranking": {"ranking_id": found["id"], **{key: found[key] for key in
                    ("method", "parameters", "data_hash", "calibration", "version")}},
        "facts": {"votes": holds["votes"], "contexts": holds["contexts"],
                  "participants": read("participants").column("participants")[0].as_py()},
    }
