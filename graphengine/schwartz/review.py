"""The sheet on which people correct a model's labels, and how far they agree with it and with each other."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from graphengine.errors import InputError
from graphengine.schwartz.annotate import labels_of
from graphengine.schwartz.items import short
from graphengine.schwartz.names import did_you_mean
from graphengine.schwartz.rows import Label, Row, label, remap, written
from graphengine.schwartz.system import load_system

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COLUMNS = ("row", "prompt", "answer", "model_items", "items")
"""Of the sheet. People fill `items`: `ok`, or the items as they should be, or `none`; empty is not looked at."""

_OK, _NONE = "ok", "none"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def sheet(rows: Sequence[Row]) -> str:
    r"""The review sheet, as CSV.

    Texts that a spreadsheet would take for a formula get an apostrophe in front; they are not read back.

    Example:
        >>> from graphengine.schwartz.rows import dialogue
        >>> print(sheet([Row(1, dialogue("Hi", "=1"), (label("be polite: +1"),), ())]).replace("\r", ""), end="")
        row,prompt,answer,model_items,items
        1,Hi,'=1,polite: +1,
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        listed = "; ".join(f"{short(each.name)}: {each.written}" for each in row.items) or _NONE
        writer.writerow([row.number, *map(_safe, (row.prompt, row.response, listed)), ""])
    return out.getvalue()


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def read_sheet(path: str | Path, rows: Sequence[Row]) -> dict[int, tuple[Label, ...]]:
    """What a person made of the labels, by the number of the row; rows that nobody looked at are not in it.

    Args:
        path: The sheet, with `items` filled in.
        rows: The rows that it was written for.

    Raises:
        InputError: If it is no such sheet, a row is unknown or twice there, or an item or sign is; with row and column.
    """
    path = Path(path)
    hint = "fill in `items`: ok, none, or for example: honest: +1; polite: -1"
    try:
        read = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
        filled = list(read)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no CSV in UTF-8: {error}", hint="save it as CSV in UTF-8", file=path) from error
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}", hint=hint, file=path) from error
    for name in ("row", "items"):
        if name not in (read.fieldnames or []):
            raise InputError(f"{path} has no column {name}", hint=did_you_mean(name, read.fieldnames or []), file=path,
                             column=name)
    by_number = {str(row.number): row for row in rows}
    found: dict[int, tuple[Label, ...]] = {}
    for line, cells in enumerate(filled, 2):
        where = f"{path}, row {line}"
        row = by_number.get((cells["row"] or "").strip())
        if row is None:
            raise InputError(f"{where}: there is no labelled row {cells['row']!r}", hint="leave the column as it was",
                             file=path, row=line, column="row")
        told = (cells["items"] or "").strip()
        if row.number in found:
            raise InputError(f"{where}: row {row.number} is there twice", hint="leave one of them out", file=path,
                             row=line, column="row")
        if told:
            found[row.number] = _read(told, row, where)
    return found


def _read(told: str, row: Row, where: str) -> tuple[Label, ...]:
    if told.lower() == _OK:
        return row.items
    if told.lower() == _NONE:
        return ()
    pairs = []
    for part in re.split(r"[;\n]", told):
        if part.strip():
            name, colon, sign = part.rpartition(":")
            if not colon:
                raise InputError(f"{where}, column items: {part.strip()!r} has no sign",
                                 hint="write for example: honest: +1; polite: -1", column="items", value=part)
            pairs.append((name.strip(), sign.strip()))
    return labels_of(pairs, f"{where}, column items")


class Agreement(NamedTuple):
    """How far two say the same, over cells of (row, value): -1, 0, 1.

    Attributes:
        name: The value, or `all`.
        cells: How many.
        same: Share that is the same.
        kappa: Cohen's kappa: agreement beyond chance; None where both always say one thing.
        said: Cells that are not 0 for one of the two: without them most agreement is on zeros.
        same_said: Share of these that is the same; None where there are none.
    """

    name: str
    cells: int
    same: float
    kappa: float | None
    said: int
    same_said: float | None


@dataclass(frozen=True)
class Reviewed:
    """Rows after people have looked at them.

    Attributes:
        rows: All rows; those that people looked at have their labels, and `reviewed_by` (how many) in `more`.
        looked_at: How many rows somebody looked at.
        changed: How many of these have other items than the model gave.
        undecided: (row, item) of which no opinion, nor having none, is that of more than half: it has no label.
        with_model: Agreement of people with the model, all and per value.
        between: Agreement between people who looked at the same rows; None where there are none.
    """

    rows: tuple[Row, ...]
    looked_at: int
    changed: int
    undecided: tuple[tuple[int, str], ...]
    with_model: tuple[Agreement, ...]
    between: tuple[Agreement, ...] | None

    def as_json(self) -> dict[str, Any]:
        """Counts and agreement."""
        return {
            "rows": len(self.rows), "looked_at": self.looked_at, "changed": self.changed,
            "undecided": [{"row": row, "item": item} for row, item in self.undecided],
            "with_model": [each._asdict() for each in self.with_model],
            "between": None if self.between is None else [each._asdict() for each in self.between],
        }


def review(
    rows: Sequence[Row], sheets: Sequence[Mapping[int, tuple[Label, ...]]], policy: str = "schwartz"
) -> Reviewed:
    """Put people's corrections into the rows.

    An item has the label that more than half of those who looked at the row gave it.

    Args:
        rows: With the model's labels.
        sheets: One for each person, from `read_sheet`.
        policy: Where items stand among the ten values.

    Example:
        >>> rows = [Row(1, "", (label("be honest: +1"),), ())]
        >>> found = review(rows, [{1: (label("be honest: -1"),)}])
        >>> found.rows[0].types[0].text, found.changed, found.with_model[0].same
        ('benevolence: -1', 1, 0.9)
    """
    made: list[Row] = []
    undecided: list[tuple[int, str]] = []
    for row in rows:
        said = [each[row.number] for each in sheets if row.number in each]
        if not said:
            made.append(row)
            continue
        votes = Counter((each.name, each.sign) for labels in said for each in labels)
        items = tuple(label(written(name, sign)) for (name, sign), number in votes.items()
                      if sign and 2 * number > len(said))
        kept = {each.name for each in items}
        named = Counter(name for labels in said for name in {each.name for each in labels})
        undecided += sorted((row.number, name) for name, number in named.items()
                            if name not in kept and 2 * number >= len(said))
        made.append(remap(replace(row, items=items, more={**row.more, "reviewed_by": len(said)}), policy))
    pairs = [(row, replace(row, items=each[row.number])) for each in sheets for row in rows if row.number in each]
    both = [(replace(row, items=one[row.number]), replace(row, items=two[row.number]))
            for one, two in combinations(sheets, 2) for row in rows if row.number in one and row.number in two]
    looked = [(old, new) for old, new in zip(rows, made, strict=True) if "reviewed_by" in new.more]
    changed = sum({each.text for each in old.items} != {each.text for each in new.items} for old, new in looked)
    return Reviewed(tuple(made), len(looked), changed, tuple(undecided), agreement(pairs, policy),
                    agreement(both, policy) if both else None)


def agreement(pairs: Sequence[tuple[Row, Row]], policy: str) -> tuple[Agreement, ...]:
    """How far two labellings of the same rows agree, for all cells and for each of the ten values.

    A value with both signs counts as a label of its own.
    """
    places = load_system("schwartz-10").ids
    told = [(_cells(one, policy), _cells(two, policy)) for one, two in pairs]
    by_value = {value: [(one[value], two[value]) for one, two in told] for value in places}
    everything = [each for cells in by_value.values() for each in cells]
    return tuple(_agreement(name, cells) for name, cells in {"all": everything, **by_value}.items())


def _cells(row: Row, policy: str) -> dict[str, tuple[int, ...]]:
    signs = row.signs(policy)
    return {value: tuple(sorted(sign for name, sign in signs if name == value))
            for value in load_system("schwartz-10").ids}


def _agreement(name: str, cells: Sequence[tuple[tuple[int, ...], tuple[int, ...]]]) -> Agreement:
    if not cells:
        return Agreement(name, 0, 0.0, None, 0, None)
    same = sum(one == two for one, two in cells) / len(cells)
    ones, twos = Counter(one for one, _ in cells), Counter(two for _, two in cells)
    chance = sum(ones[each] * twos[each] for each in ones) / len(cells) ** 2
    said = [one == two for one, two in cells if one or two]
    return Agreement(name, len(cells), same, None if chance == 1 else (same - chance) / (1 - chance), len(said),
                     sum(said) / len(said) if said else None)
