"""Answers as integers: the table `coded(row, asked, u, c, f, t, a, ms)`.

`u` person, `c` context, `f` and `t` cards, `a` answer: places in sorted lists of ids (`Codes`). Null where the cell
names nothing; the checks tell why.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
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
    # Arrow's dictionaries turn a million texts into places in half the time of joins on text.
    rows = con.sql(
        'SELECT row, asked, "at", participant, context, from_value, to_value, answer FROM long'
    ).to_arrow_table()
    coded = {"row": rows["row"], "asked": rows["asked"], "at": rows["at"]}

    named, (user_places,) = _places(rows["participant"])
    pool = ThreadPoolExecutor(1)  # pseudonyms are Python's work, all the rest here is Arrow's
    users = pool.submit(lambda: names.coded(names.pseudonyms(names.trimmed(named, prefix), pseudonym)))

    raw, (from_places, to_places) = _places(rows["from_value"], rows["to_value"])
    cards, codes = names.coded(names.trimmed(raw, prefix))
    coded["f"], coded["t"] = codes.take(from_places), codes.take(to_places)

    context_names = names.Texts(known.map("contexts", "id", "text"), prefix)
    raw, (places,) = _places(rows["context"])
    contexts, codes = names.coded(pa.array(map(context_names.id, raw.to_pylist()), pa.string()))
    coded["c"] = codes.take(places)

    raw, (places,) = _places(rows["answer"])
    meant = [mapping.answer(text) for text in raw.to_pylist()]
    codes = pa.array([ANSWERS.index(each) if each else None for each in meant], pa.int8())
    coded["a"] = codes.take(places)
    del rows
    with pool:
        people, codes = users.result()
    coded["u"] = codes.take(user_places)

    con.register("incoming", pa.table(coded))
    moment = times.at_sql('n."at"')
    con.execute(f"CREATE TABLE coded AS SELECT row, asked, u, c, f, t, a, {moment} AS ms FROM incoming n")
    con.unregister("incoming")
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
    return dropped, [f"Left out: answers of people who were erased from this graph, {dropped:,}."]


def _places(*columns: pa.ChunkedArray) -> tuple[pa.Array, list[pa.Array]]:
    """The distinct texts of some columns together, and for each column its texts as places among them."""
    together = pa.chunked_array([chunk for column in columns for chunk in column.chunks], pa.string())
    encoded = together.dictionary_encode()
    if not encoded.num_chunks:
        return pa.array([], pa.string()), [pa.array([], pa.int32()) for _ in columns]
    places = pa.concat_arrays([chunk.indices for chunk in encoded.chunks])
    starts = [sum(len(column) for column in columns[:number]) for number in range(len(columns))]
    texts = encoded.chunk(encoded.num_chunks - 1).dictionary
    return texts, [places.slice(start, len(column)) for start, column in zip(starts, columns, strict=True)]
