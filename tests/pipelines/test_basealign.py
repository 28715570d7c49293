"""The BaseAlign programs run small: a policy for each target, one table, and as many labels as they say."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graphengine.models.tiny import make_tiny
from graphengine.training.settings import read_settings

pytestmark = [pytest.mark.train, pytest.mark.slow]
for _name in ("torch", "datasets", "trl", "sklearn"):
    pytest.importorskip(_name)

PROJECT = Path(__file__).resolve().parents[2]
LETTERS = "tests.value_readers:letters"
SMALL = ["--set=episodes=16", "--set=batch_size=16", "--set=max_new_tokens=8"]


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A model of a few thousand weights, and 20 prompts."""
    folder = tmp_path_factory.mktemp("given")
    prompts = [f"A {who} asks about {what}." for who in ("nurse", "friend", "father", "widow")
               for what in ("grief", "debt", "school", "a lie", "a promise")]
    (folder / "prompts.txt").write_text("\n".join(prompts) + "\n", encoding="utf-8")
    make_tiny(folder / "tiny", prompts, hidden=32, layers=1, heads=2, vocabulary=320, context=512)
    return {"model": folder / "tiny", "prompts": folder / "prompts.txt"}


def run(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run one as a user does, from the project's folder."""
    return subprocess.run([sys.executable, f"pipelines/{program}.py", *words], capture_output=True, text=True,
                          check=False, cwd=PROJECT, env=None)


def run_at_once(program: str, *words: str) -> subprocess.CompletedProcess[str]:
    """The same, with all stages of training in its process: loading the libraries for each takes most of the time."""
    started = f"""
import runpy, sys
sys.path.insert(0, "pipelines")
import stages
from graphengine.cli import main
stages.command = lambda *words: main(list(words), standalone_mode=False)
runpy.run_path("pipelines/{program}.py", run_name="__main__")
"""
    return subprocess.run([sys.executable, "-c", started, *words], capture_output=True, text=True, check=False,
                          cwd=PROJECT)


def words_of(given: dict[str, Path]) -> list[str]:
    """The options of both programs."""
    return [f"--{name}={path}" for name, path in given.items()]


def test_one_table_of_targets(given: dict[str, Path], tmp_path: Path) -> None:
    """Two targets: rows before, prompted and after, columns targets; tax, neutrality and pictures for each."""
    out = tmp_path / "out"
    words = [str(out), "--targets=security,UK", f"--evaluator={LETTERS}", "--answers=2", "--set=updates=2", *SMALL,
             *words_of(given)]
    done = run("basealign", *words)
    assert 0 == done.returncode, done.stderr
    told = json.loads((out / "report.json").read_text(encoding="utf-8"))

    assert [] == told["demonstration"]
    assert (5, 2, "letters", "ppo") == tuple(told[name] for name in ("prompts", "answers", "evaluator", "method"))
    assert ["before", "before, target as a prompt", "ppo", "says nothing", "base rates", "least of -1, 0, 1"] == \
        list(told["table"])
    assert [["security", "UK"]] * 6 == [list(row) for row in told["table"].values()]
    for name, each in told["targets"].items():
        for kind in ("per_response", "profile", "neutral", "coverage"):
            for side in ("before", "after", "change"):
                found = each["trained"][kind][side]
                assert found["interval"][0] <= found["value"] <= found["interval"][1]
        assert told["table"]["ppo"][name]["profile"] == each["trained"]["profile"]["after"]
        for picture in each["pictures"]:
            assert (out / picture).read_text(encoding="utf-8").startswith("<svg")
    prompted = told["targets"]["security"]["prompted"]
    assert told["table"]["before"]["security"]["profile"] == prompted["profile"]["before"]
    assert told["table"]["before, target as a prompt"]["security"]["profile"] == prompted["profile"]["after"]
    # A target of ten values is more than the tiny model reads: told, and not taken for answers that say nothing.
    assert told["targets"]["UK"]["prompted"] is None
    assert "5 of 5 prompts are longer than" in told["targets"]["UK"]["note"]
    assert {} == told["table"]["before, target as a prompt"]["UK"]
    tax = told["targets"]["security"]["trained"]["tax"]
    assert 9 == len(tax["values"])
    assert tax["interval"][0] <= tax["mean_shift"] <= tax["interval"][1]
    assert told["targets"]["UK"]["trained"]["tax"] is None
    assert told["table"]["says nothing"]["security"] == {"per_response": {"value": 1.0}}
    shown = (out / "report.md").read_text(encoding="utf-8")
    assert "| | security | UK |" in shown
    assert shown in done.stdout

    again = run("basealign", *words)
    assert "policy-uk: nothing changed" in again.stdout
    assert told == json.loads((out / "report.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("method", ["grpo", "rloo"])
def test_other_methods(given: dict[str, Path], tmp_path: Path, method: str) -> None:
    """GRPO and RLOO train on the same distance, and stand in the same table."""
    done = run("basealign", str(tmp_path / "out"), "--targets=security", f"--evaluator={LETTERS}", "--answers=1",
               f"--method={method}", "--set=steps=1", "--set=batch_size=8", "--set=max_new_tokens=8", *words_of(given))
    assert 0 == done.returncode, done.stderr
    told = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    assert told["table"][method]["security"]["per_response"]["value"] > 0
    report = json.loads((tmp_path / "out" / "policy-security" / "report.json").read_text(encoding="utf-8"))
    assert {"target": "security", "evaluator": LETTERS, "distance": "weighted"}.items() <= \
        report["rewards"]["value-distance"].items()


def test_what_is_wrong_is_told(given: dict[str, Path], tmp_path: Path) -> None:
    """An unknown target stops the program before anything is trained."""
    done = run("basealign", str(tmp_path / "out"), "--targets=securty", *words_of(given))
    assert 1 == done.returncode
    assert "there is no target 'securty'" in done.stderr
    assert "security" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("targets", "told"), [
    ("security,Security", "names a target twice"), ("security,hhh", "target hhh is in hhh"),
])
def test_targets_that_do_not_go_together(given: dict[str, Path], tmp_path: Path, targets: str, told: str) -> None:
    """The same target twice, or one that the evaluator can't read, stop the program before anything is trained."""
    done = run("basealign", str(tmp_path / "out"), f"--targets={targets}", f"--evaluator={LETTERS}", *words_of(given))
    assert 1 == done.returncode
    assert told in done.stderr
    assert not list((tmp_path / "out").glob("policy-*"))


def test_too_few_prompts(given: dict[str, Path], tmp_path: Path) -> None:
    """Prompts that are equal count once, and some must be left to measure on."""
    (tmp_path / "few.txt").write_text("Shall I?\nShall I?\nWhy?\n", encoding="utf-8")
    done = run("basealign", str(tmp_path / "out"), "--targets=security", f"--evaluator={LETTERS}",
               f"--model={given['model']}", f"--prompts={tmp_path / 'few.txt'}")
    assert 1 == done.returncode
    assert "there are 2 different prompts" in done.stderr


def test_a_value_reward_beside_reward_models(given: dict[str, Path], tmp_path: Path) -> None:
    """Each arm has the labels that it says, the same budget, and a distance beside that of the value reward."""
    out = tmp_path / "out"
    done = run_at_once("basealign_vs_rlhf", str(out), "--labels=16", "--seeds=1", f"--judge={LETTERS}", "--answers=1",
               "--set=updates=1", *SMALL, *words_of(given))
    assert 0 == done.returncode, done.stderr
    told: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))

    arms = ["value reward", *(f"reward model, {times}x labels" for times in (1, 2, 5))]
    assert arms == list(told["after"])
    assert arms[1:] == list(told["beside_value_reward"])
    value = told["after"][arms[0]]["profile"]
    assert [None, None] == value["interval"]  # of one seed
    for name in arms[1:]:
        there = told["after"][name]["profile"]["value"]
        assert told["beside_value_reward"][name]["profile"]["value"] == pytest.approx(there - value["value"])
    assert 16 == len((out / "labels-0" / "answers.jsonl").read_text(encoding="utf-8").splitlines())
    for times in (1, 2, 5):
        report = json.loads((out / f"reward-{times}x-0" / "report.json").read_text(encoding="utf-8"))
        assert 16 * times == report["rows"]["train"]
    policies = list(out.glob("policy-*/report.json"))
    assert 4 == len(policies)
    assert {1} == {json.loads(file.read_text(encoding="utf-8"))["steps"] for file in policies}
    assert re.search(r"\| reward model, 5x labels \| \d", (out / "report.md").read_text(encoding="utf-8"))


def test_intervals_are_over_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The interval is Student's: of two seeds far wider than of many, and none of one."""
    monkeypatch.syspath_prepend(str(PROJECT / "pipelines"))
    from basealign_vs_rlhf import over_seeds  # type: ignore[import-not-found]

    found = over_seeds([0.5, 0.7])
    assert found["value"] == pytest.approx(0.6)
    assert found["interval"] == pytest.approx([0.6 - 0.1 * 6.3138, 0.6 + 0.1 * 6.3138], abs=1e-4)
    assert [None, None] == over_seeds([0.5])["interval"]


def test_what_was_made_up_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model, prompts or a judge that nobody gave make the report a demonstration, in both programs."""
    monkeypatch.syspath_prepend(str(PROJECT / "pipelines"))
    from basealign import demonstration  # type: ignore[import-not-found]

    assert [] == demonstration(Path("model"), Path("prompts"), "judge")
    assert ["the prompts are made up"] == demonstration(Path("model"), None, "judge", "judge")
    assert ["the model is tiny and began with random weights", "the judge learnt from 54 cards"] == \
        demonstration(None, Path("prompts"), "", "judge")


def test_the_recipe_reads(given: dict[str, Path]) -> None:
    """The recipe is one of PPO, and says nothing that its comments take back."""
    from graphengine.training.ppo_settings import PPOSettings

    settings = read_settings(PPOSettings, PROJECT / "pipelines" / "basealign.yaml")
    assert {"target", "evaluator", "distance", "coverage", "coverage_weight", "weight"} == \
        set(settings.rewards["value-distance"])  # type: ignore[arg-type]
    assert "graphengine train ppo --config pipelines/basealign.yaml" in \
        (PROJECT / "pipelines" / "basealign.yaml").read_text(encoding="utf-8")
