"""Reading JSON, JSON Lines and Parquet as text.

Numbers keep the digits the file has: an id 165 becomes "165". Parquet columns of reals that hold whole numbers only
(what pandas makes of ids with gaps) become whole numbers too. Lists and objects become JSON text.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.errors import InputError
from graphengine.importing.scan import scan_text
from graphengine.importing.source import (
    MAX_FIELD,
    Rows,
    Source,
    compute,
    database,
    insert_rows,
    make_tables,
    unique_names,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

LINES = "lines of the file, from 1"
RECORDS = "records of the file, from 1"


# One for all lines: json.loads would make one per call.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=lambda _: None)


def load_json(text: str) -> Any:
    """Parse JSON, keeping numbers as the text they were written in; NaN and Infinity are null.

    Raises:
        ValueError: If it is not JSON, or nested too deeply.

    Example:
        >>> load_json('{"id": 165, "x": 1.50}')
        {'id': '165', 'x': '1.50'}
    """
    try:
        return _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json_file(path: Path) -> Any:
    """A whole JSON file, numbers as text.

    Raises:
        InputError: If it is not JSON, with line and column of the first fault.
    """
    scan = scan_text(path)
    text = path.read_text(encoding=scan.encoding)
    try:
        return load_json(text)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path} is not JSON: line {error.lineno}, column {error.colno}: {error.msg}",
            hint="mend the file there; `python -m json.tool FILE` checks it. One object per line? Name it .jsonl",
            file=str(path), row=error.lineno, column=error.colno,
        ) from None
    except ValueError as error:
        raise InputError(
            f"{path} is not JSON that can be read: {error}", hint="check the file", file=str(path)
        ) from None


def read_records(path: Path, records: list[Any]) -> Source:
    """A JSON list of objects as a source."""
    return _fill(path, "json", enumerate(records, start=1), RECORDS)


def read_jsonl(path: Path) -> Source:
    """Read a JSON Lines file; a line that is not an object is rejected.

    Raises:
        InputError: If it is not text in a known encoding, or no line holds an object.
    """
    scan = scan_text(path)

    def lines() -> Iterator[tuple[int, Any]]:
        with path.open(encoding=scan.encoding, newline="\n") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    try:
                        yield number, load_json(line)
                    except ValueError:
                        yield number, _NotJson(line.strip())

    return _fill(path, "jsonl", lines(), LINES)


class _NotJson(str):
    """A line that is not JSON."""


def _fill(path: Path, format: str, records: Iterable[tuple[int, Any]], counting: str) -> Source:
    """Columns are the keys of all objects, in the order in which they first come."""
    table = _Table()
    wrong: list[tuple[int, str, str]] = []
    for number, record in records:
        if not isinstance(record, dict):
            reason = "the line is not JSON" if isinstance(record, _NotJson) else "not an object with named fields"
            wrong.append((number, record if isinstance(record, str) else json.dumps(record), reason))
        elif not record:
            wrong.append((number, "{}", "the object is empty"))
        else:
            table.add(number, record)
    if not table.places:
        raise InputError(
            f"{path} holds no objects with named fields",
            hint='each record is an object, such as {"participant": "p1", "context": …}', file=str(path),
        )
    source = Source(path, format, unique_names([_clean(name) for name in table.places]), database(), counting)
    make_tables(source.con, len(source.columns), "source", "broken")
    rows = Rows(source.con, len(source.columns))
    for number, text, reason in wrong:
        rows.bad(number, [], None, _clean(text), reason, "mend the line; all others were read")
    for numbers, columns in table.parts():
        _store(source, rows, numbers, columns)
    rows.flush()
    return source


class _Table:
    """Records as columns of text, in parts of some size; a column that comes late is blank in earlier parts."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self._numbers: list[int] = []
        self._columns: list[list[Any]] = []
        self._done: list[tuple[list[int], list[pa.Array | list[str | None]]]] = []

    def add(self, number: int, record: dict[str, Any]) -> None:
        if record.keys() != self.places.keys():
            for name in record:
                if name not in self.places:
                    self.places[name] = len(self.places)
                    self._columns.append([None] * len(self._numbers))
        self._numbers.append(number)
        for name, column in zip(self.places, self._columns, strict=True):
            column.append(record.get(name))
        if len(self._numbers) >= _PART:
            self._close()

    def _close(self) -> None:
        self._done.append((self._numbers, [_compact(cells) for cells in self._columns]))
        self._numbers, self._columns = [], [[] for _ in self._columns]

    def parts(self) -> Iterator[tuple[list[int], list[pa.Array | list[str | None]]]]:
        """Row numbers and columns of each part."""
        self._close()
        for numbers, columns in self._done:
            late = [pa.nulls(len(numbers), pa.string())] * (len(self.places) - len(columns))
            yield numbers, columns + late


_PART = 100_000


def _compact(values: list[Any]) -> pa.Array | list[str | None]:
    """Values as Arrow text; as Python texts where some are not valid Unicode."""
    try:
        # Numbers were read as text, so this fails only for lists, objects, true, false, and text that is not valid.
        return pa.array(values, pa.string())
    except (pa.ArrowException, TypeError, UnicodeEncodeError):
        texts = [_text(value) for value in values]
    try:
        return pa.array(texts, pa.string())
    except UnicodeEncodeError:
        return texts


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)


def _clean(text: str) -> str:
    """Text without lone surrogates, which no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _fault(cell: str) -> str:
    if len(cell) > MAX_FIELD:
        return f"a cell of more than {MAX_FIELD:,} characters"
    return "the cell contains a NUL character" if "\0" in cell else "the cell is not valid Unicode text"


def _faulty(cell: str | None) -> bool:
    return cell is not None and (len(cell) > MAX_FIELD or "\0" in cell or not _encodes(cell))


def _encodes(cell: str) -> bool:
    try:
        cell.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _store(source: Source, rows: Rows, numbers: Sequence[int], columns: Sequence[Any]) -> None:
    """Write columns (Arrow text, or lists where text is not valid) into `source`, rows with a faulty cell to `rows`."""
    if any(isinstance(cells, list) or _has_fault(cells) for cells in columns):
        cells = [column if isinstance(column, list) else column.to_pylist() for column in columns]
        for number, row in zip(numbers, zip(*cells, strict=True), strict=True):
            place = next((place for place, cell in enumerate(row) if _faulty(cell)), None)
            if place is None:
                rows.good(number, row, sum(len(cell) for cell in row if cell))
            else:
                shown = [cell if cell is None else _clean(cell) for cell in row]
                value = row[place]
                rows.bad(number, shown, source.columns[place], shown[place] or "", _fault(value), "mend or shorten it")
        return
    insert_rows(source.con, "source", pa.array(numbers, pa.int64()), columns)


def read_parquet(path: Path) -> Source:
    """Read a Parquet file.

    Raises:
        InputError: If it is not a Parquet file, or a column can't be written as text.
    """
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            table = file.read()
        arrays = [as_text(table.column(i)) for i in range(table.num_columns)]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"{path} can't be read as Parquet: {str(error).splitlines()[0]}",
            hint="check that the file is whole, or convert it to CSV UTF-8", file=str(path),
        ) from error
    if not arrays:
        raise InputError(f"{path} has no columns", hint="check the file", file=str(path))
    source = Source(path, "parquet", unique_names(table.column_names), database(), RECORDS)
    make_tables(source.con, len(arrays), "source", "broken")
    rows = Rows(source.con, len(arrays))
    _store(source, rows, range(1, table.num_rows + 1), arrays)
    rows.flush()
    return source


def _has_fault(array: pa.Array | pa.ChunkedArray) -> bool:
    pc = compute()
    longest = pc.max(pc.utf8_length(array)).as_py() or 0
    return longest > MAX_FIELD or bool(pc.any(pc.match_substring(array, "\0")).as_py())


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of any type as text.

    Raises:
        pyarrow.ArrowException: If the type has no text form (binary that is not UTF-8).

    Example:
        >>> as_text(pa.chunked_array([[165.0, None]])).to_pylist()
        ['165', None]
    """
    pc = compute()
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
        kind = column.type
    if pa.types.is_floating(kind):
        column = column.cast(pa.float64())
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
        whole = pc.all(pc.and_(pc.equal(pc.floor(column), column), pc.less(pc.abs(column), 2**53))).as_py()
        column = column.cast(pa.int64()) if whole is not False else column
    elif pa.types.is_timestamp(kind):
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    elif pa.types.is_nested(kind):
        values = column.to_pylist()
        texts = [None if each is None else json.dumps(each, ensure_ascii=False, default=str) for each in values]
        return pa.chunked_array([pa.array(texts, pa.string())])
    return column.cast(pa.string())
