"""What a report is made from, and one context of it as a page needs it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from graphengine.tables import of_contexts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from graphengine.ranking.validity.finding import Finding


@dataclass(frozen=True)
class Source:
    """The tables and facts that the caller hands in; more columns than those named do no harm.

    Attributes:
        contexts: `id, text, upgrades, votes, users` (`cypher/read/context_overview.cypher`).
        cards: `id, title, description, policies, canonical_id` (null where a card is no duplicate).
        ranks: `tables.RANKS` of the ranking that is shown.
        verdicts: `tables.VERDICTS` of it.
        edges: `tables.EDGES`, and `shown` (bool): sure enough to be shown as wiser.
        counts: `tables.COUNTS`: what there are single votes for.
        members: `tables.MEMBERS`.
        scenarios: `id, text`.
        ranking: Its row of `tables.RANKINGS`.
        totals: `votes`, `users`, `cards`, `tallies`, `loads`, `superseded votes`, … (`cypher/read/stats.cypher`).
        first, last: Time of the first and last vote, in ms; None where no vote has a time.
        stale: Contexts whose votes changed since the ranking.
        circles: By context: each circle as card ids, every one less wise than the next, the last less than the first.
        overall: What the validity check says of the whole, most serious first.
        validity: Its parts; None where it did not run.
        targets: The graph's value targets: `name, kind, system, values, evaluator, stale, warning` (`values` by id).
        made_at: When the report is made, in ms.
        version: Of graphengine.
    """

    contexts: pa.Table
    cards: pa.Table
    ranks: pa.Table
    verdicts: pa.Table
    edges: pa.Table
    counts: pa.Table
    members: pa.Table
    scenarios: pa.Table
    ranking: Mapping[str, Any]
    totals: Mapping[str, int]
    first: int | None = None
    last: int | None = None
    stale: frozenset[str] = frozenset()
    circles: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)
    overall: Sequence[str] = ()
    validity: Sequence[Finding] | None = None
    targets: Sequence[Mapping[str, Any]] = ()
    made_at: int = 0
    version: str = ""


class Card(NamedTuple):
    """A ranked card of a context; None where the method has no uncertainty."""

    id: str
    title: str
    rank: int
    rank_lower: int | None
    rank_upper: int | None
    score: float
    lower: float | None
    upper: float | None
    p_top: float | None
    top: bool
    component: int


class Arrow(NamedTuple):
    """From the less wise card to the wiser one.

    `sure`: shown as wiser; `circle`: part of a circle, in the direction of the answers; `answers`: wiser, not wiser,
    unsure, as asked in the arrow's direction; `reverse`: the same of the opposite question.
    """

    source: str
    target: str
    p: float
    sure: bool
    circle: bool = False
    answers: tuple[int, int, int] = (0, 0, 0)
    reverse: tuple[int, int, int] = (0, 0, 0)

    @property
    def tie(self) -> bool:
        """Neither card is wiser."""
        return not self.circle and abs(self.p - 0.5) < 1e-9

    def place(self) -> tuple[bool, bool, float, str, str]:
        """Sorts arrows: circles first, then the surest."""
        return not self.circle, not self.sure, -self.p, self.source, self.target


@dataclass(frozen=True)
class View:
    """One context: its verdict, cards by rank, arrows among them."""

    id: str
    text: str
    votes: int
    people: int
    single: bool
    reason: str
    stale: bool = False
    cards: tuple[Card, ...] = ()
    arrows: tuple[Arrow, ...] = ()

    @property
    def top(self) -> list[Card]:
        """What the ranking answers: one card, or those that the votes leave open."""
        return [card for card in self.cards if card.top]


def views(source: Source, contexts: Sequence[str]) -> list[View]:
    """The contexts with these ids, in this order; cards without a title are called by their id."""
    titles = {row["id"]: row["title"] or row["id"] for row in source.cards.select(["id", "title"]).to_pylist()}
    about = {row["id"]: row for row in source.contexts.to_pylist()}
    verdicts = {row["context_id"]: row for row in of_contexts(source.verdicts, contexts).to_pylist()}
    cards: dict[str, list[Card]] = defaultdict(list)
    for row in of_contexts(source.ranks, contexts).to_pylist():
        cards[row["context_id"]].append(Card(
            row["card_id"], titles.get(row["card_id"], row["card_id"]), row["rank"], row["rank_lower"],
            row["rank_upper"], row["score"], row["lower"], row["upper"], row["p_top"], bool(row["tied_top"]),
            row["component"] or 0,
        ))
    edges: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in of_contexts(source.edges, contexts).to_pylist():
        edges[row["context_id"]].append(row)
    made = []
    for name in contexts:
        facts, verdict = about[name], verdicts.get(name)
        made.append(View(
            name, facts["text"] or name, facts["votes"], facts["users"], bool(verdict and verdict["single_winner"]),
            verdict["reason"] if verdict else "nobody has answered anything in this context yet", name in source.stale,
            tuple(sorted(cards[name], key=lambda card: (card.rank, card.id))),
            tuple(_arrows(edges[name], source.circles.get(name, ()))),
        ))
    return made


def _arrows(edges: list[dict[str, Any]], circles: Sequence[Sequence[str]]) -> list[Arrow]:
    round_about = {(a, b) for circle in circles for a, b in zip(circle, [*circle[1:], circle[0]], strict=True)}
    made = []
    for row in edges:
        source, target, p = row["from_id"], row["to_id"], row["p_model"]
        answers = (row["wiser"], row["not_wiser"], row["unsure"])
        reverse = (row["wiser_reverse"], row["not_wiser_reverse"], row["unsure_reverse"])
        turned = (target, source) in round_about and (source, target) not in round_about
        if turned:
            source, target, p, answers, reverse = target, source, 1 - p, reverse, answers
        circle = (source, target) in round_about
        made.append(Arrow(source, target, p, bool(row["shown"]) and not turned, circle, answers, reverse))
    return made


def choose(source: Source, only: Sequence[str] | None, most: int) -> tuple[list[str], int]:
    """The contexts that a report covers, those with most votes first, and how many it leaves out.

    Of more than `most`, half are those with most votes, the others those whose leading card has the lowest P(top).

    Args:
        source: The tables.
        only: Ids to cover; None for all.
        most: How many at most.
    """
    rows = [row for row in source.contexts.select(["id", "votes"]).to_pylist() if only is None or row["id"] in only]
    by_votes = sorted(rows, key=lambda row: (-row["votes"], row["id"]))
    if len(rows) <= most:
        return [row["id"] for row in by_votes], 0
    kept, rest = by_votes[: -(-most // 2)], by_votes[-(-most // 2) :]
    best = source.ranks.group_by("context_id").aggregate([("p_top", "max")]).to_pylist()
    lead = {row["context_id"]: row["p_top_max"] for row in best if row["p_top_max"] is not None}
    rest.sort(key=lambda row: (lead.get(row["id"], 2.0), -row["votes"], row["id"]))
    kept = {row["id"] for row in [*kept, *rest[: most // 2]]}
    return [row["id"] for row in by_votes if row["id"] in kept], len(rows) - most
