"""Targets: presets, files, mappings, conflicts, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from graphengine.errors import InputError
from graphengine.schwartz.mapping import MAPPINGS, map_scores
from graphengine.schwartz.target import KINDS, Target, conflicts, warning
from graphengine.schwartz.target_files import load_target, presets, target_of, write_target

TEN = (0.1, 0.2, -0.3, 0.0, -1.0, 1.0, 0.5, 0.25, 0.125, 0.75)


def test_a_value_without_a_weight_counts_one(tmp_path: Path) -> None:
    """Weights may name some of the values that have a number, and no others."""
    path = tmp_path / "calm.toml"
    path.write_text("[values]\nsecurity = 1\nbenevolence = 1\n[weights]\nBE = 2\n")
    target = load_target(path)
    assert {"security": 1.0, "benevolence": 2.0} == {
        value: weight for value, weight in zip(target.values.ids, target.weight_array.tolist(), strict=True) if weight}
    path.write_text("[values]\nsecurity = 1\n[weights]\npower = 1\n")
    with pytest.raises(InputError, match="power has a weight, and no number"):
        load_target(path)


@pytest.mark.parametrize(("mapping", "people", "told"), [
    ("sign", 103, "sign has no standard errors"), ("rank", 2, "rank has no standard errors"),
    ("sign", 1, "no sampling error"), (None, None, "no sampling error"),
])
def test_who_has_no_sampling_error(mapping: str | None, people: int | None, told: str) -> None:
    """One person has none; of many people, some mappings carry none along."""
    assert told == Target(name="t", vector=TEN, mapping=mapping, people=people).sampling


def test_a_sign_is_no_minus_zero() -> None:
    """What is not sure is 0."""
    made, _ = map_scores([-0.1, 0.5], "sign", errors=[0.1, 0.1], centred=True)
    assert ["0.0", "1.0"] == [str(number) for number in made]


@pytest.mark.parametrize("name", ["UK", "NL", "FR"])
def test_national_presets(name: str) -> None:
    """The published nations say that their formula is undocumented, and that no sampling error is known."""
    target = load_target(name.lower())
    assert (name, "national", "raw-rescale", None) == (target.name, target.kind, target.mapping, target.errors)
    assert "formula undocumented" in target.note
    assert "no sampling error" == target.sampling
    assert target.instrument
    assert target.licence
    assert 10 == len(target.asked)


def test_presets_of_named_values() -> None:
    """A preset that names some values asks about those only: the others have no weight."""
    assert ("security",) == load_target("security").asked
    assert 5 == len(load_target("paper").asked)
    assert set(load_target("paper").asked) - set(load_target("paper-eval").asked) == {"achievement"}
    assert ("helpful", "honest", "harmless") == load_target("hhh").asked
    assert all(target.provenance for target in presets().values())


@pytest.mark.parametrize("ending", ["toml", "json"])
@pytest.mark.parametrize("name", [*presets(), "own"])
def test_files_come_back_as_they_were(tmp_path: Path, name: str, ending: str) -> None:
    """A target that is written and read is the same target."""
    own = Target(
        name='a "quoted" näme\n\x7f', vector=TEN, weights=(2.0,) * 9 + (0.0,), kind="group", mapping="centred-scaled",
        instrument="pvq-40", errors=(0.01,) * 10, people=12, licence="none", provenance="\\here", note="x",
    )
    target = own if name == "own" else presets()[name]
    path = tmp_path / f"target.{ending}"
    write_target(target, path)
    assert target == load_target(path)
    assert [path] == list(tmp_path.iterdir())


def test_a_file_by_hand(tmp_path: Path) -> None:
    """A file needs values only; what it does not name is not asked about, and its name is the file's."""
    (tmp_path / "calm.toml").write_text('[values]\nSE = 1\n"Benevolence" = 0.5\n')
    target = load_target(tmp_path / "calm.toml")
    assert ("calm", ("security", "benevolence")) == (target.name, target.asked)
    assert (1.0, 0.5) == (target.vector[5], target.vector[8])
    (tmp_path / "whole.json").write_text(json.dumps({"values": list(TEN)}))
    assert TEN == load_target(tmp_path / "whole.json").vector
    assert 10 == len(load_target(tmp_path / "whole.json").asked)


def test_a_value_that_shall_stay_neutral() -> None:
    """A value named with 0 is asked about: it shall stay at 0."""
    assert ("power", "security") == Target.of("x", {"security": 1, "power": 0}).asked


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"values": {"benevolance": 1}}, "'benevolance' is no value of schwartz-10"),
        ({"values": [1, 0]}, "vector has 2 numbers, and schwartz-10 has 10 values"),
        ({"values": {"power": 1.5}}, "vector of power is 1.5"),
        ({"values": {"power": math.nan}}, "vector of power is nan"),
        ({"values": {"power": "much"}}, "power is 'much', no number"),
        ({"values": {"power": True}}, "power is True, no number"),
        ({"values": {"PO": 1, "power": 1}}, "power is there twice"),
        ({"values": {}}, "names no values"),
        ({"values": "power"}, "neither numbers by value nor a list"),
        ({"values": {"power": 1}, "weights": {"power": -1}}, "weights of power is -1"),
        ({"values": {"power": 1}, "weights": {"power": 0}}, "all weights are 0"),
        ({"values": {"power": 1}, "errors": {"power": -0.1}}, "errors of power is -0.1"),
        ({"values": {"power": 1}, "errors": [0.1]}, "errors has 1 numbers"),
        ({"values": {"power": 1}, "wieghts": {"power": 1}}, "unknown key 'wieghts'"),
        ({"values": {"power": 1}, "kind": "nation"}, "'nation' is no kind"),
        ({"values": {"power": 1}, "mapping": "centred"}, "'centred' is no mapping"),
        ({"values": {"power": 1}, "people": 0}, "0 people"),
        ({"values": {"power": 1}, "people": 1.5}, "`people` is no whole number"),
        ({"values": {"power": 1}, "note": 3}, "`note` is no text"),
        ({"values": {"helpful": 1}}, "'helpful' is no value of schwartz-10"),
        ({"values": {"power": 1}, "system": "hhh"}, "'power' is no value of hhh"),
    ],
)
def test_bad_targets(tmp_path: Path, content: dict[str, Any], told: str) -> None:
    """A wrong length, name, number or key is refused with what is meant."""
    with pytest.raises(InputError, match=told) as error:
        target_of({"name": "mine", **content}, "mine.json")
    assert error.value.hint
    (tmp_path / "mine.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=told):
        load_target(tmp_path / "mine.json")


def test_did_you_mean() -> None:
    """Unknown names of targets, values, kinds and mappings say what may have been meant."""
    with pytest.raises(InputError) as error:
        load_target("benevolance")
    assert "did you mean benevolence?" in error.value.hint
    with pytest.raises(InputError) as error:
        Target.of("x", {"universalsm": 1})
    assert "did you mean universalism?" in error.value.hint
    with pytest.raises(InputError) as error:
        Target.of("x", {"power": 1}, kind="natoinal")
    assert "did you mean national?" in error.value.hint


@pytest.mark.parametrize(("text", "told"), [("{", "is not JSON"), ("[1]", "is no table")])
def test_files_that_are_none(tmp_path: Path, text: str, told: str) -> None:
    """Files that are no targets are refused."""
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match=told):
        load_target(tmp_path / "x.json")


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    """A name of another kind of file is refused and nothing is written."""
    with pytest.raises(InputError, match=r"neither \.toml nor \.json"):
        write_target(load_target("UK"), tmp_path / "uk.yaml")
    assert [] == list(tmp_path.iterdir())


# Conflicts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"power": 1, "universalism": 1}, [("power", "universalism")]),
        ({"self-direction": 1, "security": 1, "tradition": 1},
         [("self-direction", "security"), ("self-direction", "tradition")]),
        ({"benevolence": 1, "universalism": 1, "security": 1, "conformity": 1}, []),
        ({"achievement": -1, "benevolence": 1}, []),
        ({"hedonism": 1, "security": 1}, []),
    ],
)
def test_both_poles_of_the_circle(values: dict[str, float], named: list[tuple[str, str]]) -> None:
    """A target that asks for opposite values is named with them; neighbours and opposed signs are no conflict."""
    target = Target.of("mine", values)
    assert named == [(each.first, each.second) for each in conflicts(target)]
    assert bool(named) == warning(target).startswith("target mine asks for both poles of the circle")
    assert all(f"{one} and {two}" in warning(target) for one, two in named)


def test_the_published_training_target_asks_for_both_poles() -> None:
    """The target of the paper asks for achievement against benevolence and universalism; its evaluation's does not."""
    found = conflicts(load_target("paper"))
    assert [("achievement", "benevolence"), ("achievement", "universalism")] == [each[:2] for each in found]
    assert "" == warning(load_target("paper-eval"))


def test_a_weak_wish_and_one_without_weight_are_no_conflict() -> None:
    """Below .5 a target does not ask for a value, nor where its weight is 0; the bound can be moved."""
    weak = Target.of("weak", {"power": 1, "universalism": 0.4})
    assert [] == conflicts(weak)
    assert 1 == len(conflicts(weak, least=0.4))
    full = Target(name="full", vector=(0, 0, 0, 0, 1, 0, 0, 0, 0, 1), weights=(1, 1, 1, 1, 0, 1, 1, 1, 1, 1))
    assert [] == conflicts(full)


# Mappings ----------------------------------------------------------------------------------------------------------


def test_raw_rescale() -> None:
    """Raw means from 1 to 6 become -1 to 1, errors shrink alike."""
    found, errors = map_scores([1, 3.5, 6], "raw-rescale", errors=[0.25, 0.5, 0], centred=False)
    assert (-1, 0, 1) == found
    assert (0.1, 0.2, 0) == errors


def test_centred_scaled() -> None:
    """Centred means are divided by half the range."""
    assert ((0.5, -0.5), None) == map_scores([1.25, -1.25], "centred-scaled", centred=True)


def test_sign_needs_to_be_sure() -> None:
    """A score within 1.64 standard errors of the middle has no sign."""
    assert (1, 0, -1) == map_scores([0.5, 0.1, -0.5], "sign", errors=[0.1, 0.1, 0.1], centred=True)[0]
    assert (1, 0, -1) == map_scores([4, 3.5, 3], "sign", centred=False)[0]


def test_rank_with_ties() -> None:
    """Ranks run from -1 to 1; ties share the mean rank."""
    assert (-1, 0, 0, 1) == map_scores([1, 2, 2, 3], "rank", centred=False)[0]


@pytest.mark.parametrize(
    ("scores", "mapping", "centred", "told"),
    [
        ([4.0], "raw-rescale", True, "does not take centred scores"),
        ([0.4], "centred-scaled", False, "does not take raw scores"),
        ([7.0], "raw-rescale", False, "7 is not on the scale"),
        ([math.nan], "raw-rescale", False, "nan is not on the scale"),
        ([4.0], "raw", False, "'raw' is no mapping"),
    ],
)
def test_bad_mappings(scores: list[float], mapping: str, centred: bool, told: str) -> None:
    """A mapping that does not fit the scores, and scores off the scale, are refused."""
    with pytest.raises(InputError, match=told):
        map_scores(scores, mapping, centred=centred)


def test_names_of_kinds_and_mappings() -> None:
    """Kinds and mappings have the names that files use."""
    assert ("raw-rescale", "centred-scaled", "sign", "rank") == MAPPINGS
    assert ("human-defined", "national", "individual", "group", "moral-graph") == KINDS
