"""Votes in long form: what is read, what is rejected, what becomes of people, contexts, cards and times."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest

from graphengine.errors import InputError
from graphengine.importing import Known
from graphengine.tables import TRUTH, upgrade_id
from tests.importing_kit import HEADER, answers, known, pseudonym, pseudonym_of, reasons, take, votes


def test_a_clean_file_becomes_truth_tables(tmp_path: Path) -> None:
    """Each table has its truth schema without load_id, and holds what the rows say."""
    prepared = votes(tmp_path, "p1,When lost,a,b,wiser", "p2,When lost,a,b,not_wiser", "p1,When sad,b,c,unsure")

    assert [
        ("p1", "When lost", "a", "b", "wiser"), ("p1", "When sad", "b", "c", "unsure"),
        ("p2", "When lost", "a", "b", "not_wiser"),
    ] == answers(prepared)
    for name, table in prepared.tables.items():
        assert TRUTH[name].without("load_id") == table.schema
    assert {"votes", "upgrades", "users", "contexts", "cards"} == set(prepared.tables)
    assert ["a", "b", "c"] == prepared.new_cards == prepared.stub_cards
    assert [None, None, None] == prepared.tables["cards"]["title"].to_pylist()
    assert ["When lost", "When sad"] == prepared.new_contexts == prepared.tables["contexts"]["text"].to_pylist()
    assert (3, 0, 0, 0) == (prepared.read, len(prepared.rejects), prepared.repeated, prepared.dropped)
    assert ("csv", "votes") == (prepared.format, prepared.kind)
    assert hashlib.sha256((tmp_path / "votes.csv").read_bytes()).hexdigest() == prepared.file_sha256


def test_upgrades_have_the_id_of_their_triple(tmp_path: Path) -> None:
    """The upgrade id computed in SQL is the one of tables.upgrade_id, also for texts beyond ASCII."""
    prepared = votes(tmp_path, "p1,面临抉择时,é,甲,wiser")

    row = prepared.tables["upgrades"].to_pylist()[0]
    assert upgrade_id("面临抉择时", "é", "甲") == row["id"] == prepared.tables["votes"]["upgrade_id"][0].as_py()


def test_votes_are_sorted_by_context_then_card_then_person(tmp_path: Path) -> None:
    """Later batches touch few contexts because the votes come context by context."""
    rows = [f"p{p},{c},{f},z,wiser" for p in (2, 1) for c in ("When b", "When a") for f in ("n", "m")]
    prepared = votes(tmp_path, *rows)

    by_id = {row["id"]: (row["context_id"], row["from_id"]) for row in prepared.tables["upgrades"].to_pylist()}
    found = [(*by_id[row["upgrade_id"]], row["user_id"]) for row in prepared.tables["votes"].to_pylist()]
    assert sorted(found) == found


@pytest.mark.parametrize(("text", "answer"), [
    ("wiser", "wiser"), ("not_wiser", "not_wiser"), ("unsure", "unsure"),
    ("upgrade", "wiser"), ("no_upgrade", "not_wiser"), ("not_sure", "unsure"),
    ("Yes", "wiser"), ("NO", "not_wiser"), ("Not Sure", "unsure"), (" not-wiser ", "not_wiser"), ("YES", "wiser"),
])
def test_answers_are_read_in_every_spelling(tmp_path: Path, text: str, answer: str) -> None:
    """Upper case, spaces, hyphens and the published words make no difference."""
    assert [answer] == votes(tmp_path, f"p1,When lost,a,b,{text}").tables["votes"]["answer"].to_pylist()


def test_own_words_are_mapped(tmp_path: Path) -> None:
    """[answers] in map.toml turns the file's words into answers, and may even turn a known word around."""
    mapping = '[answers]\n"Yess" = "wiser"\n"no" = "unsure"\n"更有智慧" = "wiser"'
    prepared = votes(
        tmp_path, "p1,When lost,a,b,yess", "p2,When lost,a,b,No", "p3,When lost,a,b,更有智慧", mapping=mapping
    )

    assert ["wiser", "unsure", "wiser"] == [each[-1] for each in answers(prepared)]


@pytest.mark.parametrize(("row", "column", "value", "reason"), [
    (",When lost,a,b,wiser", "participant", "", "no participant"),
    ("  ,When lost,a,b,wiser", "participant", "  ", "no participant"),
    ("p1,,a,b,wiser", "context", "", "no context"),
    ("p1,\u3000,a,b,wiser", "context", "\u3000", "no context"),
    ("p1,When lost,,b,wiser", "from_value", "", "no card to come from"),
    ("p1,When lost,a,,wiser", "to_value", "", "no card to go to"),
    ("p1,When lost,a,a,wiser", "to_value", "a", "a card is compared with itself"),
    ("p1,When lost,a, a ,wiser", "to_value", "a ", "a card is compared with itself"),
    ("p1,When lost,a,b,", "answer", "", "no answer"),
    ("p1,When lost,a,b,Yess", "answer", "Yess", "not one of wiser, not_wiser, unsure"),
])
def test_an_unusable_row_is_rejected_alone(tmp_path: Path, row: str, column: str, value: str, reason: str) -> None:
    """A bad row names its row, column, value and reason; the rows around it are taken, and nothing of it remains."""
    prepared = votes(tmp_path, "p8,When sad,c,d,wiser", row, "p9,When sad,c,d,wiser")

    found = reasons(prepared)
    assert (3, column) == found[0][:2]
    assert value.strip() == found[0][2].strip()
    assert found[0][3].startswith(reason)
    assert 2 == prepared.tables["votes"].num_rows
    assert (["c", "d"], ["When sad"]) == (prepared.new_cards, prepared.new_contexts)
    assert (3, 1) == (prepared.read, len(prepared.rejects))
    assert prepared.rejects.table["_reject_fix"][0].as_py()


def test_all_faults_of_a_row_are_told_at_once(tmp_path: Path) -> None:
    """One look at the rejects is enough to mend a row that is wrong in several ways."""
    prepared = votes(tmp_path, ",When lost,a,a,maybe")

    row, columns, value, reason = reasons(prepared)[0]
    assert (2, "answer; participant; to_value", "; a; maybe") == (row, columns, value)
    assert 1 == prepared.rejects.count
    assert "compared with itself" in reason


def test_ids_are_kept_verbatim(tmp_path: Path) -> None:
    """Leading zeros, case, signs and inner spaces of an id stay; only the white space around it goes."""
    prepared = votes(tmp_path, "p1,When lost, 007 ,B c,wiser", "p1,When lost,1.0,1e3,wiser")

    assert ["007", "1.0", "1e3", "B c"] == prepared.new_cards


def test_participants_are_seen_once_and_never_stored_raw(tmp_path: Path) -> None:
    """The pseudonym function gets each distinct id once; no table holds a raw id."""
    seen: list[list[str]] = []

    def watching(people: pa.Array) -> pa.Array:
        seen.append(people.to_pylist())
        return pseudonym(people)

    prepared = votes(
        tmp_path, "anna,When lost,a,b,wiser", " anna ,When sad,a,b,wiser", "bert,When lost,a,b,wiser",
        pseudonym=watching,
    )

    assert [["anna", "bert"]] == [sorted(each) for each in seen]
    assert [pseudonym_of("anna"), pseudonym_of("bert")] == prepared.tables["users"]["id"].to_pylist()
    assert "anna" not in str([table.to_pylist() for table in prepared.tables.values()])


def test_pseudonyms_may_come_in_chunks(tmp_path: Path) -> None:
    """A function that answers with a chunked array is as good as one that answers with an array."""
    prepared = votes(tmp_path, "p1,When lost,a,b,wiser", pseudonym=lambda people: pa.chunked_array([pseudonym(people)]))

    assert [pseudonym_of("p1")] == prepared.tables["votes"]["user_id"].to_pylist()


def test_context_texts_are_normalised(tmp_path: Path) -> None:
    """The same text composed or decomposed, with or without spaces around, is one context."""
    prepared = votes(tmp_path, "p1,Cafe\u0301,a,b,wiser", "p2, Caf\u00e9 ,a,b,wiser")

    assert ["Caf\u00e9"] == prepared.new_contexts
    assert 1 == prepared.tables["upgrades"].num_rows


def test_a_known_text_or_id_names_the_known_context(tmp_path: Path) -> None:
    """A context that the graph holds is found by its id and by its text, and is not written again."""
    graph = known(contexts=[("c12", "When lost")])
    prepared = votes(tmp_path, "p1,When lost,a,b,wiser", "p2,c12,a,b,wiser", "p3,When sad,a,b,wiser", known=graph)

    assert ["c12", "c12", "When sad"] == [each[1] for each in answers(prepared)]
    assert ["When sad"] == prepared.new_contexts == prepared.stub_contexts


def test_known_cards_are_not_written_again(tmp_path: Path) -> None:
    """A vote about a card with a title leaves that card as it is."""
    prepared = votes(tmp_path, "p1,When lost,a,b,wiser", known=known(cards=[("a", "Calm")]))

    assert [{"id": "b", "title": None, "description": None, "policies": None}] == prepared.tables["cards"].to_pylist()


def test_a_prefix_keeps_studies_apart(tmp_path: Path) -> None:
    """With a prefix, ids of cards, contexts, scenarios and people differ from those without; texts don't."""
    header = HEADER + ",scenario"
    prepared = votes(
        tmp_path, "p1,When lost,a,b,wiser,loss", header=header, prefix="s2:",
        known=known(contexts=[("When lost", "When lost")], cards=[("a", "Calm")], scenarios=[("loss", "A loss")]),
    )

    assert [("s2:p1", "s2:When lost", "s2:a", "s2:b", "wiser")] == answers(prepared)
    assert [{"id": "s2:When lost", "text": "When lost"}] == prepared.tables["contexts"].to_pylist()
    assert [{"id": "s2:loss", "text": "loss", "image": None}] == prepared.tables["scenarios"].to_pylist()
    assert [pseudonym_of("s2:p1")] == prepared.tables["users"]["id"].to_pylist()


def test_a_prefixed_context_is_not_found_by_others(tmp_path: Path) -> None:
    """A file without prefix does not fall into the context of a study that was imported with one."""
    graph = known(contexts=[("s2:When lost", "When lost"), ("s2:c7", "When sad")])

    plain = votes(tmp_path, "p1,When lost,a,b,wiser", known=graph)
    prefixed = votes(tmp_path, "p1,When lost,a,b,wiser", "p1,When sad,a,b,wiser", known=graph, prefix="s2:")

    assert ["When lost"] == plain.new_contexts
    assert ["s2:When lost", "s2:c7"] == [each[1] for each in answers(prefixed)]
    assert [] == prefixed.new_contexts


def test_strict_rejects_what_the_graph_does_not_hold(tmp_path: Path) -> None:
    """With strict, unknown cards, contexts and scenarios reject the row in place of making stubs."""
    graph = known(contexts=[("When lost", "When lost")], cards=[("a", "A"), ("b", None)], scenarios=[("s", "S")])
    prepared = votes(
        tmp_path, "p1,When lost,a,b,wiser,s", "p2,When lots,a,b,wiser,s", "p3,When lost,a,c,wiser,",
        "p4,When lost,c,b,wiser,s", "p5,When lost,a,b,wiser,t",
        header=HEADER + ",scenario", known=graph, strict=True,
    )

    assert [("p1", "When lost", "a", "b", "wiser")] == answers(prepared)
    assert [
        (3, "context", "When lots", "a context that the graph does not hold"),
        (4, "to_value", "c", "a card that the graph does not hold"),
        (5, "from_value", "c", "a card that the graph does not hold"),
        (6, "scenario", "t", "a scenario that the graph does not hold"),
    ] == reasons(prepared)
    assert [] == prepared.new_cards + prepared.new_contexts


def test_the_same_row_twice_counts_once(tmp_path: Path) -> None:
    """Rows that repeat an answer are read and collapse; nothing is rejected."""
    prepared = votes(tmp_path, *["p1,When lost,a,b,wiser"] * 3, "p1,When lost,a,b,yes", "p2,When lost,a,b,no")

    assert (5, 2, 3, 0) == (
        prepared.read, prepared.tables["votes"].num_rows, prepared.repeated, len(prepared.rejects)
    )


def test_different_answers_without_time_are_all_rejected(tmp_path: Path) -> None:
    """Nothing tells which answer holds, so neither does; each reject names all the rows."""
    prepared = votes(
        tmp_path, "p1,When lost,a,b,wiser", "p2,When lost,a,b,wiser", "p1,When lost,a,b,unsure", "p1,When lost,b,a,no"
    )

    assert [2, 4] == [each[0] for each in reasons(prepared)]
    assert all("rows 2, 4, and nothing tells which is later" in each[3] for each in reasons(prepared))
    assert [("p1", "When lost", "b", "a", "not_wiser"), ("p2", "When lost", "a", "b", "wiser")] == answers(prepared)
    assert ("answer", "wiser") == reasons(prepared)[0][1:3]


def test_a_conflict_leaves_no_trace(tmp_path: Path) -> None:
    """Cards, contexts, people and upgrades that only conflicting rows name are not made."""
    prepared = votes(tmp_path, "p1,When lost,a,b,wiser", "p1,When lost,a,b,no", "p2,When sad,c,d,wiser")

    assert (["c", "d"], ["When sad"]) == (prepared.new_cards, prepared.new_contexts)
    assert (1, 1) == (prepared.tables["users"].num_rows, prepared.tables["upgrades"].num_rows)


def test_the_latest_time_wins(tmp_path: Path) -> None:
    """With times the latest answer holds, in whatever order the rows stand; earlier ones are kept as such."""
    rows = [
        "p1,When lost,a,b,wiser,2024-01-01", "p1,When lost,a,b,unsure,2024-01-02", "p1,When lost,a,b,no,2024-01-03",
        "p1,When lost,a,b,wiser,2024-01-01",
    ]
    for order in (rows, rows[::-1]):
        prepared = votes(tmp_path, *order, header=HEADER + ",at")

        assert [("p1", "When lost", "a", "b", "not_wiser")] == answers(prepared)
        before = prepared.tables["votes_before"]
        assert ["wiser", "unsure"] == before["answer"].to_pylist()
        assert [1704067200000, 1704153600000] == before["at"].to_pylist()
        assert [None, None] == before["id"].to_pylist()
        assert (4, 1, 0) == (prepared.read, prepared.repeated, len(prepared.rejects))


@pytest.mark.parametrize("rows", [
    ("p1,When lost,a,b,wiser,2024-01-02", "p1,When lost,a,b,no,2024-01-02"),
    ("p1,When lost,a,b,wiser,2024-01-02", "p1,When lost,a,b,no,2024-01-02", "p1,When lost,a,b,no,2024-01-01"),
    ("p1,When lost,a,b,wiser,2024-01-02", "p1,When lost,a,b,no,"),
])
def test_equal_or_missing_times_reject_all_rows_of_a_conflict(tmp_path: Path, rows: tuple[str, ...]) -> None:
    """Where the latest time is shared by different answers, or one of them has no time, all rows go."""
    prepared = votes(tmp_path, *rows, header=HEADER + ",at")

    assert (0, len(rows)) == (prepared.tables["votes"].num_rows, len(prepared.rejects))
    assert "votes_before" not in prepared.tables


def test_the_same_answer_at_several_times_keeps_the_latest(tmp_path: Path) -> None:
    """Saying the same again later is no change: one vote, at the latest time."""
    prepared = votes(
        tmp_path, "p1,When lost,a,b,wiser,20", "p1,When lost,a,b,wiser,10", "p1,When lost,a,b,wiser,",
        header=HEADER + ",at",
    )

    assert [20_000] == prepared.tables["votes"]["at"].to_pylist()
    assert 2 == prepared.repeated


@pytest.mark.parametrize(("text", "at"), [
    ("2024-05-31T14:30:00Z", 1717165800000), ("2024-05-31T14:30:00", 1717165800000),
    ("2024-05-31 14:30", 1717165800000), ("2024-05-31 14:30:00.250", 1717165800250),
    ("2024-05-31T16:30:00+02:00", 1717165800000), ("2024-05-31T16:30:00+0200", 1717165800000),
    ("2024-05-31T09:00:00-05:30", 1717165800000), ("2024-05-31T16:30:00+02", 1717165800000),
    ("2024-05-31", 1717113600000), ("2024-05-31 14:30:00 UTC", 1717165800000),
    ("1717165800", 1717165800000), ("1717165800000", 1717165800000), ("1717165800.25", 1717165800250),
    (" 2024-05-31 ", 1717113600000), ("7", 7000), ("-1", -1000), ("", None), ("  ", None),
])
def test_times_are_read(tmp_path: Path, text: str, at: int | None) -> None:
    """ISO 8601 (without zone UTC), epoch seconds and milliseconds become milliseconds UTC; blank is no time."""
    prepared = votes(tmp_path, f"p1,When lost,a,b,wiser,{text}", header=HEADER + ",at")

    assert [] == reasons(prepared)
    assert [at] == prepared.tables["votes"]["at"].to_pylist()


@pytest.mark.parametrize("text", [
    "yesterday", "31.05.2024", "05/31/2024", "2024-02-30", "2024-13-01", "2024-05-31T25:00", "infinity", "epoch",
    "1e9", "12345678901234567890", "0x10", "2024-05-31T14:30:00+99:99",
])
def test_what_is_no_time_is_rejected(tmp_path: Path, text: str) -> None:
    """A cell that is no time, or could be read in two ways, rejects its row with a way to write it."""
    prepared = votes(tmp_path, f"p1,When lost,a,b,wiser,{text}", header=HEADER + ",at")

    assert [(2, "at", text, "not a time")] == reasons(prepared)
    assert "2024-05-31T14:30:00Z" in prepared.rejects.table["_reject_fix"][0].as_py()


def test_only_mapped_columns_are_kept(tmp_path: Path) -> None:
    """Other columns are named in the notes, and nothing of them is in any table."""
    prepared = votes(
        tmp_path, "p1,When lost,a,b,wiser,anna@example.org,1990", header=HEADER + ",e-mail,born"
    )

    assert "Columns left out, nothing of them is stored: e-mail, born." in prepared.notes
    assert "anna" not in str([table.to_pylist() for table in prepared.tables.values()])


def test_groups_are_opted_in_by_name(tmp_path: Path) -> None:
    """A group variable is kept only if named; people and their groups become tables."""
    header = HEADER + ",age,party"
    rows = ["p1,When lost,a,b,wiser,18-29,x", "p1,When sad,a,b,wiser,18-29,x", "p2,When lost,a,b,no,30+,x",
            "p3,When lost,a,b,no,CONSENT_REVOKED,x", "p4,When lost,a,b,no,,x", ",When lost,a,b,no,99,x"]
    prepared = votes(tmp_path, *rows, header=header, groups=["Age"])

    assert [
        {"id": "Age=18-29", "variable": "Age", "value": "18-29"}, {"id": "Age=30+", "variable": "Age", "value": "30+"},
    ] == prepared.tables["groups"].to_pylist()
    assert [
        (pseudonym_of("p1"), "Age=18-29"), (pseudonym_of("p2"), "Age=30+"),
    ] == [tuple(row.values()) for row in prepared.tables["members"].to_pylist()]
    assert any("party" in note for note in prepared.notes)
    assert "groups" not in votes(tmp_path, *rows, header=header).tables


def test_a_person_with_two_values_is_in_no_group(tmp_path: Path) -> None:
    """Which of two values holds can't be told, so neither is kept, and the notes say so."""
    prepared = votes(
        tmp_path, "p1,When lost,a,b,wiser,young", "p1,When sad,a,b,wiser,old", header=HEADER + ",age", groups=["age"]
    )

    assert "members" not in prepared.tables
    assert any(note.startswith("1 people have several values of age") for note in prepared.notes)


def test_scenarios_are_linked_to_contexts(tmp_path: Path) -> None:
    """A scenario column links scenario and context; an unknown scenario is made with its name for a text."""
    prepared = votes(
        tmp_path, "p1,When lost,a,b,wiser,loss", "p2,When sad,a,b,wiser,My father died", "p3,When sad,a,b,wiser,",
        header=HEADER + ",scenario", known=known(scenarios=[("loss", "A loss"), ("s9", "My father died")]),
    )

    assert [("loss", "When lost"), ("s9", "When sad")] == [
        tuple(row.values()) for row in prepared.tables["raises"].to_pylist()
    ]
    assert "scenarios" not in prepared.tables


def test_the_story_most_often_told_is_kept(tmp_path: Path) -> None:
    """Each upgrade has one story, whatever the order of rows; several are noted."""
    rows = ["p1,When lost,a,b,wiser,Tale two", "p2,When lost,a,b,wiser,Tale one", "p3,When lost,a,b,wiser,Tale two",
            "p4,When sad,a,b,wiser,"]
    for order in (rows, rows[::-1]):
        prepared = votes(tmp_path, *order, header=HEADER + ",story")

        assert {"When lost": "Tale two", "When sad": None} == {
            row["context_id"]: row["story"] for row in prepared.tables["upgrades"].to_pylist()
        }
        assert any("1 upgrades come with several stories" in note for note in prepared.notes)


def test_rows_of_erased_people_are_left_out(tmp_path: Path) -> None:
    """Good or bad, a row of an erased person is neither taken nor rejected, only counted."""
    gone = Known(tombstones=frozenset({hashlib.sha256(pseudonym_of("p1").encode()).hexdigest()}))
    prepared = votes(
        tmp_path, "p1,When lost,a,b,wiser", "p1,When lost,a,b,nonsense", "p2,When sad,a,b,wiser", known=gone
    )

    assert [("p2", "When sad", "a", "b", "wiser")] == answers(prepared)
    assert (3, 2, 0) == (prepared.read, prepared.dropped, len(prepared.rejects))
    assert "Left out: answers of people who were erased from this graph, 2." in prepared.notes
    assert [pseudonym_of("p2")] == prepared.tables["users"]["id"].to_pylist()


def test_column_names_are_found_in_any_case(tmp_path: Path) -> None:
    """Case, spaces and hyphens of the header make no difference."""
    prepared = votes(tmp_path, "p1,When lost,a,b,wiser", header="Participant, CONTEXT ,From value,to-value,Answer")

    assert 1 == prepared.tables["votes"].num_rows


def test_a_missing_column_names_what_is_there_and_what_is_close(tmp_path: Path) -> None:
    """The error lists the file's columns, the closest name, and the command that writes a mapping."""
    with pytest.raises(InputError) as caught:
        votes(tmp_path, "p1,When lost,a,b,wiser", header="particpant,context,from_value,to_value,answer")

    assert "no column for participant" in caught.value.message
    assert 'did you mean "particpant"?' in caught.value.message
    assert "context, from_value" in caught.value.message
    assert "graphengine sniff votes.csv" in caught.value.hint
    assert ["participant"] == caught.value.missing


def test_chinese_votes_are_read(tmp_path: Path) -> None:
    """Contexts, cards, answers and column names in Chinese work throughout."""
    prepared = take(
        tmp_path, "编号,情境,从,到,回答\n甲,面临抉择时,安慰,陪伴,是\n乙,面临抉择时,安慰,陪伴,不确定\n",
        mapping='[columns]\nparticipant="编号"\ncontext="情境"\nfrom_value="从"\nto_value="到"\nanswer="回答"\n'
        '[answers]\n"是"="wiser"\n"不确定"="unsure"',
        kind="votes",
    )

    assert [
        ("乙", "面临抉择时", "安慰", "陪伴", "unsure"), ("甲", "面临抉择时", "安慰", "陪伴", "wiser"),
    ] == answers(prepared)
