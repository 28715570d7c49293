"""Edges under named rules: counters by hand, limits, contexts, tallies."""

from __future__ import annotations

import math

import pytest

from graphengine import tables
from graphengine.errors import RankingError
from graphengine.ranking import EDGE_RULES, rule_edges, superseded_tallies, usable_tallies
from tests.ranking_worlds import make_counts

NAMES = {
    "mai-2023", "mai-2023-context", "mai-2023-four-counters", "mai-2023-no-entropy", "likelihood-only", "any-wiser",
    "majority-per-pair", "majority-of-decided-per-pair", "paper-majority",
}


def edges(counts, rule, **options):
    """{(from, to): edge} under a rule."""
    return {(e["from_id"], e["to_id"]): e for e in rule_edges(counts, rule, **options).to_pylist()}


def tally(from_id, to_id, contexts, wiser, not_wiser=0, less_wise=0, unsure=0):
    """A row of TALLIES."""
    return {"from_id": from_id, "to_id": to_id, "contexts": contexts, "wiser": wiser, "not_wiser": not_wiser,
            "less_wise": less_wise, "unsure": unsure, "impressions": wiser + not_wiser + less_wise + unsure}


def test_known_rules():
    """All rules of the published studies are there, each with a definition."""
    assert set(EDGE_RULES) == NAMES
    assert all(rule.definition for rule in EDGE_RULES.values())


def test_counters_by_hand():
    """Pooled over contexts: less_wise from the opposite question, all answers as impressions, contexts of both ways."""
    counts = make_counts([
        ("d", "a", "b", 6, 1, 1), ("c", "a", "b", 4, 0, 0), ("e", "b", "a", 1, 2, 0), ("x", "p", "q", 0, 0, 3)])
    edge = edges(counts, "mai-2023-no-entropy")["a", "b"]
    shares = [n / 28 for n in (10, 1, 1, 1, 15)]
    assert [10, 1, 1, 1, 15] == [edge[n] for n in ("wiser", "not_wiser", "unsure", "less_wise", "impressions")]
    assert ["c", "d", "e"] == edge["contexts"]
    assert (10 - 1) / 13 == edge["likelihood"] == edge["weight"]
    assert pytest.approx(-sum(p * math.log2(p) for p in shares), abs=1e-12) == edge["entropy"]


def test_entropy_counts_impressions_as_a_fifth_answer_unless_told():
    """mai-2023 has the published entropy over five counters; mai-2023-four-counters leaves impressions out."""
    counts = make_counts([("c", "a", "b", 4, 2, 3)])
    four = -sum(p * math.log2(p) for p in (4 / 9, 2 / 9, 3 / 9))
    assert pytest.approx(four, abs=1e-12) == edges(counts, "mai-2023-four-counters")["a", "b"]["entropy"]
    # Over five counters these answers stand at 1.77 bits, beyond the limit of 1.69.
    assert {} == edges(counts, "mai-2023")


@pytest.mark.parametrize(
    ("rule", "rows", "kept"),
    [
        ("mai-2023", [("c", "a", "b", 1, 0, 0)], False),
        ("mai-2023", [("c", "a", "b", 2, 0, 0)], True),
        ("mai-2023", [("c", "a", "b", 33, 67, 0)], True),
        ("mai-2023", [("c", "a", "b", 32, 68, 0)], False),
        ("mai-2023", [("c", "a", "b", 1, 0, 0), ("d", "a", "b", 1, 0, 0)], True),
        ("mai-2023-context", [("c", "a", "b", 1, 0, 0), ("d", "a", "b", 1, 0, 0)], False),
        ("likelihood-only", [("c", "a", "b", 1, 0, 2)], True),
        ("any-wiser", [("c", "a", "b", 1, 50, 0), ("c", "b", "a", 9, 0, 0)], True),
        ("any-wiser", [("c", "a", "b", 0, 1, 0)], False),
        ("majority-per-pair", [("c", "a", "b", 2, 1, 1)], False),
        ("majority-per-pair", [("c", "a", "b", 3, 1, 1)], True),
        ("majority-per-pair", [("c", "a", "b", 3, 1, 1), ("c", "b", "a", 1, 0, 0)], False),
        ("majority-of-decided-per-pair", [("c", "a", "b", 2, 1, 9)], True),
        ("majority-of-decided-per-pair", [("c", "a", "b", 2, 1, 9), ("c", "b", "a", 1, 0, 0)], False),
        ("paper-majority", [("c", "a", "b", 1, 0, 1)], False),
        ("paper-majority", [("c", "a", "b", 2, 0, 1), ("c", "b", "a", 9, 0, 0)], True),
    ],
)
def test_limits(rule, rows, kept):
    """Each rule keeps a pair at its limit and drops it just beyond."""
    assert kept == (("a", "b") in edges(make_counts(rows), rule))


def test_paper_majority_has_the_share():
    """paper-majority weighs with the share of this direction's answers, context by context."""
    table = rule_edges(make_counts([
        ("d", "a", "b", 3, 0, 1), ("c", "a", "b", 3, 1, 1), ("c", "b", "a", 5, 0, 0)]), "paper-majority")
    assert [("a", "b", ["c"], 0.6), ("a", "b", ["d"], 0.75), ("b", "a", ["c"], 1.0)] == [
        (e["from_id"], e["to_id"], e["contexts"], e["weight"]) for e in table.to_pylist()]
    assert table.column("likelihood") == table.column("weight")


def test_weight_is_never_negative():
    """A pair that any-wiser keeps against its majority has a negative likelihood and weighs nothing."""
    edge = edges(make_counts([("c", "a", "b", 1, 0, 0), ("c", "b", "a", 9, 0, 0)]), "any-wiser")["a", "b"]
    assert (-0.8, 0.0) == (edge["likelihood"], edge["weight"])


def test_edges_of_a_context():
    """With a context only the edges that name it are given, counters still pooled."""
    counts = make_counts([("c", "a", "b", 2, 0, 0), ("d", "a", "b", 3, 0, 0), ("d", "p", "q", 5, 0, 0)])
    assert {("a", "b"): 5} == {key: edge["wiser"] for key, edge in edges(counts, "mai-2023", context="c").items()}
    assert {("a", "b"), ("p", "q")} == set(edges(counts, "mai-2023", context="d"))
    assert {} == edges(counts, "mai-2023", context="nowhere")


def test_unknown_rule():
    """An unknown rule is refused, and the known ones are listed."""
    with pytest.raises(RankingError, match="unknown edge rule: 'mai-2024'") as caught:
        rule_edges(tables.COUNTS.empty(), "mai-2024")
    assert all(name in caught.value.hint for name in NAMES)


@pytest.mark.parametrize("rule", sorted(NAMES))
def test_empty(rule):
    """No answers, no edges, and the schema stands."""
    assert tables.RULE_EDGES.empty() == rule_edges(tables.COUNTS.empty(), rule, tables.TALLIES.empty())


def test_tallies_alone():
    """A tally gives the edge of its own ordered pair with its own counters, and none of the opposite pair."""
    tallies = tables.TALLIES.table([tally("a", "b", ["d", "c"], 10, 1, 4, 1)])
    found = edges(tables.COUNTS.empty(), "any-wiser", tallies=tallies)
    assert {("a", "b")} == set(found)
    edge = found["a", "b"]
    assert [10, 1, 1, 4, 16] == [edge[n] for n in ("wiser", "not_wiser", "unsure", "less_wise", "impressions")]
    assert (["c", "d"], (10 - 4) / 16) == (edge["contexts"], edge["likelihood"])


@pytest.mark.parametrize(
    ("row", "stands"),
    [
        (("c", "a", "b", 1, 0, 0), False),
        (("d", "b", "a", 0, 0, 1), False),
        (("e", "a", "b", 1, 0, 0), True),
        (("c", "a", "x", 1, 0, 0), True),
        (("c", "a", "b", 0, 0, 0), True),
    ],
)
def test_tallies_give_way_to_votes(row, stands):
    """A tally gives way as a whole to any vote on its pair, either direction, in any of its contexts; to no other."""
    tallies = tables.TALLIES.table([tally("a", "b", ["c", "d"], 10)])
    kept, gave_way = superseded_tallies(make_counts([row]), tallies)
    assert (int(stands), int(not stands)) == (kept.num_rows, gave_way)
    found = edges(make_counts([row]), "any-wiser", tallies=tallies)
    assert (("a", "b") in found and found["a", "b"]["wiser"] >= 10) == stands


def test_votes_elsewhere_add_to_a_tally():
    """Where a pair has votes in contexts that its tally does not name, a pooling rule counts both."""
    edge = edges(make_counts([("e", "a", "b", 3, 1, 0)]), "mai-2023-no-entropy",
                 tallies=tables.TALLIES.table([tally("a", "b", ["c"], 10)]))["a", "b"]
    assert (13, 1, 14, ["c", "e"]) == (edge["wiser"], edge["not_wiser"], edge["impressions"], edge["contexts"])


def test_rules_by_context_use_tallies_of_one_context():
    """Pooled counters can't be split: a rule by context uses a tally of one context and leaves out the others."""
    tallies = tables.TALLIES.table([tally("a", "b", ["c"], 5), tally("p", "q", ["c", "d"], 5), tally("x", "y", [], 5)])
    assert {("a", "b")} == set(edges(tables.COUNTS.empty(), "mai-2023-context", tallies=tallies))
    for rule, usable, left_out in (("paper-majority", 1, 2), ("mai-2023", 3, 0)):
        found, n = usable_tallies(tallies, rule)
        assert (usable, left_out) == (found.num_rows, n)
