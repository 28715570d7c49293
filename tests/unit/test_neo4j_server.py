"""The server that the tests stand on: it answers, survives being killed, and never touches a stranger's data."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import pytest

from tests import neo4j_maven, neo4j_server
from tests.neo4j_server import Neo4jServer, given_server, session_server

pytestmark = [pytest.mark.neo4j, pytest.mark.slow]


@pytest.fixture
def given(empty_neo4j: Neo4jServer, monkeypatch):
    """The environment in which a person gives the tests a server: here, the run's own."""
    for part in ("uri", "username", "password", "database"):
        monkeypatch.setenv(f"GRAPHENGINE_TEST_NEO4J_{part.upper()}", getattr(empty_neo4j, part))
    empty_neo4j.run(f"DROP INDEX {neo4j_server.MARK_INDEX} IF EXISTS")
    yield empty_neo4j
    empty_neo4j.wipe()
    empty_neo4j.mark()


def test_answers(empty_neo4j):
    """The server of a run answers a query and is a Neo4j 5."""
    kernel = empty_neo4j.run("CALL dbms.components() YIELD name, versions WHERE name = 'Neo4j Kernel' RETURN versions")

    assert "5" == kernel[0]["versions"][0].split(".")[0]


def test_wipe_leaves_nothing(empty_neo4j):
    """After `wipe` there are no nodes, constraints or indexes of the test's."""
    empty_neo4j.run("CREATE CONSTRAINT thing FOR (n:Thing) REQUIRE n.id IS UNIQUE")
    empty_neo4j.run("CREATE INDEX other FOR (n:Thing) ON (n.other)")
    empty_neo4j.run("UNWIND range(1, 25000) AS i CREATE (:Thing {id: i})")

    empty_neo4j.wipe()

    assert [{"n": 0}] == empty_neo4j.run("MATCH (n) RETURN count(n) AS n")
    assert [] == empty_neo4j.run("SHOW CONSTRAINTS YIELD name")
    assert [] == empty_neo4j.run(
        "SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' AND name <> $mark RETURN name",
        mark=neo4j_server.MARK_INDEX,
    )


def test_kill_and_restart_keep_committed_data(own_neo4j):
    """What was committed before `kill -9` is there after the restart, at the same address."""
    server = own_neo4j()
    server.run("CREATE (:Thing {id: 'kept'})")
    address = server.uri

    server.kill()
    assert not server.engine.alive()
    server.restart()

    assert address == server.uri
    assert [{"id": "kept"}] == server.run("MATCH (n:Thing) RETURN n.id AS id")


def test_server_ends_with_its_parent(tmp_path):
    """A server whose parent process was killed does not stay behind."""
    if not neo4j_maven.end_with_parent():
        pytest.skip("no setpriv on this system")
    try:
        neo4j_maven.find_java(), neo4j_maven.find_jars()
    except neo4j_maven.NotAvailable as error:
        pytest.skip(str(error))
    program = f"""
import pathlib, time
from tests.neo4j_maven import MavenNeo4j
engine = MavenNeo4j(pathlib.Path({str(tmp_path)!r}) / "home")
engine.launch()
# setpriv asks for the signal first and becomes java then: a parent that dies before has nothing to end.
while "java" not in pathlib.Path("/proc", str(engine.process.pid), "exe").resolve().name:
    time.sleep(0.01)
print(engine.process.pid, flush=True)
input()
"""
    parent = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    with parent:
        server = os.pidfd_open(int(parent.stdout.readline()))
        parent.kill()

    ended, _, _ = select.select([server], [], [], 30)
    os.close(server)
    assert [server] == ended


def test_refuses_a_server_that_holds_strangers_data(given):
    """A given server that is neither empty nor marked is refused, and nothing on it changes."""
    given.run("CREATE (:Person {name: 'somebody'})")

    with pytest.raises(neo4j_maven.NotAvailable, match="holds 1 nodes and is not marked"), given_server():
        pass

    assert [{"name": "somebody"}] == given.run("MATCH (n:Person) RETURN n.name AS name")


def test_uses_an_empty_given_server(given):
    """An empty server is used as it is given, and is empty again at the end."""
    with session_server() as server:
        assert given.uri == server.uri
        assert server.engine is None
        server.run("CREATE (:Thing)")

    assert [{"n": 0}] == given.run("MATCH (n) RETURN count(n) AS n")


def test_uses_a_marked_server(given):
    """A server with the mark is taken although it is not empty, also after a run that broke off."""
    given.run("CREATE (:GraphengineTest), (:Thing)")
    with pytest.raises(KeyError), given_server() as server:
        server.run("CREATE (:Thing)")
        raise KeyError("the run breaks off")

    with given_server() as server:
        assert [{"n": 0}] == server.run("MATCH (n) RETURN count(n) AS n")


def test_never_stops_a_given_server(given):
    """`kill` refuses to end a server that was given to the tests."""
    with given_server() as server, pytest.raises(RuntimeError, match="was given to the tests"):
        server.kill()


def test_product_variables_are_not_read(monkeypatch, tmp_path):
    """`NEO4J_URI` never chooses the server of the tests."""
    monkeypatch.setenv("NEO4J_URI", "bolt://127.0.0.1:1")
    monkeypatch.delenv("GRAPHENGINE_TEST_NEO4J_URI", raising=False)

    try:
        with session_server(tmp_path / "home") as server:
            assert server.engine is not None
            assert server.engine.uri == server.uri
    except neo4j_maven.NotAvailable as error:
        pytest.skip(str(error))
