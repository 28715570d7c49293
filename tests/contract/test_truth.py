"""What the store promises about votes: idempotent, the later load wins, nothing superseded is lost, undo, erasure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from graphengine.errors import InputError, NotFoundError
from graphengine.store import pseudonyms
from graphengine.tables import upgrade_id
from tests.contract.worlds import append, rows, world

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphengine.store.base import Store

pytestmark = pytest.mark.slow

P, Q = "p" + "0" * 24, "p" + "1" * 24
AB = upgrade_id("c", "a", "b")


def said(store: Store, table: str = "votes") -> list[tuple[Any, ...]]:
    """The votes of a table as sorted tuples: user, upgrade, answer, at."""
    return sorted(
        ((r["user_id"], r["upgrade_id"], r["answer"], r["at"]) for r in store.state(table).to_pylist()), key=str
    )


def test_the_same_import_again_changes_nothing(store: Store) -> None:
    """A second import of the same rows is a no-op: no load, no row, the same content hash."""
    tables = world([(P, "c", "a", "b", "wiser", None), (Q, "c", "b", "a", "unsure", 5)])
    first = append(store, tables)
    before = store.content_hash()
    again = append(store, tables)
    assert (2, 0, 0) == (first.accepted, first.changed, first.unchanged)
    assert (0, 0, 2) == (again.accepted, again.changed, again.unchanged)
    assert again.load_id is None
    assert before == store.content_hash()
    assert 1 == store.read("loads").num_rows


def test_the_order_of_rows_does_not_matter(opened: Callable[[], Store]) -> None:
    """The content hash depends on what was said, not on the order of rows or on the number of batches."""
    votes = [(P, "c", "a", "b", "wiser", None), (Q, "c", "a", "b", "unsure", 5), (Q, "d", "b", "a", "not_wiser", None)]
    store = opened()
    append(store, world(votes[::-1]), batch_size=1)
    one_by_one = store.hashes()
    load = store.read("loads").column("id")[0].as_py()
    store.undo(load)
    append(store, world(votes))
    assert one_by_one == {k: v for k, v in store.hashes().items() if k in one_by_one}


def test_a_later_load_wins_and_the_earlier_answer_is_kept(store: Store) -> None:
    """A changed answer replaces the current one; what it superseded stays as VOTED_BEFORE."""
    append(store, world([(P, "c", "a", "b", "wiser", None)]))
    outcome = append(store, world([(P, "c", "a", "b", "not_wiser", None)]))
    assert (0, 1, 0) == (outcome.accepted, outcome.changed, outcome.unchanged)
    assert [(P, AB, "not_wiser", None)] == said(store)
    assert [(P, AB, "wiser", None)] == said(store, "votes_before")
    answers = store.read("votes_of_user", user=P).to_pylist()
    assert [("wiser", False), ("not_wiser", True)] == [(r["answer"], r["current"]) for r in answers]


def test_an_older_answer_never_overwrites_a_younger_one(store: Store) -> None:
    """An import with an older `at` leaves the current answer; it is kept as an earlier one, once."""
    append(store, world([(P, "c", "a", "b", "wiser", 9)]))
    older = world([(P, "c", "a", "b", "not_wiser", 4)])
    first, again = append(store, older), append(store, older)
    assert (0, 0, 1) == (first.accepted, first.changed, first.unchanged)
    assert again.load_id is None
    assert [(P, AB, "wiser", 9)] == said(store)
    assert [(P, AB, "not_wiser", 4)] == said(store, "votes_before")


def test_answers_that_a_file_itself_supersedes_are_kept_once(store: Store) -> None:
    """Earlier answers of one file arrive as earlier answers; importing them again adds nothing."""
    early = rows("votes_before", {"user_id": P, "upgrade_id": AB, "answer": "unsure", "at": 1})
    tables = world([(P, "c", "a", "b", "wiser", 2)], votes_before=early)
    append(store, tables)
    assert append(store, tables).load_id is None
    assert [(P, AB, "unsure", 1)] == said(store, "votes_before")


def test_a_stub_is_filled_in_and_texts_are_never_emptied(store: Store) -> None:
    """A card known only by its id takes texts from a later import; a file without texts takes none away."""
    append(store, world([(P, "c", "a", "b", "wiser", None)]))
    filled = append(store, {"cards": rows("cards", {"id": "a", "title": "A", "policies": ["LISTENING to the end"]})})
    assert 1 == filled.updated["cards"]
    append(store, world([(Q, "c", "a", "b", "wiser", None)]))
    card = {row["id"]: row for row in store.read("cards").to_pylist()}["a"]
    assert ("A", ["LISTENING to the end"]) == (card["title"], card["policies"])


def test_undo_takes_back_one_load_and_what_it_superseded_returns(store: Store) -> None:
    """After undo the graph says what it said before that load, its texts included."""
    append(store, world([(P, "c", "a", "b", "wiser", None)]))
    before = store.hashes()
    more = world([(P, "c", "a", "b", "not_wiser", None), (Q, "d", "a", "x", "unsure", None)])
    more["cards"] = rows("cards", {"id": "a", "title": "A"}, {"id": "x"}, {"id": "b"})
    load = append(store, more).load_id
    assert load is not None
    undone = store.undo(load)
    assert before == {k: v for k, v in store.hashes().items() if k in before}
    assert [(P, AB, "wiser", None)] == said(store)
    assert [] == said(store, "votes_before")
    assert ["a", "b"] == store.read("cards").column("id").to_pylist()
    assert None is store.read("cards").column("title")[0].as_py()
    assert ["c"] == store.read("contexts").column("id").to_pylist()
    assert 2 == undone.removed["votes"]
    assert ["done", "undone"] == sorted(store.read("loads").column("status").to_pylist())


def test_undo_refuses_what_it_can_not_take_back(store: Store) -> None:
    """An unknown load, a load taken back already, and a load whose texts a later one changed are refused by name."""
    first = append(store, {"cards": rows("cards", {"id": "a", "title": "A"})}).load_id
    second = append(store, {"cards": rows("cards", {"id": "a", "description": "more"})}).load_id
    assert first is not None and second is not None
    with pytest.raises(NotFoundError, match="no load 'nope'"):
        store.undo("nope")
    with pytest.raises(InputError, match="changed texts") as refused:
        store.undo(first)
    assert f"graphengine undo {second}" in refused.value.hint
    store.undo(second)
    with pytest.raises(InputError, match="taken back already"):
        store.undo(second)
    store.undo(first)
    assert 0 == store.read("cards").num_rows


def test_an_erased_person_is_gone_and_leaves_a_tombstone(store: Store) -> None:
    """Erasure removes votes, earlier votes, authorship and groups; the pseudonym is in no table any more."""
    tables = world([(P, "c", "a", "b", "wiser", None), (Q, "c", "a", "b", "unsure", None)])
    tables["groups"] = rows("groups", {"id": "age=30", "variable": "age", "value": "30"})
    tables["members"] = rows("members", {"user_id": P, "group_id": "age=30"})
    tables["articulated"] = rows("articulated", {"user_id": P, "card_id": "a"})
    append(store, tables)
    append(store, world([(P, "c", "a", "b", "unsure", None)]))
    store.record_export("preferences", "/somewhere/out", ["c"])
    store.record_export("preferences", "/somewhere/else", ["another context"])
    erased = store.erase(P)
    assert ["/somewhere/out"] == [export["path"] for export in erased.exports]
    assert 1 == erased.removed["votes"] == erased.removed["votes_before"]
    assert [(Q, AB, "unsure", None)] == said(store)
    assert [] == [name for name in ("users", "votes", "votes_before", "articulated", "members", "groups")
                  if P in str(store.state(name).to_pylist()) or store.state("groups").num_rows]
    assert [pseudonyms.tombstone(P)] == store.state("tombstones").column("id").to_pylist()
    with pytest.raises(NotFoundError, match="erased already"):
        store.erase(P)


def test_a_raw_id_is_found_by_its_pseudonym(store: Store) -> None:
    """`erase` takes the id as it stood in the survey file; an unknown one is refused."""
    user = pseudonyms.pseudonym(store.key(), "R_1abc")
    append(store, world([(user, "c", "a", "b", "wiser", None)]))
    assert user == store.erase("R_1abc").user_id
    with pytest.raises(NotFoundError, match="holds nobody"):
        store.erase("R_2")


def test_a_duplicate_counts_for_its_canonical_card(store: Store) -> None:
    """Counts and people are of canonical cards; a vote between a card and its own duplicate counts for nothing."""
    votes = [(P, "c", "a", "b", "wiser", None), (P, "c", "a", "b2", "wiser", None), (Q, "c", "b", "b2", "wiser", None)]
    tables = world(votes, duplicates=rows("duplicates", {"card_id": "b2", "canonical_id": "b"}))
    append(store, tables)
    expected = [{"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 2, "not_wiser": 0, "unsure": 0}]
    assert expected == store.read("count_votes").to_pylist()
    people = {row["card_id"]: row["people"] for row in store.read("people_per_card").to_pylist()}
    assert {"a": 1, "b": 2} == people


def test_another_canonical_card_replaces_the_first(store: Store) -> None:
    """A duplicate stands for one card at a time, and moving it changes the hash of every context."""
    tables = world([(P, "c", "a", "b", "wiser", None)], cards=rows("cards", {"id": "a"}, {"id": "b"}, {"id": "d"}))
    append(store, {**tables, "duplicates": rows("duplicates", {"card_id": "b", "canonical_id": "d"})})
    before = store.read("contexts").column("data_hash")[0].as_py()
    append(store, {"duplicates": rows("duplicates", {"card_id": "b", "canonical_id": "a"})})
    shown = {r["id"]: r["canonical_id"] for r in store.read("cards").to_pylist()}
    assert {"a": None, "b": "a", "d": None} == shown
    assert before != store.read("contexts").column("data_hash")[0].as_py()


def test_a_graph_says_the_same_after_it_was_closed(opened: Callable[[], Store]) -> None:
    """What was committed is there again at the next opening, hashes and rankings included."""
    store = opened()
    append(store, world([(P, "c", "a", "b", "wiser", None)]))
    before = (store.hashes(), store.identity(), store.read("count_votes").to_pylist())
    store = opened()
    assert before == (store.hashes(), store.identity(), store.read("count_votes").to_pylist())


def test_progress_is_told_after_each_commit(store: Store) -> None:
    """`on_commit` hears how many votes are safe, after each batch."""
    told: list[int] = []
    votes = [(f"p{i:024x}", "c", "a", "b", "wiser", None) for i in range(10)]
    append(store, world(votes), batch_size=4, on_commit=told.append)
    assert 10 == told[-1]
    assert sorted(told) == told
    assert len(told) > 3
