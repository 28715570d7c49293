"""Systems of values: what ships, roll-ups, the circle, and what is wrong with a file of one's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphengine.errors import InputError
from graphengine.schwartz.bridge import CardVectors
from graphengine.schwartz.labelled import LabelTable, read_labelled
from graphengine.schwartz.reward import scores_of
from graphengine.schwartz.scores import Scores
from graphengine.schwartz.system import SYSTEMS, load_system
from graphengine.schwartz.target_files import load_target, write_target

WEATHER = """
name = "weather"
[[values]]
id = "sun"
short = "SU"
name = "Sun"
definition = "Light and warmth."
opposites = ["rain"]
[[values]]
id = "rain"
short = "RA"
name = "Rain"
definition = "Water from above."
opposites = ["sun"]
"""


@pytest.mark.parametrize("name", SYSTEMS)
def test_shipped_systems_are_whole(name: str) -> None:
    """Each value has names, a definition that an evaluator can read, and opposites that know of it."""
    system = load_system(name)
    assert name == system.name
    assert system.source
    for value in system.values:
        assert len(value.definition.split()) >= 8, value.id
        assert value.definition.endswith("."), value.id
    assert len({value.definition for value in system.values}) == len(system)
    for one, two in system.opposed:
        assert system.ids[one] in system.values[two].opposites


def test_order_of_the_ten() -> None:
    """Vectors are written in the order SD ST HE AC PO SE TR CO BE UN."""
    assert "SD ST HE AC PO SE TR CO BE UN".split() == list(load_system("schwartz-10").shorts)


@pytest.mark.parametrize("name", ["schwartz-10", "schwartz-19", "schwartz-4"])
def test_opposites_lie_across_the_circle(name: str) -> None:
    """Opposed values are more than 90 degrees apart, and neighbours in the list lie beside each other."""
    system = load_system(name)
    apart = system.angles_between()
    assert (apart == apart.T).all()
    assert all(apart[one, two] > 90 for one, two in system.opposed)
    beside = [apart[place, (place + 1) % len(system)] for place in range(len(system))]
    assert max(beside) <= 100
    assert len(system.opposed) > 0


def test_opposites_of_the_ten_follow_from_the_four() -> None:
    """Each opposition among the ten is one of the two between the four; hedonism, on a border, has fewer."""
    ten, four = load_system("schwartz-10"), load_system("schwartz-4")
    into = [four.place(value.into["schwartz-4"]) for value in ten.values]
    higher = {frozenset(pair) for pair in four.opposed}
    assert all(frozenset((into[one], into[two])) in higher for one, two in ten.opposed)
    by_rule = {frozenset((i, j)) for i in range(10) for j in range(10) if frozenset((into[i], into[j])) in higher}
    left_out = {frozenset(ten.ids[place] for place in pair) for pair in by_rule - set(map(frozenset, ten.opposed))}
    assert {frozenset({"hedonism", "security"})} == left_out


def test_roll_up_of_nineteen() -> None:
    """19 → 10 is the mean of each value's parts; face has no place, or is power; humility moves with the policy."""
    nineteen, ten = load_system("schwartz-19"), load_system("schwartz-10")
    ours, fulcra = nineteen.roll_up(ten), nineteen.roll_up(ten, "fulcra")
    assert np.allclose(1, ours.sum(axis=1))
    assert np.allclose(1, fulcra.sum(axis=1))
    face, humility = nineteen.place("Face"), nineteen.place("HUM")
    assert 0 == ours[:, face].sum()
    assert "power" == ten.ids[int(np.argmax(fulcra[:, face]))]
    assert "tradition" == ten.ids[int(np.argmax(ours[:, humility]))]
    assert "conformity" == ten.ids[int(np.argmax(fulcra[:, humility]))]
    members = (ours > 0).sum(axis=1)
    assert [2, 1, 1, 1, 2, 2, 2, 2, 2, 3] == members.tolist()


def test_roll_up_in_two_steps() -> None:
    """19 → 4 goes over the ten."""
    nineteen, ten, four = (load_system(f"schwartz-{number}") for number in (19, 10, 4))
    assert np.allclose(ten.roll_up(four) @ nineteen.roll_up(ten), nineteen.roll_up(four))
    constant = nineteen.roll_up(four) @ np.full(19, 0.7)
    assert np.allclose(0.7, constant)


def test_no_way_to_roll_up() -> None:
    """Systems that have nothing to do with each other are refused, and so is an unknown policy."""
    with pytest.raises(InputError, match="schwartz-10 does not roll up to hhh"):
        load_system("schwartz-10").roll_up(load_system("hhh"))
    with pytest.raises(InputError, match="no policy") as error:
        load_system("schwartz-19").roll_up(load_system("schwartz-10"), "fulkra")
    assert "did you mean fulcra?" in error.value.hint


@pytest.mark.parametrize(
    ("written", "meant"),
    [("benevolance", "benevolence"), ("universal", "universalism"), ("selfdirection", "self-direction"),
     ("Achievment", "achievement")],
)
def test_did_you_mean(written: str, meant: str) -> None:
    """An unknown value is refused with the one that may have been meant."""
    with pytest.raises(InputError, match="is no value of schwartz-10") as error:
        load_system("schwartz-10").place(written)
    assert f"did you mean {meant}?" in error.value.hint


def test_names_in_many_spellings() -> None:
    """Case, en dashes, underscores and spaces don't matter."""
    nineteen = load_system("schwartz-19")
    spellings = ["Conformity–rules", "conformity_rules", "Conformity: rules", "COR", " conformity — Rules "]
    assert {nineteen.place("conformity-rules")} == {nineteen.place(each) for each in spellings}


def test_a_value_named_twice() -> None:
    """A vector that names a value by two of its names is refused."""
    with pytest.raises(InputError, match="security is there twice, as 'SE' and 'security'"):
        load_system("schwartz-10").vector({"SE": 1, "security": 1})


def test_a_system_of_ones_own(tmp_path: Path) -> None:
    """A TOML file is a system like the shipped ones; without angles it has no circle."""
    (tmp_path / "weather.toml").write_text(WEATHER)
    system = load_system(tmp_path / "weather.toml")
    assert (("sun", "rain"), ((0, 1),), False) == (system.ids, system.opposed, system.is_circle)
    with pytest.raises(InputError, match="weather has no circle"):
        system.angles_between()


def test_a_system_of_ones_own_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Labels, vectors of cards, targets and their files name its file, from whatever folder they are opened."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "weather.toml").write_text(WEATHER)
    (home / "sunny.toml").write_text('system = "weather.toml"\n[values]\nsun = 1\n')
    (home / "labels.csv").write_text("prompt,response,sun,rain\nHow?,Dry,1,0\n")
    target = load_target(home / "sunny.toml")
    assert (("sun", "rain"), ("sun",)) == (target.values.ids, target.asked)
    write_target(target, home / "again.toml")
    assert 'system = "weather.toml"' in (home / "again.toml").read_text()

    monkeypatch.chdir(home)
    system = load_system("weather.toml")
    labels = LabelTable(read_labelled("labels.csv", "weather.toml"))
    vectors = CardVectors.of_scores(Scores(np.array([[1.0, 0.0]]), system, ("dry",)), "us")
    monkeypatch.chdir(tmp_path)

    assert system == load_system(system.ref) == load_system(vectors.system)
    assert [[1.0, 0.0]] == scores_of(labels, [("How?", "Dry")], target).tolist()
    assert target.values == load_target(home / "again.toml").values
    assert "schwartz-10" == load_system("schwartz-10").ref


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('name = "weather"\n', "", "names no system"),
        ('definition = "Water from above."', "", "value 2 has no `definition`"),
        ('opposites = ["sun"]', "", "sun opposes rain, but rain does not oppose sun"),
        ('opposites = ["rain"]', 'opposites = ["rein"]', "'rein' is no value of weather"),
        ('opposites = ["rain"]', 'opposites = "rain"', "`opposites` is not a list"),
        ('short = "SU"', 'short = "SU"\ncolour = "gold"', "unknown key 'colour'"),
        ('short = "RA"', 'short = "SU"', "rain and sun are both called 'su'"),
        ('id = "sun"', 'id = "Sun shine"', "is not plain"),
        ('short = "SU"', 'short = "SU"\nangle = "north"', "`angle` is 'north', not degrees"),
        ('name = "Sun"', "name = Sun", "is not TOML"),
    ],
)
def test_bad_systems(tmp_path: Path, old: str, new: str, told: str) -> None:
    """What is wrong with a file is told, with the file."""
    assert old in WEATHER
    path = tmp_path / "weather.toml"
    path.write_text(WEATHER.replace(old, new, 1))
    with pytest.raises(InputError, match=told) as error:
        load_system(path)
    assert "weather" in error.value.message


def test_no_such_system(tmp_path: Path) -> None:
    """A name that is neither shipped nor a file is refused with the near one."""
    with pytest.raises(InputError, match="no system of values 'schwarz-10'") as error:
        load_system("schwarz-10")
    assert "did you mean schwartz-10?" in error.value.hint
    with pytest.raises(InputError, match="can't be read"):
        load_system(tmp_path / "none.toml")
