"""What makes an answer unusable, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from graphengine.importing.source import one
from graphengine.importing.times import FIX

if TYPE_CHECKING:
    import duckdb

    from graphengine.importing.coding import Codes
    from graphengine.importing.extras import Scenarios
    from graphengine.importing.mapping import Mapping
    from graphengine.importing.source import Source


class Check(NamedTuple):
    """One fault, as SQL over `coded k` and `long l`.

    Attributes:
        quick: Condition over `k` (and `l.at`) alone.
        field: The field at fault.
        also: Further condition over `l`, tried only on rows that `quick` finds.
        reason: SQL expression for the reason.
        fix: SQL expression for what to do.
    """

    quick: str
    field: str
    also: str
    reason: str
    fix: str


def _blank(field: str) -> str:
    return f"trim(coalesce(l.{field}, ''), ' \t\r\n\u00a0\u3000') = ''"


CHECKS = [
    Check("k.u IS NULL", "participant", "true", "'no participant'", "'give the id of the person who answered'"),
    Check("k.c IS NULL", "context", "true", "'no context'", "'name the context that the question was asked in'"),
    Check("k.f IS NULL", "from_value", "true", "'no card to come from'", "'name both cards of the question'"),
    Check("k.t IS NULL", "to_value", "true", "'no card to go to'", "'name both cards of the question'"),
    Check("k.f = k.t", "to_value", "true", "'a card is compared with itself'", "'name two different cards'"),
    Check(
        "k.a IS NULL", "answer", _blank("answer"), "'no answer'",
        "'write wiser, not_wiser or unsure, or delete the row'",
    ),
    Check(
        "k.a IS NULL", "answer", f"NOT ({_blank('answer')})",
        "'not one of wiser, not_wiser, unsure (or upgrade/no_upgrade/not_sure, yes/no/unsure)'",
        """'write one of these, or map it in map.toml: [answers] "' || left(l.answer, 60) || '" = "wiser"'""",
    ),
    Check("k.ms IS NULL", "at", f"NOT ({_blank('at')})", "'not a time'", f"'{FIX}'"),
]

STRICT = [
    Check("k.c IN (FROM new_contexts)", "context", "true", "'a context that the graph does not hold'",
          "'import it first, or import without --strict'"),
    Check("k.f IN (FROM new_cards)", "from_value", "true", "'a card that the graph does not hold'",
          "'import the cards first, or import without --strict'"),
    Check("k.t IN (FROM new_cards)", "to_value", "true", "'a card that the graph does not hold'",
          "'import the cards first, or import without --strict'"),
    Check("true", "scenario", "l.scenario IN (SELECT raw FROM scenario_codes JOIN new_scenarios USING (code))",
          "'a scenario that the graph does not hold'", "'import it first, or import without --strict'"),
]


def reject_bad(source: Source, mapping: Mapping, codes: Codes, scenarios: Scenarios, *, strict: bool) -> None:
    """Move unusable answers from `coded` to the problems, each with all its faults."""
    con = source.con
    checks = list(CHECKS)
    if strict:
        checks += STRICT
        _new(con, "new_contexts", codes.contexts, set(codes.context_names.known))
        _new(con, "new_cards", codes.cards, codes.known_cards)
        _new(con, "new_scenarios", scenarios.ids, set(scenarios.names.known))
    # Most files are clean: first the conditions on codes alone, then those that need the text, where it is there.
    quick = " OR ".join(dict.fromkeys(check.quick for check in checks if check.field not in ("at", "scenario")))
    found = [f"SELECT row, asked FROM coded k WHERE {quick}"]
    for check in checks:
        if check.field in ("at", "scenario") and (check.field in mapping.columns or mapping.wide):
            found.append(
                "SELECT k.row, k.asked FROM coded k JOIN long l USING (row, asked)"
                f" WHERE {check.quick} AND {check.also}"
            )
    con.execute(f"CREATE TABLE bad AS {' UNION '.join(found)}")
    if not one(con, "SELECT count(*) FROM bad"):
        return
    con.execute("CREATE TABLE bad_long AS SELECT l.* FROM long l SEMI JOIN bad USING (row, asked)")
    for check in checks:
        con.execute(
            f"""
            INSERT INTO problems
            SELECT l.row, l.asked, {column_sql(check.field)}, left(coalesce(l.{check.field}, ''), 200),
                {check.reason}, {check.fix}
            FROM coded k JOIN bad_long l USING (row, asked) WHERE ({check.quick}) AND ({check.also})
            """,
            {"column": mapping.columns.get(check.field, check.field)},
        )
    con.execute("DELETE FROM coded WHERE (row, asked) IN (FROM bad)")


def _new(con: duckdb.DuckDBPyConnection, table: str, ids: pa.Array, known: set[str] | frozenset[str]) -> None:
    """Make a table of the codes of ids that the graph does not hold."""
    new = [i for i, each in enumerate(ids.to_pylist()) if each not in known]
    con.register("incoming", pa.table({"code": pa.array(new, pa.int32())}))
    con.execute(f"CREATE TABLE {table} AS FROM incoming")
    con.unregister("incoming")


def column_sql(field: str) -> str:
    """The file's column of a field (parameter `column`); of an answer in a wide survey, its question's."""
    return "coalesce(l.asked_column, $column)" if field == "answer" else "$column"
