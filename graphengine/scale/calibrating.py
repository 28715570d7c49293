"""The calibration of a run: given, taken from an earlier file of ranks, or fitted on a sample of the counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from graphengine.errors import InputError, RankingError
from graphengine.ranking.arrays import compute
from graphengine.ranking.calibration import SAMPLE, Calibration, calibrate
from graphengine.scale.counting import counts_of
from graphengine.tables import COUNTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.scale.counting import Counted
    from graphengine.scale.database import Room

KEY = "graphengine"
"""Name of the metadata of a file of ranks."""


def read_calibration(path: str) -> Calibration:
    """A calibration from a file: its JSON, or a file of ranks that `rank_votes` wrote.

    Raises:
        InputError: If the file can't be read, or holds no calibration.
    """
    import json

    file = Path(path)
    try:
        if file.suffix == ".parquet":
            import pyarrow.parquet as pq

            known = (pq.read_schema(file).metadata or {}).get(KEY.encode(), b"{}")
            text = json.dumps(json.loads(known).get("calibration"))
        else:
            text = file.read_text(encoding="utf-8")
        return Calibration.from_json(text)
    except (OSError, UnicodeDecodeError, pa.ArrowInvalid, RankingError) as error:
        raise InputError(
            f"{path} holds no calibration", file=path,
            hint="give the JSON of a calibration, or a file that graphengine rank-votes wrote by bradley-terry",
        ) from error


def fitted(counted: Sequence[Counted], room: Room, not_wiser: str) -> Calibration:
    """The calibration that `calibrate` fits on all counts together, from the contexts that it would choose."""
    import pyarrow.parquet as pq

    pc = compute()
    smallest = sorted((sha, context, each.bucket) for each in counted for sha, context in each.sample)[:SAMPLE]
    rows = [COUNTS.empty()]
    for bucket in sorted({bucket for *_, bucket in smallest}):
        chosen = pa.array([context for _, context, where in smallest if where == bucket], pa.string())
        with pq.ParquetFile(counts_of(room, bucket)) as file:
            for batch in file.iter_batches():
                part = pa.Table.from_batches([batch]).cast(COUNTS.schema)
                rows.append(part.filter(pc.is_in(part.column("context_id"), value_set=chosen)))
    return calibrate(pa.concat_tables(rows), not_wiser=not_wiser)
