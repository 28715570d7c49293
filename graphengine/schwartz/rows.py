r"""Labelled answers in the form of Value FULCRA: JSON lines of a dialogue and the values it shows.

```json
{"dialogue": "Human: …\nBob: …", "value_items": ["be honest: +1"], "value_types": ["benevolence: +1"],
 "query_source": "…", "response_source": "…"}
```

Only +1 and -1 are listed: a value that isn't is 0, no connection. Labels are set on items and lifted to types, the ten
values. Some rows hold harmful texts: errors name a line, never what stands in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from graphengine.errors import InputError
from graphengine.schwartz.items import POLICIES, find
from graphengine.schwartz.names import did_you_mean
from graphengine.schwartz.system import load_system

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy as np
    import pyarrow as pa

STORED = "stored"
"""The policy that takes the value types as the file has them."""

_HUMAN, _BOB = "Human: ", "\nBob: "
_LISTS, _TEXTS = ("value_items", "value_types"), ("dialogue", "query_source", "response_source")


class Label(NamedTuple):
    """A name and a sign, as text.

    Attributes:
        text: As the file has it.
        name: What stands before the colon.
        written: What stands behind it: `+1`, `-1`, `1`, or something malformed.

    Example:
        >>> label("security: -1").sign, label("be obedient: 1+").sign
        (-1, None)
    """

    text: str
    name: str
    written: str

    @property
    def sign(self) -> int | None:
        """1 or -1; a bare 1 is 1. None where it is malformed."""
        return {"+1": 1, "1": 1, "-1": -1}.get(self.written)


def label(text: str) -> Label:
    """A label from its text."""
    name, colon, written = text.rpartition(":")
    return Label(text, name.strip(), written.strip()) if colon else Label(text, text.strip(), "")


def written(name: str, sign: int) -> str:
    """How a label is written.

    Example:
        >>> written("security", 1)
        'security: +1'
    """
    return f"{name}: {sign:+d}"


@dataclass(frozen=True)
class Row:
    """One labelled answer.

    Attributes:
        number: Of its line, from 1.
        dialogue: Prompt and answer.
        items: Labels of items.
        types: Labels of values.
        query_source: Where the prompt comes from.
        response_source: Who answered.
        more: What else the line holds, kept as it is.

    Example:
        >>> row = Row(1, dialogue("Hi", "Hello"), (label("be polite: +1"),), (label("conformity: +1"),))
        >>> row.prompt, row.response, row.signs("schwartz")
        ('Hi', 'Hello', {('conformity', 1)})
    """

    number: int
    dialogue: str
    items: tuple[Label, ...]
    types: tuple[Label, ...]
    query_source: str = ""
    response_source: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def prompt(self) -> str:
        """What the person said."""
        return self.dialogue.partition(_BOB)[0].removeprefix(_HUMAN)

    @property
    def response(self) -> str:
        """What was answered; '' where the dialogue has no answer."""
        return self.dialogue.partition(_BOB)[2]

    def labels(self, policy: str = STORED) -> Iterator[tuple[str, int]]:
        """The value and sign of each label that has both.

        Args:
            policy: `stored` for the value types, or one of `POLICIES` to place the items anew.
        """
        ten = load_system("schwartz-10")
        for each in self.types if policy == STORED else self.items:
            value = each.name if policy == STORED else None
            if value is None and (found := find(each.name)) is not None:
                value = found.value(policy)
            if each.sign is not None and value is not None and ten.has(value):
                yield ten.ids[ten.place(value)], each.sign

    def signs(self, policy: str = STORED) -> set[tuple[str, int]]:
        """The values with their signs; a value with both signs is there twice."""
        return set(self.labels(policy))

    def as_json(self) -> dict[str, Any]:
        """The line as a file has it."""
        return {
            "dialogue": self.dialogue, "value_items": [each.text for each in self.items],
            "value_types": [each.text for each in self.types], "query_source": self.query_source,
            "response_source": self.response_source, **self.more,
        }


def dialogue(prompt: str, response: str) -> str:
    """Prompt and answer as rows write them."""
    return f"{_HUMAN}{prompt}{_BOB}{response}"


def read_rows(path: str | Path) -> list[Row]:
    """Read rows, labels and all, defects included: `lint` tells of them.

    Raises:
        InputError: If the file can't be read, or a line is no such row; with its number.
    """
    path = Path(path)
    hint = "a line is a JSON object with dialogue, value_items, value_types, query_source, response_source"
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8", hint="save it as UTF-8", file=path) from error
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}", hint="check its name",
                         file=path) from error
    rows = [_row(number, line, path, hint) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise InputError(f"{path} has no rows", hint=hint, file=path)
    return rows


def _row(number: int, line: str, path: Path, hint: str) -> Row:
    def wrong(what: str, column: str = "") -> InputError:
        return InputError(f"{path}, line {number}: {what}", hint=hint, file=path, row=number, column=column)

    try:
        content = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise wrong("it is not JSON") from error
    if not isinstance(content, dict):
        raise wrong("it is not a JSON object")
    for name in ("dialogue", *_LISTS):
        if name not in content:
            close = [each for each in content if isinstance(each, str)]
            raise InputError(f"{path}, line {number} has no {name}", hint=did_you_mean(name, close), file=path,
                             row=number, column=name)
    for name in _TEXTS:
        if not isinstance(content.get(name, ""), str):
            raise wrong(f"{name} is no text", name)
    for name in _LISTS:
        if not (isinstance(content[name], list) and all(isinstance(each, str) for each in content[name])):
            raise wrong(f"{name} is no list of texts", name)
    more = {name: value for name, value in content.items() if name not in (*_TEXTS, *_LISTS)}
    return Row(
        number, content["dialogue"], tuple(map(label, content["value_items"])),
        tuple(map(label, content["value_types"])), content.get("query_source", ""),
        content.get("response_source", ""), more,
    )


def write_rows(rows: Iterable[Row], path: str | Path) -> None:
    """Write rows, whole or not at all."""
    from graphengine.schwartz.target_files import write_whole

    lines = [json.dumps(row.as_json()) for row in rows]
    write_whole(Path(path), "".join(f"{line}\n" for line in lines))


def remap(row: Row, policy: str) -> Row:
    """A row whose value types follow from its items under a policy, in the order of the ten values.

    Malformed and unknown labels of items have no value. A value with both signs keeps both.

    Raises:
        InputError: If the policy is unknown.

    Example:
        >>> row = Row(1, "", (label("be humble: 1"),), (label("humility: +1"),))
        >>> [each.text for each in remap(row, "schwartz").types]
        ['tradition: +1']
    """
    from dataclasses import replace

    if policy not in POLICIES:
        raise InputError(f"{policy!r} is no policy", hint=did_you_mean(policy, POLICIES), value=policy)
    order = load_system("schwartz-10").ids
    found = sorted(row.signs(policy), key=lambda each: (order.index(each[0]), -each[1]))
    return replace(row, types=tuple(label(written(value, sign)) for value, sign in found))


def cells(rows: Sequence[Row], policy: str = STORED) -> np.ndarray:
    """Labels as numbers, (rows, ten values): -1, 0, 1; NaN where a row has both signs.

    Example:
        >>> row = Row(1, "", (), (label("power: -1"), label("security: +1"), label("security: -1")))
        >>> cells([row]).tolist()
        [[0.0, 0.0, 0.0, 0.0, -1.0, nan, 0.0, 0.0, 0.0, 0.0]]
    """
    import numpy as np

    places = {value: place for place, value in enumerate(load_system("schwartz-10").ids)}
    made = np.zeros((len(rows), len(places)))
    for number, row in enumerate(rows):
        signs = row.signs(policy)
        for value, sign in signs:
            made[number, places[value]] = np.nan if (value, -sign) in signs else sign
    return made


def base_rates(rows: Sequence[Row], policy: str = STORED) -> np.ndarray:
    """How often each value is +1 less how often it is -1, (ten values,): the best answer that reads nothing.

    A value with both signs counts as 0.
    """
    import numpy as np

    return np.nansum(cells(rows, policy), axis=0) / len(rows)


def as_table(rows: Sequence[Row], policy: str = STORED) -> pa.Table:
    """Rows for training and measuring an evaluator.

    Returns:
        `row, prompt, response, query_source, response_source`, and a column for each of the ten values: -1, 0, 1, null
        where a row has both signs.
    """
    import numpy as np
    import pyarrow as pa

    found = cells(rows, policy)
    columns: dict[str, Any] = {
        "row": [row.number for row in rows], "prompt": [row.prompt for row in rows],
        "response": [row.response for row in rows], "query_source": [row.query_source for row in rows],
        "response_source": [row.response_source for row in rows],
    }
    for place, value in enumerate(load_system("schwartz-10").ids):
        column = found[:, place]
        columns[value] = pa.array(np.nan_to_num(column).astype(int), pa.int8(), mask=np.isnan(column))
    return pa.table(columns)
