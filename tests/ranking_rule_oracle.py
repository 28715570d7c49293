"""The edge rules and PageRank once more, in plain Python over single votes: slow, and written from the definitions.

A vote is (context, from, to, answer).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import NamedTuple

import networkx as nx

Vote = tuple[str, str, str, str]


class OracleEdge(NamedTuple):
    """An edge under a rule."""

    from_id: str
    to_id: str
    contexts: tuple[str, ...]
    wiser: int
    not_wiser: int
    unsure: int
    less_wise: int
    impressions: int
    weight: float


def oracle_edges(votes: list[Vote], rule: str) -> list[OracleEdge]:
    """The edges under a rule, sorted."""
    if rule in {"mai-2023-context", "paper-majority"}:
        found = []
        for context in sorted({vote[0] for vote in votes}):
            found += _pooled([vote for vote in votes if vote[0] == context], rule)
        return sorted(found)
    return sorted(_pooled(votes, rule))


def _pooled(votes: list[Vote], rule: str) -> list[OracleEdge]:
    answers: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    contexts: dict[frozenset[str], set[str]] = defaultdict(set)
    for context, source, target, answer in votes:
        answers[source, target][answer] += 1
        contexts[frozenset((source, target))].add(context)
    found = []
    for (source, target), own in answers.items():
        opposite = answers.get((target, source), Counter())
        wiser, not_wiser, unsure = own["wiser"], own["not_wiser"], own["unsure"]
        less_wise, impressions = opposite["wiser"], own.total() + opposite.total()
        likelihood = (wiser - less_wise) / (wiser + not_wiser + unsure + less_wise)
        if _kept(rule, wiser, not_wiser, less_wise, unsure, impressions):
            weight = wiser / own.total() if rule == "paper-majority" else max(likelihood, 0.0)
            found.append(OracleEdge(source, target, tuple(sorted(contexts[frozenset((source, target))])), wiser,
                                    not_wiser, unsure, less_wise, impressions, weight))
    return found


def _kept(rule: str, wiser: int, not_wiser: int, less_wise: int, unsure: int, impressions: int) -> bool:
    total = wiser + not_wiser + unsure + less_wise
    likely = (wiser - less_wise) / total >= 0.33
    four = [wiser, not_wiser, less_wise, unsure]
    return {
        "mai-2023": wiser >= 2 and likely and _entropy([*four, impressions]) <= 1.69,
        "mai-2023-context": wiser >= 2 and likely and _entropy([*four, impressions]) <= 1.69,
        "mai-2023-four-counters": wiser >= 2 and likely and _entropy(four) <= 1.69,
        "mai-2023-no-entropy": wiser >= 2 and likely,
        "likelihood-only": likely,
        "any-wiser": wiser >= 1,
        "majority-per-pair": wiser > total / 2,
        "majority-of-decided-per-pair": wiser > not_wiser + less_wise,
        "paper-majority": wiser > (wiser + not_wiser + unsure) / 2,
    }[rule]


def _entropy(counters: list[int]) -> float:
    shares = [counter / sum(counters) for counter in counters if counter]
    return -sum(share * math.log2(share) for share in shares)


def oracle_pagerank(edges: list[OracleEdge], context: str) -> dict[str, float]:
    """PageRank over the edges that name a context, as networkx computes it."""
    graph = nx.DiGraph()
    for edge in edges:
        if context in edge.contexts:
            graph.add_node(edge.from_id)
            graph.add_node(edge.to_id)
            if edge.weight > 0:  # networkx can't divide by a sum of weights of 0
                graph.add_edge(edge.from_id, edge.to_id, weight=edge.weight)
    return nx.pagerank(graph, alpha=0.85, tol=1e-14, max_iter=2000) if len(graph) else {}
