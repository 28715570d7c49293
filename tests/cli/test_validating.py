"""`graphengine validate`."""

from __future__ import annotations

import csv

import pytest

from graphengine.answers_validity import PARTS
from graphengine.ranked import validity

pytestmark = pytest.mark.slow


def _votes(folder, rows, header=("participant", "context", "from_value", "to_value", "answer")):
    path = folder / "votes.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def test_plain_words_then_numbers(cli, sample):
    """Every part stands with its verdict and its figures; progress goes to stderr."""
    said = cli("validate", "--shuffles", 20, "--orders", 3)
    assert 0 == said.code
    for words in ("With the answers shuffled", "asked about in both directions", "different winners per context",
                  "“Not wiser” is", "another card would lead without", "gave the same answer", "With half of the",
                  "methods name the same card"):
        assert words in said.out
    assert said.out.index("Of 9 checks") < said.out.index("With the answers shuffled")
    assert "shuffling answers" in said.err
    assert " nan" not in said.out.lower()


def test_json_has_stable_keys(cli, sample):
    """`--json` prints one object with every part, each with the same six keys."""
    said = cli("validate", "--shuffles", 10, "--orders", 2, "--json")
    assert list(PARTS) == list(said.json["parts"])
    assert {("title", "verdict", "level", "figures", "columns", "rows")} == {
        tuple(part) for part in said.json["parts"].values()}
    assert ["ok", "context", "contexts", "contexts_with_votes", "votes", "people", "parameters", "overall", "parts",
            "notes"] == list(said.json)
    assert (10, 2) == (said.json["parameters"]["shuffles"], said.json["parameters"]["orders"])
    assert "" == said.err


def test_the_same_votes_give_the_same_report(cli, sample):
    """Nothing in the report is left to chance."""
    command = ("validate", "--shuffles", 10, "--orders", 2, "--json")
    assert cli(*command).json == cli(*command).json


def test_one_context(cli, sample):
    """A context by its text: its rows only, ranked with what all contexts share."""
    everything = cli("validate", "--shuffles", 10, "--orders", 2, "--json").json
    name = everything["parts"]["thresholds"]["rows"][0]["context_id"]
    one = cli("validate", name, "--shuffles", 10, "--orders", 2, "--json").json
    assert (1, name) == (one["contexts"], one["context"]["id"])
    assert everything["contexts_with_votes"] == one["contexts_with_votes"]
    assert everything["parameters"] == one["parameters"]
    whole = {row["context_id"]: row for row in everything["parts"]["thresholds"]["rows"]}
    assert [whole[one["context"]["id"]]] == one["parts"]["thresholds"]["rows"]


def test_no_votes(cli, folder):
    """An empty graph, an unknown context, and a context that nobody answered: a message, a way on, no traceback."""
    cards = folder / "cards.csv"
    cards.write_text("id,title\na,A\n", encoding="utf-8")
    cli("import", cards)
    said = cli("validate")
    assert (1, True) == (said.code, "there are no votes" in said.err)
    assert "graphengine import" in said.err
    cli("import", _votes(folder, [("p1", "When lost", "a", "b", "wiser")]))
    contexts = folder / "contexts.csv"
    contexts.write_text("id,text\nWhen found,When found\n", encoding="utf-8")
    cli("import", contexts)
    said = cli("validate", "When fond")
    assert (1, True) == (said.code, "When found" in said.err)
    said = cli("validate", "When found")
    assert (1, True) == (said.code, "nobody has answered anything in the context" in said.err)


@pytest.mark.parametrize("answer", ["unsure", "wiser"])
def test_one_kind_of_answer(cli, folder, answer):
    """A survey in which everybody answered the same gives a report that says what can't be said."""
    cli("import", _votes(folder, [(f"p{n}", "When lost", "a", "b", answer) for n in range(6)]))
    said = cli("validate", "--json")
    assert 0 == said.code
    assert "unknown" == said.json["parts"]["placebo"]["level"]
    assert "only one kind of answer" in said.json["parts"]["placebo"]["verdict"]
    assert "can't be told apart" in said.json["parts"]["yes_bias"]["verdict"]


def test_small_groups_and_pseudonyms_do_not_show(cli, folder):
    """Groups below k are masked everywhere; a careless voter's pseudonym shows with --people only."""
    rows = [(f"p{n}", "When lost", f"v{q}", f"v{(q + 1 + n % 3) % 6}", "not_wiser" if n == 0 else "wiser" if
             (n + q) % 3 else "unsure", "few" if n < 3 else "many") for n in range(20) for q in range(6)
            if (1 + n % 3) % 6]
    cli("import", _votes(folder, rows, ("participant", "context", "from_value", "to_value", "answer", "camp")),
        "--group", "camp")
    said = cli("validate", "--json", "--shuffles", 5)
    assert "camp=few" not in said.out
    assert 2 == said.json["parts"]["groups"]["figures"]["masked_groups"]
    assert "user_id" not in said.out
    shown = cli("validate", "--json", "--shuffles", 5, "--people").json["parts"]["careless"]["rows"]
    assert ["not_wiser"] == [row["answer"] for row in shown]
    assert all(len(row["user_id"]) >= 16 for row in shown)


def test_of_many_contexts_a_fixed_few(cli, sample, monkeypatch):
    """Of more contexts than the limit, always the same ones are looked at, and the report says so."""
    monkeypatch.setattr(validity, "MOST_CONTEXTS", 2)
    said = cli("validate", "--shuffles", 5, "--orders", 2, "--json").json
    assert 2 == said["contexts"] < said["contexts_with_votes"]
    assert "2 of" in said["notes"][0]
    again = cli("validate", "--shuffles", 5, "--orders", 2)
    assert "note: 2 of" in again.err


def test_with_and_without_a_stored_ranking(cli, own):
    """A report needs no ranking; with one that fits the votes it takes its calibration, to the same figures."""
    first = cli("validate", "--shuffles", 5, "--orders", 2, "--json").json
    rank = cli("rank", "--json").json
    assert rank["calibration"]["yes_bias"] == first["parameters"]["beta"]
    assert first == cli("validate", "--shuffles", 5, "--orders", 2, "--json").json
