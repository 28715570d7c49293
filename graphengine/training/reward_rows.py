"""Pairs as a reward model reads them: as tokens, with the evidence of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphengine.errors import TrainingError
from graphengine.training.losses import COLUMN

if TYPE_CHECKING:
    from datasets import Dataset

    from graphengine.training.batches import Pair
    from graphengine.training.reward import RewardSettings

AT_ONCE = 1000
"""Rows that are turned into tokens together."""


@dataclass(frozen=True)
class Rows:
    """A split.

    Attributes:
        pairs: Token ids of the chosen and of the rejected text.
        values: The evidence of each pair; None for evidence `none`.
        contexts: The context of each pair.
        kept: The rows that are not too long.
        too_long: Number of those that are.
        alike: Number of pairs whose texts are the same tokens; they are kept.
    """

    pairs: list[Pair]
    values: list[float] | None
    contexts: list[str]
    kept: Dataset
    too_long: int
    alike: int


def encode(table: Dataset, tokenizer: Any, most: int, evidence: str, where: str) -> Rows:
    """The pairs of a split as tokens, as TRL's RewardTrainer makes them.

    Conversations go through the chat template; a plain answer is put after its prompt, with the end token.

    Args:
        table: The rows.
        tokenizer: That of the model.
        most: Pairs with a text of more tokens are left out and counted.
        evidence: Whose column is read.
        where: The file, for messages.

    Raises:
        TrainingError: If a row mixes plain text and messages.
    """
    pairs: list[Pair] = []
    for start in range(0, len(table), AT_ONCE):
        part = table[start : start + AT_ONCE]
        sides = [
            _tokens(part["prompt"], part[side], tokenizer, start, where) for side in ("chosen", "rejected")
        ]
        pairs += zip(*sides, strict=True)
    kept = [place for place, pair in enumerate(pairs) if max(map(len, pair)) <= most]
    rows = table if len(kept) == len(table) else table.select(kept)
    column = COLUMN[evidence]
    return Rows(
        pairs=[pairs[place] for place in kept],
        values=list(rows[column]) if column else None,
        contexts=list(rows["context_id"]),
        kept=rows,
        too_long=len(table) - len(kept),
        alike=sum(pairs[place][0] == pairs[place][1] for place in kept),
    )


def _tokens(prompts: list[Any], answers: list[Any], tokenizer: Any, start: int, where: str) -> list[list[int]]:
    for row, (prompt, answer) in enumerate(zip(prompts, answers, strict=True), start=start + 1):
        if isinstance(prompt, str) != isinstance(answer, str):
            raise TrainingError(
                f"{where}, row {row}: the prompt is {_kind(prompt)}, and the answer {_kind(answer)}",
                hint="export it again, with --plain or without", file=where, row=row,
            )
    if isinstance(prompts[0], str):
        return tokenizer([plain_text(*both, tokenizer) for both in zip(prompts, answers, strict=True)])["input_ids"]
    talks = [[*prompt, *answer] for prompt, answer in zip(prompts, answers, strict=True)]
    texts = tokenizer.apply_chat_template(talks, tokenize=False)
    return tokenizer(texts, add_special_tokens=False)["input_ids"]


def plain_text(prompt: str, answer: str, tokenizer: Any) -> str:
    """A plain answer after its prompt, with the end token; the tokenizer may put what it likes around it."""
    end = tokenizer.eos_token
    return prompt + answer + ("" if answer.endswith(end) else end)


def _kind(value: Any) -> str:
    return "plain text" if isinstance(value, str) else "a conversation"


def see_that_it_teaches(rows: Rows, settings: RewardSettings) -> None:
    """See that there is something to learn from.

    Raises:
        TrainingError: If no row is left, or all weights are zero.
    """
    if not rows.pairs:
        raise TrainingError(
            f"no pair of {settings.data} is left to train on: all {rows.too_long:,} are longer than max_length, "
            f"{settings.max_length}",
            hint="give a larger max_length", key="max_length", value=settings.max_length,
        )
    if settings.evidence == "weight" and not any(rows.values or ()):
        raise TrainingError(
            f"all weights of {settings.data} are zero, so there is nothing to learn",
            hint="export pairs that somebody is sure of", key="evidence", value="weight",
        )
