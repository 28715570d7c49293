"""`ask-next`: what a person reads, the shape of its JSON, and where there is nothing to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import graphengine
from graphengine.tables import TRUTH, upgrade_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said

OPEN, SILENT = "When a family disagrees", "When a choice cannot be undone"


def test_questions_are_told_with_titles_and_reasons(cli: Callable[..., Said], sample: Path) -> None:
    """A table of the questions: context, the two titles, bits, and why in words."""
    said = cli("ask-next", OPEN, "--n", 3)
    assert 0 == said.code
    for part in ("is this one wiser?", "The Fear Under the Quarrel", "P(top)"):
        assert part in said.out
    assert 4 == len(said.out.splitlines())


def test_shape(cli: Callable[..., Said], sample: Path) -> None:
    """`--json` gives n questions with both cards, the upgrade if there is one, gain, and why."""
    answer = cli("ask-next", "--n", 7, "--json").json
    assert ["ok", "context", "questions"] == list(answer)
    assert (True, None, 7) == (answer["ok"], answer["context"], len(answer["questions"]))
    question = answer["questions"][0]
    assert ["context", "from", "to", "upgrade_id", "gain", "p_top_from", "p_top_to", "asked", "asked_reverse",
            "why"] == list(question)
    assert question["gain"] == max(row["gain"] for row in answer["questions"])
    assert {"id", "title"} == set(question["from"])


def test_one_context_is_asked_about(cli: Callable[..., Said], sample: Path) -> None:
    """With a context named, by text or id, all questions are about it."""
    answer = cli("ask-next", OPEN, "--json").json
    assert OPEN == answer["context"]["text"]
    assert {OPEN} == {row["context"]["text"] for row in answer["questions"]}


def test_upgrades_are_known_by_their_direction(cli: Callable[..., Said], sample: Path) -> None:
    """A question has the id of the upgrade of this context and direction, or none where there is no such upgrade."""
    questions = cli("ask-next", "--n", 40, "--json").json["questions"]
    with graphengine.open(sample) as graph:
        known = {(row["context_id"], row["from_id"], row["to_id"]): row["id"]
                 for row in graph.store.read("upgrades").to_pylist()}
    found = {(row["context"]["id"], row["from"]["id"], row["to"]["id"]): row["upgrade_id"] for row in questions}
    assert {key: known.get(key) for key in found} == found


def test_without_a_ranking(cli: Callable[..., Said], votes: Path) -> None:
    """An unranked graph is asked about as well; the only pair is asked in the direction that was not asked yet."""
    cli("import", votes)
    answer = cli("ask-next", "--n", 1, "--json").json
    assert ("compass", "map") == tuple(answer["questions"][0][side]["id"] for side in ("from", "to"))
    assert "none" not in answer["questions"][0]["why"]


def test_a_context_that_no_upgrade_names(cli: Callable[..., Said], sample: Path) -> None:
    """Where no upgrade brings two values into a context, there is nothing to ask, and that is no failure."""
    said = cli("ask-next", SILENT)
    assert 0 == said.code
    assert "nothing left to ask" in said.out
    assert [] == cli("ask-next", SILENT, "--json").json["questions"]


def test_values_of_an_upgrade_without_votes(cli: Callable[..., Said], folder: Path) -> None:
    """Values of an upgrade that nobody voted on are asked about, with a reason that says so."""
    with graphengine.open(folder / "moral.graph") as graph:
        votes = folder / "votes.csv"
        votes.write_text("participant,context,from_value,to_value,answer\n"
                         + "".join(f"p{k},When lost,map,compass,wiser\nq{k},When lost,compass,map,not_wiser\n"
                                   for k in range(40)))
        graph.import_file(votes)
        new = {"context_id": "When lost", "from_id": "star", "to_id": "sun"}
        graph.import_tables({
            "cards": TRUTH["cards"].table([{"id": "star", "title": "Star"}, {"id": "sun", "title": "Sun"}]),
            "upgrades": TRUTH["upgrades"].table([{"id": upgrade_id(**new), **new}]),
        })
        answers = graph.ask_next(3).questions
    assert all({"star", "sun"} & {row["from"]["id"], row["to"]["id"]} for row in answers)
    assert "one of the two has no answer yet" in answers[0]["why"]
    assert {"Star", "Sun"} & {answers[0]["from"]["title"], answers[0]["to"]["title"]}


def test_an_empty_graph(cli: Callable[..., Said], folder: Path) -> None:
    """A graph without upgrades says what to do first."""
    graphengine.open(folder / "moral.graph").close()
    said = cli("ask-next")
    assert 1 == said.code
    assert "graphengine import" in said.err


def test_an_unknown_context(cli: Callable[..., Said], sample: Path) -> None:
    """An unknown context is an error that names the closest one."""
    said = cli("ask-next", "When a family disagree")
    assert 1 == said.code
    assert "did you mean" in said.err


@pytest.mark.parametrize("n", [0, -1])
def test_at_least_one_question(cli: Callable[..., Said], sample: Path, n: int) -> None:
    """Less than one question is wrong usage."""
    assert 2 == cli("ask-next", "--n", n).code
