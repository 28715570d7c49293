"""Columns of survey files: CSV, SPSS and Stata."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_STATISTICS = {".sav": "read_sav", ".zsav": "read_sav", ".dta": "read_dta"}
_DELIMITED = (".csv", ".tsv", ".txt")
_NONE = frozenset({"", ".", "na", "nan", "null"})


@dataclass(frozen=True)
class SurveyFile:
    """A file whose columns can be read.

    Attributes:
        path: The file.
        names: Its columns, in order.
        read: Reads some columns: the cells by name, in the order of the rows, None where there is nothing.
    """

    path: Path
    names: tuple[str, ...]
    read: Callable[[Sequence[str]], dict[str, list[Any]]]

    def named(self, name: str) -> str | None:
        """The column of that name, in whatever case; None where there is none."""
        return {each.lower(): each for each in self.names}.get(name.lower())


def survey_file(path: str | Path) -> SurveyFile:
    """Open a survey file: .csv, .tsv, .sav, .zsav or .dta.

    Values that a file of SPSS or Stata declares to be missing are read as missing.

    Raises:
        InputError: If it can't be read.
        MissingExtraError: If it is from SPSS or Stata and pyreadstat is not installed.
    """
    path = Path(path)
    ending = path.suffix.lower()
    if not path.is_file():
        raise InputError(f"there is no file {path}", hint="check its name", file=path)
    if ending in _STATISTICS:
        return _from_statistics(path, _STATISTICS[ending])
    if ending in _DELIMITED:
        return _delimited(path)
    raise InputError(f"{path} is none of CSV, SPSS (.sav) and Stata (.dta)", hint="save it as one of these", file=path)


def _from_statistics(path: Path, reader: str) -> SurveyFile:
    try:
        import pyreadstat
    except ImportError:
        raise MissingExtraError.of("pyreadstat", "survey") from None

    def read(names: Sequence[str] | None) -> tuple[dict[str, list[Any]], Any]:
        wanted: dict[str, Any] = {"metadataonly": True} if names is None else {"usecols": list(names)}
        try:
            return getattr(pyreadstat, reader)(str(path), output_format="dict", **wanted)
        except (pyreadstat.ReadstatError, pyreadstat.PyreadstatError, OSError, ValueError) as error:
            raise InputError(f"{path} can't be read: {error}", hint="see that it is whole, and from SPSS or Stata",
                             file=path) from error

    _, about = read(None)
    labels: dict[str, dict[Any, str]] = about.variable_value_labels

    def cells(names: Sequence[str]) -> dict[str, list[Any]]:
        found, _ = read(names)
        return {name: [_plain(cell, labels.get(name, {})) for cell in found[name]] for name in names}

    return SurveyFile(path, tuple(about.column_names), cells)


class Coded(float):
    """A code with the label that the file gives it."""

    label: str

    def __new__(cls, code: float, label: str) -> Coded:
        """A code and its label."""
        made = super().__new__(cls, code)
        made.label = label
        return made


def _plain(cell: Any, labels: dict[Any, str]) -> Any:
    if cell is None or cell == "" or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if labels and isinstance(cell, int | float) and cell in labels:
        return Coded(cell, labels[cell])
    return cell


def _delimited(path: Path) -> SurveyFile:
    import csv

    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            delimiter = max(",;\t", key=first.count)
            file.seek(0)
            names = next(csv.reader(file, delimiter=delimiter), [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} can't be read: {error}", hint="save it as CSV in UTF-8", file=path) from error
    if not any(names):
        raise InputError(f"{path} is empty", hint="the first row names the columns", file=path)
    names = [name.strip() for name in names]
    for name in names:
        if name and [each.lower() for each in names].count(name.lower()) > 1:
            raise InputError(f"{path} has the column {name} twice", hint="leave one of them out", file=path,
                             column=name)

    def cells(wanted: Sequence[str]) -> dict[str, list[Any]]:
        places = [names.index(name) for name in wanted]
        found: dict[str, list[Any]] = {name: [] for name in wanted}
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = csv.reader(file, delimiter=delimiter, strict=True)
                next(rows)
                for row in rows:
                    if not row:
                        continue
                    if len(row) != len(names):
                        raise InputError(f"{path}, line {rows.line_num}: {len(row)} cells, and {len(names)} columns",
                                         hint="see the quotes and delimiters of that line", file=path,
                                         row=rows.line_num)
                    for name, place in zip(wanted, places, strict=True):
                        cell = row[place].strip()
                        found[name].append(None if cell.lower() in _NONE else cell)
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise InputError(f"{path} can't be read: {error}", hint="save it as CSV in UTF-8", file=path) from error
        return found

    return SurveyFile(path, tuple(names), cells)


def numbers(cells: Sequence[Any], file: SurveyFile, column: str) -> list[float]:
    """Cells as numbers, NaN where there is nothing.

    Raises:
        InputError: If one is no number, with its row.
    """
    made: list[float] = []
    for row, cell in enumerate(cells, 1):
        try:
            made.append(float("nan") if cell is None else float(cell))
        except (TypeError, ValueError):
            raise InputError(f"{file.path}, row {row}, {column}: {cell!r} is no number",
                             hint="give codes, not labels", file=file.path, row=row, column=column,
                             value=str(cell)) from None
    return made


def labels(cells: Sequence[Any]) -> list[str]:
    """Cells as names of groups: the file's labels where it has some; "" where there is nothing."""
    return ["" if cell is None else cell.label if isinstance(cell, Coded) else
            f"{cell:g}" if isinstance(cell, float) else str(cell).strip() for cell in cells]
