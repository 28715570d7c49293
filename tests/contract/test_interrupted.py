"""Whatever is interrupted between two commits goes on where it stopped, on both engines."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import pytest

from graphengine.errors import InputError, NotFoundError
from graphengine.store.base import Load
from graphengine.tables import TRUTH
from tests.contract.worlds import rows, world

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphengine.store.base import Store

pytestmark = pytest.mark.slow

PEOPLE = [f"p{i:024x}" for i in range(3)]
FIRST = world([(p, c, "a", "b", "wiser", None) for p in PEOPLE for c in ("c", "d")],
              articulated=rows("articulated", {"user_id": PEOPLE[0], "card_id": "a"}))
SECOND = world([(p, "c", "a", "b", "not_wiser", None) for p in PEOPLE[:2]] + [(PEOPLE[0], "e", "b", "x", "unsure", 3)],
               cards=rows("cards", {"id": "a", "title": "A"}, {"id": "b"}, {"id": "x"}))


class PowerCutError(Exception):
    """The process ends here."""


def truth(store: Store) -> dict[str, list[str]]:
    """Everything in the graph but loads, times and ids that differ from run to run."""
    loads = {row["id"]: row["file"] for row in store.state("loads").to_pylist()}
    found: dict[str, list[str]] = {}
    for name in TRUTH:
        if name != "loads":
            left_out = {"id"} if name == "votes_before" else set()
            found[name] = sorted(
                str({k: loads.get(v, v) if k == "load_id" else v for k, v in row.items() if k not in left_out})
                for row in store.state(name).to_pylist()
            )
    return found


def interrupted(opened: Callable[[], Store], action: Callable[[Store], object], commits: int) -> bool:
    """Do something on a store whose process ends after so many commits; whether it ended early."""
    store = opened()
    store.batch_size = 3  # type: ignore[misc]
    commit, left = store._commit, iter(range(commits))

    def cut(delta: Any) -> None:
        if next(left, None) is None:
            raise PowerCutError
        commit(delta)

    store._commit = cut  # type: ignore[method-assign]
    try:
        action(store)
    except PowerCutError:
        return True
    return False


def settle(opened: Callable[[], Store], action: Callable[[Store], object]) -> Store:
    """Do it again, to the end."""
    store = opened()
    store.batch_size = 3  # type: ignore[misc]
    action(store)
    return store


def take(tables: dict[str, Any], name: str) -> Callable[[Store], object]:
    """An import of these tables."""
    return lambda store: store.append(Load(name, "csv", file_sha256=name), tables)


def undo(store: Store) -> None:
    """Take the second load back, if that did not happen yet."""
    load = next(row["id"] for row in store.state("loads").to_pylist() if row["file"] == "second")
    try:
        store.undo(load)
    except InputError as error:
        assert "already" in error.message


def undo_last(store: Store) -> None:
    """Take the last load back."""
    store.undo(max(store.state("loads").to_pylist(), key=lambda row: (row["at"], row["id"]))["id"])


def erase(store: Store) -> None:
    """Erase the first person, if that did not happen yet."""
    try:
        store.erase(PEOPLE[0])
    except NotFoundError as error:
        assert "erased already" in error.message


ACTIONS = {"append": take(SECOND, "second"), "undo": undo, "erase": erase}


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIONS)
def test_an_interrupted_action_goes_on(name: str, opened: Callable[..., Store]) -> None:
    """Cut off after any number of commits and done again, an action leaves what it leaves undisturbed."""
    settle(opened, take(FIRST, "first"))
    if name != "append":
        settle(opened, ACTIONS["append"])
    store = settle(opened, ACTIONS[name])
    wanted, hashes = truth(store), store.hashes()
    closed = {row["status"] for row in store.state("loads").to_pylist()}
    for commits in itertools.count():
        opened(afresh=True)
        settle(opened, take(FIRST, "first"))
        if name != "append":
            settle(opened, ACTIONS["append"])
        early = interrupted(opened, ACTIONS[name], commits)
        store = settle(opened, ACTIONS[name])
        assert wanted == truth(store), f"after {commits} commits"
        assert hashes == store.hashes(), f"after {commits} commits"
        assert closed == {row["status"] for row in store.state("loads").to_pylist()}, f"after {commits} commits"
        if not early:
            break
    assert commits >= 2


def test_undo_after_an_import_that_was_never_finished(opened: Callable[[], Store]) -> None:
    """An import that stopped for good can be taken back: what it wrote goes, earlier answers come back."""
    settle(opened, take(FIRST, "first"))
    store = opened()
    before = truth(store)
    for commits in (1, 2, 3):
        assert interrupted(opened, ACTIONS["append"], commits)
        store = settle(opened, undo_last)
        assert before == truth(store), f"after {commits} commits"
        assert [] == [row["status"] for row in store.state("loads").to_pylist() if row["status"] == "open"]
