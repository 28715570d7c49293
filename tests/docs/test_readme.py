"""README.md: its commands, its Python and its Cypher run as written and give what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import graphengine
from tests import doc_pages
from tests.doc_pages import PROJECT, Ran

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow
README = PROJECT / "README.md"
DEMO = "graphengine-demo/moral.graph"
# What the README says of it: five columns, and "Yess" in row 3.
VOTES = """\
participant,context,from_value,to_value,answer
p1,When lost,giving-advice,asking-back,wiser
p2,When lost,giving-advice,asking-back,Yess
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the README's commands run; the votes that it speaks of are there."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "votes.csv").write_text(VOTES, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def ran(folder: Path) -> list[Ran]:
    """The README's commands, run in their order."""
    return doc_pages.run(README, folder)


def python(code: str, folder: Path) -> str:
    """What a Python program prints, run in a folder."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=doc_pages.environment(folder), capture_output=True,
        encoding="utf-8", check=False,
    )
    assert (0, "") == (done.returncode, done.stderr if done.returncode else "")
    return done.stdout


def test_it_is_short():
    """The README has at most 120 lines."""
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 120


def test_commands_print_what_it_says(ran):
    """Every command prints what the README shows; all of them are done, but the import with a mistake in the file."""
    assert [] == [found for command in ran if (found := doc_pages.differs(command))]
    assert {"graphengine import votes.csv --rank --rejects rejects.csv": 3} == {
        command.line: command.code for command in ran if command.code
    }


def test_quoted_message_is_the_one_printed(ran):
    """The message that the README quotes about the bad row is what the import printed."""
    told = next(command.stderr for command in ran if command.line.startswith("graphengine import votes.csv"))
    quoted = re.search(r"`(row 3, .+?) …`", " ".join(README.read_text(encoding="utf-8").split()))

    assert quoted is not None
    assert f"  {quoted[1]}" in told


def test_mended_rows_go_in_alone(ran, folder):
    """The rejected row, mended in rejects.csv, is a new vote; importing it twice changes nothing."""
    rejects = folder / "rejects.csv"
    rejects.write_text(rejects.read_text(encoding="utf-8").replace(",Yess,", ",wiser,", 1), encoding="utf-8")
    with graphengine.open(folder / "moral.graph") as graph:
        first, second = graph.import_file(rejects), graph.import_file(rejects)

    assert (1, 0, 0) == (first.accepted, first.unchanged, first.rejected)
    assert (0, 1, None) == (second.accepted, second.unchanged, second.load_id)


def test_python_prints_what_it_says(ran, folder):
    """The first Python block runs, prints what its comment says, and writes the dataset."""
    code = doc_pages.blocks(README, "python")[0].text
    printed = re.search(r"# prints: (.+)", code)

    assert printed is not None
    assert printed[1] + "\n" == python(code, folder)
    assert (folder / "preferences" / "manifest.json").is_file()


@pytest.mark.train
def test_datasets_opens_the_export(ran, folder):
    """The second Python block opens the dataset, with the columns that its comment names."""
    pytest.importorskip("datasets")
    if not (folder / "preferences").exists():
        python(doc_pages.blocks(README, "python")[0].text, folder)
    code = doc_pages.blocks(README, "python")[1].text
    named = re.search(r"# ([\w, ]+), provenance …", code)

    assert named is not None
    columns = python(code + "\nprint(*pairs.column_names)", folder).split()
    assert set() == set(named[1].split(", ")) - set(columns)


def cypher() -> str:
    """The README's query for Neo4j Browser."""
    return doc_pages.blocks(README, "cypher")[0].text


def test_cypher_runs_embedded(ran, folder):
    """The Cypher block gives the places of the context, as `ranking` does."""
    with graphengine.open(folder / DEMO) as graph:
        rows = graph.query(cypher()).to_pylist()
        cards = graph.ranking("When grieving").cards

    assert [(card["title"], card["score"], card["p_top"]) for card in cards] == [
        (row["value"], row["score"], row["p_top"]) for row in rows
    ]


@pytest.mark.neo4j
def test_cypher_gives_the_same_on_neo4j(ran, folder, empty_neo4j):
    """The demo on a server prints what it prints embedded, and the Cypher block, as Browser runs it, gives its rows."""
    variables = doc_pages.environment(folder, **empty_neo4j.environment())
    demo = subprocess.run(
        [sys.executable, "-m", "graphengine", "demo", "--graph", empty_neo4j.uri], cwd=folder, env=variables,
        capture_output=True, encoding="utf-8", check=True,
    )
    with graphengine.open(folder / DEMO) as graph:
        expected = graph.query(cypher()).to_pylist()
    rows = empty_neo4j.run(cypher())

    assert ran[0].stdout == demo.stdout.replace(empty_neo4j.uri, DEMO)
    assert expected == rows
