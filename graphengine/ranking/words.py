"""Texts as 64-bit numbers: to find them, and to put them in order, without looking at each text on its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.ranking.cores import spread

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking.arrays import Ints


_WORD, _LONGEST = 8, 64  # bytes
_PIECE = 500_000


def find(texts: pa.Array, known: pa.Array) -> Ints | None:
    """Where texts stand among known, distinct ones; -1 for those that are not known.

    None where texts are not all of one length, the known ones too.

    Rounds of a table that holds one known text in each place; a known text that another took the place of is put into
    the table of the next round. Places are by multiply-shift (Dietzfelbinger et al. 1997, "A reliable randomized
    algorithm for the closest-pair problem"), other ones in each round.
    """
    size = _length(known)
    if size is None or size != _length(texts):
        return None
    asked, there = _words(texts, size), [np.ascontiguousarray(word) for word in _words(known, size)]
    found, left = np.full(len(texts), -1, np.int32), np.arange(len(known), dtype=np.int32)
    rows: list[Any] = [slice(at, at + _PIECE) for at in range(0, len(found), _PIECE)]
    random = np.random.Generator(np.random.PCG64(31))
    while len(left) and rows:
        bits = (4 * len(left)).bit_length()
        factors = random.integers(0, 2**63, len(there), np.uint64) * np.uint64(2) + np.uint64(1)
        table, own = np.full(1 << bits, -1, np.int32), _places([word[left] for word in there], factors, bits)
        table[own] = left

        def look(part: Any, table: Ints = table, factors: Ints = factors, bits: int = bits) -> Ints:
            mine = [word[part] for word in asked]
            at = table[_places(mine, factors, bits)]
            same = at >= 0
            for word, known_word in zip(mine, there, strict=True):
                same &= word == known_word[at]
            found[part] = np.where(same, at, -1)
            missing = np.nonzero(~same)[0]
            return missing + part.start if isinstance(part, slice) else part[missing]

        rows = [part for part in spread(look, rows, len(found)) if len(part)]
        left = left[table[own] != left]
    return found


def _places(words: list[Ints], factors: Ints, bits: int) -> Ints:
    key = words[0] * factors[0]
    for word, factor in zip(words[1:], factors[1:], strict=True):
        key += word * factor
    return (key >> np.uint64(64 - bits)).astype(np.int64)


def rising(words: list[Ints]) -> bool:
    """No row is below the one before."""
    equal, below = np.ones(len(words[0]) - 1, bool), np.zeros(len(words[0]) - 1, bool)
    for word in words:
        below |= equal & (word[1:] < word[:-1])
        equal &= word[1:] == word[:-1]
    return not below.any()


def _words(values: pa.Array, size: int) -> list[Ints]:
    """Texts of one length as 64-bit numbers, not copied: equal texts have equal words, others not."""
    return [_column(values, size, at, np.uint64) for at in _starts(0, size)]


def _length(values: pa.Array) -> int | None:
    """The length in bytes of all texts; None if they differ, are shorter than a word or very long, or one is null."""
    if values.null_count or not len(values):
        return None
    start = _offsets(values)
    size = int(start[1] - start[0])
    same = _WORD <= size <= _LONGEST and all(
        (np.diff(start[at : at + _PIECE + 1]) == size).all() for at in range(0, len(values), _PIECE))
    return size if same else None


def _offsets(values: pa.Array) -> Ints:
    return np.frombuffer(values.buffers()[1], np.int32)[values.offset : values.offset + len(values) + 1]


def _starts(first: int, size: int) -> list[int]:
    """Where words begin that cover the bytes from `first` on; the last two may overlap."""
    return [*range(first, size - _WORD, _WORD), size - _WORD]


def _column(values: pa.Array, size: int, at: int, kind: Any) -> Ints:
    """A byte or word of each of the texts of one length."""
    return np.ndarray(len(values), kind, values.buffers()[2], int(_offsets(values)[0]) + at, (size,))


def _all_one(bytes_: Ints) -> bool:
    return bool((bytes_ == bytes_[0]).all())


def ordered_words(values: pa.Array) -> list[Ints] | None:
    """Texts as 64-bit numbers of the same order, first word first; None if they are too long or hold a zero byte.

    What all begin with is left out.
    """
    if values.null_count:
        return None
    size, first = _length(values), 0
    if size is not None:
        while first < size - _WORD and _all_one(_column(values, size, first, np.uint8)):
            first += 1
        return [_column(values, size, at, ">u8").astype(np.uint64) for at in _starts(first, size)]
    start = _offsets(values).astype(int)
    sizes, data = np.diff(start), np.frombuffer(values.buffers()[2], np.uint8)
    longest, shortest = int(sizes.max()), int(sizes.min())
    if longest > _LONGEST or (data[start[0] : start[-1]] == 0).any():
        return None
    while first < shortest and _all_one(data[start[:-1] + first]):
        first += 1
    words = []
    for begin in range(first, longest, _WORD):
        word = np.zeros(len(values), np.uint64)
        for at in range(begin, begin + _WORD):
            byte = data[np.minimum(start[:-1] + at, len(data) - 1)] * (at < sizes)
            word = (word << np.uint64(8)) | byte.astype(np.uint64)
        words.append(word)
    return words or [np.zeros(len(values), np.uint64)]
