"""The sample graph and the Chinese fixture: made up, whole, and drawn from their models."""

from __future__ import annotations

import csv
import importlib.util
import random
import re
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from graphengine import tables
from graphengine.sample import about, sample_files

PROJECT = Path(__file__).resolve().parents[2]
SCRIPT = PROJECT / "benchmarks" / "make_sample_votes.py"
MODEL = PROJECT / "benchmarks" / "sample_model.toml"
CHINESE = PROJECT / "tests" / "fixtures" / "zh"
CYCLE = ("truth-to-their-face", "stand-by-them", "answer-to-the-stranger")

Rows = list[dict[str, str]]


def rows(path: Path) -> Rows:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, strict=True))


def files(language: str) -> dict[str, Rows]:
    """The four tables of the sample (en) or of the Chinese fixture (zh)."""
    folder = CHINESE if language == "zh" else sample_files()["cards"].parent
    return {kind: rows(folder / f"{kind}.csv") for kind in ("cards", "scenarios", "contexts", "votes")}


def upgrades(votes: Rows) -> set[tuple[str, str, str]]:
    """Context, from card and to card of every question."""
    return {(row["context"], row["from_value"], row["to_value"]) for row in votes}


def favouring(votes: Rows, context: str, less: str, more: str) -> tuple[int, int]:
    """Answers for and against `more`, over both directions of asking."""
    told = Counter(
        (row["from_value"], row["to_value"], row["answer"]) for row in votes if row["context"] == context
    )
    return (
        told[less, more, "wiser"] + told[more, less, "not_wiser"],
        told[less, more, "not_wiser"] + told[more, less, "wiser"],
    )


@pytest.fixture(scope="module")
def sample() -> dict[str, Rows]:
    """The tables of the sample."""
    return files("en")


def test_files_come_in_the_order_of_import() -> None:
    """The sample names its four files so that each refers only to what came before it, and all exist."""
    assert list(sample_files()) == ["cards", "contexts", "scenarios", "votes"]
    assert all(path.is_file() for path in sample_files().values())


def test_says_that_it_is_made_up() -> None:
    """The first heading of the README says that nobody holds what the sample says."""
    assert about().splitlines()[0] == "# The sample graph is made up"


def test_size(sample: dict[str, Rows]) -> None:
    """The sample is as large as its README says, and small enough for a package."""
    counts = {kind: len(table) for kind, table in sample.items()}
    assert {"cards": 54, "scenarios": 3, "contexts": 11, "votes": 1535} == counts
    assert len(upgrades(sample["votes"])) == 93
    assert len({row["participant"] for row in sample["votes"]}) == 300
    for number in ("54 values cards", "3 scenarios", "11 contexts", "1,535 votes on 93 upgrades"):
        assert number in about()
    assert sum(path.stat().st_size for path in sample_files().values()) < 400_000


@pytest.mark.parametrize("language", ["en", "zh"])
def test_columns_are_the_import_formats(language: str) -> None:
    """Every file has the columns that need no mapping."""
    expected = {
        "cards": ["id", "title", "description", "policies", "author", "duplicate_of"],
        "scenarios": ["id", "text", "image", "contexts"],
        "contexts": ["id", "text"],
        "votes": ["participant", "context", "from_value", "to_value", "answer", "scenario", "story", "at"],
    }
    assert expected == {kind: list(table[0]) for kind, table in files(language).items()}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_reference_holds(language: str) -> None:
    """Votes, scenarios and duplicates name only cards, contexts and scenarios that are there."""
    data = files(language)
    cards, contexts = ({row["id"] for row in data[kind]} for kind in ("cards", "contexts"))
    raised = {(row["id"], text) for row in data["scenarios"] for text in row["contexts"].split("\n")}
    assert {text for _, text in raised} == contexts
    assert {row["from_value"] for row in data["votes"]} | {row["to_value"] for row in data["votes"]} <= cards
    assert {(row["scenario"], row["context"]) for row in data["votes"]} <= raised
    assert {row["duplicate_of"] for row in data["cards"]} - {""} <= cards
    assert {row["author"] for row in data["cards"]} <= {row["participant"] for row in data["votes"]}
    assert {row["answer"] for row in data["votes"]} == set(tables.ANSWERS)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_card_has_three_to_seven_policies_that_differ(language: str) -> None:
    """A value is a set of things attended to; each card has its own title, description and policies."""
    cards = files(language)["cards"]
    policies = [row["policies"].split("\n") for row in cards]
    assert all(3 <= len(each) <= 7 for each in policies)
    flat = [policy for each in policies for policy in each]
    assert len(flat) == len(set(flat))
    assert len({row["title"] for row in cards}) == len({row["description"] for row in cards}) == len(cards)


def test_policies_begin_with_what_is_attended_to(sample: dict[str, Rows]) -> None:
    """Each policy opens with a capitalised word: MOMENTS when, WORDS that."""
    policies = [policy for row in sample["cards"] for policy in row["policies"].split("\n")]
    assert [policy for policy in policies if not re.match(r"[A-Z]{3,}\b", policy)] == []


@pytest.mark.parametrize(("language", "longest"), [("en", 260), ("zh", 100)])
def test_each_upgrade_has_a_story_of_its_own(language: str, longest: int) -> None:
    """Every upgrade has exactly one story, told once in the file, short, and unlike all others."""
    votes = files(language)["votes"]
    stories = defaultdict(list)
    for row in votes:
        stories[row["context"], row["from_value"], row["to_value"]].append(row["story"])
    told = [[story for story in each if story] for each in stories.values()]
    assert {len(each) for each in told} == {1}
    assert len({each[0] for each in told}) == len(told)
    assert max(len(each[0]) for each in told) <= longest


@pytest.mark.parametrize("language", ["en", "zh"])
def test_one_answer_per_person_and_upgrade(language: str) -> None:
    """Nobody answers an upgrade twice, or an upgrade and its opposite."""
    votes = files(language)["votes"]
    asked = Counter(
        (row["participant"], row["context"], frozenset((row["from_value"], row["to_value"]))) for row in votes
    )
    assert asked.most_common(1)[0][1] == 1


def test_a_person_gives_three_to_eight_votes(sample: dict[str, Rows]) -> None:
    """The number of votes per person stays within what a short survey asks for."""
    each = Counter(row["participant"] for row in sample["votes"]).values()
    assert (min(each), max(each)) == (3, 8)


def test_questions_in_both_directions(sample: dict[str, Rows]) -> None:
    """At least a fifth of the upgrades are asked the other way round too."""
    asked = upgrades(sample["votes"])
    both = [one for one in asked if (one[0], one[2], one[1]) in asked]
    assert len(both) == 34
    assert len(both) / len(asked) >= 0.2


def test_yes_is_the_easy_answer(sample: dict[str, Rows]) -> None:
    """Where a pair is asked both ways, yes is more frequent than no: the yes-bias can be seen."""
    asked = upgrades(sample["votes"])
    answers = Counter(
        row["answer"]
        for row in sample["votes"]
        if (row["context"], row["to_value"], row["from_value"]) in asked
    )
    assert answers["wiser"] > 1.3 * answers["not_wiser"]


def test_some_voters_are_careless(sample: dict[str, Rows]) -> None:
    """A few people with many votes answer anything but yes to all of them, which no honest voter would."""
    said = defaultdict(list)
    for row in sample["votes"]:
        said[row["participant"]].append(row["answer"])
    stubborn = [each for each in said.values() if len(each) >= 4 and set(each) in ({"not_wiser"}, {"unsure"})]
    assert 2 <= len(stubborn) <= 30


def test_a_context_without_votes(sample: dict[str, Rows]) -> None:
    """One context is known from its file only."""
    voted = {row["context"] for row in sample["votes"]}
    assert {row["id"] for row in sample["contexts"]} - voted == {"When a choice cannot be undone"}


def test_a_card_without_votes_and_a_duplicate(sample: dict[str, Rows]) -> None:
    """One card was never voted on, and one raw card stands for a canonical one, with votes of its own."""
    voted = {row["from_value"] for row in sample["votes"]} | {row["to_value"] for row in sample["votes"]}
    assert {row["id"] for row in sample["cards"]} - voted == {"back-to-routine"}
    raw = {row["id"]: row["duplicate_of"] for row in sample["cards"] if row["duplicate_of"]}
    assert raw == {"sit-quietly": "silence-that-stays"}
    assert set(raw) <= voted


def test_the_tie_is_even_and_asked_both_ways(sample: dict[str, Rows]) -> None:
    """The two leading cards of one context beat the others, and hardly each other."""
    pair = ("fear-under-the-quarrel", "what-still-matters")
    for_, against = favouring(sample["votes"], "When a family disagrees", *pair)
    assert 0.4 < for_ / (for_ + against) < 0.6
    for rival in ("settle-it", "keep-the-peace"):
        for card in pair:
            ahead, behind = favouring(sample["votes"], "When a family disagrees", rival, card)
            assert ahead > 3 * behind


def test_the_cycle_goes_round(sample: dict[str, Rows]) -> None:
    """Each of three cards beats the next by a majority of the answers that decide."""
    for more, less in zip(CYCLE, (*CYCLE[1:], CYCLE[0]), strict=True):
        ahead, behind = favouring(sample["votes"], "When loyalty and honesty pull apart", less, more)
        assert ahead > 2 * behind


def test_a_clear_winner_beats_every_rival(sample: dict[str, Rows]) -> None:
    """When grieving, the wisest card wins every comparison it is in."""
    winner = "silence-that-stays"
    rivals = {
        row["from_value"] if row["to_value"] == winner else row["to_value"]
        for row in sample["votes"]
        if row["context"] == "When grieving" and winner in (row["from_value"], row["to_value"])
    }
    assert len(rivals) >= 3
    for rival in rivals:
        ahead, behind = favouring(sample["votes"], "When grieving", rival, winner)
        assert ahead > 3 * behind


def test_two_islands(sample: dict[str, Rows]) -> None:
    """In one context, no chain of questions leads from some cards to the others."""
    pairs = {(a, b) for context, a, b in upgrades(sample["votes"]) if context == "When worn out by caring"}
    reached = {"permission-to-rest"}
    while more := {card for pair in pairs if reached & set(pair) for card in pair} - reached:
        reached |= more
    assert reached == {"permission-to-rest", "push-through", "ask-for-hands"}
    assert "hear-the-resentment" in {card for pair in pairs for card in pair} - reached


def test_few_answers_in_one_context(sample: dict[str, Rows]) -> None:
    """One context has hardly any answers, and still some on each of its upgrades."""
    few = [row for row in sample["votes"] if row["context"] == "When asked for a promise"]
    assert len(few) < 30
    assert len(upgrades(few)) == 4


@pytest.mark.parametrize(
    ("model", "votes"), [(MODEL, sample_files()["votes"]), (CHINESE / "model.toml", CHINESE / "votes.csv")]
)
def test_the_script_draws_the_same_bytes(model: Path, votes: Path, tmp_path: Path) -> None:
    """The model file gives exactly the votes that are in the package, and in the fixture."""
    out = tmp_path / "votes.csv"
    subprocess.run([sys.executable, str(SCRIPT), str(model), str(out)], check=True, capture_output=True)
    assert out.read_bytes() == votes.read_bytes()


def script() -> Any:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("make_sample_votes", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_answers_follow_the_model() -> None:
    """Ten thousand draws of one upgrade come out in the shares that the documented formula gives."""
    rng, module = random.Random(0), script()
    said = Counter(module.answer(rng, 0.5 + 1.0, 0.35) for _ in range(10_000))
    shares = [said[answer] / 10_000 for answer in tables.ANSWERS]
    assert pytest.approx([0.7595, 0.1359, 0.1046], abs=0.015) == shares


def test_the_model_covers_every_card_that_was_voted_on(sample: dict[str, Rows]) -> None:
    """Strengths are written down for exactly the cards that a context compares."""
    for context in tomllib.loads(MODEL.read_text(encoding="utf-8"))["context"]:
        asked = {card for text, *pair in upgrades(sample["votes"]) if text == context["text"] for card in pair}
        assert set(context["strengths"]) == asked


def test_a_wrong_call_of_the_script_says_how() -> None:
    """One argument is neither a model nor a model and a file: the usage is printed."""
    done = subprocess.run([sys.executable, str(SCRIPT), "x"], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "MODEL.toml OUT.csv" in done.stderr
