"""What a graph answers: one small frozen class per question, each with the JSON shape that stays stable."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.importing import Rejects


@dataclass(frozen=True)
class ContextRef:
    """A context by id and text."""

    id: str
    text: str


@dataclass(frozen=True)
class Wisest:
    """The wisest value of a context: a single winner, or the smallest set of cards that the votes leave open.

    Attributes:
        context: The context.
        method: How it was ranked.
        ranking_id: The ranking that answers.
        single_winner: Whether one card is named.
        reason: Why (not), in words.
        stale: Whether the context's votes changed since the ranking.
        cards: Rows of `cypher/read/wisest_value.cypher`.
    """

    context: ContextRef
    method: str
    ranking_id: str
    single_winner: bool
    reason: str
    stale: bool
    cards: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The shape of `wisest --json`."""
        keys = ("rank", "id", "title", "description", "policies", "score", "lower", "upper", "p_top")
        return {
            "ok": True, "context": asdict(self.context), "method": self.method, "single_winner": self.single_winner,
            "reason": self.reason, "stale": self.stale,
            "wisest": [{key: row[key] for key in keys} for row in self.cards],
        }


@dataclass(frozen=True)
class RankingView:
    """All ranked cards of a context, and those that nobody was asked about."""

    context: ContextRef
    method: str
    ranking_id: str
    single_winner: bool
    reason: str
    stale: bool
    cards: list[dict[str, Any]]
    never_asked: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The shape of `ranking --json`."""
        return {
            "ok": True, "context": asdict(self.context), "method": self.method, "stale": self.stale,
            "cards": self.cards, "never_asked": self.never_asked, "single_winner": self.single_winner,
            "reason": self.reason,
        }


@dataclass(frozen=True)
class EdgeList:
    """Edges under a named rule, or the graph's own wiser edges (rule `model`)."""

    rule: str
    table: pa.Table
    gave_way: int = 0

    def as_json(self) -> dict[str, Any]:
        """The shape of `edges --json`."""
        rows = self.table.to_pylist()
        if self.rule != "model":
            keys = ("from_id", "to_id", "contexts", "wiser", "not_wiser", "unsure", "less_wise", "likelihood")
            rows = [{key: row[key] for key in keys} for row in rows]
        else:
            from graphengine.ranking import shown

            certain = shown(self.table).to_pylist()
            rows = [{**row, "contexts": [row["context_id"]], "shown": sure}
                    for row, sure in zip(rows, certain, strict=True)]
        return {"ok": True, "rule": self.rule, "edges": rows, "tallies_that_gave_way": self.gave_way}


@dataclass(frozen=True)
class Explanation:
    """Why a card stands where it stands: its place, its edges, the upgrades behind them, the counts of their votes."""

    context: ContextRef
    card: dict[str, Any]
    place: dict[str, Any] | None
    edges: list[dict[str, Any]]
    upgrades: list[dict[str, Any]]
    reason: str
    stale: bool

    def as_json(self) -> dict[str, Any]:
        """The shape of `explain --json`."""
        return {"ok": True, **asdict(self)}


@dataclass(frozen=True)
class PairExplanation:
    """Where a pair of a dataset comes from.

    Attributes:
        pair_id: The pair.
        context: Its context.
        scenario: Its scenario, `id` and `text`; None where the prompt is the context alone.
        wiser: The card that the edge points to; where the cards were never compared directly, the one of better rank.
        less_wise: The other one.
        edge: The edge between them with the counts of both questions; None where they were never compared directly.
        upgrades: What people were asked, with the counts of their answers.
        votes: Who answered what: `upgrade_id`, `user_id` (a pseudonym), the cards as they were asked about, `answer`,
            `at`.
        stale: Whether the context's votes changed since the ranking.
        values: What the value targets of the context say of the two cards: their vectors and distances.
    """

    pair_id: str
    context: ContextRef
    scenario: dict[str, Any] | None
    wiser: dict[str, Any]
    less_wise: dict[str, Any]
    edge: dict[str, Any] | None
    upgrades: list[dict[str, Any]]
    votes: list[dict[str, Any]]
    stale: bool
    values: list[dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The shape of `explain PAIR_ID --json`."""
        return {"ok": True, **asdict(self)}


@dataclass(frozen=True)
class ImportOutcome:
    """What an import did, or would do.

    Attributes:
        load_id: The load; None where nothing changed, or nothing was to be written.
        read: Rows (for wide files: filled answers) read.
        accepted: New votes.
        changed: Votes whose answer changed.
        unchanged: Votes that were known, or older than what is known, or said twice in the file.
        rejected: Rows set aside.
        new: Rows that each table gained.
        updated: Rows of each table that were filled in or changed.
        notes: Plain sentences on what to look at.
    """

    load_id: str | None
    file: str
    format: str
    kind: str
    read: int
    accepted: int
    changed: int
    unchanged: int
    rejected: int
    new: dict[str, int]
    updated: dict[str, int]
    stub_cards: list[str]
    stub_contexts: list[str]
    notes: list[str]
    dry_run: bool
    rejects: Rejects = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """The shape of `import --json`."""
        return {
            "ok": True, "load_id": self.load_id, "format": self.format, "kind": self.kind, "read": self.read,
            "accepted": self.accepted, "changed": self.changed, "unchanged": self.unchanged, "rejected": self.rejected,
            "new_cards": self.new.get("cards", 0), "new_contexts": self.new.get("contexts", 0),
            "new_users": self.new.get("users", 0), "new": self.new, "updated": self.updated,
            "stub_cards": self.stub_cards, "stub_contexts": self.stub_contexts, "notes": self.notes,
            "dry_run": self.dry_run,
        }


@dataclass(frozen=True)
class RankOutcome:
    """What ranking did.

    Attributes:
        ranking_id: The ranking.
        contexts: Contexts that were ranked just now; cards, single winners and edges are of these.
        calibration: What is shared by all contexts.
        notes: What to look at.
        covered: Contexts that the ranking covers in all.
        incremental: Whether only what changed was ranked again.
        unchanged: Whether nothing had changed, so that nothing was done.
        as_of: The date that the answers are taken as of.
    """

    ranking_id: str
    method: str
    edge_rule: str | None
    contexts: int
    cards: int
    single_winners: int
    edges: int
    calibration: dict[str, Any]
    notes: list[str]
    covered: int
    incremental: bool = False
    unchanged: bool = False
    as_of: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The shape of `rank --json`."""
        return {"ok": True, **asdict(self)}


@dataclass(frozen=True)
class ExportOutcome:
    """What an export wrote: rows, splits and what was left out of its first kind, and of each of its kinds."""

    path: str
    pairs: int
    splits: dict[str, int]
    sha256: str
    left_out: dict[str, int]
    notes: list[str]
    kinds: dict[str, dict[str, Any]]

    def as_json(self) -> dict[str, Any]:
        """The shape of `export preferences --json`."""
        return {"ok": True, **asdict(self)}


@dataclass(frozen=True)
class Doctor:
    """The state of a graph, what is wrong with it, and what to type next."""

    address: str
    version: str
    facts: dict[str, Any]
    holds: dict[str, int]
    problems: list[str]
    next: str

    def as_json(self) -> dict[str, Any]:
        """The shape of `doctor --json`."""
        return {"ok": not self.problems, **asdict(self)}
