"""Second pass: the votes of a bucket to COUNTS."""

from __future__ import annotations

import glob
from dataclasses import dataclass, field
from pathlib import Path

from graphengine.ranking.calibration import SAMPLE
from graphengine.scale.database import Room, database, listed, quoted
from graphengine.scale.splitting import FAULTS, cleaned
from graphengine.tables import ANSWERS


@dataclass(frozen=True)
class Counting:
    """One task: a bucket, counted.

    Attributes:
        bucket: Which.
        distinct: Does one answer count for each participant and upgrade?
        room: What the task may use.
    """

    bucket: int
    distinct: bool
    room: Room


@dataclass(frozen=True)
class Counted:
    """What a bucket holds.

    Attributes:
        bucket: Which.
        contexts: Number of contexts with answers.
        pairs: Number of rows of its COUNTS.
        votes: Answers counted.
        repeated: Rows that say nothing new, or were superseded by a later answer (with `distinct`).
        bad: Rows left out, by reason.
        sample: Ids of the contexts of smallest sha256, with it: as many as a calibration may need.
    """

    bucket: int
    contexts: int = 0
    pairs: int = 0
    votes: int = 0
    repeated: int = 0
    bad: dict[str, int] = field(default_factory=dict)
    sample: list[tuple[str, str]] = field(default_factory=list)


_FIELDS = {name: name for name in ("context", "from_value", "to_value")}
_IDS = (
    f"{cleaned('context', _FIELDS, text=True)} AS context_id, {cleaned('from_value', _FIELDS, text=False)} AS from_id, "
    f"{cleaned('to_value', _FIELDS, text=False)} AS to_id"
)
_SUMS = "count(*) FILTER (a = 0) AS wiser, count(*) FILTER (a = 1) AS not_wiser, count(*) FILTER (a = 2) AS unsure"
_REASON = """CASE WHEN context_id IS NULL THEN 'no context' WHEN from_id IS NULL THEN 'no from_value'
    WHEN to_id IS NULL THEN 'no to_value' WHEN from_id = to_id THEN 'from_value and to_value are the same' END"""
CONFLICT = "one participant, two answers, and nothing tells which is later"

# Ids are cleaned after counting: there are far fewer of them than votes.
_ALL = f"""
    CREATE TABLE grouped AS
    SELECT {_IDS}, wiser, not_wiser, unsure, 0 AS conflicting, 0 AS repeated FROM ({{counted}})
"""
_COUNTED = f"SELECT context, from_value, to_value, {_SUMS} FROM {{votes}} GROUP BY ALL"
_FOLDED = f"SELECT context, from_value, to_value, {', '.join(ANSWERS)} FROM {{folded}}"

# The latest answer holds. Time and answer in one number: its largest value has the latest answer of the largest number,
# and with the answers numbered backwards that of the smallest; where the two differ the time does not tell.
_DISTINCT = f"""
    CREATE TABLE grouped AS
    WITH said AS (SELECT participant, {_IDS}, a::BIGINT AS a, ms + {10**15} AS ms FROM {{votes}} WHERE a <= 2),
    person AS (
        SELECT context_id, from_id, to_id, count(*) AS n, min(a) AS low, max(a) AS high, count(ms) = count(*) AS timed,
            max(ms * 4 + a) % 4 AS last_high, 3 - max(ms * 4 + 3 - a) % 4 AS last_low
        FROM said GROUP BY participant, context_id, from_id, to_id
    ),
    settled AS (
        SELECT *, CASE WHEN low = high THEN low WHEN timed AND last_low = last_high THEN last_low END AS a FROM person
    )
    SELECT context_id, from_id, to_id, {_SUMS}, coalesce(sum(n) FILTER (a IS NULL), 0) AS conflicting,
        coalesce(sum(n - 1) FILTER (a IS NOT NULL), 0) AS repeated
    FROM settled GROUP BY context_id, from_id, to_id
"""


def count(task: Counting) -> Counted:
    """Count a bucket; its COUNTS go to `counts/BUCKET.parquet`, sorted, and its votes are removed."""
    written, folded = (_files(task, folder) for folder in ("votes", "folded"))
    if not written and not folded:
        return Counted(task.bucket)
    votes, sums = (f"read_parquet({listed(paths)}, hive_partitioning = false)" for paths in (written, folded))
    target = counts_of(task.room, task.bucket)
    with database(task.room) as con:
        if task.distinct:
            con.execute(_DISTINCT.format(votes=votes))
        else:
            parts = [_COUNTED.format(votes=votes)] * bool(written) + [_FOLDED.format(folded=sums)] * bool(folded)
            con.execute(_ALL.format(counted=" UNION ALL ".join(parts)))
        bad = dict(con.execute(
            f"SELECT {_REASON} AS reason, sum(wiser + not_wiser + unsure + conflicting + repeated)::BIGINT AS n "
            "FROM grouped WHERE reason IS NOT NULL GROUP BY 1"
        ).fetchall())
        conflicts, repeated = con.execute(
            f"SELECT coalesce(sum(conflicting), 0)::BIGINT, coalesce(sum(repeated), 0)::BIGINT FROM grouped "
            f"WHERE ({_REASON}) IS NULL"
        ).fetchall()[0]
        if conflicts:
            bad[CONFLICT] = conflicts
        if task.distinct:
            for fault, n in con.execute(f"SELECT a, count(*) FROM {votes} WHERE a > 2 GROUP BY a").fetchall():
                bad[FAULTS[fault]] = n
        con.execute(
            "CREATE TABLE counts AS SELECT context_id, from_id, to_id, sum(wiser)::BIGINT AS wiser, "
            "sum(not_wiser)::BIGINT AS not_wiser, sum(unsure)::BIGINT AS unsure FROM grouped "
            f"WHERE ({_REASON}) IS NULL AND wiser + not_wiser + unsure > 0 GROUP BY context_id, from_id, to_id; "
            "DROP TABLE grouped"
        )
        Path(target).parent.mkdir(exist_ok=True)
        con.execute(f"COPY (FROM counts ORDER BY context_id, from_id, to_id) TO {quoted(target)} "
                    "(FORMAT parquet, COMPRESSION uncompressed)")
        contexts, pairs, answers = con.execute(
            "SELECT count(DISTINCT context_id), count(*), coalesce(sum(wiser + not_wiser + unsure), 0)::BIGINT "
            "FROM counts"
        ).fetchall()[0]
        sample = con.execute(
            "SELECT sha256(context_id) AS sha, context_id FROM (SELECT DISTINCT context_id FROM counts) "
            f"ORDER BY sha LIMIT {SAMPLE}"
        ).fetchall()
    for path in (*written, *folded):
        Path(path).unlink()
    return Counted(task.bucket, contexts, pairs, answers, repeated, bad, sample)


def _files(task: Counting, folder: str) -> tuple[str, ...]:
    """What splitting wrote for the bucket."""
    return tuple(sorted(glob.glob(  # noqa: PTH207
        f"{glob.escape(task.room.folder)}/{folder}/*/bucket={task.bucket}/*.parquet")))


def counts_of(room: Room, bucket: int) -> str:
    """Where the COUNTS of a bucket lie."""
    return f"{room.folder}/counts/{bucket}.parquet"
