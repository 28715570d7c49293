"""docs/training.md runs as it stands: from votes to a policy, nothing done twice, single stages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import doc_pages
from tests.doc_pages import PROJECT, Ran

pytestmark = [pytest.mark.train, pytest.mark.slow]
PAGE = PROJECT / "docs" / "training.md"
for _name in ("torch", "datasets", "trl", "accelerate"):
    pytest.importorskip(_name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page's commands run: it says that this is the project's folder, of which they need the recipes."""
    folder = tmp_path_factory.mktemp("training")
    (folder / "pipelines").symlink_to(PROJECT / "pipelines")
    return folder


@pytest.fixture(scope="module")
def ran(folder: Path) -> list[Ran]:
    """The commands of the page, run in their order."""
    return doc_pages.run(PAGE, folder)


def test_commands_print_what_the_page_says(ran: list[Ran]) -> None:
    """Every command prints what stands under it; the one with a misspelt setting fails, and no other."""
    assert [] == [found for command in ran if (found := doc_pages.differs(command))]
    assert [command.line for command in ran if command.code] == [
        command.line for command in ran if "learning_rat=" in command.line
    ]


def test_the_report_holds_what_was_asked_of_it(ran: list[Ran], folder: Path) -> None:
    """The reward rose; the reward model's accuracy on held-out pairs has its interval, and baselines beside it."""
    told = json.loads((folder / "policy-demo" / "report.json").read_text(encoding="utf-8"))
    held_out, gained = told["reward_model"]["held_out"], told["policy"]["reward_gained"]

    assert told["demonstration"]
    assert told["policy"]["reward_rose"]
    assert 0 < gained["lower"] < gained["mean"] < gained["upper"]
    assert told["policy"]["reward"]["first"]["mean"] < told["policy"]["reward"]["last"]["mean"]
    assert 0 < held_out["lower"] < held_out["accuracy"] < held_out["upper"] < 1
    assert (35, 2) == (held_out["pairs"], held_out["contexts"])
    assert {"length", "words", "title"} <= {each["name"] for each in told["reward_model"]["baselines"]}
    assert {"sft", "reward", "second-reward", "ppo"} == set(told["stages"])
    for file in ("report.md", "evaluation/report.md", "evaluation/report.json", "ppo/README.md", "ppo/gaming.svg"):
        assert (folder / "policy-demo" / file).is_file(), file


def test_the_gate_is_passed_by_force_only(ran: list[Ran], folder: Path) -> None:
    """The sample is too small for its reward model to pass, and the report does not hide that."""
    told = json.loads((folder / "policy-demo" / "report.json").read_text(encoding="utf-8"))
    shown = (folder / "policy-demo" / "report.md").read_text(encoding="utf-8")

    assert [False] == [gate["passed"] for gate in told["gates"]]
    assert all(f"- {reason}" in shown for gate in told["gates"] for reason in gate["reasons"])


def test_a_second_call_runs_nothing_again(ran: list[Ran], folder: Path) -> None:
    """No file of any stage was touched by the second call of the page."""
    record = json.loads((folder / "policy-demo" / "stages.json").read_text(encoding="utf-8"))
    pipeline = [command for command in ran if command.line.startswith("python pipelines/survey_to_policy.py")]

    assert 2 == len(pipeline)
    assert [f"{name}: nothing changed" for name in record] == pipeline[1].stdout.splitlines()[: len(record)]
    assert pipeline[0].stdout.partition("# From votes")[2] == pipeline[1].stdout.partition("# From votes")[2]
