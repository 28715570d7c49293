"""The vocabulary: one Arrow schema and one key for every table that passes between rooms.

Rooms hand each other `pyarrow.Table`s of these schemas, never dicts of dicts and never objects of an engine.
Three families:

- **truth**: what people said (`TRUTH`). Each row carries the `load_id` of the import that wrote it.
- **derived**: what follows from the truth and can be made again at any time (`EDGES`, `RANKS`, …).
- **passing**: what travels between rooms only (`COUNTS`, `PEOPLE`).

Times are INT64 milliseconds UTC. Ids are strings, the file's own, verbatim. An id of an upgrade follows from its
context, from card and to card (`upgrade_id`).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ANSWERS = ("wiser", "not_wiser", "unsure")
"""The three answers of a vote, in the order of every count column."""

_TEXT, _INT, _REAL = pa.string(), pa.int64(), pa.float64()
_TEXTS = pa.list_(pa.string())


class TableSpec(NamedTuple):
    """One table: its Arrow schema, and the columns that name a row.

    Attributes:
        schema: Columns and types, in order.
        key: Columns whose values together are unique.
    """

    schema: pa.Schema
    key: tuple[str, ...]

    def empty(self) -> pa.Table:
        """A table without rows."""
        return self.schema.empty_table()

    def table(self, rows: Sequence[Mapping[str, object]]) -> pa.Table:
        """A table from dictionaries; a column that a row lacks is null.

        Example:
            >>> TRUTH["contexts"].table([{"id": "When grieving", "text": "When grieving"}]).num_rows
            1
        """
        return pa.Table.from_pylist([dict(row) for row in rows], schema=self.schema)

    def without(self, *columns: str) -> pa.Schema:
        """The schema less some columns (an import has no `load_id` yet)."""
        return pa.schema([field for field in self.schema if field.name not in columns])


def _spec(key: str, **columns: pa.DataType) -> TableSpec:
    return TableSpec(pa.schema(list(columns.items())), tuple(key.split()))


# The order matters: a row refers only to rows of tables above its own.
TRUTH: dict[str, TableSpec] = {
    "loads": _spec(
        "id", id=_TEXT, at=_INT, file=_TEXT, format=_TEXT, file_sha256=_TEXT, mapping_sha256=_TEXT, read=_INT,
        accepted=_INT, changed=_INT, unchanged=_INT, rejected=_INT, status=_TEXT, previous=_TEXT,
    ),
    "tombstones": _spec("id", id=_TEXT),
    "exports": _spec("id", id=_TEXT, kind=_TEXT, path=_TEXT, at=_INT, data_hash=_TEXT, contexts=_TEXTS),
    "scenarios": _spec("id", id=_TEXT, text=_TEXT, image=_TEXT, load_id=_TEXT),
    "contexts": _spec("id", id=_TEXT, text=_TEXT, load_id=_TEXT),
    "raises": _spec("scenario_id context_id", scenario_id=_TEXT, context_id=_TEXT, load_id=_TEXT),
    "cards": _spec("id", id=_TEXT, title=_TEXT, description=_TEXT, policies=_TEXTS, load_id=_TEXT),
    # What a model should value, as somebody says or as it was drawn from contexts; `document` is JSON.
    "targets": _spec(
        "id", id=_TEXT, at=_INT, kind=_TEXT, system=_TEXT, contexts=_TEXTS, ranking_id=_TEXT, data_hash=_TEXT,
        document=_TEXT,
    ),
    "duplicates": _spec("card_id", card_id=_TEXT, canonical_id=_TEXT, load_id=_TEXT),
    "users": _spec("id", id=_TEXT, load_id=_TEXT),
    "articulated": _spec("user_id card_id", user_id=_TEXT, card_id=_TEXT, load_id=_TEXT),
    "groups": _spec("id", id=_TEXT, variable=_TEXT, value=_TEXT, load_id=_TEXT),
    "members": _spec("user_id group_id", user_id=_TEXT, group_id=_TEXT, load_id=_TEXT),
    "upgrades": _spec(
        "id", id=_TEXT, context_id=_TEXT, from_id=_TEXT, to_id=_TEXT, story=_TEXT, load_id=_TEXT
    ),
    "tallies": _spec(
        "id", id=_TEXT, from_id=_TEXT, to_id=_TEXT, contexts=_TEXTS, wiser=_INT, not_wiser=_INT, less_wise=_INT,
        unsure=_INT, impressions=_INT, load_id=_TEXT,
    ),
    # Before the votes: an answer that was superseded is written down before the one that supersedes it.
    "votes_before": _spec(
        "id", id=_TEXT, user_id=_TEXT, upgrade_id=_TEXT, answer=_TEXT, at=_INT, load_id=_TEXT
    ),
    "votes": _spec("user_id upgrade_id", user_id=_TEXT, upgrade_id=_TEXT, answer=_TEXT, at=_INT, load_id=_TEXT),
}
"""The truth. `cards.title` is null for a stub (a card known only by its id); `votes.at` is null where no time is
known; `users.id` is a pseudonym; `tombstones.id` is the sha256 of an erased pseudonym, so that the pseudonym itself is
gone."""

COUNTS = _spec(
    "context_id from_id to_id", context_id=_TEXT, from_id=_TEXT, to_id=_TEXT, wiser=_INT, not_wiser=_INT, unsure=_INT
)
"""Answers per context and ordered pair, canonical cards, sorted by the key. `to_id` is the card *asked about as wiser*,
not the finding. Text columns may be dictionary-encoded."""

SAID = _spec(
    "user_id context_id from_id to_id",
    user_id=_TEXT, context_id=_TEXT, from_id=_TEXT, to_id=_TEXT, answer=_TEXT, at=_INT,
)
"""Single votes with their context and canonical cards, for what must know who said what. Votes whose
two cards became one by `duplicates` are left out; a key comes twice where a person answered about two duplicates."""

MEMBERS = _spec("user_id group_id", user_id=_TEXT, group_id=_TEXT, variable=_TEXT, value=_TEXT)
"""Who belongs to which group (of which variable), where people opted in."""

GROUP_COUNTS = _spec(
    "group_id context_id from_id to_id",
    group_id=_TEXT, context_id=_TEXT, from_id=_TEXT, to_id=_TEXT, wiser=_INT, not_wiser=_INT, unsure=_INT,
)
"""COUNTS of the members of each group."""

PEOPLE = _spec("context_id card_id", context_id=_TEXT, card_id=_TEXT, people=_INT)
"""Distinct people who answered anything about a card in a context."""

TALLIES = _spec(
    "from_id to_id", from_id=_TEXT, to_id=_TEXT, contexts=_TEXTS, wiser=_INT, not_wiser=_INT, less_wise=_INT,
    unsure=_INT, impressions=_INT,
)
"""Published counters of an ordered pair, pooled over its contexts, whose single votes are not public."""

EDGES = _spec(
    "context_id from_id to_id",
    context_id=_TEXT, from_id=_TEXT, to_id=_TEXT,
    wiser=_INT, not_wiser=_INT, unsure=_INT,
    wiser_reverse=_INT, not_wiser_reverse=_INT, unsure_reverse=_INT,
    p_model=_REAL, p_model_lower=_REAL, p_model_upper=_REAL,
    margin=_REAL, margin_sd=_REAL,
    p_majority=_REAL, p_majority_lower=_REAL, p_majority_upper=_REAL,
)
"""`WISER` edges: one per unordered pair and context with answers; `to_id` is the card more probably wiser.

`wiser, not_wiser, unsure` are the answers to "is `to_id` wiser than `from_id`?", `…_reverse` those to the opposite
question. `p_model` = P(θ_to > θ_from), yes-bias removed, with its 90% interval over what is not known of the shared
terms; `margin` = E[θ_to - θ_from] with its sd; `p_majority` = posterior mean of the share of all answers on the pair
that favour `to_id`, with its 90% interval (Beta)."""

RULE_EDGES = _spec(
    "from_id to_id contexts", from_id=_TEXT, to_id=_TEXT, contexts=_TEXTS, wiser=_INT, not_wiser=_INT, unsure=_INT,
    less_wise=_INT, impressions=_INT, likelihood=_REAL, entropy=_REAL, weight=_REAL,
)
"""Edges under a named rule of the published studies (`graphengine.ranking.rules`). `less_wise` = "wiser" answers to the
opposite question; `weight` is what PageRank uses."""

RANKS = _spec(
    "context_id card_id", context_id=_TEXT, card_id=_TEXT, rank=_INT, rank_lower=_INT, rank_upper=_INT, score=_REAL,
    sd=_REAL, lower=_REAL, upper=_REAL, p_top=_REAL, tied_top=pa.bool_(), component=_INT,
)
"""A card's place in a context. `lower`, `upper`: 90% interval of the score; `rank_lower <= rank <= rank_upper`: 90%
interval of the rank; `p_top`: probability of being the wisest, joint over the context's candidates; `tied_top`: member
of what `wisest` answers; `component`: weak component of the context's graph, numbered from 0 by size."""

VERDICTS = _spec(
    "context_id", context_id=_TEXT, single_winner=pa.bool_(), reason=_TEXT, data_hash=_TEXT,
)
"""What a ranking says of each context it covers: is a single winner named, why (not), and the state of the votes that
it was made from."""

INFLUENCE = _spec(
    "context_id", context_id=_TEXT, card_id=_TEXT, user_id=_TEXT, p_top=_REAL, p_top_without=_REAL,
    takes_win=pa.bool_(), why=_TEXT, people=_INT, checked=_INT,
)
"""Of each context in which a single winner would be named: `card_id` with its P(top), the person `user_id` whose
removal costs it most, its P(top) then, whether that takes the win away, and `why` (what the rule then says; empty where
nothing changes). `people` answered in the context; `checked` of them were left out exactly, for all others a bound says
that they can't."""

STRUCTURES = _spec(
    "context_id", context_id=_TEXT, cards=_INT, pairs=_INT, components=_INT, cyclic_cards=_TEXTS,
    cycles=pa.list_(_TEXTS), cyclicity=_REAL, triangles=_INT, transitivity=_REAL, isolated=_TEXTS,
    never_asked=_TEXTS,
)
"""How the cards of a context hang together (`graphengine.ranking.structure`). `cyclic_cards`: members of strongly
connected components of more than one card; `cycles`: some of the circles there, each card less wise than the next and
the last than the first; `cyclicity`: share of the flow that no order explains, null where no loop exists;
`transitivity`: of the `triangles`, null where there is none; `never_asked`: null where it is not known."""

RANKINGS = _spec(
    "id", id=_TEXT, method=_TEXT, edge_rule=_TEXT, parameters=_TEXT, calibration=_TEXT, data_hash=_TEXT, at=_INT,
    version=_TEXT,
)
"""One run of one method. `parameters` and `calibration` are JSON."""


QUESTIONS = _spec(
    "context_id from_id to_id",
    context_id=_TEXT, from_id=_TEXT, to_id=_TEXT, gain=_REAL, p_top_from=_REAL, p_top_to=_REAL,
    asked=_INT, asked_reverse=_INT, few_answers=pa.bool_(), fewest=_INT,
)
"""What to ask next, the most useful first. `gain`: what its answer is expected to say about
the context's winner once the rows above are answered, in bits; `p_top_…` of the two cards; `asked`, `asked_reverse`:
answers so far to it and to the opposite question; `few_answers`: it is asked for the sake of a card with few answers;
`fewest`: answers so far about that of the two cards that has fewer."""


CHANGES = _spec(
    "context_id card_id", context_id=_TEXT, card_id=_TEXT,
    rank_before=_INT, rank_lower_before=_INT, rank_upper_before=_INT, score_before=_REAL, lower_before=_REAL,
    upper_before=_REAL, p_top_before=_REAL, tied_top_before=pa.bool_(),
    rank_after=_INT, rank_lower_after=_INT, rank_upper_after=_INT, score_after=_REAL, lower_after=_REAL,
    upper_after=_REAL, p_top_after=_REAL, tied_top_after=pa.bool_(),
)
"""A card's places in two rankings, as in RANKS; null where a ranking does not have it."""

FLIPS = _spec(
    "context_id group_id other_group_id from_id to_id", context_id=_TEXT, group_id=_TEXT, other_group_id=_TEXT,
    from_id=_TEXT, to_id=_TEXT, margin=_REAL, margin_sd=_REAL, other_margin=_REAL, other_margin_sd=_REAL, p_flip=_REAL,
)
"""A pair of cards in two groups: margins E[θ_to - θ_from] in each with their sd (the first is never negative), and the
probability that the groups see the pair the other way round."""


def upgrade_id(context_id: str, from_id: str, to_id: str) -> str:
    """The id of an upgrade: it follows from context, from card and to card.

    `"u"` and the first 24 hex digits of the sha256 of the three ids, each preceded by its length in characters
    (so that no two triples give the same text). `UPGRADE_ID_SQL` is the same in DuckDB.

    Example:
        >>> upgrade_id("When grieving", "a", "b") == upgrade_id("When grieving", "a", "b")
        True
        >>> upgrade_id("x", "1", "23") == upgrade_id("x", "12", "3")
        False
    """
    text = "".join(f"{len(part)}:{part}" for part in (context_id, from_id, to_id))
    return "u" + hashlib.sha256(text.encode()).hexdigest()[:24]


UPGRADE_ID_SQL = (
    "'u' || substr(sha256(length(context_id) || ':' || context_id || length(from_id) || ':' || from_id"
    " || length(to_id) || ':' || to_id), 1, 24)"
)
"""`upgrade_id` as a DuckDB expression over the columns context_id, from_id, to_id."""


def group_id(variable: str, value: str) -> str:
    """The id of a group: `variable=value`."""
    return f"{variable}={value}"


def canonical_json(value: object) -> str:
    """JSON with sorted keys and no spaces: the same value gives the same text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def conform(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The table with the schema's columns, order and types; a column it lacks is null.

    Raises:
        pyarrow.ArrowInvalid: If a column can't be cast.
    """
    columns = [
        table.column(field.name).cast(field.type) if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def concat(tables: Iterable[pa.Table], spec: TableSpec) -> pa.Table:
    """All rows of tables that share a schema; the empty table for none."""
    parts = [part for part in tables if part.num_rows]
    return pa.concat_tables(parts) if parts else spec.empty()


def of_contexts(table: pa.Table, contexts: Sequence[str] | pa.Array | pa.ChunkedArray) -> pa.Table:
    """The rows of some contexts, by the column `context_id` (plain or dictionary-encoded text).

    Example:
        >>> rows = VERDICTS.table([{"context_id": "a"}, {"context_id": "b"}])
        >>> of_contexts(rows, ["b"]).column("context_id").to_pylist()
        ['b']
    """
    from pyarrow.compute import SetLookupOptions, call_function

    wanted = contexts if isinstance(contexts, (pa.Array, pa.ChunkedArray)) else pa.array(contexts, pa.string())
    named = table.column("context_id").cast(pa.string())
    return table.filter(call_function("is_in", [named], SetLookupOptions(wanted)))
