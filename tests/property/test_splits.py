"""Whatever the graph, no split leaks into another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphengine.preferences import (
    RENDERS,
    SPLITS,
    card_disjoint,
    card_overlap,
    preference_pairs,
    prompt_rows,
    share,
    split_of_contexts,
    unpaired_rows,
)
from tests.preference_sources import card, edge, leaks, make_source, split_pairs

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


@given(sources(), st.booleans(), st.sampled_from(sorted(RENDERS)), st.sampled_from([0.5, 0.7]))
@settings(max_examples=60)
def test_never_a_leak_across_kinds(source: Source, every: bool, render: str, least: float) -> None:
    """Across kinds nothing is shared either, however cards are rendered; each row is kept in its place or counted."""
    pairs, _ = preference_pairs(source, all_scenarios=every, render=render, min_probability=least)
    prompts, _ = prompt_rows(source, render=render)
    where = split_of_contexts(source)
    shared = share([pairs, prompts], source, where, render)
    together = {name: [splits[name] for splits, _ in shared if name in splits] for name in SPLITS}
    assert leaks(together, source) == set()
    for table, (splits, left_out) in zip((pairs, prompts), shared, strict=True):
        assert sum(each.num_rows for each in splits.values()) + sum(left_out.values()) == table.num_rows
        for name, each in splits.items():
            assert {where[context] for context in each.column("context_id").to_pylist()} == {name}


@given(sources())
@settings(max_examples=60)
def test_a_card_disjoint_test_split_shares_no_card(source: Source) -> None:
    """No card of test is in train or validation, in whatever kind; rows are kept whole or counted."""
    pairs, _ = preference_pairs(source)
    shared = [splits for splits, _ in share([pairs, prompt_rows(source)[0]], source, split_of_contexts(source))]
    found = card_disjoint(shared, source)
    cards: dict[bool, set[str]] = {True: set(), False: set()}
    for (kept, left_out), before in zip(found, shared, strict=True):
        for name, table in kept.items():
            for column in {"chosen_id", "rejected_id", "card_id"} & set(table.column_names):
                cards[name == "test"].update(table.column(column).to_pylist())
        rows = [sum(table.num_rows for table in splits.values()) for splits in (kept, before)]
        assert rows[0] + sum(left_out.values()) == rows[1]
    assert cards[True] & cards[False] == set()
    told = card_overlap(found[0][0], source)
    assert all(each["cards_in_train"] == 0 for name, each in told.items() if name == "test")


@given(sources())
@settings(max_examples=40)
def test_labels_follow_from_the_pairs(source: Source) -> None:
    """Each card of a prompt has one row at most, labelled by the sum of its chances; weights lie between 0 and 1."""
    pairs, _ = preference_pairs(source)
    rows = unpaired_rows(pairs).to_pylist()
    assert len({(row["context_id"], row["scenario_id"], row["card_id"]) for row in rows}) == len(rows)
    lead: dict[tuple[str, str], float] = {}
    for row in pairs.to_pylist():
        for side, sign in (("chosen_id", 1), ("rejected_id", -1)):
            key = (row["context_id"], row[side])
            lead[key] = lead.get(key, 0.0) + sign * (2 * row["p_chosen"] - 1)
    for row in rows:
        assert 0 < row["weight"] <= 1
        assert pytest.approx(lead[row["context_id"], row["card_id"]] / row["pairs"], abs=1e-9) == (
            row["weight"] * (1 if row["label"] else -1))
    assert sum(row["pairs"] for row in rows) <= 2 * pairs.num_rows
