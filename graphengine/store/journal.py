"""The journal: where the embedded engine's truth lies.

A folder of numbered parts, each one commit: Parquet files `TABLE.before` (keys that go out) and `TABLE.after` (rows
that come in) in a folder `NUMBER-part-SHA256`, written under a temporary name, fsynced and renamed, so that a part is
there whole or not at all. A snapshot (`NUMBER-snapshot-SHA256`) is the same with everything up to a number folded
together. The sha256 in the name is checked whenever a part is read; a damaged part is named, and nothing is guessed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from graphengine.errors import StoreDamagedError, StoreError
from graphengine.store import sql
from graphengine.store.delta import Change, Delta
from graphengine.store.hashing import HASHES
from graphengine.tables import TRUTH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SPECS = {**TRUTH, "hashes": HASHES}
MOST_PARTS = 64
_NAME = re.compile(r"(\d{8})-(part|snapshot)-([0-9a-f]{64})")


@dataclass(frozen=True)
class Part:
    """One folder of the journal."""

    number: int
    snapshot: bool
    sha256: str
    path: Path


def fsync(path: Path) -> None:
    """Make a file's or folder's content survive a crash."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_folder(path: Path, files: Mapping[str, pa.Table]) -> str:
    """Write Parquet files into a new folder, fsync them, and return the sha256 over their names and bytes."""
    import pyarrow.parquet as pq

    path.mkdir(parents=True)
    digest = hashlib.sha256()
    for name, table in sorted(files.items()):
        file = path / f"{name}.parquet"
        # Dictionaries pay only where values repeat; ids of votes hardly do.
        pq.write_table(table, file, compression="zstd", compression_level=1)
        fsync(file)
        digest.update(name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    fsync(path)
    return digest.hexdigest()


class Tables(Mapping[str, pa.Table]):
    """Tables by name; a Parquet file is taken apart when its table is asked for.

    Args:
        files: Tables, or the bytes of Parquet files that were found sound.
    """

    def __init__(self, files: Mapping[str, bytes | pa.Table]) -> None:
        self._files = dict(files)

    def __getitem__(self, name: str) -> pa.Table:
        import pyarrow.parquet as pq

        found = self._files[name]
        if isinstance(found, bytes):
            found = self._files[name] = pq.read_table(pa.BufferReader(found))
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)


def read_folder(path: Path, sha256: str) -> Tables:
    """The tables of a folder that `write_folder` wrote.

    Raises:
        StoreDamagedError: If the bytes are not those that were written.
    """
    digest = hashlib.sha256()
    files: dict[str, bytes] = {}
    with suppress(OSError):
        for file in sorted(path.glob("*.parquet"), key=lambda f: f.stem):
            content = files[file.stem] = file.read_bytes()
            digest.update(file.stem.encode() + b"\0" + hashlib.sha256(content).digest())
        if digest.hexdigest() == sha256:
            return Tables(files)
    raise StoreDamagedError(
        f"the journal part {path} is damaged: its content does not match the sha256 in its name",
        hint="put this folder back from a backup of yours, or restore the graph: graphengine restore BACKUP",
        file=str(path),
    )


class Journal:
    """The parts in a folder, and the truth that they amount to.

    Args:
        folder: The journal's folder; made where it is not there.

    Raises:
        StoreDamagedError: If a part between the others is missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.parts = self._list()
        self._cache: dict[tuple[int, bool], Tables] = {}

    def _list(self) -> list[Part]:
        found: list[Part] = []
        for path in self.folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match:
                found.append(Part(int(match[1]), match[2] == "snapshot", match[3], path))
        last = max((part.number for part in found if part.snapshot), default=0)
        kept = [part for part in found if part.number > last or (part.snapshot and part.number == last)]
        kept.sort(key=lambda part: part.number)
        for expected, part in enumerate(kept, start=last or 1):
            if expected != part.number:
                what = f"part {expected} is missing" if part.number > expected else f"part {part.number} is there twice"
                raise StoreDamagedError(
                    f"the journal {self.folder} is damaged: {what}",
                    hint="put it back from a backup of yours, or restore the graph: graphengine restore BACKUP",
                    file=str(self.folder),
                )
        replaced = [part for part in found if part not in kept]
        if replaced:  # a crash came between a snapshot and the end of what it replaces
            read_folder(kept[0].path, kept[0].sha256)
        for path in (*(part.path for part in replaced), *self.folder.glob("tmp-*")):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return kept

    @property
    def last(self) -> int:
        """The number of the last part; 0 for an empty journal."""
        return self.parts[-1].number if self.parts else 0

    def read(self, part: Part) -> Tables:
        """The tables of a part, checked."""
        key = (part.number, part.snapshot)
        if key not in self._cache:
            self._cache[key] = read_folder(part.path, part.sha256)
        return self._cache[key]

    def forget(self) -> None:
        """Let go of the tables held in memory."""
        self._cache.clear()

    def delta(self, part: Part) -> Delta:
        """What a part does; of what goes out only the keys are known (other columns are null)."""
        from graphengine.tables import conform

        tables = self.read(part)
        return {
            name: Change(
                conform(tables[f"{name}.before"], spec.schema) if f"{name}.before" in tables else spec.empty(),
                tables.get(f"{name}.after", spec.empty()),
            )
            for name, spec in SPECS.items()
            if f"{name}.before" in tables or f"{name}.after" in tables
        }

    def append(self, delta: Delta) -> int:
        """Write one commit; when this returns it survives a crash. Returns its number."""
        files: dict[str, pa.Table] = {}
        for name, change in delta.items():
            if change.before.num_rows:
                files[f"{name}.before"] = change.before.select(list(SPECS[name].key))
            if change.after.num_rows:
                files[f"{name}.after"] = change.after
        number = self._put(self.last + 1, "part", files)
        self._cache[(number, False)] = Tables(files)  # what follows, the replay, need not read it again
        return number

    def _put(self, number: int, kind: str, files: Mapping[str, pa.Table]) -> int:
        draft = self.folder / f"tmp-{number}"
        try:
            sha256 = write_folder(draft, files)
            path = self.folder / f"{number:08d}-{kind}-{sha256}"
            draft.rename(path)
            fsync(self.folder)
            self.parts.append(Part(number, kind == "snapshot", sha256, path))
        except BaseException as error:
            shutil.rmtree(draft, ignore_errors=True)
            self.parts = self._list()  # an interruption may have come before or after the rename
            if not isinstance(error, OSError):
                raise
            raise StoreError(
                f"can't write to the journal {self.folder}: {error.strerror or error}",
                hint="make room or mend the folder's permissions, then run the same command again: it goes on where it "
                "stopped", file=str(draft),
            ) from error
        return number

    def state(self, name: str) -> pa.Table:
        """The rows of a table as all parts together leave it; an updated row stays where it was first written."""
        spec = SPECS[name]
        after: list[tuple[int, pa.Table]] = []
        before: list[tuple[int, pa.Table]] = []
        for part in self.parts:
            tables = self.read(part)
            if f"{name}.after" in tables:
                after.append((part.number, tables[f"{name}.after"]))
            if f"{name}.before" in tables:
                before.append((part.number, tables[f"{name}.before"]))
        if not after:
            return spec.empty()
        rows = pa.concat_tables([table for _, table in after])
        if not before:
            return rows
        # A row is there unless a later part took its key out (a part that updates takes it out and brings it again).
        key = ", ".join(spec.key)
        moved = sql.run(
            f"with gone as (select {key}, max(part) as last from g group by all)"
            " select min(n) over (partition by r.key) as first, n, part >= last as there"
            f" from (select ({key}) as key, part, n from r) r"
            f" join (select ({key}) as key, last from gone) using (key) order by n",
            r=pa.concat_tables([_numbered(table.select(list(spec.key)), number) for number, table in after])
            .append_column("n", pa.array(np.arange(rows.num_rows))),
            g=pa.concat_tables([_numbered(table, number) for number, table in before]),
        )
        first, place, there = (moved.column(c).to_numpy() for c in ("first", "n", "there"))
        order = np.arange(rows.num_rows)
        order[place] = -1
        order[first[there]] = place[there]
        return rows.take(pa.array(order[order >= 0]))

    def warm(self, name: str) -> None:
        """Have a table's parts ready for `state`."""
        with suppress(StoreDamagedError):  # whoever asks is told
            for part in self.parts:
                self.read(part).get(f"{name}.after")

    def compact(self) -> None:
        """Fold all parts into one snapshot and remove them."""
        if not self.parts:
            return
        files = {f"{name}.after": table for name in SPECS if (table := self.state(name)).num_rows}
        if [part.snapshot for part in self.parts] == [True]:
            return
        self._put(self.last, "snapshot", files)
        self._cache.clear()
        self.parts = self._list()
        fsync(self.folder)


def _numbered(table: pa.Table, number: int) -> pa.Table:
    return table.append_column("part", pa.repeat(number, table.num_rows))
