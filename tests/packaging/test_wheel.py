"""The wheel, alone in an environment with the core only, does the main job."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

import graphengine

PROJECT = Path(__file__).resolve().parents[2]

METADATA = f"graphengine-{graphengine.__version__}.dist-info"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def names(wheel):
    """The names of the files inside the wheel."""
    return set(zipfile.ZipFile(wheel).namelist())


def test_every_query_is_inside(names):
    """Each file of `cypher/` is in the wheel."""
    files = {path.relative_to(PROJECT / "cypher") for path in (PROJECT / "cypher").rglob("*.cypher")}

    assert {f"graphengine/_cypher/{file.as_posix()}" for file in files} == {
        name for name in names if name.startswith("graphengine/_cypher/")
    }
    assert len(files) > 40


def test_sample_and_types_are_inside(names):
    """The sample graph, the marker of typed packages and the licence are in the wheel."""
    sample = {path.name for path in (PROJECT / "graphengine" / "sample").iterdir() if path.is_file()}

    assert sample <= {Path(name).name for name in names if name.startswith("graphengine/sample/")}
    assert {"votes.csv", "cards.csv"} <= sample
    assert "graphengine/py.typed" in names
    assert f"{METADATA}/licenses/LICENSE" in names


def test_nothing_else_is_inside(names):
    """Tests, benchmarks and documents stay out of the wheel."""
    assert {"graphengine", METADATA} == {name.split("/")[0] for name in names}


def test_help_needs_no_extra(installed):
    """`graphengine --help` lists the commands in an environment without extras."""
    said = installed.run("--help").stdout

    assert {"demo", "import", "wisest", "query", "export"} <= set(said.split())


def test_demo_then_query(installed):
    """After `graphengine demo` a query of `cypher/read` answers with the wisest value of a context."""
    installed.run("demo")
    graph = ("--graph", "graphengine-demo/moral.graph")
    everywhere = json.loads(installed.run(*graph, "query", "wisest_everywhere", "--json").stdout)
    context = everywhere["rows"][0]["context_id"]

    answer = json.loads(installed.run(*graph, "query", "wisest_value", "-p", f"context={context}", "--json").stdout)

    assert answer["ok"] is True
    assert everywhere["rows"][0]["title"] == answer["rows"][0]["title"]


def test_missing_extra_says_what_to_install(installed):
    """What needs an extra says how to install it, instead of a traceback."""
    program = "import graphengine as g\nwith g.open('extra.graph') as graph: graph.to_networkx()\n"

    failed = installed.run("-c", program, program=installed.python, code=1).stderr.strip().splitlines()[-1]

    assert "graphengine.errors.MissingExtraError: the package networkx is not installed" == failed


def test_environment_holds_the_core_only(installed):
    """The environment of these tests would not hide a missing dependency: networkx, of an extra, is not there."""
    failed = installed.run("-c", "import networkx", program=installed.python, code=1).stderr

    assert "ModuleNotFoundError: No module named 'networkx'" in failed
