"""Tables of pairs as plain texts, whatever form they come in."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

SIDES = ("chosen", "rejected")

# Runs of letters and digits with their apostrophes; where words are not spaced, each character.
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|(?:(?![\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af])[^\W_])+"
                  r"(?:['’][^\W_]+)*")
_LONGEST_TITLE = 120


@dataclass(frozen=True)
class Pairs:
    """Pairs as texts, one entry for each row.

    Attributes:
        prompts: What was asked.
        chosen: The wiser side.
        rejected: The other one.
        contexts: The context's id, or the prompt where ids are not known.
        chosen_names: What the chosen side is known by: the id of its card, or its title, or its whole text.
        rejected_names: The same of the rejected side.
        titles: Titles of both sides, where all are known: from columns, or since every text starts with one.
        shows_titles: Does every text start with its title?
        ids: The other columns, as they are.
    """

    prompts: list[str]
    chosen: list[str]
    rejected: list[str]
    contexts: list[str]
    chosen_names: list[str]
    rejected_names: list[str]
    titles: tuple[list[str], list[str]] | None
    shows_titles: bool
    ids: dict[str, list[Any]]

    def __len__(self) -> int:
        return len(self.chosen)


def read_pairs(table: Any) -> Pairs:
    """The texts of a table of pairs.

    Args:
        table: Columns `prompt` (may be missing where both sides are whole conversations), `chosen`, `rejected`, as
            messages or as plain text; `context_id`, `chosen_id`, `rejected_id`, `chosen_title`, `rejected_title`, …
            where they are known. A `pyarrow.Table`, a `datasets.Dataset`, or a mapping of lists.

    Raises:
        InputError: If a column is missing, or a side has no text.

    Example:
        >>> table = {"prompt": ["Hi"], "chosen": [[{"role": "assistant", "content": "Hello"}]], "rejected": ["No"]}
        >>> read_pairs(table).chosen
        ['Hello']
    """
    names = list(table.column_names) if hasattr(table, "column_names") else list(table)
    for side in SIDES:
        if side not in names:
            raise InputError(
                f"the pairs have no column {side}", hint=f"columns there: {', '.join(names) or 'none'}", column=side
            )
    columns = {name: _values(table[name]) for name in names}
    chosen, rejected = (_texts(columns[side], side) for side in SIDES)
    prompts = _texts(columns["prompt"], "prompt") if "prompt" in columns else [""] * len(chosen)
    titles = _titles(columns, chosen, rejected)
    contexts = columns.get("context_id")
    return Pairs(
        prompts=prompts,
        chosen=chosen,
        rejected=rejected,
        contexts=prompts if contexts is None or None in contexts else contexts,
        chosen_names=_names(columns.get("chosen_id"), titles and titles[0], chosen),
        rejected_names=_names(columns.get("rejected_id"), titles and titles[1], rejected),
        titles=titles,
        shows_titles=titles is not None and all(
            text.startswith(title) for both in zip((chosen, rejected), titles, strict=True)
            for text, title in zip(*both, strict=True)
        ),
        ids={name: values for name, values in columns.items() if name not in ("prompt", *SIDES)},
    )


def _names(ids: list[Any] | None, titles: list[str] | None, texts: list[str]) -> list[str]:
    none = [None] * len(texts)
    return [
        str(id_) if id_ is not None else title or text
        for id_, title, text in zip(ids or none, titles or none, texts, strict=True)
    ]


def _titles(
    columns: dict[str, list[Any]], chosen: list[str], rejected: list[str]
) -> tuple[list[str], list[str]] | None:
    """The titles of both sides, from their columns or else from the texts; none where one is missing."""
    told = [[(each or "").strip() for each in columns.get(f"{side}_title", ())] for side in SIDES]
    shown = [[title_of(text) or "" for text in side] for side in (chosen, rejected)]
    for one, other in (told, shown):
        if len(one) == len(chosen) and all(one) and all(other):
            return one, other
    return None


def title_of(text: str) -> str | None:
    r"""The title that a rendered card starts with: a short line of its own before the rest.

    Example:
        >>> title_of("Calm\n\nStay calm.")
        'Calm'
        >>> title_of("- MOMENTS of calm\n- SIGNS")
    """
    first, blank, _ = text.partition("\n\n")
    if not blank or "\n" in first or first.startswith("- ") or len(first) > _LONGEST_TITLE:
        return None
    return first.strip() or None


def words_of(text: str) -> list[str]:
    """The words of a text in small letters.

    Example:
        >>> words_of("Don't give up -- 加油")
        ["don't", 'give', 'up', '加', '油']
    """
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def _values(column: Any) -> list[Any]:
    return column.to_pylist() if hasattr(column, "to_pylist") else list(column)


def _texts(values: Sequence[Any], column: str) -> list[str]:
    return [_text(value, column, row) for row, value in enumerate(values, start=1)]


def _text(value: Any, column: str, row: int) -> str:
    """A plain text, or the contents of messages; of content in parts (images) the texts."""
    if isinstance(value, str):
        return value
    try:
        contents = [message["content"] for message in value]
        parts = [
            content if isinstance(content, str) else "\n".join(part.get("text") or "" for part in content)
            for content in contents
        ]
    except (TypeError, KeyError, AttributeError) as error:
        raise InputError(
            f"row {row}: {column} is neither text nor messages", hint="write the dataset again", row=row, column=column,
            value=value,
        ) from error
    return "\n".join(parts)
