"""The kinds that are made from pairs and ranks: labelled cards, prompts; and a test split of cards of its own."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest

from graphengine import tables
from graphengine.errors import ExportError
from graphengine.preferences import (
    UNPAIRED,
    card_disjoint,
    card_overlap,
    preference_pairs,
    prompt_rows,
    unpaired_rows,
)
from graphengine.preferences.images import images_in
from tests.preference_sources import card, edge, make_source, split_pairs

if TYPE_CHECKING:
    from pathlib import Path


def labelled(*edges: dict[str, Any], **more: Any) -> dict[str, dict[str, Any]]:
    """The labelled cards of some edges, by card."""
    rows = unpaired_rows(preference_pairs(make_source(edges, **more))[0])
    assert rows.schema == UNPAIRED
    return {row["card_id"]: row for row in rows.to_pylist()}


def test_a_pair_gives_a_card_to_follow_and_one_not_to() -> None:
    """The wiser card is labelled true and the other false, with the weight and the counts of the pair."""
    rows = labelled(edge("c", "a", "b", 0.9, wiser=5, not_wiser=1, unsure=2, wiser_reverse=1, not_wiser_reverse=4))
    good, bad = rows["b"], rows["a"]
    assert (good["label"], bad["label"]) == (True, False)
    assert pytest.approx(0.8) == good["weight"] == bad["weight"]
    assert (good["p_wiser"], bad["p_wiser"]) == pytest.approx((0.9, 0.1))
    assert (good["margin"], bad["margin"]) == pytest.approx((1.6, -1.6))
    counts = ("wiser", "not_wiser", "unsure", "wiser_reverse", "not_wiser_reverse", "unsure_reverse")
    assert [5, 1, 2, 1, 4, 0] == [good[name] for name in counts]
    assert [1, 4, 0, 5, 1, 2] == [bad[name] for name in counts]
    assert good["completion"][0]["role"] == "assistant"
    assert good["completion"][0]["content"].startswith("Title b")
    assert (good["pairs"], good["pair_ids"], good["card_title"]) == (1, bad["pair_ids"], "Title b")


def test_all_pairs_of_a_card_speak_together() -> None:
    """A card between two others is labelled once, by the mean of its chances against both."""
    rows = labelled(edge("c", "a", "b", 0.9), edge("c", "b", "d", 0.8))
    assert len(rows) == 3
    assert pytest.approx((0.9 + 0.2) / 2) == rows["b"]["p_wiser"]
    assert (rows["b"]["label"], rows["b"]["pairs"], len(rows["b"]["pair_ids"])) == (True, 2, 2)
    assert pytest.approx(0.1) == rows["b"]["weight"]
    assert [tables.upgrade_id("c", "a", "b"), tables.upgrade_id("c", "b", "d")] == sorted(
        rows["b"]["upgrade_ids"], key=lambda each: each != tables.upgrade_id("c", "a", "b"))


def test_a_card_at_one_half_says_nothing() -> None:
    """Where the chances cancel out there is no label, so there is no row."""
    assert set(labelled(edge("c", "a", "b", 0.75), edge("c", "b", "d", 0.75))) == {"a", "d"}


def test_contexts_label_a_card_for_themselves() -> None:
    """A card may be one to follow in one context and not in another."""
    pairs, _ = preference_pairs(make_source([edge("c", "a", "b"), edge("d", "b", "a")]))
    rows = {(row["context_id"], row["card_id"]): row["label"] for row in unpaired_rows(pairs).to_pylist()}
    assert rows == {("c", "a"): False, ("c", "b"): True, ("d", "a"): True, ("d", "b"): False}


def test_prompts_have_the_winner_as_target() -> None:
    """Each scenario of a ranked context is a prompt, with the card of the first rank and how sure that is."""
    edges = [edge("c", "a", "b"), edge("c", "b", "d"), edge("c", "a", "d")]
    source = make_source(edges, scenarios={"s1": ["c"], "s2": ["c"]}, contexts={"c": "When lost"})
    rows, left_out = prompt_rows(source)
    assert left_out == {}
    assert ["Scenario s1?\n\nWhen lost", "Scenario s2?\n\nWhen lost"] == [
        row["prompt"][0]["content"] for row in rows.to_pylist()
    ]
    row = rows.to_pylist()[0]
    assert (row["card_id"], row["card_title"], row["p_top"]) == ("d", "Title d", 0.9)
    assert (row["single_winner"], row["wisest_ids"], row["context"]) == (True, ["d"], "When lost")
    assert row["card"].startswith("Title d")
    assert (row["ranking_id"], row["method"], row["data_hash"]) == ("bradley-terry", "bradley-terry", "ab12")


def test_prompts_render_the_target_as_asked() -> None:
    """The target shows policies alone where the cards do; a winner without any is left out and counted."""
    edges = [edge("c", "a", "b"), edge("d", "a", "x")]
    cards = [card("a"), card("b"), card("x", policies=None)]
    rows, left_out = prompt_rows(make_source(edges, cards=cards), render="policies")
    assert ["- MOMENTS of b\n- SIGNS"] == rows.column("card").to_pylist()
    assert left_out == {"a card has no text": 1}


def test_a_prompt_is_asked_once() -> None:
    """Two contexts that give the same prompt give one row, whatever their ids."""
    source = make_source([edge("c1", "a", "b"), edge("c2", "b", "a")], contexts={"c1": "When sad", "c2": "When sad"})
    rows, left_out = prompt_rows(source)
    assert rows.column("context_id").to_pylist() == ["c1"]
    assert left_out == {"another context gives the same prompt and cards": 1}


def test_prompts_without_ranks() -> None:
    """Where no ranking is known there are no prompts with a target."""
    source = make_source([edge("c", "a", "b")], ranks=None, verdicts=None)
    assert prompt_rows(source) [0].num_rows == 0


def test_no_card_of_the_test_split_is_elsewhere() -> None:
    """Rows that tie the test split to another by a card are left out; what is kept is the most that can be."""
    shared = [edge("c000", "x", "y"), edge("c004", "x", "z")]
    source = make_source([*(edge(f"c{c:03d}", f"a{c}", f"b{c}") for c in range(10)), *shared])
    pairs, _ = preference_pairs(source)
    splits, _ = split_pairs(pairs, source)
    assert "c004" in splits["test"].column("context_id").to_pylist()
    assert card_overlap(splits, source)["test"]["cards_in_train"] == 1
    [(kept, left_out)] = card_disjoint([splits], source)
    assert card_overlap(kept, source)["test"]["cards_in_train"] == 0
    # One of two test rows or one of many train rows has to go: the latter is the smaller share.
    assert left_out == {"a card is in another split": 1}
    assert kept["test"].num_rows == splits["test"].num_rows
    assert kept["train"].num_rows == splits["train"].num_rows - 1


def test_where_cards_are_everywhere_no_test_split_is_left() -> None:
    """If every row has a card that all contexts have, either side must go; train stays."""
    source = make_source([edge(f"c{c:03d}", f"a{c}", "everywhere") for c in range(10)])
    splits, _ = split_pairs(preference_pairs(source)[0], source)
    [(kept, left_out)] = card_disjoint([splits], source)
    assert set(kept) == {"train", "validation"}
    assert left_out == {"a card is in another split": splits["test"].num_rows}


def test_kinds_agree_on_the_side_of_a_card() -> None:
    """A prompt whose target is a card of the other side is left out as well."""
    source = make_source([edge(f"c{c:03d}", f"a{c}", f"b{c}") for c in range(10)])
    splits, _ = split_pairs(preference_pairs(source)[0], source)
    prompts = {"train": pa.table({"context_id": ["c000"], "card_id": ["b4"]}),
               "test": pa.table({"context_id": ["c004"], "card_id": ["b4"]})}
    [_, (kept, left_out)] = card_disjoint([splits, prompts], source)
    assert (set(kept), left_out) == ({"test"}, {"a card is in another split": 1})


def test_two_cards_that_read_the_same_are_one_card() -> None:
    """Overlap is told by what is read, not by ids."""
    same = {"title": "T", "description": "D", "policies": ["P"]}
    cards = [card("a0", **same), card("a4", **same), *(card(f"a{n}") for n in (1, 2, 3, *range(5, 10)))]
    cards += [card(f"b{n}") for n in range(10)]
    source = make_source([edge(f"c{c:03d}", f"a{c}", f"b{c}") for c in range(10)], cards=cards)
    splits, _ = split_pairs(preference_pairs(source)[0], source)
    assert card_overlap(splits, source)["test"]["cards_in_train"] == 1


def test_images_are_found_by_their_hash(tmp_path: Path) -> None:
    """The file may have any name and lie in any folder; what is not there is not in the answer."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "dog.jpeg").write_bytes(b"a dog")
    (tmp_path / "cat.png").write_bytes(b"a cat")
    hashes = [f"sha256:{hashlib.sha256(content).hexdigest()}" for content in (b"a dog", b"a cow")]
    scenarios = pa.table({"id": ["s", "t", "u"], "image": pa.array([*hashes, None], pa.string())})
    assert images_in(tmp_path, scenarios) == {"s": b"a dog"}
    with pytest.raises(ExportError, match="there is no folder"):
        images_in(tmp_path / "none", scenarios)
