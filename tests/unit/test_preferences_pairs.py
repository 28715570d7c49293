"""From wiser edges to preference pairs."""

from __future__ import annotations

import json

import pytest

from graphengine import tables
from graphengine.preferences import PAIRS, preference_pairs
from graphengine.preferences.circles import circles_of
from tests.preference_sources import card, edge, make_source


def only(source, **options):
    """The one pair of a source, of which nothing was left out."""
    pairs, left_out = preference_pairs(source, **options)
    assert left_out == {}
    assert pairs.num_rows == 1
    return pairs.to_pylist()[0]


def test_the_wiser_card_is_chosen() -> None:
    """The end of the arrow is chosen and its start rejected, both as messages of the assistant."""
    row = only(make_source([edge("When grieving", "cheer", "stay")]))
    text = "Title {0}\n\nDescribes {0}.\n\n- MOMENTS of {0}\n- SIGNS"
    assert row["chosen"] == [{"role": "assistant", "content": text.format("stay")}]
    assert row["rejected"] == [{"role": "assistant", "content": text.format("cheer")}]
    assert (row["chosen_id"], row["rejected_id"]) == ("stay", "cheer")


def test_numbers_of_the_edge() -> None:
    """Probability, margin and intervals are those of the edge, and the weight is twice the probability less one."""
    row = only(make_source([edge("c", "a", "b", 0.9)]))
    assert (row["p_chosen"], row["margin"], row["margin_sd"]) == (0.9, 1.6, 0.5)
    assert (row["p_chosen_lower"], row["p_chosen_upper"]) == (0.8, 1.0)
    assert pytest.approx(0.8) == row["weight"]


def test_an_even_pair_weighs_nothing() -> None:
    """A pair at one half stays in, with weight and margin zero."""
    row = only(make_source([edge("c", "a", "b", 0.5)]))
    assert (row["p_chosen"], row["weight"], row["margin"]) == (0.5, 0.0, 0.0)


def test_counts_keep_the_direction_of_asking() -> None:
    """The six counts are those of the edge, the question about the chosen card first."""
    row = only(make_source([edge("c", "a", "b", wiser=5, not_wiser=4, unsure=3, wiser_reverse=2, not_wiser_reverse=1)]))
    names = ("wiser", "not_wiser", "unsure", "wiser_reverse", "not_wiser_reverse", "unsure_reverse")
    assert [row[name] for name in names] == [5, 4, 3, 2, 1, 0]


def test_columns_and_types_are_always_the_same() -> None:
    """A source without scenario, upgrade and ranking gives the same columns, with nulls."""
    pairs, _ = preference_pairs(make_source([edge("c", "a", "b")], upgrades=[], ranking={}))
    assert pairs.schema == PAIRS
    assert pairs.select(["scenario_id", "ranking_id", "data_hash", "upgrade_ids"]).to_pylist() == [
        {"scenario_id": None, "ranking_id": None, "data_hash": None, "upgrade_ids": []}
    ]


def test_provenance() -> None:
    """A row names the ranking, the state of the votes, and the upgrades of both directions."""
    upgrades = [("c", "a", "b"), ("c", "b", "a"), ("c", "a", "x"), ("d", "a", "b")]
    row = only(make_source([edge("c", "a", "b")], upgrades=upgrades))
    assert (row["ranking_id"], row["method"], row["data_hash"]) == ("bradley-terry", "bradley-terry", "ab12")
    assert row["upgrade_ids"] == sorted([tables.upgrade_id("c", "a", "b"), tables.upgrade_id("c", "b", "a")])


def test_upgrades_of_raw_cards_are_found() -> None:
    """An upgrade to a duplicate counts for the canonical card, so the row names it."""
    cards = [card("a"), card("b"), card("raw b", canonical_id="b")]
    row = only(make_source([edge("c", "a", "b")], cards=cards, upgrades=[("c", "a", "raw b")]))
    assert row["upgrade_ids"] == [tables.upgrade_id("c", "a", "raw b")]


def test_raw_cards_are_not_needed() -> None:
    """A table of cards without `canonical_id` does too."""
    source = make_source([edge("c", "a", "b")])
    plain = type(source)(**{**vars(source), "cards": source.cards.drop_columns("canonical_id")})
    assert only(plain) == only(source)


def test_prompt_is_scenario_and_context() -> None:
    """The prompt is one message of the user: the scenario, a blank line, the text of the context."""
    source = make_source([edge("c1", "a", "b")], scenarios={"s": ["c1"]}, contexts={"c1": "When grieving"})
    row = only(source)
    assert row["prompt"] == [{"role": "user", "content": "Scenario s?\n\nWhen grieving"}]
    assert (row["context_id"], row["scenario_id"]) == ("c1", "s")


def test_the_first_scenario_by_id() -> None:
    """Of several scenarios the first by id is taken, whatever the order of the tables, with the full weight."""
    row = only(make_source([edge("c", "a", "b")], scenarios={"s2": ["c"], "s1": ["c"], "s0": ["other"]}))
    assert row["scenario_id"] == "s1"
    assert pytest.approx(0.6) == row["weight"]


def test_all_scenarios_share_the_weight() -> None:
    """With all scenarios there is a row for each, and their weights add up to that of the edge."""
    source = make_source([edge("c", "a", "b", 0.9)], scenarios={"s2": ["c"], "s1": ["c"], "s0": ["other"]})
    pairs, _ = preference_pairs(source, all_scenarios=True)
    assert pairs.column("scenario_id").to_pylist() == ["s1", "s2"]
    assert pytest.approx([0.4, 0.4]) == pairs.column("weight").to_pylist()
    assert pairs.column("p_chosen").to_pylist() == [0.9, 0.9]
    assert len(set(pairs.column("pair_id").to_pylist())) == 2


@pytest.mark.parametrize("text", [None, "", "  "])
def test_a_scenario_without_text_is_not_known(text: str | None) -> None:
    """A scenario known only by its id gives no prompt; the next one does, or the context alone."""
    edges = [edge("c", "a", "b")]
    assert only(make_source(edges, scenarios={"s1": ["c"], "s2": ["c"]}, texts={"s1": text}))["scenario_id"] == "s2"
    alone = only(make_source(edges, scenarios={"s1": ["c"]}, texts={"s1": text}), all_scenarios=True)
    assert (alone["scenario_id"], alone["prompt"][0]["content"]) == (None, "c")
    assert pytest.approx(0.6) == alone["weight"]


@pytest.mark.parametrize("stub", [{"title": None, "description": None, "policies": None},
                                  {"description": None, "policies": []}, {"description": " ", "policies": [" "]}])
@pytest.mark.parametrize("side", ["a", "b"])
def test_a_card_without_text_leaves_the_pair_out(stub: dict, side: str) -> None:
    """A title alone is no text: the pair is left out on whichever side it is, and counted."""
    cards = [card(each, **(stub if each == side else {})) for each in ("a", "b", "d")]
    pairs, left_out = preference_pairs(make_source([edge("c", "a", "b"), edge("c", "d", "d2")], cards=[
        *cards, card("d2")]))
    assert pairs.column("chosen_id").to_pylist() == ["d2"]
    assert left_out == {"a card has no text": 1}


def test_a_card_that_is_not_in_the_table_has_no_text() -> None:
    """An edge to a card that the caller did not hand in is left out like a stub."""
    pairs, left_out = preference_pairs(make_source([edge("c", "a", "b")], cards=[card("a")]))
    assert (pairs.num_rows, left_out) == (0, {"a card has no text": 1})


@pytest.mark.parametrize("poor", ["a", "b"])
def test_both_cards_show_the_same_parts(poor: str) -> None:
    """Where one card has no description, the other's is not shown: the form does not tell which is wiser."""
    cards = [card(each, **({"description": None} if each == poor else {})) for each in ("a", "b")]
    row = only(make_source([edge("c", "a", "b")], cards=cards))
    assert row["chosen"][0]["content"] == "Title b\n\n- MOMENTS of b\n- SIGNS"
    assert row["rejected"][0]["content"] == "Title a\n\n- MOMENTS of a\n- SIGNS"


def test_cards_with_no_part_in_common_are_left_out() -> None:
    """A card of policies and a card of prose can't be shown in the same way."""
    cards = [card("a", description=None), card("b", policies=None)]
    pairs, left_out = preference_pairs(make_source([edge("c", "a", "b")], cards=cards))
    assert (pairs.num_rows, left_out) == (0, {"the cards share no part to show": 1})


def test_cards_that_read_the_same_are_left_out() -> None:
    """Two ids with one text give no preference."""
    twin = {"title": "T", "description": "D", "policies": ["P"]}
    pairs, left_out = preference_pairs(make_source([edge("c", "a", "b")], cards=[card("a", **twin), card("b", **twin)]))
    assert (pairs.num_rows, left_out) == (0, {"both cards read the same": 1})


def test_an_edge_without_probability_is_left_out() -> None:
    """Margin and probability are never null in a row: TRL can't collate a null."""
    pairs, left_out = preference_pairs(make_source([edge("c", "a", "b", None), edge("c", "a", "d")]))
    assert (pairs.column("margin").null_count, pairs.num_rows) == (0, 1)
    assert left_out == {"the edge has no probability": 1}


def test_one_row_per_prompt_and_pair() -> None:
    """Two contexts with one text and the same cards, told apart only by their ids, give one row."""
    edges = [edge("c1", "a", "b"), edge("c2", "b", "a")]
    pairs, left_out = preference_pairs(make_source(edges, contexts={"c1": "When sad", "c2": "When sad"}))
    assert pairs.column("context_id").to_pylist() == ["c1"]
    assert left_out == {"another context gives the same prompt and cards": 1}


def test_pair_id_stays_when_the_pair_turns_round() -> None:
    """More votes may turn an edge round; the id of the pair is that of context, scenario and unordered cards."""
    one, other = only(make_source([edge("c", "a", "b")])), only(make_source([edge("c", "b", "a")]))
    assert one["pair_id"] == other["pair_id"]
    assert one["chosen_id"] != other["chosen_id"]


def test_pair_ids_differ() -> None:
    """Ids that only run together in the same way give other pair ids."""
    edges = [edge("c", "a", "bc"), edge("ca", "b", "c"), edge("c", "ab", "c")]
    pairs, _ = preference_pairs(make_source(edges))
    assert len(set(pairs.column("pair_id").to_pylist())) == 3


def test_row_order_of_the_tables_does_not_matter() -> None:
    """Shuffled edges, cards and upgrades give the same table."""
    edges = [edge(c, a, b) for c in ("c2", "c1") for a, b in (("x", "y"), ("y", "z"), ("x", "z"))]
    forward = make_source(edges, scenarios={"s2": ["c1", "c2"], "s1": ["c1"]})
    flipped = {name: table[::-1] for name, table in vars(forward).items() if hasattr(table, "num_rows")}
    backward = type(forward)(**{**vars(forward), **flipped})
    for every in (False, True):
        assert preference_pairs(forward, all_scenarios=every)[0].equals(
            preference_pairs(backward, all_scenarios=every)[0])


def test_texts_of_any_kind_come_through() -> None:
    """Quotes, line breaks, Cypher, emoji and right-to-left text reach the row as they are."""
    nasty = "\"'`) DETACH DELETE (n) // 🙂 שלום\n| a | b |"
    row = only(make_source([edge(nasty, "a", "b")], cards=[card("a"), card("b", description=nasty)]))
    assert row["prompt"][0]["content"] == nasty
    assert nasty in row["chosen"][0]["content"]
    assert json.loads(json.dumps(row)) == row


def test_no_edges_no_pairs() -> None:
    """An empty graph gives an empty table of the same schema."""
    pairs, left_out = preference_pairs(make_source([]))
    assert (pairs.num_rows, pairs.schema, left_out) == (0, PAIRS, {})


SURE = {"wiser": 9, "not_wiser": 0}


def test_a_circle_of_answers_makes_no_pair() -> None:
    """Three cards of which each was found wiser than the one before give no pair; a pair beside them stays."""
    edges = [edge("c", "a", "b", 0.6, **SURE), edge("c", "b", "d", 0.6, **SURE), edge("c", "d", "a", 0.6, **SURE),
             edge("c", "d", "e", 0.6, **SURE), edge("other", "a", "b", 0.6, **SURE)]
    pairs, left_out = preference_pairs(make_source(edges))
    assert [("c", "e"), ("other", "b")] == [(row["context_id"], row["chosen_id"]) for row in pairs.to_pylist()]
    assert left_out == {"the answers run in a circle through both cards": 3}


def test_a_circle_against_the_model() -> None:
    """The model's edge points one way where the answers are certain of the other: that arrow closes the circle."""
    against = {"wiser": 0, "not_wiser": 9}
    edges = [edge("c", "a", "b", 0.6, **SURE), edge("c", "b", "d", 0.6, **SURE), edge("c", "a", "d", 0.6, **against)]
    assert set(circles_of(make_source(edges).edges)) == {("c", "a"), ("c", "b"), ("c", "d")}
    assert circles_of(make_source(edges[:2]).edges) == {}
    # Read as a tie, "not wiser" speaks for no arrow.
    assert circles_of(make_source(edges).edges, "tie") == {}


def test_uncertain_arrows_make_no_circle() -> None:
    """A circle of a few answers each is no circle: its pairs stay, with their low weights."""
    few = {"wiser": 2, "not_wiser": 0}
    edges = [edge("c", one, other, 0.55, **few) for one, other in (("a", "b"), ("b", "d"), ("d", "a"))]
    pairs, left_out = preference_pairs(make_source(edges))
    assert (pairs.num_rows, left_out) == (3, {})
    assert pytest.approx(0.1) == max(pairs.column("weight").to_pylist())


def test_doubtful_pairs_can_be_left_out() -> None:
    """Below the least probability a pair is left out and counted; at it it stays."""
    source = make_source([edge("c", "a", "b", 0.69), edge("c", "a", "d", 0.7)])
    pairs, left_out = preference_pairs(source, min_probability=0.7)
    assert pairs.column("p_chosen").to_pylist() == [0.7]
    assert left_out == {"less probable than asked for": 1}


def test_policies_alone() -> None:
    """Rendered as policies, neither title nor description is in the text; the titles have columns of their own."""
    row = only(make_source([edge("c", "a", "b")]), render="policies")
    assert row["chosen"][0]["content"] == "- MOMENTS of b\n- SIGNS"
    assert (row["chosen_title"], row["rejected_title"]) == ("Title b", "Title a")
    poor = [card("a"), card("b", policies=[]), card("d"), card("e", policies=["MOMENTS of a", "SIGNS"])]
    source = make_source([edge("c", "a", "b"), edge("c", "a", "e"), edge("c", "a", "d")], cards=poor)
    pairs, left_out = preference_pairs(source, render="policies")
    assert pairs.column("chosen_id").to_pylist() == ["d"]
    assert left_out == {"a card has no text": 1, "both cards read the same": 1}


def test_pairs_by_rank() -> None:
    """Candidates give the pairs where they are there; cards of different components make none."""
    edges = [edge("c", "a", "b"), edge("c", "b", "d"), edge("c", "x", "y")]
    source = make_source(edges)
    places = [{**row, "component": int(row["card_id"] in "xy")} for row in source.ranks.to_pylist()]
    none = dict.fromkeys(("wiser", "not_wiser"), 0)
    every = [*edges, edge("c", "a", "d", 0.9, **none), edge("c", "a", "y", 0.9, **none)]
    source = type(source)(**{
        **vars(source), "candidates": tables.EDGES.table(every), "ranks": tables.RANKS.table(places),
    })
    pairs, left_out = preference_pairs(source)
    assert [("b", "a"), ("d", "a"), ("d", "b"), ("y", "x")] == [
        (row["chosen_id"], row["rejected_id"]) for row in pairs.to_pylist()
    ]
    assert pairs.to_pylist()[1]["upgrade_ids"] == []
    assert left_out == {"the cards were never compared, not even by way of others": 1}


def test_what_the_caller_left_out_is_counted() -> None:
    """Pairs that did not come in at all are in the count."""
    source = make_source([edge("c", "a", "b")], left_out={"too few people": 4})
    assert preference_pairs(source)[1] == {"too few people": 4}
