"""The typed world of the generalisation benchmark: balanced, without a leak, and cards alone tell nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from pathlib import Path
from statistics import fmean

import pyarrow as pa
import pytest

from benchmarks import pair_folders, typed_world
from benchmarks.reward_generalisation import over_seeds
from graphengine.preferences import PAIRS
from graphengine.preferences.audit import audit_folder, baselines
from graphengine.preferences.audit.texts import words_of
from tests.conftest import missing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world() -> dict[str, pa.Table]:
    """The world of seed 0."""
    return typed_world.make_splits(0)


@pytest.mark.parametrize("seed", range(5))
def test_each_type_is_wise_in_half_of_the_contexts(seed: int) -> None:
    """Rows and columns of the secret table are half wise, and so no type of card is better than another on average."""
    table = typed_world.secret_table(seed)
    assert {3} == {sum(row) for row in table}
    assert {3} == {sum(column) for column in zip(*table, strict=True)}


def test_secrets_differ_and_come_again() -> None:
    """Another seed is another world; the same seed is the same."""
    assert typed_world.secret_table(0) != typed_world.secret_table(1)
    assert typed_world.make_splits(3)["test"].equals(typed_world.make_splits(3)["test"])


def test_sizes(world: dict[str, pa.Table]) -> None:
    """About 3,000 pairs with the columns of a dataset; a sixth of them is held out."""
    assert {"train": 2430, "test": 486} == {name: table.num_rows for name, table in world.items()}
    assert all(table.schema.equals(PAIRS) for table in world.values())


def test_types_and_pairs_of_types_are_balanced(world: dict[str, pa.Table]) -> None:
    """In each split each type, and each of any two types, is chosen exactly as often as rejected."""
    for table in world.values():
        kinds = [
            (typed_world.type_of(row["chosen_id"]), typed_world.type_of(row["rejected_id"]))
            for row in table.select(["chosen_id", "rejected_id"]).to_pylist()
        ]
        both = Counter(kinds)
        assert all(both[one, other] == both[other, one] for one, other in both)
        assert Counter(one for one, _ in kinds) == Counter(other for _, other in kinds)


def test_the_table_decides_every_pair(world: dict[str, pa.Table]) -> None:
    """The chosen card's type is wise in the context's type, and the rejected one's is not."""
    secret = typed_world.secret_table(0)
    for table in world.values():
        for row in table.to_pylist():
            context = typed_world.type_of(row["context_id"])
            assert secret[context][typed_world.type_of(row["chosen_id"])]
            assert not secret[context][typed_world.type_of(row["rejected_id"])]


def test_lists_have_words_of_the_same_lengths() -> None:
    """Two words of 4, 5, 6 and 7 letters in every list, and no word in two of them."""
    lists = [words.split() for words in typed_world.CONTEXT_WORDS + typed_world.CARD_WORDS]
    assert {(4, 4, 5, 5, 6, 6, 7, 7)} == {tuple(sorted(map(len, words))) for words in lists}
    assert 12 * 8 == len({word for words in lists for word in words})


def test_held_out_contexts_are_new_wordings(world: dict[str, pa.Table], tmp_path: Path) -> None:
    """No prompt, context or pair of cards is in both splits, but the words are; an audit finds no fault."""
    found = audit_folder(pair_folders.write(tmp_path / "world", world))
    assert found.problems == ()
    assert found.duplicates["repeated"] == 0
    assert found.splits["test"] == {"pairs": 486, "contexts": 54, "prompts": 54}
    words = defaultdict(set)
    for name, table in world.items():
        words[name] = {word for row in table.to_pylist() for word in words_of(row["prompt"][0]["content"])}
    assert words["test"] <= words["train"]


@pytest.mark.slow
def test_no_baseline_beats_a_coin() -> None:
    """Over five worlds length, words and titles are right in about half of the held-out pairs."""
    reached = defaultdict(list)
    for seed in range(5):
        splits = typed_world.make_splits(seed)
        for each in baselines(splits["train"], splits["test"]):
            reached[each.name].append(each.measured.accuracy)
    assert {"length", "words", "title", "title words"} == set(reached)
    assert all(abs(fmean(each) - 0.5) < 0.03 for each in reached.values())


def test_over_seeds() -> None:
    """Mean, Student's interval over seeds, and the least distance to the best baseline of a seed: by hand."""
    runs = [
        {"model": {"accuracy": accuracy}, "seconds": 1.0,
         "baselines": [{"name": "length", "accuracy": 0.5}, {"name": "words", "accuracy": words}]}
        for accuracy, words in ((0.8, 0.6), (0.9, 0.5), (0.7, 0.4))
    ]
    found = over_seeds(runs)
    assert found["accuracy"] == pytest.approx(0.8)
    assert found["upper"] - found["accuracy"] == pytest.approx(2.92 * 0.1 / 3**0.5, abs=1e-3)
    assert found["least_beyond"] == pytest.approx(0.2)
    assert found["baselines"] == {"length": 0.5, "words": pytest.approx(0.5)}


@pytest.mark.data
def test_svda_pairs() -> None:
    """Each published row is a pair; values name the prompts, and shuffled they are the same values in other places."""
    data = pair_folders.data_folder("svda")
    if data is None:
        missing("data", "no SVDA data: set GRAPHENGINE_TEST_DATA")
    named, shuffled = pair_folders.svda(data), pair_folders.svda(data, shuffled=0)
    assert {"train": 3520, "test": 514} == {name: table.num_rows for name, table in named.items()}
    for split in named:
        one, other = (
            [row[0]["content"].split("\n\n", 1) for row in splits[split].column("prompt").to_pylist()]
            for splits in (named, shuffled)
        )
        assert Counter(value for value, _ in one) == Counter(value for value, _ in other)
        assert [rest for _, rest in one] == [rest for _, rest in other]
        assert sum(a == b for (a, _), (b, _) in zip(one, other, strict=True)) < len(one) / 5
    words = {each.name: each.measured for each in baselines(named["train"], named["test"])}["words"]
    assert words.accuracy == pytest.approx(0.944, abs=0.01)
