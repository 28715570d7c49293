"""One owner per folder: a lock between processes, a registry inside one, and a check after fork.

The embedded engine loses committed rows silently when two of its databases meet on one path, also inside one process,
and its own lock does not help there. So nobody opens a graph's folder but through `Guard`.
"""

from __future__ import annotations

import fcntl
import os
import threading
from typing import TYPE_CHECKING

from graphengine.errors import StoreBusyError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

_open: set[str] = set()
_opening = threading.Lock()


class Guard:
    """The right to use a graph's folder, until `release`.

    Raises:
        StoreBusyError: If another process, or this one, has the folder open already; `pid` names it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = os.path.realpath(folder)
        self.pid = os.getpid()
        with _opening:
            if self.path in _open:
                raise StoreBusyError(
                    f"{folder} is open already in this process",
                    hint="close the other MoralGraph first (use `with graphengine.open(…)`)", pid=self.pid,
                )
            self._file = (folder / "lock").open("a+")
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                self._file.seek(0)
                holder = self._file.read().strip() or "unknown"
                self._file.close()
                raise StoreBusyError(
                    f"{folder} is in use by another process (PID {holder})",
                    hint="wait until it has finished, or end it; one process owns a graph's folder at a time",
                    pid=int(holder) if holder.isdigit() else None,
                ) from None
            self._file.seek(0)
            self._file.truncate()
            self._file.write(str(self.pid))
            self._file.flush()
            _open.add(self.path)

    def check(self) -> None:
        """Refuse to go on in a forked child.

        Raises:
            StoreError: If this process is not the one that opened the folder.
        """
        if os.getpid() != self.pid:
            raise StoreError("the graph was opened before a fork", hint="open the graph in the child process")

    def release(self) -> None:
        """Give the folder back."""
        with _opening:
            if self.path in _open and os.getpid() == self.pid:
                _open.discard(self.path)
                self._file.close()
