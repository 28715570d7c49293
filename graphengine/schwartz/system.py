"""Systems of values: which values there are, what they mean, how they lie to each other. A system is a TOML file.

```toml
name = "weather"
title = "What makes good weather"
source = "nobody"

[[values]]
id = "sun"                      # lower case, hyphens
short = "SU"
name = "Sun"
definition = "Light and warmth."  # evaluators read it, so a new value can be asked by writing its definition
angle = 0                       # on the circle, in degrees; leave it out where there is no circle
opposites = ["rain"]            # both sides must say so
into = { "weather-2" = "dry" }  # the value of a coarser system that it belongs to; "name:policy" for another opinion
```

The order of the values is the order of every vector in the system.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError
from graphengine.schwartz.names import did_you_mean, key

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

SYSTEMS = ("schwartz-10", "schwartz-19", "schwartz-4", "moral-foundations", "hhh")
"""The systems that come with the package."""


@dataclass(frozen=True)
class Value:
    """One value of a system.

    Attributes:
        id: Its name in files and vectors.
        short: Two or three letters.
        name: Its name for people.
        definition: What it means; part of what an evaluator reads.
        angle: Where it lies on the circle, in degrees; None where the system has no circle.
        outer: Whether it lies farther out than another one at the same angle.
        opposites: Ids of the values that pull the other way.
        into: The value that it belongs to in a coarser system, by `system` or `system:policy`.
    """

    id: str
    short: str
    name: str
    definition: str
    angle: float | None = None
    outer: bool = False
    opposites: tuple[str, ...] = ()
    into: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ValueSystem:
    """A system of values.

    Attributes:
        name: Its name in files.
        title: Its name for people.
        values: In the order of every vector.
        source: Where it comes from.
        about: What a reader should know.
        file: Where it was read from; '' for those that come with the package.

    Example:
        >>> ten = load_system("schwartz-10")
        >>> ten.shorts
        ('SD', 'ST', 'HE', 'AC', 'PO', 'SE', 'TR', 'CO', 'BE', 'UN')
        >>> ten.place("Self-Direction"), ten.place("UN")
        (0, 9)
        >>> ten.vector({"benevolence": 1})
        (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    """

    name: str
    title: str
    values: tuple[Value, ...]
    source: str = ""
    about: str = ""
    file: str = field(default="", compare=False)

    @property
    def ref(self) -> str:
        """What `load_system` finds it by, from whatever folder."""
        return self.file or self.name

    @cached_property
    def ids(self) -> tuple[str, ...]:
        """The ids, in order."""
        return tuple(value.id for value in self.values)

    @property
    def shorts(self) -> tuple[str, ...]:
        """The short names, in order."""
        return tuple(value.short for value in self.values)

    @property
    def is_circle(self) -> bool:
        """Whether every value has a place on a circle."""
        return all(value.angle is not None for value in self.values)

    def __len__(self) -> int:
        return len(self.values)

    def place(self, name: str, *, where: str = "") -> int:
        """The place of a value in vectors.

        Args:
            name: Its id, short name or name; case and kinds of dashes don't matter.
            where: What the name was found in, for the error.

        Raises:
            InputError: If there is no such value, with the one that may have been meant.
        """
        found = self._places.get(key(name))
        if found is None:
            raise InputError(
                f"{where + ': ' if where else ''}{name!r} is no value of {self.name}",
                hint=did_you_mean(name, self.ids), value=name, system=self.name,
            )
        return found

    def has(self, name: str) -> bool:
        """Whether there is a value of this name."""
        return key(name) in self._places

    def vector(self, values: Mapping[str, float], *, rest: float = 0.0, where: str = "") -> tuple[float, ...]:
        """A vector from numbers by name.

        Args:
            values: Numbers by the name of the value.
            rest: The number of all values that are not named.
            where: What the names were found in, for errors.

        Raises:
            InputError: If a name is unknown or is there twice (by two of its names).
        """
        made = [rest] * len(self)
        seen: dict[int, str] = {}
        for name, number in values.items():
            place = self.place(name, where=where)
            if place in seen:
                raise InputError(
                    f"{where + ': ' if where else ''}{self.ids[place]} is there twice, as {seen[place]!r} and {name!r}",
                    hint="leave one of them out", value=name,
                )
            seen[place] = name
            made[place] = float(number)
        return tuple(made)

    @property
    def opposed(self) -> tuple[tuple[int, int], ...]:
        """Places of the values that oppose each other, each pair once."""
        ids = self.ids
        return tuple(
            (place, ids.index(other)) for place, value in enumerate(self.values) for other in value.opposites
            if place < ids.index(other)
        )

    def angles_between(self) -> np.ndarray:
        """Degrees between each two values on the circle, (values, values), 0 to 180.

        For soft labels that know that a neighbour is a smaller mistake, and for confusion by distance.

        Raises:
            InputError: If the system has no circle.

        Example:
            >>> load_system("schwartz-10").angles_between()[0, [1, 5, 9]].tolist()
            [40.0, 160.0, 40.0]
        """
        import numpy as np

        if not self.is_circle:
            raise InputError(f"{self.name} has no circle", hint="take a system with angles: schwartz-10")
        at = np.array([value.angle for value in self.values], dtype=float)
        apart = np.abs(at[:, None] - at[None, :]) % 360
        return np.minimum(apart, 360 - apart)

    def roll_up(self, to: ValueSystem, policy: str = "schwartz") -> np.ndarray:
        """What takes vectors of this system to a coarser one: the mean of the values that belong together.

        Goes over a system between the two where it has to (19 → 10 → 4: a mean of means).

        Args:
            to: The coarser system.
            policy: Whose opinion counts where there are several: `schwartz`, or `fulcra` (19 → 10).

        Returns:
            A matrix (values of `to`, values of this one) whose rows sum to 1: `scores @ matrix.T`. A column of zeros is
            a value with no place.

        Raises:
            InputError: If there is no way from this system to that one, or the policy is unknown.

        Example:
            >>> ten, four = load_system("schwartz-10"), load_system("schwartz-4")
            >>> (ten.roll_up(four) @ ten.vector({"power": 1, "achievement": 0.5})).tolist()
            [0.0, 0.75, 0.0, 0.0]
        """
        import numpy as np

        named = {name for value in self.values for name in value.into}
        policies = {"schwartz", *(name.partition(":")[2] for name in named if ":" in name)}
        if policy not in policies:
            raise InputError(f"{policy!r} is no policy of {self.name}", hint=did_you_mean(policy, sorted(policies)))
        members = [self._parent(value, to.name, policy) for value in self.values]
        if any(member is not None for member in members):
            matrix = np.array([[float(member == value.id) for member in members] for value in to.values])
            return matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        for name in dict.fromkeys(each.partition(":")[0] for value in self.values for each in value.into):
            between = load_system(name)
            if any(to.name in value.into for value in between.values):
                return between.roll_up(to) @ self.roll_up(between, policy)
        raise InputError(
            f"{self.name} does not roll up to {to.name}", hint="see `into` in the file of the finer system",
            system=self.name,
        )

    @staticmethod
    def _parent(value: Value, to: str, policy: str) -> str | None:
        return value.into.get(f"{to}:{policy}", value.into.get(to))

    @cached_property
    def _places(self) -> dict[str, int]:
        return {
            key(name): place for place, value in enumerate(self.values) for name in (value.id, value.short, value.name)
        }


def load_system(name: str | Path) -> ValueSystem:
    """A system by its name, or from a file.

    Args:
        name: One of `SYSTEMS`, or a TOML file.

    Raises:
        InputError: If there is none of that name, or the file is no system.

    Example:
        >>> len(load_system("schwartz-19")), load_system("hhh").ids
        (19, ('helpful', 'honest', 'harmless'))
    """
    if str(name) in SYSTEMS:
        return _shipped(str(name))
    path, like = Path(name), "see the files in graphengine/schwartz/systems"
    if path.suffix != ".toml":
        raise InputError(
            f"there is no system of values {str(name)!r}",
            hint=f"{did_you_mean(str(name), SYSTEMS)}; or give a .toml file", value=str(name),
        )
    try:
        system = _system(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
        return replace(system, file=str(path.resolve()))
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}", hint=like, file=path) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not TOML: {error}", hint=like, file=path) from error


@lru_cache
def _shipped(name: str) -> ValueSystem:
    file = resources.files("graphengine.schwartz").joinpath(f"systems/{name}.toml")
    return _system(tomllib.loads(file.read_text(encoding="utf-8")), name)


_NEEDED = ("id", "short", "name", "definition")


def _system(content: Mapping[str, Any], where: str) -> ValueSystem:
    rows = content.get("values")
    if not isinstance(content.get("name"), str) or not isinstance(rows, list) or not rows:
        raise InputError(f"{where} names no system: it needs `name` and [[values]]",
                         hint="see the files in graphengine/schwartz/systems", file=where)
    values = tuple(_value(row, f"{where}, value {number}") for number, row in enumerate(rows, 1))
    system = ValueSystem(
        content["name"], str(content.get("title", content["name"])), values, str(content.get("source", "")),
        str(content.get("about", "")).strip(),
    )
    _check(system, where)
    return system


def _value(row: Any, where: str) -> Value:
    if not isinstance(row, dict):
        raise InputError(f"{where} is no table", hint="write [[values]]", file=where)
    for name in _NEEDED:
        if not isinstance(row.get(name), str) or not row[name].strip():
            raise InputError(f"{where} has no `{name}`", hint=f"each value needs {', '.join(_NEEDED)}", column=name)
    known = {*_NEEDED, "angle", "outer", "opposites", "into"}
    for name in row:
        if name not in known:
            raise InputError(f"{where}: unknown key {name!r}", hint=did_you_mean(name, sorted(known)), column=name)
    for name, kind in (("opposites", list), ("into", dict), ("outer", bool)):
        if not isinstance(row.get(name, kind()), kind):
            raise InputError(f"{where}: `{name}` is not a {kind.__name__}", hint="see the other systems", column=name)
    angle = row.get("angle")
    if angle is not None and not (isinstance(angle, int | float) and math.isfinite(angle)):
        raise InputError(f"{where}: `angle` is {angle!r}, not degrees", hint="give a number", column="angle")
    return Value(
        row["id"], row["short"], row["name"], row["definition"], None if angle is None else float(angle),
        bool(row.get("outer", False)), tuple(row.get("opposites", ())), dict(row.get("into", {})),
    )


def _check(system: ValueSystem, where: str) -> None:
    """Names are unique, and both sides of an opposition know of it."""
    seen: dict[str, str] = {}
    for value in system.values:
        if value.id != key(value.id):
            raise InputError(f"{where}: the id {value.id!r} is not plain", hint=f"write {key(value.id)!r}")
        for name in {key(value.id), key(value.short), key(value.name)}:
            if name in seen:
                raise InputError(f"{where}: {value.id} and {seen[name]} are both called {name!r}",
                                 hint="give each value names of its own", value=name)
            seen[name] = value.id
    for value in system.values:
        for other in value.opposites:
            if value.id not in system.values[system.place(other, where=f"{where}, opposites of {value.id}")].opposites:
                raise InputError(f"{where}: {value.id} opposes {other}, but {other} does not oppose {value.id}",
                                 hint="name the opposition on both sides", value=other)
