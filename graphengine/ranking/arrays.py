"""The two kinds of arrays of this room, and Arrow's compute functions, imported when first used."""

from __future__ import annotations

from importlib import import_module
from typing import Any, TypeAlias

from numpy.typing import NDArray

Reals: TypeAlias = NDArray[Any]
"""float64, unless a docstring says otherwise."""

Ints: TypeAlias = NDArray[Any]
"""int64 (codes, counts, ranks)."""


def compute() -> Any:
    """`pyarrow.compute`; its functions are made at run time, so no type checker knows them."""
    return import_module("pyarrow.compute")
