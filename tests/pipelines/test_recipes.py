"""The programs in pipelines/ run as they stand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from graphengine.sample import sample_files

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]


def test_survey_to_preferences(tmp_path: Path) -> None:
    """The sample's files become a dataset, and the program says what it did."""
    program = PROJECT / "pipelines" / "survey_to_preferences.py"
    files = [str(file) for file in sample_files().values()]
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path), *files], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    assert "votes.csv: 1535 votes, 0 rows rejected" in done.stdout
    assert "10 contexts, 5 with a single winner" in done.stdout
    assert (tmp_path / "preferences" / "manifest.json").is_file()
