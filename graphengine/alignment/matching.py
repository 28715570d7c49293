"""Two tables of utilities put together by id, and everything that can be wrong with them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.alignment.pairs import codes, dense
from graphengine.errors import InputError
from graphengine.schwartz.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

ID, UTILITY = "id", "utility"
_SHOWN = 3


@dataclass(frozen=True)
class Rows:
    """Texts with both utilities.

    Attributes:
        ids: A name for each text.
        human: U_H, (n,).
        model: U_A, (n,).
        block: Only pairs of one block count, (n,), numbered from 0.
        unit: What a row is drawn with, (n,), numbered from 0.
        group: The group of each row; empty without groups.
    """

    ids: tuple[str, ...]
    human: NDArray[np.float64]
    model: NDArray[np.float64]
    block: NDArray[np.intp]
    unit: NDArray[np.intp]
    group: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def units(self) -> int:
        """How many units there are."""
        return int(self.unit.max()) + 1

    @cached_property
    def own(self) -> NDArray[np.intp] | None:
        """Blocks of rows that share block and unit; None where every row is a unit of its own."""
        return None if self.units == len(self) else dense(self.block, self.unit)

    @cached_property
    def pairs(self) -> int:
        """How many pairs count."""
        sizes = np.bincount(self.block)
        return int((sizes * (sizes - 1)).sum()) // 2

    def of_group(self, name: str) -> Rows:
        """The rows of one group."""
        at = [place for place, each in enumerate(self.group) if each == name]
        return Rows(
            tuple(self.ids[place] for place in at), self.human[at], self.model[at], codes(self.block[at]),
            codes(self.unit[at]),
        )


@dataclass(frozen=True)
class Matched:
    """What two tables gave.

    Attributes:
        rows: The texts that both have.
        left_out: Rows of either table, `human` and `model`, whose text the other does not have.
        within_groups: Whether pairs count inside a group only, since texts are in several groups.
    """

    rows: Rows
    left_out: dict[str, int]
    within_groups: bool


def matched(
    human: pa.Table, model: pa.Table, *, by: str = "", within: str = "", groups: str = "", common: bool = False,
    names: tuple[str, str] = ("the human table", "the model table"),
) -> Matched:
    """Put two tables together.

    Args:
        human: `id, utility`, and the columns named below unless the model's table has them; with `groups` an id may be
            there once for each group.
        model: `id, utility`; with `groups` one row for each id, or for each id and group where it has that column.
        by: The column whose values are drawn together; "": each row alone.
        within: The column inside which pairs count; "": all pairs count.
        groups: The column of the people's groups; "": none.
        common: Leave out texts that only one table has, instead of refusing them.
        names: What the tables are called in errors.

    Raises:
        InputError: If a column is missing, a table is empty, an id is missing or there twice, a utility is no finite
            number, ids don't match, a text has two prompts, or there is no pair.
    """
    one, other = _Side(human, names[0], groups), _Side(model, names[1], groups)
    if groups and groups not in one.columns:
        raise one.lacks(groups)
    keys = list(zip(one.groups or [""] * len(one.ids), one.ids, strict=True))
    one.unique(keys)
    theirs = list(zip(other.groups, other.ids, strict=True)) if other.groups else [("", each) for each in other.ids]
    other.unique(theirs)
    place = {key: row for row, key in enumerate(theirs)}
    wanted = keys if other.groups else [("", each) for _, each in keys]
    there = [row for row, key in enumerate(wanted) if key in place]
    known = set(wanted)
    extra = [key for key in theirs if key not in known]
    lost = [wanted[row] for row in range(len(wanted)) if wanted[row] not in place]
    if not there or (not common and (lost or extra)):
        raise _unmatched(one, other, lost, extra, common=common)
    at = [place[wanted[row]] for row in there]
    columns = {name: _column(one, other, there, at, name) for name in dict.fromkeys((by, within)) if name}
    group = tuple(one.groups[row] for row in there) if groups else ()
    ids = tuple(one.ids[row] for row in there)
    again = bool(groups) and len(set(ids)) < len(ids)
    lines = list(zip(columns.get(within, [""] * len(ids)), group if again else [""] * len(ids), strict=True))
    rows = Rows(
        ids, one.utilities[there], other.utilities[at], codes(lines),
        codes(columns[by]) if by else np.arange(len(ids)), group,
    )
    if not rows.pairs:
        told = f"no {within} has two rows" if within else f"{names[0]} has one row"
        raise InputError(f"{told}, so there is no pair", hint="give two texts or more" + (
            f", or compare across each {within}: leave --within out" if within else ""))
    return Matched(rows, {"human": len(lost), "model": len(extra)}, again)


class _Side:
    """One of the tables, checked."""

    def __init__(self, table: pa.Table, name: str, groups: str) -> None:
        self.name, self.columns, self._table = name, table.column_names, table
        for needed in (ID, UTILITY):
            if needed not in self.columns:
                raise self.lacks(needed)
        if not table.num_rows:
            raise InputError(f"{name} has no rows", hint="each row is a text with its utility", file=name)
        self.ids = self.texts(ID)
        self.utilities = np.array([self._number(*each) for each in enumerate(table.column(UTILITY).to_pylist())])
        self.groups = self.texts(groups) if groups in self.columns else []

    def lacks(self, column: str) -> InputError:
        return InputError(f"{self.name} has no column {column!r}", hint=did_you_mean(column, self.columns),
                          file=self.name, column=column)

    def texts(self, column: str) -> list[str]:
        """A column as texts; whole numbers are written out, so that 7 or 7.0 in one table is "7" in the other."""
        found = [int(value) if isinstance(value, float) and value.is_integer() else value
                 for value in self._table.column(column).to_pylist()]
        for row, value in enumerate(found, 1):
            if value is None or value == "" or isinstance(value, float | list | dict):
                raise InputError(
                    f"{self.name}, row {row}: {column} is {'empty' if value in (None, '') else repr(value)}",
                    hint=f"each row needs a text or a whole number as {column}", file=self.name, row=row, column=column,
                )
        return [str(value) for value in found]

    def _number(self, row: int, value: Any) -> float:
        try:
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            told = "empty" if value in (None, "") else repr(value)
            raise InputError(f"{self.name}, row {row + 1} (id {self.ids[row]}): the utility is {told}",
                             hint="give a finite number, or leave the row out of both tables", file=self.name,
                             row=row + 1, column=UTILITY)
        return number

    def unique(self, keys: Sequence[tuple[str, str]]) -> None:
        seen: dict[tuple[str, str], int] = {}
        for row, key in enumerate(keys, 1):
            if key in seen:
                of = f" of group {key[0]}" if key[0] else ""
                raise InputError(
                    f"{self.name}: the id {key[1]}{of} is in rows {seen[key]} and {row}",
                    hint="give each text one row and an id of its own; a table with a row for each group of people "
                         "needs --groups COLUMN", file=self.name, row=row, column=ID, value=key[1],
                )
            seen[key] = row


def _column(one: _Side, other: _Side, there: list[int], at: list[int], name: str) -> list[str]:
    """A column of either table; where both have it they must agree."""
    if name not in one.columns and name not in other.columns:
        known = [*one.columns, *(each for each in other.columns if each not in one.columns)]
        raise InputError(f"neither table has a column {name!r}", hint=did_you_mean(name, known), column=name)
    found = [[texts[row] for row in rows] for side, rows in ((one, there), (other, at)) if name in side.columns
             for texts in [side.texts(name)]]
    for row, both in enumerate(zip(*found, strict=True)):
        if len(set(both)) > 1:
            raise InputError(
                f"{name} of the id {one.ids[there[row]]} is {both[0]!r} in {one.name} and {both[1]!r} in {other.name}",
                hint="the same id must mean the same text in both tables", row=there[row] + 1, column=name,
            )
    return found[0]


def _unmatched(
    one: _Side, other: _Side, lost: list[tuple[str, str]], extra: list[tuple[str, str]], *, common: bool
) -> InputError:
    def told(side: _Side, missing: list[tuple[str, str]]) -> str:
        names = [f"{name} of {group}" if group else name for group, name in dict.fromkeys(missing)]
        some = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        return f"{side.name} lacks {len(names)} of the ids ({some})"

    what = "; ".join(told(side, missing) for side, missing in ((other, lost), (one, extra)) if missing)
    hint = "see that both tables name texts in the same way" if common or len(lost) == len(one.ids) else (
        "measure the same texts in both, or those that both have: --common")
    return InputError(f"the tables don't hold the same texts: {what}", hint=hint, column=ID,
                      value=[name for _, name in [*lost, *extra][:_SHOWN]])
