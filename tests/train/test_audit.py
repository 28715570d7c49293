"""The audit beside the libraries of training: lengths in a model's tokens, tables of `datasets`, an honest table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from graphengine.errors import InputError
from graphengine.models.tiny import make_tiny
from graphengine.preferences import write_preferences
from graphengine.preferences.audit import Limits, audit_folder, baselines
from graphengine.sample import sample_files
from tests.preference_sources import source_of_files

pytestmark = pytest.mark.train
PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample graph as a dataset folder."""
    pytest.importorskip("transformers")
    out = tmp_path_factory.mktemp("audit") / "out"
    write_preferences(source_of_files(sample_files()["cards"].parent), out)
    return out


def test_lengths_are_those_that_training_counts(exported: Path, tmp_path: Path) -> None:
    """In a tokenizer's tokens, chat template included: as many rows are too long as training leaves out."""
    from graphengine.training.data import open_folder
    from graphengine.training.tokens import drop_too_long, open_tokenizer

    rows = open_folder(exported).splits
    texts = [row[side][0]["content"] for row in rows["train"] for side in ("prompt", "chosen", "rejected")]
    model = make_tiny(tmp_path / "tiny", texts, hidden=16, layers=1, heads=2)
    lengths = audit_folder(exported, tokenizer=model).lengths
    assert lengths["unit"] == "tokens"
    limit = int(lengths["median"])
    dropped = sum(
        drop_too_long(each, open_tokenizer(model, each), ("chosen", "rejected"), limit)[1] for each in rows.values()
    )
    found = audit_folder(exported, tokenizer=model, max_length=limit, limits=Limits(truncated=0))
    assert found.lengths["longer"] == dropped > 0
    assert f"longer than {limit} tokens" in found.problems[0]


def test_a_folder_without_tokenizer_is_refused(exported: Path, tmp_path: Path) -> None:
    """No folder, or one that holds no tokenizer, is named; nothing is looked up elsewhere."""
    for place in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(InputError, match=r"no folder|holds no tokenizer"):
            audit_folder(exported, tokenizer=place)


def test_baselines_take_tables_of_datasets(exported: Path) -> None:
    """Rows as training holds them give the numbers of the audit."""
    from graphengine.training.data import open_folder

    rows = open_folder(exported).splits
    assert baselines(rows["train"], rows["test"]) == audit_folder(exported).baselines["test"]


@pytest.mark.slow
def test_the_reward_model_beats_all_baselines_where_only_the_context_decides() -> None:
    """One seed of the generalisation benchmark: at least .10 beyond the best baseline on contexts never seen."""
    pytest.importorskip("trl")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.reward_generalisation", "typed", "0"], cwd=PROJECT, capture_output=True,
        text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert found["model"]["pairs"] == 486
    assert found["model"]["accuracy"] >= max(each["accuracy"] for each in found["baselines"]) + 0.10
    assert found["model"]["lower"] >= 0.6
    assert found["before"]["lower"] < 0.5 < found["before"]["upper"]
