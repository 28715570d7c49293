"""Edge rules and PageRank on generated votes, against the plain-Python oracle."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphengine import tables
from graphengine.ranking import EDGE_RULES, rank_counts, rule_edges
from tests.ranking_rule_oracle import OracleEdge, oracle_edges, oracle_pagerank

pytestmark = pytest.mark.slow

CARDS = st.sampled_from(["1", "10", "9", "Ä", "価値"])
VOTES = st.lists(
    st.tuples(st.sampled_from(["c", "d", "When 迷う"]), CARDS, CARDS, st.sampled_from(["wiser", "wiser", "not_wiser",
                                                                                       "unsure"]))
    .filter(lambda vote: vote[1] != vote[2]),
    max_size=80,
)


def counts_of(votes):
    """COUNTS of single votes."""
    number = Counter(votes)
    return tables.COUNTS.table([
        {"context_id": c, "from_id": a, "to_id": b, **{answer: number[c, a, b, answer] for answer in tables.ANSWERS}}
        for c, a, b in sorted({vote[:3] for vote in votes})])


@given(VOTES, st.sampled_from(sorted(EDGE_RULES)))
@settings(max_examples=150)
def test_edges(votes, rule):
    """Every rule gives the oracle's edges, with the oracle's counters, contexts and weights."""
    found = [
        OracleEdge(e["from_id"], e["to_id"], tuple(e["contexts"]), *(e[n] for n in OracleEdge._fields[3:]))
        for e in rule_edges(counts_of(votes), rule).to_pylist()]
    assert oracle_edges(votes, rule) == found


@given(VOTES, st.sampled_from(sorted(EDGE_RULES)))
@settings(max_examples=100)
def test_pagerank(votes, rule):
    """PageRank of every context is networkx's over the oracle's edges."""
    rows = rank_counts(counts_of(votes), "pagerank", edge_rule=rule).to_pylist()
    edges = oracle_edges(votes, rule)
    assert {context for edge in edges for context in edge.contexts} == {row["context_id"] for row in rows}
    for context in {row["context_id"] for row in rows}:
        mine = {row["card_id"]: row["score"] for row in rows if row["context_id"] == context}
        assert pytest.approx(oracle_pagerank(edges, context), abs=1e-10) == mine


@given(VOTES, VOTES)
@settings(max_examples=60)
def test_tallies_never_change_what_votes_say(votes, published):
    """Tallies of other people's votes change no edge of a pair that has votes in the tally's contexts."""
    edges = oracle_edges(published, "any-wiser")
    tallies = tables.TALLIES.table([
        {"from_id": e.from_id, "to_id": e.to_id, "contexts": list(e.contexts), "wiser": e.wiser,
         "not_wiser": e.not_wiser, "less_wise": e.less_wise, "unsure": e.unsure, "impressions": e.impressions}
        for e in edges])
    voted = {(frozenset(vote[1:3]), vote[0]) for vote in votes}
    standing = {
        (e.from_id, e.to_id) for e in edges
        if not any((frozenset((e.from_id, e.to_id)), context) in voted for context in e.contexts)}
    alone = {(e.from_id, e.to_id): e for e in oracle_edges(votes, "any-wiser")}
    both = {(e["from_id"], e["to_id"]): e for e in rule_edges(counts_of(votes), "any-wiser", tallies).to_pylist()}
    assert set(alone) | standing == set(both)
    for pair in set(alone) - standing:
        assert alone[pair].wiser == both[pair]["wiser"]
