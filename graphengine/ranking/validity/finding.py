"""What one part of the validity report found: plain words first, the figures beneath."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Level = Literal["fine", "caution", "warning", "unknown"]
"""`fine`: nothing to worry about. `caution`: read the results with this in mind. `warning`: it can change what the
results mean. `unknown`: there is not enough to say anything."""


@dataclass(frozen=True)
class Finding:
    """One part of a validity report.

    Attributes:
        title: What was looked at, in a few words.
        verdict: What it means, in sentences that an organiser understands; names no card and no person.
        level: How much to worry.
        figures: The numbers of the whole, by name; None where a number can't be had. Never NaN.
        columns: Heading of each column of `rows`, in order.
        rows: The numbers in detail (by context, rule, method, …); ids of cards and contexts as they are in the graph.

    Example:
        >>> finding = Finding("Growth", "The order has settled.", "fine", {"people": 120}, {"people": "people"},
        ...                   [{"people": 60}])
        >>> sorted(finding.as_json())
        ['columns', 'figures', 'level', 'rows', 'title', 'verdict']
    """

    title: str
    verdict: str
    level: Level
    figures: dict[str, Any] = field(default_factory=dict)
    columns: dict[str, str] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries."""
        return asdict(self)


def share(value: float | None) -> str:
    """A share in whole percent; never 0% or 100% for what is neither.

    Example:
        >>> share(0.262), share(0.0004), share(0.9999), share(1.0), share(None)
        ('26%', 'under 1%', 'over 99%', '100%', 'an unknown share')
    """
    if value is None:
        return "an unknown share"
    if 0 < value < 0.005:
        return "under 1%"
    if 0.995 <= value < 1:
        return "over 99%"
    return f"{value:.0%}"


def counted(n: int, one: str, many: str = "") -> str:
    """A number with its noun.

    Example:
        >>> counted(1, "person", "people"), counted(1200, "context")
        ('1 person', '1,200 contexts')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"
