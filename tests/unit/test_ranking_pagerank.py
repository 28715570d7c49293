"""PageRank by context, against networkx and a plain reading of the published loop."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from graphengine import tables
from graphengine.errors import RankingError
from graphengine.ranking import rank_counts, rule_edges
from graphengine.ranking.pagerank import pagerank_scores
from graphengine.ranking.rules import EDGE_RULES
from tests.ranking_worlds import make_counts, simulate


def graph_of(counts, rule, context):
    """The context's graph as networkx holds it."""
    graph = nx.DiGraph()
    for edge in rule_edges(counts, rule, context=context).to_pylist():
        graph.add_edge(edge["from_id"], edge["to_id"], weight=edge["weight"])
    return graph


def published(graph):
    """The original's loop: 100 rounds, weights over their sum per source, the mass of sinks lost."""
    n = len(graph)
    score = dict.fromkeys(graph, 1 / n)
    for _ in range(100):
        score = {
            node: 0.15 / n + 0.85 * sum(
                score[source] * data["weight"] / graph.out_degree(source, weight="weight")
                for source, _, data in graph.in_edges(node, data=True))
            for node in graph
        }
    return score


@pytest.mark.parametrize("rule", ["mai-2023", "mai-2023-context", "any-wiser", "paper-majority"])
def test_against_networkx(rule):
    """Per context: the cards are the end points of the rule's edges, scores are networkx's and sum to 1."""
    counts, _ = simulate(6, contexts=6, cards=9, pairs=20, answers=5)
    rows = rank_counts(counts, "pagerank", edge_rule=rule).to_pylist()
    for context in {row["context_id"] for row in rows}:
        mine = {row["card_id"]: row["score"] for row in rows if row["context_id"] == context}
        graph = graph_of(counts, rule, context)
        # networkx divides by zero where all of a node's weights are 0; it is a sink for us.
        graph.remove_edges_from([(a, b) for a, b, w in graph.edges(data="weight") if w == 0])
        expected = nx.pagerank(graph, alpha=0.85, tol=1e-14, max_iter=1000)
        assert set(expected) == set(mine)
        assert pytest.approx([expected[card] for card in mine], abs=1e-10) == list(mine.values())
        assert pytest.approx(1.0, abs=1e-12) == sum(mine.values())


def test_published_scores():
    """scores="published" is the original's loop: the same order, smaller numbers."""
    counts, _ = simulate(6, contexts=4, cards=9, pairs=20, answers=5)
    rows = rank_counts(counts, "pagerank", edge_rule="mai-2023-no-entropy", scores="published").to_pylist()
    plain = rank_counts(counts, "pagerank", edge_rule="mai-2023-no-entropy").to_pylist()
    assert [(r["context_id"], r["card_id"], r["rank"]) for r in plain] == [
        (r["context_id"], r["card_id"], r["rank"]) for r in rows]
    for context in {row["context_id"] for row in rows}:
        expected = published(graph_of(counts, "mai-2023-no-entropy", context))
        mine = {row["card_id"]: row["score"] for row in rows if row["context_id"] == context}
        assert pytest.approx([expected[card] for card in mine], abs=1e-12) == list(mine.values())


def test_cycles_and_sinks():
    """A cycle, a lone pair and a sink fed by it, at once, against networkx."""
    rows = [("c", "a", "b", 4, 0, 0), ("c", "b", "d", 3, 1, 0), ("c", "d", "a", 5, 0, 1), ("c", "a", "s", 2, 0, 1),
            ("c", "p", "q", 6, 0, 0)]
    counts = make_counts(rows)
    ranks = rank_counts(counts, "pagerank", edge_rule="any-wiser").to_pylist()
    mine = {row["card_id"]: row["score"] for row in ranks}
    expected = nx.pagerank(graph_of(counts, "any-wiser", "c"), alpha=0.85, tol=1e-14, max_iter=1000)
    assert pytest.approx([expected[card] for card in mine], abs=1e-10) == list(mine.values())


def test_no_uncertainty_is_claimed():
    """P(top), sd and all intervals are null; rank 1 is the tied top; the component is that of the rule's graph."""
    rows = [("c", "a", "b", 4, 0, 0), ("c", "a", "d", 4, 0, 0), ("c", "p", "q", 6, 0, 0), ("c", "q", "a", 0, 9, 0)]
    ranks = rank_counts(make_counts(rows), "pagerank", edge_rule="any-wiser")
    for name in ("sd", "lower", "upper", "p_top", "rank_lower", "rank_upper"):
        assert 5 == ranks.column(name).null_count
    found = {row["card_id"]: row for row in ranks.to_pylist()}
    assert ["q"] == [card for card, row in found.items() if row["tied_top"]]
    assert (2, 2, 0, 1) == (found["b"]["rank"], found["d"]["rank"], found["b"]["component"], found["q"]["component"])
    assert ranks.schema == tables.RANKS.schema


def test_all_edges_as_one_graph():
    """pooled=True ranks all edges as one graph."""
    counts, _ = simulate(6, contexts=3, cards=9, pairs=20, answers=5)
    edges = rule_edges(counts, "mai-2023")
    graph = nx.DiGraph()
    graph.add_weighted_edges_from([(e["from_id"], e["to_id"], e["weight"]) for e in edges.to_pylist()])
    table = pagerank_scores(edges, pooled=True).table()
    expected = nx.pagerank(graph, alpha=0.85, tol=1e-14, max_iter=1000)
    assert pytest.approx([expected[card] for card in table.column("card_id").to_pylist()], abs=1e-10) == (
        table.column("score").to_pylist())


@pytest.mark.slow
def test_a_large_graph_is_exact():
    """On 3,000 cards in one context the scores still agree with networkx."""
    rng = np.random.default_rng(0)
    pairs = {(f"v{a}", f"v{b}") for a, b in rng.integers(0, 3000, (9000, 2)) if a != b}
    counts = make_counts([("c", a, b, int(rng.integers(1, 9)), 0, 0) for a, b in sorted(pairs)])
    rows = rank_counts(counts, "pagerank", edge_rule="any-wiser").to_pylist()
    graph = graph_of(counts, "any-wiser", "c")
    graph.remove_edges_from([(a, b) for a, b, w in graph.edges(data="weight") if w == 0])
    expected = nx.pagerank(graph, alpha=0.85, tol=1e-14, max_iter=1000)
    assert pytest.approx([expected[row["card_id"]] for row in rows], abs=1e-11) == [row["score"] for row in rows]


def test_unknown_scores():
    """Unknown scores are refused, and the known ones are listed."""
    with pytest.raises(RankingError, match="unknown scores: 'raw'") as caught:
        rank_counts(make_counts([("c", "a", "b", 5, 0, 0)]), "pagerank", scores="raw")
    assert "one of: normalised, published" == caught.value.hint


@pytest.mark.parametrize("rule", EDGE_RULES)
@pytest.mark.parametrize("rows", [[], [("c", "a", "b", 0, 0, 0)], [("c", "a", "a", 5, 0, 0)]])
def test_nothing_to_rank(rule, rows):
    """No rows, rows without answers, and a card compared with itself give no ranks by any rule."""
    assert tables.RANKS.empty() == rank_counts(make_counts(rows), "pagerank", edge_rule=rule)


@pytest.mark.parametrize("rule", ["mai-2023-context", "paper-majority", "mai-2023"])
@pytest.mark.parametrize("many", [2**28, 2**29, 2**30, 2**31 - 10, 2**31, 2**40])
def test_very_many_answers(rule, many):
    """However many answers a pair has, its edge stays, and the scores are those of fewer."""
    def scores(wiser):
        counts = make_counts([("c", "a", "b", wiser, 1, 0), ("c", "b", "d", 3, 1, 2)])
        ranks = rank_counts(counts, "pagerank", edge_rule=rule)
        return {row["card_id"]: row["score"] for row in ranks.to_pylist()}

    assert pytest.approx(scores(10**6), abs=1e-6) == scores(many)
