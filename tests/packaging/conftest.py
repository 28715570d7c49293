"""A wheel built from this tree, installed where nothing but the core is."""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = Path(__file__).resolve().parents[2]


class Installed(NamedTuple):
    """An environment with the wheel in it.

    Attributes:
        python: Its interpreter.
        command: The `graphengine` that the install made.
        folder: An empty folder to work in.
    """

    python: Path
    command: Path
    folder: Path

    def run(self, *arguments: str, program: Path | None = None, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Runs `graphengine` (or another program) in the folder, as a user would: no variable leads to this tree."""
        hidden = ("PYTHON", "VIRTUAL_ENV", "GRAPHENGINE", "NEO4J")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
        done = subprocess.run(
            [str(program or self.command), *arguments], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert code == done.returncode, done.stdout + done.stderr
        return done


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree."""
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(PROJECT)],
        check=True, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """An environment with the wheel and what its core needs, and no extra; made without a network."""
    root = tmp_path_factory.mktemp("installed")
    environment, folder = root / "venv", root / "work"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True, timeout=300)
    python = environment / "bin" / "python"
    subprocess.run(
        [python, "-m", "pip", "install", "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)],
        check=True, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    (site,) = environment.glob("lib/python*/site-packages")
    for name, path in core_files().items():
        (site / name).symlink_to(path)
    return Installed(python, environment / "bin" / "graphengine", folder)


def core_files() -> dict[str, Path]:
    """What lies in site-packages of the distributions that the core needs: name -> where."""
    waiting = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]
    seen, found = set(), {}
    while waiting:
        text, _, marker = waiting.pop().partition(";")
        name = re.split(r"[^\w.-]", text.strip())[0]
        if name in seen or "extra" in marker:
            continue
        seen.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            assert marker, f"{name} is not installed"  # else one that its marker rules out for this system
            continue
        waiting.extend(distribution.requires or [])
        tops = {file.parts[0] for file in distribution.files or [] if file.parts[0] not in {"..", "__pycache__"}}
        found |= {top: Path(str(distribution.locate_file(top))) for top in tops}
    return found
