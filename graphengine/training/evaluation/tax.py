"""The alignment tax: what a policy lost elsewhere, as language-model loss and as exact match on tasks.

The loss is read on texts that training did not see: paragraphs of a file that the user gives, or the completions of the
sft test split behind their prompts. Every token of a text is predicted; the first follows the prompt, or the token that
ends a text where there is none. Bits per byte can be compared across tokenizers, nats per token can not.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError
from graphengine.training.evaluation.loading import Language, Prompt, Response, log_probabilities, quiet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Document:
    """A text whose likelihood is measured.

    Attributes:
        text: The text.
        prompt: What it follows; None for nothing.
        cluster: What it belongs to: its context, or its own number.
    """

    text: str
    prompt: Prompt | None
    cluster: Any


@dataclass(frozen=True)
class Likelihood:
    """How a model takes one text.

    Attributes:
        nats: Minus its log probability.
        tokens: Tokens that were predicted.
        bytes: Bytes of UTF-8 that they stand for.
        cut: Whether the text was too long for the model, and its end left out.
    """

    nats: float
    tokens: int
    bytes: int
    cut: bool


@dataclass(frozen=True)
class Task:
    """A question with one right answer."""

    prompt: str
    answer: str


def read_text(file: Path) -> list[Document]:
    """The paragraphs of a text file: what blank lines part.

    Raises:
        InputError: If the file can't be read or holds no text.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{file} can't be read: {error.strerror or error}", hint="check --text", file=file) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{file} is not UTF-8 (byte {error.start})", hint="save the text as UTF-8", file=file
        ) from error
    found = [each.strip() for each in re.split(r"\n\s*\n", text) if each.strip()]
    if not found:
        raise InputError(f"{file} holds no text", hint="give a text that training did not see", file=file)
    return [Document(each, None, place) for place, each in enumerate(found)]


def read_tasks(file: Path) -> list[Task]:
    """The tasks of a JSONL file: one object a line, with `prompt` and `answer`.

    Raises:
        InputError: If the file can't be read or holds none, or a line is not a task (file, row, column, value).
    """
    try:
        lines = file.read_text(encoding="utf-8").split("\n")  # `splitlines` parts texts, too
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file} can't be read: {error}", hint="check --task", file=file) from error
    tasks = [_task(line, file, row) for row, line in enumerate(lines, start=1) if line.strip()]
    if not tasks:
        raise InputError(f"{file} holds no task", hint='a line: {"prompt": "2 + 2 =", "answer": "4"}', file=file)
    return tasks


def _task(line: str, file: Path, row: int) -> Task:
    hint = 'a line is a JSON object: {"prompt": "2 + 2 =", "answer": "4"}'
    try:
        content = json.loads(line)
    except ValueError as error:
        raise InputError(f"{file}, line {row} is not JSON: {error}", hint=hint, file=file, row=row) from error
    if not isinstance(content, dict):
        raise InputError(f"{file}, line {row} is no object", hint=hint, file=file, row=row, value=line[:80])
    for column in ("prompt", "answer"):
        value = content.get(column)
        if not isinstance(value, str) or not value.strip():
            raise InputError(
                f"{file}, line {row}: {column} is {value!r}, and must be a text", hint=hint, file=file, row=row,
                column=column, value=value,
            )
    return Task(content["prompt"], content["answer"])


def task_prompt(language: Language, task: Task) -> Prompt:
    """A task as the model reads it: a message of the user where it has a chat template, else the plain text."""
    return [{"role": "user", "content": task.prompt}] if language.tokenizer.chat_template else task.prompt


def matches(response: Response, task: Task) -> bool:
    r"""Whether an answer is the right one: the same text, but for white space at its ends and how much is within.

    Example:
        >>> matches(Response(" forty  two\n", (), True), Task("6 x 7?", "forty two"))
        True
    """
    return response.text.split() == task.answer.split()


def likelihoods(
    language: Language, documents: Sequence[Document], tell: Callable[[int], None] = quiet
) -> list[Likelihood]:
    """How likely a model takes each text to be."""
    found = []
    for done, document in enumerate(documents, start=1):
        found.append(_likelihood(language, document))
        tell(done)
    return found


def _likelihood(language: Language, document: Document) -> Likelihood:
    before = [language.tokenizer.eos_token_id] if document.prompt is None else language.ids(document.prompt)
    tokens = language.tokenizer(document.text, add_special_tokens=False)["input_ids"]
    room = max(language.room - len(before), 1)
    cut = len(tokens) > room
    if cut:
        tokens = tokens[:room]
    size = len((language.tokenizer.decode(tokens) if cut else document.text).encode())
    chosen = log_probabilities(language, before, tokens)
    nats = -float(chosen[range(len(tokens)), tokens].sum())
    return Likelihood(nats, len(tokens), size, cut)
