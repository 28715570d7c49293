"""The embedded engine: a folder with a journal (the truth) and a Cypher database made from it.

```
moral.graph/
  graph.json        which graph this is, and the format of the folder
  key               the key of the pseudonyms (mode 600)
  lock              the process that owns the folder
  journal/          the truth: numbered parts
  graph.lbug        the projection that Cypher reads; made from the journal, can be made again (with its .wal)
  projection.json   size, time and sha256 of both at the last clean close
```

Opening replays what the projection lacks. A projection that is damaged, from another version, or not the file that was
closed, is made anew. Rankings and edges live in the projection only: they are derived, and `rank` makes them again.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, ClassVar

from graphengine.errors import QueryError, StoreDamagedError, StoreError, StoreNewerError
from graphengine.store import migrations, projection, pseudonyms, queries
from graphengine.store.base import Identity, Store, now
from graphengine.store.building import Building
from graphengine.store.engine import ask, close, connect, leave_to_parent
from graphengine.store.folder import (
    FORMAT,
    as_closed,
    check_place,
    noted,
    read_identity,
    remember,
    remove_database,
    wal,
    write_identity,
)
from graphengine.store.guard import Guard
from graphengine.store.journal import MOST_PARTS, Journal, fsync
from graphengine.tables import TRUTH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import ladybug
    import pyarrow as pa

    from graphengine.store.delta import Delta

_DRAFT = "graph.new.lbug"
_LARGE = 50_000
_ARROW_FROM = 2_000


class EmbeddedStore(Store):
    """A graph in a folder.

    Args:
        folder: The folder; made where it is not there, if `create`.
        create: Whether a new graph may be made.

    Raises:
        StoreError: If there is no graph in the folder, or it holds something else.
        StoreBusyError: If another process has it open.
        StoreDamagedError: If a part of the journal is damaged.
        StoreNewerError: If it was made by a newer version.
    """

    engine: ClassVar[str] = "ladybug"
    batch_size: ClassVar[int] = 200_000

    def __init__(self, folder: Path, *, create: bool = True) -> None:
        self.folder = folder
        self.address = str(folder)
        if not (folder / "graph.json").exists():
            check_place(folder, create)
            with self._engine():
                folder.mkdir(parents=True, exist_ok=True)
        self._guard = Guard(folder)
        self._write_lock = threading.RLock()
        self._local = threading.local()
        self._readers: list[ladybug.Connection] = []
        self._database: ladybug.Database | None = None
        self._building: Building | None = None
        self._closed = False
        leave_to_parent(self)
        try:
            fresh = not (folder / "graph.json").exists()  # another process may have made it meanwhile
            if fresh:
                check_place(folder, create)
                with self._engine():
                    self._create()
            self._identity = read_identity(folder)
            if not (folder / "journal").is_dir():
                raise StoreDamagedError(
                    f"the journal {folder / 'journal'} is missing", file=str(folder / "journal"),
                    hint="put it back from a backup of yours, or restore the graph: graphengine restore BACKUP",
                )
            self._journal = Journal(folder / "journal")
            if not fresh:  # a new graph is first built when there is something to build
                self._open_projection()
                if (folder / "erasing").exists():
                    self._purge()
        except BaseException:
            self._close_database()
            self._guard.release()
            raise

    def _create(self) -> None:
        path = self.folder / "key"  # a key that was put there beforehand is the graph's
        key = pseudonyms.any_key(path) if path.exists() else pseudonyms.make_key(path)
        (self.folder / "journal").mkdir(exist_ok=True)
        self._write_identity(Identity(os.urandom(8).hex(), pseudonyms.fingerprint(key)))
        fsync(self.folder.parent)

    def _write_identity(self, identity: Identity) -> None:
        write_identity(self.folder, identity)
        self._identity = identity

    # The projection: open, build, replay -------------------------------------------------------------------------

    @property
    def _file(self) -> Path:
        return self.folder / "graph.lbug"

    @property
    def _note(self) -> Path:
        return self.folder / "projection.json"

    def _open_projection(self) -> None:
        self._check_reach(noted(self._note)["part"])
        opening = self.folder / "opening"
        with self._engine():
            remove_database(self.folder / _DRAFT)
            sound = self._file.exists() and not opening.exists() and as_closed(self._file, self._note)
            if sound:
                opening.touch()  # if the engine dies on a damaged file, the next start does not try it again
                try:
                    sound = self._brought_up()
                finally:
                    opening.unlink(missing_ok=True)
            if sound:
                return
            self._close_database()
            for part in self._journal.parts:  # nothing is changed where the journal itself is damaged
                self._journal.read(part)
            # In this order: a crash from here on leaves nothing that could be taken for a sound projection.
            remove_database(self._file)
            opening.unlink(missing_ok=True)
            self._note.unlink(missing_ok=True)
        self._rebuild(keep_derived=False)

    def _brought_up(self) -> bool:
        """Whether the projection could be opened and holds all that the journal does."""
        try:
            self._connect(self._file)
            applied = dict(self._rows("MATCH (m:Migration) RETURN m.id, m.checksum"))
            if migrations.pending("ladybug", applied):
                return False
            self._check_reach(self._applied())
            self._note.unlink(missing_ok=True)
            self._replay()
        except (StoreDamagedError, StoreNewerError):
            part = noted(self._note)["part"]
            self._close_database()  # which writes: what is refused now must be known again next time
            if self._note.exists():
                remember(self._file, self._note, part)
            raise
        except (RuntimeError, StoreError):
            return False
        return True

    def _check_reach(self, part: int) -> None:
        """Refuse a journal that ends before a part that was written once."""
        if part > self._journal.last:
            raise StoreDamagedError(
                f"the journal of {self.folder} ends with part {self._journal.last}, but part {part} was written once",
                hint="put the missing parts back from a backup of yours, or restore: graphengine restore BACKUP",
                file=str(self.folder / "journal"),
            )

    def _applied(self) -> int:
        rows = self._rows("MATCH (j:Journal {id: 'journal'}) RETURN j.part")
        return int(rows[0][0]) if rows else 0

    def _connect(self, path: Path) -> None:
        self._database, self._writer = connect(path)

    def _close_database(self) -> None:
        if self._database is None:
            return
        # One forgotten connection keeps the old database alive, and its end destroys what a later one has committed.
        for connection in self._readers:
            connection.close()
        self._readers.clear()
        self._local = threading.local()
        database, self._database = self._database, None
        close(database, self._writer, wal(self._file))

    def _rebuild(self, *, keep_derived: bool) -> None:
        with self._write_lock, self._engine():
            derived = self._derived() if keep_derived else None
            self._close_database()
            draft = self.folder / _DRAFT
            try:
                remove_database(draft)
                self._connect(draft)
                self._fill(derived)
                self._close_database()
                self._put_in_place(draft)
            except BaseException:
                with suppress(RuntimeError, OSError):
                    self._close_database()
                    remove_database(draft)
                    if self._file.exists():
                        self._connect(self._file)
                raise
            self._connect(self._file)

    def _put_in_place(self, draft: Path) -> None:
        for file in self.folder.glob(self._file.name + ".*"):
            file.unlink()
        draft.replace(self._file)
        fsync(self.folder)

    def _fill(self, derived: tuple[pa.Table, list[tuple[pa.Table, pa.Table, pa.Table]]] | None) -> None:
        run = projection.runner(self._writer)
        projection.begin(run, self._identity.graph_id, self._identity.key_fingerprint, now())
        projection.fill(run, self._journal.state, self.hashes)
        if derived:
            edges, rankings = derived
            projection.replace_edges(run, edges)
            for ranking, verdicts, ranks in rankings:
                projection.replace_ranking(run, ranking, verdicts, ranks)
        projection.finish(run, self._journal.last)

    def _derived(self) -> tuple[pa.Table, list[tuple[pa.Table, pa.Table, pa.Table]]]:
        rankings = self.read("rankings")
        found: list[tuple[pa.Table, pa.Table, pa.Table]] = []
        for row, ranking_id in enumerate(rankings.column("id").to_pylist()):
            found.append((rankings.slice(row, 1), self.read("verdicts", ranking=ranking_id),
                          self.read("ranks", ranking=ranking_id)))
        return self.read("wiser_edges"), found

    def _replay(self) -> None:
        """Bring the parts that the projection lacks into it."""
        if self._database is None:
            self._rebuild(keep_derived=False)
            return
        done = self._applied()
        missing = [part for part in self._journal.parts if part.number > done]
        if not missing:
            return
        size = sum(table.num_rows for part in missing for table in self._journal.read(part).values())
        deltas = [] if missing[0].snapshot else [self._journal.delta(part) for part in missing]
        removed = sum(change.before.num_rows for delta in deltas for change in delta.values())
        if not deltas or removed > _LARGE or (size > _LARGE and size > self._size()):
            self._rebuild(keep_derived=True)
            return
        hashes = self.hashes()
        with self._transaction() as run:
            projection.apply(run, deltas, hashes, missing[-1].number)

    def _size(self) -> int:
        rows = self._rows("MATCH (:User)-[v:VOTED]->(:Upgrade) RETURN count(v)")
        return int(rows[0][0])

    @contextmanager
    def _engine(self) -> Iterator[None]:
        """What the engine or the disk refuses, as an error that says what to do."""
        try:
            yield
        except (RuntimeError, OSError) as error:
            raise StoreError(
                f"the graph {self.folder} can't be read or written: {str(error).strip()}",
                hint="nothing that was committed is lost: it is in the journal; make room or mend the folder's "
                "permissions, then run the same command again",
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[Callable[..., Any]]:
        with self._write_lock, self._engine():
            self._ready()
            run = projection.runner(self._writer)
            run("BEGIN TRANSACTION")
            try:
                yield run
                run("COMMIT")
            except RuntimeError:
                # On a full disk the engine says that it committed, and has lost the rows of a COPY all the same. What
                # it leaves after an error is not used again: the projection is made anew when somebody needs it.
                with suppress(RuntimeError):
                    self._close_database()
                with suppress(OSError):
                    remove_database(self._file)
                raise
            except BaseException:
                # After a rollback that follows a COPY the engine may crash on the next one: start afresh.
                with suppress(RuntimeError):
                    run("ROLLBACK")
                with suppress(RuntimeError):
                    self._close_database()
                    self._connect(self._file)
                raise

    # The contract -------------------------------------------------------------------------------------------------

    def identity(self) -> Identity:  # noqa: D102 (see Store)
        return self._identity

    def key_file(self) -> Path:  # noqa: D102
        return self.folder / "key"

    def state(self, name: str, upgrades: pa.Array | None = None) -> pa.Table:  # noqa: D102, ARG002
        return self._journal.state(name)

    def anticipate(self) -> None:  # noqa: D102
        threading.Thread(target=self._journal.warm, args=("votes",), name="graphengine-warm").start()

    def migrate(self, *, force: bool = False) -> list[str]:  # noqa: D102, ARG002
        return []  # the projection is made by the migrations of this version whenever it is opened

    def _commit(self, delta: Delta) -> None:
        self._guard.check()
        with self._write_lock:
            self._journal.append(delta)

    def _expect(self, delta: Delta) -> None:
        rows = sum(change.after.num_rows for change in delta.values())
        if self._journal.parts or rows < _LARGE:
            return
        with self._engine():
            tables = {name: change.after for name, change in delta.items()}
            self._building = Building(
                self.folder / _DRAFT, connect, self._identity, lambda name: tables.get(name, TRUTH[name].empty())
            )

    def _give_up(self) -> None:
        if self._building is not None:
            building, self._building = self._building, None
            building.abandon()

    def _take_over(self) -> None:
        """Put the projection that was built beside the journal into its place."""
        if self._building is None:
            return
        building, self._building = self._building, None
        with suppress(RuntimeError, OSError):  # if that failed, the replay builds it once more, and says what is wrong
            building.finish(self._journal.state("loads"), self.hashes(), self._journal.last)
            self._close_database()
            self._put_in_place(self.folder / _DRAFT)
            self._connect(self._file)

    def _flush(self) -> None:
        with self._write_lock:
            self._take_over()
            self._replay()
            if len(self._journal.parts) > MOST_PARTS:
                self._journal.compact()
            self._journal.forget()

    def _erase(self, delta: Delta, hashes: dict[str, str]) -> None:
        with self._engine():
            (self.folder / "erasing").touch()  # a crash from here on: the next opening goes on with it
            fsync(self.folder)
        self._apply(delta, hashes)
        self._purge()

    def _purge(self) -> None:
        """Write everything anew: what was erased stays in no file."""
        with self._write_lock:
            self._journal.compact()
            self._rebuild(keep_derived=True)
            self._journal.forget()
            (self.folder / "erasing").unlink(missing_ok=True)

    def rebuild(self) -> None:
        """Make the projection anew from the journal, rankings included."""
        self._rebuild(keep_derived=True)

    def _restore(self, identity: Identity, delta: Delta) -> None:
        self._write_identity(identity)
        hashes: dict[str, str] = {}
        upgrades = delta["upgrades"].after if "upgrades" in delta else self.state("upgrades")
        self._commit_hashed(delta, upgrades, hashes)
        self._rebuild(keep_derived=False)
        self._journal.forget()

    def replace(  # noqa: D102
        self, ranking: pa.Table, verdicts: pa.Table, ranks: pa.Table, edges: pa.Table | None,
        contexts: Sequence[str] | None = None,
    ) -> None:
        with self._transaction() as run:
            if edges is not None:
                projection.replace_edges(run, edges, contexts)
            projection.replace_ranking(run, ranking, verdicts, ranks, contexts)

    def forget(self, ranking_id: str) -> None:  # noqa: D102
        with self._transaction() as run:
            projection.remove_ranking(run, ranking_id)

    def facts(self) -> dict[str, Any]:  # noqa: D102
        import ladybug

        self._ready()
        return {
            "engine": "ladybug (embedded)", "engine_version": ladybug.__version__, "format": FORMAT,
            "journal_parts": len(self._journal.parts), "journal_last": self._journal.last,
            "projection_part": self._applied(), "projection_bytes": self._file.stat().st_size,
        }

    def verify(self) -> None:
        """Read every part of the journal and check its sha256.

        Raises:
            StoreDamagedError: If one is damaged.
        """
        for part in self._journal.parts:
            self._journal.read(part)
        self._journal.forget()

    def close(self) -> None:  # noqa: D102
        if os.getpid() != self._guard.pid:
            return
        with self._write_lock:
            if self._closed:
                return
            self._closed = True
            try:
                if self._database is not None:
                    with suppress(RuntimeError, OSError):  # the journal has it all; the next opening mends the rest
                        self._close_database()
                        remember(self._file, self._note, self._journal.last)
            finally:
                self._guard.release()

    def engine_objects(self) -> list[object]:
        """What of the engine is alive: the database and every connection."""
        return [self._database, *self._readers, getattr(self, "_writer", None)]

    def _ready(self) -> None:
        """Make sure that there is a projection to talk to."""
        self._guard.check()
        if self._database is None:
            with self._write_lock:
                if self._database is None:
                    self._open_projection()

    # Reading ------------------------------------------------------------------------------------------------------

    def _connection(self) -> ladybug.Connection:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            import ladybug

            self._ready()
            assert self._database is not None
            with self._write_lock:
                connection = self._local.connection = ladybug.Connection(self._database)
                self._readers.append(connection)
        return connection

    def _rows(self, text: str) -> list[list[Any]]:
        return self._writer.execute(text).get_all()  # type: ignore[union-attr]

    def _read(self, query: queries.Query, parameters: dict[str, Any]) -> pa.Table:
        self._guard.check()
        with self._engine():
            result = self._connection().execute(query.statements[0], parameters)
            assert not isinstance(result, list)
            if result.get_num_tuples() <= _ARROW_FROM:
                return queries.as_table(query, result.get_all())
            from graphengine.tables import conform

            table = conform(result.get_as_arrow(), query.schema)
            return table.sort_by([(name, "ascending") for name in query.order]) if query.order else table

    def _cypher(self, text: str, parameters: dict[str, Any], limit: int, seconds: float) -> dict[str, list[Any]]:
        import ladybug

        self._ready()
        assert self._database is not None
        connection = ladybug.Connection(self._database)
        with self._write_lock:
            self._readers.append(connection)
        try:
            return ask(connection, text, parameters, limit, seconds)
        except RuntimeError as error:
            said = str(error).strip()
            hint = f"it ran longer than {seconds:g} s: narrow it, or add LIMIT" if "nterrupt" in said else (
                "see docs/cypher.md for what both engines understand"
            )
            raise QueryError(f"the engine refuses the query: {said}", hint=hint) from None
        finally:
            with self._write_lock:
                self._readers.remove(connection)
                connection.close()
