"""What is wrong with labelled rows, and what to do about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from graphengine.schwartz.items import find, near
from graphengine.schwartz.names import did_you_mean
from graphengine.schwartz.system import load_system

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from graphengine.schwartz.rows import Label, Row

KINDS = {
    "off_list_type": "a type that is none of the ten values; it counts as nothing",
    "value_types_malformed": "the sign of a type is none of +1, -1, 1; the label counts as nothing",
    "value_items_malformed": "the sign of an item is none of +1, -1, 1; the label counts as nothing",
    "duplicate_type": "a type is listed more than once; it counts once",
    "conflicting_type": "a type is listed with both signs; the value can't be told",
    "unmapped_item": "an item that is none of the 58; it belongs to no value",
    "empty": "no type at all; whether nothing applies or nobody looked can't be told",
    "item_type_mismatch": "the types are not those that follow from the items; `remap` makes them follow",
}
"""What the linter looks for, and what each defect means."""

BARE = "bare 1"


class Finding(NamedTuple):
    """One defect.

    Attributes:
        kind: A key of `KINDS`.
        row: Number of the line.
        label: The label at fault, or ''.
        told: What is wrong here, and what would be right.
    """

    kind: str
    row: int
    label: str
    told: str


@dataclass(frozen=True)
class Lint:
    """What is wrong with some rows.

    Attributes:
        rows: How many there are.
        labels: Labels per field.
        signs: How signs are written, per field: `+1`, `-1`, `bare 1`, `malformed`.
        bare_rows: Lines with a bare 1: read as +1, which is a guess.
        findings: Every defect, by kind, then by line.
    """

    rows: int
    labels: dict[str, int]
    signs: dict[str, dict[str, int]]
    bare_rows: tuple[int, ...]
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many defects of each kind."""
        found = Counter(each.kind for each in self.findings)
        return {kind: found[kind] for kind in KINDS}

    def where(self, kind: str) -> list[int]:
        """The lines with a defect of a kind."""
        return [each.row for each in self.findings if each.kind == kind]

    def as_json(self) -> dict[str, Any]:
        """Counts, and every finding."""
        return {
            "rows": self.rows, "labels": self.labels, "signs": self.signs, "rows_with_bare_1": list(self.bare_rows),
            "counts": self.counts, "findings": [each._asdict() for each in self.findings],
        }


def lint(rows: Sequence[Row], policy: str = "fulcra_code") -> Lint:
    """Look for defects.

    Labels whose sign is malformed are skipped in all other checks, except that they must follow from items like others.

    Args:
        rows: The rows.
        policy: By which types must follow from items.

    Example:
        >>> from graphengine.schwartz.rows import Row, label
        >>> row = Row(7, "", (label("be helpfull: +1"),), (label("benevolence: 1"),))
        >>> for each in lint([row]).findings:
        ...     print(each.kind, "|", each.told)
        unmapped_item | 'be helpfull' is none of the 58 items; did you mean 'be helpful'?
        item_type_mismatch | listed, but no item says so: benevolence: +1
    """
    fields = {"value_types": [row.types for row in rows], "value_items": [row.items for row in rows]}
    signs = {
        field: dict(Counter(_sign(each) for labels in lists for each in labels)) for field, lists in fields.items()
    }
    found = [each for row in rows for each in _of_row(row, policy)]
    order = list(KINDS)
    return Lint(
        len(rows), {field: sum(map(len, lists)) for field, lists in fields.items()},
        {field: {name: counts.get(name, 0) for name in ("+1", "-1", BARE, "malformed")}
         for field, counts in signs.items()},
        tuple(row.number for row in rows if any(_sign(each) == BARE for each in (*row.types, *row.items))),
        tuple(sorted(found, key=lambda each: (order.index(each.kind), each.row))),
    )


def _sign(each: Label) -> str:
    return "malformed" if each.sign is None else BARE if each.written == "1" else each.written


def _of_row(row: Row, policy: str) -> Iterator[Finding]:
    ten = load_system("schwartz-10")
    if not row.types:
        yield Finding("empty", row.number, "", "write the types, or leave the row out")
    for kind, labels in (("value_types_malformed", row.types), ("value_items_malformed", row.items)):
        for each in labels:
            if each.sign is None:
                sign = f"{each.written!r} is no sign" if each.written else "there is no sign"
                told = f"{sign}; write {each.name}: +1 or {each.name}: -1"
                yield Finding(kind, row.number, each.text, told)
    good = [each for each in row.types if each.sign is not None]
    for each in good:
        if not ten.has(each.name):
            meant = _refined(each.name) or did_you_mean(each.name, ten.ids)
            told = f"{each.name!r} is no value of schwartz-10; {meant}"
            yield Finding("off_list_type", row.number, each.text, told)
    for each in row.items:
        if each.sign is not None and find(each.name) is None:
            told = f"{each.name!r} is none of the 58 items; {near(each.name)}"
            yield Finding("unmapped_item", row.number, each.text, told)
    for name, times in Counter(_value(each.name) for each in good).items():
        listed = {each.sign for each in good if _value(each.name) == name}
        told = f"{name} is listed {times} times"
        if times > 1:
            yield Finding("duplicate_type", row.number, name, f"{told}; once is enough")
        if len(listed) > 1:
            yield Finding("conflicting_type", row.number, name, f"{told}, as +1 and as -1; decide on one")
    yield from _mismatch(row, policy)


def _refined(name: str) -> str:
    """What to say of a value of the finer system."""
    refined = load_system("schwartz-19")
    if not refined.has(name):
        return ""
    value = refined.values[refined.place(name)]
    parents = " or ".join(dict.fromkeys(value.into[each] for each in value.into))
    return f"it is one of the 19 refined values, and among the ten belongs to {parents}, by the policy"


def _mismatch(row: Row, policy: str) -> Iterator[Finding]:
    """The types must be those of the items; malformed signs are compared as text."""
    stored = {(_value(each.name), _told(each)) for each in row.types}
    follow = {
        (value, _told(each)) for each in row.items
        if (known := find(each.name)) is not None and (value := known.value(policy)) is not None
    }
    if stored != follow:
        parts = [
            f"{what}: {', '.join(sorted(f'{name}: {sign}' for name, sign in labels))}"
            for what, labels in (("listed, but no item says so", stored - follow),
                                 ("not listed, though an item says so", follow - stored)) if labels
        ]
        yield Finding("item_type_mismatch", row.number, "", "; ".join(parts))


def _value(name: str) -> str:
    """The id of a value, however its name is written; what is none stays as it is."""
    ten = load_system("schwartz-10")
    return ten.ids[ten.place(name)] if ten.has(name) else name


def _told(each: Label) -> str:
    return each.written if each.sign is None else f"{each.sign:+d}"
