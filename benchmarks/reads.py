"""`read("wisest_value")` and votes to counts, against the bare engine call with the same text.

Same graph, same process, calls in turns. Bare: execute and get all rows, as the engine's own package offers it.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

from benchmarks import measuring, survey

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = {"votes": 200_000, "contexts": 2_000, "upgrades": 30_000, "users": 60_000, "cards": 5_000}


def _in_turns(one: Callable[[int], Any], other: Callable[[int], Any], rounds: int) -> tuple[float, float]:
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        order = ((0, one), (1, other)) if number % 2 else ((1, other), (0, one))
        for side, call in order:
            started = time.perf_counter()
            call(number)
            times[side].append(time.perf_counter() - started)
    return statistics.median(times[0]), statistics.median(times[1])


def measure() -> None:
    """The measurement, in a process of its own."""
    import ladybug

    import graphengine
    from graphengine.store import queries
    from graphengine.store.ladybug import EmbeddedStore

    cache = measuring.ROOT / ".cache" / "survey-200k"
    survey.make(cache, **SIZE)
    with tempfile.TemporaryDirectory(dir=cache.parent) as folder, graphengine.open(f"{folder}/moral.graph") as graph:
        graph.import_file(cache / "votes.csv")
        graph.rank()
        store = graph.store
        assert isinstance(store, EmbeddedStore)
        connection = ladybug.Connection(store._database)
        store._readers.append(connection)
        contexts = store.read("contexts").column("id").to_pylist()
        text = queries.find("ladybug", "wisest_value").statements[0]

        def ours(number: int) -> Any:
            return store.read("wisest_value", context=contexts[number % len(contexts)])

        def bare(number: int) -> Any:
            given = {"context": contexts[number % len(contexts)], "ranking": "bradley-terry"}
            return connection.execute(text, given).get_all()

        for number in range(50):
            ours(number)
            bare(number)
        point = _in_turns(ours, bare, 2_000)
        counting = queries.find("ladybug", "count_votes").statements[0]
        counts = _in_turns(
            lambda _: store.read("count_votes"), lambda _: connection.execute(counting).get_as_arrow(), 7
        )
    measuring.report(wisest_ours_ms=point[0] * 1e3, wisest_bare_ms=point[1] * 1e3, counts_ours_s=counts[0],
                     counts_bare_s=counts[1])


def run() -> dict[str, object]:
    """Returns the figures."""
    found = measuring.alone("reads", "measure")
    point = found["wisest_ours_ms"] / found["wisest_bare_ms"]
    counts = found["counts_ours_s"] / found["counts_bare_s"]
    measuring.table("Reads, embedded (medians, in turns, 200,000 votes)", [
        ('read("wisest_value") p50', f"{found['wisest_ours_ms']:.3f} ms", f"{found['wisest_bare_ms']:.3f} ms bare",
         f"<= 1.3 x (is {point:.2f})", point <= 1.3),
        ("votes to counts", f"{found['counts_ours_s']:.3f} s", f"{found['counts_bare_s']:.3f} s bare",
         f"<= 1.3 x (is {counts:.2f})", counts <= 1.3),
    ])
    return {**found, "wisest_ratio": round(point, 3), "counts_ratio": round(counts, 3)}


if __name__ == "__main__":
    {"measure": measure}[sys.argv[1]]()
