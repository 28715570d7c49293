"""`misalignment` on files: words and tables, stable keys, and usage that is told before anything is read."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from pyarrow import csv, parquet

from graphengine.alignment.measures import KEYS, TIES
from graphengine.cli import misaligned
from tests.alignment_worlds import brute_force, table

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said


@pytest.fixture
def files(folder: Path) -> Path:
    """Two tables over the same 24 texts of six prompts."""
    rng = np.random.default_rng(4)
    human = rng.integers(0, 5, 24)
    columns = {"prompt": [f"p{i // 4}" for i in range(24)], "party": ["left", "right"] * 12}
    parquet.write_table(table(human, **columns), folder / "human.parquet")
    csv.write_csv(table(human + rng.normal(size=24)), folder / "model.csv")
    return folder


def test_json(cli: Callable[..., Said], files: Path) -> None:
    """One object: n, each figure, and each interval as [lower, upper] around it."""
    answer = cli("misalignment", "human.parquet", "model.csv", "--by", "prompt", "--json").json
    assert (True, 24, 6) == (answer["ok"], answer["n"], answer["units"])
    human, model = (parquet.read_table(files / "human.parquet"), csv.read_csv(files / "model.csv"))
    wanted = brute_force(human["utility"], model["utility"])
    for key in KEYS:
        lower, upper = answer["interval"][key]
        assert lower < upper
        assert answer[key] == pytest.approx(wanted.get(key, answer[key]), rel=1e-12)
    assert {"human": "human.parquet", "model": "model.csv"} == answer["of"]


def test_within_and_groups(cli: Callable[..., Said], files: Path) -> None:
    """Pairs inside prompts only; each group beside the whole, and who is served worst."""
    options = ("--by", "prompt", "--within", "prompt", "--groups", "party", "--draws", 50)
    answer = cli("misalignment", "human.parquet", "model.csv", *options, "--json").json
    assert (36, ["left", "right"]) == (answer["pairs"]["all"], [each["group"] for each in answer["groups"]])
    assert 6 == answer["groups"][0]["pairs"]["all"]
    worst = answer["worst_group"]["loss_1"]
    assert worst["value"] == max(each["loss_1"] for each in answer["groups"])


def test_words(cli: Callable[..., Said], files: Path) -> None:
    """The verdict first, then figures with intervals beside a constant model, the groups, the worst pairs."""
    said = cli("misalignment", "human.parquet", "model.csv", "--by", "prompt", "--groups", "party", "--draws", 50)
    assert 0 == said.code
    head, figures, groups, worst = said.out.strip().split("\n\n")
    assert "24 texts, 276 pairs" == head.splitlines()[0]
    assert "not aligned in order: the model does not follow people in" in head
    assert "a constant model" in figures.splitlines()[0]
    assert "intervals: 90%, from 50 draws of whole values of prompt" in figures
    assert "served worst:" in groups
    assert 12 == len(worst.splitlines())
    assert "note: The intervals come from 6 values of prompt, which is few." in said.err


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (["human.parquet"], "give two tables, HUMAN and MODEL"),
        (["human.parquet", "model.csv", "--context", "x"], "--context goes with --reward"),
        (["human.parquet", "model.csv", "--reward", "rm"], "--reward takes the place of the tables"),
        (["--reward", "rm", "--by", "prompt"], "--by goes with tables"),
    ],
)
def test_usage(cli: Callable[..., Said], files: Path, typed: list[str], told: str) -> None:
    """What does not go together is told as usage, exit code 2."""
    said = cli("misalignment", *typed, "--json")
    assert (2, "usage") == (said.code, said.json["error"])
    assert told in said.json["message"]


def test_a_wrong_column_is_named(cli: Callable[..., Said], files: Path) -> None:
    """Errors name the file, and the column that may have been meant."""
    said = cli("misalignment", "human.parquet", "model.csv", "--by", "promt")
    assert 1 == said.code
    assert "did you mean prompt?" in said.err
    said = cli("misalignment", "human.parquet", "model.parquet", "--json")
    assert (1, "bad_input") == (said.code, said.json["error"])
    assert "model.parquet" in said.json["message"]


@pytest.mark.slow
def test_cards_against_a_function(cli: Callable[..., Said], ranked: Path) -> None:
    """`file.py:function` is scored without loading torch; what is compared is the cards of the ranking."""
    (ranked.parent / "mine.py").write_text(
        "def score(rows, completions):\n    return [float(len(text)) for text in completions]\n", encoding="utf-8"
    )
    asked = ["misalignment", "--graph", str(ranked), "--context", "When grieving", "--draws", "20", "--json",
             "--reward", f"{ranked.parent}/mine.py:score"]
    code = ("import sys; from graphengine.cli import main; main(sys.argv[1:], standalone_mode=False); "
            "assert 'torch' not in sys.modules")
    done = subprocess.run([sys.executable, "-c", code, *asked], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    cards = cli("ranking", "When grieving", "--graph", ranked, "--json").json["cards"]
    assert (len(cards), "When grieving") == (answer["n"], answer["of"]["context"]["text"])
    assert {card["id"] for card in cards} >= set(answer["worst_pairs"][0]["ids"])


def test_the_choices_are_those_of_the_room() -> None:
    """The command's list of ties is the room's."""
    assert misaligned.TIES == TIES
