"""Weak components of contexts, against networkx."""

from __future__ import annotations

import networkx as nx
import numpy as np

from graphengine import tables
from graphengine.ranking import components
from tests.ranking_worlds import make_counts


def test_numbering():
    """Components are numbered by size, then by smallest id, within each context; direction plays no part."""
    found = components(make_counts([
        ("c", "y", "x", 1, 0, 0), ("c", "x", "z", 0, 1, 0), ("c", "a", "b", 0, 0, 1), ("c", "m", "k", 1, 0, 0),
        ("d", "b", "a", 1, 0, 0), ("d", "z", "a", 0, 0, 0)]))
    number = {(row["context_id"], row["card_id"]): row["component"] for row in found.to_pylist()}
    assert {("c", "x"): 0, ("c", "y"): 0, ("c", "z"): 0, ("c", "a"): 1, ("c", "b"): 1, ("c", "k"): 2, ("c", "m"): 2,
            ("d", "a"): 0, ("d", "b"): 0} == number


def test_against_networkx():
    """On random sparse contexts the components are those of networkx, in falling size."""
    rng = np.random.default_rng(0)
    rows = {(f"c{rng.integers(5)}", f"v{a}", f"v{b}") for a, b in rng.integers(0, 25, (60, 2)) if a != b}
    found = components(make_counts([(*key, 1, 0, 0) for key in rows])).to_pylist()
    for context in {row["context_id"] for row in found}:
        graph = nx.DiGraph([(a, b) for c, a, b in rows if c == context])
        mine: dict[int, set[str]] = {}
        for row in found:
            if row["context_id"] == context:
                mine.setdefault(row["component"], set()).add(row["card_id"])
        expected = sorted(nx.weakly_connected_components(graph), key=lambda cards: (-len(cards), min(cards)))
        assert expected == [mine[number] for number in sorted(mine)]


def test_empty():
    """No answers, no components."""
    assert 0 == components(tables.COUNTS.empty()).num_rows
