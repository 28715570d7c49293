"""Answers as integers: the table `coded(row, asked, u, c, f, t, a, ms)`.

`u` person, `c` context, `f` and `t` cards, `a` answer: places in sorted lists of ids (`Codes`). Null where the cell
names nothing; the checks tell why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from graphengine.importing import names, times
from graphengine.importing.source import one
from graphengine.tables import ANSWERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphengine.importing.mapping import Mapping
    from graphengine.importing.model import Known
    from graphengine.importing.source import Source


@dataclass(frozen=True)
class Codes:
    """Ids by code.

    Attributes:
        people: Pseudonyms.
        contexts: Context ids.
        cards: Card ids.
        context_names: How a context's value became its id.
        known_cards: Card ids that the graph holds.
    """

    people: pa.Array
    contexts: pa.Array
    cards: pa.Array
    context_names: names.Texts
    known_cards: frozenset[str]


def code_answers(
    source: Source, mapping: Mapping, known: Known, pseudonym: Callable[[pa.Array], pa.Array], prefix: str
) -> Codes:
    """Make the table `coded` from the view `long`."""
    con = source.con
    raw = names.distinct(con, "participant")
    people = names.code(con, "people", raw, names.pseudonyms(names.trimmed(raw, prefix), pseudonym))

    raw = names.distinct(con, "from_value", "to_value")
    cards = names.code(con, "cards", raw, names.trimmed(raw, prefix))

    context_names = names.Texts(known.map("contexts", "id", "text"), prefix)
    raw = names.distinct(con, "context")
    contexts = names.code(con, "contexts", raw, pa.array(map(context_names.id, raw.to_pylist()), pa.string()))

    raw = names.distinct(con, "answer")
    meant = [mapping.answer(text) for text in raw.to_pylist()]
    con.register("incoming", pa.table({
        "raw": raw, "code": pa.array([ANSWERS.index(each) if each else None for each in meant], pa.int8()),
    }))
    con.execute("CREATE TABLE answers AS SELECT * FROM incoming WHERE code IS NOT NULL")
    con.unregister("incoming")
    con.execute(
        f"""
        CREATE TABLE coded AS SELECT l.row, l.asked, u.code AS u, c.code AS c, f.code AS f, t.code AS t, a.code AS a,
            {times.at_sql("l.at")} AS ms
        FROM long l
            LEFT JOIN people u ON l.participant = u.raw LEFT JOIN contexts c ON l.context = c.raw
            LEFT JOIN cards f ON l.from_value = f.raw LEFT JOIN cards t ON l.to_value = t.raw
            LEFT JOIN answers a ON l.answer = a.raw
        """
    )
    return Codes(people, contexts, cards, context_names, frozenset(known.cards.column("id").to_pylist()))


def drop_erased(source: Source, codes: Codes, known: Known) -> tuple[int, list[str]]:
    """Take the answers of erased people out, before anything about them could be reported.

    Returns:
        Number of answers, and a sentence if there were any.
    """
    if not known.tombstones:
        return 0, []
    con = source.con
    erased = [i for i, each in enumerate(codes.people.to_pylist()) if names.is_erased(each, known)]
    con.register("incoming", pa.table({"code": pa.array(erased, pa.int32())}))
    con.execute("CREATE TABLE gone AS SELECT row, asked FROM coded WHERE u IN (SELECT code FROM incoming)")
    con.unregister("incoming")
    dropped = one(con, "SELECT count(*) FROM gone")
    con.execute("DELETE FROM coded WHERE (row, asked) IN (FROM gone)")
    if not dropped:
        return 0, []
    return dropped, [f"{dropped} answers of people who were erased from this graph were left out."]
