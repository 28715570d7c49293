"""Rejects files, privacy notes, sniffing and templates."""

from __future__ import annotations

import csv
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from graphengine.errors import InputError
from graphengine.importing import Rejects, prepare, sniff, source, templates
from graphengine.importing.mapping import read_mapping
from graphengine.importing.privacy import look
from graphengine.importing.rejects import REPORT
from tests.conftest import PROJECT
from tests.importing_kit import HEADER, answers, known, pseudonym, take, votes

BAD = ("p1,When lost,a,b,Yess", 'p2,"When ""so"", lost",a,b,no', "p3,,a,b,no", "p4,When lost")


def test_rejects_hold_the_original_rows(tmp_path: Path) -> None:
    """Original cells first, then row, column, value, reason and fix."""
    prepared = votes(tmp_path, *BAD)

    assert [*HEADER.split(","), *REPORT] == prepared.rejects.table.column_names
    assert [2, 4, 5] == prepared.rejects.table["_reject_row"].to_pylist()
    first = prepared.rejects.table.to_pylist()[0]
    assert ["p1", "When lost", "a", "b", "Yess"] == list(first.values())[:5]
    assert '[answers] "Yess" = "wiser"' in first["_reject_fix"]
    assert (3, 3) == (len(prepared.rejects), prepared.rejects.count)


def test_rejects_are_for_the_owner_only(tmp_path: Path) -> None:
    """The file has mode 600, also where an older one was open to all; the note says what it holds."""
    target = tmp_path / "rejects.csv"
    target.write_text("older", encoding="utf-8")
    target.chmod(0o644)
    before = os.umask(0)
    try:
        note = votes(tmp_path, *BAD).rejects.write(target)
    finally:
        os.umask(before)

    assert 0o600 == stat.S_IMODE(target.stat().st_mode)
    assert "raw participant ids" in note
    assert "mode 600" in note
    assert [] == list(tmp_path.glob("*.part"))


def test_mended_rejects_are_imported_alone(tmp_path: Path) -> None:
    """Rejects mended in place give exactly the votes that were missing; the report's columns are not even named."""
    first = votes(tmp_path, *BAD)
    first.rejects.write(tmp_path / "rejects.csv")
    with (tmp_path / "rejects.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0]["answer"], rows[1]["context"] = "yes", "When lost"
    rows[2] |= {"from_value": "a", "to_value": "b", "answer": "unsure"}
    with (tmp_path / "mended.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    second = prepare(tmp_path / "mended.csv", known=known(), pseudonym=pseudonym)

    assert [("p1", "wiser"), ("p3", "not_wiser"), ("p4", "unsure")] == [(each[0], each[-1]) for each in answers(second)]
    assert 0 == len(second.rejects)
    assert not any("_reject" in note for note in second.notes)


def test_rejects_of_rejects(tmp_path: Path) -> None:
    """Rejects imported without mending are rejected again, with one set of report columns, by their new rows."""
    votes(tmp_path, *BAD).rejects.write(tmp_path / "rejects.csv")
    again = prepare(tmp_path / "rejects.csv", known=known(), pseudonym=pseudonym)

    assert [*HEADER.split(","), *REPORT] == again.rejects.table.column_names
    assert [2, 3, 4] == again.rejects.table["_reject_row"].to_pylist()


@pytest.mark.parametrize("place", ["none/rejects.csv", "folder"])
def test_rejects_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    """A folder that is not there, or a folder in the file's place, is an error, and no half file remains."""
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="can't be written"):
        votes(tmp_path, *BAD).rejects.write(tmp_path / place)

    assert [] == list(tmp_path.glob("*.part"))


def test_rejects_as_sentences(tmp_path: Path) -> None:
    """A report can say the first rejects in words."""
    sentences = votes(tmp_path, *BAD).rejects.sentences(1)

    assert 1 == len(sentences)
    assert sentences[0].startswith('row 2, column "answer": "Yess": not one of wiser')


def test_a_broken_row_as_a_sentence(tmp_path: Path) -> None:
    """A row that could not be taken apart names no column."""
    assert ["row 2: 1 cells, but the header has 5. add the missing cells"] == votes(tmp_path, "p1").rejects.sentences()


def test_no_rejects() -> None:
    """The empty rejects have the columns of a full one."""
    assert (0, ("a", *REPORT)) == (len(Rejects.none(("a",))), tuple(Rejects.none(("a",)).table.column_names))


@pytest.mark.parametrize(("text", "what"), [
    ("ask anna@example.org", "e-mail"), ("Anna <a.b+c@x-y.example.org>!", "e-mail"),
    ("id 5f3c2b1a9d8e7f6a5b4c3d2e", "participant id"), ("call +49 (30) 1234567", "phone"),
    ("call 555-123-4567", "phone"), ("打 13812345678 找我", "phone"),
])
def test_personal_texts_are_pointed_out(tmp_path: Path, text: str, what: str) -> None:
    """Contexts, stories and scenarios that look personal are noted by row; the note repeats nothing of them."""
    for column, row in (
        ("context", f"p2,{text},a,b,no,,"), ("story", f"p2,c,a,b,no,{text},"), ("scenario", f"p2,c,a,b,no,,{text}"),
    ):
        prepared = votes(tmp_path, "p1,c,a,b,no,,", row, header=HEADER + ",story,scenario")

        note = next(note for note in prepared.notes if what in note)
        assert note.startswith(f"{column}: 1 text looks like it holds")
        assert "(rows 3)" in note
        assert "anna" not in note


def test_group_values_that_look_personal_are_pointed_out(tmp_path: Path) -> None:
    """Opting in a column of addresses by mistake is noticed."""
    prepared = votes(tmp_path, "p1,c,a,b,no,anna@example.org", header=HEADER + ",mail", groups=["mail"])

    assert any(note.startswith("group variable mail: 1 text looks like") for note in prepared.notes)


@pytest.mark.parametrize("text", [
    "When lost", "On 2024-05-31 at 14:30", "3.14159265", "a @ b", "50-100 people", "deadbeef", "1999-2004", "#1 of 10",
    "2024/05/31",
])
def test_ordinary_texts_are_not(text: str) -> None:
    """Dates, small numbers and ordinary words raise no suspicion."""
    assert [] == look([(2, text)], "story", "rows")


def test_only_the_first_rows_are_named() -> None:
    """A note names five rows and how many there are."""
    note = look([(row, "a@example.org") for row in range(2, 12)], "story", "rows of the file")[0]

    assert "10 texts look like they hold an e-mail address (rows 2, 3, 4, 5, 6, …)" in note


def test_sniff_finds_what_an_import_takes(tmp_path: Path) -> None:
    """A file that needs no map is recognised as such."""
    (tmp_path / "votes.csv").write_text(f"{HEADER}\np1,c,a,b,yes\n", encoding="utf-8")
    found = sniff(tmp_path / "votes.csv")

    assert ("csv", "votes", ",", "utf-8") == (found.format, found.kind, found.delimiter, found.encoding)
    assert all(column.sure for column in found.columns)


def test_the_starter_map_imports_the_file(tmp_path: Path) -> None:
    """Guesses are right often enough that the map it writes can be used as it is."""
    text = "PROLIFIC_PID;Situation;from_id;to_id;relationship;createdAt\np1;c;a;b;upgrade;2024-05-31\n"
    (tmp_path / "export.csv").write_text(text, encoding="utf-8")
    (tmp_path / "map.toml").write_text(sniff(tmp_path / "export.csv").map_toml(), encoding="utf-8")

    assert {"participant": "PROLIFIC_PID", "context": "Situation", "from_value": "from_id", "to_value": "to_id",
            "answer": "relationship", "at": "createdAt"} == read_mapping(tmp_path / "map.toml").columns
    prepared = prepare(tmp_path / "export.csv", known=known(), pseudonym=pseudonym, mapping=tmp_path / "map.toml")
    assert [("p1", "c", "a", "b", "wiser")] == answers(prepared)


def test_the_starter_map_of_a_survey(tmp_path: Path) -> None:
    """For a wide export the map lists the questions and the words that need a meaning, commented out."""
    at = "2024/05/31 2:30:00 PM GMT+2"
    text = f'Timestamp,Your code,"Did he become wiser?",Age\n{at},p1,"Yes, sure",20\n{at},p2,No,30\n'
    (tmp_path / "form.csv").write_text(text, encoding="utf-8")
    found = sniff(tmp_path / "form.csv")

    assert ("votes-wide", "google", ("Did he become wiser?",), ("Yes, sure",)) == (
        found.kind, found.layout, found.questions, found.words
    )
    toml = found.map_toml()
    assert '# "Did he become wiser?" = {context = "", from = "", to = ""}' in toml
    assert '# "Yes, sure" = ""' in toml
    assert '# participant = ""  # needed' in toml
    assert "p1" not in toml
    (tmp_path / "map.toml").write_text(toml, encoding="utf-8")
    assert "votes-wide" == read_mapping(tmp_path / "map.toml").kind


@pytest.mark.parametrize(("name", "content", "kind"), [
    ("g.json", '{"values": [], "edges": []}', "moral-graph-json"), ("c.jsonl", '{"id": 1, "title": "A"}', "cards"),
    ("x.csv", "name,born\nA,1990\n", None), ("s.csv", "id,text,image\n1,A,\n", "scenarios"),
])
def test_sniff_tells_kinds(tmp_path: Path, name: str, content: str, kind: str | None) -> None:
    """Every kind is told from the file, and nothing is claimed where nothing speaks for it; the map is always TOML."""
    (tmp_path / name).write_text(content, encoding="utf-8")
    found = sniff(tmp_path / name)
    (tmp_path / "map.toml").write_text(found.map_toml(), encoding="utf-8")

    assert kind == found.kind == read_mapping(tmp_path / "map.toml").kind


def test_templates_import_as_they_are(tmp_path: Path) -> None:
    """Every example file is taken without a reject, the wide one with its map."""
    for name, text in templates().items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    kinds = {}
    for name in templates():
        if name.endswith(".csv"):
            mapping = tmp_path / "map.toml" if name == "votes-wide.csv" else None
            prepared = prepare(tmp_path / name, known=known(), pseudonym=pseudonym, mapping=mapping)
            kinds[name] = prepared.kind
            assert (0, True) == (len(prepared.rejects), prepared.read > 0)
    assert {
        "votes.csv": "votes", "votes-wide.csv": "votes-wide", "cards.csv": "cards", "scenarios.csv": "scenarios",
        "contexts.csv": "contexts",
    } == kinds


def test_heavy_packages_wait_until_a_file_is_read() -> None:
    """Importing the room imports neither DuckDB nor the Parquet reader."""
    code = "import sys, graphengine.importing; print([m for m in ('duckdb', 'pyarrow.parquet') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PROJECT)

    assert "[]" == run.stdout.strip()


def test_nothing_is_left_behind_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import writes no file beside the one it reads; what does not fit into memory goes to a private folder."""
    monkeypatch.chdir(tmp_path)
    votes(tmp_path, *BAD)
    folder = Path(source.database().execute("SELECT current_setting('temp_directory')").fetchall()[0][0])

    assert ["votes.csv"] == [path.name for path in tmp_path.iterdir()]
    assert 0o700 == stat.S_IMODE(folder.stat().st_mode)


def test_what_was_read_is_somewhere(tmp_path: Path) -> None:
    """Read = votes + earlier votes + repeated + dropped + rejected."""
    prepared = take(
        tmp_path,
        f"{HEADER},at\np1,c,a,b,yes,1\np1,c,a,b,no,2\np1,c,a,b,no,2\np2,c,a,b,perhaps,1\np3,c\n\np4,c,a,b,no,1\n",
    )

    votes_now, before = prepared.tables["votes"].num_rows, prepared.tables["votes_before"].num_rows
    assert (6, 2, 1, 1, 0, 2) == (
        prepared.read, votes_now, before, prepared.repeated, prepared.dropped, prepared.rejects.count
    )
