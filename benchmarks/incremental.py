"""Ranking again after one new vote, in a graph of 10,000 contexts, in a process that has it open; median of several."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from typing import TYPE_CHECKING

from benchmarks import measuring, survey

if TYPE_CHECKING:
    import pyarrow as pa

SIZE = {"votes": 200_000, "contexts": 10_000, "upgrades": 60_000, "users": 40_000, "cards": 5_000}
ROUNDS = 15


def _one_vote(graph_users: list[str], upgrades: list[str], number: int) -> dict[str, pa.Table]:
    from graphengine.tables import TRUTH

    row = {"user_id": graph_users[number], "upgrade_id": upgrades[number * 37], "answer": "unsure"}
    return {"votes": TRUTH["votes"].table([row]).drop_columns(["load_id"])}


def measure() -> None:
    """The measurement, in a process of its own."""
    import graphengine

    cache = measuring.ROOT / ".cache" / "survey-10k-contexts"
    survey.make(cache, **SIZE)
    with tempfile.TemporaryDirectory(dir=cache.parent) as folder, graphengine.open(f"{folder}/moral.graph") as graph:
        graph.import_file(cache / "votes.csv")
        started = time.perf_counter()
        first = graph.rank()
        full = time.perf_counter() - started
        users = graph.store.state("users").column("id").to_pylist()
        upgrades = graph.store.state("upgrades").column("id").to_pylist()
        again, nothing = [], []
        for number in range(ROUNDS):
            graph.import_tables(_one_vote(users, upgrades, number))
            started = time.perf_counter()
            outcome = graph.rank()
            again.append(time.perf_counter() - started)
            assert outcome.incremental and outcome.contexts <= 1, outcome
            started = time.perf_counter()
            assert graph.rank().unchanged
            nothing.append(time.perf_counter() - started)
    measuring.report(
        contexts=first.contexts, full_s=full, again_ms=statistics.median(again) * 1e3, again_least_ms=min(again) * 1e3,
        nothing_ms=statistics.median(nothing) * 1e3,
    )


def run() -> dict[str, object]:
    """Returns the figures."""
    found = measuring.alone("incremental", "measure")
    measuring.table("Ranking again (embedded, 10,000 contexts, 200,000 votes, medians)", [
        ("after one new vote", f"{found['again_ms']:.1f} ms", f"{found['full_s']:.2f} s in full", "< 50 ms",
         found["again_ms"] < 50),
        ("with nothing changed", f"{found['nothing_ms']:.1f} ms", "", "", True),
    ])
    return found


if __name__ == "__main__":
    {"measure": measure}[sys.argv[1]]()
