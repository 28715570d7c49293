"""An erased person is nowhere: in no file, no property, no new backup or export, and no import brings them back."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

import graphengine
from graphengine.errors import NotFoundError
from graphengine.store import ladybug, pseudonyms
from tests.fault import surveys

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.neo4j_server import Neo4jServer

pytestmark = pytest.mark.slow

PERSON = "P0003"
HEADER = "participant,context,from_value,to_value,answer,age"


def traces(folder: Path, *needles: str) -> list[str]:
    """Files that hold one of the texts: as bytes, or in a Parquet column; by name, too."""
    import pyarrow.parquet as pq

    found: list[str] = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        content = path.read_bytes() + str(path.relative_to(folder)).encode()
        if path.suffix == ".parquet":
            content += str(pq.read_table(path).to_pydict()).encode()
            content += str(pq.read_metadata(path).metadata).encode()
        if any(needle.encode() in content for needle in needles):
            found.append(str(path.relative_to(folder)))
    return found


def survey(folder: Path) -> list[Path]:
    """Votes with a group, votes that supersede some of them, and a card that the person wrote."""
    aged = [f"{line},{40 + i % 7}" for i, line in enumerate(surveys.rows(8, 7))]
    first = surveys.write(folder / "votes.csv", aged, HEADER)
    changed = surveys.write(folder / "changed.csv", surveys.rows(5, 3, shift=1))
    lines = [f"card {i},Card {i},SIGNS of {i},{PERSON if i == 1 else 'P0004'}" for i in range(8)]
    cards = surveys.write(folder / "cards.csv", lines, "id,title,policies,author")
    return [first, changed, cards]


def said(graph: graphengine.MoralGraph) -> list[tuple[str, str, str]]:
    """User, upgrade, answer of every vote, sorted."""
    return sorted((v["user_id"], v["upgrade_id"], v["answer"]) for v in graph.store.state("votes").to_pylist())


def fill(graph: graphengine.MoralGraph, files: Iterable[Path]) -> None:
    """Import all of it, and rank."""
    for file in files:
        graph.import_file(file, groups=["age"] if file.stem == "votes" else [])
    graph.rank()


def test_an_erased_person_is_in_no_file(tmp_path: Path) -> None:
    """Neither raw id nor pseudonym is in a snapshot, the projection, a new backup or a new export."""
    files = survey(tmp_path)
    folder = tmp_path / "moral.graph"
    with graphengine.open(folder) as graph:
        fill(graph, files)
        person = pseudonyms.pseudonym(graph.store.key(), PERSON)
        graph.backup(tmp_path / "old")
        votes = graph.store.state("votes").num_rows
    before = traces(folder, person)
    assert "graph.lbug" in before and any("journal" in name for name in before)  # the search does find
    with graphengine.open(folder) as graph:
        edges = graph.query("wiser_edges").to_pylist()
        erased = graph.erase_user(PERSON)
        assert {"votes": 7, "votes_before": 3, "articulated": 1, "users": 1} == {
            name: erased.removed[name] for name in ("votes", "votes_before", "articulated", "users")}
        assert [str(tmp_path / "old")] == [export["path"] for export in erased.exports]
        assert votes - 7 == graph.store.state("votes").num_rows
        assert edges != graph.query("wiser_edges").to_pylist()
        assert not graph.wisest("When in need 1").stale
        graph.backup(tmp_path / "new")
        graph.export_graphml(tmp_path / "new" / "graph.graphml")
        graph.export_preferences(tmp_path / "new" / "pairs")
        assert [] == traces(folder, person, PERSON)
    assert [] == traces(folder, person, PERSON)
    assert [] == traces(tmp_path / "new", person, PERSON)
    assert traces(tmp_path / "old", person)


def test_an_erased_person_does_not_come_back(address: str, tmp_path: Path) -> None:
    """The same files again, changed ones, a rebuild, another opening, and a restored newer backup bring nobody back."""
    files = survey(tmp_path)
    with graphengine.open(address) as graph:
        fill(graph, files)
        person = pseudonyms.pseudonym(graph.store.key(), PERSON)
        graph.erase_user(PERSON)
        gone = said(graph)
        fill(graph, files)
        assert gone == said(graph)
        more = surveys.write(tmp_path / "more.csv", [f"{PERSON},When alone,card 1,card 2,wiser"])
        outcome = graph.import_file(more)
        assert 0 == outcome.accepted
        assert "erased" in " ".join(outcome.notes)
        graph.rebuild()
        assert person not in graph.store.state("users").column("id").to_pylist()
        for who in (PERSON, person):
            with pytest.raises(NotFoundError, match="erased already"):
                graph.erase_user(who)
        graph.backup(tmp_path / "new", with_key=True)
    with graphengine.open(tmp_path / "other") as other:
        other.restore(tmp_path / "new")
        fill(other, files)
        assert person not in other.store.state("users").column("id").to_pylist()
    assert [] == traces(tmp_path / "other", person, PERSON)


def test_an_old_backup_does_bring_an_erased_person_back(tmp_path: Path) -> None:
    """A backup from before the erasure still holds the person; erasing names it, so that it can be destroyed."""
    with graphengine.open(tmp_path / "moral.graph") as graph:
        fill(graph, survey(tmp_path))
        graph.backup(tmp_path / "old")
        erased = graph.erase_user(PERSON)
        assert [("backup", str(tmp_path / "old"))] == [(e["kind"], e["path"]) for e in erased.exports]
    with graphengine.open(tmp_path / "other") as other:
        other.restore(tmp_path / "old")
        assert erased.user_id in other.store.state("users").column("id").to_pylist()


@pytest.mark.neo4j
def test_an_erased_person_is_in_no_property(
    empty_neo4j: Neo4jServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a server no node, relationship or list property holds the pseudonym or the raw id."""
    for name, value in empty_neo4j.environment().items():
        monkeypatch.setenv(name, value)
    values = (
        "MATCH (n) RETURN properties(n) AS p UNION ALL MATCH ()-[r]->() RETURN properties(r) AS p"
    )
    with graphengine.open(empty_neo4j.uri) as graph:
        fill(graph, survey(tmp_path))
        person = pseudonyms.pseudonym(graph.store.key(), PERSON)
        assert person in str(empty_neo4j.run(values))
        graph.erase_user(PERSON)
        graph.backup(tmp_path / "new")
        assert not graph.wisest("When in need 1").stale
    said = str(empty_neo4j.run(values))
    assert person not in said and PERSON not in said
    assert [] == traces(tmp_path / "new", person, PERSON)


@pytest.mark.parametrize("crash", ["_apply", "compact", "_rebuild", "after"])
def test_an_erasure_that_crashed_is_finished(crash: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the commit and the last file written anew, the next opening leaves no trace either."""
    folder = tmp_path / "moral.graph"
    with graphengine.open(folder) as graph:
        fill(graph, survey(tmp_path))
        person = pseudonyms.pseudonym(graph.store.key(), PERSON)
    child = os.fork()
    if child == 0:
        try:
            graph = graphengine.open(folder)
            store = graph.store
            assert isinstance(store, ladybug.EmbeddedStore)

            def die(*_: object, **__: object) -> None:
                os.kill(os.getpid(), signal.SIGKILL)

            owner = store._journal if crash == "compact" else store
            if crash == "_apply":
                applied = store._apply
                store._apply = lambda *rest: (applied(*rest), die())  # type: ignore[method-assign,assignment]
            elif crash == "after":
                graphengine.graph.ranked.again = die  # type: ignore[assignment]
            else:
                setattr(owner, crash, die)
            graph.erase_user(PERSON)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert signal.SIGKILL == status
    with graphengine.open(folder) as graph:
        assert person not in graph.store.state("users").column("id").to_pylist()
    assert [] == traces(folder, person, PERSON)
    assert not (folder / "erasing").exists()
