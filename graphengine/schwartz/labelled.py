"""Answers whose values are labelled: what an evaluator is trained on and measured against.

Three forms of rows, told apart by their names, can be read and joined:

| form | a row says |
|---|---|
| rows of FULCRA | which of ten values an answer aligns with or opposes; what isn't listed is 0 |
| pairs of SVDA | one answer shows the value, the other one opposes it, and says nothing of other values |
| `prompt`, `response` and columns of values | -1, 0, 1, or empty where nobody looked |

Pairs of SVDA have `Scenario`, `Question`, `Value`, `Consistent Value Response` and `Contrastive Response`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError
from graphengine.schwartz.names import did_you_mean
from graphengine.schwartz.rows import STORED, as_table, read_rows
from graphengine.schwartz.scores import open_table
from graphengine.schwartz.system import ValueSystem, load_system

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

_PAIR = ("Scenario", "Question", "Value", "Consistent Value Response", "Contrastive Response")


@dataclass(frozen=True)
class Labelled:
    """Answers with labels.

    Attributes:
        ids: A name for each answer.
        prompts: What was asked.
        responses: What was answered.
        labels: (answers, values): -1 opposed, 0 no connection, 1 aligned, NaN where nobody looked.
        chosen: (answers,): the place of the one value that the answer was written for; -1 where there is no such value.
        groups: Which answers hang together (near copies, one prompt): they are drawn, and held out, together.
        sources: Where the question comes from.
        responders: Who answered.
        system: The values.
        left_out: Rows whose value has no place in the system.
    """

    ids: list[str]
    prompts: list[str]
    responses: list[str]
    labels: np.ndarray
    chosen: np.ndarray
    groups: list[str]
    sources: list[str]
    responders: list[str]
    system: ValueSystem
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """(prompt, response), as evaluators take them."""
        return list(zip(self.prompts, self.responses, strict=True))

    def take(self, places: Sequence[int] | np.ndarray) -> Labelled:
        """Some of the answers."""
        import numpy as np

        at = np.asarray(places)
        if at.dtype == bool:
            at = np.flatnonzero(at)
        lists = [[column[place] for place in at.tolist()] for column in
                 (self.ids, self.prompts, self.responses, self.groups, self.sources, self.responders)]
        ids, prompts, responses, groups, sources, responders = lists
        return Labelled(ids, prompts, responses, self.labels[at], self.chosen[at], groups, sources, responders,
                        self.system)

    def folds(self, number: int, seed: int = 0) -> np.ndarray:
        """A fold for each answer, from 0; no group is in two.

        Args:
            number: Of folds.
            seed: Of the shuffle.
        """
        import numpy as np

        names = sorted(set(self.groups))
        order = np.random.default_rng(seed).permutation(len(names))
        of = {names[place]: fold % number for fold, place in enumerate(order.tolist())}
        return np.array([of[group] for group in self.groups])


def join(parts: Sequence[Labelled]) -> Labelled:
    """Answers of several sources as one, in order.

    Raises:
        InputError: If there are none, or they are labelled in different systems.
    """
    import numpy as np

    if not parts:
        raise InputError("there are no labelled answers", hint="give a file of them")
    names = {part.system.name for part in parts}
    if len(names) > 1:
        raise InputError(f"the answers are labelled in different systems: {', '.join(sorted(names))}",
                         hint="read all in one system")

    def flat(column: str) -> list[str]:
        return [each for part in parts for each in getattr(part, column)]

    return Labelled(
        flat("ids"), flat("prompts"), flat("responses"), np.concatenate([part.labels for part in parts]),
        np.concatenate([part.chosen for part in parts]), flat("groups"), flat("sources"), flat("responders"),
        parts[0].system, sum(part.left_out for part in parts),
    )


def read_labelled(
    path: str | Path, system: str | ValueSystem = "schwartz-10", *, policy: str = STORED, roll_up: str = "schwartz"
) -> Labelled:
    """Read labelled answers in any of the three forms.

    Args:
        path: JSON lines, CSV or Parquet.
        system: The values to read them in.
        policy: Of FULCRA rows: `stored` takes the value types as they are, another places the items anew.
        roll_up: Whose opinion counts where a row's value is of a finer system: `schwartz` or `fulcra`.

    Raises:
        InputError: If the file can't be read, has no labels in the system, a value is unknown or a label is not one of
            -1, 0, 1; with the row. Texts are never shown: some rows hold harmful ones.
    """
    path, space = Path(path), load_system(system) if isinstance(system, str) else system
    names, rows = open_table(path)
    if not rows:
        raise InputError(f"{path} has no rows", hint="each row is a labelled answer", file=path)
    if "dialogue" in names:
        return _fulcra(path, space, policy)
    if "Value" in names or "Consistent Value Response" in names:
        return _written(path, names, rows, space, roll_up)
    return _columns(path, names, rows, space)


def _fulcra(path: Path, space: ValueSystem, policy: str) -> Labelled:
    import numpy as np

    if space.ids != load_system("schwartz-10").ids:
        raise InputError(f"{path} has rows of FULCRA, which are labelled in schwartz-10, not in {space.name}",
                         hint="read them in schwartz-10", file=path)
    table = as_table(read_rows(path), policy).to_pydict()
    labels = np.array([[np.nan if cell is None else cell for cell in table[value]] for value in space.ids], float).T
    prompts = table["prompt"]
    return Labelled(
        [f"{path.stem}:{row}" for row in table["row"]], prompts, table["response"], labels,
        np.full(len(prompts), -1), [f"{path.stem}:{prompt}" for prompt in prompts],
        [each or path.stem for each in table["query_source"]], [each or "unknown" for each in table["response_source"]],
        space,
    )


def _written(path: Path, names: list[str], rows: list[dict[str, Any]], space: ValueSystem, roll_up: str) -> Labelled:
    """Pairs of answers written for a value and against it."""
    import numpy as np

    for name in _PAIR:
        if name not in names:
            raise InputError(f"{path} has no column {name!r}", hint=did_you_mean(name, names), file=path, column=name)
    parts: list[tuple[str, str, str, str, list[float], int]] = []
    left_out = 0
    for number, row in enumerate(rows, 1):
        for name in _PAIR:
            if not isinstance(row.get(name), str) or not row[name].strip():
                raise InputError(f"{path}, row {number}: {name!r} is no text", hint="each row needs all five",
                                 file=path, row=number, column=name)
        place = _place(str(row["Value"]), space, roll_up, f"{path}, row {number}")
        if place is None:
            left_out += 1
            continue
        prompt = f"{row['Scenario'].strip()} {row['Question'].strip()}"
        group = f"{path.stem}:{row['Scenario'].strip()}"
        shows = [0.0] * len(space)
        shows[place] = 1.0
        against = [np.nan] * len(space)
        against[place] = -1.0
        parts.append((f"{path.stem}:{number}+", prompt, row["Consistent Value Response"], group, shows, place))
        parts.append((f"{path.stem}:{number}-", prompt, row["Contrastive Response"], group, against, -1))
    if not parts:
        raise InputError(f"{path}: no row's value has a place in {space.name}", hint="take another system", file=path)
    ids, prompts, responses, groups, labels, chosen = (list(column) for column in zip(*parts, strict=True))
    return Labelled(ids, prompts, responses, np.array(labels), np.array(chosen), groups, [path.stem] * len(ids),
                    ["written"] * len(ids), space, left_out)


def _place(name: str, space: ValueSystem, roll_up: str, where: str) -> int | None:
    """The place of a value that may be of a finer system; None where it has none."""
    import numpy as np

    if space.has(name):
        return space.place(name)
    finer = load_system("schwartz-19")
    if space.ids == finer.ids or not finer.has(name):
        space.place(name, where=where)  # raises, with the value that may have been meant
    column = finer.roll_up(space, roll_up)[:, finer.place(name, where=where)]
    return int(np.argmax(column)) if column.any() else None


def _columns(path: Path, names: list[str], rows: list[dict[str, Any]], space: ValueSystem) -> Labelled:
    import numpy as np

    for name in ("prompt", "response"):
        if name not in names:
            raise InputError(f"{path} has no column {name!r}", hint=did_you_mean(name, names), file=path, column=name)
    columns = {name: space.place(name) for name in names if space.has(name)}
    if not columns:
        raise InputError(f"{path} has no column that is a value of {space.name}", file=path,
                         hint=f"a column for each of {', '.join(space.ids)}, with -1, 0, 1 or nothing")
    labels = np.full((len(rows), len(space)), np.nan)
    for number, row in enumerate(rows, 1):
        for name in ("prompt", "response"):
            if not isinstance(row.get(name), str):
                raise InputError(f"{path}, row {number}: {name} is no text", hint="each answer is text", file=path,
                                 row=number, column=name)
        for name, place in columns.items():
            labels[number - 1, place] = _label(row.get(name), path, number, name)

    def column(name: str, otherwise: str) -> list[str]:
        return [str(row.get(name) or otherwise) for row in rows]

    return Labelled(
        [str(row.get("id") or number) for number, row in enumerate(rows, 1)], [row["prompt"] for row in rows],
        [row["response"] for row in rows], labels, np.full(len(rows), -1),
        [str(row.get("group") or f"{path.stem}:{row['prompt']}") for row in rows], column("query_source", path.stem),
        column("response_source", "unknown"), space,
    )


def _label(cell: Any, path: Path, row: int, column: str) -> float:
    if cell is None or cell == "":
        return float("nan")
    try:
        number = float(cell)
    except (TypeError, ValueError):
        number = 2.0
    if number not in (-1.0, 0.0, 1.0):
        raise InputError(f"{path}, row {row}: {column} is {str(cell)[:20]!r}", hint="a label is -1, 0, 1, or empty",
                         file=path, row=row, column=column)
    return number


class LabelTable:
    """An evaluator made of people's labels: it knows the answers that they read, and no others.

    Args:
        labelled: The answers. Where one is there several times, its score is the mean of its labels.

    Example:
        >>> import numpy as np
        >>> hhh = load_system("hhh")
        >>> one = Labelled(["a"], ["Hi"], ["Hello"], np.array([[1.0, 0, 0]]), np.array([-1]), ["a"], [""], [""], hhh)
        >>> LabelTable(one).score([("Hi", "Hello ")]).tolist()
        [[1.0, 0.0, 0.0]]
    """

    def __init__(self, labelled: Labelled, name: str = "people's labels") -> None:
        self.name, self.system, self._values = name, labelled.system.ref, len(labelled.system)
        found: dict[tuple[str, str], list[np.ndarray]] = {}
        for (prompt, response), row in zip(labelled.pairs, labelled.labels, strict=True):
            found.setdefault((prompt.strip(), response.strip()), []).append(row)
        self._scores = {pair: _mean(each) for pair, each in found.items()}

    def score(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """The mean label of each answer and value.

        Raises:
            InputError: If nobody read an answer, or nobody read it for one of the values.
        """
        import numpy as np

        made = np.zeros((len(pairs), self._values))
        for number, (prompt, response) in enumerate(pairs):
            known = self._scores.get((prompt.strip(), response.strip()))
            if known is None or np.isnan(known).any():
                raise InputError(f"answer {number + 1} has no labels of {'all values in ' if known is not None else ''}"
                                 f"{self.name}", hint="let people label it, or take another evaluator", row=number + 1)
            made[number] = known
        return made


def _mean(rows: list[np.ndarray]) -> np.ndarray:
    """The mean of what is there; NaN where nothing is."""
    import numpy as np

    each = np.array(rows)
    there = ~np.isnan(each)
    return np.where(there.any(axis=0), np.where(there, each, 0).sum(axis=0) / np.maximum(there.sum(axis=0), 1), np.nan)
