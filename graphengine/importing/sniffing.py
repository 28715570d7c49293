"""Guess what a file holds, and write a starter map.toml."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from graphengine.importing import mapping as maps
from graphengine.importing.importer import open_source
from graphengine.importing.scan import check_file
from graphengine.importing.source import Source

ALIASES: dict[str, tuple[str, ...]] = {
    "participant": (
        "pid", "prolific_pid", "prolific_id", "participant_id", "user", "user_id", "userid", "voter", "responseid",
        "response_id", "respondent", "respondent_id", "subject", "worker_id", "email_address",
    ),
    "context": ("context_id", "contextid", "context_name", "situation", "choice_context", "choice_type"),
    "from_value": (
        "from", "from_id", "fromid", "source", "source_value_id", "sourcevalueid", "value_a", "a_id", "less_wise",
    ),
    "to_value": (
        "to", "to_id", "toid", "target", "wiser_value_id", "wiservalueid", "value_b", "b_id", "wiser_value",
    ),
    "answer": ("relationship", "response", "vote", "choice", "type", "judgement", "judgment"),
    "scenario": ("case", "case_id", "caseid", "question", "question_id"),
    "story": ("narrative", "vignette"),
    "at": ("timestamp", "created_at", "createdat", "updated_at", "time", "date", "datetime", "recordeddate", "enddate"),
    "id": ("card_id", "value_id", "value"),
    "title": ("name", "label"),
    "description": ("instructionsshort", "summary"),
    "policies": ("evaluationcriteria", "attention_policies"),
    "author": ("author_id", "created_by"),
    "duplicate_of": ("canonical", "canonical_id", "canonicalcardid"),
    "text": ("prompt", "user_question"),
    "image": ("picture", "image_url"),
    "contexts": ("context_ids",),
}
"""Names under which other tools write each field; used for guesses only, never for an import without a mapping."""


@dataclass(frozen=True)
class Column:
    """A column and the field that it may be.

    Attributes:
        name: In the file.
        field: Guess, or nothing.
        sure: Whether an import takes it so without a mapping.
    """

    name: str
    field: str | None
    sure: bool


@dataclass(frozen=True)
class Sniffed:
    """What a file seems to be.

    Attributes:
        file: Its name.
        format: `csv`, `tsv`, `jsonl`, `json` or `parquet`.
        kind: A kind of `prepare`, or nothing where it can't be told.
        delimiter: Of a CSV or TSV file.
        encoding: Of a CSV or TSV file.
        layout: `qualtrics`, `google` or nothing.
        columns: Columns with guesses.
        questions: Columns of a wide survey that look like questions.
        words: Words among their answers that stand for no answer yet.
    """

    file: str
    format: str
    kind: str | None
    delimiter: str
    encoding: str
    layout: str
    columns: tuple[Column, ...]
    questions: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def map_toml(self) -> str:
        """A map.toml to start from; what was only guessed is marked."""
        lines = [
            f"# How to read {_quoted(self.file)}. Check each line, then:",
            "# graphengine import FILE --map map.toml",
        ]
        if self.kind:
            lines.append(f"kind = {_quoted(self.kind)}")
        lines += ["", "[columns]  # field = column of the file"]
        for column in self.columns:
            if column.field:
                lines.append(f"{column.field} = {_quoted(column.name)}" + ("" if column.sure else "  # a guess"))
        needed = maps.FIELDS.get(self.kind or "votes", maps.FIELDS["votes"])[0]
        found = {column.field for column in self.columns}
        lines += [f'# {each} = ""  # needed' for each in needed if each not in found]
        lines += ["", '[answers]  # word of the file = "wiser", "not_wiser" or "unsure"']
        lines += [f'# {_quoted(word)} = ""' for word in self.words]
        lines += ["", "[groups]  # variable = column; only what stands here is stored"]
        if self.kind == "votes-wide":
            lines += ["", "[wide]  # question column = the upgrade it asks about"]
            entry = '{context = "", from = "", to = ""}'
            lines += [f"# {_quoted(question)} = {entry}" for question in self.questions]
        return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def sniff(path: str | os.PathLike[str]) -> Sniffed:
    r"""Guess format, kind and columns of a file. Nothing is imported.

    Args:
        path: The file.

    Raises:
        InputError: If the file can't be read as a table.

    Example:
        >>> import pathlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = pathlib.Path(folder, "votes.csv")
        ...     _ = file.write_text("PID;context;from_value;to_value;vote\np1;When lost;a;b;yes\n")
        ...     found = sniff(file)
        >>> found.kind, found.delimiter, [column.field for column in found.columns if not column.sure]
        ('votes', ';', ['participant', 'answer'])
    """
    file = Path(path)
    check_file(file)
    opened = open_source(file, None, None)
    if not isinstance(opened, Source):
        return Sniffed(file.name, "json", "moral-graph-json", "", "", "", ())
    names = opened.own_columns()
    questions = _questions(opened, names)
    kind = maps.find_kind(names, file.stem)
    columns = _guess(names, kind)
    if kind is None:
        fields = [column.field for column in columns if column.field]
        kind = maps.find_kind(fields, file.stem) or ("votes-wide" if questions else None)
        if kind == "votes" and opened.layout and len(questions) > 1:
            kind = "votes-wide"
    columns = _guess(names, kind)
    if kind == "votes":
        questions = tuple(column.name for column in columns if column.field == "answer")
    words = _words(opened, questions) if kind in ("votes", "votes-wide") else ()
    encoding = opened.encoding.removesuffix("-sig")
    opened.con.close()
    return Sniffed(
        file.name, opened.format, kind, opened.delimiter, encoding, opened.layout, columns, questions, words
    )


def _guess(names: list[str], kind: str | None) -> tuple[Column, ...]:
    needed, possible = maps.FIELDS.get(kind or "", ((), ()))
    fields = needed + possible if kind else tuple(ALIASES)
    keys = {name: maps.column_key(name) for name in names}
    taken: dict[str, tuple[str, bool]] = {}
    for field in fields:
        exact = next((name for name in names if keys[name] == field), None)
        alike = next(
            (name for alias in ALIASES[field] for name in names if keys[name] == alias and name not in taken), None
        )
        found = exact or alike
        if found and found not in taken:
            taken[found] = field, exact is not None
    return tuple(Column(name, *taken.get(name, (None, False))) for name in names)


def _questions(source: Source, names: list[str]) -> tuple[str, ...]:
    """Columns with at most 12 different cells, at least one of which reads like an answer."""
    found = []
    for name in names:
        texts = _cells(source, name, 13)
        if 0 < len(texts) <= 12 and any(_like_answer(text) for text in texts):
            found.append(name)
    return tuple(found)


def _like_answer(text: str) -> bool:
    return maps.Mapping().answer(text) is not None or bool(re.match(r"(yes|no|not sure|unsure|maybe)\b", text.lower()))


def _words(source: Source, questions: tuple[str, ...]) -> tuple[str, ...]:
    """Words among the answers that stand for none of the three, at most 12."""
    words = {
        text for name in questions for text in _cells(source, name, 100)
        if maps.Mapping().answer(text) is None and len(text) <= 60
    }
    return tuple(sorted(words)[:12])


def _cells(source: Source, name: str, limit: int) -> list[str]:
    """Some distinct cells of a column that are not blank."""
    cell = source.cell(name)
    rows = source.con.execute(
        f"SELECT DISTINCT trim({cell}) FROM source WHERE trim({cell}) <> '' LIMIT {limit}"
    ).fetchall()
    return [text for (text,) in rows]
