"""The fast ways of ranking, by numpy and by compiled kernels: exact, the same alone and together, in any row order."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from graphengine import tables
from graphengine.ranking import Calibration, calibrate, connected, fast, rank_counts, rule_edges
from graphengine.ranking import cores as cores_module
from graphengine.ranking import walk as walk_module
from graphengine.ranking.connected import weak_components
from graphengine.ranking.cores import spread
from graphengine.ranking.keys import distinct
from graphengine.ranking.layout import lay_out
from graphengine.ranking.rule_graph import kept_edges
from graphengine.ranking.rules import EDGE_RULES
from graphengine.ranking.texts import codes, encode_runs
from graphengine.ranking.walk import graphs_of, walk
from tests.ranking_worlds import make_counts, simulate

FIXED = Calibration(1.1, -0.6, 0.7, ((0.04, 0.006), (0.006, 0.02)), omega=0.4)
NUMBERS = ("rank", "rank_lower", "rank_upper", "score", "sd", "lower", "upper", "p_top", "component", "tied_top")


@pytest.fixture(params=["numpy", "compiled"])
def way(request):
    """Each test runs by numpy, and by the compiled kernels where the extra `fast` is installed."""
    if request.param == "compiled" and not fast.there():
        pytest.skip("the extra fast (numba) is not installed")
    fast.use(request.param == "compiled")
    yield request.param
    fast.use(True)


def world(seed):
    """Contexts of 2 to 40 cards, some in several components, some with little to go by."""
    rng = np.random.default_rng(seed)
    rows = []
    for context in range(12):
        cards = int(rng.integers(2, 41))
        pairs = {tuple(int(v) for v in rng.choice(cards, 2, replace=False)) for _ in range(cards * 2)}
        for a, b in sorted(pairs):
            wiser, not_wiser, unsure = (int(n) for n in rng.integers(0, 6, 3))
            rows.append((f"context {context}", f"card {a:02d}", f"card {b:02d}", wiser, not_wiser, unsure))
    return make_counts(rows)


def random_graphs(rng, sizes):
    """Graphs side by side, at random; a third of the nodes lead nowhere, some weights are 0."""
    start = np.concatenate([[0], np.cumsum(sizes)])
    source, target, context = [], [], np.repeat(np.arange(len(sizes)), sizes)
    for first, size in zip(start, sizes, strict=False):
        for node in rng.permutation(size)[: max(1, 2 * size // 3)]:
            for other in rng.choice(size, min(size - 1, 3), replace=False):
                if other != node:
                    source.append(first + node)
                    target.append(first + other)
    order = np.lexsort((target, source))
    source, target = np.array(source, int)[order], np.array(target, int)[order]
    weight = np.where(rng.random(len(source)) < 0.1, 0.0, rng.random(len(source)))
    return graphs_of(context, len(sizes), source, target, weight)


@pytest.mark.parametrize("seed", range(5))
def test_pagerank_is_the_dense_solution(way, seed):
    """On random graphs with sinks, of 2 to 300 nodes, scores are those of Google's matrix solved densely, to 1e-9."""
    graphs = random_graphs(np.random.default_rng(seed), [2, 3, 3, 17, 30, 30, 128, 129, 300])
    found = walk(graphs)
    for first, last in zip(graphs.start, graphs.start[1:], strict=False):
        n = last - first
        inside = (graphs.source >= first) & (graphs.source < last)
        weights = np.zeros((n, n))
        weights[graphs.source[inside] - first, graphs.target[inside] - first] = graphs.weight[inside]
        out = weights.sum(axis=1, keepdims=True)
        step = np.where(out > 0, weights / np.where(out > 0, out, 1), 1 / n)  # sinks go anywhere
        expected = np.linalg.solve(np.eye(n) - 0.85 * step.T, np.full(n, 0.15 / n))
        assert pytest.approx(expected, abs=1e-12) == found[first:last]


@pytest.mark.parametrize(("method", "more"), [
    ("bradley-terry", {"calibration": FIXED}),
    ("pagerank", {"edge_rule": "mai-2023-context"}),
    ("pagerank", {"edge_rule": "paper-majority"}),
])
def test_one_context_at_a_time_gives_the_same_rows(way, method, more):
    """A context's rows are the same, bit for bit, alone and with all others, whatever the order of the rows."""
    counts = world(3)
    together = rank_counts(counts, method, **more)
    contexts = counts.column("context_id").to_pylist()
    alone = [
        rank_counts(counts.filter(pa.array([name == context for context in contexts])), method, **more)
        for name in sorted(set(contexts))
    ]
    assert together == pa.concat_tables(alone).combine_chunks()
    mixed = counts.take(pa.array(np.random.default_rng(0).permutation(counts.num_rows)))
    assert together == rank_counts(mixed, method, **more)


@pytest.mark.parametrize("not_wiser", ["against", "tie"])
def test_compiled_kernels_give_the_same_numbers(not_wiser):
    """Both ways agree to 1e-9 in every number of both methods; P(top) and rank intervals agree exactly."""
    if not fast.there():
        pytest.skip("the extra fast (numba) is not installed")
    counts = world(5)
    given = Calibration(0.9, -0.4, 0.8, ((0.03, 0.004), (0.004, 0.02)), not_wiser=not_wiser, omega=0.3)  # type: ignore[arg-type]
    for method, more in (("bradley-terry", {"calibration": given}), ("pagerank", {"edge_rule": "any-wiser"})):
        found = []
        for compiled in (True, False):
            fast.use(compiled)
            found.append(rank_counts(counts, method, **more))
        fast.use(True)
        one, other = found
        assert one.select(["context_id", "card_id"]) == other.select(["context_id", "card_id"])
        for name in NUMBERS:
            if one.column(name).null_count == 0:
                within = 0 if name in ("rank", "rank_lower", "rank_upper", "p_top", "component", "tied_top") else 1e-9
                first, second = (t.column(name).to_numpy(zero_copy_only=False).astype(float) for t in found)
                assert pytest.approx(first, abs=within) == second


def test_calibrations_agree(way):
    """The fitted shared terms are the same numbers by either way, to 1e-9."""
    counts, _ = simulate(2, contexts=8, cards=7, pairs=12)
    found = calibrate(counts)
    fast.use(False)
    plain = calibrate(counts)
    assert pytest.approx([plain.beta, plain.log_tau, plain.sigma], abs=1e-9) == [found.beta, found.log_tau, found.sigma]


@pytest.mark.parametrize("rule", list(EDGE_RULES))
def test_edges_as_numbers_are_the_rules_edges(rule):
    """The edges that PageRank walks on are those of the rule's table, in every context that they name."""
    counts = world(7)
    layout = lay_out(counts)
    edges = kept_edges(layout, EDGE_RULES[rule])
    context, card = layout.context_column().to_pylist(), layout.card_column().to_pylist()
    found = {
        (context[s], card[s], card[t], w)
        for s, t, w in zip(edges.source.tolist(), edges.target.tolist(), edges.weight.tolist(), strict=True)
    }
    expected = {
        (name, row["from_id"], row["to_id"], row["weight"])
        for row in rule_edges(counts, rule).to_pylist() for name in row["contexts"]
    }
    assert expected == found
    assert len(found) == len(edges.source)


def test_dictionary_encoded_counts_are_counts():
    """Text columns may be dictionary-encoded, with dictionaries that hold texts twice or not at all."""
    counts = world(1)
    encoded = counts
    for at, name in enumerate(("context_id", "from_id", "to_id")):
        encoded = encoded.set_column(at, name, counts.column(name).combine_chunks().dictionary_encode())
    assert rank_counts(counts, calibration=FIXED) == rank_counts(encoded, calibration=FIXED)
    twice = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), pa.array(["b", "b", "a", "z"]))
    numbers, values = codes(twice)
    assert ["b", "b", "a"] == [values[n].as_py() for n in numbers]


@pytest.mark.parametrize("prefix", ["", "card-", "värde-", "a beginning of every id that no word holds-"])
def test_many_texts_are_sorted_as_few(prefix):
    """More texts than are sorted by Arrow come in the same order: that of their bytes."""
    rng = np.random.default_rng(4)
    texts = sorted({f"{prefix}{n}{'é' if n % 7 == 0 else ''}" for n in rng.integers(0, 10**9, 25_000)})
    mixed = rng.permutation(len(texts))
    numbers, values = codes(pa.array(texts).take(pa.array(mixed)))
    assert sorted(texts, key=str.encode) == values.to_pylist()
    assert [texts[at] for at in mixed[:100]] == [values[n].as_py() for n in numbers[:100]]


def test_runs_are_looked_up_once():
    """A column of runs becomes the same numbers as any other."""
    column = pa.chunked_array([pa.array(["b"] * 15_000 + ["a"] * 10_000 + ["b"])])
    numbers, values = encode_runs(column)
    assert ["b", "a"] == values.to_pylist()
    assert column.to_pylist() == [values[n].as_py() for n in numbers]


def test_distinct_keys():
    """Distinct keys and their places, also where keys are too large to carry a place."""
    keys = np.array([5, 0, 5, 2**62, 3], np.int64)
    for given in (keys, keys[[0, 1, 2, 4]], keys[:0]):
        found, place = distinct(given)
        assert sorted(set(given.tolist())) == found.tolist()
        assert given.tolist() == found[place].tolist()


def test_work_is_spread_in_order():
    """Results come in the order of the parts; an error of a part is raised."""
    assert [n * n for n in range(50)] == spread(lambda n: n * n, range(50))
    with pytest.raises(ZeroDivisionError):
        spread(lambda n: 1 // n, [1, 0, 2])


def test_large_contexts_have_more_than_one_rank():
    """Scores of pagerank tie within a billionth of the mean score, so that a large context is not one long tie."""
    rng = np.random.default_rng(2)
    pairs = {(int(a), int(b)) for a, b in rng.integers(0, 4_000, (12_000, 2)) if a != b}
    counts = make_counts([("c", f"v{a}", f"v{b}", int(rng.integers(1, 9)), 0, 0) for a, b in sorted(pairs)])
    ranks = rank_counts(counts, "pagerank", edge_rule="any-wiser").column("rank").to_pylist()
    assert len(set(ranks)) > 3_000


def test_components(way):
    """Components are numbered by falling size, then by smallest card, within each context."""
    node_context = np.repeat([0, 1, 2], [6, 1, 4])
    source, target = np.array([5, 1, 3, 8, 9, 9]), np.array([4, 2, 5, 10, 7, 7])
    assert [2, 1, 1, 0, 0, 0, 0, 0, 1, 0, 1] == weak_components(node_context, source, target).tolist()


def test_components_of_very_many_edges(monkeypatch):
    """A few edges per node first, then those between what is left: the same components as all at once."""
    rng = np.random.default_rng(6)
    half = rng.integers(0, 1_000, (9_000, 2))
    source, target = np.concatenate([half, half + 1_000]).T
    expected = weak_components(np.zeros(2_100, int), source, target)
    monkeypatch.setattr(connected, "_MANY", 1_000)
    assert expected.tolist() == weak_components(np.zeros(2_100, int), source, target).tolist()
    assert 100 < len(set(expected.tolist()))


def test_no_counts(way):
    """No counts, no ranks, by every method."""
    for method in ("bradley-terry", "pagerank"):
        assert tables.RANKS.empty() == rank_counts(tables.COUNTS.empty(), method)


def test_a_large_graph_by_all_cores(way, monkeypatch):
    """A large graph walked on in blocks by several threads is the dense solution, and the same bits as by one."""
    graphs = random_graphs(np.random.default_rng(9), [700])
    expected = dense(graphs)
    monkeypatch.setattr(walk_module, "_BLOCK_EDGES", 300)
    monkeypatch.setattr(cores_module, "_WORTH", 1)
    found = walk_module.walk(graphs)
    assert np.abs(found - expected).max() <= 1e-13
    monkeypatch.setattr(cores_module, "cores", lambda: 1)
    assert found.tolist() == walk_module.walk(graphs).tolist()


@pytest.mark.parametrize("shape", ["star", "path", "apart", "sink"])
def test_walks_that_are_hard_end_soon(shape, monkeypatch):
    """Where nearly all meet in one card, or parts of a graph never meet, few rounds reach the dense solution too."""
    n, rng = 900, np.random.default_rng(5)
    low, high = np.arange(n // 2), np.arange(n // 2, n)
    source, target = {
        "star": (np.arange(1, n), np.zeros(n - 1, int)),
        "path": (np.arange(n - 1), np.arange(1, n)),
        "apart": (np.repeat(np.arange(n), 5), np.append(*(rng.choice(part, 5 * n // 2) for part in (low, high)))),
        "sink": (np.arange(n - 1), np.append((low + 1) % (n // 2), np.full(n // 2 - 1, n - 1))),  # and a circle
    }[shape]
    rounds = []
    monkeypatch.setattr(walk_module, "spread", lambda *args: rounds.append(1) or spread(*args))
    graphs = graphs_of(np.zeros(n, int), 1, source, target, np.ones(len(target)))
    found, expected = walk_module.walk(graphs), dense(graphs)
    assert np.abs(found - expected).max() <= 1e-12 * expected.max()
    assert len(rounds) < 250


def dense(graphs):
    """The scores of one graph, solved as equations."""
    scale, n = walk_module.scales(graphs), int(graphs.start[-1])
    matrix = np.zeros((n, n))
    np.add.at(matrix, (graphs.target, graphs.source), scale[graphs.source] * graphs.weight)
    found = np.linalg.solve(np.eye(n) - matrix, np.ones(n))
    return found / found.sum()
