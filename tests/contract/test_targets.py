"""Value targets in the graph: both engines keep them alike, through undo, erasure, backups and rebuilding."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest

from graphengine.errors import InputError, NotFoundError, StoreError
from graphengine.graph import MoralGraph
from graphengine.schwartz.bridge import CardVectors
from graphengine.schwartz.target import Target
from graphengine.store import backup, open_store, targets
from tests.contract.worlds import append, rows, world

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from graphengine.store.base import Store

pytestmark = pytest.mark.slow

P, Q = "p" + "0" * 24, "p" + "1" * 24


def row(name: str, contexts: list[str], document: str = "{}") -> dict[str, Any]:
    """A target's record."""
    return {"id": name, "kind": "moral-graph", "system": "schwartz-10", "contexts": contexts,
            "ranking_id": "bradley-terry", "data_hash": "0", "document": document}


def links(store: Store) -> list[tuple[str, str]]:
    """Which target is tied to which context."""
    columns, _ = store.cypher(
        "MATCH (t:ValueTarget)-[:DRAWN_FROM]->(c:Context) RETURN t.id AS target, c.id AS context "
        "ORDER BY target, context", {})
    return list(zip(columns["target"], columns["context"], strict=True))


@pytest.fixture
def filled(store: Store) -> Store:
    """Two contexts, two people."""
    append(store, world([(P, "c", "a", "b", "wiser", None), (Q, "d", "a", "b", "unsure", 5)]))
    return store


def test_a_target_is_tied_to_its_contexts(filled: Store) -> None:
    """A stored target is read back, tied to its contexts; another one of its name takes its place, and its ties."""
    hashed = filled.content_hash()
    targets.put(filled, [row("one", ["c", "d"], '{"it\'s": "悲伤"}'), row("survey", [])])
    assert [("one", "c"), ("one", "d")] == links(filled)
    found = filled.read("targets").drop_columns(["at"]).to_pylist()
    assert [row("one", ["c", "d"], '{"it\'s": "悲伤"}'), row("survey", [])] == found
    targets.put(filled, [row("one", ["d"])])
    assert [("one", "d")] == links(filled)
    assert hashed == filled.content_hash()
    assert filled.read("targets") == filled.state("targets").sort_by("id")


def test_a_target_is_taken_out(filled: Store) -> None:
    """A target goes with its ties; one that is not there is named, with those that are."""
    targets.put(filled, [row("one", ["c"])])
    with pytest.raises(NotFoundError, match="no target 'two'") as told:
        targets.drop(filled, "two")
    assert "one" in told.value.hint
    targets.drop(filled, "one")
    assert (0, []) == (filled.read("targets").num_rows, links(filled))


def test_targets_outlive_what_they_came_from(filled: Store, opened: Callable[[], Store]) -> None:
    """After undo and erasure the target is there, and names contexts that are gone; it is there after opening again."""
    targets.put(filled, [row("one", ["c", "d"])])
    filled.erase(P)
    assert [("one", "c"), ("one", "d")] == links(filled)
    filled.undo(filled.read("loads").column("id")[0].as_py())
    assert [] == links(filled)
    again = opened()
    assert ["c", "d"] == again.read("targets").column("contexts")[0].as_py()
    assert [] == links(again)


def test_targets_are_in_backups(filled: Store, tmp_path: Path) -> None:
    """A backup holds the targets; one that was made before there were any can be restored."""
    targets.put(filled, [row("one", ["c"])])
    backup.write(filled, tmp_path / "saved")
    with open_store(str(tmp_path / "other.graph")) as other:
        backup.restore(other, tmp_path / "saved")
        assert filled.read("targets") == other.read("targets")
        assert [("one", "c")] == links(other)
    manifest = tmp_path / "saved" / "manifest.json"
    content = json.loads(manifest.read_text())
    del content["files"]["targets"]
    manifest.write_text(json.dumps(content))
    with open_store(str(tmp_path / "older.graph")) as older:
        backup.restore(older, tmp_path / "saved")
        assert (0, 1) == (older.read("targets").num_rows, older.read("scenarios").num_rows + 1)


def test_drawing_from_a_ranked_graph(filled: Store) -> None:
    """Targets are drawn, tied to their contexts and found again on both engines; new votes make them stale."""
    graph = MoralGraph(filled)
    append(filled, world([(f"p{n:024}", "c", "a", "b", "wiser", None) for n in range(2, 12)]))
    graph.rank()
    vectors = CardVectors({"a": (1.0, 0.0, 0.0), "b": (0.0, 0.5, -1.0)}, "hhh", "labels")
    drawn, without = graph.draw_targets(vectors)
    assert ({}, ["c", "d", "all contexts"]) == (without, [each.target.name for each in drawn])
    assert [("all contexts", "c"), ("all contexts", "d"), ("c", "c"), ("d", "d")] == links(filled)
    found = {row["name"]: row for row in graph.targets()}
    for each in drawn:
        assert each.target.vector == pytest.approx(found[each.target.name]["target"].vector)
        assert each.parts == found[each.target.name]["parts"]
    places = {row["card_id"]: row["p_top"] for row in filled.read("ranks").to_pylist() if row["context_id"] == "c"}
    assert (places["a"], places["b"] / 2, -places["b"]) == pytest.approx(graph.target("c").vector)
    graph.add_target(Target.of("calm", {"honest": 1}, system="hhh"))
    append(filled, world([(Q, "c", "a", "b", "wiser", None)]))
    assert {"c", "all contexts"} == {row["name"] for row in graph.targets() if row["stale"]}
    graph.forget_target("calm")
    assert 3 == len(graph.targets())
    filled.undo(filled.read("loads").column("id").to_pylist()[-1])
    assert set() == {row["name"] for row in graph.targets() if row["stale"]}


def test_contexts_of_one_text(store: Store) -> None:
    """Contexts of the same text have targets of their own, by their ids, and both count in the pooled one."""
    told = world([(P, "c", "a", "b", "wiser", None), (Q, "d", "b", "a", "wiser", None), (Q, "e", "a", "b", "wiser", 5)])
    texts = {"c": "When lost", "d": "When lost", "e": "all contexts"}
    append(store, {**told, "contexts": rows("contexts", *({"id": id_, "text": text} for id_, text in texts.items()))})
    graph = MoralGraph(store)
    graph.rank()
    drawn, without = graph.draw_targets(CardVectors({"a": (1.0, 0.0, 0.0), "b": (0.0, 1.0, 0.0)}, "hhh", "labels"))
    names = ["When lost (c)", "When lost (d)", "all contexts (e)", "all contexts"]
    assert ({}, names) == (without, [each.target.name for each in drawn])
    assert sorted(names) == [row["name"] for row in graph.targets()]
    *parts, whole = [each.target.array for each in drawn]
    assert sum(parts) / 3 == pytest.approx(whole)


def test_vectors_of_other_cards(filled: Store) -> None:
    """Vectors of a card that is not there are refused: the hint has the card that may be meant, never all of them."""
    graph = MoralGraph(filled)
    append(filled, world([(P, "c", "stay-near", "b", "wiser", None)]))
    graph.rank()
    for card, hint in (("stay-nearr", "did you mean stay-near?"), ("0000", "graphengine query cards lists them")):
        with pytest.raises(InputError, match=f"does not hold, such as '{card}'") as told:
            graph.draw_targets(CardVectors({card: (1.0, 0.0, 0.0)}, "hhh", "labels"))
        assert hint == told.value.hint


def test_a_target_whose_system_is_gone(filled: Store, tmp_path: Path) -> None:
    """Where the file of a target's system is gone, the error names target and file, and how to take the target out."""
    system, graph = tmp_path / "own.toml", MoralGraph(filled)
    system.write_text('name = "own"\n[[values]]\nid = "sun"\nshort = "S"\nname = "Sun"\ndefinition = "Light."\n')
    graph.add_target(Target.of("it's mine", {"sun": 1}, system=str(system)))
    assert ["it's mine"] == [row["name"] for row in graph.targets()]
    system.unlink()
    with pytest.raises(StoreError, match=r"it's mine. in the graph can't be read: .*own\.toml") as told:
        graph.targets()
    assert "it's mine" == shlex.split(told.value.hint.partition(": ")[2])[-1]
    graph.forget_target("it's mine")
    assert [] == graph.targets()
