"""A DuckDB that keeps to its memory and spills into the run's own folder."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from graphengine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb


@dataclass(frozen=True)
class Room:
    """What a task may use.

    Attributes:
        folder: The run's own folder; on a cluster every worker sees it under the same path.
        memory: DuckDB's limit, such as "1200MB".
        threads: DuckDB's threads.
        among: So many tasks side by side share the memory.
    """

    folder: str
    memory: str = "1200MB"
    threads: int = 2
    among: int = 1


@contextmanager
def database(room: Room) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory; what DuckDB says of unreadable input is an error of the input.

    Raises:
        InputError: If a file can't be read as what its name says, or the memory limit is no amount.
    """
    import duckdb

    # A folder for each: two databases that spill into one would write over each other.
    spill = Path(room.folder, "spill", f"{os.getpid()}-{threading.get_ident()}")
    spill.mkdir(parents=True, exist_ok=True)
    try:
        con = duckdb.connect(":memory:", config={
            "threads": room.threads, "memory_limit": room.memory, "preserve_insertion_order": "false",
            "temp_directory": str(spill), "autoinstall_known_extensions": "false",
        })
    except duckdb.Error as error:
        raise InputError(f"{room.memory!r} is no amount of memory: {_first_lines(error)}", hint="--memory 2GB",
                         value=room.memory) from error
    try:
        with con:
            if room.among > 1:
                con.execute(f"SET memory_limit = '{memory_of(con) // room.among}B'")
            con.execute("SET python_enable_replacements = false; SET TimeZone = 'UTC'")
            yield con
    except duckdb.OutOfMemoryException as error:
        raise InputError(f"{room.memory} of memory are too little", hint="--memory 2GB", value=room.memory) from error
    except duckdb.InternalException:
        raise
    except duckdb.Error as error:
        hint = "check that all files have the same columns, and are whole"
        raise InputError(_first_lines(error), hint=hint) from error


def memory_of(con: duckdb.DuckDBPyConnection) -> int:
    """The memory limit, in bytes."""
    return con.execute("SELECT parse_formatted_bytes(current_setting('memory_limit'))").fetchall()[0][0]


def _first_lines(error: Exception) -> str:
    """DuckDB's words, without the advice on its own options that follows."""
    return " ".join(str(error).strip().splitlines()[:2])


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def listed(paths: tuple[str, ...]) -> str:
    """Paths as an SQL list. A star in a file's name is a star."""
    return "[" + ", ".join(quoted(path) for path in paths) + "]"
