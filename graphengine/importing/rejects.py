"""Rows that were not taken: what was wrong, where, and how to mend it."""

from __future__ import annotations

import csv
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from graphengine.errors import InputError

OWN = "_reject_"
"""Columns of a rejects file that start with this are the report's, and are ignored when the file is imported."""

REPORT = tuple(OWN + name for name in ("row", "column", "value", "reason", "fix"))
_REPORT_SCHEMA = [(REPORT[0], pa.int64()), *((name, pa.string()) for name in REPORT[1:])]


@dataclass(frozen=True)
class Rejects:
    """Rejected rows, one per row of the file, in the file's order.

    Attributes:
        table: The original columns as text, then `_reject_row`, `_reject_column`, `_reject_value`,
            `_reject_reason`, `_reject_fix`. Several faults of one row are joined by "; ".
        count: Rejected records; for a wide survey rejected answers, of which one row may hold several.
        counting: What `_reject_row` counts, in words.

    Example:
        >>> Rejects.none(("id", "title")).table.column_names[:3]
        ['id', 'title', '_reject_row']
    """

    table: pa.Table
    count: int
    counting: str = "rows as a spreadsheet counts them; the header is row 1"

    @classmethod
    def none(cls, columns: tuple[str, ...]) -> Rejects:
        """No rejects of a file with these columns."""
        schema = pa.schema([(name, pa.string()) for name in columns] + _REPORT_SCHEMA)
        return cls(schema.empty_table(), 0)

    def __len__(self) -> int:
        return self.table.num_rows

    def sentences(self, limit: int = 10) -> list[str]:
        """The first rejects as sentences: row, column, value, reason, fix."""
        return [
            f"row {row[REPORT[0]]}{_column(row[REPORT[1]])}: {_short(row[REPORT[2]])}{row[REPORT[3]]}. {row[REPORT[4]]}"
            for row in self.table.slice(0, limit).select(REPORT).to_pylist()
        ]

    def write(self, path: str | os.PathLike[str]) -> str:
        """Write the rejects as CSV that can be mended and imported.

        The file is readable by its owner only, and appears whole or not at all.

        Args:
            path: Where to write; a file there is replaced.

        Returns:
            A sentence that says what the file holds.

        Raises:
            InputError: If the place can't be written.
        """
        target = Path(path)
        try:
            # mkstemp makes the file with mode 600, so that raw ids are never readable by others, not even briefly.
            handle, name = tempfile.mkstemp(prefix=target.name, suffix=".part", dir=target.parent)
        except OSError as error:
            raise _unwritable(target, error) from error
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
                writer = csv.writer(out)
                writer.writerow(self.table.column_names)
                for batch in self.table.to_batches(max_chunksize=10_000):
                    writer.writerows(zip(*(column.to_pylist() for column in batch.columns), strict=True))
                out.flush()
                os.fsync(out.fileno())
            Path(name).replace(target)
        except OSError as error:
            Path(name).unlink(missing_ok=True)
            raise _unwritable(target, error) from error
        rows = "1 rejected row" if len(self) == 1 else f"{len(self):,} rejected rows"
        return (
            f"{target} holds {rows} with raw participant ids, readable by you only (mode 600); "
            f"mend what is there and import that file alone, then delete it."
        )


def _column(name: str | None) -> str:
    return f', column "{name}"' if name else ""


def _short(value: str | None) -> str:
    if not value:
        return ""
    return f'"{value if len(value) <= 60 else value[:57] + "…"}": '


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"the rejects can't be written to {path}: {error.strerror or error}",
        hint="name a file in a folder that is there and that you may write to",
        file=str(path),
    )
