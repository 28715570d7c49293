"""`graphengine demo`: the main job on the sample, never on anybody else's graph, the same words on both engines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

import graphengine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said
    from tests.neo4j_server import Neo4jServer

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Where the embedded demo ran, and what it said."""
    from click.testing import CliRunner

    from graphengine.cli import main

    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        result = CliRunner().invoke(main, ["demo"], catch_exceptions=False)
    assert 0 == result.exit_code
    return folder, result.stdout


def test_the_demo_does_the_main_job(shown: tuple[Path, str]) -> None:
    """It imports, ranks, asks twice, asks in Cypher, exports, and says what to do next."""
    folder, said = shown
    for part in (
        "The sample is made up", "votes.csv: 1,535 rows read, 0 rejected", "ranked by bradley-terry",
        "one value is the wisest", "no single winner", "MATCH (card:ValuesCard)", "cards: 72 rows",
        "What you can do next",
    ):
        assert part in said
    assert {"moral.graph", "preferences"} == {path.name for path in (folder / "graphengine-demo").iterdir()}


def test_what_the_demo_says_next_works(shown: tuple[Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command about the sample graph that the demo proposes runs."""
    import shlex

    from click.testing import CliRunner

    from graphengine.cli import main

    monkeypatch.chdir(shown[0])
    proposed = [line.strip() for line in shown[1].split("What you can do next")[1].splitlines() if "--graph" in line]
    assert 3 == len(proposed)
    for line in proposed:
        assert 0 == CliRunner().invoke(main, shlex.split(line)[1:], catch_exceptions=False).exit_code, line


def test_the_demo_can_be_run_again(cli: Callable[..., Said], shown: tuple[Path, str], folder: Path) -> None:
    """A second run on the demo's own graph finds it as it is."""
    assert 0 == cli("demo", "--folder", shown[0] / "graphengine-demo").code


def test_the_demo_never_reads_the_environment(cli: Callable[..., Said], folder: Path, monkeypatch) -> None:
    """GRAPHENGINE_GRAPH and NEO4J_URI do not lead the demo anywhere."""
    monkeypatch.setenv("GRAPHENGINE_GRAPH", "bolt://127.0.0.1:1")
    monkeypatch.setenv("NEO4J_URI", "bolt://127.0.0.1:1")
    assert 0 == cli("demo").code
    assert (folder / "graphengine-demo" / "moral.graph").is_dir()


def test_the_demo_does_not_touch_another_graph(cli: Callable[..., Said], votes: Path) -> None:
    """A graph with anything else in it is refused, and stays as it was."""
    cli("import", votes)
    before = cli("doctor", "--json").json["facts"]["content_hash"]
    for arguments in (["demo", "--graph", "moral.graph"], ["--graph", "moral.graph", "demo"]):
        said = cli(*arguments)
        assert 1 == said.code
        assert "holds more than the sample: votes.csv" in said.err
    assert before == cli("doctor", "--json").json["facts"]["content_hash"]


@pytest.mark.neo4j
def test_the_demo_says_the_same_on_a_server(
    cli: Callable[..., Said], shown: tuple[Path, str], empty_neo4j: Neo4jServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On Neo4j the output is that of the embedded engine, apart from the graph's address."""
    for name, value in empty_neo4j.environment().items():
        monkeypatch.setenv(name, value)
    said = cli("demo", "--graph", empty_neo4j.uri)
    assert 0 == said.code
    assert shown[1] == re.sub(re.escape(empty_neo4j.uri), "graphengine-demo/moral.graph", said.out)


@pytest.mark.neo4j
def test_the_demo_leaves_a_strangers_database_alone(
    cli: Callable[..., Said], empty_neo4j: Neo4jServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that holds other data is refused, and nothing is added."""
    for name, value in empty_neo4j.environment().items():
        monkeypatch.setenv(name, value)
    empty_neo4j.run("CREATE (:Film {title: 'x'})")
    said = cli("demo", "--graph", empty_neo4j.uri)
    assert 1 == said.code
    assert "holds data that is not a graph of graphengine" in said.err
    assert [{"n": 1}] == empty_neo4j.run("MATCH (n) RETURN count(n) AS n")


def test_the_sample_graph_is_the_one_of_the_package(shown: tuple[Path, str]) -> None:
    """The demo's graph answers from Python too."""
    with graphengine.open(shown[0] / "graphengine-demo" / "moral.graph", create=False) as graph:
        assert graph.wisest("When grieving").single_winner
