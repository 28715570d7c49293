"""What a graph answers about how its cards hang together: structure, and paths with their weakest link."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphengine.answers import ContextRef
NO_CIRCLE = "no circle: the answers on its pairs allow an order"


@dataclass(frozen=True)
class Structure:
    """How the cards of each context hang together, in words and numbers.

    Attributes:
        contexts: Rows of `graphengine.tables.STRUCTURES`, each with `context` (id and text) and `words`.
        titles: Title of every card, by id.
    """

    contexts: list[dict[str, Any]]
    titles: dict[str, str]

    @property
    def words(self) -> list[str]:
        """The whole, in plain sentences."""
        apart = sum(row["components"] > 1 for row in self.contexts)
        circles = sum(bool(row["cyclic_cards"]) for row in self.contexts)
        number = len(self.contexts)
        return [
            f"contexts with answers: {number:,}",
            f"in pieces, so that not all of their values are compared: {apart:,}",
            f"with circles, so that no order of all their values is supported: {circles:,}",
        ]

    def as_json(self) -> dict[str, Any]:
        """The shape of `structure --json`."""
        return {"ok": True, "words": self.words, "contexts": self.contexts}


@dataclass(frozen=True)
class UpgradePath:
    """The strongest chain of wiser edges from one card to another in a context.

    Attributes:
        context: The context.
        from_card: Where it starts: id and title.
        to_card: Where it ends.
        links: Its edges in order (rows of EDGES, with `from_title`, `to_title`, `shown`); none if there is no chain.
        weakest: The link that the chain stands or falls with.
        reason: In words.
    """

    context: ContextRef
    from_card: dict[str, str]
    to_card: dict[str, str]
    links: list[dict[str, Any]]
    weakest: dict[str, Any] | None
    reason: str

    def as_json(self) -> dict[str, Any]:
        """The shape of `path --json`."""
        ids = [self.from_card["id"], *(row["to_id"] for row in self.links)] if self.links else []
        return {"ok": True, "context": asdict(self.context), "from": self.from_card, "to": self.to_card,
                "found": bool(self.links), "path": ids, "links": self.links, "weakest": self.weakest,
                "reason": self.reason}


def in_words(row: dict[str, Any], titles: dict[str, str]) -> list[str]:
    """A row of STRUCTURES in plain sentences.

    Example:
        >>> row = {"components": 2, "cards": 5, "cycles": [["a", "b", "d"]], "cyclic_cards": ["a", "b", "d"],
        ...        "isolated": [], "never_asked": ["e"]}
        >>> for sentence in in_words(row, {"a": "Advice", "b": "Listening"}):
        ...     print(sentence)
        its 5 values fall into 2 components that no question ties together: values in different ones are not compared
        no order supported here: Advice → Listening → d → Advice
        nobody was asked about: e
    """
    def named(cards: list[str], between: str = ", ") -> str:
        return between.join(titles.get(card) or card for card in cards)

    words = []
    if not row["cards"]:
        words.append("nobody has answered anything here yet")
    if row["components"] > 1:
        words.append(f"its {row['cards']} values fall into {row['components']} components that no question ties "
                     "together: values in different ones are not compared")
    words += [f"no order supported here: {named([*cards, cards[0]], ' → ')}" for cards in row["cycles"]]
    if row["cards"] and not row["cycles"]:
        words.append(NO_CIRCLE)
    untold = set(row["cyclic_cards"]) - {card for cards in row["cycles"] for card in cards}
    if untold:
        words.append(f"nor of {len(untold)} more values, whose circles are not shown")
    if row["isolated"]:
        words.append(f"only “unsure” was answered about: {named(row['isolated'])}")
    if row["never_asked"]:
        words.append(f"nobody was asked about: {named(row['never_asked'])}")
    return words
