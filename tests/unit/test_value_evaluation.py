"""Labelled answers, how often an evaluator is right on them, and what answers express."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from graphengine.errors import InputError, ModelError
from graphengine.report.reliability import reliability_plot
from graphengine.schwartz.expressed import expressed
from graphengine.schwartz.judged import FEWEST, Known, check_probabilities, decide, gain, judged, one_of_many
from graphengine.schwartz.labelled import Labelled, LabelTable, join, read_labelled
from graphengine.schwartz.rows import Row, dialogue, label, write_rows
from graphengine.schwartz.scores import Scores
from graphengine.schwartz.system import load_system

if TYPE_CHECKING:
    from pathlib import Path

HHH = load_system("hhh")


def answers(labels: list[list[float]], **more: Any) -> Labelled:
    """Labelled answers of the system hhh."""
    names = [f"a{number}" for number in range(len(labels))]
    told = {"groups": names, "sources": ["made"] * len(names), "responders": ["one"] * len(names),
            "chosen": np.full(len(names), -1), **more}
    return Labelled(names, names, names, np.array(labels, float), told["chosen"], told["groups"], told["sources"],
                    told["responders"], HHH)


def sure(sides: list[list[float]], by: float = 1.0) -> np.ndarray:
    """Probabilities that put `by` on the given sides."""
    found = np.full((len(sides), len(sides[0]), 3), (1 - by) / 2)
    np.put_along_axis(found, (np.array(sides).astype(int) + 1)[..., None], by, axis=2)
    return found


def test_rows_of_fulcra_are_read(tmp_path: Path) -> None:
    """What isn't listed is 0, a value with both signs is unknown, sources are kept; a policy places items anew."""
    write_rows([
        Row(1, dialogue("Q", "A"), (label("be humble: +1"),), (label("conformity: +1"), label("security: -1")), "q",
            "r"),
        Row(2, dialogue("Q", "B"), (), (label("power: +1"), label("power: -1"))),
    ], tmp_path / "rows.jsonl")
    found = read_labelled(tmp_path / "rows.jsonl")
    ten = found.system
    assert [1, -1, 0] == [found.labels[0, ten.place(value)] for value in ("CO", "SE", "PO")]
    assert np.isnan(found.labels[1, ten.place("PO")])
    assert (found.sources[0], found.responders) == ("q", ["r", "unknown"])
    assert found.groups[0] == found.groups[1]
    again = read_labelled(tmp_path / "rows.jsonl", policy="schwartz")
    assert (again.labels[0, ten.place("TR")], again.labels[0, ten.place("CO")]) == (1, 0)


def test_pairs_written_for_a_value_are_read_and_rolled_up(tmp_path: Path) -> None:
    """One answer shows the value and no other, the second one opposes it and is unknown elsewhere; face is out."""
    rows = [{"Scenario": "S", "Question": "Q?", "Value": value, "Consistent Value Response": "yes",
             "Contrastive Response": "no"} for value in ("Conformity–rules", "Face")]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    nineteen = read_labelled(tmp_path / "pairs.jsonl", "schwartz-19")
    assert (4, 0) == (len(nineteen), nineteen.left_out)
    ten = read_labelled(tmp_path / "pairs.jsonl")
    assert (2, 1) == (len(ten), ten.left_out)
    place = ten.system.place("conformity")
    assert ten.labels[0].sum() == ten.labels[0, place] == 1
    assert ten.labels[1, place] == -1 and np.isnan(ten.labels[1]).sum() == 9
    assert ten.chosen.tolist() == [place, -1]
    assert 4 == len(read_labelled(tmp_path / "pairs.jsonl", roll_up="fulcra"))


@pytest.mark.parametrize(("content", "message", "hint"), [
    ("id,prompt,response,benevolance\n1,a,b,1\n", "no column that is a value", "benevolence"),
    ("id,prompt,response,power\n1,a,b,2\n", "row 1: power is '2'", "-1, 0, 1"),
    ("id,prompt,answer,power\n1,a,b,1\n", "no column 'response'", "known"),
    ("id,prompt,response,power\n", "has no rows", "labelled answer"),
])  # fmt: skip
def test_bad_labels_are_told_with_their_place(content: str, message: str, hint: str, tmp_path: Path) -> None:
    """The file, the row and the column of what is wrong, and what to do."""
    (tmp_path / "rows.csv").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message) as error:
        read_labelled(tmp_path / "rows.csv")
    assert hint in error.value.hint


def test_an_unknown_value_of_a_pair_is_told(tmp_path: Path) -> None:
    """With the row, and the one that may have been meant; never the text."""
    row = {"Scenario": "S", "Question": "Q", "Value": "Benevolance", "Consistent Value Response": "secret words",
           "Contrastive Response": "no"}
    (tmp_path / "pairs.jsonl").write_text(json.dumps(row), encoding="utf-8")
    with pytest.raises(InputError, match="row 1: 'Benevolance' is no value") as error:
        read_labelled(tmp_path / "pairs.jsonl")
    assert "did you mean benevolence" in error.value.hint
    assert "secret" not in str(error.value.as_json())


def test_folds_keep_groups_together_and_sources_join() -> None:
    """No group is in two folds, the same seed gives the same folds, and two systems can't be joined."""
    rows = answers([[1, 0, 0]] * 40, groups=[f"g{number // 4}" for number in range(40)])
    folds = rows.folds(5, seed=1)
    assert all(len(set(folds[np.array(rows.groups) == group])) == 1 for group in set(rows.groups))
    assert folds.tolist() == rows.folds(5, seed=1).tolist()
    assert 80 == len(join([rows, rows]))
    with pytest.raises(InputError, match="different systems"):
        join([rows, Labelled([], [], [], np.zeros((0, 10)), np.zeros(0, int), [], [], [], load_system("schwartz-10"))])


def test_a_table_of_labels_is_an_evaluator_of_what_people_read() -> None:
    """Labels of several people are averaged; an answer that nobody read is refused."""
    rows = answers([[1, 0, 0], [0, 0, -1]])
    twice = Labelled(["a", "b"], ["p", "p"], ["r", "r"], rows.labels, rows.chosen, rows.groups, rows.sources,
                     rows.responders, HHH)
    table = LabelTable(twice)
    assert [[0.5, 0.0, -0.5]] == table.score([("p ", "r")]).tolist()
    with pytest.raises(InputError, match="answer 2 has no labels"):
        table.score([("p", "r"), ("p", "other")])


def test_the_figures_are_those_of_counting() -> None:
    """Accuracy, F1 and baselines equal what a count by hand gives; an unlabelled cell counts nowhere."""
    rows = answers([[1, 0, np.nan], [1, -1, 0], [0, 0, 0], [1, 0, 0]])
    found = judged(sure([[1, 0, 1], [0, -1, 0], [0, 0, 0], [1, 0, 1]]), rows)
    assert (11, 9 / 11) == (found["cells"], found["measured"]["accuracy"])
    assert found["baselines"]["all_zeros"]["accuracy"] == 7 / 11
    assert found["baselines"]["majority"]["accuracy"] == 9 / 11  # helpful: 3 of 4, honest 3 of 4, harmless 3 of 3
    f1 = found["measured"]["f1"]
    assert f1["opposed"] == 1 and f1["aligned"] == pytest.approx(2 * 2 / 6) and f1["none"] == pytest.approx(12 / 14)
    assert found["measured"]["macro_f1"] == pytest.approx(sum(f1.values()) / 3)
    lower, upper = found["measured"]["accuracy_interval"]
    assert lower <= 9 / 11 <= upper < 1.01
    helpful = found["values"]["helpful"]["aligned"]
    assert (helpful["precision"], helpful["recall"], helpful["measurable"]) == (1.0, 2 / 3, False)


def test_the_majority_is_that_of_what_was_trained_on() -> None:
    """Where the labels of training are known, the baseline does not look at the measured ones."""
    rows = answers([[1, 1, 1]] * 3)
    found = judged(sure([[1, 1, 1]] * 3), rows, known=Known.of(np.zeros((5, 3))))
    assert (0.0, "the labels trained on") == (found["baselines"]["majority"]["accuracy"], found["majority_from"])


def test_few_labels_are_not_measurable() -> None:
    """A side with fewer labels than the bound says so, one with as many is measured."""
    rows = answers([[1, 0, 0]] * FEWEST + [[0, 0, -1]] * (FEWEST - 1))
    found = judged(sure(rows.labels.tolist()), rows)["values"]
    assert found["helpful"]["aligned"]["measurable"] and not found["harmless"]["opposed"]["measurable"]


def test_calibration_and_abstention() -> None:
    """One that is as often right as it says has an error of 0; the band leaves close cells open and counts them."""
    rows = answers([[1, 0, 0]] * 3 + [[0, 0, 0]])
    probabilities = np.zeros((4, 3, 3))
    probabilities[..., 1] = 1
    probabilities[:, 0] = [0, 0.25, 0.75]
    found = judged(probabilities, rows, band=0.6)
    assert found["ece"] == pytest.approx(0)
    assert found["abstained"] == {"band": 0.6, "share": pytest.approx(4 / 12), "accuracy": 1.0}
    assert np.isnan(decide(probabilities, 0.6)[0, 0])
    assert [0.75, 1.0] == [each["confidence"] for each in found["reliability"]]


def test_groups_widen_intervals_and_pair_differences() -> None:
    """Answers of one group are drawn together; the interval of a gain is that of the paired difference."""
    rng = np.random.default_rng(0)
    labels = rng.integers(-1, 2, (200, 3)).astype(float)
    ours = np.where(np.repeat(rng.random((20, 1)), 10, axis=0) < 0.7, labels, 0)
    alone, together = (judged(sure(ours.tolist()), answers(labels.tolist(), groups=[str(n // by) for n in range(200)]))
                       for by in (1, 10))
    wide, narrow = (np.diff(each["measured"]["accuracy_interval"])[0] for each in (together, alone))
    assert wide > 1.5 * narrow
    found = gain(labels, ours, ours, np.arange(200))
    assert (0, [0.0, 0.0]) == (found["macro_f1"], found["macro_f1_interval"])
    better = gain(labels, labels, ours, np.arange(200))
    assert better["accuracy_interval"][0] > 0


def test_the_one_value_of_many() -> None:
    """Only answers that were written for one value count; the most frequent value stands beside it."""
    rows = answers([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]], chosen=np.array([0, 1, 0, -1]))
    found = one_of_many(np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.7, 0.2, 0.1], [0, 0, 1.0]]), rows)
    assert (3, 2 / 3, 2 / 3) == (found["answers"], found["accuracy"], found["majority"]["accuracy"])
    assert found["macro_f1"] == pytest.approx((0.8 + 0) / 2)


@pytest.mark.parametrize("wrong", [
    np.full((1, 3, 3), np.nan), np.full((1, 2, 3), 1 / 3), np.full((1, 3, 3), 0.5), np.array([[[1.5, -0.5, 0]] * 3]),
])  # fmt: skip
def test_what_is_no_probability_is_refused(wrong: np.ndarray) -> None:
    """NaN, another length, sums that are not 1 and numbers below 0."""
    with pytest.raises(ModelError, match="probabilities"):
        check_probabilities(wrong, 1, 3, "it")


def test_the_published_figure_stands_beside_the_same_source() -> None:
    """By responder and source of queries, with the published accuracy where there is one."""
    rows = answers([[1, 0, 0], [0, 0, 0]], responders=["gpt-35-turbo", "mine"], sources=["trustworthy", "own"])
    by = judged(sure([[1, 0, 0], [1, 0, 0]]), rows)["by"]
    assert (0.833, None) == tuple(by["response_source"][name]["published"] for name in ("gpt-35-turbo", "mine"))
    trustworthy = by["query_source"]["trustworthy"]
    assert (0.854, 1.0) == (trustworthy["published"], trustworthy["accuracy"])


def test_what_answers_express() -> None:
    """Means with intervals, coverage, the base rate beside them, the answers that said most, none that said nothing."""
    scores = Scores(np.array([[0.9, 0.0, -0.4], [0.5, 0.1, 0.0], [0.1, 0.0, 0.0]]), HHH, ("a", "b", "c"))
    found = expressed(scores, base_rates=[0.5, 0, 0], known=[40, 3, 30], driving=2)
    helpful, harmless = found["values"]["helpful"], found["values"]["harmless"]
    assert helpful["score"] == pytest.approx(0.5) and helpful["interval"][0] < 0.5 < helpful["interval"][1]
    assert (["a", "b"], []) == ([each["id"] for each in helpful["for"]], helpful["against"])
    assert [{"id": "a", "score": -0.4}] == harmless["against"]
    assert (0.5, True, False) == (helpful["null"]["base_rate"], helpful["measurable"],
                                  found["values"]["honest"]["measurable"])
    assert 1 == found["neutral"]


def test_an_interval_of_a_score_stays_where_scores_are() -> None:
    """Two answers that differ say little, but no mean of scores lies outside -1 and 1."""
    found = expressed(Scores(np.array([[-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]), HHH, ("a", "b")))
    assert [[-1, 1], [-1, 1]] == [found["values"][value]["interval"] for value in ("helpful", "honest")]


def test_the_reliability_plot_says_what_it_shows() -> None:
    """A dot and an interval for each bin, and the numbers in words."""
    rows = answers([[1, 0, 0]] * 4)
    found = judged(sure([[1, 0, 0], [1, 0, 1], [1, 0, 0], [1, 0, 0]], 0.9), rows)
    picture = reliability_plot(found["reliability"], "A <title>", found["ece"])
    assert picture.count("<circle") == len(found["reliability"]) == 1
    assert "sure of 0.90, right in 0.92 of 12" in picture and "A &lt;title&gt;" in picture
