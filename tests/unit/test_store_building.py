"""A large first import is built beside the journal: the same graph, and nothing left where it could not be written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from graphengine.errors import StoreError
from graphengine.store import open_store
from tests.contract.worlds import append, rows, world

if TYPE_CHECKING:
    from pathlib import Path

    from graphengine.store.base import Store

VOTES = [(f"p{user:024x}", f"c{user % 40}", "a", "b", "wiser", None) for user in range(52_000)]
TABLES = world(VOTES, duplicates=rows("duplicates", {"card_id": "b", "canonical_id": "d"}),
               cards=rows("cards", {"id": "a", "title": "A"}, {"id": "b"}, {"id": "d"}))


def answers(store: Store) -> list[object]:
    """What a graph says, by what it was counted from."""
    return [store.read(name).to_pylist() for name in ("count_votes", "contexts", "cards", "stats")]


@pytest.mark.slow
def test_it_is_the_graph_that_the_journal_gives(tmp_path: Path) -> None:
    """Built beside the journal or made anew from it, the graph is the same, hashes of contexts included."""
    with open_store(str(tmp_path / "moral.graph")) as store:
        append(store, TABLES, batch_size=20_000)
        built = answers(store)
        assert 52_000 == sum(row["wiser"] for row in store.read("count_votes").to_pylist())
        assert not (tmp_path / "moral.graph" / "graph.new.lbug").exists()
    (tmp_path / "moral.graph" / "graph.lbug").unlink()
    with open_store(str(tmp_path / "moral.graph")) as store:
        assert built == answers(store)


@pytest.mark.slow
def test_a_journal_that_can_not_be_written_leaves_no_half_built_graph(tmp_path: Path) -> None:
    """The import fails with what to do, what was committed is there, and the same import goes on from it."""
    folder = tmp_path / "moral.graph"
    with open_store(str(folder)) as store:
        (folder / "journal" / "tmp-3").write_text("in the way")
        with pytest.raises(StoreError, match="can't write to the journal"):
            append(store, TABLES, batch_size=20_000)
        assert not list(folder.glob("graph.new*"))
        safe = store.state("votes").num_rows
        assert 52_000 > safe
        assert 52_000 - safe == append(store, TABLES, batch_size=20_000).accepted
        assert 52_000 == sum(row["wiser"] for row in store.read("count_votes").to_pylist())


@pytest.mark.slow
def test_an_updated_row_stays_where_it_was_written(tmp_path: Path) -> None:
    """What is known keeps its order through updates and removals, so that a file that comes again is known at once."""
    with open_store(str(tmp_path / "moral.graph")) as store:
        votes = [(f"p{user:024x}", "c", "a", "b", "wiser", None) for user in range(6)]
        append(store, world(votes))
        before = store.state("votes").column("user_id").to_pylist()
        append(store, world([(*vote[:4], "unsure", None) for vote in (votes[3], votes[1])]))
        state = store.state("votes")
        assert before == state.column("user_id").to_pylist()
        assert 2 == state.column("answer").to_pylist().count("unsure")
        store.erase(votes[2][0])
        assert [user for user in before if user != votes[2][0]] == store.state("votes").column("user_id").to_pylist()
