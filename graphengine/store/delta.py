"""What one commit does to the truth: rows that go out and rows that come in, per table.

Everything that writes truth — imports, taking one back, erasing a person — is worked out as a `Delta` first, by pure
functions on Arrow tables, and then applied by the engine in one transaction. A key in both `before` and `after` is an
update.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphengine.store import sql
from graphengine.tables import TRUTH, TableSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa


@dataclass(frozen=True)
class Change:
    """Rows of one table that go out (`before`) and come in (`after`), whole."""

    before: pa.Table
    after: pa.Table

    def __len__(self) -> int:
        return self.before.num_rows + self.after.num_rows


Delta = dict[str, Change]


def added(spec: TableSpec, rows: pa.Table) -> Change:
    """A change that only brings rows."""
    return Change(spec.empty(), rows)


def removed(spec: TableSpec, rows: pa.Table) -> Change:
    """A change that only takes rows out."""
    return Change(rows, spec.empty())


# Rows whose relationships may point elsewhere after an update: they are removed and inserted again.
_REPLACED = (TRUTH["duplicates"], TRUTH["tallies"], TRUTH["targets"])


def split(change: Change, spec: TableSpec) -> tuple[pa.Table, pa.Table, pa.Table]:
    """The rows to insert, to update, and to remove."""
    if spec in _REPLACED:
        return change.after, spec.empty(), change.before
    if not change.before.num_rows:
        return change.after, spec.empty(), spec.empty()
    if not change.after.num_rows:
        return spec.empty(), spec.empty(), change.before
    using = f"using ({', '.join(spec.key)})"
    keys = change.before.select(list(spec.key))
    return (
        sql.run(f"select a.* from a anti join b {using}", a=change.after, b=keys),
        sql.run(f"select a.* from a semi join b {using}", a=change.after, b=keys),
        sql.run(f"select b.* from b anti join a {using}", a=change.after.select(list(spec.key)), b=change.before),
    )


def batches(delta: Delta, size: int) -> Iterator[Delta]:
    """The delta in commits of at most `size` rows, in an order in which each commit leaves a sound graph.

    Rows come in before the rows that refer to them, and go out after them; a superseded answer is written down before
    the answer that supersedes it. Interrupted between two commits, the same import goes on where it stopped.
    """
    batch: Delta = {}
    room = size
    for name, change in _chunks(delta, size):
        if batch and (len(change) > room or name in batch):
            yield batch
            batch, room = {}, size
        batch[name] = change
        room -= len(change)
    if batch:
        yield batch


def _chunks(delta: Delta, size: int) -> Iterator[tuple[str, Change]]:
    removals: list[tuple[str, Change]] = []
    for name, spec in TRUTH.items():
        change = delta.get(name)
        if change is None:
            continue
        using = f"using ({', '.join(spec.key)})"
        for start in range(0, change.after.num_rows, size):
            after = change.after.slice(start, size)
            before = change.before
            if before.num_rows:
                before = sql.run(f"select b.* from b semi join a {using}", b=before, a=after).cast(spec.schema)
            yield name, Change(before, after)
        gone = sql.run(f"select b.* from b anti join a {using}", a=change.after, b=change.before).cast(spec.schema) if (
            change.before.num_rows) else spec.empty()
        removals += [(name, removed(spec, gone.slice(start, size))) for start in range(0, gone.num_rows, size)]
    yield from reversed(removals)
