"""py2neo on a real Neo4j server: what graphengine stored can be read with it, and what it stored can be brought in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import py2neo
import pytest
from py2neo.ogm import Repository

import graphengine
from graphengine.interop.objects import Context, Scenario, Upgrade, User, ValuesCard
from graphengine.interop.py2neo import from_py2neo, to_py2neo
from graphengine.sample import sample_files
from graphengine.store.base import Load
from tests.contract.worlds import rows, world

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from graphengine import MoralGraph
    from tests.neo4j_server import Neo4jServer

pytestmark = pytest.mark.neo4j

VOTES = [
    ("u1", "When grieving", "advise", "stay", "wiser", 5),
    ("u2", "When grieving", "advise", "stay", "not_wiser", None),
    ("u1", "伤心的时候", "stay", "advise", "unsure", 7),
]
MORE = {
    "cards": rows(
        "cards", {"id": "advise", "title": "Advise", "description": None, "policies": ["STEPS", "it's \"x\""]},
        {"id": "stay", "title": "Stay'}) DETACH DELETE n //", "description": "d\nd", "policies": []}, {"id": "raw"},
    ),
    "scenarios": rows("scenarios", {"id": "s", "text": "A friend writes", "image": None}),
    "raises": rows("raises", {"scenario_id": "s", "context_id": "When grieving"}),
    "duplicates": rows("duplicates", {"card_id": "raw", "canonical_id": "stay"}),
    "articulated": rows("articulated", {"user_id": "u1", "card_id": "raw"}),
    "groups": rows("groups", {"id": "age=30", "variable": "age", "value": "30"}),
    "members": rows("members", {"user_id": "u2", "group_id": "age=30"}),
    "tallies": rows("tallies", {
        "id": "t", "from_id": "raw", "to_id": "advise", "contexts": ["When grieving", "伤心的时候"], "wiser": 3,
        "not_wiser": 1, "less_wise": 0, "unsure": 2, "impressions": 9,
    }),
}
TABLES = world(VOTES, **MORE)


@pytest.fixture
def connected(empty_neo4j: Neo4jServer) -> py2neo.Graph:
    """The empty server of the run, as py2neo sees it."""
    return py2neo.Graph(empty_neo4j.uri, auth=(empty_neo4j.username, empty_neo4j.password), name=empty_neo4j.database)


@pytest.fixture
def opened(empty_neo4j: Neo4jServer, monkeypatch: pytest.MonkeyPatch) -> Callable[[], MoralGraph]:
    """Opens the graph on the server of the run."""
    for name, value in empty_neo4j.environment().items():
        monkeypatch.setenv(name, value)
    return lambda: graphengine.open(empty_neo4j.uri)


def _content(tables: dict[str, pa.Table]) -> dict[str, list[dict[str, Any]]]:
    shaped = {
        name: [{**row, "contexts": sorted(row["contexts"])} if "contexts" in row else row for row in table.to_pylist()]
        for name, table in tables.items()
    }
    return {name: sorted(found, key=repr) for name, found in shaped.items() if found}


@pytest.mark.parametrize("write", ["create", "merge"])
def test_tables_go_to_the_server_and_back(connected: py2neo.Graph, write: str) -> None:
    """A Subgraph written with `create` or `merge` is read back as the same tables."""
    getattr(connected, write)(to_py2neo(TABLES))
    assert _content(TABLES) == _content(from_py2neo(connected))


def test_merging_twice_changes_nothing(connected: py2neo.Graph) -> None:
    """Merging the same tables again adds no node and no relationship."""
    connected.merge(to_py2neo(TABLES))
    counts = connected.run("MATCH (n) OPTIONAL MATCH (n)-[r]->() RETURN count(DISTINCT n), count(r)").to_table()
    connected.merge(to_py2neo(TABLES))
    again = connected.run("MATCH (n) OPTIONAL MATCH (n)-[r]->() RETURN count(DISTINCT n), count(r)").to_table()
    assert [tuple(row) for row in counts] == [tuple(row) for row in again]


def test_a_subgraph_fetched_from_the_server_is_understood(connected: py2neo.Graph) -> None:
    """A part of the graph that a py2neo query returned becomes tables too."""
    connected.create(to_py2neo(TABLES))
    found = connected.run("MATCH (u:User {id: 'u1'})-[v:VOTED]->(q:Upgrade)-[l]->(x) RETURN u, v, q, l, x")
    tables = from_py2neo(found.to_subgraph())
    assert [("u1", 5), ("u1", 7)] == sorted((row["user_id"], row["at"]) for row in tables["votes"].to_pylist())
    assert 2 == tables["upgrades"].num_rows


def test_what_graphengine_stored_is_read(connected: py2neo.Graph, opened: Callable[[], MoralGraph]) -> None:
    """Truth tables in the store and truth tables read through py2neo are the same."""
    with opened() as graph:
        graph.store.append(Load("votes.csv", "csv"), TABLES)
        expected = {name: graph.store.state(name).drop_columns(["load_id"]) for name in TABLES}
    read = from_py2neo(connected)
    assert _content(expected) == _content({name: read[name] for name in TABLES})


def test_what_py2neo_holds_can_be_brought_in(connected: py2neo.Graph, tmp_path: Any) -> None:
    """Tables from py2neo go into an embedded graph like any import, and rank."""
    connected.create(to_py2neo(TABLES))
    with graphengine.open(tmp_path / "moral.graph") as graph:
        done = graph.store.append(Load("py2neo", "py2neo"), from_py2neo(connected))
        graph.rank()
        assert 3 == done.accepted
        assert {"advise", "stay"} == {row["id"] for row in graph.ranking("When grieving").cards}


def test_the_object_classes_walk_the_sample_graph(empty_neo4j: Neo4jServer, opened: Callable[[], MoralGraph]) -> None:
    """Objects read by py2neo's OGM lead along every relationship of the model, and agree with the graph's answers."""
    with opened() as graph:
        for file in sample_files().values():
            graph.import_file(file)
        graph.rank()
        where = graph.query("MATCH (s:Scenario)-[:RAISES]->(c)<-[:RANKED_IN]-() RETURN c.id AS c, s.id AS s LIMIT 1")
        context, scenario = where["c"][0].as_py(), where["s"][0].as_py()
        ranked = {row["id"] for row in graph.ranking(context).cards}
        edges = {(row["from_id"], row["to_id"]) for row in graph.edges().table.to_pylist()}
    objects = Repository(empty_neo4j.uri, auth=(empty_neo4j.username, empty_neo4j.password), name=empty_neo4j.database)

    found = objects.get(Context, context)
    assert ranked == {card.id for card in found.ranked}
    assert context in {raised.id for raised in objects.get(Scenario, scenario).contexts}
    assert scenario in {raising.id for raising in found.scenarios}
    upgrade = next(iter(found.upgrades))
    assert isinstance(upgrade, Upgrade)
    assert [context] == [of.id for of in upgrade.context]
    (less_wise,), (wiser,) = upgrade.from_card, upgrade.to_card
    assert upgrade.id in {asked.id for asked in less_wise.upgrades_from} & {asked.id for asked in wiser.upgrades_to}
    voter = next(iter(upgrade.voters))
    assert isinstance(voter, User)
    assert voter.voted.get(upgrade, "answer") in {"wiser", "not_wiser", "unsure"}
    card = objects.get(ValuesCard, sorted(ranked)[0])
    assert {to for start, to in edges if start == card.id} == {other.id for other in card.wiser}
    assert {start for start, to in edges if to == card.id} == {other.id for other in card.less_wise}


def test_objects_can_be_saved_and_found(connected: py2neo.Graph, empty_neo4j: Neo4jServer) -> None:
    """Objects of the model made in Python are stored in the shape that `from_py2neo` reads."""
    objects = Repository(empty_neo4j.uri, auth=(empty_neo4j.username, empty_neo4j.password), name=empty_neo4j.database)
    cards = [ValuesCard(id="a", title="A", policies=["P"]), ValuesCard(id="b")]
    asked, user, context = Upgrade(id="q"), User(id="u"), Context(id="c", text="C")
    asked.from_card.add(cards[0])
    asked.to_card.add(cards[1])
    asked.context.add(context)
    user.voted.add(asked, answer="wiser", at=3)
    objects.save(user, asked, context, *cards)
    tables = from_py2neo(connected)
    assert [{"user_id": "u", "upgrade_id": "q", "answer": "wiser", "at": 3}] == tables["votes"].to_pylist()
    assert ["q", "c", "a", "b", None] == list(tables["upgrades"].to_pylist()[0].values())
    assert ["P"] == tables["cards"].to_pylist()[0]["policies"]
