"""Votes: from the view `long` (one row per answer) to truth tables.

`long(row, asked, asked_column, participant, context, from_value, to_value, answer, scenario, story, at, g0, g1, …)` is
made by `long_form` here or by `wide.long_form`; `asked` numbers the questions of a wide survey and is 0 otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from graphengine.importing import extras
from graphengine.importing.checks import reject_bad
from graphengine.importing.coding import Codes, code_answers, drop_erased
from graphengine.importing.conflicts import settle
from graphengine.importing.names import distinct
from graphengine.importing.privacy import look_in
from graphengine.importing.source import one
from graphengine.tables import ANSWERS, TRUTH, UPGRADE_ID_SQL, conform

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import duckdb

    from graphengine.importing.mapping import Mapping
    from graphengine.importing.model import Known
    from graphengine.importing.source import Source

FIELDS = ("participant", "context", "from_value", "to_value", "answer", "scenario", "story", "at")


@dataclass
class Taken:
    """What one kind of file gives: truth tables and what to say about them (see `Prepared`)."""

    tables: dict[str, pa.Table]
    notes: list[str]
    read: int
    repeated: int = 0
    dropped: int = 0
    new_cards: Sequence[str] = ()
    new_contexts: Sequence[str] = ()
    stub_cards: Sequence[str] = ()
    stub_contexts: Sequence[str] = ()


def long_form(source: Source, mapping: Mapping) -> None:
    """Make the view `long` of a file that has one answer per row."""
    cells = ", ".join(f"{source.cell(mapping.columns.get(each))} AS \"{each}\"" for each in FIELDS)
    groups = "".join(f", {source.cell(column)} AS g{i}" for i, column in enumerate(mapping.groups.values()))
    source.con.execute(
        f"CREATE VIEW long AS SELECT row, 0 AS asked, NULL::VARCHAR AS asked_column, {cells}{groups} FROM source"
    )


def take_votes(
    source: Source, mapping: Mapping, known: Known, pseudonym: Callable[[pa.Array], pa.Array], prefix: str,
    *, strict: bool,
) -> Taken:
    """Check the answers of the view `long` and turn them into tables; bad ones go to the source's problems.

    Tables: votes, votes_before, users, upgrades, contexts, cards, and where the file has them scenarios, raises,
    groups, members.
    """
    con = source.con
    codes = code_answers(source, mapping, known, pseudonym, prefix)
    read = one(con, "SELECT count(*) FROM coded")
    dropped, notes = drop_erased(source, codes, known)
    scenario_names = extras.code_scenarios(source, mapping, known, prefix)
    reject_bad(source, mapping, codes, scenario_names, strict=strict)
    people = max(len(codes.people), 1)
    con.execute(
        f"""
        CREATE TABLE triples AS SELECT c, f, t, row_number() OVER (ORDER BY c, f, t) - 1 AS g
            FROM (SELECT DISTINCT c, f, t FROM coded);
        CREATE TABLE voted AS SELECT row, asked, g * {people} + u AS key, a, ms
            FROM coded JOIN triples USING (c, f, t)
        """
    )
    settle(source, mapping)
    for each in ("context", "story", "scenario"):
        if each in mapping.columns or mapping.wide:
            notes += look_in(con, each, distinct(con, each), mapping.columns.get(each, each), source.counting)

    for i, variable in enumerate(mapping.groups):
        notes += look_in(con, f"g{i}", distinct(con, f"g{i}"), f"group variable {variable}", source.counting)
    upgrades = _upgrades(con, codes)
    told, more = extras.stories(con, people)
    notes += more
    tables = {
        "votes": _answers(con, "settled", "key", codes, upgrades),
        "votes_before": _answers(con, "earlier", "key, ms, a", codes, upgrades),
    }
    used = con.sql(f"SELECT DISTINCT key // {people} AS g FROM voted ORDER BY g").to_arrow_table()["g"]
    voters = con.sql(f"SELECT DISTINCT key % {people} AS u FROM voted ORDER BY u").to_arrow_table()["u"]
    tables["upgrades"] = upgrades.append_column("story", told).take(used)
    tables["users"] = pa.table({"id": codes.people.take(voters.combine_chunks())})
    tables |= extras.scenarios(con, codes, scenario_names, people)
    group_tables, more = extras.groups(con, list(mapping.groups), codes, people)
    tables |= group_tables
    notes += more

    named = [set(tables["upgrades"][side].unique().to_pylist()) for side in ("context_id", "from_id", "to_id")]
    contexts = sorted(named[0] - set(codes.context_names.known))
    cards = sorted((named[1] | named[2]) - codes.known_cards)
    texts = [codes.context_names.text(each) for each in contexts]
    tables["contexts"] = pa.table({"id": pa.array(contexts, pa.string()), "text": pa.array(texts, pa.string())})
    tables["cards"] = pa.table({"id": pa.array(cards, pa.string())})
    votes, before = tables["votes"].num_rows, tables["votes_before"].num_rows
    return Taken(
        {name: conform(table, TRUTH[name].without("load_id")) for name, table in tables.items()}, notes, read,
        repeated=one(con, "SELECT count(*) FROM voted") - votes - before, dropped=dropped,
        new_cards=cards, new_contexts=contexts, stub_cards=cards, stub_contexts=contexts,
    )


def _upgrades(con: duckdb.DuckDBPyConnection, codes: Codes) -> pa.Table:
    """All upgrades asked about, in the order of their codes: id, context_id, from_id, to_id."""
    triples = con.sql("SELECT c, f, t FROM triples ORDER BY g").to_arrow_table()
    sides = {"context_id": (codes.contexts, "c"), "from_id": (codes.cards, "f"), "to_id": (codes.cards, "t")}
    table = pa.table({name: ids.take(triples[column].combine_chunks()) for name, (ids, column) in sides.items()})
    con.register("incoming", table)
    ids = con.sql(f"SELECT {UPGRADE_ID_SQL} AS id FROM incoming").to_arrow_table()["id"].combine_chunks()
    con.unregister("incoming")
    return table.add_column(0, "id", ids)


def _answers(con: duckdb.DuckDBPyConnection, view: str, order: str, codes: Codes, upgrades: pa.Table) -> pa.Table:
    """The answers of a view, sorted, with ids in place of codes."""
    import numpy as np

    rows = con.sql(f"SELECT key, a, ms FROM {view} ORDER BY {order}").to_arrow_table()
    key = rows["key"].to_numpy()
    upgrade, user = np.divmod(key, max(len(codes.people), 1))
    return pa.table({
        "user_id": codes.people.take(pa.array(user)),
        "upgrade_id": upgrades["id"].combine_chunks().take(pa.array(upgrade)),
        "answer": pa.array(ANSWERS).take(rows["a"].combine_chunks()),
        "at": rows["ms"],
    })
