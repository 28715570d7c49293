"""The extra `fast`: kernels that numba compiles, used whenever it is installed; the same numbers to 1e-9.

Compiled kernels let go of the interpreter's lock and are called from this room's own threads.
"""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

WIDEST = 128
"""Contexts of more cards are left to BLAS."""

_wanted = True


def there() -> bool:
    """Is the extra installed?"""
    return find_spec("numba") is not None


def use(wanted: bool) -> None:
    """Use the kernels or not, for benchmarks and tests; they are used by default."""
    global _wanted  # noqa: PLW0603
    _wanted = wanted


def kernels() -> ModuleType | None:
    """The compiled kernels; None where the extra is not installed or not wanted."""
    return _load() if _wanted else None


@lru_cache(maxsize=1)
def _load() -> ModuleType | None:
    return import_module("graphengine.ranking.compiled") if there() else None
