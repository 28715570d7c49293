"""Answers as points in a space of values, each with a label of two kinds, such as safe and unsafe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.errors import InputError
from graphengine.schwartz.names import did_you_mean
from graphengine.schwartz.rows import STORED, cells, read_rows
from graphengine.schwartz.scores import open_table, read_scores
from graphengine.schwartz.system import load_system

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

YES = ("1", "1.0", "true", "yes", "unsafe", "harmful", "risky")
NO = ("0", "0.0", "false", "no", "safe", "harmless", "none")
"""What a label is taken to mean, in small letters."""


@dataclass(frozen=True)
class Points:
    """Answers with their values and a label.

    Attributes:
        vectors: A number for each value, (answers, values).
        values: Names of the values.
        unsafe: Whether each answer has the label, (answers,).
        prompts: What was asked; empty texts where it is not known.
        responses: What was answered.
        units: What each answer is held out and drawn with: its prompt, or a column.
    """

    vectors: NDArray[np.float64]
    values: tuple[str, ...]
    unsafe: NDArray[np.bool_]
    prompts: tuple[str, ...]
    responses: tuple[str, ...]
    units: tuple[str, ...]


def read_points(
    path: str | Path, label: str, *, unsafe: str = "", by: str = "", system: str = "schwartz-10", policy: str = STORED
) -> Points:
    """Read labelled answers.

    Args:
        path: Rows of FULCRA (JSON lines) with one more key, the label; or a table of scores (CSV, JSONL, Parquet) with
            `response`, `prompt` where it is known, and the label as a column.
        label: The key or column.
        unsafe: The value of the label that means unsafe; "": told by `YES` and `NO`.
        by: The key or column of what is held out together; "": the prompt, or the row where there is none.
        system: The values of a table of scores.
        policy: Of rows of FULCRA: `stored`, or whose opinion places their items. A value with both signs counts as 0.

    Raises:
        InputError: If the file can't be read, a column is missing, or a label is missing or of a third kind. Texts are
            never shown: some rows hold harmful ones.
    """
    path = Path(path)
    names, content = open_table(path)
    if "dialogue" in names:
        rows = read_rows(path)
        texts = [(row.prompt, row.response) for row in rows]
        more: list[dict[str, Any]] = [{**row.as_json(), **row.more} for row in rows]
        vectors, values = np.nan_to_num(cells(rows, policy)), load_system("schwartz-10").ids
    else:
        if "response" not in names:
            raise InputError(f"{path} has no column 'response'", hint=did_you_mean("response", names), file=path,
                             column="response")
        scores = read_scores(path, system)
        more, vectors, values = content, scores.matrix, scores.system.ids
        texts = [(str(row.get("prompt") or ""), str(row.get("response") or "")) for row in more]
    for name in (label, by):
        if name and not any(name in row for row in more):
            raise InputError(f"{path} has no column {name!r}", hint=did_you_mean(name, names), file=path, column=name)
    found = _labels([row.get(label) for row in more], path, label, unsafe)
    prompts, responses = zip(*texts, strict=True)
    units = [str(row.get(by)) for row in more] if by else [
        prompt or f"row {number}" for number, prompt in enumerate(prompts)]
    return Points(vectors, tuple(values), found, prompts, responses, tuple(units))


def _labels(given: Sequence[Any], path: Path, label: str, unsafe: str) -> NDArray[np.bool_]:
    told = [str(each).strip().lower() if each is not None else "" for each in given]
    for row, each in enumerate(told, 1):
        if not each:
            raise InputError(f"{path}, row {row}: {label} is empty", hint="leave out rows without a label", file=path,
                             row=row, column=label)
    kinds = list(dict.fromkeys(told))
    if unsafe:
        if unsafe.strip().lower() not in kinds:
            raise InputError(f"no row has the {label} {unsafe!r}", hint=did_you_mean(unsafe, kinds[:20]), file=path,
                             column=label, value=unsafe)
        yes = {unsafe.strip().lower()}
    else:
        yes = set(YES)
        strange = [each for each in kinds if each not in YES and each not in NO]
        if strange:
            raise InputError(
                f"{path}, row {told.index(strange[0]) + 1}: {label} is {strange[0][:20]!r}", file=path,
                row=told.index(strange[0]) + 1, column=label, value=strange[0][:20],
                hint="say which value means unsafe, all others mean safe: --unsafe VALUE",
            )
    found = np.array([each in yes for each in told])
    if found.all() or not found.any():
        raise InputError(f"all rows have the same {label}", hint="give rows of both kinds", file=path, column=label)
    return found
