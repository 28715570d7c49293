"""Targets: a vector in a system of values, with where it comes from and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from graphengine.errors import InputError
from graphengine.schwartz.names import did_you_mean
from graphengine.schwartz.system import ValueSystem, load_system

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

KINDS = ("human-defined", "national", "individual", "group", "moral-graph")
"""Whom a target speaks for."""

ASKED = 0.5
"""From here on a target asks for a value, when the poles of the circle are looked at."""


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a model should value.

    Attributes:
        name: Its name.
        vector: A number from -1 (opposed) over 0 (neither) to 1 (wholly) for each value of the system.
        system: Name or file of the system of values.
        weights: How much each value counts; 0 for one that the target does not ask about. None: all count 1.
        kind: One of `KINDS`.
        mapping: How survey scores became numbers of this scale: a name of `mapping.MAPPINGS`, or None.
        instrument: The survey with its version, or None.
        errors: Standard error of each number from sampling people; None: no sampling error is known.
        people: How many people it was computed from, or None.
        licence: What those who pass it on must know.
        provenance: Where it comes from.
        note: What else a reader must know.

    Example:
        >>> target = Target.of("kind and free", {"benevolence": 1, "self-direction": 1})
        >>> target.asked
        ('self-direction', 'benevolence')
        >>> target.sampling
        'no sampling error'
    """

    name: str
    vector: tuple[float, ...]
    system: str = "schwartz-10"
    weights: tuple[float, ...] | None = None
    kind: str = "human-defined"
    mapping: str | None = None
    instrument: str | None = None
    errors: tuple[float, ...] | None = None
    people: int | None = None
    licence: str = ""
    provenance: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        from graphengine.schwartz.mapping import MAPPINGS

        for field, given, known in (("kind", self.kind, KINDS), ("mapping", self.mapping, MAPPINGS)):
            if given not in known and not (field == "mapping" and given is None):
                raise InputError(f"target {self.name}: {given!r} is no {field}", hint=did_you_mean(str(given), known),
                                 value=given)
        self._check("vector", self.vector, -1.0, 1.0, "from -1 (opposed) to 1")
        self._check("weights", self.weights, 0.0, math.inf, "0 or more")
        self._check("errors", self.errors, 0.0, math.inf, "0 or more")
        if self.weights is not None and not any(self.weights):
            raise InputError(f"target {self.name}: all weights are 0, so it asks for nothing",
                             hint="give a weight to at least one value")
        if self.people is not None and self.people < 1:
            raise InputError(f"target {self.name}: {self.people} people", hint="leave it out where it is unknown")

    def _check(self, field: str, numbers: Sequence[float] | None, least: float, most: float, told: str) -> None:
        if numbers is None:
            return
        if len(numbers) != len(self.values):
            raise InputError(
                f"target {self.name}: {field} has {len(numbers)} numbers, and {self.values.name} has "
                f"{len(self.values)} values", hint=f"in this order: {', '.join(self.values.ids)}", value=len(numbers),
            )
        for value, number in zip(self.values.ids, numbers, strict=True):
            if not (math.isfinite(number) and least <= number <= most):
                raise InputError(f"target {self.name}: {field} of {value} is {number}", hint=f"it must be {told}",
                                 column=value, value=number)

    @classmethod
    def of(cls, name: str, values: Mapping[str, float], *, system: str = "schwartz-10", **more: Any) -> Target:
        """A target from numbers by name; a value that is not named is not asked about (weight 0).

        Raises:
            InputError: If a value is unknown (with the one that may have been meant) or a number out of range.
        """
        space = load_system(system)
        vector = space.vector(values, where=f"target {name}")
        if len(values) < len(space) and more.get("weights") is None:
            more["weights"] = space.vector(dict.fromkeys(values, 1.0))
        return cls(name=name, vector=vector, system=system, **more)

    @cached_property
    def values(self) -> ValueSystem:
        """The system of values."""
        return load_system(self.system)

    @property
    def array(self) -> np.ndarray:
        """The vector, for numpy."""
        import numpy as np

        return np.asarray(self.vector, dtype=float)

    @property
    def weight_array(self) -> np.ndarray:
        """The weights, for numpy; ones where there are none."""
        import numpy as np

        return np.ones(len(self.vector)) if self.weights is None else np.asarray(self.weights, dtype=float)

    @property
    def asked(self) -> tuple[str, ...]:
        """The values that it asks about: those with a weight."""
        return tuple(value for value, weight in zip(self.values.ids, self.weight_array, strict=True) if weight > 0)

    @property
    def sampling(self) -> str:
        """Whether a sampling error is known, in words."""
        if self.errors is not None:
            return "with standard errors"
        if self.mapping in ("sign", "rank") and (self.people or 1) > 1:
            return f"{self.mapping} has no standard errors"
        return "no sampling error"

    def as_json(self) -> dict[str, Any]:
        """The target as a file holds it, numbers by value."""
        ids = self.values.ids
        shape: dict[str, Any] = {
            "name": self.name, "system": self.system, "kind": self.kind, "mapping": self.mapping,
            "instrument": self.instrument, "people": self.people, "licence": self.licence,
            "provenance": self.provenance, "note": self.note, "sampling": self.sampling,
            "values": dict(zip(ids, self.vector, strict=True)),
        }
        if self.weights is not None:
            shape["weights"] = dict(zip(ids, self.weights, strict=True))
        if self.errors is not None:
            shape["errors"] = dict(zip(ids, self.errors, strict=True))
        return shape


class Conflict(NamedTuple):
    """Two values that pull apart, and that a target asks for both.

    Attributes:
        first: A value.
        second: The one across the circle.
        least: The smaller of the two numbers.
    """

    first: str
    second: str
    least: float


def conflicts(target: Target, least: float = ASKED) -> list[Conflict]:
    """The opposite values of the circle that a target asks for at once, the strongest first.

    Args:
        target: The target.
        least: From which number on it asks for a value.

    Example:
        >>> conflicts(Target.of("both", {"security": 1, "self-direction": 0.8, "benevolence": 1}))
        [Conflict(first='self-direction', second='security', least=0.8)]
    """
    ids = target.values.ids
    wanted = [number if weight > 0 else 0.0 for number, weight in
              zip(target.vector, target.weight_array, strict=True)]
    found = [Conflict(ids[i], ids[j], min(wanted[i], wanted[j])) for i, j in target.values.opposed
             if min(wanted[i], wanted[j]) >= least]
    return sorted(found, key=lambda each: -each.least)


def warning(target: Target, least: float = ASKED) -> str:
    """What to tell of a target that asks for both poles of the circle; '' where it does not.

    Example:
        >>> warning(Target.of("both", {"power": 1, "universalism": 1}))
        'target both asks for both poles of the circle: power and universalism'
    """
    found = conflicts(target, least)
    told = "; ".join(f"{each.first} and {each.second}" for each in found)
    return f"target {target.name} asks for both poles of the circle: {told}" if found else ""
