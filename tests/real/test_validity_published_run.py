"""The published run: how far its rankings can be trusted."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from graphengine.ranking import calibrate
from graphengine.ranking.validity import placebo, thresholds, without_people, yes_bias
from tests.validity_worlds import survey

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def run(dft: Path) -> tuple[pa.Table, pa.Table]:
    """SAID and COUNTS of the published run."""
    with (dft / "votes-prolific-run.csv").open(encoding="utf-8", newline="") as file:
        return survey([(row["participant"], row["context"], row["from_value"], row["to_value"], row["answer"])
                       for row in csv.DictReader(file)])


@pytest.fixture(scope="module")
def shuffled(run) -> dict[str, float]:
    """The figures of 200 shuffles."""
    return placebo(run[1], calibrate(run[1]), shuffles=200).figures


@pytest.mark.slow
def test_placebo(shuffled):
    """With the answers shuffled, PageRank's winner survives more often than the default's leader; chance is .11."""
    assert (200, 11) == (shuffled["shuffles"], shuffled["contexts"])
    assert 0.108 == pytest.approx(shuffled["chance"], abs=0.001)
    assert 0.38 == pytest.approx(shuffled["pagerank_survival"], abs=0.02)
    assert shuffled["survival"] < shuffled["pagerank_survival"] - 0.1


@pytest.mark.slow
def test_placebo_survival_of_the_default(shuffled):
    """With the answers shuffled the default's leader survives about as often as chance: at most .20 of 200 shuffles."""
    assert shuffled["survival"] <= 0.20


def test_yes_bias_of_the_run(run):
    """Nearly all pairs were asked in one direction, and two equal cards would be called wiser by two thirds."""
    found = yes_bias(run[1], calibrate(run[1]))
    assert (122, 8, "caution") == (found.figures["pairs"], found.figures["pairs_both_ways"], found.level)
    assert 0.66 == pytest.approx(found.figures["even_pair_wiser"], abs=0.01)


def test_thresholds_of_the_run(run):
    """The edge rules agree on the winner in four of eleven contexts."""
    figures = thresholds(run[1]).figures
    assert (4, 5) == (figures["contexts_with_one_winner"], figures["most_winners"])


@pytest.mark.slow
def test_single_people_move_little(run):
    """No person of the run moves the leader's P(top) by more than .1 in any context."""
    figures = without_people(*run, calibrate(run[1])).figures
    assert 0.056 == pytest.approx(figures["largest_change"], abs=0.01)
