"""`rank_votes`: files of votes in, one file of RANKS out."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.errors import InputError, RankingError
from graphengine.ranking.calibration import Calibration, check_not_wiser
from graphengine.ranking.methods import CALIBRATED, check_parameters
from graphengine.ranking.rules import find_rule
from graphengine.scale import engines, files
from graphengine.scale.calibrating import KEY, fitted
from graphengine.scale.counting import Counting, count
from graphengine.scale.database import Room, database, listed
from graphengine.scale.outcome import VotesRanked
from graphengine.scale.placing import Placing, place, ranks_of
from graphengine.scale.splitting import Splitting, split
from graphengine.tables import RANKS, canonical_json

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Sequence

    from graphengine.scale.counting import Counted
    from graphengine.scale.engines import Engine
    from graphengine.scale.splitting import Split

_ROWS = 4_000_000  # of a bucket: counted within the memory limit even if no two votes are about the same upgrade
_MOST_BUCKETS = 1_000
_MOST_WORDS = 10
_ROWS_OF_A_GROUP = 200_000
_SORTING = "200MB"  # what ranking allocated is still there, so that the sort at the end has less to itself


def rank_votes(
    patterns: str | Iterable[str], out: str | os.PathLike[str], *, engine: str = "local",
    scheduler: str | None = None, method: str = "bradley-terry", calibration: Calibration | None = None,
    distinct: bool = False, p_top: bool = True, memory: str = Room.memory, threads: int = 2,
    folder: str | os.PathLike[str] | None = None, progress: Callable[[str], None] | None = None, **parameters: Any,
) -> VotesRanked:
    r"""Rank the votes of files, without a graph and without holding them in memory.

    The ranks are those that `rank_counts` gives for all votes together with the same calibration, bit for bit; the
    calibration is the one that `calibrate` gives for them. No single winner is named (that needs people).

    Args:
        patterns: Parquet or CSV files, or patterns of them, with the columns context, from_value, to_value, answer.
        out: The Parquet file to write: RANKS sorted by context, rank, card. A file there is replaced.
        engine: "local" or "dask".
        scheduler: Address of a running Dask scheduler, whose workers see the files, and the folder of `out`, under the
            same paths; without it, Dask workers are started on this machine.
        method: As in `rank_counts`.
        calibration: For the methods that take one; fitted on the files if it is missing.
        distinct: Count one answer for each participant and upgrade: the latest by the column `at`; different answers
            of which nothing tells the latest are left out. Needs the column participant (or user). Without it every
            row counts, and people are not looked at.
        p_top: Work out P(top), rank intervals and the tied top set too.
        memory: DuckDB's limit, of which it uses some 60% before it spills. Ranking takes about 600 MB after it.
        threads: Threads; for Dask without a scheduler the number of workers.
        folder: Where the buckets go for the time being (about 40 bytes a vote); by default beside `out`.
        progress: Called with a line for each step.
        **parameters: Of the method, as in `rank_counts`.

    Raises:
        InputError: If a file, column or place is not as it should be, or no row is a vote.
        RankingError: If the method or a parameter is unknown, or needs all contexts at once.
        MissingExtraError: If Dask is asked for and not installed.

    Example:
        >>> import pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> lines = ["participant,context,from_value,to_value,answer"]
        >>> lines += [f"p{i},When lost,advice,asking,{'yes' if i else 'no'}" for i in range(9)]
        >>> _ = (folder / "votes.csv").write_text("\n".join(lines))
        >>> done = rank_votes(str(folder / "*.csv"), folder / "ranks.parquet")
        >>> done.votes, done.contexts, done.cards
        (9, 1, 2)
    """
    if method not in CALIBRATED:
        calibration = None
    reading = _checked(method, parameters, calibration)
    target = Path(out)
    if not target.absolute().parent.is_dir() or target.is_dir():
        raise InputError(f"the ranks can't be written to {target}", hint="name a file in a folder that is there",
                         file=str(target))
    found = files.find([patterns] if isinstance(patterns, str) else patterns)
    own = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=folder or target.absolute().parent))
    try:
        with engines.engine(engine, threads, scheduler) as run:
            room = Room(str(own), memory, run.threads)
            steps = _Steps(run, Room(str(own), memory, threads), room, progress or (lambda _: None))
            parts, buckets = steps.split(found, distinct=distinct)
            words = _added(each.words for each in parts)
            counted = steps.count(buckets, distinct=distinct)
            rejected = _added(each.bad for each in (*parts, *counted))
            if not any(each.contexts for each in counted):
                raise _nothing(rejected, words)
            if method in CALIBRATED and calibration is None:
                calibration = steps.timed("calibrate", lambda: fitted(counted, room, reading))
            full = [each.bucket for each in counted if each.contexts]
            cards = steps.place(full, method, calibration, parameters, p_top=p_top)
            shared = None if calibration is None else calibration.to_json()
            steps.timed("write", lambda: _write(full, steps.home, target, method, parameters, shared))
    finally:
        shutil.rmtree(own, ignore_errors=True)
    return VotesRanked(
        out=str(target), method=method, parameters=parameters, engine=engine,
        files=sum(map(len, found.values())), votes=sum(each.votes for each in counted),
        repeated=sum(each.repeated for each in counted), rejected=rejected, words=dict(words.most_common(_MOST_WORDS)),
        pairs=sum(each.pairs for each in counted), contexts=sum(each.contexts for each in counted), cards=cards,
        distinct=distinct, p_top=p_top and method in CALIBRATED, calibration=shared,
        calibrated_on=0 if calibration is None else calibration.contexts,
        seconds=steps.seconds,
    )


class _Steps:
    """The passes of one run, timed and told."""

    def __init__(self, run: Engine, home: Room, room: Room, tell: Callable[[str], None]) -> None:
        self.run, self.home, self.room, self.tell = run, home, room, tell
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = work()
        self.seconds[name] = round(time.perf_counter() - start, 3)
        return result

    def split(self, found: dict[str, tuple[str, ...]], *, distinct: bool) -> tuple[list[Split], int]:
        described = [files.described(kind, paths, self.home, distinct=distinct) for kind, paths in found.items()]
        with database(self.home) as con:
            rows = sum(files.rows(con, votes) for votes in described)
        buckets = min(max(1, -(-rows // _ROWS), self.run.workers if self.run.workers > 1 else 1), _MOST_BUCKETS)
        self.tell(f"splitting {sum(map(len, found.values())):,} files into {buckets:,} buckets")
        for name in ("votes", "folded"):
            (Path(self.room.folder) / name).mkdir()
        # Several tasks a worker, so that none waits long for the last.
        number = 4 * self.run.workers if self.run.workers > 1 else 1
        shares = [part for votes in described for part in files.parts(votes, number)]
        room = self._shared(len(shares))
        tasks = [Splitting(n, part, buckets, distinct, room) for n, part in enumerate(shares)]
        return self.timed("split", lambda: list(self.run.map(split, tasks))), buckets

    def count(self, buckets: int, *, distinct: bool) -> list[Counted]:
        room = self._shared(buckets)
        tasks = [Counting(bucket, distinct, room) for bucket in range(buckets)]
        return self.timed("count", lambda: self._told("counted", count, tasks))

    def place(
        self, buckets: Sequence[int], method: str, calibration: Calibration | None, parameters: dict[str, Any],
        *, p_top: bool,
    ) -> int:
        tasks = [Placing(bucket, method, calibration, p_top, parameters, self.room) for bucket in buckets]
        return sum(self.timed("rank", lambda: self._told("ranked", place, tasks)))

    def _shared(self, tasks: int) -> Room:
        """What each of some tasks may use: those that run side by side in one process share it."""
        among = max(1, min(self.room.threads, tasks))
        return replace(self.room, threads=self.room.threads // among, among=among)

    def _told(self, done: str, function: Callable[[Any], Any], tasks: Sequence[Any]) -> list[Any]:
        results = []
        for number, result in enumerate(self.run.map(function, tasks), 1):
            results.append(result)
            self.tell(f"{done} bucket {number:,} of {len(tasks):,}")
        return results


def _checked(method: str, parameters: dict[str, Any], calibration: Calibration | None) -> str:
    """How "not wiser" is read, once all that was asked for is known to be possible."""
    check_parameters(method, parameters)
    if method == "pagerank" and not find_rule(rule := parameters.get("edge_rule", "mai-2023")).per_context:
        raise RankingError(f"the edge rule {rule} pools contexts, so it needs all counts at once",
                           hint="--edge-rule mai-2023-context", method=method, value=rule)
    if method == "bradley-terry-groups" or "tallies" in parameters:
        raise RankingError(f"{method} needs more than the files of votes", method=method,
                           hint="import them and run: graphengine rank")
    reading = check_not_wiser(parameters.get("not_wiser", calibration.not_wiser if calibration else "against"))
    if calibration is not None and reading != calibration.not_wiser:
        raise RankingError(f"the calibration reads not_wiser as {calibration.not_wiser!r}", method=method,
                           hint=f"--not-wiser {calibration.not_wiser}", value=reading)
    return reading


def _added(parts: Iterable[dict[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return total


def _nothing(rejected: dict[str, int], words: Counter[str]) -> InputError:
    reasons = "; ".join(f"{reason}: {n:,}" for reason, n in rejected.items()) or "the files have no rows"
    named = ", ".join(repr(word[:40]) for word, _ in words.most_common(3))
    return InputError(
        f"no row is a vote ({reasons})", rejected=list(rejected),
        hint=(f"the answers read {named}; " if named else "")
        + "answers are: wiser, not_wiser, unsure; yes, no, unsure; upgrade, no_upgrade, not_sure",
    )


def _write(
    buckets: Sequence[int], room: Room, target: Path, method: str, parameters: dict[str, Any], calibration: str | None,
) -> None:
    """All ranks sorted into one file, which appears whole or not at all."""
    import json

    import pyarrow.parquet as pq

    from graphengine import __version__

    about = canonical_json({
        "table": "RANKS", "method": method, "parameters": parameters, "version": __version__,
        "calibration": None if calibration is None else json.loads(calibration),
    })
    parts = tuple(ranks_of(room, bucket) for bucket in buckets)
    whole = f"{room.folder}/ranks.parquet"
    schema = RANKS.schema.with_metadata({KEY: about})
    pa.default_memory_pool().release_unused()
    with database(replace(room, memory=_SORTING)) as con, pq.ParquetWriter(whole, schema, compression="zstd") as out:
        ordered = con.sql(f"FROM read_parquet({listed(parts)}) ORDER BY context_id, rank, card_id")
        for batch in ordered.to_arrow_reader(_ROWS_OF_A_GROUP):
            out.write_table(pa.Table.from_batches([batch]).cast(schema))
    # The run's folder may be on another disk.
    beside = target.absolute().with_name(f".{target.name}.part")
    shutil.move(whole, beside)
    beside.replace(target)
