"""map.toml: what it may say, and what the errors say when it can't be right."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graphengine.errors import InputError, MappingError
from graphengine.importing.mapping import FIELDS, Mapping, answer_key, find_kind, read_mapping, resolve
from tests.importing_kit import HEADER, answers, take, votes


def mapping(folder: Path, text: str | bytes) -> Mapping:
    """Read a map.toml of this text."""
    path = folder / "map.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_mapping(path)


def test_a_full_mapping(tmp_path: Path) -> None:
    """Every section is read."""
    found = mapping(
        tmp_path,
        'kind = "votes-wide"\n[columns]\nparticipant = "PID"\n[answers]\n"Oh Yes" = "wiser"\n[groups]\nage = "Q12"\n'
        '[wide]\n"Q5" = {context = "When lost", from = 12, to = "15", story = "Once"}\n',
    )

    assert ("votes-wide", {"participant": "PID"}, {"age": "Q12"}) == (found.kind, found.columns, found.groups)
    assert "wiser" == found.answer("oh-yes")
    question = found.wide[0]
    assert ("Q5", "When lost", "12", "15", "", "Once") == (
        question.column, question.context, question.from_value, question.to_value, question.scenario, question.story
    )


@pytest.mark.parametrize(("text", "says"), [
    ('[colums]\nparticipant = "PID"', '"colums" is not known; did you mean "columns"?'),
    ('[columns]\nparticipent = "PID"', '[columns] "participent" is not known; did you mean "participant"?'),
    ('[columns]\nparticipant = 3', "takes only entries of the form"),
    ("columns = 3", "takes only entries of the form"),
    ('[answers]\n"Yess" = "wisre"', '"Yess" = "wisre" is none of wiser, not_wiser, unsure; did you mean "wiser"?'),
    ('kind = "vots"', 'kind = "vots" is none of'), ("kind = 3", 'kind = "3" is none of'),
    ("wide = 3", "[wide] is not a table"), ("[columns", "is not TOML"), ('[columns]\nQ 5 = "x"', "is not TOML"),
    ('[groups]\nage = ["a"]', "takes only entries"),
])
def test_a_wrong_mapping_names_the_closest(tmp_path: Path, text: str, says: str) -> None:
    """Unknown keys, kinds and answers are errors that name what was probably meant."""
    with pytest.raises(MappingError) as caught:
        mapping(tmp_path, text)

    assert says in caught.value.message
    assert caught.value.message.startswith(("map.toml", str(tmp_path)))
    assert caught.value.hint


def test_a_mapping_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a folder or bytes that are no text are errors, not tracebacks."""
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(MappingError, match="can't be read"):
            read_mapping(path)
    with pytest.raises(MappingError, match="can't be read"):
        mapping(tmp_path, b"\xff\xfe")


def test_a_mapping_with_a_byte_order_mark(tmp_path: Path) -> None:
    """An editor's byte order mark does no harm."""
    assert "votes" == mapping(tmp_path, b'\xef\xbb\xbfkind = "votes"').kind


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    """A mapped column that the file lacks is an error with the closest column and the list of all."""
    with pytest.raises(MappingError) as caught:
        votes(tmp_path, "p1,c,a,b,no", mapping='[columns]\nparticipant = "Particpant"')

    expected = '[columns] participant: votes.csv has no column "Particpant"; did you mean "participant"?'
    assert expected == caught.value.message
    assert "participant, context" in caught.value.hint


def test_mapped_columns(tmp_path: Path) -> None:
    """Columns under other names are found by the mapping, the rest by their own."""
    prepared = take(
        tmp_path, "PID,Situation,from_value,to_value,answer\np1,c,a,b,no\n",
        mapping='[columns]\nparticipant = "PID"\ncontext = "Situation"',
    )

    assert [("p1", "c", "a", "b", "not_wiser")] == answers(prepared)


def test_one_column_may_serve_two_fields(tmp_path: Path) -> None:
    """A study with one context per scenario may map both to the same column."""
    prepared = votes(tmp_path, "p1,c,a,b,no", mapping='[columns]\nscenario = "context"')

    assert [("c", "c")] == [tuple(row.values()) for row in prepared.tables["raises"].to_pylist()]


@pytest.mark.parametrize(("columns", "stem", "kind"), [
    (["participant", "context", "from_value", "to_value", "answer"], "x", "votes"),
    (["id", "title"], "x", "cards"), (["id", "duplicate_of"], "x", "cards"),
    (["id", "text", "image"], "x", "scenarios"), (["id", "text"], "my-scenarios", "scenarios"),
    (["id", "text"], "contexts", "contexts"), (["text"], "x", "contexts"), (["a", "b"], "votes", None),
])
def test_the_kind_follows_from_the_columns(columns: list[str], stem: str, kind: str | None) -> None:
    """Column names tell the kind; only scenarios and contexts without image need the file's name."""
    assert kind == find_kind(columns, stem)


def test_every_kind_lists_what_it_lacks() -> None:
    """A file with none of the needed columns is told all of them."""
    for kind, (needed, _) in FIELDS.items():
        with pytest.raises(InputError) as caught:
            resolve(Mapping(), kind, ["x"], (), "file.csv")
        assert list(needed) == caught.value.missing


def test_the_hash_follows_the_meaning(tmp_path: Path) -> None:
    """The mapping's hash changes with columns, answers and groups, not with comments or the order of entries."""
    one = mapping(tmp_path, '[answers]\na = "wiser"\nb = "unsure"\n').sha256()
    two = mapping(tmp_path, '# note\n[answers]\nb = "unsure"\na = "wiser"\n').sha256()
    three = mapping(tmp_path, '[answers]\na = "wiser"\nb = "wiser"\n').sha256()

    assert one == two != three


@pytest.mark.parametrize(("toml", "options"), [
    ("", {"groups": ["participant"]}), ('[groups]\nwho = "participant"', {}), ('[columns]\nstory = "participant"', {}),
    ('[columns]\nat = "participant"', {}),
])
def test_raw_ids_are_not_stored_under_another_name(tmp_path: Path, toml: str, options: dict[str, Any]) -> None:
    """The column of the participants can't be a group, a story or anything else."""
    with pytest.raises(MappingError, match="names people"):
        votes(tmp_path, "p1,c,a,b,no", mapping=toml, **options)


def test_raw_ids_of_authors_and_surveys_are_not_stored_either(tmp_path: Path) -> None:
    """The same holds for the authors of cards and for the questions of a wide survey."""
    with pytest.raises(MappingError, match="names people"):
        take(tmp_path, "id,title,author\n1,A,anna\n", name="c.csv", mapping='[columns]\ndescription = "author"')
    with pytest.raises(MappingError, match="names people"):
        take(
            tmp_path, "participant\np1\n",
            mapping='[wide]\nparticipant = {context = "c", from = "a", to = "b"}',
        )


def test_full_width_answers() -> None:
    """Letters typed full width, as in East Asian input, are the same answers."""
    assert "yes" == answer_key("ＹＥＳ")


def test_group_columns_follow_the_mapping(tmp_path: Path) -> None:
    """A variable may have another name than its column."""
    prepared = votes(
        tmp_path, "p1,c,a,b,no,20", header=HEADER + ",Q12", mapping='[groups]\nage = "Q12"'
    )

    assert ["age=20"] == prepared.tables["groups"]["id"].to_pylist()
