"""What else a vote's row may say: scenario, story, groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from graphengine.importing import names
from graphengine.importing.source import one
from graphengine.tables import group_id

if TYPE_CHECKING:
    import duckdb

    from graphengine.importing.coding import Codes
    from graphengine.importing.mapping import Mapping
    from graphengine.importing.model import Known
    from graphengine.importing.source import Source

MISSING = ("CONSENT_REVOKED", "DATA_EXPIRED")
"""What recruiting platforms write for answers that a person has taken back: no value."""


class Scenarios:
    """Ids of the scenarios that a votes file names.

    Attributes:
        ids: By code.
        names: How a value became its id.
    """

    def __init__(self, ids: pa.Array, texts: names.Texts) -> None:
        self.ids, self.names = ids, texts


def code_scenarios(source: Source, mapping: Mapping, known: Known, prefix: str) -> Scenarios:
    """Make the table `scenario_codes(raw, code)`."""
    texts = names.Texts(known.map("scenarios", "id", "text"), prefix)
    named = "scenario" in mapping.columns or any(question.scenario for question in mapping.wide)
    raw = names.distinct(source.con, "scenario") if named else pa.array([], pa.string())
    ids = pa.array(map(texts.id, raw.to_pylist()), pa.string())
    return Scenarios(names.code(source.con, "scenario_codes", raw, ids), texts)


def scenarios(con: duckdb.DuckDBPyConnection, codes: Codes, found: Scenarios, people: int) -> dict[str, pa.Table]:
    """Tables `raises`, and `scenarios` for those that the graph does not hold: their text is what the file says."""
    if not len(found.ids):
        return {}
    pairs = con.sql(
        f"""
        SELECT DISTINCT s.code AS s, c FROM voted v JOIN triples ON g = v.key // {people}
            JOIN long l ON l.row = v.row AND l.asked = v.asked JOIN scenario_codes s ON l.scenario = s.raw
        ORDER BY s, c
        """
    ).to_arrow_table()
    raises = pa.table({
        "scenario_id": found.ids.take(pairs["s"].combine_chunks()),
        "context_id": codes.contexts.take(pairs["c"].combine_chunks()),
    })
    new = sorted(set(raises["scenario_id"].to_pylist()) - set(found.names.known))
    texts = [found.names.text(each) for each in new]
    return {
        "raises": raises,
        "scenarios": pa.table({"id": pa.array(new, pa.string()), "text": pa.array(texts, pa.string())}),
    }


def stories(con: duckdb.DuckDBPyConnection, people: int) -> tuple[pa.Array, list[str]]:
    """The story of each upgrade, by its code; null for none.

    One upgrade may be told in several ways; the one most often told is kept (of equals the first in alphabetical
    order), so that the order of rows does not matter.
    """
    import numpy as np

    told = con.sql(
        f"""
        SELECT v.key // {people} AS g, trim(l.story) AS story, count(*) AS times
        FROM voted v JOIN (SELECT row, asked, story FROM long WHERE trim(story) <> '') l USING (row, asked)
        GROUP BY ALL ORDER BY g, times DESC, story
        """
    ).to_arrow_table()
    place = np.full(one(con, "SELECT count(*) FROM triples"), -1, np.int64)
    upgrades = told["g"].to_numpy()
    first = np.flatnonzero(np.diff(upgrades, prepend=-1))
    place[upgrades[first]] = first
    story = told["story"].combine_chunks().take(pa.array(place, mask=place < 0))
    several = len(np.unique(upgrades[np.flatnonzero(np.diff(upgrades, prepend=-1) == 0)]))
    notes = [f"{several} upgrades come with several stories; the one most often told is kept."] if several else []
    return story, notes


def groups(
    con: duckdb.DuckDBPyConnection, variables: list[str], codes: Codes, people: int
) -> tuple[dict[str, pa.Table], list[str]]:
    """Tables `groups` and `members` for the variables opted in.

    A person with two values of a variable belongs to neither group: which one holds can't be told.
    """
    found: set[tuple[str, str]] = set()
    members: list[tuple[str, str]] = []
    notes = []
    for i, variable in enumerate(variables):
        rows = con.execute(
            f"""
            SELECT v.key % {people} AS u, list_sort(list(DISTINCT trim(g{i}))) AS answers
            FROM voted v JOIN long l USING (row, asked)
            WHERE trim(g{i}) <> '' AND trim(g{i}) NOT IN {MISSING} GROUP BY u ORDER BY u
            """
        ).fetchall()
        torn = sum(len(values) > 1 for _, values in rows)
        if torn:
            notes.append(f"{torn} people have several values of {variable}; they are in none of its groups.")
        for user, values in rows:
            if len(values) == 1:
                found.add((variable, values[0]))
                members.append((codes.people[user].as_py(), group_id(variable, values[0])))
    if not variables:
        return {}, []
    ordered = sorted(found)
    members.sort()
    return {
        "groups": pa.table({
            "id": pa.array([group_id(*each) for each in ordered], pa.string()),
            "variable": pa.array([variable for variable, _ in ordered], pa.string()),
            "value": pa.array([value for _, value in ordered], pa.string()),
        }),
        "members": pa.table({
            "user_id": pa.array([user for user, _ in members], pa.string()),
            "group_id": pa.array([group for _, group in members], pa.string()),
        }),
    }, notes
