"""Whatever the pairs: an audit finds no fault with an export, and its numbers keep their bounds."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphengine.errors import ExportError
from graphengine.preferences import Source, write_preferences
from graphengine.preferences.audit import accuracy, audit_folder, baselines
from tests.property.test_splits import sources

pytestmark = pytest.mark.slow

HITS = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 5)), min_size=1, max_size=60)
TEXTS = st.text(st.sampled_from("ab é听\n.!"), min_size=1, max_size=12)
PAIRS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS), min_size=1, max_size=12)


@given(HITS)
def test_an_interval_holds_its_accuracy(hits: list[tuple[float, int]]) -> None:
    """0 <= lower <= accuracy <= upper <= 1; with all answers turned round it is the same interval, mirrored."""
    found = accuracy([hit for hit, _ in hits], [context for _, context in hits])
    turned = accuracy([1 - hit for hit, _ in hits], [context for _, context in hits])
    assert 0 <= found.lower <= found.accuracy + 1e-12
    assert found.accuracy - 1e-12 <= found.upper <= 1
    assert (found.lower, found.ties) == (pytest.approx(1 - turned.upper), turned.ties)


@given(PAIRS, PAIRS)
@settings(max_examples=60, deadline=None)
def test_baselines_take_any_text(train: list[tuple[str, str, str]], held_out: list[tuple[str, str, str]]) -> None:
    """Any texts give accuracies between 0 and 1, the same ones each time; turned round, words are right elsewhere."""
    def table(rows: list[tuple[str, str, str]]) -> dict[str, list[str]]:
        return dict(zip(("prompt", "chosen", "rejected"), map(list, zip(*rows, strict=True)), strict=True))

    once, again = (baselines(table(train), table(held_out)) for _ in range(2))
    turned = baselines(table(train), table([(p, other, one) for p, one, other in held_out]))
    assert once == again
    for one, other in zip(once, turned, strict=False):
        assert one.measured.pairs == len(held_out)
        assert one.measured.accuracy + other.measured.accuracy == pytest.approx(1)


@given(sources(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_no_export_has_a_problem(source: Source, every: bool) -> None:
    """Whatever graph is exported, its audit finds no leak and no changed file."""
    from graphengine.preferences import Form

    with tempfile.TemporaryDirectory() as folder:
        try:
            write_preferences(source, Path(folder) / "out", form=Form(all_scenarios=every))
        except ExportError:
            return  # a graph with nothing to export
        assert audit_folder(Path(folder) / "out").problems == ()
