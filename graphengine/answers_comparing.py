"""What a graph answers when all methods rank it: leaders side by side, and how far the methods agree."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphengine.answers import ContextRef


@dataclass(frozen=True)
class Comparison:
    """All methods side by side; nothing of it is stored.

    Attributes:
        context: The one context that was asked for, or None.
        methods: The names of the rankings that were made for this, the default first.
        contexts: Per context: `context` (id and text), `leaders` (by method: the cards in first place, as id and
            title; empty where the method ranks nothing), `agree` (do all methods name one and the same card?).
        cards: Of the one context: `id`, `title`, `ranks` (by method; null where the method does not rank the card), in
            the default's order; empty without a context.
        agreement: Per pair of methods: `method`, `other`, `same_leader` (share of contexts with the same leader; tied
            leaders count in part), `tau` (mean of Kendall's tau-b over contexts; null where none is known).
        notes: Plain sentences on what to look at.
    """

    context: ContextRef | None
    methods: list[str]
    contexts: list[dict[str, Any]]
    cards: list[dict[str, Any]]
    agreement: list[dict[str, Any]]
    notes: list[str]

    @property
    def words(self) -> str:
        """How far the methods agree, in a sentence."""
        same = sum(row["agree"] for row in self.contexts)
        number = len(self.contexts)
        if number == 1:
            return f"all {len(self.methods)} methods name the same card" if same else (
                f"the {len(self.methods)} methods do not all name the same one card")
        return f"all {len(self.methods)} methods name the same one card in {same:,} of {number:,} contexts"

    def as_json(self) -> dict[str, Any]:
        """The shape of `rank --compare --json`."""
        return {"ok": True, "words": self.words, **asdict(self)}
