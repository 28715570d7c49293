"""A command line to type into, and a ranked sample graph to ask."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

import graphengine
from graphengine.cli import main
from graphengine.sample import sample_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass
class Said:
    """What a command said: exit code, stdout, stderr."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """Stdout as the one JSON object that it is."""
        return json.loads(self.out)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that commands are typed in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cli(folder: Path) -> Callable[..., Said]:
    """Types a command line: `cli("wisest", "When grieving", "--json")`. A traceback fails the test."""

    def type_in(*arguments: Any, stdin: str | None = None) -> Said:
        result = CliRunner().invoke(main, [str(one) for one in arguments], input=stdin, catch_exceptions=False)
        return Said(result.exit_code, result.stdout, result.stderr)

    return type_in


@pytest.fixture(scope="session")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample graph, ranked by both methods; only to be read."""
    path = tmp_path_factory.mktemp("sample") / "moral.graph"
    with graphengine.open(path) as graph:
        for file in sample_files().values():
            graph.import_file(file)
        graph.rank()
        graph.rank("pagerank")
    return path


@pytest.fixture
def sample(ranked: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The ranked sample graph, as GRAPHENGINE_GRAPH; only to be read."""
    monkeypatch.setenv("GRAPHENGINE_GRAPH", str(ranked))
    return ranked


@pytest.fixture
def own(ranked: Path, folder: Path) -> Path:
    """A copy of the ranked sample graph at ./moral.graph, to be changed."""
    shutil.copytree(ranked, folder / "moral.graph")
    return folder / "moral.graph"


@pytest.fixture
def votes(folder: Path) -> Path:
    """A small file of votes, all good."""
    path = folder / "votes.csv"
    path.write_text(
        "participant,context,from_value,to_value,answer\n"
        "p1,When lost,map,compass,wiser\np2,When lost,map,compass,wiser\np3,When lost,map,compass,unsure\n"
    )
    return path
