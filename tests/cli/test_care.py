"""Caring for a graph by hand: doctor, migrate, backup, restore, rebuild, erase-user, export."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from graphengine.sample import sample_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said
    from tests.neo4j_server import Neo4jServer

pytestmark = pytest.mark.slow


def test_doctor_says_what_is_there_and_what_is_next(cli: Callable[..., Said], own: Path) -> None:
    """`doctor` on a good graph: engine, counts, no problem, the next command."""
    said = cli("doctor")
    assert 0 == said.code
    lines = dict(line.split(maxsplit=1) for line in said.out.splitlines())
    assert ("none", "graphengine query wisest_everywhere") == (lines["problem"], lines["next"])
    assert "1,535 votes" in lines["holds"]


def test_doctor_names_a_problem(cli: Callable[..., Said], own: Path) -> None:
    """Without the key of the pseudonyms `doctor` says so, and its exit code is 1."""
    (own / "key").unlink()
    said = cli("doctor")
    assert 1 == said.code
    assert "key" in said.out.split("problem", 1)[1]
    assert cli("doctor", "--json").json["ok"] is False


def test_doctor_leads_from_nothing_to_an_answer(cli: Callable[..., Said], votes: Path) -> None:
    """What `doctor` proposes next leads step by step to the wisest values."""
    cards = votes.with_name("cards.csv")
    cards.write_text("id,title\nmap,Map\n")
    cli("import", cards)
    assert "graphengine import votes.csv" == cli("doctor", "--json").json["next"]
    cli("import", votes)
    assert "graphengine rank" == cli("doctor", "--json").json["next"]
    cli("rank")
    assert 0 == cli(*cli("doctor", "--json").json["next"].split()[1:]).code


def test_migrate_in_words(cli: Callable[..., Said], own: Path) -> None:
    """`migrate` says that the graph is up to date; `--list` shows the migrations alone."""
    assert "the graph is up to date" in cli("migrate").out
    listed = cli("migrate", "--list").out.splitlines()
    assert ["id", "name", "state"] == listed[0].split()
    assert {"applied"} == {line.split()[-1] for line in listed[1:]}


def test_a_backup_makes_the_same_graph(cli: Callable[..., Said], own: Path, folder: Path) -> None:
    """Backup with the key, restore elsewhere, rank: the same answers, and imports go on there."""
    said = cli("backup", "saved", "--with-key")
    assert "keep it safe" in said.out
    assert 0 == cli("restore", "saved", "--graph", "other.graph").code
    cli("rank", "--graph", "other.graph")
    assert cli("wisest", "When grieving").out == cli("wisest", "When grieving", "--graph", "other.graph").out
    assert 0 == cli("import", sample_files()["votes"], "--graph", "other.graph", "--json").json["accepted"]


def test_backup_and_restore_refuse_what_is_there(cli: Callable[..., Said], own: Path, folder: Path) -> None:
    """A backup never goes into a folder that is there; a restore never goes into a graph that holds something."""
    (folder / "taken").mkdir()
    assert 1 == cli("backup", "taken").code
    cli("backup", "saved")
    assert 1 == cli("restore", "saved").code
    assert 1 == cli("restore", "taken", "--graph", "new.graph").code


def test_rebuild_keeps_every_answer(cli: Callable[..., Said], own: Path) -> None:
    """After `rebuild` the graph answers as before."""
    before = cli("ranking", "When grieving").out
    said = cli("rebuild")
    assert 0 == said.code
    assert "1,535 votes" in said.out
    assert before == cli("ranking", "When grieving").out


def test_an_erased_person_does_not_come_back(cli: Callable[..., Said], own: Path) -> None:
    """After `erase-user` a re-import brings none of the person's votes; a second erasure finds nobody."""
    who = sample_files()["votes"].read_text().splitlines()[1].split(",")[0]
    said = cli("erase-user", who, "--yes")
    assert 0 == said.code
    assert "votes" in said.out
    assert 0 == cli("import", sample_files()["votes"], "--json").json["accepted"]
    assert 1 == cli("erase-user", who, "--yes").code


def test_a_person_at_a_terminal_is_asked_before_erasing(cli: Callable[..., Said], own: Path, monkeypatch) -> None:
    """On a terminal `erase-user` asks; a no leaves everything, a yes erases."""
    monkeypatch.setattr("graphengine.cli.admin._at_terminal", lambda: True)
    who = sample_files()["votes"].read_text().splitlines()[1].split(",")[0]
    said = cli("erase-user", who, stdin="n\n")
    assert 1 == said.code
    assert "nothing was done" in said.err
    assert "erased" in cli("erase-user", who, stdin="y\n").out


def test_exports_that_held_an_erased_person_are_listed(cli: Callable[..., Said], own: Path) -> None:
    """`erase-user` notes the folders that may still hold the person's votes."""
    cli("export", "preferences", "out")
    who = sample_files()["votes"].read_text().splitlines()[1].split(",")[0]
    said = cli("erase-user", who, "--yes")
    assert "note: this preferences was made before" in said.err
    assert str(own.parent / "out") in said.err


def test_an_export_is_told_and_not_overwritten(cli: Callable[..., Said], own: Path) -> None:
    """`export preferences` counts pairs and splits; again it needs --force."""
    said = cli("export", "preferences", "out")
    assert 0 == said.code
    assert "train" in said.out
    again = cli("export", "preferences", "out")
    assert 1 == again.code
    assert "--force" in again.err
    assert 0 == cli("export", "preferences", "out", "--force").code


def test_an_export_before_ranking_says_what_to_run(cli: Callable[..., Said], votes: Path) -> None:
    """Without a ranking there is nothing to export, and the hint is the command."""
    cli("import", votes)
    said = cli("export", "preferences", "out")
    assert 1 == said.code
    assert "graphengine rank" in said.err


def test_graphml_in_words(cli: Callable[..., Said], own: Path) -> None:
    """`export graphml` counts the edges that it wrote; an unknown context writes nothing."""
    assert "wrote 76 wiser edges to all.graphml" in cli("export", "graphml", "all.graphml").out
    assert 1 == cli("export", "graphml", "none.graphml", "--context", "When gone").code
    assert not (own.parent / "none.graphml").exists()


@pytest.mark.neo4j
def test_the_commands_on_a_server(
    cli: Callable[..., Said], own: Path, empty_neo4j: Neo4jServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Backup from the folder, restore onto Neo4j: every reading command gives the same object on both."""
    for name, value in empty_neo4j.environment().items():
        monkeypatch.setenv(name, value)
    server = ["--graph", empty_neo4j.uri]
    cli("backup", "saved", "--with-key")
    assert 0 == cli(*server, "restore", "saved").code
    cli(*server, "rank")
    cli(*server, "rank", "--method", "pagerank")
    for command in (
        ["wisest", "When grieving"], ["wisest", "When a family disagrees", "--method", "pagerank"],
        ["ranking", "When grieving"], ["explain", "When grieving", "Silence That Stays"], ["edges"],
        ["edges", "--edge-rule", "mai-2023"], ["query", "stats"], ["query", "wisest_everywhere"], ["loads"],
        ["query", "MATCH (c:Context) RETURN c.id AS id, 1 AS n ORDER BY id LIMIT $most", "-p", "most:=3"],
    ):
        embedded, remote = cli(*command, "--json"), cli(*server, *command, "--json")
        assert (0, 0) == (embedded.code, remote.code)
        assert _rounded(embedded.json) == _rounded(remote.json)
    assert 0 == cli(*server, "doctor").code


def _rounded(value):
    if isinstance(value, float):
        return round(value, 9)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


@pytest.mark.neo4j
def test_a_strangers_database_needs_force(
    cli: Callable[..., Said], votes: Path, empty_neo4j: Neo4jServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a database with other data nothing is written until `migrate --force` was typed."""
    for name, value in empty_neo4j.environment().items():
        monkeypatch.setenv(name, value)
    empty_neo4j.run("CREATE (:Film {title: 'x'})")
    server = ["--graph", empty_neo4j.uri]
    for command in (["import", votes], ["migrate"]):
        said = cli(*server, *command)
        assert 1 == said.code
        assert "graphengine migrate --force" in said.err
    assert [{"n": 1}] == empty_neo4j.run("MATCH (n) RETURN count(n) AS n")
    assert 0 == cli(*server, "migrate", "--force").code
    assert 0 == cli(*server, "import", votes).code
    assert [{"n": 1}] == empty_neo4j.run("MATCH (n:Film) RETURN count(n) AS n")


@pytest.mark.neo4j
def test_a_wrong_password_is_exit_code_4(cli: Callable[..., Said], empty_neo4j: Neo4jServer, monkeypatch) -> None:
    """A refused password: exit code 4, and the variables to set are named."""
    monkeypatch.setenv("NEO4J_PASSWORD", "not the password")
    said = cli("--graph", empty_neo4j.uri, "doctor")
    assert 4 == said.code
    assert "NEO4J_PASSWORD" in said.err
