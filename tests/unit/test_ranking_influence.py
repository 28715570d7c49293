"""Single people: who is left out one by one, against a brute force that ranks everything again for everybody."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from graphengine import tables
from graphengine.ranking import calibrate, influence, rank_counts, verdicts
from graphengine.ranking.influence import people_of
from tests.ranking_worlds import logistic


def counts_of(said):
    """COUNTS from SAID."""
    keys = ["context_id", "from_id", "to_id"]
    rows: dict[tuple[str, ...], dict[str, int]] = {}
    for vote in said.to_pylist():
        row = rows.setdefault(tuple(vote[key] for key in keys), dict.fromkeys(tables.ANSWERS, 0))
        row[vote["answer"]] += 1
    return tables.COUNTS.table([{**dict(zip(keys, key, strict=True)), **rows[key]} for key in sorted(rows)])


def said_of(*votes):
    """SAID from (user, context, from, to, answer)."""
    names = ["user_id", "context_id", "from_id", "to_id", "answer"]
    return tables.SAID.table([dict(zip(names, vote, strict=True)) for vote in votes])


def people_vote(seed, *, contexts=12, people=18, cards=5, each=4, heavy=0, beta=1.0, sigma=1.2):
    """SAID: in each context so many people answer `each` random questions; one of them `heavy` more."""
    rng = np.random.default_rng(seed)
    votes = []
    for c in range(contexts):
        theta = rng.normal(0, sigma, cards)
        for who in range(people):
            for _ in range(each + (heavy if who == 0 else 0)):
                a, b = (int(v) for v in rng.choice(cards, 2, replace=False))
                d = theta[b] - theta[a] + beta
                yes, no = float(logistic(d - 0.5)), float(logistic(-d - 0.5))
                answer = tables.ANSWERS[rng.choice(3, p=[yes, no, 1 - yes - no])]
                votes.append((f"p{who}", f"c{c:02d}", f"v{a}", f"v{b}", answer))
    return said_of(*dict.fromkeys(votes))


def named(counts, people, calibration, confidence):
    """The single winner of each context that has one, nobody left out."""
    ranks = rank_counts(counts, calibration=calibration, people=people, confidence=confidence)
    single = {row["context_id"] for row in verdicts(ranks, counts, people, confidence=confidence).to_pylist()
              if row["single_winner"]}
    return {row["context_id"]: row["card_id"] for row in ranks.to_pylist()
            if row["tied_top"] and row["context_id"] in single}


def brute_force(said, calibration, confidence):
    """For each context with a winner: everybody without whom the rule does not name it."""
    winners = named(counts_of(said), people_of(said), calibration, confidence)
    decisive = {context: set() for context in winners}
    for who in sorted(set(said.column("user_id").to_pylist())):
        rest = said.filter(pa.compute.not_equal(said.column("user_id"), who))
        without = named(counts_of(rest), people_of(rest), calibration, confidence)
        touched = set(said.filter(pa.compute.equal(said.column("user_id"), who)).column("context_id").to_pylist())
        for context, card in winners.items():
            if context in touched and without.get(context) != card:
                decisive[context].add(who)
    return decisive


def check(said, confidence):
    """The table of influence names, in exactly the contexts of the brute force, one of its people."""
    counts = counts_of(said)
    calibration = calibrate(counts)
    ranks = rank_counts(counts, calibration=calibration, people=people_of(said), confidence=confidence)
    found = {row["context_id"]: row for row in influence.influence(
        said, ranks, counts, calibration, confidence=confidence).to_pylist()}
    expected = brute_force(said, calibration, confidence)
    assert set(expected) == set(found)
    for context, people in expected.items():
        assert bool(people) == found[context]["takes_win"], (context, people, found[context])
        assert not people or found[context]["user_id"] in people
    return found


@pytest.mark.parametrize(("seed", "shape"), [
    (0, {}), (1, {"heavy": 8}), (2, {"people": 5, "each": 3, "cards": 3}), (3, {"cards": 9, "each": 3}),
    (4, {"people": 40, "each": 2, "contexts": 6})])
def test_as_the_brute_force(seed, shape):
    """A win is taken away in exactly those contexts where ranking again without somebody names the card no more."""
    found = check(people_vote(seed, **shape), 0.6)
    assert len(found) > 2
