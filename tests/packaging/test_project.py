"""What holds for the files of the project itself."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import graphengine

PROJECT = Path(__file__).resolve().parents[2]
PINS = ("core", "dev", "train")


@pytest.fixture(scope="module")
def files():
    """The files of the project that git knows or would add; skips where this is no checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := PROJECT / name).is_file()]


@pytest.fixture(scope="module")
def texts(files):
    """The text of each of them."""
    read = {}
    for path in files:
        content = path.read_bytes()
        if b"\0" not in content:
            read[path.relative_to(PROJECT).as_posix()] = content.decode(errors="replace")
    return read


def test_versions_agree():
    """The newest version of the changelog, of pyproject.toml and of the package are the same."""
    newest = re.search(r"^## \[(\d+\.\d+\.\d+)\]", (PROJECT / "CHANGELOG.md").read_text(), re.MULTILINE)
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]

    assert newest is not None
    assert graphengine.__version__ == newest[1]
    assert graphengine.__version__ == project["version"]


@pytest.mark.parametrize("name", PINS)
def test_requirements_are_pinned_with_hashes(name):
    """Each line of a requirements file is a pin with hashes; no line says where to fetch it."""
    entries = read_pins(name)

    assert all(re.fullmatch(r"[a-z0-9._-]+==\S+( ; .+)?", pin) for pin in entries)
    assert all(entries.values())
    assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", item) for hashes in entries.values() for item in hashes)


def test_requirements_contain_each_other():
    """What runs is pinned the same where it is developed, tested and trained with."""
    core, dev, train = (read_pins(name) for name in PINS)

    assert set() == core.keys() - dev.keys()
    assert set() == dev.keys() - train.keys()


def test_no_addresses_of_registries_or_machines(texts):
    """No file names a package registry or a folder of somebody's machine."""
    forbidden = re.compile(
        r"--(extra-)?index-url|--find-links|registry *= *[\"']?http"
        r"|//[a-z0-9.-]*(pypi|maven|npm|crates)[a-z0-9.-]*[.][a-z]"
        r"|(^|[^\w.~-])/(work|root|home/[a-z]+|Users/[a-z]+)/"
    )
    own = Path(__file__).relative_to(PROJECT).as_posix()
    found = [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if name != own and forbidden.search(line)
    ]

    assert [] == found


def test_modules_are_short(texts):
    """No Python file is longer than 500 lines."""
    lengths = {name: text.count("\n") for name, text in texts.items() if name.endswith(".py")}

    assert {} == {name: length for name, length in lengths.items() if length > 500}


def test_every_folder_of_modules_is_a_package(files):
    """Each folder of modules has an `__init__.py`: without one the check of the layers does not see it."""
    folders = {path.parent for path in files if path.suffix == ".py" and PROJECT / "graphengine" in path.parents}

    assert set() == {folder.relative_to(PROJECT) for folder in folders if not (folder / "__init__.py").exists()}


def test_every_test_says_what_holds(texts):
    """Each test function begins with a sentence."""
    silent = [
        f"{name}: {node.name}"
        for name, text in texts.items()
        if re.fullmatch(r"tests/(.+/)?test_\w+\.py", name)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]

    assert [] == silent


def read_pins(name):
    """The pins of a requirements file, each with its hashes."""
    text = (PROJECT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
    entries = {}
    for line in text.splitlines():
        pin, *hashes = line.split("--hash=")
        entries[pin.strip()] = [item.strip() for item in hashes]
    return entries
