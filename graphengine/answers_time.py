"""What a graph answers about time and groups: what moved between two dates or two rankings, and how groups differ."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphengine.answers import ContextRef


@dataclass(frozen=True)
class Moved:
    """A context that moved.

    Attributes:
        context: The context.
        why: What moved, as `graphengine.ranking.drift.moved` names it.
        before: Ids of what `wisest` answered before; `named_before`: whether one card was named as the winner.
        after: The same afterwards.
        reason_before: What was said of it.
        reason_after: The same afterwards.
        cards: Those with rank 1 before or after, those whose P(top) moved, and in a diff those of another rank: id,
            title, and from CHANGES rank, P(top) and score with their 90% intervals.
    """

    context: ContextRef
    why: list[str]
    before: list[str]
    after: list[str]
    named_before: bool
    named_after: bool
    reason_before: str | None
    reason_after: str | None
    cards: list[dict[str, Any]]


@dataclass(frozen=True)
class Drift:
    """What moved between two dates, both ranked with one calibration; nothing is stored.

    Attributes:
        before: The first date.
        after: The second.
        calibration: What the calibration is, and `source`: a stored ranking, or the answers as of the second date.
        compared: Contexts with answers at either date.
        least: Least move of P(top) that counts.
        moved: The contexts that moved.
        notes: What to look at.
    """

    before: str
    after: str
    calibration: dict[str, Any]
    compared: int
    least: float
    moved: list[Moved]
    notes: list[str]

    def as_json(self) -> dict[str, Any]:
        """The shape of `drift --json`."""
        return {"ok": True, **asdict(self)}


@dataclass(frozen=True)
class Diff:
    """What differs between two stored rankings.

    Attributes:
        before: The first: id, method, time, data hash, calibration, version.
        after: The second.
        same_votes: Whether both were made from the same state of the graph.
        compared: Contexts that either covers.
        least: Least move of P(top) that counts.
        moved: The contexts that differ.
    """

    before: dict[str, Any]
    after: dict[str, Any]
    same_votes: bool
    compared: int
    least: float
    moved: list[Moved]

    def as_json(self) -> dict[str, Any]:
        """The shape of `rank --diff --json`."""
        return {"ok": True, **asdict(self)}


@dataclass(frozen=True)
class GroupRanking:
    """How one group ranks a context; of a masked group (fewer than k people) nothing but its name is told."""

    group: str
    value: str
    masked: bool
    people: int | None
    single_winner: bool | None
    reason: str | None
    cards: list[dict[str, Any]]


@dataclass(frozen=True)
class GroupsOfContext:
    """All groups of a context, and the pairs that flip between them, the most probable flip first."""

    context: ContextRef
    groups: list[GroupRanking]
    flips: list[dict[str, Any]]


@dataclass(frozen=True)
class Groups:
    """Rankings per group of a variable; nothing is stored.

    Attributes:
        variable: The group variable.
        k: Groups of fewer people in a context are masked.
        least: Least probability of a flip that is told.
        calibration: What the calibration is, and its `source`.
        contexts: Contexts in which somebody of a group answered.
        notes: What to look at.
    """

    variable: str
    k: int
    least: float
    calibration: dict[str, Any]
    contexts: list[GroupsOfContext]
    notes: list[str]

    def as_json(self) -> dict[str, Any]:
        """The shape of `groups --json`."""
        return {"ok": True, **asdict(self)}
