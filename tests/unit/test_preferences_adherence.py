"""Kinds that follow the winning card: adherence, whose pairs come from ratings, and sft."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from graphengine.errors import ExportError, InputError
from graphengine.preferences import prompt_rows
from graphengine.preferences.adherence import ADHERENCE, NO_RATING, TOO_CLOSE, Rule
from graphengine.preferences.evidence import evidence_of
from graphengine.preferences.orderings import EVEN
from graphengine.preferences.rendering import text_of
from graphengine.preferences.sft import LENGTHS, NEGATIVES, SFT
from graphengine.preferences.texts import Texts
from graphengine.preferences.writer import Writer
from tests.written_sources import CONTEXTS, PROMPTS, SOURCE, Cells, Echo, made, opinion, write_csv

# adherence


def rating(response: str, score: float, rater: str) -> Cells:
    """A rating of a response to the first context."""
    return opinion(CONTEXTS[0], response, score=score, rater=rater)


def test_ratings_by_people_become_pairs(tmp_path: Path) -> None:
    """The rule: threshold, agreement, and a difference that counts in proportion."""
    scores = {"a": (5, 5, 4), "b": (3, 3, 3), "c": (4, 3, 4), "d": (15, 3, 3)}
    rows = [rating(name, score, f"r{n}") for name, each in scores.items() for n, score in enumerate(each)]
    done = made(Texts(ratings=write_csv(tmp_path / "rated.csv", rows)), "adherence")
    assert ADHERENCE == done.table.schema
    found = {tuple(row["response_ids"]): row for row in done.table.to_pylist()}
    assert {("a", "b"), ("a", "c"), ("d", "b")} == set(found)
    assert {TOO_CLOSE: 1, EVEN: 2} == done.left_out, "b-c are close; the mean of d is high by one rater of three"
    full, half = found["a", "b"], found["a", "c"]
    assert evidence_of(3, 0).times(5 / 6).p_chosen == pytest.approx(full["p_chosen"])
    assert evidence_of(2, 0, 1).times(0.5).weight == pytest.approx(half["weight"])
    assert 2 * half["p_chosen"] - 1 == pytest.approx(half["weight"])
    assert (14 / 3, 3.0) == pytest.approx((full["rating_chosen"], full["rating_rejected"]))
    winner = next(row for row in prompt_rows(SOURCE)[0].to_pylist() if row["context_id"] == CONTEXTS[0])
    assert winner["card_id"] == full["card_id"]


def test_the_rule_is_a_parameter(tmp_path: Path) -> None:
    """A lower threshold makes more pairs; a rule that can't be is an error."""
    rows = [rating("a", 3, "r"), rating("b", 2.5, "r"), rating("c", 1, "r")]
    path = write_csv(tmp_path / "rated.csv", rows)
    assert [2, 3, 0] == [
        made(Texts(ratings=path, rule=rule), "adherence").table.num_rows
        for rule in (Rule(), Rule(threshold=0.5), Rule(threshold=3, full=3))
    ]
    for wrong in ({"threshold": 0.0}, {"threshold": 3.0, "full": 2.0}, {"samples": 1}, {"times": 0}):
        with pytest.raises(InputError):
            Rule(**wrong)


def test_a_model_writes_and_rates() -> None:
    """Several answers to each prompt that follow no card, each rated several times as JSON against the winning card."""
    echo = Echo()
    done = made(Texts(writer=Writer(echo), rule=Rule(samples=3, times=2)), "adherence")
    prompts = PROMPTS.to_pylist()
    written = [each for each in echo.asked if not each.json]
    rated = [each for each in echo.asked if each.json]
    assert (3 * len(prompts), 2 * 3 * len(prompts)) == (len(written), len(rated))
    assert not any(row["card"] in each.messages[0][1] for each in written for row in prompts[:1])
    assert prompts[0]["card"] in rated[0].messages[0][1]
    for row in done.table.to_pylist():
        assert row["rating_chosen"] - row["rating_rejected"] >= 1
        assert (2, 0, 0) == (row["wiser"], row["not_wiser"], row["unsure"])
    assert {"threshold": 1.0, "full": 2.0, "samples": 3, "times": 2} == done.facts["rule"]


@pytest.mark.parametrize("text", ['{"rating": 6}', '{"rating": 0}', "5", '{"rating": "5"}', "Rating: 5", ""])
def test_ratings_that_were_not_asked_for_are_counted(text: str) -> None:
    """A rating out of range, or not as JSON, is left out."""
    rater = Writer(Echo(lambda _, answer: replace(answer, text=text)))
    done = made(Texts(writer=Writer(Echo()), rater=rater, rule=Rule(samples=2, times=1)), "adherence")
    assert 0 == done.table.num_rows
    assert 2 * PROMPTS.num_rows == done.left_out[NO_RATING]


def test_people_rate_what_a_model_wrote(tmp_path: Path) -> None:
    """The responses go out as a file; filled in, it comes back as ratings of the same responses."""
    path = tmp_path / "to-rate.csv"
    echo = Echo()
    texts = Texts(writer=Writer(echo), rule=Rule(samples=2), to_rate=path)
    with pytest.raises(ExportError, match="nobody has rated them yet"):
        made(texts, "adherence")
    with pytest.raises(ExportError, match="is there already"):
        made(texts, "adherence")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert 2 * PROMPTS.num_rows == len(rows)
    for number, row in enumerate(rows):
        row |= {"score": str(1 + 3 * (number % 2)), "rater": "anna"}
    done = made(Texts(ratings=write_csv(path, rows)), "adherence")
    assert len(rows) / 2 == done.table.num_rows
    lean = [{name: row[name] for name in ("prompt_id", "response_id", "score", "rater")} for row in rows]
    again = made(Texts(writer=Writer(echo), rule=Rule(samples=2), ratings=write_csv(path, lean)), "adherence")
    assert done.table.drop_columns("generator").equals(again.table.drop_columns("generator"))


def test_ratings_find_the_text_of_their_own_prompt(tmp_path: Path) -> None:
    """Two prompts may have responses of the same ids: a rating without a text gets that of its prompt."""
    texts = {(prompt, name): f"{name} to {prompt}" for prompt in CONTEXTS[:2] for name in "ab"}
    rows = [opinion(*key) | {"response": text} for key, text in texts.items()]
    named = dict(zip(SOURCE.contexts.column("id").to_pylist(), SOURCE.contexts.column("text").to_pylist(), strict=True))
    rated = [
        {"prompt_id": named[prompt] or prompt, "response_id": name, "score": score}
        for prompt in CONTEXTS[:2] for name, score in (("a", 5), ("b", 1))
    ]  # fmt: skip
    texts_of_both = Texts(responses=write_csv(tmp_path / "r.csv", rows), ratings=write_csv(tmp_path / "s.csv", rated))
    pairs = made(texts_of_both, "adherence").table.to_pylist()
    assert 2 == len(pairs)
    for row in pairs:
        said = (text_of(row["chosen"]), text_of(row["rejected"]))
        assert (texts[row["context_id"], "a"], texts[row["context_id"], "b"]) == said


# sft


def test_sft_takes_each_context_and_length_evenly() -> None:
    """The same number of rows from each context, and thirds of length that differ by one row at most."""
    done = made(Texts(writer=Writer(Echo()), per_context=2), "sft")
    rows = done.table.to_pylist()
    assert SFT == done.table.schema
    assert {2} == set(Counter(row["context_id"] for row in rows).values())
    lengths = Counter(row["length"] for row in rows)
    assert max(lengths.values()) - min(lengths[name] for name in LENGTHS) <= 1
    coverage = done.facts["coverage"]
    assert dict(lengths) == {name: each["rows"] for name, each in coverage["lengths"].items()}
    assert len(rows) == sum(coverage["contexts"].values())
    assert any("2 row(s) each" in note for note in done.notes)
    for row in rows:
        low, high = coverage["lengths"][row["length"]]["characters"]
        assert low <= len(text_of(row["completion"])) <= high


def test_sft_follows_the_winner_with_its_probability() -> None:
    """The card of the first rank, weighted by P(top); without a generator the card itself, whole or policies alone."""
    winners = {row["context_id"]: row for row in prompt_rows(SOURCE)[0].to_pylist()}
    for writer in (None, Writer(Echo())):
        for row in made(Texts(writer=writer), "sft").table.to_pylist():
            winner = winners[row["context_id"]]
            assert (winner["card_id"], winner["p_top"]) == (row["card_id"], row["weight"])
            assert (row["generator"] is None) == (writer is None)
            if writer is None:
                assert text_of(row["completion"]) in winner["card"]


def test_negatives_are_answer_critique_and_revision() -> None:
    """The loser's answer, a critique of it by the winning card, the answer after the critique, in this order."""
    echo = Echo()
    done = made(Texts(writer=Writer(echo), negatives=True), "sft")
    assert pa.schema([*SFT, *NEGATIVES]) == done.table.schema
    ranks = SOURCE.ranks
    assert ranks is not None
    last = {row["context_id"]: row for row in sorted(ranks.to_pylist(), key=lambda row: (row["rank"], row["card_id"]))}
    row = done.table.to_pylist()[0]
    assert last[row["context_id"]]["card_id"] == row["loser_id"] != row["card_id"]
    critique = next(each for each in echo.asked if echo.answer(each).text == row["critique"])
    assert text_of(row["negative"]) == json.loads(critique.messages[1][1])["answer"]
    revision = next(each for each in echo.asked if echo.answer(each).text == text_of(row["revision"]))
    assert row["critique"] == json.loads(revision.messages[1][1])["critique"]
    with pytest.raises(ExportError, match="negatives"):
        made(Texts(negatives=True), "sft")
