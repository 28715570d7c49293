"""`graphengine train`: recipes in, one JSON object or a few lines out, errors in one shape."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said


def test_a_recipe_with_a_mistake_says_which(cli: Callable[..., Said], folder: Path) -> None:
    """An unknown setting is an error with a hint, with and without `--json`."""
    (folder / "r.yaml").write_text("learning_rat: 1\n")
    said = cli("train", "sft", "--config", "r.yaml")
    assert 1 == said.code
    assert "error: r.yaml: there is no setting learning_rat\n  try: did you mean learning_rate?" in said.err
    answer = cli("train", "sft", "--config", "r.yaml", "--json").json
    assert {"ok", "error", "message", "hint", "where"} == set(answer)
    assert ("bad_training", "learning_rat") == (answer["error"], answer["where"]["key"])


def test_a_setting_that_lacks_is_named(cli: Callable[..., Said]) -> None:
    """Without a recipe, what must be given is asked for by name and meaning."""
    said = cli("train", "dpo", "--set", "seed=1")
    assert 1 == said.code
    assert "the settings must say model: folder of the model to start from" in said.err


def test_unknown_stages_are_refused(cli: Callable[..., Said]) -> None:
    """A stage that is none is wrong usage."""
    assert 2 == cli("train", "orpo").code


@pytest.mark.slow
def test_what_is_not_installed_is_named() -> None:
    """Where torch is missing, the error names the extra, and help still shows every setting."""
    program = (
        "import sys\n"
        "class Missing:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'transformers', 'trl', 'datasets', 'accelerate', 'peft'):\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Missing())\n"
        "from graphengine.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    for stage in ("sft", "reward", "ppo", "dpo", "kto", "grpo", "rloo"):
        shown = subprocess.run(
            [sys.executable, "-c", program, "train", stage, "--help"], capture_output=True, text=True, check=False
        )
        assert (0, "") == (shown.returncode, shown.stderr), stage
        assert "learning_rate" in shown.stdout
        given = ["model=m", "data=d", "out=o", *(["rewards={a:b: 1}"] if stage in ("ppo", "grpo", "rloo") else [])]
        done = subprocess.run(
            [sys.executable, "-c", program, "train", stage, "--json", *(f"--set={each}" for each in given)],
            capture_output=True, text=True, check=False,
        )
        assert "missing_extra" == json.loads(done.stdout)["error"], stage
        assert "pip install 'graphengine[train]'" == json.loads(done.stdout)["hint"]


@pytest.mark.train
@pytest.mark.slow
def test_a_stage_runs_from_its_recipe(cli: Callable[..., Said], folder: Path) -> None:
    """Progress goes to stderr, what came out to stdout; with `--json` one object with stable keys."""
    for name in ("torch", "datasets", "trl"):
        pytest.importorskip(name)
    from graphengine.models.tiny import make_tiny
    from tests.training_folders import pairs, texts, write_folder

    rows = pairs(10)
    write_folder(folder / "pairs", {"train": rows[:8], "test": rows[8:]})
    make_tiny(folder / "tiny", texts(rows), hidden=16, layers=1, heads=2, vocabulary=300, context=256)
    (folder / "r.yaml").write_text("model: tiny\ndata: pairs\nout: run\nkind: cards\nbatch_size: 4\nlog_every: 1\n")
    said = cli("train", "sft", "--config", "r.yaml", "--set", "learning_rate=1e-3")

    assert 0 == said.code, said.err
    assert "sft: step 2/2, loss" in said.err
    assert said.out.startswith("sft: 2 steps on 8 rows in ")
    assert "the model is in run/model" in said.out
    answer = cli("train", "sft", "--config", "r.yaml", "--set", "out=other", "--json").json
    assert ["ok", "stage", "out", "model", "report"] == list(answer)
    assert {"stage", "steps", "rows", "left_out", "evidence", "parameters", "curve", "held_out", "cost", "run"} == set(
        answer["report"]
    )
    again = cli("train", "sft", "--config", "r.yaml")
    assert 1 == again.code
    assert "go on with it: --set resume=true" in again.err
