"""What is read from the store for a dataset of preferences: everybody's, one group's, or those that bridge groups."""

from __future__ import annotations

import difflib
import shlex
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from graphengine.errors import ExportError, NotFoundError, NotRankedError
from graphengine.ranked import basis
from graphengine.ranked.making import judge
from graphengine.ranked.names import Wanted, options, ranking_id
from graphengine.store import sql

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from graphengine.ranking import Calibration
    from graphengine.store.base import Store

LEAST_FLIP = 0.5
"""From this probability on a pair counts as turned round between two groups."""


@dataclass(frozen=True)
class Preferred:
    """Whose preferences are wanted, and between which cards.

    Attributes:
        by: `edges`: between cards that people were asked to compare; `rank`: between all ranked cards of a context.
        group: The id of a group (`party=left`): only its members' answers; "" for everybody's.
        objective: `worst-group`: by the bridging ranking, whose θ is that of the least satisfied group; "" for all.
        variable: For `worst-group`: the variable that tells the groups apart.
        k: A group's answers in a context count only from so many people on.
    """

    by: str = "edges"
    group: str = ""
    objective: str = ""
    variable: str = ""
    k: int = 5

    def options(self) -> str:
        """The options of `graphengine export preferences` that ask for this."""
        told = ((each.name, getattr(self, each.name), each.default) for each in fields(self))
        return "".join(f" --{name} {shlex.quote(str(value))}" for name, value, usual in told if value != usual)


def preference_source(store: Store, preferred: Preferred | None = None) -> dict[str, Any]:
    """The tables that a dataset of preferences is made from: what `graphengine.preferences.Source` holds.

    Raises:
        NotRankedError: If the graph was never ranked by bradley-terry, or the votes changed since where this matters.
        NotFoundError: If there is no such group.
        ExportError: If a group and an objective are asked for at once, or the objective has no variable.
    """
    preferred = preferred or Preferred()
    _check(preferred)
    made = {row["id"]: row for row in store.read("rankings").to_pylist()}
    found = made.get("bradley-terry") or next((r for r in made.values() if r["method"] == "bradley-terry"), None)
    if found is None:
        raise NotRankedError(
            "there is no ranking by bradley-terry to export", hint="graphengine rank", ranking="bradley-terry"
        )
    if preferred.objective:
        found = _bridging(made, preferred.variable)
    if preferred != Preferred() and store.read("stale_contexts", ranking=found["id"]).num_rows:
        raise NotRankedError("votes came in after the ranking was made", ranking=found["id"],
                             hint=f"rank again: graphengine rank{options(found['id'])}")
    read = store.read
    holds = dict(zip(*(read("stats").column(c).to_pylist() for c in ("what", "number")), strict=True))
    return {
        "cards": read("cards"), "contexts": read("contexts"), "scenarios": read("scenarios"), "raises": read("raises"),
        "upgrades": read("upgrades"),
        "ranking": {"ranking_id": found["id"], **{key: found[key] for key in
                    ("method", "parameters", "data_hash", "calibration", "version")}},
        **_ordered(store, preferred, found),
        "facts": {"votes": holds["votes"], "contexts": holds["contexts"],
                  "participants": read("participants").column("participants")[0].as_py(),
                  "flips": flips_by_variable(store, found, preferred.k),
                  **{name: getattr(preferred, name) for name in ("group", "objective", "variable")
                     if getattr(preferred, name)}},
    }


def _check(preferred: Preferred) -> None:
    if preferred.group and preferred.objective:
        raise ExportError("one group's preferences and those that bridge groups are two datasets",
                          hint="give either --group or --objective")
    if preferred.objective and not preferred.variable:
        raise ExportError("worst-group needs to know which groups",
                          hint="--objective worst-group --variable VARIABLE")


def _bridging(made: Mapping[str, dict[str, Any]], variable: str) -> dict[str, Any]:
    name = ranking_id("bradley-terry-groups", variable=variable)
    if name not in made:
        raise NotRankedError(f"there is no bridging ranking over the groups of {variable!r} yet", ranking=name,
                             hint=f"graphengine rank{options(name)}")
    return made[name]


def _ordered(store: Store, preferred: Preferred, found: dict[str, Any]) -> dict[str, Any]:
    """Edges, ranks and verdicts of those whose preferences are wanted."""
    from graphengine import ranking
    from graphengine.ranking.bridging import bridging_edges
    from graphengine.ranking.edges import all_pairs

    read = store.read
    told = {"edges": read("wiser_edges"), "ranks": read("ranks", ranking=found["id"]),
            "verdicts": read("verdicts", ranking=found["id"])}
    if preferred == Preferred():
        return told
    calibration = ranking.Calibration.from_json(found["calibration"])
    counts = read("count_votes")

    def edges_of(counts: pa.Table, *, unanswered: bool = False) -> pa.Table:
        return ranking.wiser_edges(counts, calibration, unanswered=unanswered)

    if preferred.objective:
        groups = ranking.group_counts(read("said"), read("members"), preferred.variable)

        def edges_of(counts: pa.Table, *, unanswered: bool = False) -> pa.Table:
            return bridging_edges(counts, groups, calibration, unanswered=unanswered)

        told |= {"edges": edges_of(counts), "split_edges": told["edges"]}
    elif preferred.group:
        whole = basis.of_said(_said_by(store, preferred.group))
        used = _open(whole, preferred.k)
        counts = used.counts
        edges = edges_of(counts)
        ranks, verdicts = judge(used, Wanted(not_wiser=calibration.not_wiser), calibration)
        told |= {"edges": edges, "split_edges": told["edges"], "ranks": ranks, "verdicts": verdicts}
        if masked := edges_of(whole.counts).num_rows - edges.num_rows:
            told["left_out"] = {f"fewer than {preferred.k} people of the group answered in the context": masked}
    if preferred.by == "rank":
        told["candidates"] = edges_of(all_pairs(counts), unanswered=True)
    return told


def _said_by(store: Store, group: str) -> pa.Table:
    """SAID of the members of a group.

    Raises:
        NotFoundError: If there is none.
    """
    members = store.read("members")
    own = sql.run("select distinct user_id from m where group_id = ?", [group], m=members)
    if not own.num_rows:
        known = sorted(set(members.column("group_id").to_pylist()))
        close = difflib.get_close_matches(group, known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}" if known else (
            "name the columns to keep when votes are imported: graphengine import votes.csv --group COLUMN")
        raise NotFoundError(f"there is no group {group!r}", hint=hint, kind="group", name=group)
    return sql.run("select s.* from s semi join m using (user_id)", s=store.read("said"), m=own)


def _open(used: basis.Basis, k: int) -> basis.Basis:
    """Of what people said, the contexts in which at least k of them answered."""
    enough = sql.run("select context_id from s group by all having count(distinct user_id) >= ? order by all", [k],
                     s=used.said(None))
    return basis.of_said(used.said(enough.column("context_id").to_pylist()))


def flips_by_variable(store: Store, found: Mapping[str, Any], k: int) -> dict[str, dict[str, Any]]:
    """Of each group variable: how many pairs of cards two of its groups see the other way round.

    Returns:
        By variable: `groups` that answered anything, `pairs` (of cards in a context) that at least two of them were
        asked about, `flipping` of these with a probability of at least `least`, and `k`: a group's answers in a context
        count from so many people on.
    """
    from graphengine import ranking
    from graphengine.ranking.flips import flips

    members = store.read("members")
    if not members.num_rows:
        return {}
    calibration: Calibration = ranking.Calibration.from_json(found["calibration"])
    said = store.read("said")
    told = {}
    for variable in sorted(set(members.column("variable").to_pylist())):
        own = sql.run("select distinct user_id, group_id from m where variable = ?", [variable], m=members)
        answered = sql.run("select m.group_id, s.* from s join m using (user_id)", s=said, m=own)
        edges = {}
        for group in sorted(set(answered.column("group_id").to_pylist())):
            of_group = sql.run("select * exclude (group_id) from a where group_id = ?", [group], a=answered)
            edges[group] = ranking.wiser_edges(_open(basis.of_said(of_group), k).counts, calibration)
        every = flips(edges)
        told[variable] = {
            "groups": len(edges), "pairs": _pairs(every, 0.0), "flipping": _pairs(every, LEAST_FLIP),
            "least": LEAST_FLIP, "k": k,
        }
    return told


def _pairs(flipped: pa.Table, least: float) -> int:
    rows = flipped.select(["context_id", "from_id", "to_id", "p_flip"]).to_pylist()
    return len({
        (row["context_id"], *sorted((row["from_id"], row["to_id"]))) for row in rows if row["p_flip"] >= least
    })
