"""Single people: who is left out one by one, against a brute force that ranks everything again for everybody."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from graphengine import tables
from graphengine.ranking import calibrate, influence, rank_counts, settle, verdicts
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


def settled(said, confidence=0.8, **options):
    """Verdicts by context and, by context, the cards that `wisest` would answer."""
    counts, people = counts_of(said), people_of(said)
    calibration = calibrate(counts)
    ranks = rank_counts(counts, calibration=calibration, people=people, confidence=confidence)
    found = verdicts(ranks, counts, people, confidence=confidence, said=said, calibration=calibration, **options)
    top: dict[str, list[str]] = {}
    for row in settle(ranks, found).to_pylist():
        if row["tied_top"]:
            top.setdefault(row["context_id"], []).append(row["card_id"])
    return {row["context_id"]: row for row in found.to_pylist()}, top


LOUD = [("a", "b", "wiser"), ("b", "a", "not_wiser"), ("d", "b", "wiser"), ("b", "d", "not_wiser"),
        ("e", "b", "wiser"), ("b", "e", "not_wiser")]


def one_decides():
    """The same counts twice: in "heavy" one person gives six answers, in "even" six people give one each."""
    votes = [(f"p{n}", context, *pair, "wiser" if n % 3 else "not_wiser") for context in ("heavy", "even")
             for n in range(9) for pair in (("a", "b"), ("d", "b"), ("e", "a"))]
    votes += [("loud", "heavy", *vote) for vote in LOUD]
    return said_of(*votes, *((f"q{n}", "even", *vote) for n, vote in enumerate(LOUD)))


def test_a_heavy_voter_takes_the_win_and_many_do_not():
    """The same counts name a winner where many people gave the answers, and none where one person gave half of them."""
    said = one_decides()
    counts = counts_of(said)
    shared = calibrate(counts)
    ranks = rank_counts(counts, calibration=shared, people=people_of(said))
    without = {row["context_id"]: row for row in influence.influence(said, ranks, counts, shared, confidence=0.5)
               .to_pylist()}
    heavy, even = without["heavy"], without["even"]
    assert ("loud", "b", "b") == (heavy["user_id"], heavy["card_id"], even["card_id"])
    assert heavy["p_top"] == even["p_top"]
    assert heavy["p_top_without"] < even["p_top_without"] - 0.02
    confidence = (heavy["p_top_without"] + even["p_top_without"]) / 2
    found, top = settled(said, confidence)
    assert f"would take the win away (without them, P(top) of the leading card is {heavy['p_top_without']:.3f}" in (
        found["heavy"]["reason"])
    assert not found["heavy"]["single_winner"]
    assert found["even"]["single_winner"]
    assert found["even"]["reason"].endswith("from 15 people, and no one person's answers decide it")
    assert ["b"] == top["even"]


def test_three_people_are_too_few_to_lose_one():
    """A winner by three people falls with any of them: the rule asks for three people of those who are left."""
    votes = [(f"p{n}", "c", *pair, answer) for n in range(3)
             for pair, answer in ((("a", "b"), "wiser"), (("b", "a"), "not_wiser"), (("d", "b"), "wiser"),
                                  (("b", "d"), "not_wiser"))]
    found, top = settled(said_of(*votes), 0.6)
    assert not found["c"]["single_winner"]
    assert "come from 2 people, fewer than 3" in found["c"]["reason"]
    assert found["c"]["reason"].startswith("no single winner: removing one person's answers would take the win away")
    assert top["c"]
    assert settled(said_of(*votes, *((f"x{n}", *vote[1:]) for n in range(3) for vote in votes[:4])), 0.6)[0]["c"][
        "single_winner"]


def test_tied_top_agrees_with_the_verdicts():
    """Where a win is taken away, `tied_top` marks the smallest set of .9, and the reason has its size."""
    said = people_vote(1, heavy=8)
    found, top = settled(said, 0.6)
    taken = [c for c, row in found.items() if "removing one person's answers" in row["reason"]]
    assert taken
    for context, row in found.items():
        size = len(top[context])
        assert (f"{size} cards together" in row["reason"] or "alone has" in row["reason"]) != row["single_winner"]
        assert size == 1 or not row["single_winner"]


def test_votes_are_read_only_where_a_winner_would_be_named():
    """A function in the place of the votes is called once, with those contexts, and not at all if there are none."""
    said = people_vote(1, heavy=8)
    asked = []

    def give(contexts):
        asked.append(sorted(contexts))
        return said

    counts, people = counts_of(said), people_of(said)
    shared = calibrate(counts)
    ranks = rank_counts(counts, calibration=shared, people=people, confidence=0.6)
    rule = verdicts(ranks, counts, people, confidence=0.6).to_pylist()
    lazily = verdicts(ranks, counts, people, confidence=0.6, said=give, calibration=shared)
    assert [[row["context_id"] for row in rule if row["single_winner"]]] == asked
    assert verdicts(ranks, counts, people, confidence=0.6, said=said, calibration=shared) == lazily
    verdicts(ranks, counts, None, confidence=0.6, said=give, calibration=shared)  # nobody known: no winner to take
    assert 1 == len(asked)


def test_the_order_of_votes_and_names_of_people_do_not_matter():
    """Shuffled votes give the same table; other pseudonyms the same numbers."""
    said = people_vote(3, cards=4)
    counts = counts_of(said)
    shared = calibrate(counts)
    ranks = rank_counts(counts, calibration=shared, people=people_of(said), confidence=0.5)
    rng = np.random.default_rng(0)
    first = influence.influence(said, ranks, counts, shared, confidence=0.5)
    shuffled = influence.influence(said.take(rng.permutation(said.num_rows)), ranks.take(
        rng.permutation(ranks.num_rows)), counts, shared, confidence=0.5)
    assert first == shuffled
    renamed = said.set_column(0, "user_id", pa.array([f"z{100 - int(u[1:])}" for u in said["user_id"].to_pylist()]))
    numbers = ["context_id", "card_id", "p_top", "p_top_without", "takes_win", "why", "people", "checked"]
    assert first.select(numbers) == influence.influence(renamed, ranks, counts, shared, confidence=0.5).select(numbers)
    assert first.num_rows > 2


def test_many_people_are_not_all_left_out():
    """With a thousand people a bound spares nearly all of them where the win is safe, and finds who can take it."""
    said = people_vote(5, contexts=3, people=1000, cards=6, each=3)
    counts = counts_of(said)
    shared = calibrate(counts)
    ranks = rank_counts(counts, calibration=shared, people=people_of(said), confidence=0.6)
    found = influence.influence(said, ranks, counts, shared, confidence=0.6).to_pylist()
    assert [1000] * 3 == [row["people"] for row in found]
    assert max(row["checked"] for row in found) < 100
    assert [False, True, False] == [row["takes_win"] for row in found]  # P(top) of 1, .61, 1
    assert max(row["p_top"] - row["p_top_without"] for row in found) < 0.05


def test_nothing_named_nothing_said():
    """Without a winner, without votes, or with votes that the counts do not know, nobody is named."""
    said = people_vote(2, contexts=1, people=4, each=1)
    counts = counts_of(said)
    shared = calibrate(counts)
    ranks = rank_counts(counts, calibration=shared)
    assert tables.INFLUENCE.empty() == influence.influence(said, ranks, counts, shared, confidence=1.0)
    assert tables.INFLUENCE.empty() == influence.influence(tables.SAID.empty(), ranks, counts, shared)
    strange = said_of(*((f"p{n}", "elsewhere", "a", "b", "wiser") for n in range(9)))
    assert tables.INFLUENCE.empty() == influence.influence(strange, ranks, counts, shared)
