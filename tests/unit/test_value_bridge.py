"""From cards to targets: weighted by P(top), pooled, merged, compared."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphengine.errors import InputError, ModelError
from graphengine.schwartz.bridge import CardVectors, compare, context_target, merge, named_weights, pool
from graphengine.schwartz.scores import Scores, read_scores
from graphengine.schwartz.system import load_system
from graphengine.schwartz.target import Target, warning
from graphengine.schwartz.target_files import load_target

TEN = load_system("schwartz-10")


def vectors(**cards: dict[str, float]) -> CardVectors:
    """Vectors by name of the value."""
    return CardVectors({card: TEN.vector(values) for card, values in cards.items()}, "schwartz-10", "labels")


def test_a_target_is_the_mean_of_its_cards() -> None:
    """The number of a value is the mean over the cards by P(top), its error how far the wisest card may be."""
    both = vectors(a={"benevolence": 1}, b={"benevolence": -1, "power": 1}, c={"tradition": 1})
    drawn = context_target("When lost", "c", [("a", 0.6), ("b", 0.4), ("c", 0.0)], both)
    target = drawn.target
    assert pytest.approx([0.2, 0.4, 0.0]) == [target.vector[TEN.place(v)] for v in ("BE", "PO", "TR")]
    assert pytest.approx((0.6 * 0.8**2 + 0.4 * 1.2**2) ** 0.5) == target.errors[TEN.place("BE")]
    assert ("power", "tradition", "benevolence") == target.asked
    assert [("a", 0.6), ("b", 0.4), ("c", 0.0)] == [(part.card_id, part.p_top) for part in drawn.parts]
    assert "moral-graph" == target.kind


def test_cards_without_a_vector_are_told() -> None:
    """P(top) of cards that nobody read is left out and told; where no other is left, there is no target."""
    some = vectors(a={"security": 1})
    drawn = context_target("When lost", "c", [("a", 0.25), ("b", 0.75)], some)
    assert (0.75, 1.0) == (drawn.left_out, drawn.target.vector[TEN.place("security")])
    with pytest.raises(InputError, match="no card that may be the wisest"):
        context_target("When lost", "c", [("b", 1.0)], some)
    with pytest.raises(InputError, match="say nothing about any value"):
        context_target("When lost", "c", [("a", 1.0)], vectors(a={}))


def test_a_population_pools_its_contexts() -> None:
    """Contexts count the same, and only those that ask about a value speak for it."""
    cards = vectors(a={"benevolence": 1}, b={"benevolence": 0.5, "security": 1})
    drawn = [context_target(name, name, [(card, 1.0)], cards) for name, card in (("one", "a"), ("two", "b"))]
    whole = pool("all", drawn)
    assert ("one", "two") == whole.contexts
    assert pytest.approx([0.75, 1.0]) == [whole.target.vector[TEN.place(v)] for v in ("BE", "SE")]
    assert pytest.approx([1.0, 0.5]) == [whole.target.weights[TEN.place(v)] for v in ("BE", "SE")]
    assert "moral-graph" == whole.target.kind


weight = st.floats(0.01, 100)


@given(
    st.lists(st.tuples(st.lists(st.floats(-1, 1), min_size=10, max_size=10), weight), min_size=1, max_size=4), weight)
def test_merging_is_a_mean(parts, scale) -> None:
    """A merged number lies between those of its parts, and only the ratio of the weights counts."""
    targets = {str(place): (Target(name=str(place), vector=tuple(vector)), w)
               for place, (vector, w) in enumerate(parts)}
    one = merge("m", targets)
    other = merge("m", {name: (target, w * scale) for name, (target, w) in targets.items()})
    matrix = np.array([vector for vector, _ in parts])
    assert (one.array >= matrix.min(axis=0) - 1e-9).all()
    assert (one.array <= matrix.max(axis=0) + 1e-9).all()
    assert pytest.approx(one.array, abs=1e-9) == other.array


def test_a_merged_target_says_what_it_is_made_of() -> None:
    """Weights and licences are told; a mapping stays only where all share it; a merged conflict has its warning."""
    made = merge("both", {"UK": (load_target("UK"), 3), "security": (load_target("security"), 1)})
    assert "merged: 0.75 UK, 0.25 security" == made.provenance
    assert "CC BY-NC-SA" in made.licence
    assert (None, "human-defined") == (made.mapping, made.kind)
    torn = merge("torn", {"a": (Target.of("a", {"power": 1}), 1), "b": (Target.of("b", {"universalism": 1}), 1)})
    assert "target torn asks for both poles of the circle: power and universalism" == warning(torn)


@pytest.mark.parametrize("number", [0, -1, float("nan"), float("inf")])
def test_bad_weights_of_a_merge(number) -> None:
    """A weight of zero or less, or that is no number, is refused with the target's name."""
    with pytest.raises(InputError, match="the weight of UK is"):
        merge("m", {"UK": (load_target("UK"), number)})


def test_targets_of_two_systems() -> None:
    """Targets of different systems are neither merged nor compared."""
    hhh, uk = load_target("hhh"), load_target("UK")
    with pytest.raises(InputError, match="is in hhh, and UK is in schwartz-10"):
        merge("m", {"UK": (uk, 1), "hhh": (hhh, 1)})
    with pytest.raises(InputError, match="compare targets of one system"):
        raise_hint(compare, hhh, uk)
    with pytest.raises(InputError, match="nothing to merge"):
        merge("m", {})


def raise_hint(function, *arguments) -> None:
    """An error's hint as its message."""
    try:
        function(*arguments)
    except InputError as error:
        raise InputError(error.hint) from error


def test_comparing_lists_what_clashes() -> None:
    """Values with opposite signs and opposite values of the circle are listed; distances are symmetric."""
    one = Target.of("one", {"power": 0.8, "security": 0.6})
    other = Target.of("other", {"power": -0.5, "stimulation": 1})
    found, back = compare(one, other), compare(other, one)
    assert [("power", "power", 0.8, -0.5), ("security", "stimulation", 0.6, 1.0)] == [tuple(c) for c in found.clashes]
    assert pytest.approx(found.distances) == back.distances
    assert pytest.approx(1.3) == found.differences["power"]
    assert {"one": [], "other": []} == found.inner
    assert compare(load_target("paper"), one).inner["paper"]


def test_a_distance_that_is_not_defined() -> None:
    """The direction of a target that asks for nothing but zero has no cosine; it is None, not 1."""
    flat = Target(name="flat", vector=(0.0,) * 10)
    assert {"cosine": None, "spearman": None} == {
        name: compare(flat, load_target("UK")).distances[name] for name in ("cosine", "spearman")}


def test_what_a_target_does_not_ask_about_makes_no_distance() -> None:
    """A number without weight counts as 0 in every distance, as it does in the differences and clashes."""
    one = Target(name="one", vector=(0.5, 0.9, 0.0), weights=(1.0, 0.0, 1.0), system="hhh")
    plain, other = Target.of("one", {"helpful": 0.5}, system="hhh"), Target.of("other", {"honest": 1.0}, system="hhh")
    found = compare(one, other)
    assert sum(map(abs, found.differences.values())) == found.distances["l1"] == 1.5
    assert compare(plain, other).distances == found.distances
    assert compare(other, plain).distances == compare(other, one).distances


def test_names_with_weights() -> None:
    """`NAME=WEIGHT` is read; a name may hold an equals sign; no number and a second weight are refused."""
    assert {"UK": 2.0, "a=b": 0.5, "x": 1.0} == named_weights(["UK=2", "a=b=0.5", "x"])
    with pytest.raises(InputError, match="no NAME=WEIGHT"):
        named_weights(["UK=two"])
    with pytest.raises(InputError, match="'UK' is there twice"):
        named_weights(["UK=2", "NL", "UK"])


def test_vectors_from_a_file(tmp_path) -> None:
    """A table of scores gives vectors by card; a card that is there twice is refused, a score out of range too."""
    head = "id," + ",".join(TEN.ids)
    (tmp_path / "v.csv").write_text(head + "\na," + ",".join(["0.5"] * 10) + "\n")
    made = CardVectors.of_scores(read_scores(tmp_path / "v.csv"), "v.csv")
    assert {"a": (0.5,) * 10} == made.vectors
    with pytest.raises(InputError, match="the card 'a' is there twice"):
        CardVectors.of_scores(Scores(np.zeros((2, 10)), TEN, ("a", "a")), "v.csv")
    (tmp_path / "w.csv").write_text(head + "\na," + ",".join(["2"] * 10) + "\n")
    with pytest.raises(InputError, match="the score of self-direction is 2"):
        read_scores(tmp_path / "w.csv")


class Constant:
    """An evaluator that always says the same."""

    name, system = "constant", "schwartz-10"

    def __init__(self, number: float) -> None:
        self.number = number

    def score(self, pairs) -> np.ndarray:
        """One number for every value."""
        return np.full((len(pairs), 10), self.number)


def test_vectors_from_an_evaluator() -> None:
    """An evaluator reads the cards' texts; one that returns NaN is refused by name."""
    made = CardVectors.by(Constant(0.5), {"a": "Stay with them", "b": "Leave"})
    assert ({"a", "b"}, "constant") == ({*made.vectors}, made.evaluator)
    with pytest.raises(ModelError, match="constant"):
        CardVectors.by(Constant(float("nan")), {"a": "Stay with them"})
