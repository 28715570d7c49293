"""DuckDB over Arrow tables: joins and hashes of millions of rows, without a database file."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@cache
def _database(pid: int) -> duckdb.DuckDBPyConnection:  # noqa: ARG001 (a forked child needs its own)
    import duckdb

    return duckdb.connect(":memory:", config={"threads": 2, "enable_external_access": False})


def run(text: str, parameters: list[Any] | None = None, **tables: pa.Table) -> pa.Table:
    """The result of one SQL query over Arrow tables known by their argument's name.

    Example:
        >>> import pyarrow as pa
        >>> run("select max(n) as n from t", t=pa.table({"n": [1, 3]})).to_pylist()
        [{'n': 3}]
    """
    # A cursor costs 3 ms, a database of its own 40 ms; what is registered on a cursor is seen there only.
    with _database(os.getpid()).cursor() as cursor:
        for name, table in tables.items():
            cursor.register(name, table)
        return cursor.sql(text, params=parameters or None).to_arrow_table()
