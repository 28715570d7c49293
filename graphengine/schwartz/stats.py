"""How often each value is labelled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from graphengine.schwartz.rows import STORED, base_rates
from graphengine.schwartz.system import load_system

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.schwartz.rows import Row


class Count(NamedTuple):
    """How often a value is labelled in some rows.

    Attributes:
        value: The value.
        labels_opposed: Labels of -1; under a policy, a label for each item.
        labels_aligned: Labels of +1.
        opposed: Rows with -1 only.
        aligned: Rows with +1 only.
        both: Rows with both.
    """

    value: str
    labels_opposed: int
    labels_aligned: int
    opposed: int
    aligned: int
    both: int


@dataclass(frozen=True)
class Part:
    """Some of the rows: all, those of one source, or those of one responder.

    Attributes:
        by: `all`, `query_source` or `response_source`.
        name: Which one.
        rows: How many.
        counts: Of each value.
    """

    by: str
    name: str
    rows: int
    counts: tuple[Count, ...]

    def shares(self) -> list[tuple[str, float, float]]:
        """Value, share of rows with -1 only, share with +1 only."""
        return [(each.value, each.opposed / self.rows, each.aligned / self.rows) for each in self.counts]

    def as_json(self) -> dict[str, Any]:
        """Counts and shares."""
        return {
            "by": self.by, "name": self.name, "rows": self.rows,
            "values": [{**each._asdict(), "share_opposed": each.opposed / self.rows,
                        "share_aligned": each.aligned / self.rows} for each in self.counts],
        }


@dataclass(frozen=True)
class Stats:
    """How often values are labelled, and what that makes easy.

    Attributes:
        policy: Where the values come from: `stored`, or a policy that places the items.
        parts: All rows, then each source of queries, then each responder.
        types_per_row: How many rows have how many types, those off the list counted.
        cells: Rows times values.
        nonzero: Cells that are not 0; one with both signs counts.
        conflicting: Cells with both signs.
        base_rates: Share of +1 less share of -1, per value.
    """

    policy: str
    parts: tuple[Part, ...]
    types_per_row: dict[int, int]
    cells: int
    nonzero: int
    conflicting: int
    base_rates: dict[str, float]

    @property
    def all_zeros(self) -> float:
        """How often an evaluator that always answers 0 is right."""
        return 1 - self.nonzero / self.cells

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        left = self.cells - self.conflicting
        return {
            "policy": self.policy, "rows": self.parts[0].rows, "parts": [each.as_json() for each in self.parts],
            "types_per_row": {str(number): rows for number, rows in self.types_per_row.items()},
            "cells": {
                "all": self.cells, "nonzero": self.nonzero, "conflicting": self.conflicting,
                "all_zeros_accuracy": self.all_zeros,
                "all_zeros_accuracy_without_conflicting": (self.cells - self.nonzero) / left if left else None,
            },
            "base_rates": self.base_rates,
        }


def stats(rows: Sequence[Row], policy: str = STORED) -> Stats:
    """Count the labels of rows.

    Args:
        rows: At least one.
        policy: `stored`, or one of `POLICIES` to place the items anew.

    Example:
        >>> from graphengine.schwartz.rows import Row, label
        >>> rows = [Row(1, "", (), (label("power: -1"),)), Row(2, "", (), ())]
        >>> found = stats(rows)
        >>> found.parts[0].shares()[4], found.all_zeros
        (('power', 0.5, 0.0), 0.95)
    """
    from collections import Counter

    whole = _part("all", "all", rows, policy)
    parts = [whole]
    for by in ("query_source", "response_source"):
        names = sorted({getattr(row, by) for row in rows} - {""})
        parts += [_part(by, name, [row for row in rows if getattr(row, by) == name], policy) for name in names]
    per_row = Counter(
        len({each.name for each in row.types}) if policy == STORED
        else len({value for value, _ in row.signs(policy)}) for row in rows
    )
    both = sum(each.both for each in whole.counts)
    nonzero = sum(each.opposed + each.aligned for each in whole.counts) + both
    rates = dict(zip(load_system("schwartz-10").ids, base_rates(rows, policy).tolist(), strict=True))
    return Stats(policy, tuple(parts), dict(sorted(per_row.items())), len(rows) * len(whole.counts), nonzero, both,
                 rates)


def _part(by: str, name: str, rows: Sequence[Row], policy: str) -> Part:
    from collections import Counter

    labels = Counter(each for row in rows for each in row.labels(policy))
    signs = [row.signs(policy) for row in rows]
    of_rows = Counter(each for found in signs for each in found)
    both = Counter(value for found in signs for value, sign in found if sign > 0 and (value, -1) in found)
    counts = [
        Count(value, labels[value, -1], labels[value, 1], of_rows[value, -1] - both[value],
              of_rows[value, 1] - both[value], both[value])
        for value in load_system("schwartz-10").ids
    ]
    return Part(by, name, len(rows), tuple(counts))
