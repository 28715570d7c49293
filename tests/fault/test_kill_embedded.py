"""`kill -9` at random moments: nothing that was acknowledged is lost, nothing is doubled, and the work goes on."""

from __future__ import annotations

import os
import random
import shutil
from typing import TYPE_CHECKING, NamedTuple

import pytest

import graphengine
from graphengine.errors import GraphEngineError
from tests.fault import surveys
from tests.fault.worker import Child

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.fault, pytest.mark.slow]

ROUNDS = int(os.environ.get("GRAPHENGINE_FAULT_ROUNDS") or 20)
PERSON = "P0003"
IMPORTS = {"import", "bulk", "first"}
"""In small commits, in large ones, and into a new graph, whose projection is built beside the journal."""


class Scene(NamedTuple):
    """A graph before an action, the action, and the state after it: votes and content hash."""

    name: str
    action: str
    argument: str
    before: Path
    votes: set[tuple[str, str, str]]
    content_hash: str
    seconds: float


def spoken(graph: graphengine.MoralGraph) -> set[tuple[str, str, str]]:
    """User, upgrade, answer of every vote; the same in the journal and in the projection, each vote once."""
    rows = graph.store.state("votes").to_pylist()
    votes = {(row["user_id"], row["upgrade_id"], row["answer"]) for row in rows}
    assert len(rows) == len({(user, upgrade) for user, upgrade, _ in votes}), "a vote is doubled"
    voted = "MATCH (u:User)-[v:VOTED]->(q:Upgrade) RETURN u.id AS u, q.id AS q, v.answer AS a"
    projected = graph.query(voted).to_pylist()
    assert votes == {(row["u"], row["q"], row["a"]) for row in projected}
    assert len(rows) == len(projected), "a vote is doubled in the projection"
    return votes


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> list[Scene]:
    """What is done undisturbed, once: imports of new, changed and many answers, undoing one, erasing a person."""
    folder = tmp_path_factory.mktemp("scenes")
    first = surveys.write(folder / "first.csv", surveys.rows(20, 16))
    changed = surveys.write(folder / "changed.csv", surveys.rows(12, 16, shift=1))
    with graphengine.open(folder / "empty"):
        pass
    made: list[Scene] = []

    def scene(name: str, before: str, action: str, argument: str) -> None:
        after = folder / f"after {name}"
        shutil.copytree(folder / before, after)
        child = Child(after, action, argument, folder / "told")
        seconds = child.wait()
        assert child.said().endswith("done\n"), child.said()
        with graphengine.open(after) as graph:
            left = (spoken(graph), graph.store.content_hash())
        made.append(Scene(name, action, argument, folder / before, *left, seconds))

    scene("import", "empty", "import", str(first))
    scene("change", "after import", "import", str(changed))
    with graphengine.open(folder / "after change") as graph:
        load = graph.loads().column("id").to_pylist()[-1]
        graph.rank()
    large = surveys.write(folder / "large.csv", surveys.rows(400, 15))
    scene("bulk", "after import", "bulk", str(large))
    scene("first", "empty", "first", str(large))
    scene("undo", "after change", "undo", load)
    scene("erase", "after change", "erase", PERSON)
    return made


def kill_once(scene: Scene, folder: Path, chance: random.Random) -> tuple[bool, int]:
    """Do a scene's action and kill it; whether the kill came in time, and the votes acknowledged until then."""
    child = Child(folder, scene.action, scene.argument, folder.with_suffix(".told"))
    in_time = child.kill_after(chance.uniform(0.0, scene.seconds))
    return in_time, child.acknowledged()


def finish(scene: Scene, graph: graphengine.MoralGraph) -> None:
    """Do a scene's action to the end; one that had come to its end before is refused."""
    try:
        if scene.action in IMPORTS:
            graph.import_file(scene.argument)
        elif scene.action == "undo":
            graph.undo(scene.argument)
        else:
            graph.erase_user(scene.argument)
    except GraphEngineError as error:
        assert "already" in error.message, error.message


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_a_killed_writer_loses_nothing(round_: int, scenes: list[Scene], tmp_path: Path) -> None:
    """Killed once or twice and then left alone, an import, an undo and an erasure end where they end undisturbed."""
    chance = random.Random(round_ * 7919 + int(os.environ.get("GRAPHENGINE_FAULT_SEED") or 0))
    scene = scenes[round_ % len(scenes)]
    folder = tmp_path / "moral.graph"
    shutil.copytree(scene.before, folder)
    with graphengine.open(folder) as graph:
        before = spoken(graph)
    known = before
    for _ in range(chance.randint(1, 2)):
        in_time, acknowledged = kill_once(scene, folder, chance)
        with graphengine.open(folder) as graph:
            now = spoken(graph)
        if scene.action in IMPORTS:
            assert acknowledged <= len(now - known), "an acknowledged vote is lost"
            assert now - before <= scene.votes - before, "a vote that nobody gave"
        known = now
        if not in_time:
            break
    with graphengine.open(folder) as graph:
        finish(scene, graph)
        assert scene.votes == spoken(graph)
        assert scene.content_hash == graph.store.content_hash()
        assert [] == [row for row in graph.loads().to_pylist() if row["status"] == "open"]
    whole = {"graph.json", "key", "lock", "journal", "graph.lbug", "graph.lbug.wal", "projection.json"}
    assert {path.name for path in folder.iterdir()} <= whole
