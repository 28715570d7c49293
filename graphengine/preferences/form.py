"""How a dataset is written."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from graphengine.errors import ExportError
from graphengine.preferences.formats import FORMATS
from graphengine.preferences.rendering import RENDERS


@dataclass(frozen=True)
class Form:
    """How a dataset is written.

    Attributes:
        all_scenarios: One row for each scenario of a context, with the weight divided by their number.
        render: `full`, or `policies`: cards without title and description.
        min_probability: The least `p_chosen`.
        card_disjoint: Whether no card of the test split may be in another one.
        format: A name of `FORMATS`.
        plain: Texts instead of messages.
    """

    all_scenarios: bool = False
    render: str = "full"
    min_probability: float = 0.5
    card_disjoint: bool = False
    format: str = "parquet"
    plain: bool = False

    def of_pairs(self) -> dict[str, Any]:
        """What `preference_pairs` needs to know of it."""
        return {name: getattr(self, name) for name in ("all_scenarios", "render", "min_probability")}

    def options(self) -> str:
        """The options of `graphengine export preferences` that ask for this form."""
        told = ""
        for each in fields(self):
            value = getattr(self, each.name)
            if value != each.default:
                told += f" --{each.name.replace('_', '-')}" + ("" if value is True else f" {value}")
        return told

    def check(self) -> None:
        """See that the values are possible.

        Raises:
            ExportError: If not.
        """
        for name, known in (("render", RENDERS), ("format", FORMATS)):
            if getattr(self, name) not in known:
                raise ExportError(f"there is no {name} {getattr(self, name)!r}", hint=f"one of: {', '.join(known)}")
        if self.plain and self.format == "verl":
            raise ExportError("verl reads chats, no plain text", hint="leave --plain out")
        if not 0.5 <= self.min_probability < 1:
            raise ExportError(
                f"the least probability is {self.min_probability}", hint="give one from .5 on and below 1"
            )
