"""First pass: each vote into the bucket of its context.

A bucket holds all votes of a context, so that it can be counted and ranked on its own. The answer is written as a
number: its place in ANSWERS, or beyond that what is wrong with the row (`FAULTS`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphengine.errors import InputError
from graphengine.importing.mapping import Mapping
from graphengine.scale.database import Room, database, quoted
from graphengine.scale.files import WHITE
from graphengine.tables import ANSWERS

if TYPE_CHECKING:
    from graphengine.scale.files import Votes

FAULTS = {3: "unknown answer", 4: "time that can't be read", 5: "no participant", 6: "no answer"}
"""What is wrong with a row, by the number that stands in place of its answer."""

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


def split(task: Splitting) -> dict[str, int]:
    """Write the votes of some files into buckets: `votes/NUMBER/bucket=…/*.parquet`.

    Returns:
        The number of rows by each word of the answer column that is no answer.

    Raises:
        InputError: If the files can't be read, or the answer column holds no answers but all kinds of text.
    """
    relation, columns = task.votes.relation, task.votes.columns
    with database(task.room) as con:
        words = con.execute(
            f"SELECT {columns['answer']} AS word, count(*) FROM {relation} GROUP BY 1 LIMIT {MOST_WORDS + 1}"
        ).fetchall()
        if len(words) > MOST_WORDS:
            raise InputError(
                f"the column {columns['answer']} holds more than {MOST_WORDS:,} different texts, so it is no answer",
                hint=f"answers are: {', '.join(ANSWERS)}; yes, no, unsure; upgrade, no_upgrade, not_sure",
                file=task.votes.paths[0],
            )
        meant = {word: Mapping().answer(word) for word, _ in words if word is not None}
        context = cleaned("context", columns, text=True)
        people = ""
        if task.distinct:
            at = columns.get("at", "NULL::BIGINT")
            people = f", {cleaned('participant', columns, text=False)} AS participant, {at} AS ms"
        # Plain pages: a dictionary of ids that hardly repeat within a page costs more than it saves.
        con.execute(
            f"COPY (SELECT {columns['context']} AS context, {columns['from_value']} AS from_value, "
            f"{columns['to_value']} AS to_value, {_code(task, meant)} AS a{people}, "
            f"(hash({context}) % {task.buckets})::USMALLINT AS bucket FROM {relation}) "
            f"TO {quoted(f'{task.room.folder}/votes/{task.number}')} "
            "(FORMAT parquet, PARTITION_BY (bucket), COMPRESSION uncompressed, DICTIONARY_SIZE_LIMIT 1)"
        )
    return {word: rows for word, rows in words if word and word.strip() and meant[word] is None}


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
