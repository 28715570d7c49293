"""Laws of targets and distances, on generated input."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphengine.schwartz.distance import DISTANCES, distance_to
from graphengine.schwartz.items import POLICIES, items
from graphengine.schwartz.lint import lint
from graphengine.schwartz.mapping import map_scores
from graphengine.schwartz.rows import Row, base_rates, cells, label, read_rows, remap, write_rows, written
from graphengine.schwartz.target import KINDS, Target
from graphengine.schwartz.target_files import load_target, write_target

pytestmark = pytest.mark.slow

NUMBERS = st.floats(-1, 1, allow_nan=False)
VECTORS = st.lists(NUMBERS, min_size=10, max_size=10)
WEIGHTS = st.none() | st.lists(st.floats(0, 5), min_size=10, max_size=10).filter(any).map(tuple)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TARGETS = st.builds(
    Target, name=TEXT.filter(bool), vector=VECTORS.map(tuple), weights=WEIGHTS, kind=st.sampled_from(KINDS),
    errors=st.none() | st.lists(st.floats(0, 2), min_size=10, max_size=10).map(tuple),
    people=st.none() | st.integers(1, 10**6), licence=TEXT, provenance=TEXT, note=TEXT,
    mapping=st.sampled_from([None, "sign", "rank"]), instrument=st.none() | TEXT.filter(bool),
)
LABELS = st.builds(
    lambda item, sign: label(written(item.label, sign)), st.sampled_from(items()), st.sampled_from([-1, 1])
)
ROWS = st.lists(
    st.builds(lambda text, labels: Row(1, text, tuple(labels), ()), TEXT, st.lists(LABELS, max_size=8)),
    min_size=1, max_size=8,
)


@settings(max_examples=60)
@given(TARGETS, st.sampled_from(["toml", "json"]))
def test_targets_in_files(target: Target, ending: str) -> None:
    """Any target that can be made comes back from a file as it was."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"target.{ending}"
        write_target(target, path)
        assert target == load_target(path)


@given(VECTORS, VECTORS, st.sampled_from(DISTANCES))
def test_distances_are_never_negative(vector: list[float], scores: list[float], name: str) -> None:
    """No distance is negative, and that of the target to itself is 0 where the target has a direction."""
    to = distance_to(Target(name="x", vector=tuple(vector)), name)
    assert to.distance(np.array(scores)) >= -1e-9
    squares = float(np.square(vector).sum())
    if name in ("weighted", "l1", "l2", "l2_squared", "l1_weighted", "l1_masked", "paper_masked"):
        assert 0 == to.distance(np.array(vector))
    elif (name == "cosine" and squares > 1e-100) or (name == "spearman" and len(set(vector)) > 1):
        assert to.distance(np.array(vector)) == pytest.approx(0, abs=1e-9)


@given(VECTORS, VECTORS, st.sampled_from(DISTANCES))
def test_masked_distances_are_smaller(vector: list[float], scores: list[float], name: str) -> None:
    """A mask only takes away: masked is never more than unmasked, and silence is always the least."""
    target, s = Target(name="x", vector=tuple(vector)), np.array(scores)
    assert distance_to(target, "l1_masked").distance(s) <= distance_to(target, "l1").distance(s)
    assert distance_to(target, "paper_masked").distance(s) <= distance_to(target, "l1_weighted").distance(s)
    assert 0 == distance_to(target, "paper_masked").distance(np.zeros(10))
    batch = np.stack([s, np.zeros(10), s])
    assert distance_to(target, name).distance(batch)[[0, 2]].tolist() == pytest.approx(
        [float(distance_to(target, name).distance(s))] * 2, abs=1e-12
    )


@given(st.lists(st.floats(1, 6), min_size=2, max_size=19))
def test_mappings_keep_the_order(scores: list[float]) -> None:
    """Every mapping keeps the order of the scores, within [-1, 1]."""
    for mapping in ("raw-rescale", "rank", "sign"):
        found, _ = map_scores(scores, mapping, centred=False)
        assert all(-1 <= number <= 1 for number in found)
        assert all(found[i] <= found[j] for i in range(len(found)) for j in range(len(found)) if scores[i] <= scores[j])


@given(ROWS, st.sampled_from(POLICIES))
def test_rows_that_were_remapped_have_no_defects(rows: list[Row], policy: str) -> None:
    """Types that follow from the items under a policy pass the linter under it, but for both signs and no type."""
    found = lint([remap(row, policy) for row in rows], policy)
    assert {"empty", "duplicate_type", "conflicting_type"} >= {each.kind for each in found.findings}


@given(ROWS, st.sampled_from(POLICIES))
def test_cells_and_base_rates(rows: list[Row], policy: str) -> None:
    """Cells are -1, 0, 1 or unknown; the base rate is their mean with unknown as 0, and remapping changes neither."""
    found = cells(rows, policy)
    assert set(found[~np.isnan(found)].tolist()) <= {-1.0, 0.0, 1.0}
    assert np.allclose(np.nan_to_num(found).mean(axis=0), base_rates(rows, policy))
    again = cells([remap(row, policy) for row in rows])
    assert np.array_equal(found, again, equal_nan=True)


@settings(max_examples=40)
@given(ROWS)
def test_rows_in_files(rows: list[Row]) -> None:
    """Rows come back from a file as they were, whatever their texts hold."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        write_rows(rows, path)
        assert [row.as_json() for row in rows] == [row.as_json() for row in read_rows(path)]
