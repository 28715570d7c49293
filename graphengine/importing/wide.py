"""Wide survey exports: one row per participant, one column per question, turned into one row per answer."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from graphengine.importing.names import distinct
from graphengine.importing.source import one
from graphengine.importing.times import google_times

if TYPE_CHECKING:
    from graphengine.importing.mapping import Mapping
    from graphengine.importing.source import Source

_PREVIEWS = ("survey preview", "survey test", "offline survey preview", "1", "2", "17")
_UNFINISHED = ("false", "0")


def long_form(source: Source, mapping: Mapping) -> tuple[Mapping, int]:
    """Make the table `long` of a file with one column per question. Blank cells are questions not asked.

    In Qualtrics exports previews and unfinished responses are left out; in Google Forms exports `Timestamp` is `at`
    unless map.toml names another column.

    Returns:
        The mapping with what was recognised, and the number of answers left out.
    """
    con = source.con
    if source.layout == "google" and "at" not in mapping.columns:
        mapping = replace(mapping, columns=mapping.columns | {"at": source.columns[0]})
        at = _google_at(source)
    else:
        at = source.cell(mapping.columns.get("at"))
    questions = mapping.wide
    con.register("incoming", pa.table({
        "asked": pa.array(range(1, len(questions) + 1), pa.int32()),
        "asked_column": pa.array([question.column for question in questions], pa.string()),
        "context": pa.array([question.context for question in questions], pa.string()),
        "from_value": pa.array([question.from_value for question in questions], pa.string()),
        "to_value": pa.array([question.to_value for question in questions], pa.string()),
        "scenario": pa.array([question.scenario or None for question in questions], pa.string()),
        "story": pa.array([question.story or None for question in questions], pa.string()),
    }))
    con.execute("CREATE TABLE questions AS FROM incoming")
    con.unregister("incoming")
    groups = "".join(f", {source.cell(column)} AS g{i}" for i, column in enumerate(mapping.groups.values()))
    passed = "".join(f", g{i}" for i in range(len(mapping.groups)))
    cells = ", ".join(source.cell(question.column) for question in questions)
    participant = source.cell(mapping.columns["participant"])
    left_out = _left_out(source)
    con.execute(
        f"""
        CREATE TABLE cells AS SELECT row, {participant} AS participant, {at} AS "at"{groups},
            unnest([{cells}]) AS answer, unnest(range(1, {len(questions) + 1})) AS asked, {left_out} AS left_out
            FROM source;
        DELETE FROM cells WHERE coalesce(trim(answer), '') = '';
        CREATE TABLE long AS SELECT row, asked::INTEGER AS asked, asked_column, participant, context, from_value,
            to_value, answer, scenario, story, "at"{passed}
            FROM cells JOIN questions USING (asked) WHERE left_out IS NULL
        """
    )
    for reason, rows in con.execute(
        f"SELECT {left_out} AS why, count(*) FROM source WHERE why IS NOT NULL GROUP BY why ORDER BY why"
    ).fetchall():
        source.notes.append(f"Left out: {reason}, {rows:,}.")
    return mapping, one(con, "SELECT count(*) FROM cells WHERE left_out IS NOT NULL")


def _left_out(source: Source) -> str:
    """SQL for why a response does not count; null where it does."""
    if source.layout != "qualtrics":
        return "NULL::VARCHAR"
    by_name = {name.lower(): name for name in reversed(source.columns)}
    cases = [
        f"WHEN lower(trim({source.cell(by_name[column])})) IN {values} THEN '{reason}'"
        for column, values, reason in (
            ("status", _PREVIEWS, "survey previews (column Status)"),
            ("finished", _UNFINISHED, "unfinished responses (column Finished)"),
        )
        if column in by_name
    ]
    return f"CASE {' '.join(cases)} END" if cases else "NULL::VARCHAR"


def _google_at(source: Source) -> str:
    """SQL for the time of a Google Forms response; null for all, with a note, where it can't be told."""
    column = source.columns[0]
    cell = source.cell(column)
    raw = distinct(source.con, cell, table="source").to_pylist()
    times = google_times(raw)
    if times is None:
        source.notes.append(
            f"The times in {column} can be read in more than one way (day or month first?), so none is kept; "
            "rewrite them as 2024-05-31 14:30 to keep them."
        )
        return "NULL::VARCHAR"
    source.con.register("incoming", pa.table({
        "raw": pa.array(list(times), pa.string()), "iso": pa.array(list(times.values()), pa.string()),
    }))
    source.con.execute("CREATE TABLE clock AS FROM incoming")
    source.con.unregister("incoming")
    return f"(SELECT iso FROM clock WHERE raw = {cell})"
