"""Contexts and sources for the tests of the report, and a reader of its HTML."""

from __future__ import annotations

import random
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine import ranking, tables
from graphengine.ranking.edges import shown
from graphengine.ranking.structure import structure
from graphengine.report import Arrow, Card, Source, View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OVERVIEW = pa.schema([("id", pa.string()), ("text", pa.string()), ("upgrades", pa.int64()), ("votes", pa.int64()),
                      ("users", pa.int64())])
CARDS = pa.schema([("id", pa.string()), ("title", pa.string()), ("description", pa.string()),
                   ("policies", pa.list_(pa.string())), ("canonical_id", pa.string())])
VOID = {"meta", "br", "img", "link", "input", "hr", "base"}


def card(name: str, rank: int, score: float, **facts: Any) -> Card:
    """A ranked card whose title is its id."""
    given = {"title": name, "rank_lower": rank, "rank_upper": rank, "lower": score - 0.5, "upper": score + 0.5,
             "p_top": 0.1, "top": rank == 1, "component": 0, **facts}
    return Card(id=name, rank=rank, score=score, **given)


def view(cards: Sequence[Card], arrows: Sequence[Arrow] = (), text: str = "When lost", **facts: Any) -> View:
    """A context with these cards and arrows."""
    given = {"id": text, "votes": 40, "people": 12, "single": False, "reason": "no single winner: of a test", **facts}
    return View(text=text, cards=tuple(cards), arrows=tuple(arrows), **given)


def acyclic(seed: int, cards: int, pairs: int) -> View:
    """A context whose arrows all lead to the card of higher score."""
    draw = random.Random(seed)
    scores = sorted((draw.gauss(0, 1) for _ in range(cards)), reverse=True)
    made = [card(f"v{at:02d}", at + 1, score, title="A value with a title of some words " * draw.randint(1, 2))
            for at, score in enumerate(scores)]
    found = {tuple(sorted(draw.sample(range(cards), 2))) for _ in range(pairs)} if cards > 1 else set()
    return view(made, [Arrow(f"v{low:02d}", f"v{high:02d}", draw.uniform(0.501, 1), draw.random() < 0.4,
                             answers=(draw.randint(0, 20), 1, 2)) for high, low in sorted(found)])


def source(
    rows: Sequence[tuple[str, str, str, int, int, int]], *, titles: Mapping[str, str] | None = None,
    members: Sequence[Mapping[str, Any]] = (), silent: Sequence[str] = (), **given: Any,
) -> Source:
    """What a report on these counts is made from, ranked for real; `silent` are contexts without votes."""
    counts = tables.COUNTS.table([dict(zip(tables.COUNTS.schema.names, row, strict=True)) for row in rows])
    people = tables.PEOPLE.table([
        {"context_id": c, "card_id": v, "people": 50} for c, v in sorted({(r[0], v) for r in rows for v in r[1:3]})
    ])
    shared = ranking.calibrate(counts)
    ranks = ranking.rank_counts(counts, calibration=shared, people=people)
    edges = ranking.wiser_edges(counts, shared)
    votes: dict[str, int] = dict.fromkeys(silent, 0)
    for row in rows:
        votes[row[0]] = votes.get(row[0], 0) + sum(row[3:])
    names = sorted({v for row in rows for v in row[1:3]})
    circles = {row["context_id"]: row["cycles"] for row in structure(counts).to_pylist()}
    facts = {
        "contexts": pa.Table.from_pylist([{"id": c, "text": c, "upgrades": 1, "votes": n, "users": n}
                                          for c, n in votes.items()], schema=OVERVIEW),
        "cards": pa.Table.from_pylist([{"id": v, "title": (titles or {}).get(v, v), "policies": [f"what {v} sees"]}
                                       for v in names], schema=CARDS),
        "ranks": ranks, "verdicts": ranking.verdicts(ranks, counts, people), "counts": counts,
        "edges": edges.append_column("shown", shown(edges)), "members": tables.MEMBERS.table(list(members)),
        "scenarios": pa.table({"id": pa.array([], pa.string()), "text": pa.array([], pa.string())}),
        "ranking": {"id": "bradley-terry", "method": "bradley-terry", "parameters": '{"not_wiser":"against"}',
                    "calibration": shared.to_json(), "data_hash": "abc", "at": 0, "version": "0"},
        "totals": {"votes": sum(votes.values()), "users": 50, "cards": len(names)}, "circles": circles,
        "version": "0", **given,
    }
    return Source(**facts)


class Page(HTMLParser):
    """Reads a page: which tags with which attributes it has, in order, and which stand inside which."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.texts: list[tuple[tuple[str, ...], str]] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert [] == self._open, "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs), tuple(self._open)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs), tuple(self._open)))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.pop(), f"{tag} closes another tag"

    def handle_data(self, data: str) -> None:
        self.texts.append((tuple(self._open), data))

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of each such tag."""
        return [attributes for name, attributes, _ in self.tags if name == tag]

    def words(self, inside: str = "body") -> str:
        """The text inside a tag."""
        return " ".join(text.strip() for where, text in self.texts if inside in where and text.strip())
