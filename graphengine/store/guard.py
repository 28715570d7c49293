"""One owner per folder: a lock between processes, a registry inside one, and a check after fork.

The embedded engine loses committed rows silently when two of its databases meet on one path, also inside one process,
and its own lock does not help there. So nobody opens a graph's folder but through `Guard`.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from graphengine.errors import StoreBusyError, StoreError

if TYPE_CHECKING:
    from pathlib import Path

_open: dict[str, Guard] = {}
_opening = threading.Lock()


def _forget() -> None:
    """A forked child owns nothing: it can't open what its parent holds, and holds nothing when its parent lets go."""
    global _opening  # noqa: PLW0603 (another thread may have held it at the fork)
    _opening = threading.Lock()
    for guard in _open.values():
        guard.close()
    _open.clear()


os.register_at_fork(after_in_child=_forget)


class Guard:
    """The right to use a graph's folder, until `release`.

    Raises:
        StoreBusyError: If another process, or this one, has the folder open already; `pid` names it.
        StoreError: If nothing can be written there.
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
            try:
                self._file = (folder / "lock").open("a+")
            except OSError as error:
                raise StoreError(
                    f"can't open the graph {folder}: {error.strerror}", hint="mend the folder's permissions"
                ) from None
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
            try:
                self._file.seek(0)
                self._file.truncate()
                self._file.write(str(self.pid))
                self._file.flush()
            except OSError as error:
                with suppress(OSError):
                    self._file.close()
                raise StoreError(
                    f"can't write to the graph {folder}: {error.strerror}", hint="make room, then run it again"
                ) from None
            _open[self.path] = self

    def check(self) -> None:
        """Refuse to go on in a forked child, or after the folder was given back.

        Raises:
            StoreError: If this process does not hold the folder.
        """
        if os.getpid() != self.pid:
            raise StoreError("the graph was opened before a fork", hint="open the graph in the child process")
        if _open.get(self.path) is not self:
            raise StoreError("the graph is closed", hint="open it again: graphengine.open(…)")

    def release(self) -> None:
        """Give the folder back."""
        with _opening:
            if _open.get(self.path) is self and os.getpid() == self.pid:
                del _open[self.path]
                fcntl.flock(self._file, fcntl.LOCK_UN)  # a child that was forked just now may still have a copy
                self.close()

    def close(self) -> None:
        """Close the lock file; its lock stays while another copy of it is open."""
        self._file.close()
