"""What to ask next on the published run, through the whole house."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import graphengine

if TYPE_CHECKING:
    from pathlib import Path

    from graphengine.answers_asking import NextQuestions

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def asked(dft: Path, tmp_path_factory: pytest.TempPathFactory) -> NextQuestions:
    """Fifty questions about the votes of the published run."""
    with graphengine.open(tmp_path_factory.mktemp("run") / "moral.graph") as graph:
        graph.import_file(dft / "votes-prolific-run.csv")
        graph.rank()
        return graph.ask_next(50)


def test_every_open_context_is_asked_about(asked: NextQuestions) -> None:
    """No context of this run has a single winner, so that fifty questions go to most of them, on many pairs."""
    pairs = {(row["context"]["id"], *sorted((row["from"]["id"], row["to"]["id"]))) for row in asked.questions}
    assert 50 == len(asked.questions)
    assert len({row["context"]["id"] for row in asked.questions}) >= 8
    assert len(pairs) >= 25


def test_what_was_asked_one_way_is_asked_the_other_way(asked: NextQuestions) -> None:
    """Of pairs that the run asked about in one direction only, most are asked about in the other."""
    one_way = [row for row in asked.questions if bool(row["asked"]) != bool(row["asked_reverse"])]
    assert sum(row["asked_reverse"] > 0 for row in one_way) >= len(one_way) / 2


def test_reasons_are_told(asked: NextQuestions) -> None:
    """Every question says why it is asked, and none has a gain below zero."""
    assert all(row["why"] and row["gain"] >= 0 for row in asked.questions)
