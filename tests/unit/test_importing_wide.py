"""Wide survey exports: plain ones, Qualtrics with three header rows, Google Forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphengine.errors import InputError, MappingError
from tests.importing_kit import answers, known, pseudonym_of, reasons, take

WIDE = """
[wide]
"Q1" = {context = "When lost", from = "a", to = "b"}
"Q2" = {context = "When sad", from = "b", to = "c", scenario = "loss", story = "Once …"}
"""
MAP = '[columns]\nparticipant = "PID"\n' + WIDE


def test_one_row_per_person_becomes_one_vote_per_question(tmp_path: Path) -> None:
    """Each filled question cell is a vote; a blank cell is a question not asked, no reject."""
    prepared = take(tmp_path, "PID,Q1,Q2,age\np1,Yes,No,20\np2,,Not sure,\np3, ,,\n", mapping=MAP)

    assert [
        ("p1", "When lost", "a", "b", "wiser"), ("p1", "When sad", "b", "c", "not_wiser"),
        ("p2", "When sad", "b", "c", "unsure"),
    ] == answers(prepared)
    assert ("votes-wide", 3, 0) == (prepared.kind, prepared.read, len(prepared.rejects))
    assert [pseudonym_of("p1"), pseudonym_of("p2")] == prepared.tables["users"]["id"].to_pylist()
    assert [("loss", "When sad")] == [tuple(row.values()) for row in prepared.tables["raises"].to_pylist()]
    assert [None, "Once …"] == prepared.tables["upgrades"]["story"].to_pylist()
    assert any("age" in note for note in prepared.notes)


def test_bad_cells_of_one_person_are_one_reject(tmp_path: Path) -> None:
    """A row with two bad answers stands once in the rejects, naming both; its good answers are taken."""
    mapping = MAP + '"Q3" = {context="c", from="a", to="b"}'
    prepared = take(tmp_path, "PID,Q1,Q2,Q3\np1,Yess,perhaps,yes\n", mapping=mapping)

    assert [("p1", "c", "a", "b", "wiser")] == answers(prepared)
    assert [(2, "Q1; Q2", "Yess; perhaps")] == [each[:3] for each in reasons(prepared)]
    assert (3, 1, 2) == (prepared.read, len(prepared.rejects), prepared.rejects.count)
    assert ["PID", "Q1", "Q2", "Q3"] == prepared.rejects.table.column_names[:4]


def test_mended_rejects_are_imported_alone(tmp_path: Path) -> None:
    """The rejects of a wide file, mended in place, import with the same mapping; report columns are ignored."""
    first = take(tmp_path, "PID,Q1,Q2\np1,Yess,yes\np2,no,no\n", mapping=MAP)
    first.rejects.write(tmp_path / "rejects.csv")
    mended = (tmp_path / "rejects.csv").read_text(encoding="utf-8").replace("p1,Yess", "p1,yes")
    second = take(tmp_path, mended, name="rejects.csv", mapping=tmp_path / "map.toml")

    assert [("p1", "When lost", "a", "b", "wiser"), ("p1", "When sad", "b", "c", "wiser")] == answers(second)
    assert 0 == len(second.rejects)
    assert not any("_reject_" in note for note in second.notes)


def test_a_row_without_participant(tmp_path: Path) -> None:
    """A response without an id is rejected once, though both of its answers are lost."""
    prepared = take(tmp_path, "PID,Q1,Q2\n,yes,no\n", mapping=MAP)

    assert [(2, "PID", "", "no participant")] == reasons(prepared)
    assert (2, 2) == (prepared.read, prepared.rejects.count)


def test_a_person_who_answers_twice(tmp_path: Path) -> None:
    """Two rows of one person with different answers are rejected in both rows; equal ones collapse."""
    prepared = take(tmp_path, "PID,Q1,Q2\np1,yes,no\np1,no,no\n", mapping=MAP)

    assert [("p1", "When sad", "b", "c", "not_wiser")] == answers(prepared)
    assert [(2, "Q1"), (3, "Q1")] == [each[:2] for each in reasons(prepared)]
    assert 1 == prepared.repeated


def test_groups_and_times_of_a_wide_file(tmp_path: Path) -> None:
    """[groups] and at work for wide files as for long ones; the later response wins."""
    content = "PID,when,Q1,Q2,born\np1,2024-01-02,no,,1990\np1,2024-01-01,yes,,1990\n"
    mapping = '[groups]\nage = "born"\n' + MAP.replace('"PID"\n', '"PID"\nat = "when"\n')
    prepared = take(tmp_path, content, mapping=mapping)

    assert [("p1", "When lost", "a", "b", "not_wiser")] == answers(prepared)
    assert ["wiser"] == prepared.tables["votes_before"]["answer"].to_pylist()
    assert ["age=1990"] == prepared.tables["groups"]["id"].to_pylist()


QUALTRICS = (
    "StartDate,Status,Finished,ResponseId,Q1,Q2\n"
    '"Start\nDate","Response Type",Finished,"Response ID","Did this person\nbecome wiser?","And here, ""really""?"\n'
    '"{""ImportId"":""startDate""}","{""ImportId"":""status""}","{""ImportId"":""finished""}",'
    '"{""ImportId"":""_recordId""}","{""ImportId"":""QID1""}","{""ImportId"":""QID2""}"\n'
)
QMAP = MAP.replace("PID", "ResponseId")


def test_qualtrics(tmp_path: Path) -> None:
    """Three header rows are recognised, previews and unfinished responses left out and counted, rows numbered right."""
    prepared = take(
        tmp_path,
        QUALTRICS + "2024-05-31 10:00:00,IP Address,True,R_1,Yes,Yess\n"
        "2024-05-31 10:00:00,Survey Preview,True,R_2,Yes,Yes\n2024-05-31 10:00:00,IP Address,False,R_3,Yes,\n",
        mapping=QMAP,
    )

    assert [("R_1", "When lost", "a", "b", "wiser")] == answers(prepared)
    assert [(4, "Q2", "Yess")] == [each[:3] for each in reasons(prepared)]
    assert "Left out: survey previews (column Status), 1." in prepared.notes
    assert "Left out: unfinished responses (column Finished), 1." in prepared.notes
    assert (5, 3) == (prepared.read, prepared.dropped)


def test_qualtrics_with_numbers_for_choices(tmp_path: Path) -> None:
    """Exports with codes in place of words mark previews with 1 and unfinished responses with 0."""
    prepared = take(
        tmp_path, QUALTRICS + "d,0,1,R_1,1,2\nd,1,1,R_2,1,2\nd,0,0,R_3,1,2\nd,4,1,R_4,3,\n",
        mapping='[answers]\n"1" = "wiser"\n"2" = "not_wiser"\n"3" = "unsure"\n' + QMAP,
    )

    assert ["R_1", "R_1", "R_4"] == [each[0] for each in answers(prepared)]


def test_mended_rejects_of_qualtrics(tmp_path: Path) -> None:
    """The rejects have one header row; without the other two they are still read as Qualtrics."""
    first = take(tmp_path, QUALTRICS + "d,IP Address,True,R_1,Yess,\nd,Survey Preview,True,R_2,Yess,\n", mapping=QMAP)
    assert 1 == len(first.rejects)
    first.rejects.write(tmp_path / "rejects.csv")
    lines = (tmp_path / "rejects.csv").read_text(encoding="utf-8").replace("R_1,Yess", "R_1,Yes")
    lines += "d,Survey Preview,True,R_9,Yes,,,,,,\n"
    second = take(tmp_path, lines, name="rejects.csv", mapping=tmp_path / "map.toml")

    assert [("R_1", "When lost", "a", "b", "wiser")] == answers(second)
    assert 1 == second.dropped


def test_qualtrics_as_tsv_in_utf_16(tmp_path: Path) -> None:
    """The TSV export of Qualtrics (UTF-16, tabs, line breaks in questions) is read like the CSV."""
    content = (
        "Status\tFinished\tResponseId\tQ1\tQ2\n"
        '"Response Type"\tFinished\t"Response ID"\t"Did he\nbecome wiser?"\tAnd here?\n'
        + "\t".join('"{""ImportId"":""x""}"' for _ in range(5)) + "\nIP Address\tTrue\tR_1\tYes\t\n"
    )
    prepared = take(tmp_path, content.encode("utf-16"), name="export.tsv", mapping=QMAP)

    assert [("R_1", "When lost", "a", "b", "wiser")] == answers(prepared)


GOOGLE = "Timestamp,Your code,Q1,Q2\n"
GMAP = MAP.replace("PID", "Your code")


def test_google_forms(tmp_path: Path) -> None:
    """Timestamp is the time of the vote, in the form downloads have; zones are heeded."""
    prepared = take(
        tmp_path, GOOGLE + "2024/05/31 2:30:00 PM GMT+2,p1,Yes,\n2024/05/31 12:15:00 AM GMT-5:30,p2,No,\n", mapping=GMAP
    )

    assert [1717158600000, 1717134300000] == sorted(prepared.tables["votes"]["at"].to_pylist(), reverse=True)
    assert not any("Timestamp" in note for note in prepared.notes)


def test_google_forms_latest_response_wins(tmp_path: Path) -> None:
    """A person who answered the form twice keeps the later answer."""
    prepared = take(tmp_path, GOOGLE + "31/05/2024 9:00:00,p1,Yes,\n31/05/2024 10:00:00,p1,No,\n", mapping=GMAP)

    assert [("p1", "When lost", "a", "b", "not_wiser")] == answers(prepared)


@pytest.mark.parametrize(("cells", "day"), [
    (("5/31/2024 14:30:00", "6/1/2024 9:00:00"), 1717165800000),
    (("31.05.2024 14:30:00", "1.6.2024 9:00"), 1717165800000), (("2024-05-31 14:30:00", ""), 1717165800000),
])
def test_google_sheets_times(tmp_path: Path, cells: tuple[str, str], day: int) -> None:
    """Day first or month first is told by a day above 12 somewhere in the column."""
    prepared = take(tmp_path, GOOGLE + f"{cells[0]},p1,Yes,\n{cells[1]},p2,Yes,\n", mapping=GMAP)

    assert day in prepared.tables["votes"]["at"].to_pylist()


@pytest.mark.parametrize("cell", ["5/6/2024 14:30:00", "last week", "32/13/2024 10:00:00"])
def test_google_times_that_cannot_be_told(tmp_path: Path, cell: str) -> None:
    """Nothing is guessed: the votes are taken without time, and a note says why."""
    prepared = take(tmp_path, GOOGLE + f"{cell},p1,Yes,\n", mapping=GMAP)

    assert [None] == prepared.tables["votes"]["at"].to_pylist()
    assert any("can be read in more than one way" in note for note in prepared.notes)


def test_known_contexts_and_prefix_hold_for_questions(tmp_path: Path) -> None:
    """The contexts and cards of [wide] are looked up and prefixed like those of a long file."""
    held = known(contexts=[("s:c1", "When lost")])
    prepared = take(tmp_path, "PID,Q1,Q2\np1,yes,\n", mapping=MAP, prefix="s:", known=held)

    assert [("s:p1", "s:c1", "s:a", "s:b", "wiser")] == answers(prepared)


@pytest.mark.parametrize(("toml", "says"), [
    ('"Q9" = {context = "c", from = "a", to = "b"}', 'has no column "Q9"; did you mean "Q'),
    ('"Q2" = {context = "c", from = "a"}', '"Q2" lacks to'),
    ('"Q2" = {context = " ", from = "a", to = "b"}', '"Q2" lacks context'),
    ('"Q2" = {context = "c", from = "a", to = "a"}', "asks about a and itself"),
    ('"Q2" = {context = "c", form = "a", to = "b"}', '"form" is not known; did you mean "from"?'),
    ('"Q2" = "When lost"', "is not a table"),
])
def test_a_wrong_question_is_an_error(tmp_path: Path, toml: str, says: str) -> None:
    """A question that map.toml describes wrongly stops the import before any row is read."""
    mapping = '[columns]\nparticipant = "PID"\n[wide]\n"Q1" = {context = "c", from = "a", to = "b"}\n' + toml
    with pytest.raises(MappingError) as caught:
        take(tmp_path, "PID,Q1,Q2\np1,yes,\n", mapping=mapping)

    assert says in caught.value.message


def test_a_survey_without_answers(tmp_path: Path) -> None:
    """A survey that nobody has answered yet is a valid file: an empty table of votes."""
    prepared = take(tmp_path, "PID,Q1,Q2\np1,,\n", mapping=MAP)

    assert (0, {"votes": 0}) == (prepared.read, {name: table.num_rows for name, table in prepared.tables.items()})


def test_wide_without_questions(tmp_path: Path) -> None:
    """Asking for votes-wide without [wide] says what is missing."""
    with pytest.raises(InputError, match="wide"):
        take(tmp_path, "participant,Q1\np1,yes\n", kind="votes-wide")


def test_without_a_map_the_error_names_what_to_type(tmp_path: Path) -> None:
    """A wide file without [wide] is refused; the hint leads to `sniff`, which writes the map itself, and to --map."""
    with pytest.raises(InputError, match=r"votes-wide needs a map\.toml") as error:
        take(tmp_path, "participant,Q1,Q2\np1,yes,no\n", kind="votes-wide")

    assert "graphengine sniff" in error.value.hint
    assert "--map map.toml" in error.value.hint
    assert ">" not in error.value.hint
