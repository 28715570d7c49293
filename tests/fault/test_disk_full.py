"""A full disk: a clear error, the graph as it was, and the same command goes on when there is room."""

from __future__ import annotations

import resource
import signal
from typing import TYPE_CHECKING

import pytest

import graphengine
from graphengine.errors import ExportError, StoreError
from graphengine.store import ladybug
from tests.fault import surveys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture
def at_most() -> Iterator[Callable[[int], None]]:
    """No file may grow beyond so many bytes; 0 takes the limit away. The kernel answers as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handled = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size or soft, hard))

    yield limit
    limit(0)
    signal.signal(signal.SIGXFSZ, handled)


def votes(graph: graphengine.MoralGraph) -> tuple[int, int]:
    """The number of votes in the journal and in the projection."""
    found = graph.query("MATCH (:User)-[v:VOTED]->(:Upgrade) RETURN count(v) AS n").column("n")[0].as_py()
    return graph.store.state("votes").num_rows, found


@pytest.mark.parametrize("size", [1, 700, 2_000, 5_000])
def test_a_journal_that_can_not_grow(size: int, at_most: Callable[[int], None], tmp_path: Path) -> None:
    """The part is not there at all, the error says what to do, and the import goes on in the same process."""
    first = surveys.write(tmp_path / "a.csv", surveys.rows(5, 5))
    more = surveys.write(tmp_path / "b.csv", surveys.rows(80, 25))
    with graphengine.open(tmp_path / "moral.graph") as graph:
        graph.import_file(first)
        before = graph.store.hashes()
        at_most(size)
        with pytest.raises(StoreError, match="can't write to the journal") as full:
            graph.import_file(more)
        assert "make room" in full.value.hint and "goes on" in full.value.hint
        assert before == graph.store.hashes()
        assert (25, 25) == votes(graph)
        at_most(0)
        assert 1975 == graph.import_file(more).accepted
        assert (2000, 2000) == votes(graph)
    with graphengine.open(tmp_path / "moral.graph") as graph:
        assert (2000, 2000) == votes(graph)


def test_a_compaction_that_finds_no_room(at_most: Callable[[int], None], tmp_path: Path) -> None:
    """Nothing is folded together and nothing is lost; the journal goes on being written and is compacted later."""
    files = [surveys.write(tmp_path / f"{i}.csv", surveys.rows(12 * (i + 1), 12)) for i in range(3)]
    with graphengine.open(tmp_path / "moral.graph") as graph:
        journal = graph.store._journal  # type: ignore[attr-defined]
        for file in files[:2]:
            graph.import_file(file)
        before, parts = graph.store.hashes(), [part.path.name for part in journal.parts]
        at_most(1_000)
        with pytest.raises(StoreError, match="can't write to the journal"):
            journal.compact()
        at_most(0)
        assert parts == [part.path.name for part in journal.parts]
        assert before == graph.store.hashes()
        assert 144 == graph.import_file(files[2]).accepted
        journal.compact()
        assert 1 == len(journal.parts)
        assert (432, 432) == votes(graph)
    with graphengine.open(tmp_path / "moral.graph") as graph:
        assert (432, 432) == votes(graph)


@pytest.mark.parametrize("large", [False, True])
def test_a_projection_that_can_not_grow(
    large: bool, at_most: Callable[[int], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where only the Cypher database finds no room, the votes are safe in the journal and appear when there is room."""
    if large:
        monkeypatch.setattr(ladybug, "_LARGE", 100)
    first = surveys.write(tmp_path / "a.csv", surveys.rows(5, 5))
    more = surveys.write(tmp_path / "b.csv", surveys.rows(200, 30))
    folder = tmp_path / "moral.graph"
    with graphengine.open(folder) as graph:
        graph.import_file(first)
        at_most((folder / "graph.lbug").stat().st_size // 3)
        with pytest.raises(StoreError, match="can't be read or written") as full:
            graph.import_file(more)
        assert "make room" in full.value.hint
        assert 6000 == graph.store.state("votes").num_rows
        at_most(0)
        assert 6000 == graph.import_file(more).unchanged
    with graphengine.open(folder) as graph:
        assert (6000, 6000) == votes(graph)


def test_a_backup_that_finds_no_room(at_most: Callable[[int], None], tmp_path: Path) -> None:
    """There is no half backup."""
    with graphengine.open(tmp_path / "moral.graph") as graph:
        graph.import_file(surveys.write(tmp_path / "a.csv", surveys.rows(300, 25)))
        at_most(8_000)
        with pytest.raises(ExportError, match="can't write the backup"):
            graph.backup(tmp_path / "saved" / "today")
        at_most(0)
        assert [] == list((tmp_path / "saved").iterdir())
        graph.backup(tmp_path / "saved" / "today")
    with graphengine.open(tmp_path / "other") as other:
        other.restore(tmp_path / "saved" / "today")
        assert (7500, 7500) == votes(other)


def test_a_graph_that_finds_no_room_to_begin(at_most: Callable[[int], None], tmp_path: Path) -> None:
    """A graph that could not be made is made when there is room."""
    at_most(1)
    with pytest.raises(StoreError):
        graphengine.open(tmp_path / "moral.graph")
    at_most(0)
    with graphengine.open(tmp_path / "moral.graph") as graph:
        assert (0, 0) == votes(graph)
