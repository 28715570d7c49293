"""`rank-votes` against DuckDB's bare GROUP BY of the same files.

100,000 contexts of 30 values and 60 upgrades at 100 million votes, in no order; ids are texts. The votes are made once,
in `.cache` (about 20 bytes each), from hashes: the same numbers everywhere. Each side runs in a process of its own,
with two threads; DuckDB alone has all the memory that it likes.

`python -m benchmarks.scale [VOTES]` runs it at another size (by default 100 million), `--side dask VOTES` Dask alone.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import measuring

CACHE = measuring.ROOT / ".cache" / "scale"
VOTES = int(os.environ.get("GRAPHENGINE_SCALE_VOTES", "100_000_000"))
PER_CONTEXT, VALUES, UPGRADES, FILES = 1_000, 30, 60, 10
SIDES = {"duckdb": "duckdb", "with sd": "sd", "with P(top)": "p-top"}

# A vote's context, upgrade and answer from hashes of its number; values by hash too: θ(value) in [-1.7, 1.7], β = 1.
_MAKE = """
COPY (
    WITH vote AS (
        SELECT (hash(i) % {contexts})::BIGINT AS c, ((hash(i) >> 32) % {upgrades})::BIGINT AS e,
            (hash(i + 1000000000000) % 1000000) / 1e6 AS luck, hash(i + 2000000000000) % {people} AS person
        FROM range({first}, {last}) t(i)
    ),
    pair AS (
        SELECT *, (hash(c * 64 + e) % {values})::BIGINT AS a,
            ((hash(c * 64 + e) % {values} + 1 + hash(c * 64 + e + 500000000000) % ({values} - 1)) % {values})::BIGINT
                AS b
        FROM vote
    ),
    strength AS (
        SELECT *, 1 / (1 + exp(((hash(c * 32 + a) % 1000)::DOUBLE - (hash(c * 32 + b) % 1000)::DOUBLE) / 300 - 1))
            AS p FROM pair
    )
    SELECT 'p' || person AS participant, 'context-' || c AS context, 'v' || c || '-' || a AS from_value,
        'v' || c || '-' || b AS to_value,
        CASE WHEN luck < p * .85 THEN 'wiser' WHEN luck < p * .85 + .15 THEN 'unsure' ELSE 'not_wiser' END AS answer
    FROM strength
) TO '{path}' (FORMAT parquet)
"""

_BARE = """
SELECT count(*), sum(w + n + u) FROM (
    SELECT context, from_value, to_value, count(*) FILTER (answer = 'wiser') AS w,
        count(*) FILTER (answer = 'not_wiser') AS n, count(*) FILTER (answer = 'unsure') AS u
    FROM read_parquet('{files}') GROUP BY ALL
)
"""


def make(votes: int) -> Path:
    """The folder of the votes, made if it is not there."""
    import duckdb

    folder = CACHE / str(votes)
    folder.mkdir(parents=True, exist_ok=True)
    share = -(-votes // FILES)
    for number in range(FILES):
        path = folder / f"{number:02d}.parquet"
        if path.exists():
            continue
        with duckdb.connect(config={"threads": 2, "preserve_insertion_order": "false"}) as con:
            con.execute(_MAKE.format(
                contexts=max(1, votes // PER_CONTEXT), people=votes // 20 + 1, values=VALUES, upgrades=UPGRADES,
                first=number * share, last=min(votes, (number + 1) * share), path=path.with_suffix(".part"),
            ))
        path.with_suffix(".part").replace(path)
    return folder


def bare(folder: Path) -> dict[str, Any]:
    """DuckDB counts the files."""
    import duckdb

    with duckdb.connect(config={"threads": 2}) as con:
        start = time.perf_counter()
        found = con.execute(_BARE.format(files=f"{folder}/*.parquet")).fetchone()
        return {"seconds": time.perf_counter() - start, "pairs": found[0], "votes": found[1]}


def ours(folder: Path, *, p_top: bool, engine: str) -> dict[str, Any]:
    """Files of votes to a file of ranks."""
    from graphengine.scale import rank_votes

    start = time.perf_counter()
    done = rank_votes(f"{folder}/*.parquet", folder.parent / "ranks.parquet", p_top=p_top, engine=engine, threads=2)
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds, "steps": done.seconds, "pairs": done.pairs, "votes": done.votes, "contexts": done.contexts,
        "cards": done.cards,
    }


def run(votes: int = VOTES) -> dict[str, Any]:
    """Run all sides, print them side by side.

    Returns:
        The figures of each side.
    """
    make(votes)
    found = {side: measuring.alone("scale", "--side", name, str(votes)) for side, name in SIDES.items()}
    floor = found["duckdb"]
    rows = []
    for side, most in (("with sd", 3), ("with P(top)", 5)):
        got = found[side]
        assert (floor["pairs"], floor["votes"]) == (got["pairs"], got["votes"])
        ratio = got["seconds"] / floor["seconds"]
        rows.append((f"{votes:,} votes -> ranks, {side}", f"{got['seconds']:.1f} s", f"{floor['seconds']:.1f} s",
                     f"{ratio:.2f}x, at most {most}x", ratio <= most))
        rows.append(("  peak memory", f"{got['peak_mb']} MB", f"{floor['peak_mb']} MB", "below 1,000 MB",
                     got["peak_mb"] < 1_000))
    measuring.table("rank-votes against DuckDB's bare GROUP BY", rows)
    return {"votes": votes, **found}


def main(arguments: list[str]) -> None:
    """One side in this process (`--side SIDE VOTES`), or all at a size."""
    if arguments[:1] == ["--side"]:
        side, folder = arguments[1], make(int(arguments[2]))
        figures = bare(folder) if side == "duckdb" else ours(
            folder, p_top=side != "sd", engine="dask" if side == "dask" else "local")
        measuring.report(**figures)
    else:
        run(int(arguments[0].replace("_", "")) if arguments else VOTES)


if __name__ == "__main__":
    main(sys.argv[1:])
