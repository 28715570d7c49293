"""The probe: numbers that hold what people judge by are found, those that don't are not, beside a bag of words."""

from __future__ import annotations

import sys

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from graphengine.errors import InputError, MissingExtraError
from graphengine.preferences.audit.numbers import embedding_features, value_features
from graphengine.preferences.audit.probe import Features, probe
from graphengine.schwartz.system import load_system

pytest.importorskip("sklearn")

WORDS = ("calm", "tree", "walk", "stone", "river", "lamp")


def world(contexts, cards=24, pairs=8, seed=0, first=0):
    """Made-up pairs: the card with more of the first of three numbers is chosen; the texts are words by lot."""
    rng = np.random.default_rng(seed)
    numbers = {f"c{card}": rng.normal(size=3) for card in range(cards)}
    text = {card: " ".join(rng.choice(WORDS, 6)) for card in numbers}
    drawn = np.random.default_rng([seed, first])
    rows = []
    for context in range(first, first + contexts):
        for _ in range(pairs):
            one, other = (f"c{card}" for card in drawn.choice(cards, 2, replace=False))
            if numbers[one][0] < numbers[other][0]:
                one, other = other, one
            rows.append({"prompt": f"context {context}", "chosen": text[one], "rejected": text[other],
                         "context_id": f"k{context}", "chosen_id": one, "rejected_id": other})
    return pa.Table.from_pylist(rows), numbers


def told(rows):
    """Rows by name."""
    return {row.name: row for row in rows}


def test_numbers_that_tell_and_numbers_that_don_t():
    """On cards that train does not have, what people judge by is right, words and noise are not; it is told."""
    train, numbers = world(30)
    other, fresh = world(20, seed=1, first=50)
    held_out = pa.Table.from_pylist([
        {**row, **{end: f"n{row[end]}" for end in ("chosen_id", "rejected_id")}} for row in other.to_pylist()
    ])
    numbers |= {f"n{card}": each for card, each in fresh.items()}
    rng = np.random.default_rng(9)
    noise = {card: rng.normal(size=3) for card in numbers}
    found = told(probe(train, held_out, [Features("what they judge by", numbers), Features("noise", noise)]))
    assert ["what they judge by", "noise", "words", "length"] == list(found)
    best, nothing = found["what they judge by"], found["noise"].measured
    assert best.measured.accuracy > 0.95
    assert (3, 160, 20) == (best.numbers, best.measured.pairs, best.measured.contexts)
    assert best.over_words == pytest.approx(best.measured.accuracy - found["words"].measured.accuracy)
    assert 0 < best.over_words_interval[0] < best.over_words < best.over_words_interval[1]
    assert found["words"].over_words is None
    assert abs(nothing.accuracy - 0.5) < 0.15


def test_the_side_says_nothing():
    """Chosen and rejected turned round in what is held out turns every hit round."""
    train, numbers = world(20)
    held_out, _ = world(10, first=20)
    turned = held_out.rename_columns(["prompt", "rejected", "chosen", "context_id", "rejected_id", "chosen_id"])
    kinds = [Features("numbers", numbers)]
    straight, round_ = told(probe(train, held_out, kinds)), told(probe(train, turned, kinds))
    for name in straight:
        assert straight[name].measured.accuracy == pytest.approx(1 - round_[name].measured.accuracy)


def test_many_dead_numbers_do_no_harm():
    """Dimensions that are the same for every card add nothing, however many; those of noise are held back."""
    train, numbers = world(30)
    held_out, _ = world(20, first=30)
    rng = np.random.default_rng(0)
    wide = {card: np.concatenate([each, np.full(200, 7.0), rng.normal(size=40)]) for card, each in numbers.items()}
    assert told(probe(train, held_out, [Features("wide", wide)]))["wide"].measured.accuracy > 0.8


def test_numbers_by_context():
    """A card may have other numbers in each context; then it is looked up there."""
    train, numbers = world(12)
    held_out, _ = world(8, first=12)
    # In odd contexts everything is turned round, which one set of numbers for each card can't follow.
    flip = pa.concat_tables([train, held_out])
    by_context = {(context, card): each * (1 if int(context[1:]) % 2 else -1)
                  for context in set(flip["context_id"].to_pylist()) for card, each in numbers.items()}

    def turned(table):
        rows = table.to_pylist()
        for row in rows:
            if not int(row["context_id"][1:]) % 2:
                row["chosen_id"], row["rejected_id"] = row["rejected_id"], row["chosen_id"]
                row["chosen"], row["rejected"] = row["rejected"], row["chosen"]
        return pa.Table.from_pylist(rows)

    kinds = [Features("by context", by_context), Features("by card", numbers)]
    found = told(probe(turned(train), turned(held_out), kinds))
    assert found["by context"].measured.accuracy > 0.9
    assert found["by card"].measured.accuracy < 0.7


def test_a_card_without_numbers_is_named():
    """Cards that have none are counted and named, and so are kinds of one name."""
    train, numbers = world(6)
    with pytest.raises(InputError, match="numbers: 2 of the cards in pairs have no numbers") as refused:
        probe(train, train, [Features("numbers", {k: v for k, v in numbers.items() if k not in ("c1", "c2")})])
    assert {"c1", "c2"} == set(refused.value.value)
    with pytest.raises(InputError, match="two kinds of numbers are called 'a'"):
        probe(train, train, [Features("a", numbers)] * 2)


# Files -----------------------------------------------------------------------------------------------------------


def scores_of(system, ids, **more):
    """A table of scores: each card has its number over a hundred in every value."""
    columns = {name: [place / 100 for place in range(len(ids))] for name in load_system(system).ids}
    return pa.table({"id": ids, **more, **columns})


def test_nineteen_values_give_ten_as_well(tmp_path):
    """The system is told by the columns; nineteen values are rolled up to ten beside themselves."""
    parquet.write_table(scores_of("schwartz-19", ["a", "b"]), tmp_path / "s.parquet")
    one, other = value_features(tmp_path / "s.parquet")
    assert (("19 values (schwartz-19)", 19), ("10 values (schwartz-10)", 10)) == (
        (one.name, len(one.vectors["a"])), (other.name, len(other.vectors["a"])))
    assert other.vectors["b"] == pytest.approx(np.full(10, 0.01))


def test_scores_by_context(tmp_path):
    """With a column context_id a card may have a row for each context."""
    parquet.write_table(scores_of("hhh", ["a", "a"], context_id=["k", "l"]), tmp_path / "s.parquet")
    (found,) = value_features(tmp_path / "s.parquet")
    assert {("k", "a"), ("l", "a")} == set(found.vectors)


def test_embeddings_as_lists_or_columns(tmp_path):
    """A column of lists, or a column for each number."""
    parquet.write_table(pa.table({"id": ["a", "b"], "embedding": [[1.0, 2.0], [3.0, 4.0]]}), tmp_path / "e.parquet")
    (tmp_path / "e.csv").write_text("id,0,1\na,1,2\nb,3,4\n", encoding="utf-8")
    one, other = (embedding_features(tmp_path / f"e.{kind}") for kind in ("parquet", "csv"))
    for card in "ab":
        assert one.vectors[card].tolist() == other.vectors[card].tolist()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("v.csv", "id,security\na,1\n", "has no column for each value of any system"),
        ("v.csv", "name,helpful,honest,harmless\na,1,1,1\n", "has no column 'id'"),
        ("v.csv", "id,helpful,honest,harmless\na,1,1,1\na,1,1,1\n", "row 2: the card 'a' is there twice"),
        ("e.csv", "id,0,1\na,1,\n", "row 1: the embedding is not a list"),
        ("e.jsonl", '{"id": "a", "embedding": [1, 2]}\n{"id": "b", "embedding": [1]}\n', "row 2: the embedding"),
        ("e.jsonl", '{"id": "a", "embedding": []}\n', "row 1: the embedding"),
    ],
)
def test_refused(tmp_path, name, content, told):
    """Files that hold no numbers for cards are refused, with the row."""
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        (value_features if name[0] == "v" else embedding_features)(tmp_path / name)
    assert told in refused.value.message


def test_without_scikit_learn(monkeypatch):
    """What is missing is said, with the command that installs it."""
    train, numbers = world(6)
    monkeypatch.setitem(sys.modules, "sklearn.feature_extraction.text", None)
    with pytest.raises(MissingExtraError) as missing:
        probe(train, train, [Features("numbers", numbers)])
    assert "graphengine[train]" in missing.value.hint
