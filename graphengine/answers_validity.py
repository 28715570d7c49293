"""What `graphengine validate` answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from graphengine.ranking.validity.finding import Finding

if TYPE_CHECKING:
    from graphengine.answers import ContextRef

PARTS = ("placebo", "yes_bias", "thresholds", "not_wiser", "groups", "people", "careless", "growth", "methods")
"""The parts of a report, in the order in which they are shown."""


@dataclass(frozen=True)
class Validity:
    """How far rankings can be trusted.

    Attributes:
        context: The context that was looked at; None for the whole graph.
        contexts: Number of contexts looked at.
        contexts_with_votes: Number of contexts with votes in the graph; more than `contexts` where these are a sample.
        votes: Votes in the contexts looked at.
        people: People who cast them.
        parameters: What the report was made with: shuffles, orders, not_wiser, min_group, calibration.
        overall: Sentences on the whole, most serious first.
        parts: A finding for each of `PARTS`, in that order.
        notes: What was left out or sampled.

    Example:
        >>> from graphengine.ranking.validity.finding import Finding
        >>> part = Finding("Yes-bias", "Nobody asked the other way round.", "warning", {"beta": 1.4, "beta_sd": 0.1})
        >>> report = Validity(None, 11, 11, 1525, 500, {"shuffles": 200}, [part.verdict], {"yes_bias": part}, [])
        >>> report.as_json()["parts"]["yes_bias"]["level"]
        'warning'
        >>> [key for key in report.as_json()]
        ['ok', 'context', 'contexts', 'contexts_with_votes', 'votes', 'people', 'parameters', 'overall', 'parts',
         'notes']
        >>> [key for key in report.as_json()["parts"]["yes_bias"]]
        ['title', 'verdict', 'level', 'figures', 'columns', 'rows']
    """

    context: ContextRef | None
    contexts: int
    contexts_with_votes: int
    votes: int
    people: int
    parameters: dict[str, Any]
    overall: list[str]
    parts: dict[str, Finding]
    notes: list[str]

    def as_json(self) -> dict[str, Any]:
        """The shape of `validate --json`."""
        return {
            "ok": True, "context": asdict(self.context) if self.context else None, "contexts": self.contexts,
            "contexts_with_votes": self.contexts_with_votes, "votes": self.votes, "people": self.people,
            "parameters": self.parameters, "overall": self.overall,
            "parts": {name: part.as_json() for name, part in self.parts.items()}, "notes": self.notes,
        }
