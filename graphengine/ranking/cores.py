"""Work on all cores: numpy, BLAS and Arrow let go of the interpreter's lock, so threads are enough.

What is handed out in parts never depends on how many threads there are, so neither do results.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Part = TypeVar("Part")
Result = TypeVar("Result")

_MOST = 8
# Below so many rows a thread takes longer to start than the work.
_WORTH = 5_000


def cores() -> int:
    """How many threads are used: the cores that this process may run on, at most 8."""
    able = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(able, _MOST))


def spread(work: Callable[[Part], Result], parts: Iterable[Part], rows: int | None = None) -> list[Result]:
    """`work` of every part, in the order of the parts; an error of one is raised.

    Args:
        work: What to do.
        parts: With what.
        rows: The size of it all, where it may be small: then no threads are started.

    Example:
        >>> spread(lambda n: n * n, [1, 2, 3])
        [1, 4, 9]
    """
    given = list(parts)
    threads = min(cores(), len(given))
    if threads < 2 or (rows is not None and rows < _WORTH):
        return [work(part) for part in given]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, given))
