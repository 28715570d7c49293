"""The published votes through the whole product, on both engines: every figure that was published with them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

import graphengine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from graphengine import MoralGraph

pytestmark = [pytest.mark.data, pytest.mark.slow]


@pytest.fixture(scope="module")
def expected(dft: Path) -> dict[str, Any]:
    """The published figures."""
    return json.loads((dft / "expected-prolific-run.json").read_text())


@pytest.fixture(scope="module", params=["ladybug", pytest.param("neo4j", marks=pytest.mark.neo4j)])
def graph(request: pytest.FixtureRequest, dft: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MoralGraph]:
    """The votes on an engine, ranked by the study's own rule and by the paper's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        if request.param == "neo4j":
            server = request.getfixturevalue("neo4j_server")
            server.wipe()
            for name, value in server.environment().items():
                patch.setenv(name, value)
            address = server.uri
        else:
            address = str(tmp_path_factory.mktemp("graph") / "moral.graph")
        with graphengine.open(address) as found:
            found.import_file(dft / "votes-prolific-run.csv")
            for rule in ("mai-2023", "paper-majority"):
                found.rank("pagerank", edge_rule=rule)
            found.rank()
            yield found


def test_the_counts_are_those_published(graph: MoralGraph, expected: dict[str, Any]) -> None:
    """Votes, people, contexts, values, pairs and answers, and the votes of every context."""
    counts = expected["counts"]
    holds = {row["what"]: row["number"] for row in graph.query("stats").to_pylist()}
    assert (counts["votes"], counts["participants"]) == (holds["votes"], holds["users"])
    assert (counts["contexts"], counts["values_in_votes"]) == (holds["contexts"], holds["cards"])
    assert counts["pairs_per_context"] == holds["upgrades"]
    rows = graph.store.read("count_votes").to_pylist()
    assert counts["pairs"] == len({(row["from_id"], row["to_id"]) for row in rows})
    for answer in ("wiser", "not_wiser", "unsure"):
        assert counts[answer] == sum(row[answer] for row in rows)
    overview = {row["id"]: row["votes"] for row in graph.query("context_overview").to_pylist()}
    assert counts["votes_by_context"] == overview


def test_every_rule_gives_its_published_edges(graph: MoralGraph, expected: dict[str, Any]) -> None:
    """The number of edges and values under each rule and variant; for the study's rule each edge with its figures."""
    for name, rule in {**expected["rules"], **expected["variants"]}.items():
        edges = graph.edges(edge_rule=name).table.to_pylist()
        assert (name, rule["edge_count"]) == (name, len(edges))
        if "values" in rule:
            assert rule["values"] == len({card for row in edges for card in (row["from_id"], row["to_id"])})
    ours = {(row["from_id"], row["to_id"]): row for row in graph.edges(edge_rule="mai-2023").table.to_pylist()}
    for edge in expected["rules"]["mai-2023"]["edges"]:
        row = ours[str(edge["from_value"]), str(edge["to_value"])]
        assert edge["contexts"] == row["contexts"]
        for key in ("wiser", "not_wiser", "less_wise", "unsure", "impressions"):
            assert edge[key] == row[key]
        assert pytest.approx(edge["entropy"], abs=1e-12) == row["entropy"]
        assert edge["wiser_likelihood"] == row["likelihood"]


@pytest.mark.parametrize("rule", ["mai-2023", "paper-majority"])
def test_pagerank_scores_and_winners_are_those_published(
    graph: MoralGraph, expected: dict[str, Any], rule: str
) -> None:
    """Scores to 1e-8, ranks, ties and winners of every context, as `ranking` and `wisest` answer them."""
    for context, published in expected["pagerank"][rule]["by_context"].items():
        view = graph.ranking(context, method="pagerank", edge_rule=rule)
        assert {str(r["value"]): r["rank"] for r in published["ranking"]} == {r["id"]: r["rank"] for r in view.cards}
        scores = {row["id"]: row["score"] for row in view.cards}
        for row in published["ranking"]:
            assert row["score"] == pytest.approx(scores[str(row["value"])], abs=1e-8)
        wisest = graph.wisest(context, method="pagerank", edge_rule=rule)
        assert sorted(map(str, published["winners"])) == sorted(row["id"] for row in wisest.cards)
        assert published["tie"] != wisest.single_winner


def test_no_single_winner_is_named_where_the_votes_do_not_support_it(graph: MoralGraph) -> None:
    """Three votes a person, asked in one direction: the default names a set in every context and says why."""
    rows = graph.query("wisest_everywhere").to_pylist()
    assert [] == [row["context"] for row in rows if row["single_winner"]]
    assert "no single winner" in graph.wisest(rows[0]["context_id"]).reason


def test_the_tallies_of_the_published_graph_give_the_same_edges(
    dft: Path, expected: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The graph's own JSON, without votes, gives the study's edges; beside the votes its tallies give way to them."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with graphengine.open(tmp_path / "moral.graph") as graph:
        graph.import_file(dft / "moral-graph-prolific-run.json")
        edges = graph.edges(edge_rule="mai-2023").table.to_pylist()
        pairs = {(str(e["from_value"]), str(e["to_value"])) for e in expected["rules"]["mai-2023"]["edges"]}
        assert pairs == {(row["from_id"], row["to_id"]) for row in edges}
        with pytest.raises(graphengine.GraphEngineError, match="only 67 published tallies"):
            graph.rank()
        graph.import_file(dft / "votes-prolific-run.csv")
        listed = graph.edges(edge_rule="mai-2023")
        assert pairs == {(row["from_id"], row["to_id"]) for row in listed.table.to_pylist()}
        assert 67 == listed.gave_way
