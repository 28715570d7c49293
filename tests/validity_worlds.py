"""Small made-up surveys for the tests of the validity report: who said what, and the counts of it."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

import numpy as np

from graphengine import tables
from tests.ranking_worlds import logistic, make_counts

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa

Vote = tuple[str, str, str, str, str]


def survey(votes: Iterable[Vote]) -> tuple[pa.Table, pa.Table]:
    """SAID and COUNTS of (person, context, from, to, answer)."""
    names = ["user_id", "context_id", "from_id", "to_id", "answer"]
    rows = [dict(zip(names, vote, strict=True)) for vote in votes]
    found: dict[tuple[str, str, str], collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for row in rows:
        found[row["context_id"], row["from_id"], row["to_id"]][row["answer"]] += 1
    counts = make_counts([(*key, *(said[a] for a in tables.ANSWERS)) for key, said in sorted(found.items())])
    return tables.SAID.table(rows), counts


def people_who_agree(people: int = 40, cards: int = 4, questions: int = 6, contexts: int = 1, seed: int = 0
                     ) -> list[Vote]:
    """Votes of people who mostly find the card of the higher number wiser, asked in both directions."""
    rng = np.random.default_rng(seed)
    votes = []
    for person in range(people):
        for context in range(contexts):
            for _ in range(questions):
                a, b = (int(v) for v in rng.choice(cards, 2, replace=False))
                p = float(logistic(np.array(1.5 * (b - a) + 0.5)))
                answer = rng.choice(tables.ANSWERS, p=[0.9 * p, 0.9 * (1 - p), 0.1])
                votes.append((f"p{person:03d}", f"c{context}", f"v{a}", f"v{b}", str(answer)))
    return votes


def hub(seed: int = 0, spokes: int = 8, votes: int = 12) -> pa.Table:
    """Counts in which one card is asked about from all others, the others among themselves, and nobody knows anything.

    Answers are dealt without looking at the question, two thirds of them "wiser".
    """
    rng = np.random.default_rng(seed)
    pairs = [(f"v{i}", "hub") for i in range(spokes)] + [(f"v{i}", f"v{(i + 1) % spokes}") for i in range(spokes)]
    pairs += [(f"v{(i + 1) % spokes}", f"v{i}") for i in range(spokes)]
    return make_counts([("c", a, b, *(int(n) for n in rng.multinomial(votes, [0.66, 0.12, 0.22]))) for a, b in pairs])


ODD = {
    "one pair, one vote": [("c", "a", "b", 1, 0, 0)],
    "only unsure": [("c", "a", "b", 0, 0, 9), ("c", "b", "d", 0, 0, 4)],
    "only wiser": [("c", "a", "b", 9, 0, 0), ("c", "b", "d", 7, 0, 0)],
    "a sweep both ways": [("c", "a", "b", 9, 0, 0), ("c", "b", "a", 0, 9, 0)],
    "two components": [("c", "a", "b", 5, 1, 0), ("c", "x", "y", 4, 2, 1)],
    "a million votes": [("c", "a", "b", 600_000, 300_000, 100_000), ("c", "b", "d", 3, 1, 0)],
    "a row without answers": [("c", "a", "b", 0, 0, 0), ("c", "b", "d", 3, 1, 0)],
    "two contexts, one silent": [("c", "a", "b", 0, 0, 0), ("e", "b", "d", 3, 1, 0)],
}
"""Counts that are hard to say anything about, by name."""
