"""Rankings per group, and the pairs that flip between groups."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from graphengine.answers import ContextRef
from graphengine.answers_time import GroupRanking, Groups, GroupsOfContext
from graphengine.errors import NotFoundError
from graphengine.ranked import basis
from graphengine.ranked.drift import calibrated
from graphengine.ranked.labels import names
from graphengine.ranked.making import judge
from graphengine.ranked.names import Wanted
from graphengine.store import sql

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking import Calibration
    from graphengine.store.base import Store

_CARD = ("rank", "rank_lower", "rank_upper", "score", "lower", "upper", "p_top", "tied_top")


def groups(
    store: Store, variable: str, context: ContextRef | None, *, k: int, least: float, not_wiser: str, confidence: float
) -> Groups:
    """Rankings per group of a variable; see `MoralGraph.groups`."""
    members = _members(store, variable)
    said = store.read("said") if context is None else basis.in_contexts(
        store, [context.id], store.read("tallies")).said(None)
    counts = store.read("count_votes")
    calibration, shown = calibrated(store, counts, not_wiser, "all answers")
    answered = sql.run("select m.group_id, s.* from s join m using (user_id)", s=said, m=members)
    people = sql.run("select context_id, group_id, count(distinct user_id) as people from a group by all order by all",
                     a=answered)
    open_to_all = sql.run("select a.* from a semi join (select * from p where people >= ?) p"
                          " using (context_id, group_id)", [k], a=answered, p=people)
    values = dict(zip(members.column("group_id").to_pylist(), members.column("value").to_pylist(), strict=True))
    ranked = {group: _rank(open_to_all, group, Wanted(not_wiser=not_wiser, confidence=confidence), calibration)
              for group in sorted(set(open_to_all.column("group_id").to_pylist()))}
    contexts = _told(store, people, ranked, values, k, least)
    notes = []
    masked = sum(row["people"] < k for row in people.to_pylist())
    if masked:
        notes.append(f"{masked} of {people.num_rows} rankings of a group in a context are masked: fewer than "
                     f"{k} people")
    in_none = len(set(said.column("user_id").to_pylist()) - set(members.column("user_id").to_pylist()))
    if in_none:
        notes.append(f"{in_none} people who answered are in no group of {variable} and count for none")
    return Groups(variable, k, least, shown, contexts, notes)


def _members(store: Store, variable: str) -> pa.Table:
    members = store.read("members")
    own = sql.run("select distinct user_id, group_id, value from m where variable = ?", [variable], m=members)
    if own.num_rows:
        return own
    known = sorted(set(members.column("variable").to_pylist()))
    close = difflib.get_close_matches(variable, known, n=1)
    if close:
        hint = f"did you mean {close[0]!r}?"
    elif known:
        hint = f"there are: {', '.join(known)}"
    else:
        hint = "name the columns to keep when votes are imported: graphengine import votes.csv --group COLUMN"
    raise NotFoundError(f"nobody is in a group of {variable!r}", hint=hint, kind="group variable", name=variable)


def _rank(answered: pa.Table, group: str, wanted: Wanted, calibration: Calibration) -> dict[str, pa.Table]:
    from graphengine import ranking

    said = sql.run("select * exclude (group_id) from a where group_id = ?", [group], a=answered)
    used = basis.of_said(said)
    ranks, verdicts = judge(used, wanted, calibration)
    return {"ranks": ranks, "verdicts": verdicts, "edges": ranking.wiser_edges(used.counts, calibration)}


def _told(
    store: Store, people: pa.Table, ranked: dict[str, dict[str, pa.Table]], values: dict[str, str], k: int,
    least: float,
) -> list[GroupsOfContext]:
    from graphengine.ranking.flips import flips

    texts, titles = names(store, "contexts", "text"), names(store, "cards", "title")
    cards: dict[tuple[str, str], list[dict[str, Any]]] = {}
    verdicts: dict[tuple[str, str], dict[str, Any]] = {}
    for group, made in ranked.items():
        for row in made["ranks"].to_pylist():
            card = {"id": row["card_id"], "title": titles.get(row["card_id"]), **{key: row[key] for key in _CARD}}
            cards.setdefault((group, row["context_id"]), []).append(card)
        verdicts.update({(group, row["context_id"]): row for row in made["verdicts"].to_pylist()})
    turned: dict[str, list[dict[str, Any]]] = {}
    for row in flips({group: made["edges"] for group, made in ranked.items()}, least).to_pylist():
        row |= {"from_title": titles.get(row["from_id"]), "to_title": titles.get(row["to_id"])}
        turned.setdefault(row.pop("context_id"), []).append(row)
    found: dict[str, list[GroupRanking]] = {}
    for row in people.to_pylist():
        key = (row["group_id"], row["context_id"])
        masked, said = row["people"] < k, verdicts.get(key, {})
        found.setdefault(row["context_id"], []).append(GroupRanking(
            row["group_id"], values[row["group_id"]], masked, None if masked else row["people"],
            said.get("single_winner"), said.get("reason"), cards.get(key, []),
        ))
    return [
        GroupsOfContext(ContextRef(context, texts.get(context) or context), rankings, turned.get(context, []))
        for context, rankings in sorted(found.items())
    ]
