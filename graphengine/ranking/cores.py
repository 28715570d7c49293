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


def cores() -> int:
    """How many threads are used: the cores that this process may run on, at most 8."""
    able = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(able, _MOST))


def spread(work: Callable[[Part], Result], parts: Iterable[Part]) -> list[Result]:
    """`work` of every part, in the order of the parts; an error of one is raised.

    Example:
        >>> spread(lambda n: n * n, [1, 2, 3])
        [1, 4, 9]
    """
    given = list(parts)
    threads = min(cores(), len(given))
    if threads < 2:
        return [work(part) for part in given]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(work, given))
