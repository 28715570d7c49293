"""`MoralGraph.query`: query files that people may run, their own Cypher, and how much comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import graphengine
from graphengine.errors import QueryError
from graphengine.store import queries
from tests.contract.worlds import append, rows, world

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def graph(graph_folder: Path) -> graphengine.MoralGraph:
    """A graph with one vote."""
    with graphengine.open(graph_folder) as found:
        append(found.store, world([("p" + "0" * 24, "c", "a", "b", "wiser", None)]))
        yield found


def test_only_files_that_are_meant_for_people_run_by_name(graph: graphengine.MoralGraph) -> None:
    """An engine's own files and files that write are not to be had by name; the hint names what is."""
    for name in ("state_votes", "remove_some_edges", "votes", "nope"):
        with pytest.raises(QueryError, match=f"no query named '{name}'"):
            graph.query(name)
    assert [] == [name for name, query in queries.load("neo4j").items() if query.public and "/" in name]


def test_a_parameter_may_have_any_name(graph: graphengine.MoralGraph) -> None:
    """Names that the store uses itself (limit, seconds, text) are free for a person's own parameters."""
    table = graph.query("MATCH (c:Context) RETURN c.id AS id, $text AS said LIMIT $limit", limit=1, text="x")
    assert [{"id": "c", "said": "x"}] == table.to_pylist()


def test_what_is_cut_off_is_told(graph: graphengine.MoralGraph) -> None:
    """More rows than the cap come back cut, and the table says so; a result below the cap says nothing."""
    append(graph.store, {"cards": rows("cards", *({"id": f"v{i}"} for i in range(120)))})
    text = "MATCH (a:ValuesCard), (b:ValuesCard) RETURN a.id AS a, b.id AS b"
    table = graph.query(text)
    assert 10_000 == table.num_rows
    assert {b"truncated": b"true"} == table.schema.metadata
    assert None is graph.query("MATCH (a:ValuesCard) RETURN a.id AS a").schema.metadata


def test_a_missing_parameter_is_an_error_and_never_null(graph: graphengine.MoralGraph) -> None:
    """Query files and people's own Cypher both name the parameter that is missing."""
    with pytest.raises(QueryError, match="'context' is missing"):
        graph.query("ranking")
    with pytest.raises(QueryError, match="'id' is missing"):
        graph.query("MATCH (c:Context {id: $id}) RETURN c.id AS id")
    with pytest.raises(QueryError, match="not a string"):
        graph.query("ranking", context=3)
