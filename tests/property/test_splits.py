"""Whatever the graph, no split leaks into another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphengine.preferences import SPLITS, preference_pairs, split_pairs
from tests.preference_sources import card, edge, leaks, make_source

if TYPE_CHECKING:
    from graphengine.preferences import Source

pytestmark = pytest.mark.slow

CARDS = [f"v{n}" for n in range(7)]
CONTEXTS = [f"c{n}" for n in range(12)]
SCENARIOS = [f"s{n}" for n in range(5)]


@st.composite
def sources(draw: st.DrawFn) -> Source:
    """Small graphs in which contexts, scenarios and cards have texts in common, or none."""
    keys = draw(st.lists(
        st.tuples(st.sampled_from(CONTEXTS), st.sampled_from(CARDS), st.sampled_from(CARDS)).filter(
            lambda key: key[1] != key[2]
        ),
        max_size=40, unique_by=lambda key: (key[0], frozenset(key[1:])),
    ))  # fmt: skip
    probabilities = draw(st.lists(st.floats(0.5, 1.0), min_size=len(keys), max_size=len(keys)))
    texts = st.sampled_from(["Tell me.", "TELL  me.", "Help", None, "Help\n\nWhen sad"])
    missing = st.dictionaries(st.sampled_from(["title", "description", "policies"]), st.none(), max_size=2)
    twins = st.just({"title": "Same", "description": "Same", "policies": ["Same"]})
    return make_source(
        [edge(*key, p) for key, p in zip(keys, probabilities, strict=True)],
        cards=[card(each, **draw(missing | twins)) for each in CARDS],
        scenarios=draw(st.dictionaries(
            st.sampled_from(SCENARIOS), st.lists(st.sampled_from(CONTEXTS), unique=True), max_size=5
        )),
        texts=draw(st.dictionaries(st.sampled_from(SCENARIOS), texts)),
        contexts=draw(st.dictionaries(st.sampled_from(CONTEXTS), st.sampled_from(["When sad", "when sad", "Other"]))),
    )  # fmt: skip


@given(sources(), st.booleans())
@settings(max_examples=80)
def test_never_a_leak(source: Source, every: bool) -> None:
    """No context, scenario, prompt or unordered pair, by id or by text, is in two splits; train has rows if any has."""
    pairs, left_out = preference_pairs(source, all_scenarios=every)
    splits, straddling = split_pairs(pairs, source)
    assert leaks(splits, source) == set()
    assert set(splits) <= set(SPLITS)
    assert ("train" in splits) == bool(pairs.num_rows)
    assert sum(table.num_rows for table in splits.values()) + sum(straddling.values()) == pairs.num_rows
    if not every:
        assert pairs.num_rows + sum(left_out.values()) == source.edges.num_rows


@given(sources(), st.booleans(), st.randoms())
@settings(max_examples=25)
def test_the_same_for_any_row_order(source: Source, every: bool, random: object) -> None:
    """Pairs and splits follow from what the tables say, not from the order of their rows."""
    shuffled = {}
    for name, table in vars(source).items():
        if isinstance(table, pa.Table):
            order = list(range(table.num_rows))
            random.shuffle(order)
            shuffled[name] = table.take(pa.array(order, pa.int64()))
    other = type(source)(**{**vars(source), **shuffled})
    (pairs, left_out), (again, left_out_again) = (preference_pairs(one, all_scenarios=every) for one in (source, other))
    assert (pairs, left_out) == (again, left_out_again)
    assert split_pairs(pairs, source) == split_pairs(again, other)


@given(sources())
@settings(max_examples=25)
def test_one_row_per_prompt_and_unordered_pair(source: Source) -> None:
    """No prompt asks about the same two cards twice, and no text is preferred to itself."""
    pairs, _ = preference_pairs(source, all_scenarios=True)
    rows = pairs.to_pylist()
    keys = [(row["prompt"][0]["content"], frozenset((row["chosen_id"], row["rejected_id"]))) for row in rows]
    assert len(keys) == len(set(keys))
    assert len({row["pair_id"] for row in rows}) == len(rows)
    assert all(row["chosen"] != row["rejected"] for row in rows)


@given(sources())
@settings(max_examples=25)
def test_weights_of_an_edge_add_up(source: Source) -> None:
    """The weights of all rows of an edge sum to 2 p - 1, before and after what straddles is left out."""
    pairs, _ = preference_pairs(source, all_scenarios=True)
    for table in (pairs, *split_pairs(pairs, source)[0].values()):
        total: dict[tuple[str, str, str], float] = {}
        due = {}
        for row in table.to_pylist():
            key = (row["context_id"], row["chosen_id"], row["rejected_id"])
            total[key] = total.get(key, 0.0) + row["weight"]
            due[key] = 2 * row["p_chosen"] - 1
        assert pytest.approx(due) == total
