"""The content hash: what the graph says, whatever the order in which it was said.

A multiset hash: each row of the truth is hashed with sha256 over its natural key and user-given columns (no load ids,
no system times), the digests are read as four unsigned 64-bit numbers and summed modulo 2^64. Sums can be kept
incrementally, so a batch costs its own rows only, and the same rows in another order give the same hash. It decides
what is stale and what changed; it is no proof against somebody who forges rows on purpose.

Three kinds of sum are kept, each 64 hex digits: the whole graph (`""`), duplicates (`"duplicates"`), and the votes and
tallies of each context (`"c:" + id`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from graphengine.store import sql
from graphengine.tables import TRUTH, TableSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphengine.store.delta import Delta

HASHES = TableSpec(pa.schema([("id", pa.string()), ("hash", pa.string())]), ("id",))
"""Sums by name; kept beside the truth, by the same means."""

TOTAL, DUPLICATES, CONTEXT = "", "duplicates", "c:"
_SAID = (
    "scenarios contexts raises cards duplicates articulated groups members upgrades tallies votes votes_before"
).split()
_ZERO = np.zeros(4, dtype=np.uint64)


def decode(text: str | None) -> np.ndarray:
    """64 hex digits as four numbers; nothing is zero."""
    return np.frombuffer(bytes.fromhex(text), dtype="<u8").copy() if text else _ZERO.copy()


def encode(lanes: np.ndarray) -> str:
    """Four numbers as 64 hex digits."""
    return lanes.astype("<u8").tobytes().hex()


def shown(hashes: Mapping[str, str], context_id: str) -> str:
    """The hash of a context as rankings remember it: its votes, and the duplicates that hold everywhere."""
    return encode(decode(hashes.get(CONTEXT + context_id)) + decode(hashes.get(DUPLICATES)))


def _field(name: str, kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        text = f"array_to_string(list_transform({name}, lambda x: strlen(x) || ':' || x), '')"
    else:
        text = name if pa.types.is_string(kind) else f"{name}::VARCHAR"
    # Lengths keep fields apart: ("ab", "c") and ("a", "bc") are two rows; concat() leaves out the length of a null.
    return f"strlen({text}), ':', {text}"


def _digest(name: str) -> str:
    left_out = {"load_id"} | ({"id"} if name == "votes_before" else set())
    fields = [_field(f'"{f.name}"', f.type) for f in TRUTH[name].schema if f.name not in left_out]
    return f"unhex(sha256(concat('{name}', {', '.join(fields)})))"


def _lanes(column: pa.ChunkedArray) -> np.ndarray:
    flat = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if not len(flat):
        return np.zeros((0, 4), dtype=np.uint64)
    # Digests are 32 bytes each, so the column's own bytes are the numbers, row after row.
    content = flat.cast(pa.binary()).buffers()[2]
    return np.frombuffer(content, dtype="<u8", count=4 * len(flat)).reshape(-1, 4)


def _by_context(contexts: pa.ChunkedArray, lanes: np.ndarray) -> dict[str, np.ndarray]:
    coded = contexts.combine_chunks().dictionary_encode()
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    names = coded.dictionary.to_pylist()
    sums = np.zeros((len(names), 4), dtype=np.uint64)
    np.add.at(sums, coded.indices.to_numpy(zero_copy_only=False), lanes)
    return dict(zip(names, sums, strict=True))


def sums(name: str, rows: pa.Table, upgrades: pa.Table) -> dict[str, np.ndarray]:
    """The sums of some rows of one truth table.

    Args:
        name: The table.
        rows: Rows of its schema.
        upgrades: Columns id and context_id, at least of the upgrades that `rows` names (for votes).

    Returns:
        Sum by name, as `HASHES` names them; four numbers each.
    """
    if not rows.num_rows or name not in _SAID:
        return {}
    digest = _digest(name)
    found: dict[str, np.ndarray] = {}
    if name == "votes":
        table = sql.run(
            f"select u.context_id, {digest} as h"
            " from v join (select id as upgrade, context_id from u) u on u.upgrade = v.upgrade_id",
            v=rows, u=upgrades.select(["id", "context_id"]),
        )
        lanes = _lanes(table.column("h"))
        found = {CONTEXT + c: s for c, s in _by_context(table.column("context_id"), lanes).items()}
    else:
        table = sql.run(f"select {digest} as h from v", v=rows)
        lanes = _lanes(table.column("h"))
        if name == "tallies":
            for row_contexts, lane in zip(rows.column("contexts").to_pylist(), lanes, strict=True):
                for context in row_contexts:
                    found[CONTEXT + context] = found.get(CONTEXT + context, _ZERO) + lane
        elif name == "duplicates":
            found[DUPLICATES] = lanes.sum(axis=0, dtype=np.uint64)
    found[TOTAL] = lanes.sum(axis=0, dtype=np.uint64)
    return found


def changed(delta: Delta, upgrades: pa.Table, known: Mapping[str, str]) -> dict[str, str]:
    """The hashes that a delta changes, with their new values.

    Args:
        delta: What goes out and what comes in.
        upgrades: All upgrades that its votes name (id, context_id).
        known: The hashes before, by name.
    """
    moved: dict[str, np.ndarray] = {}
    for name, change in delta.items():
        for sign, rows in ((-1, change.before), (1, change.after)):
            for key, lane in sums(name, rows, upgrades).items():
                start = moved.get(key)
                start = decode(known.get(key)) if start is None else start
                moved[key] = start + lane if sign > 0 else start - lane
    return {key: encode(lane) for key, lane in moved.items() if encode(lane) != (known.get(key) or encode(_ZERO))}
