"""Merging an import into the truth: what is new, what changed, what was known already.

Pure functions on Arrow tables. The rules for votes: one current answer per user and upgrade; the later load wins, but
an older `at` never overwrites a younger one; superseded answers are kept. For everything else: what an import leaves
out (null) stays as it was, what it says differently replaces it, and the earlier row is remembered in the load's
record (`previous`), so that the load can be taken back.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from pyarrow.compute import call_function

from graphengine.store import sql
from graphengine.store.delta import Change, Delta, added
from graphengine.tables import TRUTH, canonical_json, conform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

State = dict[str, pa.Table]

_BEFORE_ID = """
    'b' || substr(sha256(user_id || upgrade_id || answer || coalesce("at"::VARCHAR, '') || load_id), 1, 24)"""
_OWN = {"loads", "tombstones", "exports", "targets"}  # no import brings them
_NODES = [name for name in TRUTH if name not in {*_OWN, "votes", "votes_before"}]


@dataclass
class Merged:
    """What an import amounts to.

    Attributes:
        delta: What to commit, without the load's own row.
        accepted: New votes.
        changed: Votes whose answer (or time) changed.
        unchanged: Votes known already, or older than what is known.
        new: How many rows each table gained.
        updated: How many rows of each table changed.
        previous: JSON of the rows that were replaced, by table.
    """

    delta: Delta
    accepted: int = 0
    changed: int = 0
    unchanged: int = 0
    new: dict[str, int] = field(default_factory=dict)
    updated: dict[str, int] = field(default_factory=dict)
    previous: str = "{}"


def merge(tables: Mapping[str, pa.Table], state: Callable[[str], pa.Table], load_id: str) -> Merged:
    """Work out what an import changes.

    Args:
        tables: Truth tables without `load_id`, keys unique in each.
        state: The truth as it stands, by table name.
        load_id: The import's id.
    """
    merged = Merged({})
    previous: dict[str, list[dict[str, Any]]] = {}
    for name in _NODES:
        if name in tables and tables[name].num_rows:
            change = _merge_rows(name, tables[name], state(name), load_id)
            if len(change):
                merged.delta[name] = change
                merged.updated[name] = change.before.num_rows
                merged.new[name] = change.after.num_rows - change.before.num_rows
                if change.before.num_rows:
                    previous[name] = change.before.to_pylist()
    merged.previous = canonical_json(previous)
    _merge_votes(merged, tables, state, load_id)
    return merged


def _with_load(table: pa.Table, spec_name: str, load_id: str) -> pa.Table:
    table = conform(table, TRUTH[spec_name].without("load_id"))
    return conform(table.append_column("load_id", pa.repeat(load_id, table.num_rows)), TRUTH[spec_name].schema)


def _merge_rows(name: str, incoming: pa.Table, known: pa.Table, load_id: str) -> Change:
    spec = TRUTH[name]
    if not known.num_rows:
        return added(spec, _with_load(incoming, name, load_id))
    said = [column for column in spec.schema.names if column not in spec.key and column != "load_id"]
    incoming = _with_load(_unlike(incoming, known, [*spec.key, *said], said), name, load_id)
    columns = [f"i.{column}" for column in spec.key]
    columns += [f'coalesce(i."{column}", k."{column}") as "{column}"' for column in said]
    differs = " or ".join(f'coalesce(i."{c}", k."{c}") is distinct from k."{c}"' for c in said) or "false"
    on = " and ".join(f"i.{column} = k.{column}" for column in spec.key)
    # Row numbers keep the order of the file: batches then touch neighbouring contexts.
    after = sql.run(
        f"select {', '.join(columns)}, i.load_id from (select *, row_number() over () as n from i) i"
        f" left join k on {on} where k.load_id is null or {differs} order by n",
        i=incoming, k=known,
    )
    before = sql.run(
        f"select k.* from k semi join a using ({', '.join(spec.key)})", k=known, a=after.select(list(spec.key))
    )
    return Change(before.cast(spec.schema), conform(after, spec.schema))


def _unlike(incoming: pa.Table, known: pa.Table, columns: list[str], optional: list[str]) -> pa.Table:
    """The rows of an import less those that stand at the same place in what is known.

    Imports are sorted by their ids, and what is known keeps its order; so a file that comes again, with a few rows
    changed, is for the most part recognised at the cost of a comparison. Where it is not, nothing is lost but time.

    Args:
        incoming: The import.
        known: What is known.
        columns: Columns that must be the same.
        optional: Those of them that are the same also where the import leaves them out.
    """
    length = min(incoming.num_rows, known.num_rows)
    incoming = conform(incoming, pa.schema([known.schema.field(name) for name in columns]))
    if any(pa.types.is_nested(field.type) for field in incoming.schema):
        return incoming  # such tables are small
    here, there = incoming.slice(0, length), known.slice(0, length)
    same = np.ones(length, dtype=bool)
    for name in columns:
        equal = call_function("equal", [here.column(name), there.column(name)]).fill_null(False).to_numpy()
        same &= (equal | here.column(name).is_null().to_numpy()) if name in optional else equal
    rest = here.filter(pa.array(~same))
    return pa.concat_tables([rest, incoming.slice(length)])


def _merge_votes(
    merged: Merged, tables: Mapping[str, pa.Table], state: Callable[[str], pa.Table], load_id: str
) -> None:
    votes, before = TRUTH["votes"], TRUTH["votes_before"]
    incoming = tables.get("votes", votes.empty())
    if not incoming.num_rows:
        return
    known = state("votes")
    rest = _unlike(incoming, known, ["user_id", "upgrade_id", "answer", "at"], ["at"])
    incoming, repeated = _with_load(rest, "votes", load_id), incoming.num_rows - rest.num_rows
    if known.num_rows:
        fate = sql.run(
            """
            with j as (
              select i.*, k.answer as old_answer, k."at" as old_at, k.load_id as old_load,
                case when k.user_id is null then 'new' when i."at" < k."at" then 'older'
                     when i.answer = k.answer and (i."at" is null or i."at" is not distinct from k."at") then 'same'
                     else 'changed' end as fate
              from (select *, row_number() over () as n from i) i
              left join k on i.user_id = k.user_id and i.upgrade_id = k.upgrade_id)
            select * from j where fate <> 'same' order by n
            """,
            i=incoming, k=known,
        )
        new, changed, older = (fate.filter(pa.array([f == kind for f in fate.column("fate").to_pylist()], pa.bool_()))
                               for kind in ("new", "changed", "older"))
    else:
        new, changed, older = incoming, votes.empty(), votes.empty()
    merged.accepted, merged.changed = new.num_rows, changed.num_rows
    merged.unchanged = repeated + incoming.num_rows - new.num_rows - changed.num_rows
    superseded = [conform(older, before.schema)]
    after, out = conform(new, votes.schema), votes.empty()
    if changed.num_rows:
        out = _renamed(changed, {"old_answer": "answer", "old_at": "at", "old_load": "load_id"}, votes.schema)
        after = pa.concat_tables([after, conform(changed, votes.schema)])
        superseded.append(conform(out, before.schema))
    if "votes_before" in tables and tables["votes_before"].num_rows:
        superseded.append(_with_load(tables["votes_before"], "votes_before", load_id))
    if len(after) or len(out):
        merged.delta["votes"] = Change(out, after)
    earlier = pa.concat_tables(superseded)
    if earlier.num_rows:
        # What is known already is not kept twice; an earlier answer has no other name than what it says.
        kept = sql.run(
            f"""
            select {_BEFORE_ID} as id, user_id, upgrade_id, answer, "at", load_id
            from (select distinct on (user_id, upgrade_id, answer, "at") * from e) e
            anti join k on e.user_id = k.user_id and e.upgrade_id = k.upgrade_id and e.answer = k.answer
              and e."at" is not distinct from k."at" and (e.load_id = k.load_id or e."at" is not null)
            """,
            e=earlier, k=state("votes_before"),
        )
        if kept.num_rows:
            merged.delta["votes_before"] = added(before, kept.cast(before.schema))


def _renamed(table: pa.Table, names: Mapping[str, str], schema: pa.Schema) -> pa.Table:
    table = table.drop_columns([new for new in names.values() if new in table.column_names])
    return conform(table.rename_columns([names.get(c, c) for c in table.column_names]), schema)


def undo(load_id: str, state: Callable[[str], pa.Table]) -> Delta:
    """Work out how to take one import back.

    Its votes go, and the answers that they superseded come back; rows that it replaced come back; rows that it alone
    brought go, unless something that stays refers to them.
    """
    delta: Delta = {}
    left: State = {name: state(name) for name in TRUTH}
    _undo_votes(delta, left, load_id)
    load = next(row for row in left["loads"].to_pylist() if row["id"] == load_id)
    previous: dict[str, list[dict[str, Any]]] = json.loads(load["previous"] or "{}")
    for name in reversed(_NODES):
        spec = TRUTH[name]
        mine = sql.run("select * from t where load_id = ?", [load_id], t=left[name]).cast(spec.schema)
        if not mine.num_rows:
            continue
        back = conform(pa.Table.from_pylist(previous.get(name, []), schema=spec.schema), spec.schema)
        using = f"using ({', '.join(spec.key)})"
        back = sql.run(f"select b.* from b semi join m {using}", b=back, m=mine).cast(spec.schema)
        gone = sql.run(f"select m.* from m anti join b {using}", b=back, m=mine).cast(spec.schema)
        gone = _unreferenced(name, gone, left)
        replaced = sql.run(f"select m.* from m semi join b {using}", b=back, m=mine).cast(spec.schema)
        change = Change(pa.concat_tables([replaced, gone]), back)
        if len(change):
            delta[name] = change
            kept = sql.run(f"select t.* from t anti join b {using}", t=left[name], b=change.before)
            left[name] = pa.concat_tables([kept.cast(spec.schema), back])
    undone = {**load, "status": "undone", "previous": None}
    loads = TRUTH["loads"]
    delta["loads"] = Change(loads.table([load]), loads.table([undone]))
    return delta


def _undo_votes(delta: Delta, left: State, load_id: str) -> None:
    votes, earlier = TRUTH["votes"], TRUTH["votes_before"]
    mine = sql.run("select * from t where load_id = ?", [load_id], t=left["votes"]).cast(votes.schema)
    mine_before = sql.run("select * from t where load_id = ?", [load_id], t=left["votes_before"]).cast(earlier.schema)
    candidates = sql.run(
        'select b.* from b semi join m using (user_id, upgrade_id) join l on l.id = b.load_id'
        ' where b.load_id <> ? order by l."at", b.load_id, b."at"',
        [load_id], b=left["votes_before"], m=mine, l=left["loads"].select(["id", "at"]),
    )
    current: dict[tuple[str, str], dict[str, Any]] = {}
    for row in candidates.to_pylist():  # the rule for votes, replayed without this load
        key = (row["user_id"], row["upgrade_id"])
        known = current.get(key)
        if known is None or row["at"] is None or known["at"] is None or row["at"] >= known["at"]:
            current[key] = row
    back = earlier.table(list(current.values()))
    if mine.num_rows:
        delta["votes"] = Change(mine, conform(back, votes.schema))
    # An import or an undo that was interrupted may have left the current answer among the earlier ones as well.
    doubled = sql.run(
        "select b.* from b semi join v on b.user_id = v.user_id and b.upgrade_id = v.upgrade_id"
        " and b.answer = v.answer and b.\"at\" is not distinct from v.\"at\" and b.load_id = v.load_id"
        " where b.load_id <> ?",
        [load_id], b=left["votes_before"], v=left["votes"],
    ).cast(earlier.schema)
    out = pa.concat_tables([mine_before, back, doubled])
    if out.num_rows:
        delta["votes_before"] = Change(out, earlier.empty())
    for name, change in delta.items():
        spec = TRUTH[name]
        kept = sql.run(f"select t.* from t anti join b using ({', '.join(spec.key)})", t=left[name], b=change.before)
        left[name] = pa.concat_tables([kept.cast(spec.schema), change.after])


# Who refers to a table's id: (table, column) pairs; a list column is unnested.
_REFERENCES: dict[str, list[tuple[str, str]]] = {
    "users": [("votes", "user_id"), ("votes_before", "user_id"), ("articulated", "user_id"), ("members", "user_id")],
    "upgrades": [("votes", "upgrade_id"), ("votes_before", "upgrade_id")],
    "groups": [("members", "group_id")],
    "cards": [("upgrades", "from_id"), ("upgrades", "to_id"), ("tallies", "from_id"), ("tallies", "to_id"),
              ("articulated", "card_id"), ("duplicates", "card_id"), ("duplicates", "canonical_id")],
    "contexts": [("upgrades", "context_id"), ("raises", "context_id"), ("tallies", "contexts")],
    "scenarios": [("raises", "scenario_id")],
}


def _unreferenced(name: str, rows: pa.Table, left: State) -> pa.Table:
    for table, column in _REFERENCES.get(name, []):
        field = TRUTH[table].schema.field(column)
        value = f"unnest({column})" if pa.types.is_list(field.type) else column
        rows = sql.run(
            f"select r.* from r anti join (select {value} as id from t) t using (id)", r=rows, t=left[table]
        ).cast(rows.schema)
    return rows


def erase(user_id: str, grave: str, state: Callable[[str], pa.Table]) -> Delta:
    """Work out how to erase a person: votes, earlier votes, authorship, groups; a tombstone stays.

    Args:
        user_id: The pseudonym.
        grave: The tombstone's id.
        state: The truth as it stands, by table name.
    """
    graves = TRUTH["tombstones"]
    dug = grave in state("tombstones").column("id").to_pylist()  # by an erasure that was interrupted
    delta: Delta = {} if dug else {"tombstones": added(graves, graves.table([{"id": grave}]))}
    for name, column in (("users", "id"), ("articulated", "user_id"), ("members", "user_id"), ("votes", "user_id"),
                         ("votes_before", "user_id")):
        rows = sql.run(f"select * from t where {column} = ?", [user_id], t=state(name)).cast(TRUTH[name].schema)
        if rows.num_rows:
            delta[name] = Change(rows, TRUTH[name].empty())
    members = delta.get("members")
    if members:
        stay = sql.run("select t.* from t anti join m using (user_id, group_id)", t=state("members"), m=members.before)
        groups = sql.run("select g.* from g semi join m on g.id = m.group_id", g=state("groups"), m=members.before)
        empty = sql.run("select g.* from g anti join s on g.id = s.group_id", g=groups, s=stay)
        if empty.num_rows:
            delta["groups"] = Change(empty.cast(TRUTH["groups"].schema), TRUTH["groups"].empty())
    return delta
