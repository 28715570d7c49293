"""What `graphengine report` answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class ReportOutcome:
    """What a report holds, and where it was written.

    Attributes:
        path: The HTML file.
        ranking_id: The ranking that it shows.
        contexts: Number of contexts that it covers.
        left_out: Number of contexts that it leaves out.
        single_winners: Number of those covered in which one card is named.
        bytes: Size of the HTML file.
        pictures: The SVG files.

    Example:
        >>> ReportOutcome("report.html", "bradley-terry", 11, 0, 5, 190_000, []).as_json()["ok"]
        True
    """

    path: str
    ranking_id: str
    contexts: int
    left_out: int
    single_winners: int
    bytes: int
    pictures: list[str]

    def as_json(self) -> dict[str, Any]:
        """The shape of `report --json`."""
        return {"ok": True, **asdict(self)}
