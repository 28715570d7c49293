"""`misalignment --graph --reward`: the cards of a context, by people's votes and by a reward model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

import graphengine
from graphengine.sample import sample_files

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("torch")

from graphengine.alignment import misalignment
from graphengine.cli import main
from graphengine.models.tiny import make_tiny
from graphengine.training.scoring import RewardModel
from graphengine.training.utilities import reward_utilities

pytestmark = [
    pytest.mark.train,
    pytest.mark.slow,
    # What the libraries say to each other about coming versions is not about us.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample graph, ranked."""
    path = tmp_path_factory.mktemp("sample") / "moral.graph"
    with graphengine.open(path) as made:
        for file in sample_files().values():
            made.import_file(file)
        made.rank()
    return path


@pytest.fixture(scope="module")
def reward(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a tiny reward model of random weights."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    base = make_tiny(tmp_path_factory.mktemp("models") / "base", ["Listen first.", "Say it plainly."], hidden=32,
                     layers=2, heads=2)
    torch.manual_seed(0)
    out = base.with_name("run") / "model"
    AutoModelForSequenceClassification.from_pretrained(base, num_labels=1).save_pretrained(out)
    AutoTokenizer.from_pretrained(base).save_pretrained(out)
    return out.parent


def type_in(*arguments: object) -> dict:
    """A command's JSON."""
    done = CliRunner().invoke(main, [str(one) for one in arguments], catch_exceptions=False)
    return {"code": done.exit_code, **json.loads(done.stdout)}


def test_one_context(graph: Path, reward: Path) -> None:
    """People's side is the ranking's scores, the model's what the reward model says of the same texts."""
    with graphengine.open(graph, create=False) as store:
        context = store.context("When grieving").id
        cards = store.ranking(context).cards
        texts = store.utilities(context).to_pylist()
    assert {card["id"]: card["score"] for card in cards} == {row["id"]: row["utility"] for row in texts}
    model = RewardModel(reward / "model")
    scores = model(texts, [row["completion"] for row in texts])
    told = type_in("misalignment", "--graph", graph, "--context", context, "--reward", reward, "--json")
    assert (0, len(texts), context) == (told["code"], told["n"], told["of"]["context"]["id"])
    loss_2 = sum(abs(row["utility"] - score) for row, score in zip(texts, scores, strict=True)) / len(texts)
    assert told["loss_2"] == pytest.approx(loss_2, abs=1e-6)
    assert set(told["worst_pairs"][0]["ids"]) <= {row["id"] for row in texts}


def test_all_contexts(graph: Path, reward: Path) -> None:
    """Pairs stay inside a component of a context, whose scores can be compared; contexts are what is drawn."""
    told = type_in("misalignment", "--graph", graph, "--reward", reward, "--draws", 50, "--json")
    with graphengine.open(graph, create=False) as store:
        human = store.utilities()
    assert (human.num_rows, len(set(human["context_id"].to_pylist()))) == (told["n"], told["units"])
    sizes = [human["component"].to_pylist().count(name) for name in set(human["component"].to_pylist())]
    assert sum(size * (size - 1) // 2 for size in sizes) == told["pairs"]["all"]
    again = misalignment(human, reward_utilities(human, reward), by="context_id", within="component", draws=50)
    assert again.as_json()["interval"] == told["interval"]


def test_a_function_is_a_model_too(graph: Path, tmp_path: Path) -> None:
    """`file.py:function` gives U_A; one that knows the ranking is aligned in order."""
    (tmp_path / "mine.py").write_text(
        "def better(rows, completions):\n    return [2 * row['utility'] + 1 for row in rows]\n", encoding="utf-8"
    )
    told = type_in("misalignment", "--graph", graph, "--reward", f"{tmp_path / 'mine.py'}:better", "--json")
    assert (True, False, 1.0) == (told["aligned_order"], told["aligned_equal"], told["kendall_tau_b"])


def test_a_context_without_votes(graph: Path, reward: Path) -> None:
    """Where nothing is ranked there is nothing to compare, and what to do is told."""
    told = type_in("misalignment", "--graph", graph, "--context", "When a choice cannot be undone", "--reward", reward,
                   "--json")
    assert (1, "bad_input") == (told["code"], told["error"])
    assert "has no ranked card with a text" in told["message"]


def test_no_model_there(graph: Path, tmp_path: Path) -> None:
    """A folder without a model, and an unknown context, are refused with what to do."""
    told = type_in("misalignment", "--graph", graph, "--reward", tmp_path, "--json")
    assert (1, "bad_training") == (told["code"], told["error"])
    told = type_in("misalignment", "--graph", graph, "--context", "Wenn verloren", "--reward", tmp_path, "--json")
    assert (1, "not_found") == (told["code"], told["error"])
