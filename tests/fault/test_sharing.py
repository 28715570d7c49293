"""One owner per folder: what the engine would lose silently is not lost, and a second opening is refused by name."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

import graphengine
from graphengine.errors import StoreBusyError, StoreError
from tests.fault import surveys

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

COUNT = "MATCH (:User)-[v:VOTED]->(:Upgrade) RETURN count(v) AS n"


def votes(graph: graphengine.MoralGraph) -> int:
    """The number of votes, as the projection tells it."""
    return graph.query(COUNT).column("n")[0].as_py()


def program(text: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a Python program in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", text, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False
    )


def test_forgotten_readers_lose_nothing(tmp_path: Path) -> None:
    """Connections of other threads, forgotten at the close, destroy nothing that is written after a reopening."""
    folder = tmp_path / "moral.graph"
    counted: list[int] = []
    kept: list[object] = []  # what a worker's thread may hold on to
    for round_ in range(4):
        graph = graphengine.open(folder)
        file = surveys.write(tmp_path / f"{round_}.csv", surveys.rows(3 * round_ + 3, 5))
        graph.import_file(file)
        assert (3 * round_ + 3) * 5 == votes(graph)
        gate = threading.Event()

        def read(graph: graphengine.MoralGraph = graph, gate: threading.Event = gate) -> None:
            counted.append(votes(graph))
            kept.append(graph.store._connection())  # type: ignore[attr-defined]
            gate.wait(30)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        while len(counted) < 3 * round_ + 3:
            gate.wait(0.01)
        graph.close()
        gate.set()
        for reader in readers:
            reader.join()
        with graphengine.open(folder) as again:
            more = surveys.write(tmp_path / f"more {round_}.csv", [f"X{round_},When alone,a,b,wiser"])
            again.import_file(more)
            kept.clear()
            del graph
            gc.collect()
            again.undo(again.loads().column("id").to_pylist()[-1])
    with graphengine.open(folder) as graph:
        assert 60 == votes(graph)
        assert 60 == graph.store.state("votes").num_rows


def test_a_graph_that_was_never_closed_loses_nothing(tmp_path: Path) -> None:
    """A process that ends without closing its graph leaves all that it committed."""
    file = surveys.write(tmp_path / "a.csv", surveys.rows(5, 5))
    done = program(
        "import sys, graphengine\n"
        "graph = graphengine.open(sys.argv[1])\n"
        "print(graph.import_file(sys.argv[2]).accepted)\n",
        tmp_path / "moral.graph", file,
    )
    assert "25" == done.stdout.strip(), done.stderr
    with graphengine.open(tmp_path / "moral.graph") as graph:
        assert 25 == votes(graph)


@pytest.mark.parametrize("name", ["moral.graph", "./moral.graph", "linked"])
def test_a_second_opening_in_the_process_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By whatever path, with this process's own id, and the first one goes on."""
    monkeypatch.chdir(tmp_path)
    with graphengine.open("moral.graph") as graph:
        (tmp_path / "linked").symlink_to("moral.graph")
        with pytest.raises(StoreBusyError, match="open already in this process") as busy:
            graphengine.open(name)
        assert os.getpid() == busy.value.pid
        graph.import_file(surveys.write(tmp_path / "a.csv", surveys.rows(2, 2)))
        assert 4 == votes(graph)
    with graphengine.open(name) as graph:
        assert 4 == votes(graph)


def test_a_second_process_is_told_who_holds_the_graph(tmp_path: Path) -> None:
    """Another process gets the PID; when the holder is done it may have the graph."""
    ask = (
        "import sys, graphengine\n"
        "from graphengine.errors import StoreBusyError\n"
        "try:\n"
        "    graphengine.open(sys.argv[1]).close()\n"
        "    print('opened')\n"
        "except StoreBusyError as busy:\n"
        "    print(busy.pid, busy.message, busy.exit_code)\n"
    )
    with graphengine.open(tmp_path / "moral.graph"):
        said = program(ask, tmp_path / "moral.graph")
        wanted = f"{os.getpid()} {tmp_path / 'moral.graph'} is in use by another process (PID {os.getpid()}) 1"
        assert wanted == said.stdout.strip(), said.stderr
    assert "opened" == program(ask, tmp_path / "moral.graph").stdout.strip()


FORK = """
import gc, os, sys
import graphengine
from graphengine.errors import GraphEngineError

folder, first, second, end = sys.argv[1:]
graph = graphengine.open(folder)
graph.import_file(first)
graph.query("stats")

def refused(action):
    try:
        action()
    except GraphEngineError as error:
        return f"{type(error).__name__} {error.message}"
    return "not refused"

child = os.fork()
if child == 0:
    print(refused(lambda: graphengine.open(folder)), flush=True)
    print(refused(lambda: graph.query("stats")), flush=True)
    print(refused(lambda: graph.import_file(second)), flush=True)
    graph.close()
    if end == "collect":
        del graph
        gc.collect()
    os._exit(0)
_, status = os.waitpid(child, 0)
print("child", status, flush=True)
print(graph.import_file(second).accepted)
graph.close()
with graphengine.open(folder) as graph:
    print(graph.query("MATCH (:User)-[v:VOTED]->(:Upgrade) RETURN count(v) AS n").column("n")[0].as_py())
"""


@pytest.mark.parametrize("end", ["exit", "collect"])
def test_a_forked_child_is_refused_and_harms_nothing(end: str, tmp_path: Path) -> None:
    """A child can neither use its parent's graph nor open the folder, and its end takes nothing from the parent."""
    folder = tmp_path / "moral.graph"
    first = surveys.write(tmp_path / "a.csv", surveys.rows(4, 5))
    second = surveys.write(tmp_path / "b.csv", surveys.rows(8, 5))
    done = program(FORK, folder, first, second, end)
    lines = done.stdout.splitlines()
    assert 6 == len(lines), done.stdout + done.stderr
    assert lines[0].startswith("StoreBusyError") and "(PID " in lines[0]
    assert ["StoreError the graph was opened before a fork"] * 2 == lines[1:3]
    assert ["child 0", "20", "40"] == lines[3:]


def test_a_forked_child_does_not_keep_the_lock(tmp_path: Path) -> None:
    """The parent may close and open again while a child lives on."""
    done = program(
        "import os, sys, time, graphengine\n"
        "graph = graphengine.open(sys.argv[1])\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    time.sleep(60)\n"
        "graph.close()\n"
        "try:\n"
        "    graphengine.open(sys.argv[1]).close()\n"
        "    print('opened')\n"
        "finally:\n"
        "    os.kill(child, 9)\n", tmp_path / "moral.graph",
    )
    assert "opened" == done.stdout.strip(), done.stderr


def test_a_closed_graph_writes_and_reads_nothing(tmp_path: Path) -> None:
    """After the close somebody else may own the folder."""
    graph = graphengine.open(tmp_path / "moral.graph")
    graph.close()
    graph.close()
    with pytest.raises(StoreError, match="the graph is closed"):
        graph.import_file(surveys.write(tmp_path / "a.csv", surveys.rows(2, 2)))
    with pytest.raises(StoreError, match="the graph is closed"):
        graph.query(COUNT)
    with graphengine.open(tmp_path / "moral.graph") as again:
        assert 0 == votes(again)


def test_two_processes_that_make_the_same_graph(tmp_path: Path) -> None:
    """One makes it, the others are refused or find it made; there is one key, and it fits."""
    start = tmp_path / "start"
    text = (
        "import os, sys, time, graphengine\n"
        "from graphengine.errors import StoreBusyError\n"
        "import graphengine.store.ladybug\n"
        "while not os.path.exists(sys.argv[2]):\n"
        "    time.sleep(0.001)\n"
        "try:\n"
        "    graphengine.open(sys.argv[1]).close()\n"
        "    print('opened')\n"
        "except StoreBusyError:\n"
        "    print('busy')\n"
    )
    command = [sys.executable, "-c", text, str(tmp_path / "moral.graph"), str(start)]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    start.touch()
    said = [racer.communicate(timeout=120) for racer in racers]
    assert {"opened", "busy"} >= {out.strip() for out, _ in said}, said
    assert "opened" in {out.strip() for out, _ in said}
    with graphengine.open(tmp_path / "moral.graph") as graph:
        assert 32 == len(graph.store.key())


def test_a_folder_without_permission_is_named(tmp_path: Path) -> None:
    """No traceback where nothing can be written."""
    if os.geteuid() == 0:
        (tmp_path / "moral.graph" / "lock").mkdir(parents=True)  # root may write anywhere, but not into a folder's name
    else:
        (tmp_path / "moral.graph").mkdir(mode=0o500)
    with pytest.raises(StoreError, match="can't open the graph"):
        graphengine.open(tmp_path / "moral.graph")
