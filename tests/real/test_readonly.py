"""The allow-list against a real server: what it refuses would have worked, what it lets through only reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import neo4j
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graphengine.errors import QueryError
from graphengine.store.readonly import check_read_only

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.neo4j_server import Neo4jServer

pytestmark = pytest.mark.neo4j

# A READ session runs every one of these.
HARMFUL = [
    "CALL dbms.listConfig() YIELD name RETURN name LIMIT 1",
    "SHOW USERS",
    "UNWIND [1] AS distinct WITH distinct CALL db.info() YIELD name RETURN name",
    "UNWIND [1] AS `distinct` WITH distinct CALL db.info() YIELD name RETURN name",
    "UNWIND [1] AS not WITH not CALL db.info() YIELD name RETURN name",
    "UNWIND [1] AS case WITH case CALL db.info() YIELD name RETURN name",
    "RETURN 'a\\u0027 AS x UNION CALL db.info() YIELD name RETURN name AS x //'",
    "RETURN 1 AS a // said \r UNION CALL db.info() YIELD name RETURN 1 AS a",
    "RETURN 1 AS a UNION \\u0043ALL db.info() YIELD name RETURN 1 AS a",
    "RETURN 1 AS a UNION\x1cCALL db.info() YIELD name RETURN 1 AS a",
]
READING = [
    "MATCH (n:User)-[v:VOTED]->(q) WHERE v.answer IN ['wiser'] AND NOT n.id = $x RETURN DISTINCT n.id, count(*)",
    "MATCH (a)-[:WISER*1..3 {k: 1}]->(b)<--(c) WITH *, 1 AS one RETURN * ORDER BY one DESC LIMIT 5",
    "MATCH (n), ((a)-[:WISER]->(b)){1,3} WHERE EXISTS { MATCH (n)-->() } RETURN n {.id, x: [y IN [1] WHERE y > 0 | y]}",
    "RETURN CASE WHEN 1 > 2 THEN 'a' ELSE {a: 1}.a END AS x UNION ALL RETURN 2 AS x",
    "MATCH (n) SET n.x = 1", "MATCH (n), ((a)-[:X]->(b))+ DELETE [n][0]", "CREATE (a) RETURN a",
    "UNWIND [1] AS distinct WITH distinct CALL db.info() YIELD name RETURN name", "MATCH (n) REMOVE n.x RETURN n",
    "LOAD CSV FROM 'file:///x' AS l RETURN l", "FOREACH (x IN [1] | CREATE (:A))", "MERGE (a {x: 1}) RETURN a",
]
EXTRA = (
    "CALL SET DELETE CREATE REMOVE MERGE distinct not case AS WITH RETURN , ( ) [ ] { } | : . * + - = % ! `distinct`"
    " `not` db info 'x' 1 x WHERE FINISH SHOW USE YIELD IN DETACH UNION"
).split()


@pytest.fixture(scope="module")
def session(neo4j_server: Neo4jServer) -> Iterator[neo4j.Session]:
    """A session in READ mode: the only net that would be there without the allow-list."""
    with neo4j_server.driver() as driver, driver.session(default_access_mode=neo4j.READ_ACCESS) as opened:
        yield opened


@pytest.mark.parametrize("text", HARMFUL)
def test_what_is_refused_would_have_worked(session: neo4j.Session, text: str) -> None:
    """Read mode runs the text, to its end; the allow-list refuses it."""
    assert session.run(text).data()  # type: ignore[arg-type]
    with pytest.raises(QueryError):
        check_read_only(text)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_passes_only_reads(session: neo4j.Session, data: st.DataObject) -> None:
    """Queries with words put in, left out and swapped: one that passes, and that the server understands, only reads."""
    words = _words(data.draw(st.sampled_from(READING)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(words)))
        gone = data.draw(st.integers(0, 2))
        words[place : place + gone] = data.draw(st.lists(st.sampled_from(EXTRA), max_size=2))
    text = " ".join(words)
    try:
        check_read_only(text)
    except QueryError:
        return
    try:
        summary = session.run("EXPLAIN " + text, x=None).consume()  # type: ignore[arg-type]
    except neo4j.exceptions.ClientError:
        return
    assert "r" == summary.query_type
    steps = _steps(summary.plan)
    assert not re.search(r"ProcedureCall|LoadCSV|Create|Delete|SetProp|SetLabel|Remove|Merge|Foreach", steps)


def _words(text: str) -> list[str]:
    return re.findall(r"'[^']*'|`[^`]*`|\$?\w+|\S", text)


def _steps(plan: Any) -> str:
    return " ".join([plan["operatorType"], *map(_steps, plan.get("children", []))])
