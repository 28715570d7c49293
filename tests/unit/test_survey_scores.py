"""Surveys: which instrument a file holds, who is left out, means with standard errors, targets."""

from __future__ import annotations

import json

import numpy as np
import pytest

from graphengine.errors import InputError
from graphengine.schwartz.instruments.instrument import INSTRUMENTS, load_instrument
from graphengine.schwartz.instruments.scoring import Cleaning, answers_of, kept
from graphengine.schwartz.instruments.survey_scores import read_survey_scores, score_survey, write_scores
from graphengine.schwartz.instruments.survey_target import survey_target
from graphengine.schwartz.target_files import load_target, write_target
from tests.survey_people import codes, ess_csv, write_csv

ESS = load_instrument("ess-21").variables


@pytest.fixture
def two_countries(tmp_path):
    """A file of two countries with 200 people each, and weights."""
    rng = np.random.default_rng(0)
    return ess_csv(tmp_path / "ess.csv", {"AA": codes("ess-21", 200, 1), "BB": codes("ess-21", 200, 2)},
                   pspwght=rng.uniform(0.5, 2, 400).tolist())


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_every_item_speaks_for_one_value(name):
    """Each item number from 1 to the last is the key of exactly one value."""
    kind = INSTRUMENTS[name]
    items = sorted(item for each in kind.items.values() for item in each)
    assert list(range(1, kind.number + 1)) == items
    assert len(kind.variables) in (0, kind.number)


def test_face_counts_in_no_basic_value_and_humility_in_tradition():
    """PVQ-RR's ten values are Schwartz's: face is left out, humility belongs to tradition."""
    ten = load_instrument("pvq-rr").items_for("schwartz-10")
    assert (7, 18, 33, 38, 40, 54) == ten["tradition"]
    assert (6, 12, 20, 29, 41, 44) == ten["power"]
    assert 57 - 3 == sum(len(items) for items in ten.values())


@pytest.mark.parametrize("name", ["ess-21", "ess-21a", "pvq-40", "pvq-rr"])
def test_planted_sign_error_is_noticed(tmp_path, name):
    """Benevolence is highest and power lowest in most made-up countries; turned the wrong way, it is said."""
    kind = load_instrument(name)
    names = kind.variables or tuple(f"{kind.prefixes[0]}{item}" for item in range(1, kind.number + 1))
    rows = [[f"C{seed}", *row] for seed in range(8) for row in codes(name, 150, seed).tolist()]
    path = write_csv(tmp_path / "survey.csv", ["cntry", *names], rows)
    made = score_survey(path, by=["cntry"], system="schwartz-10")
    assert name == made.instrument
    ends = [(max(group.means, key=group.means.__getitem__), min(group.means, key=group.means.__getitem__))
            for group in made.groups]
    assert ends.count(("benevolence", "power")) > 4
    assert () == made.notes
    wrong = score_survey(path, by=["cntry"], system="schwartz-10", turned=not kind.reversed)
    assert "power is above benevolence in 8 of 8 groups" in wrong.notes[0]


def test_weighted_means_by_country(two_countries):
    """Means are weighted inside each country; the standard error follows from the linearised formula."""
    made = score_survey(two_countries, by=["cntry"], weight="pspwght")
    assert ["AA", "BB"] == [group.group for group in made.groups]
    rows = np.genfromtxt(two_countries, delimiter=",", skip_header=1, usecols=range(1, 23))[:200]
    answers, w = 7 - rows[:, :21], rows[:, 21]
    x = answers[:, [11, 17]].mean(axis=1) - answers.mean(axis=1)  # items 12 and 18
    mean = np.average(x, weights=w)
    error = np.sqrt(200 / 199 * (w**2 * (x - mean) ** 2).sum()) / w.sum()
    assert mean == pytest.approx(made.groups[0].means["benevolence"], abs=1e-12)
    assert error == pytest.approx(made.groups[0].errors["benevolence"], abs=1e-12)


def test_means_are_of_those_who_stay(tmp_path):
    """Six missing answers leave a person out and five don't; seventeen equal answers do and sixteen don't."""
    base = codes("ess-21", 1, 3)[0]
    six, five = base.copy(), base.copy()
    six[:6], five[:5] = [7, 8, 9, 7, 8, 9], [7, 8, 9, 7, 8]
    same, nearly = np.full(21, 2.0), np.full(21, 2.0)
    same[17:], nearly[16:] = [1, 3, 4, 5], [1, 3, 4, 5, 6]
    made = score_survey(ess_csv(tmp_path / "s.csv", {"AA": np.stack([base, six, five, same, nearly])}))
    assert (5, 1, 1, 3) == (made.read, made.too_few, made.same, made.groups[0].people)


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_cleaning_rules_at_their_borders(name):
    """As many missing or equal answers as the rule names keep a person, one more doesn't."""
    kind = INSTRUMENTS[name]
    rule = Cleaning(kind.most_missing, kind.most_same)
    row = np.resize(np.arange(1.0, 7.0), kind.number)
    for lacking, stays in ((kind.most_missing, True), (kind.most_missing + 1, False)):
        some = row.copy()
        some[:lacking] = np.nan
        assert [stays] == kept(some[None, :], rule)[0].tolist()
    for equal, stays in ((kind.most_same, True), (kind.most_same + 1, False)):
        some = np.resize(np.array([1.0, 2.0, 3.0, 5.0, 6.0]), kind.number)
        some[:equal] = 4
        assert [stays] == kept(some[None, :], rule)[0].tolist()


def test_rounds_that_were_merged(tmp_path):
    """A file with both spellings is scored as one, each person by the version that was asked."""
    first, second = codes("ess-21", 30, 1), codes("ess-21", 30, 2)
    rows = [[*row, *[""] * 21] for row in first.tolist()] + [[*[""] * 21, *row] for row in second.tolist()]
    path = write_csv(tmp_path / "m.csv", [*ESS, *(f"{name}a" for name in ESS)], rows)
    made = score_survey(path)
    alone = score_survey(ess_csv(tmp_path / "one.csv", {"AA": np.concatenate([first, second])}))
    assert "rounds 1-10 and round 11" == made.version
    assert alone.groups[0].means == made.groups[0].means


def test_both_versions_answered_differently(tmp_path):
    """A person with two different answers to one item is refused by row."""
    row = codes("ess-21", 1, 1)[0]
    other = row.copy()
    other[0] = 7 - other[0]
    path = write_csv(tmp_path / "m.csv", [*ESS, *(f"{name}a" for name in ESS)], [[*row, *other]])
    with pytest.raises(InputError, match="row 1 answers both versions"):
        score_survey(path)


def test_round_11_has_other_missing_codes(tmp_path):
    """In round 11 the missing codes have two digits; 7 is no answer there, and is refused."""
    rows = codes("ess-21a", 20, 4)
    rows[0, :4] = [66, 77, 88, 99]
    names = [f"{name}a" for name in ESS]
    assert 20 == score_survey(write_csv(tmp_path / "a.csv", names, rows.tolist())).groups[0].people
    rows[3, 2] = 7
    with pytest.raises(InputError, match=r"row 4: the answer to ipeqopta is 7"):
        score_survey(write_csv(tmp_path / "b.csv", names, rows.tolist()))


def test_an_unknown_instrument_is_refused(tmp_path):
    """Items of another questionnaire are never guessed at, and the reason names round 12."""
    path = write_csv(tmp_path / "s.csv", [f"hvs{item}" for item in range(1, 21)], [[1] * 20])
    with pytest.raises(InputError, match="not guessed at") as told:
        score_survey(path)
    assert "round 12" in told.value.hint
    with pytest.raises(InputError, match="20 new items"):
        score_survey(path, instrument="ess-20")
    with pytest.raises(InputError, match="no instrument") as told:
        score_survey(path, instrument="pvq-r")
    assert "did you mean pvq-rr?" in told.value.hint


def test_rows_of_round_12_are_refused(tmp_path):
    """A merged file that has rows of round 12 is refused by row, whatever its columns are called."""
    path = ess_csv(tmp_path / "s.csv", {"AA": codes("ess-21", 3, 1)}, essround=[9, 10, 12])
    with pytest.raises(InputError, match="row 3 is of round 12"):
        score_survey(path)


def test_numbered_items_that_fit_no_instrument(tmp_path):
    """pvq1 to pvq21 is none of the known instruments; the number is told."""
    path = write_csv(tmp_path / "s.csv", [f"pvq{item}" for item in range(1, 22)], [[1] * 21])
    with pytest.raises(InputError, match="21 numbered items"):
        score_survey(path)


def test_an_instrument_with_an_item_missing(tmp_path):
    """A file that lacks an item is refused with its name."""
    path = write_csv(tmp_path / "s.csv", ESS[:-1], codes("ess-21", 2, 1)[:, :-1].tolist())
    with pytest.raises(InputError, match=r"lacks items of ess-21 .*: impfun"):
        score_survey(path)


def test_items_with_names_of_their_own(tmp_path):
    """With the instrument and a prefix named, items may be called anything; leading zeros don't matter."""
    path = write_csv(tmp_path / "s.csv", [f"Q7_{item:02}" for item in range(1, 58)], codes("pvq-rr", 25, 5).tolist())
    made = score_survey(path, instrument="pvq-rr", items="q7_")
    assert (19, 25) == (len(made.groups[0].means), made.groups[0].people)


def test_bad_weights_of_people_who_are_left_out(tmp_path):
    """The weight of somebody whose answers are not counted is looked at, too."""
    people = np.vstack([codes("ess-21", 3, 1), np.full((1, 21), 2)])
    path = ess_csv(tmp_path / "s.csv", {"AA": people}, w=[1, 1, 1, -1])
    with pytest.raises(InputError, match="row 4: the weight in w is -1"):
        score_survey(path, weight="w")


def test_groups_of_two_columns_stay_apart(tmp_path):
    """Labels that read the same when put together are two groups."""
    rows = [["A", "B C", *row] for row in codes("ess-21", 5, 1).tolist()]
    rows += [["A B", "C", *row] for row in codes("ess-21", 5, 2).tolist()]
    made = score_survey(write_csv(tmp_path / "s.csv", ["one", "two", *ESS], rows), by=["one", "two"])
    assert [("A / B C", 5), ("A B / C", 5)] == [(group.group, group.people) for group in made.groups]


@pytest.mark.parametrize("weight", ["0", "-1", "", "nan", "inf", "heavy"])
def test_bad_weights(tmp_path, weight):
    """A weight that is zero, negative, missing, infinite or no number is refused by row."""
    path = ess_csv(tmp_path / "s.csv", {"AA": codes("ess-21", 3, 1)}, w=[1, weight, 1])
    with pytest.raises(InputError, match=r"row 2\b"):
        score_survey(path, weight="w")


def test_everything_missing(tmp_path):
    """A file of missing codes leaves nobody, and says how many answered too little."""
    path = ess_csv(tmp_path / "s.csv", {"AA": np.full((4, 21), 9.0)})
    with pytest.raises(InputError, match=r"nobody is left of 4 people .4 answered too little"):
        score_survey(path)


@pytest.mark.parametrize(("content", "told"), [
    ("", "is empty"), ("a,b\n1,2,3\n", "can't be told"), ("ipcrtiv,IPCRTIV\n1,1\n", "twice"),
])
def test_files_that_are_no_survey(tmp_path, content, told):
    """An empty file, one with other columns, and one with a column twice are refused."""
    (tmp_path / "s.csv").write_text(content)
    with pytest.raises(InputError, match=told):
        score_survey(tmp_path / "s.csv")


def test_rows_with_too_many_cells(tmp_path):
    """A line whose cells don't fit the header is refused with its number."""
    path = ess_csv(tmp_path / "s.csv", {"AA": codes("ess-21", 2, 1)})
    path.write_text(path.read_text() + "AA,1\n")
    with pytest.raises(InputError, match="line 4: 2 cells, and 22 columns"):
        score_survey(path)


def test_unknown_columns_and_endings(tmp_path):
    """A misspelt column is answered with the one that may be meant; another kind of file with those that are read."""
    path = ess_csv(tmp_path / "s.csv", {"AA": codes("ess-21", 2, 1)})
    with pytest.raises(InputError) as told:
        score_survey(path, by=["cntri"])
    assert "did you mean cntry?" in told.value.hint
    (tmp_path / "s.xlsx").write_text("")
    with pytest.raises(InputError, match="none of CSV, SPSS"):
        score_survey(tmp_path / "s.xlsx")
    with pytest.raises(InputError, match="there is no file"):
        score_survey(tmp_path / "none.csv")


def test_one_person_has_no_sampling_error(tmp_path):
    """Two people give a standard error, one doesn't: an individual target, flagged."""
    made = score_survey(ess_csv(tmp_path / "s.csv", {"AA": codes("ess-21", 2, 1), "BB": codes("ess-21", 1, 2)}),
                        by=["cntry"])
    assert ["with standard errors", "no sampling error"] == [group.sampling for group in made.groups]
    assert "no sampling error: BB" in made.notes[0]
    pair, alone = survey_target(made, "AA"), survey_target(made, "BB")
    assert ("national", "individual") == (pair.kind, alone.kind)
    assert (None, "no sampling error") == (alone.errors, alone.sampling)
    assert pair.errors is not None


def test_scores_and_targets_come_back_from_files(two_countries, tmp_path):
    """A file of scores gives the same target as the scores, and a target file the same target."""
    made = score_survey(two_countries, by=["cntry"], weight="pspwght", centred=False)
    write_scores(made, tmp_path / "scores.json")
    again = read_survey_scores(tmp_path / "scores.json")
    assert made == again
    target = survey_target(again, "BB")
    assert ("raw-rescale", "ess-21") == (target.mapping, "ess-21")
    assert "weighted by pspwght" in target.provenance
    assert [(mean - 3.5) / 2.5 for mean in made.groups[1].means.values()] == pytest.approx(list(target.vector))
    write_target(target, tmp_path / "bb.toml")
    assert target == load_target(tmp_path / "bb.toml")
    with pytest.raises(InputError, match="no group 'CC'"):
        survey_target(again, "CC")
    with pytest.raises(InputError, match="raw scores"):
        survey_target(again, "BB", mapping="centred-scaled")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "x"}', '{"format": "graphengine-survey-scores"}'])
def test_files_that_hold_no_scores(tmp_path, content):
    """Whatever is no file of scores is refused as that."""
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(InputError, match="holds no scores"):
        read_survey_scores(tmp_path / "s.json")


def test_a_value_nobody_answered_about(tmp_path):
    """Where nobody answered the items of a value its mean is missing, and no target is made of it."""
    rows = codes("ess-21", 3, 1)
    rows[:, [0, 10]] = 9
    made = score_survey(ess_csv(tmp_path / "s.csv", {"AA": rows}))
    assert (None, 0) == (made.groups[0].means["self-direction"], made.groups[0].n["self-direction"])
    with pytest.raises(InputError, match="nobody of everybody answered about self-direction"):
        survey_target(made)


def test_files_of_spss_and_stata(tmp_path):
    """The same people give the same scores from CSV, .sav and .dta; declared missing values and labels are read."""
    pandas, pyreadstat = pytest.importorskip("pandas"), pytest.importorskip("pyreadstat")
    rows = codes("ess-21", 40, 6)
    rows[0, 0] = 9
    genders = [1.0, 2.0] * 20
    frame = pandas.DataFrame({**dict(zip(ESS, rows.T, strict=True)), "gndr": genders})
    pyreadstat.write_sav(frame, str(tmp_path / "s.sav"), missing_ranges={name: [7, 8, 9] for name in ESS},
                         variable_value_labels={"gndr": {1: "one", 2: "other"}})
    pyreadstat.write_dta(frame, str(tmp_path / "s.dta"))
    plain = score_survey(write_csv(tmp_path / "s.csv", [*ESS, "gndr"], [[*row, gender] for row, gender in
                                                                        zip(rows.tolist(), genders, strict=True)]),
                         by=["gndr"])
    sav, dta = (score_survey(tmp_path / f"s.{kind}", by=["gndr"]) for kind in ("sav", "dta"))
    assert ["one", "other"] == [group.group for group in sav.groups]
    assert [group.means for group in plain.groups] == [group.means for group in sav.groups]
    assert [group.means for group in plain.groups] == [group.means for group in dta.groups]


def test_a_damaged_file_of_spss(tmp_path):
    """Bytes that are no SPSS file are refused with the file's name."""
    pytest.importorskip("pyreadstat")
    (tmp_path / "s.sav").write_bytes(b"$FL2 but nothing more")
    with pytest.raises(InputError, match=r"s\.sav can't be read"):
        score_survey(tmp_path / "s.sav")


def test_answers_of_the_wrong_number():
    """A table with another number of items than the instrument is refused."""
    with pytest.raises(InputError, match="20 answers, and ess-21 has 21 items"):
        answers_of(np.ones((2, 20)), load_instrument("ess-21"), "here")


def test_scores_are_plain_json(two_countries, tmp_path):
    """A file of scores says its form, and holds no row of a person."""
    write_scores(score_survey(two_countries), tmp_path / "s.json")
    content = json.loads((tmp_path / "s.json").read_text())
    assert "graphengine-survey-scores" == content["format"]
    assert 400 == content["groups"][0]["people"]
