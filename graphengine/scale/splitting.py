"""First pass: each vote into the bucket of its context.

A bucket holds all votes of a context, so that it can be counted and ranked on its own. The answer is written as a
number: its place in ANSWERS, or beyond that what is wrong with the row (`FAULTS`).

Writing every vote to disk, to read it again, is most of the work, and for nothing where many votes are about the same
upgrade. So votes of Parquet are counted (folded) before they are written, some of the contexts in each reading of the
files, as many as memory holds. The first reading tells how many there will be; with too many the votes are written as
they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from graphengine.errors import InputError
from graphengine.importing.mapping import Mapping
from graphengine.scale.database import Room, database, memory_of, quoted
from graphengine.scale.files import WHITE
from graphengine.scale.files import rows as rows_of
from graphengine.tables import ANSWERS

if TYPE_CHECKING:
    import duckdb

    from graphengine.scale.files import Votes

FAULTS = {3: "unknown answer", 4: "time that can't be read", 5: "no participant", 6: "no answer"}
"""What is wrong with a row, by the number that stands in place of its answer."""

SHARES = 60
"""Contexts are folded in this many shares, several in a reading."""
VOTES_OF_A_PAIR = 10
"""Guessed for the first reading. Fewer cost time: DuckDB then spills."""
MOST_READINGS = 10
"""With more readings of the files than this, writing the votes as they are is faster."""
BYTES_OF_A_PAIR = 500
"""What DuckDB needs for a pair while it counts, without spilling."""

MOST_WORDS = 10_000
"""A column with more different words than this does not hold answers."""


@dataclass(frozen=True)
class Splitting:
    """One task: some files, split.

    Attributes:
        number: Of the task.
        votes: The files.
        buckets: Number of buckets.
        distinct: Are participants and times needed?
        room: What the task may use.
    """

    number: int
    votes: Votes
    buckets: int
    distinct: bool
    room: Room


@dataclass(frozen=True)
class Split:
    """What was found in some files.

    Attributes:
        words: Number of rows by each word of the answer column that is no answer.
        bad: Rows left out, by reason.
    """

    words: dict[str, int]
    bad: dict[str, int]


def split(task: Splitting) -> Split:
    """Write the votes of some files into buckets: `votes/NUMBER/…`, or, counted already, `folded/NUMBER-SHARE/…`.

    Raises:
        InputError: If the files can't be read, or the answer column holds no answers but all kinds of text.
    """
    columns = task.votes.columns
    with database(task.room) as con:
        found = con.execute(
            f"SELECT {columns['answer']} AS word, count(*) FROM {task.votes.relation} GROUP BY 1 "
            f"LIMIT {MOST_WORDS + 1}"
        ).fetchall()
        if len(found) > MOST_WORDS:
            raise InputError(
                f"the column {columns['answer']} holds more than {MOST_WORDS:,} different texts, so it is no answer",
                hint=f"answers are: {', '.join(ANSWERS)}; yes, no, unsure; upgrade, no_upgrade, not_sure",
                file=task.votes.paths[0],
            )
        meant = {word: Mapping().answer(word) for word, _ in found if word is not None}
        words = {word: rows for word, rows in found if word and word.strip(WHITE) and meant[word] is None}
        first = _fold(con, task, meant) if task.votes.kind == "parquet" and not task.distinct else 0
        if first < SHARES:
            _copy(con, task, f"votes/{task.number}", _votes(task, meant, first, SHARES))
    if task.distinct:
        return Split(words, {})  # of a row without participant and answer, counting tells the first
    empty = sum(rows for word, rows in found if not (word and word.strip(WHITE)))
    bad = {FAULTS[3]: sum(words.values()), FAULTS[6]: empty}
    return Split(words, {fault: rows for fault, rows in bad.items() if rows})


def _fold(con: duckdb.DuckDBPyConnection, task: Splitting, meant: dict[str, str | None]) -> int:
    """Count the votes of some contexts and, if they are not too many for that, of the others.

    Returns:
        The first share that was not counted; `SHARES` if all were.
    """
    sums = ", ".join(f"count(*) FILTER (a = {number}) AS {answer}" for number, answer in enumerate(ANSWERS))

    def fold(first: int, last: int) -> int:
        votes = _votes(task, meant, first, last)  # a fault counts as nothing, so its pair may have no answer
        return _copy(con, task, f"folded/{task.number}-{first}",
                     f"SELECT context, from_value, to_value, {sums} FROM ({votes}) GROUP BY ALL")

    memory = memory_of(con)
    guess = max(1, rows_of(con, task.votes) // VOTES_OF_A_PAIR)
    done = min(SHARES, max(1, SHARES * memory // (guess * BYTES_OF_A_PAIR)))
    pairs = fold(0, done) * (SHARES - done) // done
    readings = max(1, -(-pairs * BYTES_OF_A_PAIR // memory))
    if readings > MOST_READINGS:
        return done
    for first, last in pairwise(done + (SHARES - done) * number // readings for number in range(readings + 1)):
        if first < last:
            fold(first, last)
    return SHARES


def _votes(task: Splitting, meant: dict[str, str | None], first: int, last: int) -> str:
    """SQL for the votes of some shares. Contexts that cleaning makes the same meet again in their bucket."""
    columns, people = task.votes.columns, ""
    if task.distinct:
        at = columns.get("at", "NULL::BIGINT")
        people = f", {cleaned('participant', columns, text=False)} AS participant, {at} AS ms"
    ids = ", ".join(f"{columns[name]} AS {name}" for name in ("context", "from_value", "to_value"))
    some = "" if (first, last) == (0, SHARES) else (
        f" WHERE hash({columns['context']}) % {SHARES} BETWEEN {first} AND {last - 1}")
    return f"SELECT {ids}, {_code(task, meant)} AS a{people} FROM {task.votes.relation}{some}"


def _copy(con: duckdb.DuckDBPyConnection, task: Splitting, folder: str, votes: str) -> int:
    """Write rows into the buckets of a folder; the number of rows."""
    bucket = f"(hash({cleaned('context', {'context': 'context'}, text=True)}) % {task.buckets})::USMALLINT"
    # Plain pages: a dictionary of ids that hardly repeat within a page costs more than it saves.
    return con.execute(
        f"COPY (SELECT *, {bucket} AS bucket FROM ({votes})) TO {quoted(f'{task.room.folder}/{folder}')} "
        "(FORMAT parquet, PARTITION_BY (bucket), COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 1)"
    ).fetchall()[0][0]


def cleaned(field: str, columns: dict[str, str], *, text: bool) -> str:
    """An id as importing would write it: no white space around it; a text (of a context) in Unicode NFC too."""
    column = columns[field]
    bare = f"trim({column}, {quoted(WHITE)})"
    # Trimming a list of characters takes ten times as long as seeing that there is nothing to trim.
    return (f"CASE WHEN regexp_full_match({column}, '[!-~]([ -~]*[!-~])?') THEN {column} "
            f"ELSE nullif({f'nfc_normalize({bare})' if text else bare}, '') END")


def _code(task: Splitting, meant: dict[str, str | None]) -> str:
    """SQL for the answer's number: place in ANSWERS, or what is wrong."""
    columns = task.votes.columns
    said = [
        f"WHEN {columns['answer']} IN ({', '.join(map(quoted, of))}) THEN {number}"
        for number, answer in enumerate(ANSWERS) if (of := [word for word, means in meant.items() if means == answer])
    ]
    blank = f"trim({columns['answer']}, {quoted(WHITE)})"
    wrong = [f"WHEN {columns['answer']} IS NULL OR {blank} = '' THEN 6", "ELSE 3"]
    first = []
    if task.distinct:
        first.append(f"WHEN ({cleaned('participant', columns, text=False)}) IS NULL THEN 5")
        if "at" in columns:
            given = f"trim({columns['at_given']}, {quoted(WHITE)})"
            first.append(f"WHEN {columns['at']} IS NULL AND {given} <> '' THEN 4")
    return f"(CASE {' '.join([*first, *said, *wrong])} END)::UTINYINT"
