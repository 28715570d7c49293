"""Components, circles, cyclicity, triangles: hand-made graphs, and brute force over random ones."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings

from graphengine import tables
from graphengine.errors import RankingError
from graphengine.ranking.circles import MOST
from graphengine.ranking.structure import structure
from tests.ranking_worlds import count_rows, make_counts, simulate


def one(*rows):
    """The structure of the only context, from (from, to, wiser, not_wiser, unsure)."""
    (found,) = structure(make_counts([("c", *row) for row in rows])).to_pylist()
    return found


def circle(*cards, context="c"):
    """Rows of a circle: five say that each card is less wise than the next."""
    return [(context, a, b, 5, 0, 0) for a, b in itertools.pairwise([*cards, cards[0]])]


def test_a_circle_of_three():
    """Three in a circle: one component, all cyclic, the circle itself, nothing but cycles, no transitive triangle."""
    found = one(("b", "a", 5, 1, 0), ("d", "b", 5, 1, 0), ("a", "d", 5, 1, 0))
    expected = {"context_id": "c", "cards": 3, "pairs": 3, "components": 1, "cyclic_cards": ["a", "b", "d"],
                "cycles": [["a", "d", "b"]], "cyclicity": pytest.approx(1.0), "triangles": 1, "transitivity": 0.0,
                "isolated": [], "never_asked": None}
    assert expected == found


def test_an_order():
    """Three in an order: no circle, a transitive triangle, and the share of the flow worked out by hand."""
    found = one(("a", "b", 5, 0, 0), ("b", "d", 5, 0, 0), ("a", "d", 5, 0, 0))
    # Flow y, y, y along a-b, b-d, a-d: its only loop has y + y - y = y, spread over three pairs; (y²/3) / 3y².
    assert pytest.approx(1 / 9) == found["cyclicity"]
    assert ([], [], 1, 1.0) == tuple(found[key] for key in ("cyclic_cards", "cycles", "triangles", "transitivity"))


def test_no_loop_no_cyclicity():
    """Where the pairs form trees nothing can disagree: cyclicity and transitivity are null, not 0."""
    found = one(("a", "b", 5, 0, 0), ("b", "a", 4, 0, 0), ("b", "d", 1, 2, 0), ("x", "y", 3, 0, 0))
    assert (5, 3, 2, None, 0, None) == tuple(
        found[key] for key in ("cards", "pairs", "components", "cyclicity", "triangles", "transitivity"))


def test_both_directions_of_asking_count():
    """A "not wiser" counts for the card asked from; under "tie" it counts for neither."""
    rows = [("c", "a", "b", 3, 0, 0), ("c", "d", "b", 0, 3, 0), ("c", "a", "d", 0, 9, 0), ("c", "a", "d", 1, 0, 0)]
    assert [["a", "b", "d"]] == structure(make_counts(rows)).column("cycles").to_pylist()[0]
    assert [] == structure(make_counts(rows), "tie").column("cycles").to_pylist()[0]


def test_isolated_and_even():
    """A card that only "unsure" ties to others is isolated; a pair with as many for as against has no arrow."""
    found = one(("a", "b", 5, 0, 0), ("b", "d", 2, 2, 0), ("d", "a", 5, 0, 0), ("d", "e", 0, 0, 7), ("a", "e", 0, 0, 1))
    assert (["e"], [], 0, 1) == tuple(found[key] for key in ("isolated", "cycles", "triangles", "components"))


def test_two_circles_in_one_context_and_others_beside_it():
    """Each strongly connected component has its circle, shortest first; contexts do not mix."""
    rows = [*circle("p", "q", "r", "s"), *circle("z", "x", "y"), ("c", "s", "x", 9, 0, 0),
            *circle("a", "b", "d", context="e"), ("d", "a", "b", 1, 0, 0)]
    found = {row["context_id"]: row for row in structure(make_counts(rows)).to_pylist()}
    assert [["x", "y", "z"], ["p", "q", "r", "s"]] == found["c"]["cycles"]
    assert ["p", "q", "r", "s", "x", "y", "z"] == found["c"]["cyclic_cards"]
    assert [["a", "b", "d"]] == found["e"]["cycles"]
    assert [] == found["d"]["cycles"]


def test_many_circles_are_cut():
    """A dense tournament has very many circles; at most ten are shown, and every one exists."""
    rng = np.random.default_rng(3)
    rows = [(f"v{a:02d}", f"v{b:02d}", 3, 0, 0) if rng.random() < 0.5 else (f"v{b:02d}", f"v{a:02d}", 3, 0, 0)
            for a, b in itertools.combinations(range(20), 2)]
    found = one(*rows)
    assert MOST == len(found["cycles"])
    arrows = {row[:2] for row in rows}
    for cards in found["cycles"]:
        assert set(itertools.pairwise([*cards, cards[0]])) <= arrows


def arrows_of(rows):
    """The arrows of the only context, as a networkx graph, and its pairs: {pair: (wins of low, wins of high)}."""
    wins: dict[tuple[str, str], list[float]] = {}
    for _, a, b, yes, no, unsure in rows:
        if yes + no + unsure:
            pair = wins.setdefault((min(a, b), max(a, b)), [0.0, 0.0])
            pair[b > a] += yes + unsure / 2
            pair[b < a] += no + unsure / 2
    graph = nx.DiGraph()
    for (low, high), (for_low, for_high) in wins.items():
        graph.add_nodes_from((low, high))
        if for_low != for_high:
            graph.add_edge(*((low, high) if for_high > for_low else (high, low)))
    return graph, wins


def brute_cyclicity(wins):
    """Residual over energy by numpy's least squares; None for a forest."""
    cards = sorted({card for pair in wins for card in pair})
    pairs = nx.Graph(list(wins))
    if pairs.number_of_edges() - pairs.number_of_nodes() + nx.number_connected_components(pairs) == 0:
        return None
    y = np.array([np.log((high + 0.5) / (low + 0.5)) for low, high in wins.values()])
    root = np.sqrt([low + high for low, high in wins.values()])
    design = np.array([[(card == high) - (card == low) for card in cards] for low, high in wins], float)
    best = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0]
    energy = ((root * y) ** 2).sum()
    return ((root * (y - design @ best)) ** 2).sum() / energy if energy else 0.0


@settings(max_examples=60)
@given(rows=count_rows(max_contexts=1, max_cards=7))
def test_against_brute_force(rows):
    """On random contexts all numbers are those of networkx, numpy's least squares and counting by hand."""
    graph, wins = arrows_of(rows)
    table = structure(make_counts(rows))
    if not wins:
        assert 0 == table.num_rows
        return
    (found,) = table.to_pylist()
    strong = [part for part in nx.strongly_connected_components(graph) if len(part) > 1]
    assert (len(graph), len(wins)) == (found["cards"], found["pairs"])
    assert nx.number_connected_components(nx.Graph(list(wins))) == found["components"]
    assert sorted(set().union(*strong)) == found["cyclic_cards"]
    expected = brute_cyclicity(wins)
    assert found["cyclicity"] == (None if expected is None else pytest.approx(expected, abs=1e-9))
    triples = [trio for trio in itertools.combinations(sorted(graph), 3)
               if all(graph.has_edge(a, b) or graph.has_edge(b, a) for a, b in itertools.combinations(trio, 2))]
    circular = sum(not nx.is_directed_acyclic_graph(graph.subgraph(trio)) for trio in triples)
    assert (len(triples), 1 - circular / len(triples) if triples else None) == (
        found["triangles"], found["transitivity"])
    check_cycles(graph, strong, found["cycles"])


def check_cycles(graph, strong, cycles):
    """All are circles, none comes twice, each is shortest through one of its arrows, every component has one."""
    assert len(cycles) == len({tuple(cards) for cards in cycles})
    for cards in cycles:
        arrows = list(itertools.pairwise([*cards, cards[0]]))
        assert min(cards) == cards[0]
        assert all(graph.has_edge(*arrow) for arrow in arrows)
        assert any(len(cards) == nx.shortest_path_length(graph, b, a) + 1 for a, b in arrows)
    if len(cycles) < MOST:  # not cut: every arrow of a strong component is in a circle that is shown
        shown = {arrow for cards in cycles for arrow in itertools.pairwise([*cards, cards[0]])}
        assert {arrow for part in strong for arrow in graph.subgraph(part).edges} == shown
    assert [len(cards) for cards in cycles] == sorted(len(cards) for cards in cycles)


def test_many_contexts_are_each_as_alone():
    """A context's row does not depend on the others in the table."""
    counts, _ = simulate(6, contexts=25, cards=9, pairs=22, answers=3, beta=0.0, sigma=0.2)
    together = structure(counts).to_pylist()
    assert sum(bool(row["cycles"]) for row in together) > 5
    for row in together[:10]:
        alone = counts.filter([c == row["context_id"] for c in counts.column("context_id").to_pylist()])
        assert [row] == structure(alone).to_pylist()


def test_empty_and_wrong():
    """Empty counts give the empty table; an unknown reading of "not wiser" is refused."""
    assert tables.STRUCTURES.empty() == structure(tables.COUNTS.empty())
    with pytest.raises(RankingError):
        structure(tables.COUNTS.empty(), "maybe")  # type: ignore[arg-type]


@settings(max_examples=40)
@given(rows=count_rows())
def test_order_of_rows_names_and_amounts(rows):
    """Row order plays no part; new names move with their cards; ten times the answers leave all but cyclicity alone."""
    table = structure(make_counts(rows))
    assert table == structure(make_counts(rows[::-1]))
    renamed = structure(make_counts([(c, f"x{a}", f"x{b}", w, n, u) for c, a, b, w, n, u in rows])).to_pylist()
    for row, new in zip(table.to_pylist(), renamed, strict=True):
        assert [[f"x{card}" for card in cards] for cards in row["cycles"]] == new["cycles"]
        assert row["cyclicity"] == new["cyclicity"]
    more = structure(make_counts([(c, a, b, 10 * w, 10 * n, 10 * u) for c, a, b, w, n, u in rows]))
    assert table.drop_columns("cyclicity") == more.drop_columns("cyclicity")
    for value in table.column("cyclicity").to_pylist() + more.column("cyclicity").to_pylist():
        assert value is None or 0 <= value <= 1
