"""The single-winner rule: every condition on its own, the smallest set otherwise, and the reason in words."""

from __future__ import annotations

import pytest

from graphengine import tables
from graphengine.errors import RankingError
from graphengine.ranking import Calibration, rank_counts, verdicts
from tests.ranking_worlds import make_counts, many_people, simulate


def ranks_of(*cards):
    """RANKS of context "c" from (card, p_top, component), in order of rank."""
    return tables.RANKS.table([
        {"context_id": "c", "card_id": card, "rank": at + 1, "p_top": p_top, "component": component, "score": -at}
        for at, (card, p_top, component) in enumerate(cards)])


def answers_of(**cards):
    """COUNTS of context "c" with so many answers per card, all against a card called other."""
    return make_counts([("c", "other", card, n, 0, 0) for card, n in cards.items()])


def people_of(**cards):
    """PEOPLE of context "c"."""
    return tables.PEOPLE.table([{"context_id": "c", "card_id": card, "people": n} for card, n in cards.items()])


def verdict(ranks, counts, people, **options):
    """The only verdict."""
    return verdicts(ranks, counts, people, **options).to_pylist()[0]


LEADER = (("a", 0.85, 0), ("b", 0.12, 0), ("d", 0.03, 1))


def test_single_winner():
    """P(top) of .85, 5 answers, 3 people, no rival elsewhere: a single winner, and the reason has the numbers."""
    found = verdict(ranks_of(*LEADER), answers_of(a=5), people_of(a=3))
    assert found["single_winner"]
    assert "single winner: P(top) 0.850 (at least 0.80), 5 answers from 3 people" == found["reason"]
    assert found["data_hash"] is None


@pytest.mark.parametrize(
    ("cards", "answers", "people", "words"),
    [
        ((("a", 0.7999, 0), ("b", 0.2001, 0)), 50, 30, "P(top) of the leading card is 0.799, below 0.80"),
        (LEADER, 4, 3, "the leading card has 4 answers, fewer than 5"),
        (LEADER, 1, 1, "the leading card has 1 answer, fewer than 5"),
        (LEADER, 5, 2, "the answers about the leading card come from 2 people, fewer than 3"),
        (LEADER, 5, 1, "come from 1 person, fewer than 3"),
        (LEADER, 5, None, "it is not known how many people answered about the leading card"),
        ((("a", 0.9, 0), ("b", 0.06, 1), ("d", 0.04, 2)), 50, 30,
         "the cards with P(top) above 0.05 lie in 2 components that no question ties together"),
    ],
)
def test_each_condition_on_its_own(cards, answers, people, words):
    """Each condition alone keeps a single winner from being named, and the reason says which and with what number."""
    known = None if people is None else people_of(a=people)
    found = verdict(ranks_of(*cards), answers_of(a=answers), known)
    assert not found["single_winner"]
    assert found["reason"].startswith("no single winner: ")
    assert words in found["reason"]


def test_nobody_decided():
    """Where every answer about the leading card is "unsure", it is no single winner, whatever its P(top)."""
    for wiser, named in ((0, False), (1, True)):
        counts = make_counts([("c", "other", "a", wiser, 0, 8)])
        found = verdict(ranks_of(*LEADER), counts, people_of(a=8))
        assert named == found["single_winner"]
        assert named == ("every answer about the leading card is “unsure”" not in found["reason"])
    counts = make_counts([("c", "b", "a", 0, 0, 30)])
    ranks = rank_counts(counts, calibration=Calibration(1.34, -1.5, 0.8, ((0.02, 0.0), (0.0, 0.02))), people=people_of(
        a=30, b=30))
    assert ranks.column("p_top")[0].as_py() > 0.9
    assert not verdict(ranks, counts, people_of(a=30, b=30))["single_winner"]


def test_a_rival_in_the_same_component_or_a_small_one_elsewhere_does_not_matter():
    """Cards with P(top) of at most .05 may lie in other components."""
    cards = (("a", 0.85, 0), ("b", 0.10, 0), ("d", 0.05, 1))
    assert verdict(ranks_of(*cards), answers_of(a=50), people_of(a=30))["single_winner"]


def test_confidence():
    """The least P(top) can be chosen; what is not a probability is refused."""
    assert not verdict(ranks_of(*LEADER), answers_of(a=5), people_of(a=3), confidence=0.9)["single_winner"]
    weak = ranks_of(("a", 0.6, 0), ("b", 0.4, 0))
    assert verdict(weak, answers_of(a=5), people_of(a=3), confidence=0.6)["single_winner"]
    for confidence in (0, -1, 1.1):
        with pytest.raises(RankingError, match="confidence must be above 0"):
            verdict(weak, answers_of(a=5), None, confidence=confidence)


def test_the_set_is_the_smallest_with_nine_tenths():
    """Without a single winner the cards of highest P(top) are given until their total reaches .9; no more."""
    counts, _ = simulate(4, contexts=30)
    ranks = rank_counts(counts)
    for context in {row["context_id"] for row in ranks.to_pylist()}:
        rows = [row for row in ranks.to_pylist() if row["context_id"] == context]
        inside = sorted(row["p_top"] for row in rows if row["tied_top"])
        outside = [row["p_top"] for row in rows if not row["tied_top"]]
        assert sum(inside) >= 0.9 - 1e-9
        assert sum(inside[1:]) < 0.9
        assert max(outside, default=0.0) <= inside[0]


def test_tied_top_is_what_the_verdict_says():
    """tied_top marks one card where a single winner is named and the set elsewhere; verdicts and ranks agree."""
    counts, _ = simulate(8, contexts=40, cards=4, answers=40, sigma=1.5)
    people = many_people(counts)
    ranks = rank_counts(counts, people=people)
    top = {}
    for row in ranks.to_pylist():
        top[row["context_id"]] = top.get(row["context_id"], 0) + row["tied_top"]
    found = verdicts(ranks, counts, people).to_pylist()
    assert any(v["single_winner"] for v in found)
    assert not all(v["single_winner"] for v in found)
    for v in found:
        assert (top[v["context_id"]] == 1) >= v["single_winner"]
        size = top[v["context_id"]]
        assert v["single_winner"] or size == 1 or f"{size} cards together" in v["reason"]


def test_pagerank():
    """PageRank names the first card unless others tie with it, and says that it has no uncertainty."""
    counts = make_counts([("c", "a", "b", 5, 0, 0), ("d", "a", "b", 5, 0, 0), ("d", "a", "e", 5, 0, 0),
                          ("e", "a", "b", 0, 5, 0)])
    ranks = rank_counts(counts, "pagerank", edge_rule="mai-2023-context")
    found = {v["context_id"]: v for v in verdicts(ranks, counts, method="pagerank").to_pylist()}
    assert [True, False, False] == [found[c]["single_winner"] for c in "cde"]
    assert "PageRank has no uncertainty" in found["c"]["reason"]
    assert "no single winner: 2 cards tie for the highest PageRank" == found["d"]["reason"]
    assert "no edge of this context passes the edge rule" in found["e"]["reason"]
    assert {("c", "b"), ("d", "b"), ("d", "e")} == {
        (row["context_id"], row["card_id"]) for row in ranks.to_pylist() if row["tied_top"]}


def test_no_ranks():
    """Empty tables give no verdicts; a context with answers but no ranks gets a verdict that says so."""
    empty = tables.RANKS.empty()
    assert tables.VERDICTS.empty() == verdicts(empty, tables.COUNTS.empty())
    assert "the ranking does not cover this context" in verdict(empty, answers_of(a=5), None)["reason"]
