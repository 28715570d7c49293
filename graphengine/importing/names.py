"""From the names in a file to ids: participants, contexts, scenarios, cards.

Work is done once per distinct value, never once per row; rows carry integer codes. A code is the place of the id in
the sorted list of ids, so that sorting codes sorts ids.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from graphengine.importing.source import compute

if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from graphengine.importing.model import Known

class Texts:
    """Ids of things that have a text: contexts and scenarios.

    A value is, in this order: an id that the graph holds (with the prefix), the text of something that the graph holds
    under an id of its own, or something new whose id is the prefix and the text.

    Args:
        ids: Text for each known id.
        prefix: Put before new ids; a text is looked up among ids with this prefix only.

    Example:
        >>> names = Texts({"c12": "When grieving"}, "")
        >>> names.id(" When grieving "), names.id("c12"), names.id("When lost")
        ('c12', 'c12', 'When lost')
    """

    def __init__(self, ids: dict[str, str | None], prefix: str) -> None:
        self.prefix = prefix
        self.known = ids
        self._by_text: dict[str, str] = {}
        for each in sorted(ids, reverse=True):
            text = ids[each]
            # An id that ends with its text was made from it by another study's prefix: that study stays apart.
            if text and each.startswith(prefix) and not each.endswith(text):
                self._by_text[text] = each

    def id(self, value: str) -> str | None:
        """The id for a value of the file; nothing for a blank one."""
        text = tidy(value)
        if not text:
            return None
        own = self.prefix + text
        return own if own in self.known else self._by_text.get(text, own)

    def text(self, identifier: str) -> str:
        """The text of a new id that `id` gave."""
        return identifier.removeprefix(self.prefix)


def tidy(text: str) -> str:
    r"""Text in the form in which texts are compared: Unicode NFC, without white space around it.

    Example:
        >>> tidy("  Cafe\u0301 ") == "Caf\u00e9"
        True
    """
    return unicodedata.normalize("NFC", text.strip())


def distinct(con: duckdb.DuckDBPyConnection, *columns: str, table: str = "long") -> pa.Array:
    """Distinct values, other than null, of columns of a table taken together."""
    query = " UNION ".join(f"SELECT {column} AS raw FROM {table} WHERE {column} IS NOT NULL" for column in columns)
    values = con.sql(f"SELECT DISTINCT raw FROM ({query})").to_arrow_table().column("raw")
    return values.cast(pa.string()).combine_chunks()


def coded(ids: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Ids as codes: places among the distinct ids, sorted.

    Args:
        ids: The id of each value of the file; null for a value that names nothing.

    Returns:
        The distinct ids, sorted, and the code of each value (null where it names nothing).
    """
    pc = compute()
    order = pc.unique(ids.drop_null())
    places = pc.sort_indices(order)
    if len(order) == len(ids):
        # Mostly one name per id: the codes are the places turned around, and no id need be looked up.
        ranks = np.empty(len(order), np.int32)
        ranks[places.to_numpy()] = np.arange(len(order), dtype=np.int32)
        codes = pa.array(ranks)
    else:
        codes = pc.index_in(ids, value_set=order.take(places))
    return order.take(places), codes


def code(con: duckdb.DuckDBPyConnection, table: str, raw: pa.Array, ids: pa.Array) -> pa.Array:
    """Make the table (raw, code) and give the ids in the order of their codes.

    Args:
        con: The database.
        table: Name for the table.
        raw: Distinct values of the file.
        ids: The id of each; null for a value that names nothing.

    Returns:
        Distinct ids, sorted.
    """
    order, codes = coded(ids)
    con.register("incoming", pa.table({"raw": raw, "code": codes}))
    con.execute(f"CREATE TABLE {table} AS SELECT raw, code FROM incoming WHERE code IS NOT NULL")
    con.unregister("incoming")
    return order


def trimmed(raw: pa.Array, prefix: str) -> pa.Array:
    """Values without white space around them, after the prefix; null for blank ones."""
    pc = compute()
    clean = pc.utf8_trim_whitespace(raw)
    clean = pc.if_else(pc.equal(clean, ""), pa.scalar(None, pa.string()), clean)
    return pc.binary_join_element_wise(pa.scalar(prefix), clean, "") if prefix else clean


def pseudonyms(people: pa.Array, pseudonym: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """The pseudonym of each person; null stays null. `pseudonym` sees every distinct id once."""
    pc = compute()
    once = pc.unique(people.drop_null())
    given = pseudonym(once) if len(once) else once
    if isinstance(given, pa.ChunkedArray):
        given = given.combine_chunks()
    given = given.cast(pa.string())
    return given if len(once) == len(people) else given.take(pc.index_in(people, value_set=once))


def is_erased(pseudonym: str, known: Known) -> bool:
    """Whether the person behind a pseudonym was erased from the graph."""
    return bool(known.tombstones) and hashlib.sha256(pseudonym.encode()).hexdigest() in known.tombstones
