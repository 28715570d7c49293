"""Asking in words: what a person reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said


pytestmark = pytest.mark.slow


SURE, OPEN, SILENT = "When grieving", "When a family disagrees", "When a choice cannot be undone"


def test_a_single_winner_is_told_with_its_text(cli: Callable[..., Said], sample: Path) -> None:
    """`wisest` names the card, its policies, how sure that is, and why."""
    said = cli("wisest", SURE)
    assert 0 == said.code
    for part in ("one value is the wisest", "1. Silence That Stays", "P(top) 0.99", "- MOMENTS when", "because: "):
        assert part in said.out


def test_an_open_vote_is_told_as_open(cli: Callable[..., Said], sample: Path) -> None:
    """Where no card is sure enough, `wisest` says so and lists those that may be."""
    said = cli("wisest", OPEN)
    assert "no single winner, 2 values may be the wisest" in said.out
    assert "1. The Fear Under the Quarrel" in said.out


def test_a_context_without_votes(cli: Callable[..., Said], sample: Path) -> None:
    """A context in which nobody answered has no wisest value, and the reason says why."""
    said = cli("wisest", SILENT)
    assert 0 == said.code
    assert "nothing is ranked" in said.out
    assert "nobody has answered" in said.out


def test_a_context_of_duplicates_only(cli: Callable[..., Said], folder: Path) -> None:
    """Where all answers are about a card and its own duplicate, ranking again is not asked: it would change nothing."""
    (folder / "votes.csv").write_text(
        "participant,context,from_value,to_value,answer\np1,A,x,y,wiser\np2,A,x,y,wiser\np1,B,u,v,wiser\n")
    (folder / "cards.csv").write_text("id,title,duplicate_of\nx,x,y\ny,y,\n")
    cli("import", folder / "votes.csv")
    cli("rank")
    cli("import", folder / "cards.csv")
    cli("rank")
    said = cli("wisest", "A")
    assert "all answers in this context are about a card and its own duplicate" in said.out
    assert "rank again" not in said.out


def test_a_misspelt_context_is_corrected(cli: Callable[..., Said], sample: Path) -> None:
    """The hint of an unknown context names the closest one."""
    said = cli("wisest", "When greiving")
    assert (1, "") == (said.code, said.out)
    assert "did you mean 'When grieving'?" in said.err


def test_without_a_ranking_it_says_what_to_run(cli: Callable[..., Said], votes: Path) -> None:
    """Asking before ranking is an error whose hint is the command to type."""
    cli("import", votes)
    said = cli("wisest", "When lost")
    assert 1 == said.code
    assert "graphengine rank" in said.err


def test_changed_votes_make_the_answer_stale(cli: Callable[..., Said], votes: Path) -> None:
    """After new votes, `wisest` and `ranking` still answer, and note that the ranking is older."""
    cli("import", votes, "--rank")
    votes.write_text(votes.read_text() + "p9,When lost,map,compass,wiser\n")
    cli("import", votes)
    for command in ("wisest", "ranking"):
        said = cli(command, "When lost")
        assert 0 == said.code
        assert "compass" in said.out
        assert "graphengine rank" in said.err
        assert cli(command, "When lost", "--json").json["stale"] is True


def test_ranking_is_an_aligned_table(cli: Callable[..., Said], sample: Path) -> None:
    """`ranking` shows one line per card under headings, columns aligned."""
    lines = cli("ranking", SURE).out.splitlines()
    assert SURE == lines[0]
    assert ["rank", "id", "title", "score", "from", "to", "P(top)", "wisest"] == lines[1].split()
    titles = [line.index(title) for line, title in zip(lines[2:4], ("Silence That", "Naming the Loss"), strict=True)]
    assert lines[1].index("title") == titles[0] == titles[1]


def test_wide_characters_are_aligned(cli: Callable[..., Said], folder: Path) -> None:
    """Chinese titles take two columns each, so the numbers after them still stand under each other."""
    (folder / "cards.csv").write_text("id,title\na,陪伴\nb,Stay\n", encoding="utf-8")
    cli("import", "cards.csv")
    lines = cli("query", "MATCH (c:ValuesCard) RETURN c.title AS title, 7 AS x ORDER BY c.id").out.splitlines()
    assert ["title  x", "陪伴   7", "Stay   7"] == lines


def test_cards_nobody_was_asked_about_are_named(cli: Callable[..., Said], folder: Path) -> None:
    """`ranking` lists, below the table, cards that an upgrade names but nobody answered about (any more)."""
    rows = "participant,context,from_value,to_value,answer\np1,C,a,b,wiser\np2,C,c,d,wiser\n"
    (folder / "votes.csv").write_text(rows)
    cli("import", "votes.csv", "--rank")
    assert "nobody was asked about" not in cli("ranking", "C").out
    cli("erase-user", "p2", "--yes")
    assert "nobody was asked about: c, d" in cli("ranking", "C").out


def test_explain_tells_place_edges_and_votes(cli: Callable[..., Said], sample: Path) -> None:
    """`explain` shows rank, edges by title, upgrades with counts and stories."""
    said = cli("explain", SURE, "silence-that-stays")
    assert "rank 1, score" in said.out
    assert "Keeping Spirits Up" in said.out
    assert "not wiser  unsure  story" in said.out


def test_explain_of_a_card_that_is_not_ranked(cli: Callable[..., Said], sample: Path) -> None:
    """A card nobody answered about in the context is said to be unranked."""
    said = cli("explain", SURE, "back-to-routine")
    assert 0 == said.code
    assert "is not ranked here" in said.out


def test_edges_show_both_directions(cli: Callable[..., Said], sample: Path) -> None:
    """Edges of the model show the answers to both questions; edges of a rule its counters and likelihood."""
    assert "wiser/not/unsure  asked the other way" in cli("edges", SURE).out
    assert "likelihood" in cli("edges", SURE, "--edge-rule", "any-wiser").out


def test_parameters_are_typed_by_the_header(cli: Callable[..., Said], sample: Path) -> None:
    """A parameter of a query file becomes what its header says; a wrong one is named."""
    said = cli("query", "upgrade_path", "-p", f"context={SURE}", "-p", "from_card=keep-spirits-up",
               "-p", "to_card=silence-that-stays", "--json")
    assert 1 == said.json["rows"][0]["steps"]
    wrong = cli("query", "wisest_value", "-p", "contxt=x")
    assert 1 == wrong.code
    assert "'contxt'" in wrong.err
    assert "context (string)" in wrong.err


def test_parameters_of_own_cypher_are_texts_or_json(cli: Callable[..., Said], sample: Path) -> None:
    """`KEY=VALUE` stays a text, since ids look like numbers; `KEY:=VALUE` is JSON."""
    text = "RETURN $a AS a, $b AS b, $c AS c"
    rows = cli("query", text, "-p", "a=165", "-p", "b:=165", "-p", "c:=[\"x\", \"y=z\"]", "--json").json["rows"]
    assert [{"a": "165", "b": 165, "c": ["x", "y=z"]}] == rows


def test_a_missing_parameter_of_own_cypher_is_an_error(cli: Callable[..., Said], sample: Path) -> None:
    """A parameter that is not given is named, and is never taken for null."""
    said = cli("query", "MATCH (c:Context {id: $id}) RETURN c.id")
    assert 1 == said.code
    assert "'id' is missing" in said.err


@pytest.mark.parametrize("text", [
    "CREATE (:User {id: 'x'})", "MATCH (n) DETACH DELETE n", "CALL show_tables() RETURN *", "LOAD FROM 'x' RETURN *",
    "COPY (MATCH (n) RETURN n.id) TO 'out.csv'", "MATCH (n) RETURN n.id; MATCH (m) DETACH DELETE m",
])
def test_queries_that_do_more_than_read_are_refused(cli: Callable[..., Said], sample, folder: Path, text: str) -> None:
    """What could write, call or touch files is refused with its place, nothing happens, no file appears."""
    before = cli("doctor", "--json").json["facts"]["content_hash"]
    said = cli("query", text)
    assert 1 == said.code
    assert "the query is refused at line 1" in said.err
    assert before == cli("doctor", "--json").json["facts"]["content_hash"]
    assert [] == list(folder.iterdir())


def test_hostile_names_are_only_names(cli: Callable[..., Said], sample: Path) -> None:
    """Contexts and cards named like Cypher are looked up as texts, and nothing else happens."""
    before = cli("doctor", "--json").json["holds"]
    for name in ("x'}) DETACH DELETE n //", "`", "$context", "\\u0027", "{id: 1}"):
        assert "not_found" == cli("wisest", name, "--json").json["error"]
        assert "not_found" == cli("explain", SURE, name, "--json").json["error"]
    assert before == cli("doctor", "--json").json["holds"]
