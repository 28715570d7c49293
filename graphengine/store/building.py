"""A projection in the making, beside the journal.

A large first import spends most of its time in COPY, which uses one core, and much of the rest in hashing and writing
the journal, which use another. So the projection of a graph that was empty is built from the very tables that go into
the journal, at the same time, in a file that nobody sees: it is renamed into place when the journal has everything, and
thrown away if the journal could not be written.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING

from graphengine.store import projection
from graphengine.store.base import now
from graphengine.store.folder import remove_database

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import ladybug
    import pyarrow as pa

    from graphengine.store.base import Identity


class Building:
    """Starts to build; `finish` or `abandon` ends it.

    Args:
        path: The file to make.
        connect: Opens a database on a path.
        identity: Which graph it is.
        table: The rows of a truth table; None of the loads, which `finish` brings.
    """

    def __init__(
        self, path: Path, connect: Callable[[Path], tuple[ladybug.Database, ladybug.Connection]], identity: Identity,
        table: Callable[[str], pa.Table],
    ) -> None:
        self._path = path
        self._error: BaseException | None = None
        remove_database(path)
        self._database, self._connection = connect(path)
        self._hashes: Future[Mapping[str, str]] = Future()
        self._thread = threading.Thread(target=self._fill, args=(identity, table), name="graphengine-build")
        self._thread.start()

    def _fill(self, identity: Identity, table: Callable[[str], pa.Table]) -> None:
        try:
            run = projection.runner(self._connection)
            projection.begin(run, identity.graph_id, identity.key_fingerprint, now())
            projection.fill(run, table, self._hashes.result)
        except BaseException as error:
            self._error = error

    def finish(self, loads: pa.Table, hashes: Mapping[str, str], part: int) -> None:
        """Tell the hashes, wait, write what only the end of the import knows, and close the file.

        Raises:
            RuntimeError: What the engine said, if building failed; the file is gone then.
        """
        try:
            self._hashes.set_result(hashes)
            self._thread.join()
            if self._error is not None:
                raise self._error
            run = projection.runner(self._connection)
            projection.write(run, "loads", loads.to_pylist())
            projection.finish(run, part)
        except BaseException:
            self.abandon()
            raise
        self._close()

    def abandon(self) -> None:
        """Wait, and remove the file."""
        self._hashes.cancel()
        self._thread.join()
        with suppress(RuntimeError):
            self._close()
        with suppress(OSError):
            remove_database(self._path)

    def _close(self) -> None:
        self._connection.close()
        self._database.close()


