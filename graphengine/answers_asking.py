"""What `graphengine ask-next` answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphengine.answers import ContextRef


@dataclass(frozen=True)
class NextQuestions:
    """The questions to ask next, the most useful first.

    Attributes:
        context: The context they are about; None for all.
        questions: Of each: context, from, to (with id and text or title): is `to` wiser than `from`?; upgrade_id (None
            where no such upgrade is in the graph yet, so that it needs a story); gain in bits; P(top) of both; asked,
            asked_reverse: answers so far to it and to the opposite question; why, in words.
    """

    context: ContextRef | None
    questions: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The shape of `ask-next --json`."""
        return {"ok": True, "context": asdict(self.context) if self.context else None, "questions": self.questions}
