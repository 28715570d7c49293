"""`structure` and `path`: words first, numbers after, stable keys, errors with a way out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import graphengine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said

pytestmark = pytest.mark.slow

HEAD = "participant,context,from_value,to_value,answer\n"


@pytest.fixture
def survey(folder: Path) -> Path:
    """A circle of three, a pair apart from it, a card that is only "unsure", an order elsewhere, a card never asked."""
    path = folder / "votes.csv"
    rows = [f"p{n},When lost,{a},{b},wiser" for n in range(6) for a, b in (("map", "sun"), ("sun", "moss"),
                                                                           ("moss", "map"), ("north", "south"))]
    rows += ["p1,When lost,south,fog,unsure"]
    rows += [f"p{n},When tired,{a},{b},{answer}" for n in range(9)
             for a, b, answer in (("run", "walk", "wiser"), ("walk", "rest", "wiser"), ("rest", "walk", "not_wiser"),
                                  ("walk", "run", "not_wiser"))]
    path.write_text(HEAD + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_circles_and_pieces_in_words(cli: Callable[..., Said], survey: Path) -> None:
    """Without any ranking, `structure` says what is not compared and what runs in a circle; then come numbers."""
    cli("import", survey)
    said = cli("structure", "When lost")
    assert 0 == said.code
    words, numbers = said.out.split("\n\n")
    assert "its 6 values fall into 2 components that no question ties together" in words
    assert "values in different ones are not compared" in words
    assert "no order supported here: map → sun → moss → map" in words
    assert "only “unsure” was answered about: fog" in words
    assert ["When", "lost", "6", "5", "2", "1", "3", "0.750", "1", "0.000"] == numbers.splitlines()[1].split()


def test_all_contexts(cli: Callable[..., Said], survey: Path) -> None:
    """Without a context: a summary, words only where there is something to say, and a row for each context."""
    cli("import", survey)
    said = cli("structure")
    assert "contexts with answers: 2" in said.out
    assert "with circles, so that no order of all their values is supported: 1" in said.out
    words, numbers = said.out.split("\n\n")
    assert "When tired" not in words
    assert "When tired" in numbers
    assert "no circle: the answers on its pairs allow an order" in cli("structure", "When tired").out


def test_json_keys(cli: Callable[..., Said], survey: Path) -> None:
    """`structure --json` has one object per context with the columns of the table and the words."""
    cli("import", survey)
    answer = cli("structure", "--json").json
    assert ["ok", "words", "contexts"] == list(answer)
    lost, tired = answer["contexts"]
    assert {"id": "When lost", "text": "When lost"} == lost["context"]
    assert ["context", "words", "context_id", "cards", "pairs", "components", "cyclic_cards", "cycles", "cyclicity",
            "triangles", "transitivity", "isolated", "never_asked"] == list(lost)
    assert [["map", "sun", "moss"]] == lost["cycles"]
    assert (None, None, []) == (tired["cyclicity"], tired["transitivity"], tired["cycles"])


def test_a_context_without_answers_and_values_never_asked(cli: Callable[..., Said], sample: Path) -> None:
    """A context that nobody answered in is told as such, with the values that wait there."""
    answer = cli("structure", "When a choice cannot be undone", "--json").json["contexts"][0]
    assert (0, 0, 0, None) == tuple(answer[key] for key in ("cards", "pairs", "components", "cyclicity"))
    assert "nobody has answered anything here yet" in answer["words"]
    asked = cli("structure", "When grieving", "--json").json["contexts"][0]
    waiting = cli("ranking", "When grieving", "--json").json["never_asked"]
    assert [card["id"] for card in waiting] == asked["never_asked"]


def test_an_empty_graph_and_an_unknown_context(cli: Callable[..., Said], votes: Path) -> None:
    """No votes: a sentence and no table; a misspelt context: the closest."""
    graphengine.open("moral.graph").close()
    assert "no context has answers" == cli("structure").out.splitlines()[-1]
    cli("import", votes)
    said = cli("structure", "When lots")
    assert 1 == said.code
    assert "did you mean 'When lost'?" in said.err


def test_path_names_its_weakest_link(cli: Callable[..., Said], survey: Path) -> None:
    """`path` shows the chain, its weakest link in words, and each link with its probability."""
    cli("import", survey, "--rank")
    said = cli("path", "When tired", "run", "rest")
    assert 0 == said.code
    lines = said.out.splitlines()
    assert "run → walk → rest" == lines[0]
    assert lines[1].startswith("as strong as its weakest link: ")
    assert ["less", "wise", "wiser", "P(wiser)", "certain"] == lines[2].split()
    assert 5 == len(lines)


def test_path_json(cli: Callable[..., Said], survey: Path) -> None:
    """`path --json` has the ids in order, the links, and the weakest of them."""
    cli("import", survey, "--rank")
    answer = cli("path", "When tired", "run", "rest", "--json").json
    assert ["ok", "context", "from", "to", "found", "path", "links", "weakest", "reason"] == list(answer)
    assert (True, ["run", "walk", "rest"]) == (answer["found"], answer["path"])
    assert min(link["p_model"] for link in answer["links"]) == answer["weakest"]["p_model"]
    assert {"id": "run", "title": "run"} == answer["from"]


@pytest.mark.parametrize(("start", "end", "words"), [
    ("rest", "run", "the answers lead the other way, from run to rest"),
    ("map", "north", "no question ties these two together: they are not compared"),
])
def test_no_path_says_why(cli: Callable[..., Said], survey: Path, start: str, end: str, words: str) -> None:
    """Where no chain leads, `path` says whether it leads back, or nothing ties the two together."""
    cli("import", survey, "--rank")
    context = "When tired" if start == "rest" else "When lost"
    said = cli("path", context, start, end)
    assert (0, words) == (said.code, said.out.strip())
    assert [] == cli("path", context, start, end, "--json").json["path"]


def test_path_errors(cli: Callable[..., Said], survey: Path) -> None:
    """Before ranking, with one card twice, or with an unknown card, `path` fails with what to do."""
    cli("import", survey)
    assert "graphengine rank" in cli("path", "When tired", "run", "rest").err
    cli("rank")
    assert "these two are one" in cli("path", "When tired", "run", "run").err
    assert "did you mean" in cli("path", "When tired", "run", "rets").err


def test_certain_edges_are_marked(cli: Callable[..., Said], survey: Path) -> None:
    """`edges` and `explain` say of each edge whether it is certain; one "wiser" where all say it is not enough."""
    survey.write_text(survey.read_text(encoding="utf-8") + "p1,When lost,north,mist,wiser\n", encoding="utf-8")
    cli("import", survey, "--rank")
    answer = cli("edges", "When tired", "--json").json
    assert all(isinstance(edge["shown"], bool) for edge in answer["edges"])
    assert any(edge["shown"] for edge in answer["edges"])
    unsure = next(edge for edge in cli("edges", "When lost", "--json").json["edges"]
                  if "mist" in (edge["from_id"], edge["to_id"]))
    assert unsure["shown"] is False
    assert "certain" in cli("edges", "When tired").out.splitlines()[0].split()
    assert "certain" in cli("explain", "When tired", "rest").out


def test_one_persons_answers_take_the_win_away(cli: Callable[..., Said], folder: Path) -> None:
    """`rank` names no winner where three people stand behind it, and `wisest` says why; with six it does."""
    def ask(people: int) -> Said:
        path = folder / f"votes{people}.csv"
        path.write_text(HEAD + "".join(
            f"p{n},When torn,{a},{b},{answer}\n" for n in range(people)
            for a, b, answer in (("rush", "wait", "wiser"), ("wait", "rush", "not_wiser"), ("push", "wait", "wiser"),
                                 ("wait", "push", "not_wiser"))), encoding="utf-8")
        cli("import", path, "--graph", folder / f"g{people}", "--rank")
        return cli("wisest", "When torn", "--graph", folder / f"g{people}")

    few, many = ask(3), ask(9)
    assert "removing one person's answers would take the win away (without them, " in few.out
    assert "one value is the wisest" in many.out
    assert "no one person's answers decide it" in many.out
