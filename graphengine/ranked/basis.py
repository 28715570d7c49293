"""What a ranking is made from: the answers of all contexts, of some, or as they stood at a time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphengine.errors import RankingError
from graphengine.ranked import when
from graphengine.ranking.arrays import compute
from graphengine.store import sql
from graphengine.tables import ANSWERS, COUNTS, MEMBERS, PEOPLE, SAID, TALLIES, of_contexts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pyarrow as pa

    from graphengine.answers import ContextRef
    from graphengine.store.base import Store


@dataclass(frozen=True)
class Basis:
    """Tables of the same answers.

    Attributes:
        counts: COUNTS.
        people: PEOPLE.
        tallies: TALLIES.
        said: Gives the SAID of some contexts; of all for None.
        members: Gives the MEMBERS.
    """

    counts: pa.Table
    people: pa.Table
    tallies: pa.Table
    said: Callable[[list[str] | None], pa.Table]
    members: Callable[[], pa.Table]


FEW = 100
"""Up to so many contexts are read one by one; of more, everything is read and the rest left aside."""


def everything(store: Store) -> Basis:
    """All answers, as they are."""
    return Basis(store.read("count_votes"), store.read("people_per_card"), store.read("tallies"),
                 lambda contexts: _said(store, contexts), lambda: store.read("members"))


def in_contexts(store: Store, contexts: Sequence[str], tallies: pa.Table) -> Basis:
    """The answers of some contexts, as they are, and the tallies that name no other context."""
    import pyarrow as pa

    wanted = pa.table({"context_id": pa.array(contexts, pa.string())})
    own = sql.run(
        "select t.* from t where len(contexts) > 0"
        " and len(list_filter(contexts, lambda x: x in (select context_id from w))) = len(contexts)",
        t=tallies, w=wanted,
    ).cast(TALLIES.schema) if tallies.num_rows else tallies
    if len(contexts) > FEW:
        counts, people_there = (of_contexts(store.read(name), contexts) for name in ("count_votes", "people_per_card"))
        return Basis(counts, people_there, own, lambda named: _said(store, list(contexts) if named is None else named),
                     lambda: store.read("members"))
    votes = _canonical(store, store.read("votes_of_contexts", contexts=list(contexts)))
    said = _answered(votes)
    return Basis(counted(said), people(votes), own, lambda named: _named(said, named), lambda: store.read("members"))


def why_unranked(store: Store, context: str) -> tuple[str, bool]:
    """Why a ranking says nothing of a context, and whether ranking again would change that."""
    if not store.read("context_votes", context=context).column("votes")[0].as_py():
        return "nobody has answered anything in this context yet", False
    if not in_contexts(store, [context], TALLIES.empty()).counts.num_rows:
        return "all answers in this context are about a card and its own duplicate", False
    return "votes came in after the ranking was made: rank again", True


def only(used: Basis, contexts: Sequence[str]) -> Basis:
    """Of a basis, some contexts; without tallies."""
    return Basis(of_contexts(used.counts, contexts), of_contexts(used.people, contexts), TALLIES.empty(),
                 lambda named: used.said(list(contexts) if named is None else named), used.members)


def of_said(said: pa.Table) -> Basis:
    """What single votes amount to; without tallies and groups."""
    said = _answered(said)
    return Basis(counted(said), people(said), TALLIES.empty(), lambda named: _named(said, named), MEMBERS.empty)


def _said(store: Store, contexts: Sequence[str] | None) -> pa.Table:
    if contexts is None:
        return store.read("said")
    if len(contexts) > FEW:
        return of_contexts(store.read("said"), contexts)
    return _answered(_canonical(store, store.read("votes_of_contexts", contexts=list(contexts))))


def _named(said: pa.Table, contexts: Sequence[str] | None) -> pa.Table:
    return said if contexts is None else of_contexts(said, contexts)


def _canonical(store: Store, votes: pa.Table) -> pa.Table:
    duplicates = store.read("duplicates")
    if not duplicates.num_rows or not votes.num_rows:
        return votes
    return sql.run(
        "select v.* replace (coalesce(f.canonical_id, v.from_id) as from_id,"
        " coalesce(t.canonical_id, v.to_id) as to_id)"
        " from v left join d f on f.card_id = v.from_id left join d t on t.card_id = v.to_id",
        v=votes, d=duplicates,
    )


def _answered(votes: pa.Table) -> pa.Table:
    """SAID of votes: without those whose two cards are one, sorted."""
    pc = compute()
    apart = votes.filter(pc.not_equal(votes.column("from_id"), votes.column("to_id")))
    order = ("context_id", "from_id", "to_id", "user_id", "answer")
    return apart.select(SAID.schema.names).cast(SAID.schema).sort_by([(name, "ascending") for name in order])


def counted(said: pa.Table) -> pa.Table:
    """COUNTS of SAID.

    Example:
        >>> said = SAID.table([{"user_id": u, "context_id": "c", "from_id": "a", "to_id": "b", "answer": "unsure"}
        ...                    for u in "xy"])
        >>> counted(said).to_pylist()
        [{'context_id': 'c', 'from_id': 'a', 'to_id': 'b', 'wiser': 0, 'not_wiser': 0, 'unsure': 2}]
    """
    # A query of DuckDB costs 5 ms, ranking a context again little more: so this is done by Arrow.
    pc = compute()
    given = said.select(list(COUNTS.key))
    for answer in ANSWERS:
        given = given.append_column(answer, pc.equal(said.column("answer"), answer).cast("int64"))
    groups = given.group_by(list(COUNTS.key), use_threads=False).aggregate([(answer, "sum") for answer in ANSWERS])
    named = groups.select([*COUNTS.key, *(f"{answer}_sum" for answer in ANSWERS)]).rename_columns(COUNTS.schema.names)
    return named.cast(COUNTS.schema).sort_by([(name, "ascending") for name in COUNTS.key])


def people(votes: pa.Table) -> pa.Table:
    """PEOPLE of votes with canonical cards, those between a card and its duplicate among them."""
    from graphengine.ranking.influence import people_of

    return people_of(votes).sort_by([(name, "ascending") for name in PEOPLE.key])


def chosen(counts: pa.Table, context: ContextRef | None, most: int, purpose: str) -> tuple[list[str], int]:
    """The contexts to look at, and how many have votes.

    Args:
        counts: COUNTS of all contexts.
        context: The only one to look at; None for all.
        most: Of more, those with the smallest sha256 of the purpose, ":" and their id are taken: always the same.
        purpose: What for.

    Raises:
        RankingError: If nobody has answered anything in `context`.
    """
    voted = sql.run("select distinct context_id from c where wiser + not_wiser + unsure > 0 order by 1", c=counts)
    ids: list[str] = voted.column("context_id").to_pylist()
    if context is None:
        return (ids if len(ids) <= most else sorted(ids, key=lambda one: _lot(purpose, one))[:most]), len(ids)
    if context.id not in ids:
        raise RankingError(f"nobody has answered anything in the context {context.text!r} yet",
                           hint="graphengine query context_overview", context=context.id)
    return [context.id], len(ids)


def _lot(purpose: str, context: str) -> bytes:
    return hashlib.sha256(f"{purpose}:{context}".encode()).digest()


def at_time(store: Store, as_of: str) -> tuple[Basis, list[str]]:
    """The answers as they stood at a time: of every user and upgrade the last answer that was there by then.

    An answer counts from its own time on, one without a time from its import on; what stands now was the last one
    since it came, as imports decided. Upgrades, duplicates and groups are those of now; tallies have no time.

    Args:
        store: The graph.
        as_of: A date (its whole day counts) or a time.

    Returns:
        The answers, and what is to be told.

    Raises:
        RankingError: If there was no answer by then.
    """
    given, loads = store.read("answers_over_time"), store.read("loads").select(["id", "at"])
    dated = sql.run('select a.*, coalesce(a."at", l."at") as since, l."at" as came from a join l on l.id = a.load_id',
                    a=given, l=loads)
    votes = sql.run(
        """
        select v.user_id, u.context_id, u.from_id, u.to_id, v.answer, v."at"
        from (
          select * from a where since <= ?
          qualify row_number() over (partition by user_id, upgrade_id
                                     order by current desc, since desc, came desc, load_id desc, answer) = 1
        ) v join u on u.id = v.upgrade_id
        """,
        [when.moment(as_of)], a=dated, u=store.read("upgrades").select(["id", "context_id", "from_id", "to_id"]),
    )
    votes = _canonical(store, votes)
    said = _answered(votes)
    if not said.num_rows:
        first = sql.run("select min(since) as first from a", a=dated).column("first")[0].as_py()
        hint = f"the first answer is of {when.told(first)}" if first is not None else "graphengine import votes.csv"
        raise RankingError(f"there were no answers as of {as_of}", hint=hint, value=as_of)
    notes = []
    if given.column("at").null_count:
        notes.append(f"{given.column('at').null_count} of {given.num_rows} answers have no time of their own: they "
                     "count from their import on")
    if store.read("tallies").num_rows:
        notes.append("published tallies have no time and are left out")
    return Basis(counted(said), people(votes), TALLIES.empty(), lambda named: _named(said, named),
                 lambda: store.read("members")), notes
