"""What a dataset folder can hold: rows of several kinds, each a configuration of its own.

A module that makes rows says what they are by a `Kind` and hands them over as `Rows`, not yet split. `write_folder`
shares out all kinds of a folder together, so that a context is in the same split in each of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa


@dataclass(frozen=True)
class Kind:
    """What rows of a kind are.

    Attributes:
        name: The name of the configuration and of its folder.
        about: One or two sentences for the dataset card: what a row says.
        trainers: Which trainers take it, in words.
        columns: For the dataset card: names of columns (several with a comma between), and what is in them. All
            columns of the rows are named, and nothing else.
        finish: What is done to the rows of a split once it is known which ones it keeps (weights that depend on how
            many rows are left, rows that are made from those). It keeps the order by context.
    """

    name: str
    about: str
    trainers: str
    columns: tuple[tuple[str, str], ...]
    finish: Callable[[pa.Table], pa.Table] | None = None


@dataclass(frozen=True)
class Rows:
    """Rows of one kind, not yet split.

    Attributes:
        kind: What they are.
        table: `prompt` (messages: a list of `role`, `content`) and `context_id` are needed. Where the columns are
            there, `scenario_id` (null: none) and the two cards `chosen_id`, `rejected_id` are kept from being in two
            splits, and `card_id` is known as the row's card.
        left_out: Numbers of what could not be made into rows, by reason.
        notes: What the user should know.
        facts: What the manifest shall hold of this kind (who generated the text, with which settings); JSON.
    """

    kind: Kind
    table: pa.Table
    left_out: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


Kept = tuple[Rows, "dict[str, pa.Table]", dict[str, int]]
"""Rows of a kind, what each split holds of them, and what was left out, by reason."""
