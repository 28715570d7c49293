"""Third pass: the COUNTS of a bucket to RANKS, by the function that ranks in memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from graphengine.scale.counting import counts_of
from graphengine.tables import RANKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphengine.ranking import Calibration
    from graphengine.scale.database import Room

_ROWS = 200_000  # of COUNTS, ranked at once
_ONE_AT_A_TIME = threading.Lock()  # the ranking uses all cores itself; a cluster's worker may have several threads


@dataclass(frozen=True)
class Placing:
    """One task: a bucket, ranked.

    Attributes:
        bucket: Which.
        method: A name of METHODS.
        calibration: For the methods that take one.
        p_top: Are P(top) and what follows from it wanted?
        parameters: Of the method.
        room: What the task may use.
    """

    bucket: int
    method: str
    calibration: Calibration | None
    p_top: bool
    parameters: dict[str, Any]
    room: Room


def place(task: Placing) -> int:
    """Rank a bucket; its RANKS go to `ranks/BUCKET.parquet`.

    Returns:
        Number of ranked cards.
    """
    import pyarrow.parquet as pq

    from graphengine.ranking import rank_counts

    ids = ["context_id", "from_id", "to_id"]
    target = ranks_of(task.room, task.bucket)
    Path(target).parent.mkdir(exist_ok=True)
    counts = pq.read_table(counts_of(task.room, task.bucket), read_dictionary=ids, memory_map=True)
    cards = 0
    with pq.ParquetWriter(target, RANKS.schema, compression="none", use_dictionary=False) as out, _ONE_AT_A_TIME:
        for part in _parts(counts):
            ranks = rank_counts(part, task.method, task.calibration, p_top=task.p_top, **task.parameters)
            out.write_table(ranks)
            cards += ranks.num_rows
    return cards


def ranks_of(room: Room, bucket: int) -> str:
    """Where the RANKS of a bucket lie."""
    return f"{room.folder}/ranks/{bucket}.parquet"


def _parts(counts: pa.Table) -> Iterator[pa.Table]:
    """Tables of about `_ROWS` rows or of one context, cut between contexts; the counts are sorted by context."""
    column = counts.column("context_id").combine_chunks()
    assert isinstance(column, pa.DictionaryArray)
    codes = column.indices.to_numpy()
    starts = np.concatenate([[0], np.nonzero(codes[1:] != codes[:-1])[0] + 1, [len(codes)]])
    at = 0
    while at < len(codes):
        within = starts[np.searchsorted(starts, at + _ROWS, side="right") - 1]
        end = int(within if within > at else starts[np.searchsorted(starts, at, side="right")])
        yield counts.slice(at, end - at)
        at = end
