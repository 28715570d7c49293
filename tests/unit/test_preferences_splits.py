"""Sharing pairs out among train, validation and test."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from graphengine.preferences import PAIRS, preference_pairs, prompt_rows, share, split_of_contexts
from tests.preference_sources import edge, leaks, make_source, split_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from graphengine.preferences import Source


def shared_out(source: Source, *, all_scenarios: bool = False) -> tuple[dict[str, pa.Table], dict[str, int]]:
    """Pairs and splits of a source, of which no pair was left out before."""
    pairs, left_out = preference_pairs(source, all_scenarios=all_scenarios)
    assert left_out == {}
    splits, straddling = split_pairs(pairs, source)
    assert sum(table.num_rows for table in splits.values()) + sum(straddling.values()) == pairs.num_rows
    assert leaks(splits, source) == set()
    return splits, straddling


def contexts(splits: dict[str, pa.Table]) -> dict[str, set[str]]:
    """The contexts of each split."""
    return {name: set(table.column("context_id").to_pylist()) for name, table in splits.items()}


def edges(contexts: int, each: int = 1, cards: str = "own") -> list[dict[str, Any]]:
    """Edges in numbered contexts; each context has cards of its own, or all have the same."""
    return [
        edge(f"c{c:03d}", f"a{c if cards == 'own' else ''}", f"b{n}-{c if cards == 'own' else ''}")
        for c in range(contexts)
        for n in range(each)
    ]


def test_a_hundred_contexts_come_out_80_10_10() -> None:
    """Where nothing is shared, the shares are exact."""
    splits, straddling = shared_out(make_source(edges(100, each=3)))
    assert {name: table.num_rows for name, table in splits.items()} == {"train": 240, "validation": 30, "test": 30}
    assert straddling == {}


def test_the_draw_is_pinned() -> None:
    """The draw is the same on every machine and in every version: whoever trains again gets the same test set."""
    splits, _ = shared_out(make_source(edges(10)))
    assert contexts(splits)["test"] == {"c004"}
    assert contexts(splits)["validation"] == {"c009"}


@pytest.mark.parametrize(
    ("number", "expected"),
    [(1, {"train": 1}), (2, {"train": 1, "test": 1}), (3, {"train": 2, "test": 1}),
     (5, {"train": 4, "test": 1}), (10, {"train": 8, "validation": 1, "test": 1})],
)
def test_few_contexts(number: int, expected: dict[str, int]) -> None:
    """Train has at least one context always, and test from two contexts on; a split without rows does not exist."""
    splits, _ = shared_out(make_source(edges(number)))
    assert {name: table.num_rows for name, table in splits.items()} == expected


def test_one_large_context_among_small_ones() -> None:
    """A context with most of the rows goes to train as a whole."""
    large = [edge("large", f"x{n}", f"y{n}") for n in range(90)]
    splits, straddling = shared_out(make_source([*large, *edges(10)]))
    assert "large" in contexts(splits)["train"]
    assert splits["train"].num_rows >= 90
    assert straddling == {}


def test_contexts_of_a_scenario_stay_together() -> None:
    """No scenario is in two splits, and no row is lost for it."""
    scenarios = {f"s{n:02d}": [f"c{n * 2:03d}", f"c{n * 2 + 1:03d}"] for n in range(20)}
    splits, straddling = shared_out(make_source(edges(40), scenarios=scenarios))
    assert set(splits) == {"train", "validation", "test"}
    assert straddling == {}
    where = {context: name for name, each in contexts(splits).items() for context in each}
    assert all(where[one] == where[other] for one, other in scenarios.values())


def test_one_scenario_for_everything() -> None:
    """If every prompt tells the same scenario, all rows are in train, and none is left out."""
    splits, straddling = shared_out(make_source(edges(10), scenarios={"s": [f"c{n:03d}" for n in range(10)]}))
    assert (list(splits), splits["train"].num_rows, straddling) == (["train"], 10, {})


def test_a_scenario_told_twice() -> None:
    """The same text under two ids is one scenario, whatever its case, spacing and width of letters."""
    scenarios = {"s1": ["c000"], "s2": ["c001"]}
    texts = {"s1": "What should I do?", "s2": "  WHAT  should I ｄｏ？"}
    splits, _ = shared_out(make_source(edges(2), scenarios=scenarios, texts=texts))
    assert list(splits) == ["train"]


def test_a_context_told_twice() -> None:
    """Two contexts with the same text under two ids stay together."""
    splits, _ = shared_out(make_source(edges(2), contexts={"c000": "When sad", "c001": "when  sad"}))
    assert list(splits) == ["train"]


def test_contexts_that_compare_the_same_cards_go_together() -> None:
    """Where a pair of cards is compared in two contexts, both go to one split if that spoils no shares."""
    others = [each for each in edges(20) if each["context_id"] != "c004"]
    splits, straddling = shared_out(make_source([*others, edge("c004", "b0-0", "a0")]))
    assert straddling == {}
    assert set(splits) == {"train", "validation", "test"}
    assert any({"c000", "c004"} <= each for each in contexts(splits).values())


def test_a_straddling_pair_stays_in_train() -> None:
    """Where shared pairs would tie nearly everything together, they stay in train and are left out elsewhere."""
    # Each context compares a pair of its own three times over, and one pair with the context before it.
    chain = [edge(f"c{c:03d}", f"x{n}", f"y{n}") for c in range(20) for n in (c, c + 1)]
    splits, straddling = shared_out(make_source([*edges(20, each=3), *chain]))
    assert set(splits) == {"train", "validation", "test"}
    assert list(straddling) == ["the pair of cards is in another split"]
    assert 0 < straddling["the pair of cards is in another split"] < 10
    compared = {(row["context_id"], row["chosen_id"]) for row in splits["train"].to_pylist()}
    for context in contexts(splits)["train"]:
        assert {(context, f"y{n}") for n in (int(context[1:]), int(context[1:]) + 1)} <= compared


def test_the_same_cards_everywhere() -> None:
    """Where all contexts compare the same pair, nothing can be held out, and no row is lost for trying."""
    splits, straddling = shared_out(make_source(edges(10, cards="shared")))
    assert {name: table.num_rows for name, table in splits.items()} == {"train": 10}
    assert straddling == {}


def test_all_scenarios_keep_the_split_of_a_context() -> None:
    """With all scenarios each context is where it is without; a second scenario of another split is left out."""
    own = {f"s{n}": [f"c{n:03d}"] for n in range(10)}
    bridged = own | {"s0": ["c000", "c001"], "t": [f"c{n:03d}" for n in range(10)]}
    source = make_source(edges(10), scenarios=bridged)
    first, none = shared_out(source)
    every, straddling = shared_out(source, all_scenarios=True)
    assert contexts(first) == contexts(every)
    assert (none, straddling) == ({}, {"the scenario belongs to another split": 2})
    told = Counter(row["scenario_id"] for row in every["train"].to_pylist())
    assert told["t"] == len(contexts(every)["train"])


def test_rows_keep_their_order_and_schema() -> None:
    """A split has the columns of the pairs, and their order of rows."""
    source = make_source(edges(20, each=2))
    pairs, _ = preference_pairs(source)
    splits, _ = split_pairs(pairs, source)
    place = {pair: n for n, pair in enumerate(pairs.column("pair_id").to_pylist())}
    for table in splits.values():
        order = [place[pair] for pair in table.column("pair_id").to_pylist()]
        assert order == sorted(order)
        assert table.schema == PAIRS


def test_nothing_to_split() -> None:
    """No rows give no splits."""
    source = make_source([])
    assert split_pairs(PAIRS.empty_table(), source) == ({}, {})


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_a_chain_of_shared_things_is_one_unit(order: Sequence[int]) -> None:
    """Contexts tied by a scenario here and by a text there end up together, in whatever order they come."""
    names = [f"c{n:03d}" for n in order]
    source = make_source(
        edges(3),
        scenarios={"s1": [names[0], names[1]], "s2": [names[2]]},
        contexts={names[1]: "When sad", names[2]: "When SAD"},
    )
    splits, straddling = shared_out(source)
    assert (list(splits), straddling) == (["train"], {})


def test_the_split_of_a_context_does_not_depend_on_what_is_exported() -> None:
    """One group's edges, or all pairs of a ranking, are split as the edges of all people are."""
    whole = make_source(edges(20, each=2))
    fields = vars(whole)
    few = type(whole)(**{**fields, "edges": whole.edges.slice(0, 9), "split_edges": whole.edges})
    ranked = type(whole)(**{**fields, "candidates": whole.edges.slice(3, 20)})
    assert split_of_contexts(whole) == split_of_contexts(few) == split_of_contexts(ranked)
    assert {"train", "validation", "test"} == set(split_of_contexts(whole).values())


def test_contexts_without_a_pair_have_a_split() -> None:
    """A context in which nobody compared cards has a split, that of a scenario it shares with others."""
    source = make_source(edges(10), scenarios={"s": ["c004", "silent"]})
    silent = type(source)(**{**vars(source), "contexts": with_context(source.contexts, "silent")})
    where = split_of_contexts(silent)
    assert {**split_of_contexts(source), "silent": "test"} == where
    assert "test" == where["c004"]


def with_context(contexts: pa.Table, id_: str) -> pa.Table:
    """A table of contexts with one more."""
    import pyarrow as pa

    return pa.concat_tables([contexts, pa.table({"id": [id_], "text": [id_]}, schema=contexts.schema)])


def test_kinds_are_shared_out_together() -> None:
    """What one kind has in train no other kind has in test: a pair of cards and a scenario as well."""
    source = make_source([*edges(10), edge("c000", "x", "y"), edge("c004", "x", "y")], scenarios={"s": ["c000"]})
    pairs, _ = preference_pairs(source)
    mine = pairs.filter([row == ("c004", "y") for row in rows_of(pairs)])
    rest = pairs.filter([row != ("c004", "y") for row in rows_of(pairs)])
    where = {**split_of_contexts(source), "c000": "train", "c004": "test"}
    [(alone, none)] = share([mine], source, where)
    [(_, _), (together, left_out)] = share([rest, mine], source, where)
    assert (alone["test"].num_rows, none) == (1, {})
    assert (together, left_out) == ({}, {"the pair of cards is in another split": 1})


def rows_of(pairs: pa.Table) -> list[tuple[str, str]]:
    """Context and chosen card of each row."""
    return [(row["context_id"], row["chosen_id"]) for row in pairs.to_pylist()]


def test_prompts_of_all_scenarios_do_not_leak() -> None:
    """A scenario that belongs to another split gives no prompt."""
    scenarios = {f"s{n}": [f"c{n:03d}"] for n in range(10)} | {"t": ["c000", "c004"]}
    source = make_source(edges(10), scenarios=scenarios)
    prompts, _ = prompt_rows(source)
    [(splits, left_out)] = share([prompts], source, split_of_contexts(source))
    assert leaks(splits, source) == set()
    assert (prompts.num_rows, left_out) == (12, {"the scenario belongs to another split": 1})
