"""What a ranking is called, and what was asked of it: rankings of several methods and rules live side by side."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from graphengine.ranked import when
from graphengine.tables import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping

_ID = re.compile(
    r"(?P<method>\S+)(?: (?P<of>(?!not-wiser=|as-of=).+?))?(?: not-wiser=(?P<not_wiser>\S+))?(?: as-of=(?P<as_of>\S+))?"
)


@dataclass(frozen=True)
class Wanted:
    """What is asked of a ranking. A method takes of it what `graphengine.ranking.METHODS` lists.

    Attributes:
        method: A name of METHODS.
        edge_rule: For methods over the edges of a rule: a name of EDGE_RULES.
        not_wiser: `against` or `tie`.
        confidence: The least P(top) of a single winner.
        scores: `normalised` or `published`.
        tallies: Whether published tallies may stand for votes.
        variable: For methods over groups: the group variable.
        as_of: The date or time that answers are taken as of (as `when.spelled` writes it); "" is now.
        bootstrap: How often people are drawn anew for P(top) and rank intervals; 0: what the method itself says.

    Example:
        >>> Wanted("pagerank", edge_rule="any-wiser", as_of="2026-01-01").id
        'pagerank any-wiser as-of=2026-01-01'
    """

    method: str = "bradley-terry"
    edge_rule: str = "mai-2023"
    not_wiser: str = "against"
    confidence: float = 0.8
    scores: str = "normalised"
    tallies: bool = False
    variable: str = ""
    as_of: str = ""
    bootstrap: int = 0

    @property
    def id(self) -> str:
        """The name of the ranking."""
        return ranking_id(self.method, self.edge_rule, self.not_wiser, variable=self.variable, as_of=self.as_of)

    def takes(self, parameter: str) -> bool:
        """Whether the method knows a parameter."""
        return parameter in taken(self.method)

    @property
    def rule(self) -> str | None:
        """The edge rule, where the method has one."""
        return self.edge_rule if self.takes("edge_rule") else None

    def to_json(self) -> str:
        """What is stored as the ranking's parameters."""
        said: dict[str, Any] = {**asdict(self), "edge_rule": self.rule, "bootstrap": self.bootstrap or ""}
        return canonical_json({key: value for key, value in said.items() if value != "" or key == "method"})

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Wanted:
        """What `to_json` wrote; keys that it does not know are left aside."""
        known = {key: said[key] for key in cls.__dataclass_fields__ if said.get(key) is not None}
        return cls(**known)


def taken(method: str) -> tuple[str, ...]:
    """The parameters that a method takes; see `graphengine.ranking.methods.parameters_of`."""
    from graphengine.ranking.methods import parameters_of

    return parameters_of(method)


def ranking_id(
    method: str, edge_rule: str = "mai-2023", not_wiser: str = "against", *, variable: str = "", as_of: str = ""
) -> str:
    """What a ranking is called: `METHOD [rule or variable] [not-wiser=tie] [as-of=…]`, of what the method takes.

    Raises:
        RankingError: If there is no such method.
        InputError: If `as_of` is neither an ISO date nor a time.

    Example:
        >>> ranking_id("bradley-terry"), ranking_id("pagerank"), ranking_id("bradley-terry", not_wiser="tie")
        ('bradley-terry', 'pagerank mai-2023', 'bradley-terry not-wiser=tie')
    """
    takes = taken(method)
    parts = [method]
    if "edge_rule" in takes:
        parts.append(edge_rule)
    if variable and "groups" in takes:
        parts.append(variable)
    if not_wiser != "against" and "not_wiser" in takes:
        parts.append(f"not-wiser={not_wiser}")
    if as_of:
        parts.append(f"as-of={when.spelled(as_of)}")
    return " ".join(parts)


def options(name: str) -> str:
    """The options of `graphengine rank` that make a ranking.

    Example:
        >>> options("pagerank mai-2023"), options("bradley-terry not-wiser=tie as-of=2026-01-01")
        (' --method pagerank --edge-rule mai-2023', ' --not-wiser tie --as-of 2026-01-01')
    """
    match = _ID.fullmatch(name)
    if match is None or name == "bradley-terry":
        return ""
    text = f" --method {match['method']}" if match["method"] != "bradley-terry" else ""
    if match["of"]:
        text += f" --edge-rule {match['of']}" if "edge_rule" in taken(match["method"]) else (
            f' --variable "{match["of"]}"')
    text += f" --not-wiser {match['not_wiser']}" if match["not_wiser"] else ""
    return text + (f" --as-of {match['as_of']}" if match["as_of"] else "")
