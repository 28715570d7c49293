"""The store contract: where the graph lives, whatever the engine.

Truth is appended (`append`), taken back (`undo`) and erased (`erase`); derived tables are replaced; queries are files.
All of that is worked out here on Arrow tables; an engine only has to know how to read, how to hand out the truth, and
how to apply a `Delta` in one transaction.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from graphengine.errors import InputError, NotFoundError, QueryError, StoreBusyError, StoreError
from graphengine.store import hashing, merge, pseudonyms, queries, readonly, sql
from graphengine.store.delta import Change, Delta, added, batches
from graphengine.tables import TRUTH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import pyarrow as pa


@dataclass(frozen=True)
class Load:
    """What is known of an import before it is merged."""

    file: str
    format: str
    file_sha256: str = ""
    mapping_sha256: str = ""
    read: int = 0
    rejected: int = 0


@dataclass(frozen=True)
class Appended:
    """What an import did to the truth. `load_id` is None where it changed nothing."""

    load_id: str | None
    accepted: int
    changed: int
    unchanged: int
    new: dict[str, int] = field(default_factory=dict)
    updated: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Undone:
    """What taking an import back did."""

    load_id: str
    removed: dict[str, int]
    restored: dict[str, int]


@dataclass(frozen=True)
class Erased:
    """What erasing a person did; `exports` are those that may still hold the person's votes."""

    user_id: str
    removed: dict[str, int]
    exports: list[dict[str, Any]]


@dataclass(frozen=True)
class Identity:
    """Which graph this is, and which key its pseudonyms were made with."""

    graph_id: str
    key_fingerprint: str


class OvertakenError(StoreBusyError):
    """Another writer was quicker: what was worked out from the graph as it was no longer holds."""


class Store(ABC):
    """A moral graph on some engine. Use it as a context manager; one writer at a time."""

    engine: ClassVar[str]
    batch_size: ClassVar[int]
    address: str

    # What an engine provides ------------------------------------------------------------------------------------

    @abstractmethod
    def identity(self) -> Identity:
        """Which graph this is.

        Raises:
            StoreUnreachableError: If the engine does not answer.
        """

    @abstractmethod
    def key_file(self) -> Path:
        """Where the key of the pseudonyms lies."""

    @abstractmethod
    def state(self, name: str, upgrades: pa.Array | None = None) -> pa.Table:
        """The truth: the rows of one of `TRUTH`'s tables (or `hashes`), in no particular order.

        Args:
            name: The table.
            upgrades: For votes: at least the votes on these upgrades (an engine may give all).
        """

    @abstractmethod
    def migrate(self, *, force: bool = False) -> list[str]:
        """Apply the migrations that are pending; returns their names.

        Raises:
            StoreError: If the database holds somebody else's data and `force` is not given, or a migration that was
                applied has been changed since.
        """

    @abstractmethod
    def replace(
        self, ranking: pa.Table, verdicts: pa.Table, ranks: pa.Table, edges: pa.Table | None,
        contexts: Sequence[str] | None = None,
    ) -> None:
        """Put a ranking in the place of the one with its id, and these wiser edges in the place of all that are there.

        Nothing of what was there stays. While it is being written the ranking is not there: nobody reads half of one.

        With `contexts` only what the ranking says of these contexts, and their wiser edges, is replaced; the rest of
        the ranking stays, under the new record. That is one transaction. An edge between cards that no upgrade of the
        context names any more is not looked for: after an undo everything has to be replaced.

        Args:
            ranking: One row of `RANKINGS`.
            verdicts: Its `VERDICTS` (of these contexts).
            ranks: Its `RANKS` (of these contexts).
            edges: All `EDGES` (of these contexts); None leaves those that are there.
            contexts: The contexts that are replaced; by default all.
        """

    @abstractmethod
    def forget(self, ranking_id: str) -> None:
        """Remove a ranking and its ranks."""

    @abstractmethod
    def close(self) -> None:
        """Give everything back. Closing twice is harmless."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What `doctor` tells of the engine: version and what else helps."""

    @abstractmethod
    def _read(self, query: queries.Query, parameters: dict[str, Any]) -> pa.Table: ...

    @abstractmethod
    def _cypher(self, text: str, parameters: dict[str, Any], limit: int, seconds: float) -> dict[str, list[Any]]: ...

    @abstractmethod
    def _commit(self, delta: Delta) -> None:
        """Apply a delta, its hashes included, in one transaction; durable when this returns.

        Raises:
            OvertakenError: If somebody else has written since the delta was worked out (engines with several writers).
        """

    def anticipate(self) -> None:
        """Called before a file is parsed: what it will be compared with may be made ready meanwhile."""

    def _expect(self, delta: Delta) -> None:
        """Called before the first commit of an import, with all that it will bring."""

    def _flush(self) -> None:
        """Called after the last commit of an operation."""

    def _give_up(self) -> None:
        """Called where an import ends before its last commit."""

    def _erase(self, delta: Delta, hashes: dict[str, str]) -> None:
        """Apply an erasure; nothing of what is gone may stay in any file, also where a crash comes in between."""
        self._apply(delta, hashes)

    @abstractmethod
    def _restore(self, identity: Identity, delta: Delta) -> None:
        """Make this empty graph the one that a backup describes."""

    # What every engine has from here ----------------------------------------------------------------------------

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self, query: str, **parameters: Any) -> pa.Table:
        """The result of a query file, with the columns and types that its header promises.

        Raises:
            QueryError: If there is no such query, or a parameter is missing or of another type.
        """
        found = queries.find(self.engine, query)
        if query != "migrations":  # what was done to a database can be asked before it holds a graph
            self.identity()
        return self._read(found, found.bind(parameters))

    def cypher(
        self, text: str, parameters: Mapping[str, Any], *, limit: int = 10_000, seconds: float = 30.0
    ) -> tuple[dict[str, list[Any]], bool]:
        """The result of a person's own read-only Cypher, in at most `seconds`: columns, and whether rows were cut off.

        Raises:
            QueryError: If it could do anything but read, takes too long, or does not run.
        """
        readonly.check_read_only(text)
        missing = sorted(readonly.parameters_of(text) - set(parameters))
        if missing:
            raise QueryError(f"parameter {missing[0]!r} is missing", hint=f"give it: -p {missing[0]}=VALUE")
        columns = self._cypher(text, dict(parameters), limit + 1, seconds)
        cut = any(len(values) > limit for values in columns.values())
        return {name: values[:limit] for name, values in columns.items()}, cut

    def key(self) -> bytes:
        """The key of the pseudonyms.

        Raises:
            WrongKeyError: If the key file is missing or belongs to another graph.
        """
        return pseudonyms.read_key(self.key_file(), self.identity().key_fingerprint)

    def content_hash(self) -> str:
        """The hash of everything people said, whatever the order in which it came."""
        return self.hashes().get(hashing.TOTAL, "")

    def hashes(self) -> dict[str, str]:
        """Every content hash by name (see `hashing`); what holds nothing has none."""
        table = self.state("hashes")
        pairs = zip(table.column("id").to_pylist(), table.column("hash").to_pylist(), strict=True)
        return {name: value for name, value in pairs if value.strip("0")}

    def append(
        self, load: Load, tables: Mapping[str, pa.Table], *, batch_size: int | None = None,
        on_commit: Callable[[int], None] | None = None,
    ) -> Appended:
        """Merge an import into the truth, in batches of one transaction each.

        Idempotent: what is known already is left alone, and an import that was interrupted goes on where it stopped.

        Args:
            load: Where it comes from.
            tables: Truth tables without `load_id`; keys unique in each.
            batch_size: Most rows per transaction.
            on_commit: Called after each commit with the number of votes that are safe so far.
        """
        load_id = _new_load_id()
        hashes = self.hashes()  # before the rest of the state: whoever writes in between is then noticed
        reader = self._reader(tables)
        merged = merge.merge(tables, reader, load_id)
        outcome = (merged.accepted, merged.changed, merged.unchanged, merged.new, merged.updated)
        interrupted = [
            row for row in self.state("loads").to_pylist() if row["status"] == "open" and load.file_sha256
            and (row["file_sha256"], row["mapping_sha256"]) == (load.file_sha256, load.mapping_sha256)
        ]
        if not merged.delta:
            self._close_loads(interrupted)
            return Appended(None, *outcome)
        row: dict[str, Any] = {
            "id": load_id, "at": now(), "file": load.file, "format": load.format, "file_sha256": load.file_sha256,
            "mapping_sha256": load.mapping_sha256, "read": load.read, "accepted": merged.accepted,
            "changed": merged.changed, "unchanged": merged.unchanged, "rejected": load.rejected,
            "previous": merged.previous,
        }
        for _ in range(_MOST_OVERTAKEN):
            try:
                self._write(merged.delta, reader, hashes, row, interrupted, batch_size or self.batch_size, on_commit)
                return Appended(load_id, *outcome)
            except OvertakenError:  # somebody wrote in between: what is left to do is worked out again
                hashes = self.hashes()
                reader = self._reader(tables)
                merged = merge.merge(tables, reader, load_id)
        raise StoreBusyError(
            f"others keep writing to {self.address}", hint="run the same command again when they are done: it goes on "
            "where it stopped",
        )

    def _close_loads(self, interrupted: list[dict[str, Any]]) -> None:
        """Note that imports which were interrupted have come to their end."""
        if interrupted:
            loads = TRUTH["loads"]
            done = loads.table([{**row, "status": "done"} for row in interrupted])
            self._apply({"loads": Change(loads.table(interrupted), done)}, self.hashes())

    def preview(self, tables: Mapping[str, pa.Table]) -> Appended:
        """What `append` would do, without doing it."""
        merged = merge.merge(tables, self._reader(tables), "preview")
        return Appended(None, merged.accepted, merged.changed, merged.unchanged, merged.new, merged.updated)

    def _reader(self, tables: Mapping[str, pa.Table]) -> Callable[[str], pa.Table]:
        held: dict[str, pa.Table] = {}

        def reader(name: str) -> pa.Table:
            if name not in held:
                among = None
                if name in {"votes", "votes_before"} and "votes" in tables:
                    among = tables["votes"].column("upgrade_id").unique()
                held[name] = self.state(name, among)
            return held[name]

        return reader

    def _write(
        self, delta: Delta, reader: Callable[[str], pa.Table], hashes: dict[str, str], load: dict[str, Any],
        interrupted: list[dict[str, Any]], size: int, on_commit: Callable[[int], None] | None,
    ) -> None:
        loads = TRUTH["loads"]
        upgrades = _all_upgrades(reader, delta)
        safe = 0
        opened = {**load, "status": "open"}
        parts = batches({"loads": added(loads, loads.table([opened])), **delta}, size)
        self._expect(delta)
        try:
            part = next(parts)
            while part is not None:
                following = next(parts, None)
                if following is None:  # the last commit closes the load, so an open load is an interrupted one
                    known = interrupted if "loads" in part else [opened, *interrupted]
                    closed = [{**row, "status": "done"} for row in (load, *interrupted)]
                    part["loads"] = Change(loads.table(known), loads.table(closed))
                self._commit_hashed(part, upgrades, hashes)
                if "votes" in part:
                    safe += part["votes"].after.num_rows
                if on_commit is not None:
                    on_commit(safe)
                part = following
        except BaseException:
            self._give_up()
            raise
        self._flush()

    def _commit_hashed(self, part: Delta, upgrades: pa.Table, hashes: dict[str, str]) -> None:
        moved = hashing.changed(part, upgrades, hashes)
        if moved:
            spec = hashing.HASHES
            before = [{"id": name, "hash": hashes[name]} for name in moved if name in hashes]
            after = [{"id": name, "hash": value} for name, value in moved.items()]
            part = {**part, "hashes": Change(spec.table(before), spec.table(after))}
        self._commit(part)
        hashes.update(moved)

    def _apply(self, delta: Delta, hashes: dict[str, str], last: Delta | None = None) -> None:
        """Commit a delta that was not made by an import.

        Args:
            delta: What goes out and comes in.
            hashes: The hashes as they were before the delta was worked out.
            last: What goes with the last commit.
        """
        reader = self._reader({})
        upgrades = _all_upgrades(reader, delta)
        parts = list(batches(delta, self.batch_size)) or [{}]
        parts[-1].update(last or {})
        for part in parts:
            self._commit_hashed(part, upgrades, hashes)
        self._flush()

    def record_export(self, kind: str, path: str, contexts: list[str]) -> None:
        """Remember that data of these contexts was written to a place outside the graph."""
        spec = TRUTH["exports"]
        row = {"id": f"{kind}:{path}", "kind": kind, "path": path, "at": now(), "data_hash": self.content_hash(),
               "contexts": sorted(contexts)}
        known = [old for old in self.state("exports").to_pylist() if old["id"] == row["id"]]
        self._apply({"exports": Change(spec.table(known), spec.table([row]))}, self.hashes())

    def undo(self, load_id: str) -> Undone:
        """Take an import back: its votes go, what they superseded comes back.

        Raises:
            NotFoundError: If there is no such load.
            InputError: If it was undone already, or a later import replaced rows that it wrote.
        """
        hashes = self.hashes()
        loads = {row["id"]: row for row in self.state("loads").to_pylist()}
        if load_id not in loads:
            raise NotFoundError(
                f"there is no load {load_id!r}", hint="graphengine loads lists them", kind="load", name=load_id
            )
        if loads[load_id]["status"] == "undone":
            raise InputError(f"load {load_id} was taken back already", hint="graphengine loads lists what is left")
        for other in loads.values():
            if other["id"] != load_id and other["status"] != "undone" and f'"{load_id}"' in (other["previous"] or ""):
                raise InputError(
                    f"load {other['id']} changed texts that {load_id} wrote",
                    hint=f"take that one back first: graphengine undo {other['id']}",
                )
        delta = merge.undo(load_id, self.state)
        # The load is marked last: where the work is interrupted, undoing it again goes on.
        rest = {name: change for name, change in delta.items() if name != "loads"}
        self._apply(rest, hashes, {"loads": delta["loads"]})
        return Undone(load_id, *_counts(delta))

    def erase(self, who: str) -> Erased:
        """Erase a person: votes, authorship, groups; a tombstone keeps later imports from bringing them back.

        Args:
            who: A raw participant id, or a pseudonym.

        Raises:
            NotFoundError: If the graph does not hold the person.
            WrongKeyError: If `who` is a raw id and the key is not there.
        """
        hashes = self.hashes()
        users = set(self.state("users").column("id").to_pylist())
        user_id = who if who in users else pseudonyms.pseudonym(self.key(), who)
        grave = pseudonyms.tombstone(user_id)
        if user_id not in users:
            graves = self.state("tombstones").column("id").to_pylist()
            gone = grave in graves or pseudonyms.tombstone(who) in graves
            raise NotFoundError(
                "this person was erased already" if gone else "the graph holds nobody of this id",
                hint="nothing is left to erase" if gone else "give the id as it stood in the survey, or a pseudonym",
                kind="user",
            )
        exports = self._exports_with(user_id)
        delta = merge.erase(user_id, grave, self.state)
        self._erase(delta, hashes)
        return Erased(user_id, _counts(delta)[0], exports)

    def _exports_with(self, user_id: str) -> list[dict[str, Any]]:
        columns = "user_id, upgrade_id, load_id"
        told = sql.run(
            f"""
            select u.context_id, min(coalesce(l."at", 0)) as since
            from (select {columns} from v union all select {columns} from b) v
            join u on u.id = v.upgrade_id left join l on l.id = v.load_id
            where v.user_id = ? group by all
            """,
            [user_id], v=self.state("votes"), b=self.state("votes_before"), u=self.state("upgrades"),
            l=self.state("loads"),
        )
        since = dict(zip(told.column("context_id").to_pylist(), told.column("since").to_pylist(), strict=True))
        return [
            row for row in self.state("exports").to_pylist()
            if any(context in since and since[context] <= row["at"] for context in row["contexts"] or [])
        ]

    def restore_tables(self, identity: Identity, tables: Mapping[str, pa.Table]) -> None:
        """Fill this empty graph with the tables of a backup.

        Raises:
            StoreError: If the graph is not empty.
        """
        if any(self.state(name).num_rows for name in ("loads", "contexts", "cards", "users")):
            raise StoreError(f"the graph {self.address} is not empty", hint="restore into a new graph: --graph NEW")
        delta: Delta = {name: added(spec, tables.get(name, spec.empty())) for name, spec in TRUTH.items()}
        born_with = self.key_file()
        self._restore(identity, {name: change for name, change in delta.items() if len(change)})
        if pseudonyms.fingerprint(pseudonyms.any_key(born_with)) != identity.key_fingerprint:
            born_with.unlink()  # the key of the empty graph that this one was: no pseudonym was ever made with it


_MOST_OVERTAKEN = 100


def now() -> int:
    """Milliseconds UTC."""
    return time.time_ns() // 1_000_000


def _new_load_id() -> str:
    return time.strftime("load-%Y%m%d-%H%M%S-", time.gmtime()) + os.urandom(3).hex()


def _counts(delta: Delta) -> tuple[dict[str, int], dict[str, int]]:
    told = {name: change for name, change in delta.items() if name not in {"loads", "hashes", "tombstones"}}
    gone = {name: change.before.num_rows for name, change in told.items() if change.before.num_rows}
    back = {name: change.after.num_rows for name, change in told.items() if change.after.num_rows}
    return gone, back


def _all_upgrades(reader: Callable[[str], pa.Table], delta: Delta) -> pa.Table:
    """Upgrade to context, for every upgrade that the delta's votes may name."""
    import pyarrow as pa

    columns = ["id", "context_id"]
    parts = [reader("upgrades").select(columns)]
    if "upgrades" in delta:
        parts += [delta["upgrades"].after.select(columns), delta["upgrades"].before.select(columns)]
    parts = [part for part in parts if part.num_rows] or parts[:1]
    return pa.concat_tables(parts).group_by(columns).aggregate([]) if len(parts) > 1 else parts[0]
