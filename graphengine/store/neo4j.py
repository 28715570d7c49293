"""Neo4j: a graph on a server. The database is the truth.

The official driver, managed transactions, one writer. Every write is idempotent (MERGE on natural keys, SET of absolute
values), because a commit can succeed and still raise: `IncompleteCommit` says that the outcome is unknown, the driver
does not retry it, and so we do.

Credentials come from the environment: `NEO4J_USERNAME` (default neo4j), `NEO4J_PASSWORD`, `NEO4J_DATABASE`.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import pyarrow as pa

from graphengine.errors import QueryError, StoreError, StoreUnreachableError
from graphengine.store import hashing, migrations, pseudonyms, queries
from graphengine.store.base import Identity, OvertakenError, Store, now
from graphengine.store.delta import Delta, batches, split
from graphengine.tables import TRUTH, conform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import neo4j

BATCH = 5_000
_RETRIES = 5
_WRITE_SECONDS = 120.0
_READ_SECONDS = 120.0
_PATIENCE = 30.0  # seconds that a write waits for a server that went away


class Neo4jStore(Store):
    """A graph on a Neo4j server.

    Args:
        uri: `neo4j://…`, `neo4j+s://…`, `bolt://…`, `bolt+s://…`.
        create: Whether an empty database may become a graph.

    Raises:
        StoreUnreachableError: If no server answers, or it refuses the credentials.
        StoreError: If the database holds something else.
    """

    engine: ClassVar[str] = "neo4j"
    batch_size: ClassVar[int] = BATCH

    def __init__(self, uri: str, *, create: bool = True) -> None:
        import neo4j

        self.address = uri
        self._database = os.environ.get("NEO4J_DATABASE") or "neo4j"
        username = os.environ.get("NEO4J_USERNAME") or "neo4j"
        password = os.environ.get("NEO4J_PASSWORD") or ""
        with self._talking():
            self._driver = neo4j.GraphDatabase.driver(
                uri, auth=(username, password) if password else None, notifications_min_severity="OFF",
                connection_timeout=5.0, connection_acquisition_timeout=10.0, max_transaction_retry_time=_PATIENCE,
                user_agent="graphengine",
            )
        self._identity: Identity | None = None
        try:
            with self._talking():
                self._driver.verify_connectivity()
            self._begin(create)
        except BaseException:
            self._driver.close()
            raise

    def _begin(self, create: bool) -> None:
        known = self._select("state_graph")
        if known.num_rows:
            if migrations.pending(self.engine, self._applied()):
                self._migrate()
            self._identity = Identity(known.column("graph_id")[0].as_py(), known.column("key_fingerprint")[0].as_py())
        elif self._select("state_nodes").column("nodes")[0].as_py():
            self._identity = None  # somebody else's data: only `migrate` may go on, and it asks first
        elif create:
            self._create()
        else:
            raise StoreError(f"the database at {self.address} is empty", hint="graphengine import votes.csv fills it")

    def _create(self) -> None:
        self._migrate()
        graph_id = os.urandom(8).hex()
        path = pseudonyms.server_key_file(graph_id)
        fingerprint = pseudonyms.fingerprint(pseudonyms.make_key(path))
        self._set_identity(Identity(graph_id, fingerprint))

    def _set_identity(self, identity: Identity) -> None:
        row = {"id": "graph", "graph_id": identity.graph_id, "key_fingerprint": identity.key_fingerprint}
        self._transact(lambda tx: _write(tx, "graph", [row]))
        self._identity = identity

    def _applied(self) -> dict[str, str]:
        done = self._select("migrations")
        return dict(zip(done.column("id").to_pylist(), done.column("checksum").to_pylist(), strict=True))

    def _migrate(self) -> list[str]:
        todo = migrations.pending(self.engine, self._applied())
        for migration in todo:
            with self._talking(), self._session() as session:
                for statement in migration.statements:  # schema changes can't share a transaction with data
                    session.run(statement).consume()  # type: ignore[arg-type]
                session.run("CALL db.awaitIndexes(60)").consume()
            row = {"id": migration.id, "name": migration.name, "checksum": migration.checksum, "at": now()}
            self._transact(lambda tx, row=row: _write(tx, "migrations", [row]))
        return [migration.name for migration in todo]

    # The contract -------------------------------------------------------------------------------------------------

    def identity(self) -> Identity:  # noqa: D102 (see Store)
        if self._identity is None:
            raise StoreError(
                f"the database at {self.address} holds data that is not a graph of graphengine",
                hint="use an empty database, or add the graph beside that data: graphengine migrate --force",
            )
        return self._identity

    def key_file(self) -> Path:  # noqa: D102
        return pseudonyms.server_key_file(self.identity().graph_id)

    def migrate(self, *, force: bool = False) -> list[str]:  # noqa: D102
        if self._identity is None:
            if not force:
                self.identity()
            self._create()
            return [migration.name for migration in migrations.available(self.engine)]
        return self._migrate()

    def state(self, name: str, upgrades: pa.Array | None = None) -> pa.Table:  # noqa: D102
        self.identity()
        if name == "hashes":
            return self._hashes()
        if name in {"votes", "votes_before"}:
            ids = self._select("upgrades").column("id") if upgrades is None else upgrades
            parts = [self._select(f"state_{name}", upgrades=ids.slice(i, BATCH).to_pylist())
                     for i in range(0, len(ids), BATCH)]
            return pa.concat_tables(parts) if parts else TRUTH[name].empty()
        table = self._select(f"state_{name}")
        if "contexts" in table.column_names and name == "tallies":
            lists = [sorted(contexts) for contexts in table.column("contexts").to_pylist()]
            table = table.set_column(table.column_names.index("contexts"), "contexts",
                                     pa.array(lists, TRUTH[name].schema.field("contexts").type))
        return conform(table, TRUTH[name].schema)

    def _hashes(self) -> pa.Table:
        graph = self._select("state_graph").to_pylist()
        rows = []
        duplicates = graph[0]["duplicates_hash"] if graph else None
        for name, value in ((hashing.TOTAL, graph[0]["content_hash"] if graph else None),
                            (hashing.DUPLICATES, duplicates)):
            if value:
                rows.append({"id": name, "hash": value})
        shared = hashing.decode(duplicates)
        for row in self._select("state_hashes").to_pylist():
            own = hashing.encode(hashing.decode(row["data_hash"]) - shared)
            rows.append({"id": hashing.CONTEXT + row["id"], "hash": own})
        return hashing.HASHES.table(rows)

    def _commit(self, delta: Delta) -> None:
        hashes = self._hash_rows(delta)
        before, after = _totals(delta)
        tried = False

        def work(tx: neo4j.ManagedTransaction) -> None:
            # The graph's record is locked first, so writers queue up in place of deadlocking, and none works from a
            # state that has changed meanwhile.
            found = _no_zeros(_run(tx, "state_locked")[0][0])
            nonlocal tried
            if before is not None and found != before:
                if tried and found == after:
                    return  # an earlier try was committed, and only its answer was lost
                raise OvertakenError(f"another process writes to {self.address}", hint="run the same command again")
            parts = {name: split(change, TRUTH[name]) for name, change in delta.items() if name in TRUTH}
            for name in reversed(TRUTH):
                if name in parts and parts[name][2].num_rows:
                    _write(tx, f"remove_{name}", parts[name][2].to_pylist())
            for name in TRUTH:
                for rows in parts[name][:2] if name in parts else ():
                    if rows.num_rows:
                        _write(tx, name, rows.to_pylist())
            for name, rows in hashes:
                _write(tx, name, rows)
            tried = True

        self._transact(work)

    def _hash_rows(self, delta: Delta) -> list[tuple[str, list[dict[str, Any]]]]:
        if "hashes" not in delta:
            return []
        change = delta["hashes"]
        moved = dict(zip(change.after.column("id").to_pylist(), change.after.column("hash").to_pylist(), strict=True))
        graph = self._select("state_graph").to_pylist()[0]
        duplicates = moved.get(hashing.DUPLICATES, graph["duplicates_hash"])
        every = dict(moved)
        if hashing.DUPLICATES in moved:  # duplicates hold in all contexts
            known = self._hashes()
            pairs = zip(known.column("id").to_pylist(), known.column("hash").to_pylist(), strict=True)
            every = {**dict(pairs), **moved}
        every[hashing.DUPLICATES] = duplicates
        row = {"id": "graph", "content_hash": moved.get(hashing.TOTAL, graph["content_hash"]),
               "duplicates_hash": duplicates}
        contexts = {name.removeprefix(hashing.CONTEXT) for name in every if name.startswith(hashing.CONTEXT)}
        if "contexts" in delta:  # a new context has a state too: nobody has voted
            new, _, _ = split(delta["contexts"], TRUTH["contexts"])
            contexts.update(new.column("id").to_pylist())
        return [("context_hashes", [{"id": c, "hash": hashing.shown(every, c)} for c in sorted(contexts)]),
                ("graph_hashes", [row])]

    def replace(  # noqa: D102
        self, ranking: pa.Table, verdicts: pa.Table, ranks: pa.Table, edges: pa.Table | None,
        contexts: Sequence[str] | None = None,
    ) -> None:
        ranking_id = ranking.column("id")[0].as_py()
        if contexts is not None:
            self._replace_some(ranking, verdicts, ranks, edges, contexts)
            return
        self.forget(ranking_id)
        if edges is not None:
            self._drain("remove_some_edges")
            self._write_all("edges", edges)
        self._write_all("ranks", ranks, ranking_id=ranking_id)
        self._write_all("rankings", ranking)
        self._write_all("verdicts", verdicts, ranking_id=ranking_id)

    def _replace_some(
        self, ranking: pa.Table, verdicts: pa.Table, ranks: pa.Table, edges: pa.Table | None, contexts: Sequence[str]
    ) -> None:
        ranking_id = ranking.column("id")[0].as_py()
        written = {"edges": [] if edges is None else edges.to_pylist(), "rankings": ranking.to_pylist()}
        for name, rows in (("verdicts", verdicts), ("ranks", ranks)):
            written[name] = [{**row, "ranking_id": ranking_id} for row in rows.to_pylist()]

        def work(tx: neo4j.ManagedTransaction) -> None:
            gone = {"contexts": list(contexts)}
            if edges is not None:
                _run(tx, "remove_edges_of_contexts", **gone)
            for name in ("ranks", "verdicts"):
                _run(tx, f"write/remove_{name}_of_contexts", ranking=ranking_id, **gone)
            for name, rows in written.items():
                _write(tx, name, rows)

        self._transact(work)

    def forget(self, ranking_id: str) -> None:  # noqa: D102
        self._transact(lambda tx: _run(tx, "write/remove_ranking", ranking=ranking_id))
        self._drain("remove_some_ranks", ranking=ranking_id)

    def _drain(self, name: str, **parameters: Any) -> None:
        while self._transact(lambda tx: _run(tx, name, limit=4 * BATCH, **parameters))[0][0]:
            pass

    def _write_all(self, name: str, table: pa.Table, **constant: Any) -> None:
        for start in range(0, table.num_rows, BATCH):
            rows = [{**row, **constant} for row in table.slice(start, BATCH).to_pylist()]
            self._transact(lambda tx, rows=rows: _write(tx, name, rows))

    def _restore(self, identity: Identity, delta: Delta) -> None:
        self._set_identity(identity)
        hashes: dict[str, str] = {}
        upgrades = delta["upgrades"].after if "upgrades" in delta else self.state("upgrades")
        for part in batches(delta, self.batch_size):
            self._commit_hashed(part, upgrades, hashes)

    def facts(self) -> dict[str, Any]:  # noqa: D102
        with self._talking():
            info = self._driver.get_server_info()
        return {"engine": "Neo4j", "engine_version": info.agent, "database": self._database,
                "protocol": ".".join(map(str, info.protocol_version))}

    def close(self) -> None:  # noqa: D102
        self._driver.close()

    # Talking to the server ----------------------------------------------------------------------------------------

    def _session(self, *, read: bool = False, fetch_size: int = 1_000) -> neo4j.Session:
        import neo4j

        mode = neo4j.READ_ACCESS if read else neo4j.WRITE_ACCESS
        return self._driver.session(database=self._database, default_access_mode=mode, fetch_size=fetch_size)

    def _transact(self, work: Callable[[neo4j.ManagedTransaction], Any]) -> Any:
        import neo4j
        from neo4j.exceptions import IncompleteCommit

        timed = neo4j.unit_of_work(timeout=_WRITE_SECONDS)(work)
        for attempt in range(_RETRIES):
            try:
                with self._talking(), self._session() as session:
                    return session.execute_write(timed)
            except IncompleteCommit:  # nobody knows whether it was done; doing it again changes nothing
                if attempt + 1 == _RETRIES:
                    raise _unreachable(self.address, "the connection was lost while committing") from None
                time.sleep(0.5 * 2**attempt)
        return None

    @contextmanager
    def _talking(self) -> Iterator[None]:
        from neo4j import exceptions

        try:
            yield
        except exceptions.IncompleteCommit:
            raise
        except exceptions.AuthError as error:
            raise StoreUnreachableError(
                f"the server {self.address} refuses the credentials: {_said(error)}",
                hint="set NEO4J_USERNAME and NEO4J_PASSWORD in the environment",
            ) from None
        except (exceptions.ServiceUnavailable, exceptions.SessionExpired, exceptions.TransientError, OSError) as error:
            raise _unreachable(self.address, _said(error)) from None
        except (exceptions.ConfigurationError, ValueError) as error:  # before the driver's errors: one of them
            raise StoreUnreachableError(
                f"{self.address} is not an address of a Neo4j server: {_said(error)}",
                hint="use neo4j://HOST:7687, neo4j+s://HOST, bolt://HOST:7687 or bolt+s://HOST",
            ) from None
        except exceptions.ClientError as error:
            if "DatabaseNotFound" in (error.code or ""):
                raise StoreUnreachableError(
                    f"the server {self.address} has no database {self._database!r}",
                    hint="set NEO4J_DATABASE to one that is there",
                ) from None
            raise StoreError(f"the server {self.address} refuses: {_said(error)}",
                             hint="nothing of this step was written; graphengine doctor checks the graph") from None
        except (exceptions.Neo4jError, exceptions.DriverError) as error:
            raise StoreError(f"the server {self.address} failed: {_said(error)}",
                             hint="see the server's log; what was committed is kept") from error

    def _select(self, name: str, **parameters: Any) -> pa.Table:
        query = queries.find(self.engine, name)
        return self._read(query, query.bind(parameters))

    def _read(self, query: queries.Query, parameters: dict[str, Any]) -> pa.Table:
        from neo4j import Query

        text = Query(query.statements[0], timeout=_READ_SECONDS)  # type: ignore[arg-type]
        return queries.as_table(query, self._values(text, parameters))

    def _values(self, text: neo4j.Query, parameters: dict[str, Any]) -> list[list[Any]]:
        from neo4j.exceptions import ServiceUnavailable, SessionExpired, TransientError

        for attempt in range(_RETRIES):
            with self._talking():
                try:
                    # An own retry in place of a managed transaction saves BEGIN and COMMIT: a third of a point read.
                    with self._session(read=True, fetch_size=20_000) as session:
                        return session.run(text, parameters).values()
                except (SessionExpired, TransientError, ServiceUnavailable):
                    if attempt == 2:
                        raise
                    time.sleep(0.2 * 2**attempt)
        return []

    def _cypher(self, text: str, parameters: dict[str, Any], limit: int, seconds: float) -> dict[str, list[Any]]:
        import neo4j
        from neo4j.exceptions import ClientError

        self.identity()
        rows: list[tuple[Any, ...]] = []
        with self._talking(), self._session(read=True) as session:
            try:
                result = session.run(neo4j.Query(text, timeout=seconds), parameters)  # type: ignore[arg-type]
                names = result.keys()
                for record in result:
                    rows.append(tuple(record.values()))
                    if len(rows) == limit:
                        break
            except ClientError as error:
                late = "Timeout" in (error.code or "")
                hint = f"it ran longer than {seconds:g} s: narrow it, or add LIMIT" if late else (
                    "see docs/cypher.md for what both engines understand"
                )
                raise QueryError(f"the server refuses the query: {_said(error)}", hint=hint) from None
        return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def _no_zeros(content_hash: str | None) -> str:
    """A content hash; that of an empty graph is written in several ways."""
    return content_hash if content_hash and content_hash.strip("0") else ""


def _totals(delta: Delta) -> tuple[str | None, str | None]:
    """The hash of the whole graph before and after a delta; None where it does not move."""
    if "hashes" not in delta:
        return None, None
    sides = (delta["hashes"].before, delta["hashes"].after)
    known, moved = (dict(zip(s.column("id").to_pylist(), s.column("hash").to_pylist(), strict=True)) for s in sides)
    if hashing.TOTAL not in moved:
        return None, None
    return _no_zeros(known.get(hashing.TOTAL)), _no_zeros(moved[hashing.TOTAL])


def _run(tx: neo4j.ManagedTransaction, name: str, **parameters: Any) -> list[list[Any]]:
    query = queries.find("neo4j", name)
    values: list[list[Any]] = []
    for statement in query.statements:
        values = tx.run(statement, query.bind(parameters)).values()  # type: ignore[arg-type]
    return values


def _write(tx: neo4j.ManagedTransaction, name: str, rows: list[dict[str, Any]]) -> None:
    query = queries.find("neo4j", f"write/{name}")
    for start in range(0, len(rows), BATCH):
        for statement in query.statements:
            tx.run(statement, rows=rows[start : start + BATCH]).consume()  # type: ignore[arg-type]


def _said(error: BaseException) -> str:
    return (getattr(error, "message", None) or str(error) or type(error).__name__).strip().splitlines()[0]


def _unreachable(address: str, said: str) -> StoreUnreachableError:
    return StoreUnreachableError(
        f"the server {address} does not answer: {said}",
        hint="start it, or check the address; then run the same command again: what was committed is kept",
    )
