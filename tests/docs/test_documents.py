"""What the documents say is there is there, and runs."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import graphengine
from graphengine.sample import sample_files
from graphengine.store.queries import parse

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENTS = [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")]


def name(path):
    """A document's path inside the project."""
    return path.relative_to(PROJECT).as_posix()


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_links_lead_somewhere(document):
    """Each link to a file of the project leads to one."""
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    local = {link.split("#")[0] for link in links if not re.match(r"\w+:|#", link)}

    assert [] == [link for link in sorted(local) if not (document.parent / link).exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_make_commands_exist(document):
    """Each `make …` that a document names is a command of the Makefile."""
    commands = set(re.findall(r"^([a-z0-9-]+):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^ *|`)make ([a-z0-9-]+)", document.read_text(encoding="utf-8"), re.MULTILINE))

    assert set() == named - commands


def test_make_lists_every_command():
    """Each phony target of the Makefile says what it does, so that `make` alone lists it."""
    text = (PROJECT / "Makefile").read_text(encoding="utf-8")
    listed = re.findall(r"^([a-z0-9-]+):[^=\n]*## \S", text, re.MULTILINE)
    phony = re.search(r"^\.PHONY: (.+)$", text, re.MULTILINE)

    assert phony is not None
    assert sorted(phony[1].split()) == sorted(listed)


def test_marks_are_explained():
    """The table of marks in docs/contributing.md has each mark of pyproject.toml and no other."""
    text = (PROJECT / "docs" / "contributing.md").read_text(encoding="utf-8")
    project = (PROJECT / "pyproject.toml").read_text(encoding="utf-8")
    table = text[text.index("| mark |") :].split("\n\n")[0]
    declared = re.search(r"^markers = \[(.+?)^\]", project, re.MULTILINE | re.DOTALL)

    assert declared is not None
    assert sorted(re.findall(r'"(\w+): ', declared[1])) == sorted(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))


@pytest.mark.slow
def test_example_query_file_runs(graph_folder):
    """The query file of docs/contributing.md has a sound header, and returns what it says on the sample graph."""
    text = (PROJECT / "docs" / "contributing.md").read_text(encoding="utf-8")
    example = re.search(r"```cypher\n(.+?)```", text, re.DOTALL)
    assert example is not None
    query = parse("example", example[1])

    with graphengine.open(graph_folder) as graph:
        for path in sample_files().values():
            graph.import_file(path)
        busiest = max(graph.query("context_overview").to_pylist(), key=lambda context: context["votes"])
        table = graph.query(example[1], **query.bind({"context": busiest["id"]}))

    assert list(query.columns) == table.column_names
    assert ["not_wiser", "unsure", "wiser"] == table.column("answer").to_pylist()
    assert min(table.column("votes").to_pylist()) > 0


def test_every_read_query_is_listed():
    """docs/cypher.md lists each file of cypher/read, and no other."""
    text = (PROJECT / "docs" / "cypher.md").read_text(encoding="utf-8")
    table = text[text.index("| file | answers |") :].split("\n\n")[0]
    listed = [word for line in table.splitlines()[2:] for word in re.findall(r"`(\w+)`", line.split("|")[1])]

    assert sorted(path.stem for path in (PROJECT / "cypher" / "read").glob("*.cypher")) == sorted(listed)


@pytest.mark.slow
def test_picture_is_the_one_that_is_drawn():
    """docs/images/context.svg is what docs/make_picture.py draws."""
    spec = importlib.util.spec_from_file_location("make_picture", PROJECT / "docs" / "make_picture.py")
    assert spec is not None
    assert spec.loader is not None
    maker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(maker)

    assert maker.draw() == maker.OUT.read_text(encoding="utf-8"), "python docs/make_picture.py"


@pytest.mark.parametrize("page", sorted((PROJECT / "docs").glob("*.md")), ids=name)
def test_pages_hang_together(page):
    """Each page of docs/ is linked from another page or from the README, and links to at least one other."""
    others = {path.resolve(): _links(path) for path in DOCUMENTS if path.resolve() != page.resolve()}

    assert any(page.resolve() in links for links in others.values())
    assert _links(page) & set(others)


def _links(path):
    """The files that a document links to."""
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    return {(path.parent / link.split("#")[0]).resolve() for link in links if not re.match(r"\w+:|#", link)}
