"""The answer to a person's own query, as a table."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa


def as_arrow(columns: dict[str, list[Any]], cut: bool = False) -> pa.Table:
    """Columns of a person's own query as a table; what Arrow can't type becomes text. `cut`: there were more rows."""
    arrays: dict[str, pa.Array] = {}
    for name, values in columns.items():
        plain = [_plain(value) for value in values]
        try:
            arrays[name] = pa.array(plain)
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
            arrays[name] = pa.array([None if v is None else str(v) for v in plain], pa.string())
    return pa.table(arrays, metadata={"truncated": "true"} if cut else None)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "items"):  # a node or relationship: its properties; the engine's own marks start with _
        return {key: _plain(item) for key, item in value.items() if not str(key).startswith("_")}
    return value
