"""What all tests share: the study data, a real Neo4j server, a folder for a graph, an environment of their own.

`GRAPHENGINE_REQUIRE=data,neo4j` turns what is missing from a skip into a failure.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import hypothesis
import pytest

from tests.neo4j_maven import NotAvailable
from tests.neo4j_server import Neo4jServer, session_server, throwaway_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROJECT = Path(__file__).resolve().parent.parent

# The machine is shared and slow at times: how long one example takes says nothing.
hypothesis.settings.register_profile("graphengine", deadline=None)
hypothesis.settings.load_profile("graphengine")


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No variable of the developer's decides what a test does, and no test writes into the developer's home."""
    for name in os.environ:
        if name.startswith("NEO4J_") or name == "GRAPHENGINE_GRAPH":
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))


@pytest.fixture(scope="session")
def dft() -> Path:
    """The folder of the published moral graph and its de-identified votes."""
    data = Path(os.environ.get("GRAPHENGINE_TEST_DATA") or PROJECT.parent / "shared" / "data")
    folder = data / "dft"
    if not folder.is_dir():
        missing("data", f"the study data is not in {data} (GRAPHENGINE_TEST_DATA)")
    return folder


@pytest.fixture
def graph_folder(tmp_path: Path) -> Path:
    """Where a test may make an embedded graph; nothing is there yet."""
    return tmp_path / "moral.graph"


@pytest.fixture(scope="session")
def neo4j_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4jServer]:
    """A real Neo4j server, one for the whole run; call `wipe()` before use."""
    try:
        with session_server(tmp_path_factory.mktemp("neo4j")) as server:
            yield server
    except NotAvailable as error:
        missing("neo4j", str(error))


@pytest.fixture
def empty_neo4j(neo4j_server: Neo4jServer) -> Neo4jServer:
    """The server of the run, emptied."""
    neo4j_server.wipe()
    return neo4j_server


@pytest.fixture
def own_neo4j(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Neo4jServer]]:
    """Starts servers of the test's own, to kill and restart: `own_neo4j()` or `own_neo4j(profile="load")`."""
    import contextlib

    with contextlib.ExitStack() as stack:

        def start(profile: str = "test") -> Neo4jServer:
            try:
                return stack.enter_context(throwaway_server(tmp_path_factory.mktemp("neo4j"), profile))
            except NotAvailable as error:
                missing("neo4j", str(error))

        yield start


def missing(what: str, why: str) -> NoReturn:
    """Skips the test, or fails it where `GRAPHENGINE_REQUIRE` names what is missing."""
    if what in os.environ.get("GRAPHENGINE_REQUIRE", "").split(","):
        pytest.fail(f"{why}, but GRAPHENGINE_REQUIRE names {what}", pytrace=False)
    pytest.skip(why)
