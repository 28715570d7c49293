"""Damage on disk: what is derived is made again, what is truth is named, and nothing is guessed."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

import graphengine
from graphengine.errors import StoreDamagedError, StoreError, StoreNewerError
from graphengine.store import ladybug
from tests.fault import surveys
from tests.fault.worker import Child

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow

GARBAGE = bytes(range(256)) * 2


def votes(graph: graphengine.MoralGraph) -> int:
    """The number of votes, as the projection tells it."""
    return graph.query("MATCH (:User)-[v:VOTED]->(:Upgrade) RETURN count(v) AS n").column("n")[0].as_py()


def answers(graph: graphengine.MoralGraph) -> tuple[list[dict[str, Any]], str]:
    """What the projection counts, and the hash of what the journal holds."""
    return graph.query("count_votes").to_pylist(), graph.store.content_hash()


def files(folder: Path) -> dict[str, str]:
    """Every file with its sha256, the lock aside."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "lock"
    }


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[list[dict[str, Any]], str]]:
    """A graph of several parts, closed in order, and what it answers."""
    folder = tmp_path_factory.mktemp("sound")
    with graphengine.open(folder / "moral.graph") as graph:
        graph.import_file(surveys.write(folder / "a.csv", surveys.rows(40, 12)), batch_size=200)
        graph.import_file(surveys.write(folder / "b.csv", surveys.rows(9, 12, shift=1)))
        graph.rank()
        said = answers(graph)
    return folder / "moral.graph", said


@pytest.fixture
def copy(sound: tuple[Path, Any], tmp_path: Path) -> Path:
    """A copy of the sound graph, to be damaged."""
    return shutil.copytree(sound[0], tmp_path / "moral.graph")


@pytest.fixture(scope="module")
def unclean(sound: tuple[Path, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph whose process was killed after its last commit: a WAL is left."""
    import subprocess
    import sys

    folder = shutil.copytree(sound[0], tmp_path_factory.mktemp("unclean") / "moral.graph")
    program = (
        "import graphengine, os, signal, sys\n"
        "graph = graphengine.open(sys.argv[1])\n"
        "graph.import_file(sys.argv[2])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    more = surveys.write(folder.parent / "more.csv", surveys.rows(3, 12, shift=2))
    killed = subprocess.run([sys.executable, "-c", program, str(folder), str(more)], check=False)
    assert -9 == killed.returncode
    assert (folder / "graph.lbug.wal").exists()
    return folder


def parts(folder: Path) -> list[Path]:
    """The parts of the journal, in order."""
    return sorted((folder / "journal").iterdir())


def cut(path: Path, size: int) -> None:
    """Truncate a file."""
    os.truncate(path, size)


def overwrite(path: Path, share: float) -> None:
    """512 bytes of garbage at a place of a file: 0 is its start, 1 its end."""
    content = bytearray(path.read_bytes())
    start = int((len(content) - len(GARBAGE)) * share)
    content[start : start + len(GARBAGE)] = GARBAGE
    path.write_bytes(content)


HARM: dict[str, Callable[[Path], object]] = {
    "gone": lambda path: path.unlink(), "empty": lambda path: cut(path, 0), "one byte": lambda path: cut(path, 1),
    "half": lambda path: cut(path, path.stat().st_size // 2),
    "a page less": lambda path: cut(path, path.stat().st_size - 4096),
    "header": lambda path: overwrite(path, 0), "middle": lambda path: overwrite(path, 0.5),
    "third": lambda path: overwrite(path, 0.3), "end": lambda path: overwrite(path, 1),
    "longer": lambda path: path.write_bytes(path.read_bytes() + GARBAGE),
}


@pytest.mark.parametrize("harm", HARM)
def test_a_damaged_projection_is_made_again(harm: str, sound: tuple[Path, Any], copy: Path) -> None:
    """Whatever happened to graph.lbug while nobody had it open, the answers are right again after opening."""
    HARM[harm](copy / "graph.lbug")
    with graphengine.open(copy) as graph:
        assert sound[1] == answers(graph)


@pytest.mark.slow
@pytest.mark.parametrize("harm", HARM)
def test_a_damaged_wal_is_made_good(harm: str, unclean: Path, tmp_path: Path) -> None:
    """Whatever the WAL of a killed process looks like, the answers are those of an undamaged one."""
    whole, harmed = (shutil.copytree(unclean, tmp_path / name) for name in ("whole", "harmed"))
    HARM[harm](harmed / "graph.lbug.wal") if harm != "a page less" else cut(harmed / "graph.lbug.wal", 100)
    child = Child(harmed, "open", "", tmp_path / "told")  # an engine that dies of it takes a child only
    child.process.join()
    with graphengine.open(whole) as one, graphengine.open(harmed) as other:
        assert answers(one) == answers(other)


@pytest.mark.parametrize("harm", HARM)
def test_a_damaged_part_of_the_journal_is_named(harm: str, copy: Path) -> None:
    """A part that is not what was written is named with its path, every time; nothing on disk changes."""
    part = parts(copy)[1]
    file = sorted(part.iterdir())[0]
    (cut if harm == "a page less" else lambda f, _: HARM[harm](f))(file, 50)
    (copy / "graph.lbug").unlink()
    before = files(copy)
    for _ in range(2):
        with pytest.raises(StoreDamagedError, match="is damaged") as damaged, graphengine.open(copy):
            pass
        assert str(part) in damaged.value.message
        assert "graphengine restore" in damaged.value.hint
        assert before == files(copy)


def test_doctor_names_a_damaged_part_that_nobody_needed(sound: tuple[Path, Any], copy: Path) -> None:
    """A damaged part whose rows the projection holds already is found by `doctor`."""
    part = parts(copy)[0]
    overwrite(sorted(part.iterdir())[0], 0.5)
    with graphengine.open(copy) as graph:
        assert [True] == [str(part) in problem for problem in graph.doctor().problems]


@pytest.mark.parametrize("which", [0, 1, -1])
@pytest.mark.parametrize("projection", ["sound", "damaged"])
def test_a_missing_part_is_noticed(which: int, projection: str, copy: Path) -> None:
    """A journal that lacks its first, its last or another part is refused, every time, and stays as it is."""
    shutil.rmtree(parts(copy)[which])
    if projection == "damaged":
        overwrite(copy / "graph.lbug", 0.5)
    before = files(copy)
    for _ in range(2):
        with pytest.raises(StoreDamagedError, match=r"missing|ends with part") as damaged, graphengine.open(copy):
            pass
        assert str(copy) in damaged.value.message
        assert before == files(copy)


def test_a_missing_last_part_is_noticed_after_a_crash(unclean: Path, tmp_path: Path) -> None:
    """Also without the note of a clean close: the projection knows which part it holds."""
    folder = shutil.copytree(unclean, tmp_path / "moral.graph")
    shutil.rmtree(parts(folder)[-1])
    for _ in range(3):
        with pytest.raises(StoreDamagedError, match="ends with part"), graphengine.open(folder):
            pass


def test_a_missing_journal_is_noticed(copy: Path) -> None:
    """Without its journal a graph is damaged, not empty."""
    shutil.rmtree(copy / "journal")
    (copy / "graph.lbug").unlink()
    with pytest.raises(StoreDamagedError, match=r"journal .* is missing"), graphengine.open(copy):
        pass
    assert not (copy / "journal").exists()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"format": 1}', '{"format": "one"}', "\0\0"])
def test_a_damaged_graph_json_is_named(content: str, copy: Path) -> None:
    """The file that says which graph this is can't be guessed."""
    (copy / "graph.json").write_text(content)
    before = files(copy)
    with pytest.raises(StoreDamagedError, match=r"graph\.json is damaged"), graphengine.open(copy):
        pass
    assert before == files(copy)


def test_a_missing_graph_json_is_named(copy: Path) -> None:
    """A folder with a journal is not taken for a new graph."""
    (copy / "graph.json").unlink()
    before = files(copy)
    with pytest.raises(StoreDamagedError, match=r"graph\.json is missing"), graphengine.open(copy):
        pass
    assert before == files(copy)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"size": "x"}', '{"size": 1, "mtime_ns": 2, "sha256": 3, "part": []}']
)
def test_a_damaged_note_about_the_projection_costs_a_rebuild(content: str, sound: tuple[Path, Any], copy: Path) -> None:
    """What projection.json says only saves work."""
    (copy / "projection.json").write_text(content)
    with graphengine.open(copy) as graph:
        assert sound[1] == answers(graph)


def test_a_crash_while_a_damaged_projection_is_made_again(
    sound: tuple[Path, Any], copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a crash in the middle of mending, the damaged file is not taken for a sound one."""
    overwrite(copy / "graph.lbug", 0.5)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ladybug.EmbeddedStore, "_fill", crash)
        with pytest.raises(KeyboardInterrupt):
            graphengine.open(copy)
    with graphengine.open(copy) as graph:
        assert sound[1] == answers(graph)


def test_an_engine_that_died_on_a_file_is_not_given_it_again(sound: tuple[Path, Any], copy: Path) -> None:
    """The mark of an opening that never ended leads to a new projection."""
    (copy / "opening").touch()
    (copy / "graph.new.lbug").write_bytes(GARBAGE)
    with graphengine.open(copy) as graph:
        assert sound[1] == answers(graph)
    assert not (copy / "opening").exists()
    assert not (copy / "graph.new.lbug").exists()


def test_drafts_of_a_part_are_dropped(sound: tuple[Path, Any], copy: Path) -> None:
    """A part that was being written when the process died was acknowledged to nobody."""
    draft = copy / "journal" / "tmp-9"
    shutil.copytree(parts(copy)[-1], draft)
    with graphengine.open(copy) as graph:
        assert sound[1] == answers(graph)
    assert not draft.exists()


def test_a_crash_between_a_snapshot_and_the_end_of_what_it_replaces(
    sound: tuple[Path, Any], copy: Path, tmp_path: Path
) -> None:
    """Old parts beside the snapshot that replaces them are removed, and the answers stay."""
    old = shutil.copytree(copy / "journal", tmp_path / "old")
    with graphengine.open(copy) as graph:
        graph.store._journal.compact()  # type: ignore[attr-defined]
    assert 1 == len(parts(copy))
    for part in sorted(old.iterdir())[1:]:
        shutil.copytree(part, copy / "journal" / part.name)
    with graphengine.open(copy) as graph:
        assert sound[1] == answers(graph)
    assert 1 == len(parts(copy))


def test_old_parts_stay_where_the_snapshot_is_damaged(copy: Path, tmp_path: Path) -> None:
    """A snapshot is checked before what it replaces is removed."""
    old = shutil.copytree(copy / "journal", tmp_path / "old")
    with graphengine.open(copy) as graph:
        graph.store._journal.compact()  # type: ignore[attr-defined]
    overwrite(sorted(parts(copy)[0].iterdir())[0], 0.5)
    for part in old.iterdir():
        shutil.copytree(part, copy / "journal" / part.name)
    before = files(copy)
    with pytest.raises(StoreDamagedError, match="is damaged"), graphengine.open(copy):
        pass
    assert before == files(copy)


@pytest.mark.parametrize("new", [False, True])
def test_a_part_that_is_there_twice_is_named(new: bool, copy: Path) -> None:
    """Two parts of one number: nobody can tell which is right."""
    part = parts(copy)[-1]
    twin = part.name[:-64] + "0" * 64
    shutil.copytree(part, copy / "journal" / twin)
    with pytest.raises(StoreDamagedError, match="is there twice"), graphengine.open(copy):
        pass
    assert part.exists() and (copy / "journal" / twin).exists()


def test_many_parts_are_folded_into_one(tmp_path: Path) -> None:
    """Beyond the most parts a journal is compacted, and says what it said."""
    file = surveys.write(tmp_path / "a.csv", surveys.rows(14, 10))
    with graphengine.open(tmp_path / "one") as graph:
        graph.import_file(file)
        once = graph.store.content_hash()
    (tmp_path / "many").mkdir()
    shutil.copy(tmp_path / "one" / "key", tmp_path / "many")
    with graphengine.open(tmp_path / "many") as graph:
        graph.import_file(file, batch_size=2)
        assert 1 == len(parts(tmp_path / "many"))
        assert once == graph.store.content_hash()
        graph.import_file(surveys.write(tmp_path / "b.csv", surveys.rows(3, 10, shift=1)))
        later = answers(graph)
    (tmp_path / "many" / "graph.lbug").unlink()
    with graphengine.open(tmp_path / "many") as graph:
        assert later == answers(graph)


def test_a_graph_of_a_newer_format_is_refused(copy: Path) -> None:
    """graph.json of a later format asks for an upgrade, whatever else it says; nothing changes."""
    (copy / "graph.json").write_text(json.dumps({"format": 99, "keys": []}))
    before = files(copy)
    with pytest.raises(StoreNewerError, match=r"newer version .*format 99") as newer, graphengine.open(copy):
        pass
    assert (99, 1, "pip install --upgrade graphengine") == (newer.value.found, newer.value.supported, newer.value.hint)
    assert before == files(copy)


def test_a_projection_with_an_unknown_migration_is_refused(copy: Path) -> None:
    """A schema of a newer version is left alone, time after time."""
    with graphengine.open(copy) as graph:
        graph.store._rows("CREATE (:Migration {id: '999', name: 'later', checksum: 'x', at: 1})")  # type: ignore[attr-defined]
    for _ in range(3):
        with pytest.raises(StoreNewerError, match="migration 999") as newer, graphengine.open(copy):
            pass
        assert "999" == newer.value.found


def test_a_projection_of_another_schema_is_made_anew(sound: tuple[Path, Any], copy: Path) -> None:
    """A migration that reads otherwise now is no obstacle here: the journal has everything."""
    with graphengine.open(copy) as graph:
        graph.store._rows("MATCH (m:Migration {id: '001'}) SET m.checksum = 'another'")  # type: ignore[attr-defined]
    with graphengine.open(copy) as graph:
        assert sound[1] == answers(graph)


@pytest.mark.parametrize("left", [[], ["key.tmp"], ["key"], ["key", "graph.json.tmp"], ["key", "journal/"]])
def test_a_crash_while_a_graph_is_made(left: list[str], tmp_path: Path, sound: tuple[Path, Any]) -> None:
    """What a half-made graph leaves is no obstacle, and a key that lies there is kept and used."""
    folder = tmp_path / "moral.graph"
    folder.mkdir()
    for name in ["lock", *left]:
        path = folder / name
        path.mkdir() if name.endswith("/") else path.touch()
    if "key" in left:
        shutil.copy(sound[0] / "key", folder / "key")
    with graphengine.open(folder) as graph:
        graph.import_file(sound[0].parent / "a.csv")
        assert 480 == votes(graph)
    if "key" in left:
        assert (sound[0] / "key").read_bytes() == (folder / "key").read_bytes()


def test_somebody_elses_folder_is_no_place_for_a_graph(tmp_path: Path) -> None:
    """A folder with other files, and a file, are refused and left as they are."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(StoreError, match="holds files that are not a graph"):
        graphengine.open(tmp_path)
    with pytest.raises(StoreError, match="is a file"):
        graphengine.open(tmp_path / "notes.txt")
    with pytest.raises(StoreError, match="there is no graph"):
        graphengine.open(tmp_path / "nothing", create=False)
    assert ["notes.txt"] == [path.name for path in tmp_path.iterdir()]
