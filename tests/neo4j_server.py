"""The Neo4j server of the tests: a given one, else one in Docker, else one from Maven artifacts.

`GRAPHENGINE_TEST_NEO4J_URI` (with `…_USERNAME`, `…_PASSWORD`, `…_DATABASE`) names a server to use. The tests delete all
that it holds, so it must be empty or carry a node `(:GraphengineTest)`. The variables of the product (`NEO4J_URI`, …)
are never read here.

`python -m tests.neo4j_server` starts a throw-away server to try things on.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from tests.neo4j_docker import DockerNeo4j
from tests.neo4j_maven import MavenNeo4j, NotAvailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from neo4j import Driver

GIVEN = "GRAPHENGINE_TEST_NEO4J_"
MARK = "GraphengineTest"
# An index outlives the deletion of all nodes: it marks a given server while tests run, and after a run that broke off.
MARK_INDEX = "graphengine_test"


class Engine(Protocol):
    """What runs a server: a process or a container."""

    username: str
    password: str
    database: str

    @property
    def uri(self) -> str: ...
    @property
    def console(self) -> str: ...
    def launch(self) -> None: ...
    def alive(self) -> bool: ...
    def kill(self) -> None: ...
    def stop(self) -> None: ...
    def remove(self) -> None: ...


@dataclass
class Neo4jServer:
    """A running server: how to reach it, and what tests do to it.

    Attributes:
        uri: Its address; the same after a restart.
        username: Who may log in.
        password: With what.
        database: The database to use.
        engine: What runs it; None for a given server, which is never killed.
    """

    uri: str
    username: str
    password: str
    database: str
    engine: Engine | None = None

    def driver(self) -> Driver:
        """A new driver; the caller closes it."""
        from neo4j import GraphDatabase

        return GraphDatabase.driver(
            self.uri, auth=(self.username, self.password), notifications_min_severity="OFF", connection_timeout=5
        )

    def run(self, cypher: str, **parameters: Any) -> list[dict[str, Any]]:
        """Runs one statement in a transaction of its own; its rows."""
        with self.driver() as driver, driver.session(database=self.database) as session:
            return session.run(cypher, parameters).data()

    def wipe(self) -> None:
        """Deletes all nodes, constraints and indexes."""
        with self.driver() as driver, driver.session(database=self.database) as session:
            session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS").consume()
            for name in session.run("SHOW CONSTRAINTS YIELD name").value():
                session.run(f"DROP CONSTRAINT `{name}` IF EXISTS").consume()
            for name in session.run("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name").value():
                if name != MARK_INDEX:
                    session.run(f"DROP INDEX `{name}` IF EXISTS").consume()

    def mark(self) -> None:
        """Says on the server itself that the tests may delete what it holds; `wipe` leaves the mark."""
        self.run(f"CREATE INDEX {MARK_INDEX} IF NOT EXISTS FOR (n:{MARK}) ON (n.id)")

    def environment(self) -> dict[str, str]:
        """The product's own variables, for a subprocess that is to use this server."""
        return {"NEO4J_USERNAME": self.username, "NEO4J_PASSWORD": self.password, "NEO4J_DATABASE": self.database}

    def kill(self) -> None:
        """`kill -9` of the server."""
        self._own().kill()

    def restart(self) -> None:
        """Starts it again after `kill` or `stop`: same address, same data."""
        self._own().launch()
        self.wait()

    def stop(self) -> None:
        """An orderly stop of the server."""
        self._own().stop()

    def wait(self, seconds: float = 90) -> None:
        """Waits until the server answers a query.

        Raises:
            RuntimeError: If it ends, or does not answer in time; with what it printed.
        """
        from neo4j.exceptions import DriverError, TransientError

        end, said = time.monotonic() + seconds, ""
        while time.monotonic() < end and self._own().alive():
            if self._listens():
                try:
                    self.run("RETURN 1")
                    return
                except (DriverError, TransientError) as error:
                    said = str(error)
            time.sleep(0.05)
        raise RuntimeError(f"Neo4j does not answer ({said or 'it ended'}):\n{self._own().console}")

    def _own(self) -> Engine:
        if self.engine is None:
            raise RuntimeError(f"{self.uri} was given to the tests: they don't stop or start it")
        return self.engine

    def _listens(self) -> bool:
        address = urlsplit(self.uri)
        with contextlib.suppress(OSError), socket.create_connection((address.hostname or "", address.port or 0), 1):
            return True
        return False


@contextlib.contextmanager
def throwaway_server(
    folder: Path | None = None, profile: str = "test", *, archive: bool = False
) -> Iterator[Neo4jServer]:
    """A server of one's own, to be killed and restarted at will; it and its data are gone at the end.

    Args:
        folder: Where its data goes; a temporary folder by default.
        profile: "test" starts fastest; "load" has 2 GB of heap and the optimising compiler, for benchmarks.
        archive: See `MavenNeo4j`.

    Raises:
        NotAvailable: If this machine has no way to run one.
    """
    with contextlib.ExitStack() as stack:
        home = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        why = []
        for engine in (DockerNeo4j(profile), MavenNeo4j(home, profile, archive=archive)):
            stack.callback(engine.remove)
            try:
                engine.launch()
            except NotAvailable as error:
                why.append(str(error))
                continue
            server = Neo4jServer(engine.uri, engine.username, engine.password, engine.database, engine)
            server.wait()
            yield server
            return
        raise NotAvailable("no Neo4j server: " + "; ".join(why))


@contextlib.contextmanager
def given_server() -> Iterator[Neo4jServer]:
    """The server that `GRAPHENGINE_TEST_NEO4J_URI` names, emptied before and after.

    Raises:
        NotAvailable: If it is neither empty nor marked as the tests' own.
    """
    server = Neo4jServer(
        os.environ[GIVEN + "URI"],
        os.environ.get(GIVEN + "USERNAME", "neo4j"),
        os.environ.get(GIVEN + "PASSWORD", ""),
        os.environ.get(GIVEN + "DATABASE", "neo4j"),
    )
    nodes = server.run("MATCH (n) RETURN count(n) AS n")[0]["n"]
    marked = server.run(f"MATCH (n:{MARK}) RETURN count(n) AS n")[0]["n"] or server.run(
        "SHOW INDEXES YIELD name WHERE name = $name RETURN name", name=MARK_INDEX
    )
    if nodes and not marked:
        raise NotAvailable(
            f"{server.uri} holds {nodes} nodes and is not marked as a server for tests, which would delete them."
            f" If that is what you want: CREATE (:{MARK})"
        )
    server.mark()
    server.wipe()
    yield server
    server.wipe()
    server.run(f"DROP INDEX {MARK_INDEX} IF EXISTS")


@contextlib.contextmanager
def session_server(folder: Path | None = None) -> Iterator[Neo4jServer]:
    """The server of a test session: the given one, else one of its own.

    Raises:
        NotAvailable: If there is none to be had.
    """
    way = given_server() if os.environ.get(GIVEN + "URI") else throwaway_server(folder, archive=True)
    with way as server:
        yield server


def main() -> None:
    """Starts a throw-away server, says how to reach it, and waits for Ctrl-C."""
    try:
        with throwaway_server() as server, contextlib.suppress(KeyboardInterrupt):
            print(f"export NEO4J_USERNAME={server.username} NEO4J_PASSWORD={server.password}")
            print(f"graphengine demo --graph {server.uri}")
            print("Ctrl-C ends the server and removes its data.", flush=True)
            time.sleep(1e9)
    except NotAvailable as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
