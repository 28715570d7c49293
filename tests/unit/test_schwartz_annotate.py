"""Labels by a model first, corrected by people on a sheet, with agreement."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from graphengine.errors import InputError
from graphengine.schwartz.annotate import Prompt, annotate, instruction, question, read_answer, read_prompts
from graphengine.schwartz.items import items, short
from graphengine.schwartz.review import read_sheet, review, sheet
from graphengine.schwartz.rows import Row, dialogue, label

Filled = Callable[..., Path]


def rows_of(*listed: str) -> list[Row]:
    """Rows with items, as a model has labelled them."""
    return [
        Row(number, dialogue(f"Question {number}", f"Answer {number}"),
            tuple(label(each.strip()) for each in text.split(";") if each.strip()), ())
        for number, text in enumerate(listed, 1)
    ]


def test_the_instruction_names_every_item_that_has_a_place() -> None:
    """The model is told 55 items, in short names that are read back."""
    told = instruction()
    placed = [each for each in items() if each.value("fulcra_deck")]
    assert all(short(each.label) in told for each in placed)
    assert [placed[0]] == [each for each in items() if each.label == read_answer('{"labels": {"creative": 1}}')[0].name]
    assert "<answer>\nno\n</answer>" in question("yes?", "no")


def test_several_responders_one_labeller() -> None:
    """Every responder answers every prompt; what is labelled is the answer; types follow from items."""
    asked: list[tuple[str, str]] = []

    def labeller(questions):
        asked.extend(questions)
        return [json.dumps({"labels": {"helpful": 1, "humble": -1, "daring": 0}}) for _ in questions]

    def answers(name: str):
        return lambda questions: [f"{name}: {message}" for _, message in questions]

    prompts, responders = [Prompt("One", "src"), Prompt("Two")], {"a": answers("a"), "b": answers("b")}
    found = annotate(prompts, responders, labeller, by="judge")
    assert ["a: One", "b: One", "a: Two", "b: Two"] == [each.response for each in found.rows]
    assert ["a", "b", "a", "b"] == [each.response_source for each in found.rows]
    assert ["src", "src", "", ""] == [each.query_source for each in found.rows]
    assert ["tradition: -1", "benevolence: +1"] == [each.text for each in found.rows[0].types]
    assert {"labelled_by": "judge"} == found.rows[0].more
    assert [1, 2, 3, 4] == [each.number for each in found.rows]
    assert all("One" in message for _, message in asked[:2])


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("Sure! helpful", "is not the JSON"),
        ('{"labels": ["helpful"]}', "is not the JSON"),
        ('{"labels": {"helpfull": 1}}', "'helpfull' is none of the items"),
        ('{"labels": {"helpful": 2}}', "'2' is no sign for helpful"),
        ('{"labels": {"helpful": 1, "be helpful": -1}}', "be helpful has two signs"),
        ('{"labels": null}', "is not the JSON"),
    ],
)
def test_replies_that_can_not_be_read(reply: str, told: str) -> None:
    """A reply that is not what was asked for makes no row and is told; the other answers keep theirs."""
    replies = iter([reply, '{"labels": {}}'])
    found = annotate(
        [Prompt("One"), Prompt("Two"), Prompt("Three")], {"a": lambda asked: ["yes", "no", " "]},
        lambda asked: [next(replies) for _ in asked], by="judge",
    )
    assert [(1, "a"), (3, "a")] == [each[:2] for each in found.unlabelled]
    assert told in found.unlabelled[0].reason
    assert "there is no answer" == found.unlabelled[1].reason
    assert ["Two"] == [each.prompt for each in found.rows]
    assert () == found.rows[0].types


@pytest.mark.parametrize(
    ("name", "text"),
    [("p.txt", "One\n\n Two \n"), ("p.csv", "prompt,query_source\nOne,s\nTwo,\n"),
     ("p.jsonl", '{"prompt": "One", "query_source": "s"}\n{"prompt": "Two"}\n')],
)
def test_prompts_from_files(tmp_path: Path, name: str, text: str) -> None:
    """Text, CSV and JSONL hold prompts."""
    (tmp_path / name).write_text(text)
    found = read_prompts(tmp_path / name)
    assert ["One", "Two"] == [each.text for each in found]
    assert ["" if name == "p.txt" else "s", ""] == [each.source for each in found]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [("p.csv", "question\nOne\n", "row 2 has no prompt"), ("p.jsonl", "{}\n", "row 1 has no prompt"),
     ("p.jsonl", "no\n", "row 1 has no prompt"),
     ("p.txt", "\n", "has no prompts"), ("p.csv", "prompt\n", "no prompts"),
     ("p.csv", f"prompt\n{'x' * 200_000}\n", "p.csv is no CSV")],
)
def test_prompts_that_are_none(tmp_path: Path, name: str, text: str, told: str) -> None:
    """A file without prompts is refused with the row."""
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=told):
        read_prompts(tmp_path / name)


# Review ------------------------------------------------------------------------------------------------------------

ROWS = rows_of("be helpful: +1; be polite: +1", "be honest: -1", "", "be daring: +1")


@pytest.fixture
def filled(tmp_path: Path) -> Filled:
    """Fills in the column `items` of a sheet: `filled("ok", "none")`."""
    def fill(*told: str, name: str = "review.csv", rows: list[Row] = ROWS) -> Path:
        lines = list(csv.DictReader(io.StringIO(sheet(rows))))
        for line, cell in zip(lines, told, strict=False):
            line["items"] = cell
        path = tmp_path / name
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(lines[0]))
            writer.writeheader()
            writer.writerows(lines)
        return path

    return fill


def test_a_sheet_shows_what_the_model_said() -> None:
    """A line for each row: prompt, answer, the model's items, and an empty cell to fill in."""
    lines = list(csv.DictReader(io.StringIO(sheet(ROWS))))
    assert ["helpful: +1; polite: +1", "honest: -1", "none", "daring: +1"] == [each["model_items"] for each in lines]
    assert {""} == {each["items"] for each in lines}
    assert "Answer 1" == lines[0]["answer"]


def test_a_spreadsheet_runs_nothing() -> None:
    """A text that begins like a formula is no formula on the sheet."""
    rows = [Row(1, dialogue("=cmd()", "@x"), (), ())]
    (line,) = csv.DictReader(io.StringIO(sheet(rows)))
    assert ("'=cmd()", "'@x") == (line["prompt"], line["answer"])
    (line,) = csv.DictReader(io.StringIO(sheet([Row(1, dialogue("a", "b"), (label("=cmd(): +1"),), ())])))
    assert "'=cmd(): +1" == line["model_items"]


def test_corrections_are_read_back(filled: Filled) -> None:
    """`ok` keeps the model's items, `none` takes them away, a list replaces them, an empty cell is not looked at."""
    found = read_sheet(filled("ok", "honest: +1; be capable: -1", "", "none"), ROWS)
    assert {1, 2, 4} == set(found)
    assert ROWS[0].items == found[1]
    assert ["be capable: -1", "be honest: +1"] == [each.text for each in found[2]]
    assert () == found[4]
    made = review(ROWS, [found])
    assert (3, 2) == (made.looked_at, made.changed)
    assert ["benevolence: +1", "achievement: -1"] == [each.text for each in made.rows[1].types][::-1]
    assert "reviewed_by" not in made.rows[2].more
    assert ROWS[2] == made.rows[2]


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (("honest",), "row 2, column items: 'honest' has no sign"),
        (("ok", "honst: +1"), "row 3, column items: 'honst' is none of the items"),
        (("honest: +2",), "row 2, column items: '+2' is no sign for honest"),
        (("honest: +1; be honest: -1",), "row 2, column items: be honest has two signs"),
    ],
)
def test_corrections_that_can_not_be_read(filled: Filled, told: tuple[str, ...], message: str) -> None:
    """What can't be read is told with row and column, and what may have been meant."""
    with pytest.raises(InputError) as error:
        read_sheet(filled(*told), ROWS)
    assert message in error.value.message
    assert error.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [("row,item\n1,ok\n", "has no column items"), ("row,items\n9,ok\n", "there is no labelled row '9'"),
     ("row,items\n1,ok\n1,none\n", "row 1 is there twice")],
)
def test_sheets_of_something_else(tmp_path: Path, text: str, message: str) -> None:
    """A sheet that belongs to other rows is refused."""
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_sheet(tmp_path / "s.csv", ROWS)


def test_more_than_half_decide(filled: Filled) -> None:
    """An item has the label that more than half of those who looked at the row gave it; a tie is told and has none."""
    sheets = [
        read_sheet(filled("helpful: +1", "honest: -1", name="a.csv"), ROWS),
        read_sheet(filled("helpful: +1; polite: +1", "honest: +1", name="b.csv"), ROWS),
        read_sheet(filled("helpful: -1; polite: +1", name="c.csv"), ROWS),
    ]
    made = review(ROWS, sheets)
    assert {"be helpful: +1", "be polite: +1"} == {each.text for each in made.rows[0].items}
    assert () == made.rows[1].items
    assert ((2, "be honest"),) == made.undecided
    assert [3, 2] == [each.more["reviewed_by"] for each in made.rows[:2]]


@pytest.mark.parametrize(
    ("said", "items", "undecided"),
    [(["+1", "-1", ""], [], True), (["+1", "+1", "-1"], ["be honest: +1"], False), (["+1", "", ""], [], False),
     (["+1", "-1", "", ""], [], True), (["+1", "", "", "", "-1"], [], False)],
)
def test_what_people_are_split_on(said: list[str], items: list[str], undecided: bool, filled: Filled) -> None:
    """No label and told as undecided, unless more than half share an opinion, or see nothing there."""
    sheets = [read_sheet(filled(f"honest: {sign}" if sign else "none", rows=ROWS[:1], name=f"{n}.csv"), ROWS[:1])
              for n, sign in enumerate(said)]
    made = review(ROWS[:1], sheets)
    assert items == [each.text for each in made.rows[0].items]
    assert ((1, "be honest"),) * undecided == made.undecided


def test_agreement_by_hand(filled: Filled) -> None:
    """Agreement, kappa and agreement on what is not zero are what they are by hand."""
    made = review(ROWS[:2], [read_sheet(filled("helpful: +1", "ok", rows=ROWS[:2]), ROWS[:2])])
    everything = made.with_model[0]
    # Row 1: the model says benevolence and conformity, people benevolence; row 2: both say benevolence -1.
    assert ("all", 20, 0.95, 3) == (*everything[:3], everything.said)
    assert pytest.approx(2 / 3) == everything.same_said
    chance = (17 * 18 + 2 * 1 + 1 * 1) / 400
    assert pytest.approx((0.95 - chance) / (1 - chance)) == everything.kappa
    of = {each.name: each for each in made.with_model}
    assert (1.0, 2) == (of["benevolence"].same, of["benevolence"].said)
    assert (0.5, 0.0) == (of["conformity"].same, of["conformity"].kappa)
    assert of["hedonism"].kappa is None
    assert made.between is None


def test_agreement_between_people(filled: Filled) -> None:
    """Two people who looked at the same rows are compared, too; those that one of them left out are not."""
    one = read_sheet(filled("ok", "ok", name="a.csv"), ROWS)
    two = read_sheet(filled("none", name="b.csv"), ROWS)
    made = review(ROWS, [one, two])
    assert made.between is not None
    assert (10, 0.8) == (made.between[0].cells, made.between[0].same)
