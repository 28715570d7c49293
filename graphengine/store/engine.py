"""The embedded engine's own objects: how a database is opened, and what a forked child must not end."""

from __future__ import annotations

import ctypes
import os
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    import ladybug

    from graphengine.store.ladybug import EmbeddedStore

BUFFER_POOL = 512 << 20
SMALL_WAL = 2 << 20

_stores: weakref.WeakSet[EmbeddedStore] = weakref.WeakSet()


def connect(path: Path) -> tuple[ladybug.Database, ladybug.Connection]:
    """A database and a connection to it.

    A WAL that was cut off by a crash is replayed as far as it is whole; the journal has the rest.
    """
    import ladybug

    database = ladybug.Database(str(path), buffer_pool_size=BUFFER_POOL, throw_on_wal_replay_failure=False)
    connection = ladybug.Connection(database)
    connection.execute("CALL force_checkpoint_on_close=false")
    return database, connection


def close(database: ladybug.Database, connection: ladybug.Connection, wal: Path) -> None:
    """Close a database; a WAL that is small is left for the next opening, which replays it.

    Writing it into the database can cost a second for a thousand changed rows, replaying it a tenth of that.
    """
    try:
        if wal.exists() and wal.stat().st_size > SMALL_WAL:
            connection.execute("CHECKPOINT")
    finally:
        connection.close()
        database.close()


def ask(
    connection: ladybug.Connection, text: str, parameters: dict[str, Any], limit: int, seconds: float
) -> dict[str, list[Any]]:
    """At most `limit` rows of a query that only reads, in at most `seconds`, as columns.

    Raises:
        RuntimeError: What the engine said.
    """
    connection.set_query_timeout(int(seconds * 1000))
    connection.execute("BEGIN TRANSACTION READ ONLY")
    result = connection.execute(text, parameters) if parameters else connection.execute(text)
    assert not isinstance(result, list)
    names = result.get_column_names()
    rows: list[list[Any]] = []
    while result.has_next() and len(rows) < limit:
        rows.append(list(result.get_next()))
    result.close()
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def leave_to_parent(store: EmbeddedStore) -> None:
    """Remember a store whose engine must not end in a forked child: its threads stayed with the parent."""
    _stores.add(store)


def _leave_alone() -> None:
    # The end of an engine in a child would wait forever for threads that are not there.
    for store in _stores:
        for thing in store.engine_objects():
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))  # so it never ends


os.register_at_fork(after_in_child=_leave_alone)
