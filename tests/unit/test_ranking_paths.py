"""Upgrade paths: the chain whose weakest link is strongest, against all simple paths of networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest

from graphengine import tables
from graphengine.ranking import calibrate, upgrade_path, wiser_edges
from graphengine.ranking.paths import weakest_link
from tests.ranking_worlds import simulate


def edges_of(*rows, context="c"):
    """EDGES from (from, to, p_model)."""
    return tables.EDGES.table([
        {"context_id": context, "from_id": a, "to_id": b, "p_model": p} for a, b, p in rows])


def steps(path):
    """The cards of a path."""
    rows = path.to_pylist()
    return [rows[0]["from_id"], *(row["to_id"] for row in rows)] if rows else []


def test_a_detour_that_is_stronger():
    """Two strong links beat one weak one, and the weaker of the two is named."""
    edges = edges_of(("a", "z", 0.55), ("a", "m", 0.97), ("m", "z", 0.9))
    path = upgrade_path(edges, "c", "a", "z")
    assert ["a", "m", "z"] == steps(path)
    assert 1 == weakest_link(path)


def test_of_equal_paths_the_shortest_and_first():
    """Among chains with the same weakest link the one of fewest steps is taken, then the first by id."""
    edges = edges_of(("a", "b", 0.7), ("b", "z", 0.99), ("a", "k", 0.8), ("k", "z", 0.7), ("a", "c", 0.99),
                     ("c", "d", 0.99), ("d", "z", 0.7))
    assert ["a", "b", "z"] == steps(upgrade_path(edges, "c", "a", "z"))


@pytest.mark.parametrize(("start", "end"), [("z", "a"), ("a", "a"), ("a", "x"), ("x", "a"), ("?", "a")])
def test_no_path(start, end):
    """Against the arrows, to itself, across components, from an unknown card: no path, no weakest link."""
    path = upgrade_path(edges_of(("a", "z", 0.9), ("x", "y", 0.9)), "c", start, end)
    assert 0 == path.num_rows
    assert tables.EDGES.schema == path.schema
    assert weakest_link(path) is None


def test_contexts_do_not_mix():
    """A link of another context closes no chain."""
    edges = edges_of(("a", "b", 0.9))
    both = tables.concat([edges, edges_of(("b", "z", 0.9), context="d")], tables.EDGES)
    assert [] == steps(upgrade_path(both, "c", "a", "z"))


def test_a_circle_of_links_does_not_trap():
    """Edges that a person made by hand may run in a circle; the search still ends."""
    edges = edges_of(("a", "b", 0.9), ("b", "a", 0.9), ("b", "d", 0.8), ("d", "b", 0.8))
    assert ["a", "b", "d"] == steps(upgrade_path(edges, "c", "a", "d"))


@pytest.mark.parametrize("seed", range(6))
def test_against_all_simple_paths(seed):
    """On the wiser edges of a simulated survey the weakest link is as strong as on the best of all simple paths."""
    counts, _ = simulate(seed, contexts=2, cards=8, pairs=14)
    edges = wiser_edges(counts, calibrate(counts))
    rng = np.random.default_rng(seed)
    edges = edges.take(rng.permutation(edges.num_rows))
    here = [row for row in edges.to_pylist() if row["context_id"] == "context 0001"]
    graph = nx.DiGraph()
    for row in here:
        graph.add_edge(row["from_id"], row["to_id"], p=row["p_model"])
    found = 0
    for a in sorted(graph):
        for b in sorted(graph):
            widths = [(min(graph.edges[link]["p"] for link in path), -len(path))
                      for path in nx.all_simple_edge_paths(graph, a, b) if path]
            path = upgrade_path(edges, "context 0001", a, b)
            if a == b or not widths:
                assert 0 == path.num_rows
                continue
            found += 1
            best = path.column("p_model").to_pylist()
            assert max(widths) == (min(best), -len(best))
            assert (a, b) == (steps(path)[0], steps(path)[-1])
            assert best[weakest_link(path)] == min(best)
    assert found > 5
