"""Text columns as numbers in the order of the texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from graphengine.ranking.arrays import compute
from graphengine.ranking.cores import cores, spread
from graphengine.ranking.words import find, ordered_words, rising

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints

_MANY = 20_000


def codes(column: Any) -> tuple[Ints, pa.Array]:
    """A text column as numbers into its sorted distinct values (those of its dictionary, if it is encoded)."""
    numbers, values = encode(column)
    values, numbers = in_text_order(values, numbers.astype(np.int64))
    return numbers, values


def in_text_order(values: pa.Array, *columns: Ints) -> tuple[Any, ...]:
    """Distinct texts sorted, and columns of numbers into them."""
    order = text_order(values)
    if order is None:
        return values, *columns
    place = np.empty(len(order), columns[0].dtype)
    place[order] = np.arange(len(order))
    return values.take(pa.array(order)), *(place[numbers] for numbers in columns)


def encode(column: Any) -> tuple[Ints, pa.Array]:
    """A text column as numbers (32 bits) into its distinct values, in any order."""
    column = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    if not column.num_chunks or not len(column):
        return np.zeros(0, np.int32), pa.array([], pa.string())
    if pa.types.is_dictionary(column.type):
        column = column.unify_dictionaries()
        values = column.chunk(0).dictionary.cast(pa.string())
        once = values.dictionary_encode()
        numbers = _joined([chunk.indices for chunk in column.chunks]).astype(np.int32, copy=False)
        return (numbers if len(once.dictionary) == len(values) else once.indices.to_numpy()[numbers]), once.dictionary
    encoded = _few_pieces(column).dictionary_encode().unify_dictionaries()
    return _joined([chunk.indices for chunk in encoded.chunks]), encoded.chunk(0).dictionary


def _few_pieces(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts in one piece, or one per two billion bytes: dictionaries of pieces grow with each and are slow to unite."""
    return column if column.num_chunks == 1 and column.type == pa.string() else pa.table(
        [column.cast(pa.string())], ["text"]).combine_chunks().column(0)


def _joined(parts: list[pa.Array]) -> Ints:
    numbers = [part.to_numpy() for part in parts]
    return numbers[0] if len(numbers) == 1 else np.concatenate(numbers)


def encode_runs(column: Any) -> tuple[Ints, pa.Array]:
    """`encode` of a column in which neighbours are often equal: each run of them is looked up once."""
    column = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    if pa.types.is_dictionary(column.type) or len(column) < _MANY:
        return encode(column)
    column = _few_pieces(column)
    if column.num_chunks != 1:
        return encode(column)
    runs = compute().run_end_encode(column.chunk(0), run_end_type=pa.int64())
    numbers, values = encode(runs.values)
    return np.repeat(numbers, np.diff(runs.run_ends.to_numpy(), prepend=0)), values


def look_up(column: Any, known: pa.Array) -> tuple[Ints, pa.Array]:
    """A text column as numbers (32 bits) into distinct texts that are known, and after them those that were not.

    On all cores, and faster than `encode` where most texts are known.
    """
    column = _few_pieces(column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column]))
    found = np.concatenate([np.zeros(0, np.int32), *(_places(chunk, known) for chunk in column.chunks)])
    there = found >= 0
    if there.all():
        return found, known
    others, new = encode(column.filter(pa.array(~there)))
    numbers = found.copy()
    numbers[~there] = others + len(known)
    return numbers, pa.concat_arrays([known, new])


def _places(values: pa.Array, known: pa.Array) -> Ints:
    """Where texts stand among known ones; -1 for those that are not known."""
    found = find(values, known)
    if found is not None:
        return found
    size = max(1, -(-len(values) // cores()))
    pieces = [values.slice(at, size) for at in range(0, len(values), size)]
    found = spread(lambda piece: compute().index_in(piece, value_set=known).fill_null(-1).to_numpy(), pieces)
    return np.concatenate([np.zeros(0, np.int32), *found])


def text_order(values: pa.Array) -> Ints | None:
    """Where the sorted texts stand; None if they are sorted already. Texts are in the order of their bytes (UTF-8)."""
    pc = compute()
    words = ordered_words(values) if len(values) >= _MANY else None
    if words is not None:
        return None if rising(words) else np.lexsort(words[::-1])
    if len(values) < 2 or pc.all(pc.less_equal(values.slice(0, len(values) - 1), values.slice(1))).as_py():
        return None
    return pc.array_sort_indices(values).to_numpy()
