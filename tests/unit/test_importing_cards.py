"""Cards, scenarios and contexts."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from graphengine.importing import Known, Prepared
from tests.importing_kit import known, pseudonym_of, reasons, take

HEADER = "id,title,description,policies,author,duplicate_of"


def cards(folder: Path, *rows: str, header: str = HEADER, **options: object) -> Prepared:
    """Prepare a file of cards."""
    return take(folder, "\n".join([header, *rows, ""]), name="cards.csv", **options)


def test_cards(tmp_path: Path) -> None:
    """A card has id, title, description and a list of policies; its author becomes a pseudonym."""
    prepared = cards(tmp_path, "7,Calm,Be calm.,SIGNS of rest|MOMENTS of quiet,anna,", "8,Joy,,,,", "9,Merry,,,bert,8")

    assert [
        {"id": "7", "title": "Calm", "description": "Be calm.", "policies": ["SIGNS of rest", "MOMENTS of quiet"]},
        {"id": "8", "title": "Joy", "description": None, "policies": []},
        {"id": "9", "title": "Merry", "description": None, "policies": []},
    ] == prepared.tables["cards"].to_pylist()
    assert [("9", "8")] == [tuple(row.values()) for row in prepared.tables["duplicates"].to_pylist()]
    assert [(pseudonym_of("anna"), "7"), (pseudonym_of("bert"), "9")] == [
        tuple(row.values()) for row in prepared.tables["articulated"].to_pylist()
    ]
    assert [pseudonym_of("anna"), pseudonym_of("bert")] == prepared.tables["users"]["id"].to_pylist()
    assert (["7", "8", "9"], [], 3, "cards") == (
        prepared.new_cards, prepared.stub_cards, prepared.read, prepared.kind
    )
    assert "anna" not in str([table.to_pylist() for table in prepared.tables.values()])


@pytest.mark.parametrize(("cell", "policies"), [
    ('"[""A; b"", ""C | d""]"', ["A; b", "C | d"]), ("A | b |C|", ["A", "b", "C"]), ("A; b", ["A", "b"]),
    ('"A; b | c\nD"', ["A; b | c", "D"]), ('"A\r\nB"', ["A", "B"]), ("A; b | C", ["A; b", "C"]), ("A", ["A"]),
    ("", []), ("[]", []), ("'甲；乙'|丙", ["'甲；乙'", "丙"]),
])
def test_lists_of_policies(tmp_path: Path, cell: str, policies: list[str]) -> None:
    """JSON lists, lines, bars and semicolons are read; the strongest separator in the cell decides."""
    prepared = cards(tmp_path, f"7,Calm,{cell}", header="id,title,policies")

    assert policies == prepared.tables["cards"]["policies"][0].as_py()


@pytest.mark.parametrize(("row", "column", "reason"), [
    (",Calm,,,,", "id", "no id"), ("7,,,,,", "title", "no title"),
    ("7,Calm,,[broken,,", "policies", "not a list"), ('7,Calm,,"[{""a"": 1}]",,', "policies", "not a list"),
    ("7,Calm,,,,7", "duplicate_of", "a card is a duplicate of itself"),
])
def test_an_unusable_card_is_rejected(tmp_path: Path, row: str, column: str, reason: str) -> None:
    """A bad card names its column; the cards around it are taken."""
    prepared = cards(tmp_path, "1,One,,,,", row, "2,Two,,,,")

    assert [(3, column, reason)] == [(each[0], each[1], each[3]) for each in reasons(prepared)]
    assert ["1", "2"] == prepared.new_cards


def test_another_title_for_a_known_id_is_a_conflict(tmp_path: Path) -> None:
    """The same id with another title is rejected, naming both; the same title, and a stub's first title, are taken."""
    graph = known(cards=[("1", "Calm"), ("2", "Joy"), ("3", None)])
    prepared = cards(tmp_path, "1,Calmness,,,,", "2,Joy,New words.,,,", "3,Hope,,,,", known=graph)

    assert [(2, "title", "Calmness", 'the graph holds the card 1 with the title "Calm"')] == reasons(prepared)
    assert "--prefix" in prepared.rejects.table["_reject_fix"][0].as_py()
    assert ["2", "3"] == prepared.tables["cards"]["id"].to_pylist()
    assert [] == prepared.new_cards


def test_a_prefix_avoids_the_conflict(tmp_path: Path) -> None:
    """With a prefix the same number is another card, also as canonical card and for its author."""
    prepared = cards(tmp_path, "1,Calmness,,,anna,2", "2,Joy,,,,", prefix="s:", known=known(cards=[("1", "Calm")]))

    assert (["s:1", "s:2"], 0) == (prepared.new_cards, len(prepared.rejects))
    assert [("s:1", "s:2")] == [tuple(row.values()) for row in prepared.tables["duplicates"].to_pylist()]
    assert [pseudonym_of("s:anna")] == prepared.tables["users"]["id"].to_pylist()


def test_one_id_with_two_titles_in_a_file(tmp_path: Path) -> None:
    """All rows of the id are rejected, in whatever order they stand."""
    for rows in (["1,Calm,,,,", "1,Rest,,,,", "2,Joy,,,,"], ["1,Rest,,,,", "1,Calm,,,,", "2,Joy,,,,"]):
        prepared = cards(tmp_path, *rows)

        assert ([2, 3], ["2"]) == ([each[0] for each in reasons(prepared)], prepared.new_cards)


def test_one_card_with_several_authors(tmp_path: Path) -> None:
    """Rows that say the same of a card, or leave it out, add authors; a row that repeats all is counted."""
    prepared = cards(tmp_path, "1,Calm,Be calm.,A|B,anna,", "1,Calm,,,bert,", "1,Calm,,,bert,")

    assert (1, 2, 1, 3) == (
        prepared.tables["cards"].num_rows, prepared.tables["articulated"].num_rows, prepared.repeated, prepared.read
    )
    assert (["A", "B"], "Be calm.") == (
        prepared.tables["cards"]["policies"][0].as_py(), prepared.tables["cards"]["description"][0].as_py()
    )


@pytest.mark.parametrize(("rows", "rejected", "why"), [
    (["1,A,,,,2", "2,B,,,,1"], [2, 3], "is itself a duplicate of"),
    (["1,A,,,,2", "2,B,,,,3", "3,C,,,,"], [2], "2 is itself a duplicate of 3"),
    (["1,A,,,,2", "2,B,,,,3", "3,C,,,,1"], [2, 3, 4], "is itself a duplicate of"),
    (["1,A,,,,2", "1,A,,,,3", "2,B,,,,", "3,C,,,,"], [2, 3], "different things of the card 1"),
    (["1,A,,,,d"], [2], "d is itself a duplicate of k"),
    (["k,K,,,,1", "1,A,,,,"], [2], "other cards are duplicates of this one in the graph (d)"),
    (["d,D,,,,1", "1,A,,,,"], [2], "the graph holds the card as a duplicate of k"),
    (["d,D,,,,k"], [], ""),
])
def test_duplicates_lead_to_a_canonical_card(tmp_path: Path, rows: list[str], rejected: list[int], why: str) -> None:
    """A canonical card is never a duplicate: chains, cycles and changes of mind are rejected, in file and graph."""
    graph = known(cards=[("d", "D"), ("k", "K")], duplicates=[("d", "k")])
    prepared = cards(tmp_path, *rows, known=graph)

    assert rejected == [each[0] for each in reasons(prepared)]
    assert all(why in each[3] for each in reasons(prepared))


def test_an_unknown_canonical_card_is_a_stub(tmp_path: Path) -> None:
    """A canonical card that is nowhere becomes a stub and is reported; strict rejects the row."""
    prepared = cards(tmp_path, "1,A,,,,9")

    assert (["1", "9"], ["9"]) == (prepared.new_cards, prepared.stub_cards)
    assert [(2, "duplicate_of", "9", "a card that the graph does not hold")] == reasons(
        cards(tmp_path, "1,A,,,,9", strict=True)
    )
    assert [] == reasons(cards(tmp_path, "1,A,,,,9", "9,B,,,,", strict=True))


def test_a_list_of_duplicates_alone(tmp_path: Path) -> None:
    """A file of ids and duplicate_of needs no titles, and overwrites none."""
    prepared = take(tmp_path, "id,duplicate_of\n1,2\n", name="dups.csv", known=known(cards=[("1", "A"), ("2", "B")]))

    assert {"duplicates": 1, "cards": 0} == {name: table.num_rows for name, table in prepared.tables.items()}


def test_an_erased_author_is_left_out(tmp_path: Path) -> None:
    """The card stays, its author does not, and a note says so."""
    gone = Known(tombstones=frozenset({hashlib.sha256(pseudonym_of("anna").encode()).hexdigest()}))
    prepared = cards(tmp_path, "1,A,,,anna,", known=gone)

    assert {"cards"} == set(prepared.tables)
    assert any("1 authors who were erased" in note for note in prepared.notes)


def test_personal_texts_in_cards_are_pointed_out(tmp_path: Path) -> None:
    """An address in a description is noted by its row, and not repeated in the note."""
    prepared = cards(tmp_path, "1,A,write to anna@example.org,,,")

    note = next(note for note in prepared.notes if "e-mail" in note)
    assert ("rows 2" in note, "anna" in note) == (True, False)


def scenarios(folder: Path, *rows: str, **options: object) -> Prepared:
    """Prepare a file of scenarios."""
    return take(folder, "\n".join(["id,text,image,contexts", *rows, ""]), name="scenarios.csv", **options)


def test_scenarios(tmp_path: Path) -> None:
    """A scenario has text, the contexts it raises, and its image's hash."""
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "a.png").write_bytes(b"picture")
    digest = "sha256:" + hashlib.sha256(b"picture").hexdigest()
    uri = "data:image/png;base64," + base64.b64encode(b"picture").decode()
    prepared = scenarios(
        tmp_path, "s1,My father died.,pictures/a.png,When lost|When sad", f's2,Who am I?,"{uri}",c9',
        f"s3,Why?,{digest},", known=known(contexts=[("c9", "When asking")]),
    )

    assert [
        {"id": "s1", "text": "My father died.", "image": digest}, {"id": "s2", "text": "Who am I?", "image": digest},
        {"id": "s3", "text": "Why?", "image": digest},
    ] == prepared.tables["scenarios"].to_pylist()
    assert [("s1", "When lost"), ("s1", "When sad"), ("s2", "c9")] == [
        tuple(row.values()) for row in prepared.tables["raises"].to_pylist()
    ]
    assert ["When lost", "When sad"] == prepared.new_contexts == prepared.stub_contexts


@pytest.mark.parametrize(("row", "column", "reason"), [
    (",A text,,", "id", "no id"), ("s1,,,", "text", "no text"),
    ("s1,A text,none.png,", "image", "there is no such image"), ("s1,A text,.,", "image", "there is no such image"),
    ("s1,A text,https://example.org/a.png,", "image", "images are not downloaded"),
    ("s1,A text,data:nothing,", "image", "not a data: URI"),
    ('s1,A text,"data:image/png;base64,!!",', "image", ""), ("s1,A text,,[broken", "contexts", "not a list"),
    ("s0,Another text,,", "text", 'the graph holds the scenario s0 with another text: "The text"'),
])
def test_an_unusable_scenario_is_rejected(tmp_path: Path, row: str, column: str, reason: str) -> None:
    """A bad scenario names its column and reason."""
    prepared = scenarios(tmp_path, row, known=known(scenarios=[("s0", "The text")]))

    assert [(2, column)] == [each[:2] for each in reasons(prepared)]
    assert reason in reasons(prepared)[0][3]
    assert not any(table.num_rows for table in prepared.tables.values())


def test_a_scenario_named_by_votes_gets_its_text(tmp_path: Path) -> None:
    """A scenario that only a votes file named has its id for a text, and may get another."""
    prepared = scenarios(tmp_path, "s0,A text,,", known=known(scenarios=[("s0", "s0")]))

    assert ["A text"] == prepared.tables["scenarios"]["text"].to_pylist()


def test_scenarios_strict(tmp_path: Path) -> None:
    """Strict rejects a scenario that raises a context the graph does not hold."""
    assert [(2, "contexts")] == [each[:2] for each in reasons(scenarios(tmp_path, "s1,A,,When lost", strict=True))]


def test_one_scenario_with_two_texts_in_a_file(tmp_path: Path) -> None:
    """All rows of the id are rejected; rows that agree add contexts."""
    prepared = scenarios(tmp_path, "s1,A,,", "s1,B,,", "s2,C,,When lost", "s2,C,,When sad")

    assert [2, 3] == [each[0] for each in reasons(prepared)]
    assert 2 == prepared.tables["raises"].num_rows


def contexts(folder: Path, *rows: str, header: str = "id,text", **options: object) -> Prepared:
    """Prepare a file of contexts."""
    return take(folder, "\n".join([header, *rows, ""]), name="contexts.csv", **options)


def test_contexts(tmp_path: Path) -> None:
    """A context's id is the one given, else its text in normal form."""
    prepared = contexts(tmp_path, "c1,When lost", ", Cafe\u0301 ", ",面临抉择时")

    assert [("Caf\u00e9", "Caf\u00e9"), ("c1", "When lost"), ("面临抉择时", "面临抉择时")] == [
        tuple(row.values()) for row in prepared.tables["contexts"].to_pylist()
    ]
    assert (3, []) == (len(prepared.new_contexts), prepared.stub_contexts)


def test_contexts_without_an_id_column(tmp_path: Path) -> None:
    """One column of texts is enough, and a prefix goes before the ids only."""
    prepared = contexts(tmp_path, "When lost", "When lost", header="text", prefix="s:")

    assert [{"id": "s:When lost", "text": "When lost"}] == prepared.tables["contexts"].to_pylist()
    assert 1 == prepared.repeated


@pytest.mark.parametrize(("row", "reason"), [
    ("c1,", "no text"), ("c0,When sad", 'the graph holds the context c0 with the text "When lost"'),
    ("c1,When lost", "the graph holds this text as the context c0"),
])
def test_an_unusable_context_is_rejected(tmp_path: Path, row: str, reason: str) -> None:
    """A text without words, another text for a known id, another id for a known text."""
    prepared = contexts(tmp_path, row, known=known(contexts=[("c0", "When lost")]))

    assert [(2, "text", reason)] == [(each[0], each[1], each[3]) for each in reasons(prepared)]


def test_a_context_named_by_votes_gets_its_text(tmp_path: Path) -> None:
    """A stub (its text is its id) may get a text; in one file an id has one text."""
    prepared = contexts(tmp_path, "c0,When lost", "c1,A", "c1,B", known=known(contexts=[("c0", "c0")]))

    assert [("c0", "When lost")] == [tuple(row.values()) for row in prepared.tables["contexts"].to_pylist()]
    assert [3, 4] == [each[0] for each in reasons(prepared)]
