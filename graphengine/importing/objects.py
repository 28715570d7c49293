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
from graphengine.importing.scan import scan_text, sha256_of
from graphengine.importing.source import MAX_FIELD, Rows, Source, compute, database, insert, make_tables, unique_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LINES = "lines of the file, from 1"
RECORDS = "records of the file, from 1"


def load_json(text: str) -> Any:
    """Parse JSON, keeping numbers as the text they were written in.

    Raises:
        ValueError: If it is not JSON, or nested too deeply.

    Example:
        >>> load_json('{"id": 165, "x": 1.50}')
        {'id': '165', 'x': '1.50'}
    """
    try:
        return json.loads(text, parse_int=str, parse_float=str)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json_file(path: Path) -> tuple[Any, str]:
    """A whole JSON file, numbers as text, and the file's hash.

    Raises:
        InputError: If it is not JSON, with line and column of the first fault.
    """
    scan = scan_text(path)
    text = path.read_text(encoding=scan.encoding)
    try:
        return load_json(text), scan.sha256
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


def read_records(path: Path, records: list[Any], file_sha256: str) -> Source:
    """A JSON list of objects as a source."""
    return _fill(path, "json", enumerate(records, start=1), RECORDS, file_sha256)


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

    return _fill(path, "jsonl", lines(), LINES, scan.sha256)


class _NotJson(str):
    """A line that is not JSON."""


def _fill(path: Path, format: str, records: Iterable[tuple[int, Any]], counting: str, sha: str) -> Source:
    """Columns are the keys of all objects, in the order in which they first come."""
    places: dict[str, int] = {}
    numbers: list[int] = []
    columns: list[list[str | None]] = []
    wrong: list[tuple[int, str, str]] = []
    for number, record in records:
        if not isinstance(record, dict):
            reason = "the line is not JSON" if isinstance(record, _NotJson) else "not an object with named fields"
            wrong.append((number, record if isinstance(record, str) else json.dumps(record), reason))
            continue
        if not record:
            wrong.append((number, "{}", "the object is empty"))
            continue
        for name in record:
            if name not in places:
                places[name] = len(places)
                columns.append([None] * len(numbers))
        numbers.append(number)
        for name, place in places.items():
            columns[place].append(_text(record.get(name)))
    if not places:
        raise InputError(
            f"{path} holds no objects with named fields",
            hint='each record is an object, such as {"participant": "p1", "context": …}', file=str(path),
        )
    names = unique_names([_clean(name) for name in places])
    source = Source(path, format, names, database(), counting, file_sha256=sha)
    _store(source, numbers, columns)
    rows = Rows(source.con, len(columns))
    for number, text, reason in wrong:
        rows.bad(number, [], None, _clean(text), reason, "mend the line; all others were read")
    rows.flush()
    return source


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
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


def _store(source: Source, numbers: list[int], columns: list[list[str | None]]) -> None:
    """Write columns into `source`, rows with a faulty cell into `broken`."""
    width = len(columns)
    make_tables(source.con, width, "source", "broken")
    bad: dict[int, int] = {}
    for place, cells in enumerate(columns):
        for i, cell in enumerate(cells):
            if _faulty(cell):
                bad.setdefault(i, place)
    rows = Rows(source.con, width)
    for i, place in bad.items():
        cells = [column[i] for column in columns]
        shown = [cell if cell is None else _clean(cell) for cell in cells]
        value = cells[place] or ""
        rows.bad(numbers[i], shown, source.columns[place], _clean(value), _fault(value), "mend or shorten the cell")
    rows.flush()
    if bad:
        keep = [i for i in range(len(numbers)) if i not in bad]
        numbers = [numbers[i] for i in keep]
        columns = [[cells[i] for i in keep] for cells in columns]
    arrays = [pa.array(numbers, pa.int64()), *(pa.array(cells, pa.string()) for cells in columns)]
    insert(source.con, "source", pa.Table.from_arrays(arrays, ["row", *(f"c{i}" for i in range(width))]))


def read_parquet(path: Path) -> Source:
    """Read a Parquet file.

    Raises:
        InputError: If it is not a Parquet file, or a column can't be written as text.
    """
    from pyarrow import parquet

    try:
        table = parquet.ParquetFile(path).read()
        arrays = [as_text(table.column(i)) for i in range(table.num_columns)]
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(
            f"{path} can't be read as Parquet: {str(error).splitlines()[0]}",
            hint="check that the file is whole, or convert it to CSV UTF-8", file=str(path),
        ) from error
    if not arrays:
        raise InputError(f"{path} has no columns", hint="check the file", file=str(path))
    names = unique_names(table.column_names)
    source = Source(path, "parquet", names, database(), RECORDS, file_sha256=sha256_of(path))
    if any(_has_fault(array) for array in arrays):
        _store(source, list(range(1, table.num_rows + 1)), [array.to_pylist() for array in arrays])
        return source
    make_tables(source.con, len(arrays), "source", "broken")
    rows = pa.array(range(1, table.num_rows + 1), pa.int64())
    insert(source.con, "source", pa.Table.from_arrays([rows, *arrays], ["row", *(f"c{i}" for i in range(len(arrays)))]))
    return source


def _has_fault(array: pa.ChunkedArray) -> bool:
    pc = compute()
    longest = pc.max(pc.utf8_length(array)).as_py() or 0
    return longest > MAX_FIELD or bool(pc.any(pc.match_substring(array, "\0")).as_py())


def as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of any type as text; blank is null.

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
    text = column.cast(pa.string())
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
