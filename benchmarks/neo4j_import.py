"""200,000 votes into Neo4j, against the bare driver with the same statements and batches.

One warm server of the "load" profile, three rounds in turns, the database emptied before each. Bare: the rows are ready
as Python lists, one managed transaction per batch, the statements of `cypher/write`. Ours: from opening the graph to
the end of the import, with parsing, pseudonyms, comparison with what is known, content hash and load record.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from typing import TYPE_CHECKING, Any

from benchmarks import measuring, survey

if TYPE_CHECKING:
    from pathlib import Path

    from tests.neo4j_server import Neo4jServer

SIZE = {"votes": 200_000, "contexts": 2_000, "upgrades": 30_000, "users": 60_000, "cards": 5_000}
BATCH = 5_000
ROUNDS = 3


def _rows(cache: Path) -> list[tuple[str, list[dict[str, Any]]]]:
    """The bare tables as rows for the statements of `cypher/write`, in an order that can be written."""
    import pyarrow.parquet as pq

    def table(name: str) -> Any:
        return pq.read_table(cache / f"{name}.parquet")

    upgrades = table("Upgrade")
    for name, column in (("IN_CONTEXT", "context_id"), ("FROM_CARD", "from_id"), ("TO_CARD", "to_id")):
        upgrades = upgrades.append_column(column, table(name).column("to"))
    votes = table("VOTED").rename_columns(["user_id", "upgrade_id", "answer", "at", "load_id"])
    return [("contexts", table("Context").to_pylist()), ("cards", table("ValuesCard").to_pylist()),
            ("users", table("User").to_pylist()), ("upgrades", upgrades.to_pylist()), ("votes", votes.to_pylist())]


def _bare(server: Neo4jServer, rows: list[tuple[str, list[dict[str, Any]]]]) -> float:
    from graphengine.store import queries

    started = time.perf_counter()
    with server.driver() as driver, driver.session(database=server.database) as session:
        for name, of_table in rows:
            statement = queries.find("neo4j", f"write/{name}").statements[0]
            for start in range(0, len(of_table), BATCH):
                batch = of_table[start : start + BATCH]
                session.execute_write(lambda tx, s=statement, b=batch: tx.run(s, rows=b).consume())
    return time.perf_counter() - started


def _ours(uri: str, file: Path) -> tuple[float, Any]:
    import graphengine

    started = time.perf_counter()
    with graphengine.open(uri) as graph:
        outcome = graph.import_file(file)
    return time.perf_counter() - started, outcome


def run() -> dict[str, object]:
    """All rounds; returns the figures."""
    from tests.neo4j_server import throwaway_server

    cache = measuring.ROOT / ".cache" / "survey-200k"
    survey.make(cache, **SIZE)
    rows = _rows(cache)
    floors, firsts, agains = [], [], []
    with tempfile.TemporaryDirectory() as config, throwaway_server(profile="load") as server:
        os.environ.update({**server.environment(), "XDG_CONFIG_HOME": config})
        for number in range(ROUNDS + 1):  # the first warms the server up
            for side in ((0, 1), (1, 0))[number % 2]:
                server.wipe()
                if side == 0:
                    floor = _with_schema(server, rows)
                else:
                    first, outcome = _ours(server.uri, cache / "votes.csv")
                    again, known = _ours(server.uri, cache / "votes.csv")
                    assert (outcome.accepted, known.unchanged) == (200_000, 200_000)
            if number:
                floors.append(floor)
                firsts.append(first)
                agains.append(again)
    ratio = statistics.median(f / b for f, b in zip(firsts, floors, strict=True))
    floor, first, again = map(statistics.median, (floors, firsts, agains))
    measuring.table("200,000 votes, Neo4j (median of 3, in turns, warm server)", [
        ("first import", f"{first:.1f} s", f"{floor:.1f} s bare driver", f"<= 1.15 x (is {ratio:.2f})", ratio <= 1.15),
        ("same file again", f"{again:.1f} s", f"{first:.1f} s first", "<= first", again <= first),
    ])
    return {"size": SIZE, "batch": BATCH, "floor_s": floors, "first_s": firsts, "again_s": agains,
            "ratio": round(ratio, 3)}


def _with_schema(server: Neo4jServer, rows: list[tuple[str, list[dict[str, Any]]]]) -> float:
    """The floor, with the schema's constraints there beforehand (graphengine makes them within its own time)."""
    from graphengine.store import migrations

    with server.driver() as driver, driver.session(database=server.database) as session:
        for migration in migrations.available("neo4j"):
            for statement in migration.statements:
                session.run(statement).consume()
        session.run("CALL db.awaitIndexes(60)").consume()
    return _bare(server, rows)
