"""Servers that are not there, refuse, go away, belong to somebody else, or lose the answer to a COMMIT."""

from __future__ import annotations

import shutil
import socket
import threading
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import pytest

import graphengine
from graphengine.errors import StoreError, StoreNewerError, StoreUnreachableError, WrongKeyError
from graphengine.store import neo4j as engine
from tests.fault import surveys
from tests.fault.proxy import Proxy

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.neo4j_server import Neo4jServer

pytestmark = pytest.mark.neo4j


@pytest.fixture
def server(empty_neo4j: Neo4jServer, monkeypatch: pytest.MonkeyPatch) -> Neo4jServer:
    """An empty server, with its credentials in the environment."""
    for name, value in empty_neo4j.environment().items():
        monkeypatch.setenv(name, value)
    return empty_neo4j


def everything(server: Neo4jServer) -> list[dict[str, Any]]:
    """All nodes and relationships of a server."""
    nodes = server.run("MATCH (n) RETURN labels(n) AS l, properties(n) AS p ORDER BY elementId(n)")
    return nodes + server.run("MATCH ()-[r]->() RETURN type(r) AS t, properties(r) AS p ORDER BY elementId(r)")


def unreachable(address: str) -> StoreUnreachableError:
    """The error that opening an address ends in."""
    with pytest.raises(StoreUnreachableError) as caught:
        graphengine.open(address)
    assert 4 == caught.value.exit_code
    assert address in caught.value.message
    assert caught.value.hint
    return caught.value


def reference(graph: graphengine.MoralGraph, folder: Path, *files: Path) -> dict[str, str]:
    """The hashes of an embedded graph with the same key after these imports."""
    (folder / "undisturbed").mkdir()
    shutil.copy(graph.store.key_file(), folder / "undisturbed" / "key")
    with graphengine.open(folder / "undisturbed") as undisturbed:
        for file in files:
            undisturbed.import_file(file)
        return undisturbed.store.hashes()


# Not there ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
def test_a_closed_port(scheme: str) -> None:
    """Where nobody listens the error says so, and how to go on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = unreachable(f"{scheme}://127.0.0.1:{port}")
    assert "does not answer" in error.message
    assert "start it, or check the address" in error.hint


@pytest.mark.parametrize("scheme", ["bolt", "neo4j", "neo4j+s"])
def test_an_unknown_host(scheme: str) -> None:
    """A name that nobody has is named."""
    error = unreachable(f"{scheme}://nowhere.invalid:7687")
    assert "nowhere.invalid" in error.message


@pytest.mark.parametrize("address", ["neo4j://", "bolt://127.0.0.1:port", "bolt://127.0.0.1:999999", "neo4j://[::1", "http://127.0.0.1"])
def test_what_is_no_address(address: str) -> None:
    """An address that can't be one is refused with the shapes that can."""
    error = unreachable(address)
    assert "neo4j://HOST:7687" in error.hint or "check the address" in error.hint


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00\x00\x00\x63", b"\xff" * 4096])
def test_something_else_listens(greeting: bytes) -> None:
    """A service that does not speak Bolt is not taken for a server."""
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with listener:
            listener.settimeout(20)
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.recv(1024)
                    client.sendall(greeting)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    unreachable(f"bolt://127.0.0.1:{listener.getsockname()[1]}")
    listener.shutdown(socket.SHUT_RDWR)
    thread.join(30)


def test_tls_that_the_server_does_not_speak(server: Neo4jServer) -> None:
    """An encrypted address of a server without TLS is an address that does not answer."""
    unreachable(server.uri.replace("bolt://", "bolt+s://"))


# Refused -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["wrong-password", ""])
def test_a_wrong_password(password: str, server: Neo4jServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variables, never the password; the server stays as it is."""
    monkeypatch.setenv("NEO4J_PASSWORD", password)
    error = unreachable(server.uri)
    assert "refuses the credentials" in error.message
    assert "NEO4J_PASSWORD" in error.hint
    assert not password or password not in str(error.as_json())
    assert [] == everything(server)


def test_an_unknown_database(server: Neo4jServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is not there is named."""
    monkeypatch.setenv("NEO4J_DATABASE", "elsewhere")
    error = unreachable(server.uri)
    assert "no database 'elsewhere'" in error.message
    assert "NEO4J_DATABASE" in error.hint


def test_somebody_elses_database(server: Neo4jServer, tmp_path: Path) -> None:
    """A database with other data is neither read as a graph nor written to, until somebody says so; the data stays."""
    server.run("CREATE (:Person {name: 'somebody'})-[:KNOWS]->(:Context {id: 'theirs', text: 'not ours'})")
    before = everything(server)
    file = surveys.write(tmp_path / "a.csv", surveys.rows(2, 2))
    with graphengine.open(server.uri) as graph:
        for action in (lambda: graph.import_file(file), graph.migrate, lambda: graph.erase_user("P0000"),
                       lambda: graph.backup(tmp_path / "saved"), graph.rank, lambda: graph.undo("x")):
            with pytest.raises(StoreError, match="not a graph of graphengine") as refused:
                action()
            assert "graphengine migrate --force" in refused.value.hint
        assert before == everything(server)
        graph.migrate(force=True)
        assert 4 == graph.import_file(file).accepted
    assert [{"name": "somebody"}] == server.run("MATCH (n:Person) RETURN n.name AS name")


def test_a_server_of_a_newer_version(server: Neo4jServer, tmp_path: Path) -> None:
    """A migration that this version does not know asks for an upgrade; nothing is written."""
    file = surveys.write(tmp_path / "a.csv", surveys.rows(2, 2))
    with graphengine.open(server.uri) as graph:
        graph.import_file(file)
    server.run("CREATE (:Migration {id: '999', name: 'later', checksum: 'x', at: 1})")
    before = everything(server)
    with pytest.raises(StoreNewerError, match="migration 999") as newer:
        graphengine.open(server.uri)
    assert ("999", "pip install --upgrade graphengine") == (newer.value.found, newer.value.hint)
    assert before == everything(server)


def test_a_crash_while_a_graph_is_made(server: Neo4jServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server whose graph was half made is still free for it."""

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(engine.Neo4jStore, "_set_identity", crash)
        with pytest.raises(KeyboardInterrupt):
            graphengine.open(server.uri)
    assert everything(server)
    with graphengine.open(server.uri) as graph:
        assert 32 == len(graph.store.key())


@pytest.mark.parametrize("content", [None, "", "no key\n", "ab" * 32, "\0"])
@pytest.mark.parametrize("where", ["folder", "server"])
def test_a_wrong_key(where: str, content: str | None, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Without the right key nobody is imported or erased, everything can be read, and nothing changes."""
    address = request.getfixturevalue("server").uri if where == "server" else str(tmp_path / "moral.graph")
    first = surveys.write(tmp_path / "a.csv", surveys.rows(6, 3))
    with graphengine.open(address) as graph:
        graph.import_file(first)
        graph.rank()
        path = graph.store.key_file()
    right = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_text(content)
    with graphengine.open(address) as graph:
        before = graph.store.hashes()
        for action in (lambda: graph.import_file(first), lambda: graph.erase_user("P0001"),
                       lambda: graph.backup(tmp_path / "saved", with_key=True)):
            with pytest.raises(WrongKeyError, match=r"key .* (is missing|is empty|can't be read|another)") as wrong:
                action()
            assert str(path) in wrong.value.message
        assert 3 == len(graph.query("wisest_everywhere").column("context_id").unique())
        assert before == graph.store.hashes()
        assert [True] == ["pseudonym key" in problem for problem in graph.doctor().problems]
        assert not (tmp_path / "saved").exists()
        assert not list(tmp_path.glob("saved*"))
    path.write_bytes(right)
    with graphengine.open(address) as graph:
        assert 18 == graph.import_file(first).unchanged


# Going away --------------------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver gives up sooner than in the field."""
    monkeypatch.setattr(engine, "_PATIENCE", 2.0)


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_server_that_goes_away_in_the_middle(
    own_neo4j: Callable[..., Neo4jServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The import ends with what to do; what was committed is kept, and the same command goes on from there."""
    server = own_neo4j()
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    file = surveys.write(tmp_path / "a.csv", surveys.rows(20, 10))
    told: list[int] = []

    def kill(votes: int) -> None:
        told.append(votes)
        if votes > 60:
            server.kill()

    with graphengine.open(server.uri) as graph:
        with pytest.raises(StoreUnreachableError, match="does not answer") as gone:
            graph.import_file(file, batch_size=20, on_commit=kill)
        assert "run the same command again: what was committed is kept" in gone.value.hint
        with pytest.raises(StoreUnreachableError):
            graph.query("stats")
        server.restart()
        outcome = graph.import_file(file)
        assert 200 == outcome.accepted + outcome.unchanged
        assert told[-1] <= outcome.unchanged
        assert reference(graph, tmp_path, file) == graph.store.hashes()


@pytest.mark.parametrize("commit", [3, 5, 9])
@pytest.mark.parametrize("lost", ["request", "reply"])
def test_a_commit_of_unknown_outcome(
    lost: Literal["request", "reply"], commit: int, server: Neo4jServer, tmp_path: Path
) -> None:
    """Where the wire is cut at a COMMIT, the import succeeds, and nothing is lost or doubled."""
    first = surveys.write(tmp_path / "a.csv", surveys.rows(6, 5))
    changed = surveys.write(tmp_path / "b.csv", surveys.rows(3, 5, shift=1))
    address = urlsplit(server.uri)
    with graphengine.open(server.uri) as direct:
        assert 30 == direct.import_file(first).accepted
    assert address.hostname and address.port
    with Proxy((address.hostname, address.port), commit, lost) as proxy:
        with graphengine.open(f"bolt://127.0.0.1:{proxy.port}") as graph:
            outcome = graph.import_file(changed, batch_size=3)
        assert 1 == proxy.cuts
    assert (0, 15, 0) == (outcome.accepted, outcome.changed, outcome.unchanged)
    with graphengine.open(server.uri) as graph:
        assert 30 == graph.store.state("votes").num_rows
        assert 15 == graph.store.state("votes_before").num_rows
        assert reference(graph, tmp_path, first, changed) == graph.store.hashes()
        assert {"done"} == {row["status"] for row in graph.loads().to_pylist()}


@pytest.mark.slow
@pytest.mark.parametrize("same", [False, True])
def test_two_writers_on_one_server(same: bool, server: Neo4jServer, tmp_path: Path) -> None:
    """Two imports at once both end; every vote is there once, and the hash is that of one after the other."""
    files = [surveys.write(tmp_path / "a.csv", surveys.rows(12, 12))]
    more = [line.replace("P00", "Q00") for line in surveys.rows(12, 12, shift=1)]
    files.append(files[0] if same else surveys.write(tmp_path / "b.csv", more))
    with graphengine.open(server.uri):
        pass
    failed: list[BaseException] = []

    def work(file: Path) -> None:
        try:
            with graphengine.open(server.uri) as graph:
                graph.import_file(file, batch_size=15)
        except BaseException as error:
            failed.append(error)

    writers = [threading.Thread(target=work, args=(file,)) for file in files]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [] == failed
    with graphengine.open(server.uri) as graph:
        assert (144 if same else 288) == graph.store.state("votes").num_rows
        assert reference(graph, tmp_path, *files) == graph.store.hashes()
        assert {"done"} == {row["status"] for row in graph.loads().to_pylist()}
