"""A million votes into an embedded graph, against a bare COPY of the tables that they amount to.

Floor: from opening an empty ladybug database to CHECKPOINT, COPY from Parquet of nodes and relationships. Ours: from
opening the folder to closing it, with parsing, validation, pseudonyms, journal and content hash. Each in a
process of its own, in turns, libraries loaded beforehand.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

from benchmarks import measuring, survey

SIZE = {"votes": 1_000_000, "contexts": 10_000, "upgrades": 150_000, "users": 300_000, "cards": 20_000}
ROUNDS = 3


def bare(data: Path, folder: Path) -> None:
    """The floor."""
    import ladybug

    from graphengine.store import migrations

    started = time.perf_counter()
    database = ladybug.Database(str(folder / "bare.lbug"), buffer_pool_size=512 << 20)
    connection = ladybug.Connection(database)
    for migration in migrations.available("ladybug"):
        for statement in migration.statements:
            connection.execute(statement)
    for name in ("Context", "ValuesCard", "User", "Upgrade", "IN_CONTEXT", "FROM_CARD", "TO_CARD", "VOTED"):
        ends = " (from='Upgrade', to='ValuesCard')" if name in {"FROM_CARD", "TO_CARD"} else ""
        connection.execute(f"COPY {name} FROM '{data / name}.parquet'{ends}")
    connection.execute("CHECKPOINT")
    seconds = time.perf_counter() - started
    connection.close()
    database.close()
    measuring.report(seconds=seconds)


def ours(file: Path, folder: Path) -> None:
    """An import, into the graph that is in the folder."""
    import graphengine

    _preload()
    started = time.perf_counter()
    with graphengine.open(folder / "moral.graph") as graph:
        outcome = graph.import_file(file)
    seconds = time.perf_counter() - started
    measuring.report(seconds=seconds, accepted=outcome.accepted, changed=outcome.changed, unchanged=outcome.unchanged)


def _preload() -> None:
    """Libraries are loaded before the clock starts, on both sides (pyarrow loads pandas where it is installed)."""
    for name in ("duckdb", "ladybug", "pyarrow.parquet", "graphengine.store.ladybug"):
        import_module(name)


def parse(file: Path, folder: Path) -> None:
    """Parsing alone: the file to checked tables, with what the graph knows."""
    import graphengine
    from graphengine import importing
    from graphengine.store.pseudonyms import pseudonyms

    _preload()
    started = time.perf_counter()
    with graphengine.open(folder / "moral.graph") as graph:
        read = graph.store.read
        known = importing.Known(read("contexts").select(["id", "text"]), read("cards").select(["id", "title"]))
        importing.prepare(file, known=known, pseudonym=lambda raw: pseudonyms(graph.store.key(), raw))
    seconds = time.perf_counter() - started
    measuring.report(seconds=seconds)


def run() -> dict[str, object]:
    """All rounds; returns the figures."""
    cache = measuring.ROOT / ".cache" / "survey-1m"
    survey.make(cache, **SIZE)
    floors, firsts, agains, changes, parses, peaks = [], [], [], [], [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=cache.parent) as temporary:
            folder = Path(temporary)
            floors.append(measuring.alone("embedded_import", "bare", str(cache), str(folder))["seconds"])
            shutil.rmtree(folder / "bare.lbug", ignore_errors=True)
            first = measuring.alone("embedded_import", "ours", str(cache / "votes.csv"), str(folder))
            again = measuring.alone("embedded_import", "ours", str(cache / "votes.csv"), str(folder))
            change = measuring.alone("embedded_import", "ours", str(cache / "changed.csv"), str(folder))
            parses.append(measuring.alone("embedded_import", "parse", str(cache / "votes.csv"), str(folder))["seconds"])
        assert (first["accepted"], again["unchanged"], change["changed"]) == (1_000_000, 1_000_000, 1_000)
        firsts.append(first["seconds"])
        agains.append(again["seconds"])
        changes.append(change["seconds"])
        peaks.append(max(first["peak_mb"], again["peak_mb"], change["peak_mb"]))
    floor, first, again, change, parsed = map(statistics.median, (floors, firsts, agains, changes, parses))
    beyond = statistics.median(c - p for c, p in zip(changes, parses, strict=True))
    measuring.table("A million votes, embedded (median of 3, in turns)", [
        ("first import", f"{first:.1f} s", f"{floor:.1f} s bare COPY", f"<= 1.5 x (is {first / floor:.2f})",
         first <= 1.5 * floor),
        ("same file again", f"{again:.1f} s", f"{first:.1f} s first", "<= first", again <= first),
        ("1,000 answers changed", f"{change:.1f} s", f"{parsed:.1f} s parsing", f"< 1 s beyond (is {beyond:.2f})",
         beyond < 1),
        ("peak memory", f"{max(peaks)} MB", "", "< 1500 MB", max(peaks) < 1500),
    ])
    return {"size": SIZE, "floor_s": floors, "first_s": firsts, "again_s": agains, "changed_s": changes,
            "parse_s": parses, "peak_mb": peaks, "ratio": round(first / floor, 3)}


if __name__ == "__main__":
    what, *paths = sys.argv[1:]
    {"bare": bare, "ours": ours, "parse": parse}[what](*map(Path, paths))
