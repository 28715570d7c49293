"""COUNTS as numbers: nodes, rows and blocks."""

from __future__ import annotations

from functools import partial

import numpy as np
import pyarrow as pa
import pytest

from graphengine import tables
from graphengine.ranking import layout as layouts
from graphengine.ranking import texts
from graphengine.ranking.layout import blocks, codes, lay_out, padded
from tests.ranking_worlds import make_counts, simulate

ROWS = [("d", "b", "a", 1, 2, 3), ("c", "z", "é", 4, 0, 0), ("c", "a", "z", 0, 0, 1), ("e", "a", "b", 0, 0, 0)]


def test_codes_are_in_the_order_of_the_texts():
    """A text column becomes numbers into its sorted distinct values, however it is chunked or encoded."""
    column = pa.chunked_array([["b", "a"], ["é", "a"]])
    for given in (column, column.dictionary_encode(), column.combine_chunks()):
        numbers, values = codes(given)
        assert ([1, 0, 2, 0], ["a", "b", "é"]) == (numbers.tolist(), values.to_pylist())
    numbers, values = codes(pa.chunked_array([], pa.string()))
    assert (0, 0) == (len(numbers), len(values))


def test_nodes_and_rows():
    """Contexts and the cards within them are sorted; a context without answers is not there."""
    layout = lay_out(make_counts(ROWS))
    assert ["c", "d"] == layout.contexts.to_pylist()
    assert ["c", "c", "c", "d", "d"] == layout.context_column().to_pylist()
    assert ["a", "z", "é", "a", "b"] == layout.card_column().to_pylist()
    assert [(0, 1), (1, 2), (4, 3)] == list(zip(layout.source.tolist(), layout.target.tolist(), strict=True))
    assert [[0, 0, 1], [4, 0, 0], [1, 2, 3]] == layout.answers.tolist()
    assert ([0, 3, 5], [0, 2, 3]) == (layout.start.tolist(), layout.row_start.tolist())
    assert [1, 5, 4, 6, 6] == layout.answers_per_node().tolist()


def test_rows_of_one_key_are_added_up():
    """Two rows of the same context and ordered pair count together."""
    layout = lay_out(make_counts([("c", "a", "b", 1, 0, 2), ("c", "a", "b", 3, 1, 0)]))
    assert [[4, 1, 2]] == layout.answers.tolist()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("ordered", [True, False])
def test_many_rows_for_each_card_are_laid_out_alike(monkeypatch, ordered, known):
    """Where cards are asked from in long runs, texts asked about are looked up among them: to the same layout."""
    rng = np.random.default_rng(3)
    cards = [f"v{n}" for n in (range(9) if ordered else rng.permutation(9))]
    rows = [("c", a, b, 1 + n, 0, 2) for n, (a, b) in enumerate((a, b) for a in cards for b in cards if a != b)]
    if not known:
        rows += [("c", cards[-1], f"{letter}{n}", 3, 1, 0) for n in range(4) for letter in "aw"]
    counts = make_counts(rows)
    expected = lay_out(counts)
    monkeypatch.setattr(texts, "_MANY", 1)
    asked = []
    monkeypatch.setattr(layouts, "look_up", lambda *args: asked.append(args) or texts.look_up(*args))

    found = lay_out(counts)

    assert asked
    for name, value in vars(expected).items():
        assert (value.equals if isinstance(value, pa.Array) else partial(np.array_equal, value))(getattr(found, name))


@pytest.mark.parametrize("index", [pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.uint32(), pa.int64()])
def test_encoded_texts_are_laid_out_like_texts(index):
    """Columns of dictionaries, whatever numbers they hold, and unsorted, give the layout of plain texts."""
    rng = np.random.default_rng(4)
    pairs = sorted({(int(a), int(b)) for a, b in rng.integers(0, 100, (400, 2))}, key=lambda pair: (pair[1], -pair[0]))
    rows = [("c", f"from {a % 90:03d}", f"to {b:03d}", a % 5, b % 3, 1) for a, b in pairs]
    plain = make_counts(rows)
    encoded = plain
    for at, name in enumerate(("context_id", "from_id", "to_id")):
        encoded = encoded.set_column(at, name, plain.column(name).combine_chunks().dictionary_encode().cast(
            pa.dictionary(index, pa.string())))
    for name, value in vars(lay_out(plain)).items():
        found = getattr(lay_out(encoded), name)
        assert value.equals(found) if isinstance(value, pa.Array) else np.array_equal(value, found)


def test_empty():
    """No rows, no contexts, no blocks."""
    layout = lay_out(tables.COUNTS.empty())
    assert (0, 0, []) == (len(layout.contexts), len(layout.source), list(blocks(layout)))


def test_padding_follows_from_the_size_alone():
    """Padded widths are at least the size, at most a quarter more, and few."""
    sizes = np.arange(2, 3000)
    widths = padded(sizes)
    assert (widths >= sizes).all()
    assert (widths < 1.25 * sizes).all()
    assert len(np.unique(widths)) < 50
    assert widths[:8].tolist() == padded(np.arange(2, 10)).tolist()


@pytest.mark.parametrize("cells", [1, 200, 10**6])
def test_blocks_hold_every_context_and_row_once(cells):
    """Whatever their size, blocks hold every context, node and row exactly once, and cells name the right cards."""
    rows = [tuple(row.values()) for row in simulate(0, contexts=9, cards=5, pairs=6)[0].to_pylist()]
    rows += [("big" + row[0], *row[1:]) for row in (
        tuple(r.values()) for r in simulate(1, contexts=2, cards=19, pairs=40)[0].to_pylist())]
    layout = lay_out(make_counts(rows))
    found = list(blocks(layout, cells))
    assert sorted(c for block in found for c in block.contexts) == list(range(len(layout.contexts)))
    assert sorted(r for block in found for r in block.rows) == list(range(len(layout.source)))
    assert sorted(n for block in found for n in block.nodes[block.real]) == list(range(len(layout.node_card)))
    for block in found:
        assert block.nodes.ravel()[block.source].tolist() == layout.source[block.rows].tolist()
        assert block.nodes.ravel()[block.target].tolist() == layout.target[block.rows].tolist()
        assert block.contexts[block.owner].tolist() == layout.row_context[block.rows].tolist()
