"""Which column of a file means what: `map.toml`, or the plain column names."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError, MappingError
from graphengine.tables import ANSWERS, canonical_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FIELDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "votes": (("participant", "context", "from_value", "to_value", "answer"), ("scenario", "story", "at")),
    "votes-wide": (("participant",), ("at",)),
    "cards": (("id",), ("title", "description", "policies", "author", "duplicate_of")),
    "scenarios": (("id", "text"), ("image", "contexts")),
    "contexts": (("text",), ("id",)),
}
"""Needed and possible fields of each kind of table."""

KINDS = (*FIELDS, "moral-graph-json")

_ANSWERS = {
    "wiser": "wiser", "upgrade": "wiser", "yes": "wiser",
    "not_wiser": "not_wiser", "no_upgrade": "not_wiser", "no": "not_wiser",
    "unsure": "unsure", "not_sure": "unsure",
}


@dataclass(frozen=True)
class Question:
    """One column of a wide survey: the upgrade that its question asks about."""

    column: str
    context: str
    from_value: str
    to_value: str
    scenario: str = ""
    story: str = ""


@dataclass(frozen=True)
class Mapping:
    """What is taken from a file.

    Attributes:
        kind: A kind named in map.toml, or nothing.
        columns: Column of the file for each field.
        answers: Answer for each own word of the file, as `answer_key` writes it.
        groups: Column of the file for each group variable.
        wide: Questions of a wide survey.
    """

    kind: str | None = None
    columns: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    wide: tuple[Question, ...] = ()

    def sha256(self, **options: object) -> str:
        """Hash of all that decides what a file's rows mean."""
        state = {
            "kind": self.kind, "columns": self.columns, "answers": self.answers, "groups": self.groups,
            "wide": [vars(question) for question in self.wide], **options,
        }
        return hashlib.sha256(canonical_json(state).encode()).hexdigest()

    def answer(self, text: str) -> str | None:
        """The answer that a text stands for, or nothing.

        Example:
            >>> Mapping().answer(" Not Sure")
            'unsure'
        """
        key = answer_key(text)
        return self.answers.get(key) or _ANSWERS.get(key)


def answer_key(text: str) -> str:
    """An answer without differences of case, width, spaces, hyphens.

    Example:
        >>> answer_key(" Not-wiser ")
        'not_wiser'
    """
    return re.sub(r"[\s_\-]+", "_", unicodedata.normalize("NFKC", text).casefold().strip())


def column_key(text: str) -> str:
    """A column name without differences of case and spaces."""
    return re.sub(r"[\s_\-]+", "_", unicodedata.normalize("NFKC", text).casefold().strip())


def closest(name: str, names: Iterable[str]) -> str:
    """`; did you mean "…"?`, or nothing."""
    by_key = {column_key(other): other for other in names}
    found = difflib.get_close_matches(column_key(name), by_key, n=1, cutoff=0.5)
    return f'; did you mean "{by_key[found[0]]}"?' if found else ""


def read_mapping(path: Path) -> Mapping:
    """Read a map.toml.

    ```toml
    kind = "votes"              # optional
    [columns]                   # field = "column of the file"
    participant = "PID"
    [answers]                   # "word of the file" = "wiser" | "not_wiser" | "unsure"
    "Definitely" = "wiser"
    [groups]                    # variable = "column of the file"
    age = "Q12"
    [wide]                      # one column per question
    "Q5" = {context = "When in distress", from = "12", to = "15"}
    ```

    Raises:
        MappingError: If it is not TOML, or holds a key, field, answer or kind that is not known.
    """
    name = path.name
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise MappingError(
            f"the mapping {path} can't be read: {error}", hint="`graphengine sniff FILE` writes one", file=str(path)
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise MappingError(
            f"{path} is not TOML: {error}", hint='names with spaces stand in quotes: "Q 5" = …', file=str(path)
        ) from error
    _known(name, "", data, ("kind", "columns", "answers", "groups", "wide"))
    kind = data.get("kind")
    if kind is not None and kind not in KINDS:
        raise _error(name, f'kind = "{kind}" is none of {", ".join(KINDS)}{closest(str(kind), KINDS)}')
    fields = sorted({each for needed, possible in FIELDS.values() for each in needed + possible})
    columns = _texts(name, "columns", data)
    _known(name, "columns", columns, fields)
    answers = {}
    for word, answer in _texts(name, "answers", data).items():
        if answer not in ANSWERS:
            raise _error(
                name, f'[answers] "{word}" = "{answer}" is none of {", ".join(ANSWERS)}{closest(answer, ANSWERS)}'
            )
        answers[answer_key(word)] = answer
    wide = data.get("wide", {})
    if not isinstance(wide, dict):
        raise _error(name, "[wide] is not a table")
    questions = tuple(_question(name, column, entry) for column, entry in wide.items())
    return Mapping(kind, columns, answers, _texts(name, "groups", data), questions)


def _question(file: str, column: str, entry: Any) -> Question:
    example = '"Q5" = {context = "When in distress", from = "12", to = "15"}'
    if not isinstance(entry, dict):
        raise _error(file, f'[wide] "{column}" is not a table', f"write it like {example}")
    _known(file, f'wide."{column}"', entry, ("context", "from", "to", "scenario", "story"))
    values = {key: str(value).strip() for key, value in entry.items()}
    for key in ("context", "from", "to"):
        if not values.get(key):
            raise _error(file, f'[wide] "{column}" lacks {key}', f"write it like {example}")
    if values["from"] == values["to"]:
        raise _error(file, f'[wide] "{column}" asks about {values["from"]} and itself', "name two different cards")
    return Question(
        column, values["context"], values["from"], values["to"], values.get("scenario", ""), values.get("story", "")
    )


def _texts(file: str, section: str, data: dict[str, Any]) -> dict[str, str]:
    entries = data.get(section, {})
    if not isinstance(entries, dict) or not all(isinstance(value, str) for value in entries.values()):
        raise _error(file, f'[{section}] takes only entries of the form name = "text"')
    return entries


def _known(file: str, section: str, entries: dict[str, Any], allowed: Sequence[str]) -> None:
    for key in entries:
        if key not in allowed:
            place = f"[{section}] " if section else ""
            raise _error(file, f'{place}"{key}" is not known{closest(key, allowed)}', f"known: {', '.join(allowed)}")


def _error(
    file: str, message: str, hint: str = "`graphengine sniff FILE` writes a map.toml to start from"
) -> MappingError:
    return MappingError(f"{file}: {message}", hint=hint, file=file)


def find_kind(columns: Sequence[str], stem: str) -> str | None:
    """The kind of table that these column names speak for, or nothing."""
    keys = {column_key(column) for column in columns}
    if len(keys & set(FIELDS["votes"][0])) >= 3:
        return "votes"
    if "id" in keys and keys & {"title", "policies", "duplicate_of"}:
        return "cards"
    if "text" in keys and keys & {"image", "contexts"}:
        return "scenarios"
    if "text" in keys:
        return "scenarios" if "id" in keys and "scenario" in stem.lower() else "contexts"
    return None


def resolve(
    mapping: Mapping, kind: str, columns: Sequence[str], groups: Sequence[str], file: str
) -> Mapping:
    """Settle which column every field comes from.

    Fields that map.toml does not name come from the column of the same name (case, spaces and hyphens don't matter).

    Args:
        mapping: What map.toml says.
        kind: Kind of table.
        columns: Columns of the file.
        groups: Group variables opted in by name; each is a column of the file.
        file: Name of the file, for messages.

    Raises:
        MappingError: If map.toml names a column that is not there.
        InputError: If a needed field has no column.
    """
    needed, possible = FIELDS[kind]
    by_key: dict[str, str] = {}
    for column in columns:
        by_key.setdefault(column_key(column), column)
    chosen: dict[str, str] = {}
    for each in needed + possible:
        if each in mapping.columns:
            chosen[each] = _there(mapping.columns[each], columns, f"[columns] {each}", file)
        elif each in by_key:
            chosen[each] = by_key[each]
    missing = [each for each in needed if each not in chosen]
    if missing:
        guesses = "".join(f" {each}{closest(each, columns)}" for each in missing)
        raise InputError(
            f"{file} has no column for {', '.join(missing)}. Its columns: {', '.join(columns)}.{guesses}",
            hint=f"name the columns in a map.toml: graphengine sniff {file} writes one, then add --map map.toml",
            file=file, missing=missing, columns=list(columns),
        )
    chosen_groups = {
        variable: _there(column, columns, f"[groups] {variable}", file) for variable, column in mapping.groups.items()
    }
    for variable in groups:
        found = variable if variable in columns else by_key.get(column_key(variable))
        chosen_groups[variable] = found or _there(variable, columns, "the group variable", file)
    _keep_people_hidden(chosen, chosen_groups, mapping.wide if kind == "votes-wide" else (), file)
    if kind == "votes-wide" and not mapping.wide:
        raise InputError(
            f"{file}: votes-wide needs a map.toml with [wide]: which upgrade does each question ask about?",
            hint=f"fill in the [wide] of the map.toml that graphengine sniff {file} writes, then add --map map.toml",
            file=file,
        )
    for question in mapping.wide if kind == "votes-wide" else ():
        _there(question.column, columns, "[wide]", file)
    return Mapping(kind, chosen, mapping.answers, chosen_groups, mapping.wide if kind == "votes-wide" else ())


def _keep_people_hidden(
    columns: dict[str, str], groups: dict[str, str], wide: Sequence[Question], file: str
) -> None:
    """Refuse to store the raw ids of people under another name."""
    uses = list(columns.items())
    uses += [(f"the group variable {variable}", column) for variable, column in groups.items()]
    uses += [(f"[wide] {each.column}", each.column) for each in wide]
    for person in ("participant", "author"):
        for use, column in uses:
            if use != person and column == columns.get(person):
                raise MappingError(
                    f'{file}: the column "{column}" names people and can\'t serve as {use} too; '
                    "raw ids are never stored",
                    hint="name another column, or leave that one out", file=file, column=column,
                )


def _there(column: str, columns: Sequence[str], place: str, file: str) -> str:
    if column in columns:
        return column
    raise MappingError(
        f'{place}: {file} has no column "{column}"{closest(column, columns)}',
        hint=f"its columns: {', '.join(columns)}", file=file, column=column,
    )
