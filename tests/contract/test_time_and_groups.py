"""Rankings as of a date, what moved between two, and per group, on both engines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from graphengine import ranked
from graphengine.errors import InputError, NotFoundError, NotRankedError, RankingError
from graphengine.graph import MoralGraph
from graphengine.ranked import basis, when
from tests.contract.test_ranking_again import Vote, derived, votes
from tests.contract.worlds import append, rows, world

if TYPE_CHECKING:
    from graphengine.store.base import Store

pytestmark = pytest.mark.slow

DAY = 86_400_000
JANUARY, FEBRUARY = when.moment("2026-01-10"), when.moment("2026-02-10")
P, Q = "p" + "0" * 24, "p" + "1" * 24


def counts(store: Store, as_of: str) -> list[tuple[Any, ...]]:
    """The answers as of a date: from, to, wiser, not wiser, unsure."""
    used, _ = basis.at_time(store, as_of)
    return [tuple(row[name] for name in ("from_id", "to_id", "wiser", "not_wiser", "unsure"))
            for row in used.counts.to_pylist()]


def test_answers_as_they_stood(store: Store) -> None:
    """Of each person and upgrade the last answer by then counts, superseded ones too; today is what is there today."""
    append(store, world([(P, "c", "a", "b", "wiser", JANUARY), (Q, "c", "a", "b", "unsure", FEBRUARY)]))
    append(store, world([(P, "c", "a", "b", "not_wiser", FEBRUARY + DAY)]))
    append(store, world([(Q, "c", "b", "a", "wiser", None)]))
    assert [("a", "b", 1, 0, 0)] == counts(store, "2026-01-10")
    assert [("a", "b", 1, 0, 1)] == counts(store, "2026-02-10")
    assert [("a", "b", 0, 1, 1)] == counts(store, "2026-02-11")
    assert [("a", "b", 0, 1, 1), ("b", "a", 1, 0, 0)] == counts(store, "2999-01-01")
    assert [tuple(r.values())[1:] for r in store.read("count_votes").to_pylist()] == counts(store, "2999-01-01")
    people = {row["card_id"]: row["people"] for row in basis.at_time(store, "2999-01-01")[0].people.to_pylist()}
    assert {row["card_id"]: row["people"] for row in store.read("people_per_card").to_pylist()} == people
    with pytest.raises(RankingError, match="no answers as of 2025-12-31") as refused:
        basis.at_time(store, "2025-12-31")
    assert "2026-01-10" in refused.value.hint


def test_a_ranking_as_of_a_date_stands_beside_the_others(store: Store) -> None:
    """It has its own id, is never stale, leaves edges and other rankings alone, and an erasure reaches it."""
    append(store, world(votes(11, contexts=4, at=JANUARY)))
    ranked.rank(store)
    before = derived(store, "bradley-terry")
    append(store, world([("p" + "e" * 24, "c00", "v0", "v1", "wiser", FEBRUARY)]))
    then = ranked.rank(store, as_of="2026-01-31")
    assert ("bradley-terry as-of=2026-01-31", "2026-01-31", 4) == (then.ranking_id, then.as_of, then.contexts)
    assert before["ranks"] == store.read("ranks", ranking=then.ranking_id).to_pylist()
    assert before == derived(store, "bradley-terry")
    stale = {name: store.read("verdict", context="c00", ranking=name).column("stale")[0].as_py()
             for name in ("bradley-terry", then.ranking_id)}
    assert {"bradley-terry": True, then.ranking_id: False} == stale
    assert 1 == ranked.rank(store).contexts
    MoralGraph(store).erase_user("p" + "0" * 24)
    assert ["bradley-terry", then.ranking_id] == store.read("rankings").column("id").to_pylist()
    assert before["ranks"] != store.read("ranks", ranking=then.ranking_id).to_pylist()
    for person in range(1, 6):
        MoralGraph(store).erase_user(f"p{person:024x}")
    assert ["bradley-terry"] == store.read("rankings").column("id").to_pylist()


def test_what_moved_between_two_dates(store: Store) -> None:
    """A context where everybody changed their mind has moved, one without new answers has not; nothing is stored."""
    first: list[Vote] = [(f"p{n:024x}", c, "a", "b", "wiser", JANUARY) for n in range(8) for c in ("still", "turned")]
    append(store, world(first))
    append(store, world([(u, "turned", "a", "b", "not_wiser", FEBRUARY) for u, c, *_ in first if c == "turned"]))
    append(store, world([(P, "fresh", "a", "b", "wiser", FEBRUARY)]))
    ranked.rank(store)
    answer = MoralGraph(store).drift("2026-01-31", "2026-02-28")
    assert {"fresh": ["new"], "turned": ["leader", "p_top"]} == {
        one.context.id: [why for why in one.why if why != "winner"] for one in answer.moved}
    assert (3, "the ranking bradley-terry") == (answer.compared, answer.calibration["source"])
    turned = next(one for one in answer.moved if one.context.id == "turned")
    places = {card["id"]: (card["rank_before"], card["rank_after"]) for card in turned.cards}
    assert {"a": (2, 1), "b": (1, 2)} == places
    assert all(card["lower_before"] < card["score_before"] < card["upper_before"] for card in turned.cards)
    assert ["bradley-terry"] == store.read("rankings").column("id").to_pylist()
    with pytest.raises(InputError, match="is not before"):
        MoralGraph(store).drift("2026-02-28", "2026-01-31")
    with pytest.raises(InputError, match="'soon' is not a date"):
        MoralGraph(store).drift("2026-02-28", "soon")


def test_without_a_ranking_the_second_date_calibrates(store: Store) -> None:
    """Where no calibration is stored, one is fitted to the answers as of the second date, and that is said."""
    append(store, world(votes(12, contexts=3, at=JANUARY)))
    append(store, world(votes(13, contexts=3, at=FEBRUARY)))
    answer = MoralGraph(store).drift("2026-01-31", "2026-02-28")
    assert "the answers as of 2026-02-28" == answer.calibration["source"]


def test_what_differs_between_two_rankings(store: Store) -> None:
    """Winners, leaders, P(top) and ranks of two stored rankings are held against each other."""
    append(store, world(votes(14, contexts=4, at=JANUARY)))
    ranked.rank(store)
    ranked.rank(store, "copeland")
    graph = MoralGraph(store)
    same = graph.diff("bradley-terry", "bradley-terry")
    assert ([], 4, True) == (same.moved, same.compared, same.same_votes)
    append(store, world([(u, "c01", b, a, "wiser", FEBRUARY) for u, _, a, b, _, _ in votes(14, contexts=1, people=9)]))
    ranked.rank(store, as_of="2026-01-31")
    ranked.rank(store)
    moved = graph.diff("bradley-terry as-of=2026-01-31", "bradley-terry")
    assert not moved.same_votes
    assert "c01" in {one.context.id for one in moved.moved if {"rank", "p_top"} & set(one.why)}
    across = graph.diff("copeland", "bradley-terry")
    assert all("p_top" not in one.why for one in across.moved)
    with pytest.raises(NotRankedError) as refused:
        graph.diff("bradley-tery", "copeland")
    assert "did you mean 'bradley-terry'?" == refused.value.hint


def test_groups_and_the_pairs_that_flip(store: Store) -> None:
    """Two groups that disagree flip the pair; a group below k is masked with everything that it said."""
    sides = {"young": "wiser", "old": "not_wiser", "tiny": "wiser"}
    people = {value: [f"p{n:024x}" for n in range(start, start + size)]
              for value, start, size in (("young", 0, 12), ("old", 12, 12), ("tiny", 24, 4))}
    said: list[Vote] = [(u, "c", "a", "b", sides[value], None) for value, users in people.items() for u in users]
    said += [(u, "c", "b", "a", "not_wiser" if sides[v] == "wiser" else "wiser", None)
             for v, users in people.items() for u in users]
    append(store, world(
        said, groups=rows("groups", *({"id": f"age={v}", "variable": "age", "value": v} for v in people)),
        members=rows("members", *({"user_id": u, "group_id": f"age={v}"} for v, us in people.items() for u in us)),
    ))
    answer = MoralGraph(store).groups("age", "c")
    (context,) = answer.contexts
    old, young = ({card["id"]: card["rank"] for card in group.cards} for group in context.groups if not group.masked)
    assert [("old", 12), ("tiny", None), ("young", 12)] == [(group.value, group.people) for group in context.groups]
    assert ({"a": 1, "b": 2}, {"a": 2, "b": 1}) == (old, young)
    tiny = context.groups[1]
    assert (True, None, []) == (tiny.masked, tiny.single_winner, tiny.cards)
    (flip,) = context.flips
    assert ("age=old", "age=young", "b", "a") == tuple(
        flip[k] for k in ("group_id", "other_group_id", "from_id", "to_id"))
    assert flip["p_flip"] > 0.99
    assert any("masked" in note for note in answer.notes)
    assert ["old", "tiny", "young"] == [
        g.value for g in MoralGraph(store).groups("age", k=4).contexts[0].groups if not g.masked]
    with pytest.raises(NotFoundError) as refused:
        MoralGraph(store).groups("agee")
    assert "did you mean 'age'?" == refused.value.hint


def test_group_rankings_follow_the_groups(store: Store) -> None:
    """A ranking of groups is stored under its variable, and made again where somebody joined a group."""
    append(store, world(votes(15, contexts=3), groups=rows("groups", {"id": "s=x", "variable": "s", "value": "x"}),
                        members=rows("members", {"user_id": P, "group_id": "s=x"})))
    made = ranked.rank(store, "bradley-terry-groups", variable="s")
    assert "bradley-terry-groups s" == made.ranking_id
    assert ranked.rank(store, "bradley-terry-groups", variable="s").unchanged
    append(store, {"members": rows("members", {"user_id": Q, "group_id": "s=x"})})
    assert not ranked.rank(store, "bradley-terry-groups", variable="s").unchanged
    with pytest.raises(RankingError, match="needs a group variable"):
        ranked.rank(store, "bradley-terry-groups")
