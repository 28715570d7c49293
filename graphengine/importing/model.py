"""What goes into an import and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from graphengine.importing.rejects import Rejects


def _table(*columns: str) -> pa.Table:
    return pa.table({column: pa.array([], pa.string()) for column in columns})


@dataclass(frozen=True)
class Known:
    """What the graph holds already. Every part is optional; a fresh graph is `Known()`.

    Attributes:
        contexts: Columns `id`, `text`.
        cards: Columns `id`, `title`; the title is null for a stub.
        scenarios: Columns `id`, `text`.
        duplicates: Columns `card_id`, `canonical_id`.
        tombstones: sha256 (hex) of the pseudonyms of erased people.

    Example:
        >>> Known().cards.num_rows
        0
    """

    contexts: pa.Table = field(default_factory=lambda: _table("id", "text"))
    cards: pa.Table = field(default_factory=lambda: _table("id", "title"))
    scenarios: pa.Table = field(default_factory=lambda: _table("id", "text"))
    duplicates: pa.Table = field(default_factory=lambda: _table("card_id", "canonical_id"))
    tombstones: frozenset[str] = frozenset()

    def map(self, table: str, key: str, value: str) -> dict[str, str | None]:
        """Two columns of one of the tables as a dictionary."""
        rows: pa.Table = getattr(self, table)
        return dict(zip(rows.column(key).to_pylist(), rows.column(value).to_pylist(), strict=True))


@dataclass(frozen=True)
class Prepared:
    """A file turned into truth tables (without `load_id`), and what was left out.

    Everything that was read is somewhere: `read` = votes + earlier votes + `repeated` + `dropped` + rejected.

    Attributes:
        tables: Truth tables by name (`tables.TRUTH`), only those with rows, and for votes always `votes`.
            `votes_before` holds answers that a later `at` of the same file superseded; its `id` is null.
            `votes` is sorted by context, upgrade and user.
        format: `csv`, `tsv`, `jsonl`, `json` or `parquet`.
        kind: `votes`, `votes-wide`, `cards`, `scenarios`, `contexts` or `moral-graph-json`.
        read: Records read; for `votes-wide` answers (filled cells) instead.
        rejects: Rows that were not taken, with reasons.
        notes: Plain sentences: columns left out, stubs, values that look like e-mails, rows of erased people, …
        new_cards: Ids of cards the graph did not hold, stubs included.
        new_contexts: Ids of contexts the graph did not hold, stubs included.
        stub_cards: Those of `new_cards` that are known by their id only.
        stub_contexts: Those of `new_contexts` that are known from a vote or a tally only.
        file_sha256: Hash of the file's bytes.
        mapping_sha256: Hash of the mapping that was in force, prefix and groups included.
        repeated: Rows that say again, word for word, what another row of the file says.
        dropped: Rows left out on purpose: erased people, survey previews, unfinished responses.
    """

    tables: dict[str, pa.Table]
    format: str
    kind: str
    read: int
    rejects: Rejects
    notes: list[str]
    new_cards: list[str]
    new_contexts: list[str]
    stub_cards: list[str]
    stub_contexts: list[str]
    file_sha256: str
    mapping_sha256: str
    repeated: int = 0
    dropped: int = 0
