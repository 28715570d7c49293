"""`kill -9` of a real server in the middle of an import: nothing that was acknowledged is lost, nothing is doubled."""

from __future__ import annotations

import os
import random
import shutil
import time
from typing import TYPE_CHECKING

import pytest

import graphengine
from tests.fault import surveys
from tests.fault.worker import Child

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.neo4j_server import Neo4jServer

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.neo4j]

ROUNDS = int(os.environ.get("GRAPHENGINE_FAULT_ROUNDS_NEO4J") or 3)


def stored(server: Neo4jServer) -> tuple[int, int]:
    """Votes on the server, and pairs of user and upgrade that have one: the same number, or a vote is doubled."""
    row = server.run(
        "MATCH (u:User)-[v:VOTED]->(q:Upgrade) WITH u, q, count(v) AS n RETURN sum(n) AS votes, count(*) AS pairs"
    )[0]
    return row["votes"], row["pairs"]


def test_a_killed_server_loses_nothing(
    own_neo4j: Callable[..., Neo4jServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server is killed again and again, every other time the importing process with it; then all goes on."""
    server = own_neo4j()
    environment = {**server.environment(), "XDG_CONFIG_HOME": os.environ["XDG_CONFIG_HOME"]}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    chance = random.Random(int(os.environ.get("GRAPHENGINE_FAULT_SEED") or 0))
    with graphengine.open(server.uri) as graph:
        key = graph.store.key_file()
    files: list[Path] = []
    for round_ in range(ROUNDS):
        lines = [line.replace("When in need", f"When in need of {round_}:") for line in surveys.rows(30, 12, round_)]
        files.append(surveys.write(tmp_path / f"{round_}.csv", lines))
        before, _ = stored(server)
        child = Child(server.uri, "import", files[-1], tmp_path / f"{round_}.told", **environment)
        enough = chance.randint(0, 300)
        while child.process.is_alive() and child.acknowledged() < enough:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.05))
        server.kill()
        if round_ % 2:
            child.kill_after(0)
        server.restart()
        child.process.join(120)
        assert child.process.exitcode in (0, -9)
        if child.process.exitcode == 0:  # the driver waited for the server, or gave up in good order
            assert "done\n" in child.said() or "StoreUnreachableError: the server" in child.said(), child.said()
        now, pairs = stored(server)
        assert now == pairs, "a vote is doubled"
        assert child.acknowledged() <= now - before, "an acknowledged vote is lost"
        with graphengine.open(server.uri) as graph:
            graph.import_file(files[-1])
            assert (round_ + 1) * 360 == graph.store.state("votes").num_rows
    (tmp_path / "undisturbed").mkdir()
    shutil.copy(key, tmp_path / "undisturbed" / "key")
    with graphengine.open(server.uri) as graph, graphengine.open(tmp_path / "undisturbed") as undisturbed:
        for file in files:
            undisturbed.import_file(file)
        assert undisturbed.store.hashes() == graph.store.hashes()
        assert {"done"} == {row["status"] for row in graph.loads().to_pylist()}
