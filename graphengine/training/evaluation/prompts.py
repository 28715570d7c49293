"""What policies are asked: prompts of contexts that training did not see, with the winning card of each context."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphengine.errors import TrainingError
from graphengine.training.evaluation.pairs import HELD_OUT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.training.data import PreferenceFolder
    from graphengine.training.evaluation.loading import Language, Prompt

MOST_CARDS = 5
"""Winning cards that stand before a text of no context (a task, a paragraph)."""
WINNER = "card"
"""The column of `prompts` with the text of the winning card."""
HEADING = "Answer in the spirit of this value:"
HEADINGS = "Answer in the spirit of these values:"


@dataclass(frozen=True)
class Asked:
    """The prompts of an evaluation.

    Attributes:
        split: Where they are from.
        rows: The dataset's rows, `prompt` and all other columns.
        too_long: Prompts left out since some model has no room for them and an answer.
    """

    split: str
    rows: list[dict[str, Any]]
    too_long: int

    @property
    def prompts(self) -> list[Any]:
        """Plain texts or conversations."""
        return [row["prompt"] for row in self.rows]

    @property
    def contexts(self) -> list[str]:
        """The context of each prompt."""
        return [row["context_id"] for row in self.rows]


def choose_prompts(folder: PreferenceFolder, wanted: int, seed: int) -> Asked:
    """Draw prompts of the test split (else validation, else train, which the report then says).

    Args:
        folder: Of the kind `prompts`.
        wanted: The most prompts.
        seed: Of the draw.
    """
    split = next(name for name in (*HELD_OUT, "train") if name in folder.splits)
    rows = folder.splits[split].to_list()
    if len(rows) > wanted:
        rows = [rows[place] for place in sorted(random.Random(seed).sample(range(len(rows)), wanted))]  # noqa: S311
    return Asked(split, rows, 0)


def that_fit(asked: Asked, seen: Sequence[tuple[Language, Sequence[Prompt]]], most_tokens: int) -> Asked:
    """The prompts that every model has room for, with an answer; all models are asked the same.

    Args:
        asked: The prompts.
        seen: Each model, and what it reads for each of the prompts.
        most_tokens: The longest answer.

    Raises:
        TrainingError: If none is left.
    """
    fits = [
        all(len(model.ids(prompts[place])) + most_tokens <= model.room for model, prompts in seen)
        for place in range(len(asked.rows))
    ]
    kept = [row for row, fit in zip(asked.rows, fits, strict=True) if fit]
    if not kept:
        raise TrainingError(
            f"no prompt of {len(asked.rows)} fits beside an answer of {most_tokens} tokens",
            hint="give a smaller --max-new-tokens", key="max_new_tokens", value=most_tokens,
        )
    return Asked(asked.split, kept, len(asked.rows) - len(kept))


def winning_cards(folder: PreferenceFolder) -> dict[str, str]:
    """The text of the winning card of each context, where the dataset names one."""
    found: dict[str, str] = {}
    for table in folder.splits.values():
        if WINNER in table.column_names:
            for context, text in zip(table["context_id"], table[WINNER], strict=True):
                if text:
                    found.setdefault(context, text)
    return dict(sorted(found.items()))


def system_prompt(cards: Sequence[str]) -> str:
    """Winning cards as a system prompt.

    Example:
        >>> print(system_prompt(["Calm"]))
        Answer in the spirit of this value:
        <BLANKLINE>
        Calm
    """
    return "\n\n".join([HEADINGS if len(cards) > 1 else HEADING, *cards])
