"""The stages of a pipeline are done once, and again when what they are made of changed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from types import ModuleType

PIPELINES = Path(__file__).resolve().parents[2] / "pipelines"


@pytest.fixture
def stages(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module beside the programs, as they import it."""
    monkeypatch.syspath_prepend(str(PIPELINES))
    monkeypatch.delitem(sys.modules, "stages", raising=False)
    import stages

    return stages


class Run:
    """Makes a folder, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, place: Path) -> None:
        self.times += 1
        place.mkdir(exist_ok=True)
        (place / "made").write_text("whole")


def two(stages: ModuleType, out: Path, file: Path, runs: list[Run], **settings: Any) -> None:
    """A stage that is made of a file, and one that is made of the first."""
    work = stages.Stages(out)
    first = work.make("first", {"file": file}, runs[0])
    work.make("second", {"first": first, **settings}, runs[1])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """What the first stage is made of."""
    file = tmp_path / "votes.csv"
    file.write_text("a")
    return file


def test_a_stage_is_done_once(stages: ModuleType, tmp_path: Path, file: Path, capsys: Any) -> None:
    """A second call, even by another path of the same folder, runs nothing."""
    runs = [Run(), Run()]
    two(stages, tmp_path / "out", file, runs)
    two(stages, tmp_path / "other" / ".." / "out", file, runs)

    assert [1, 1] == [run.times for run in runs]
    assert "first: …\nsecond: …\nfirst: nothing changed\nsecond: nothing changed\n" == capsys.readouterr().out


def test_a_change_runs_what_depends_on_it(stages: ModuleType, tmp_path: Path, file: Path) -> None:
    """A changed file runs both, a changed setting only its stage, a deleted folder only what made it."""
    runs = [Run(), Run()]
    two(stages, tmp_path / "out", file, runs)
    two(stages, tmp_path / "out", file, runs, seed=1)
    assert [1, 2] == [run.times for run in runs]
    file.write_text("b")
    two(stages, tmp_path / "out", file, runs, seed=1)
    assert [2, 3] == [run.times for run in runs]
    (tmp_path / "out" / "second" / "made").unlink()
    (tmp_path / "out" / "second").rmdir()
    two(stages, tmp_path / "out", file, runs, seed=1)
    assert [2, 4] == [run.times for run in runs]


def test_a_new_run_begins_with_an_empty_place(stages: ModuleType, tmp_path: Path, file: Path) -> None:
    """What an earlier run of the stage left is gone before it runs again."""
    work = stages.Stages(tmp_path / "out")
    work.make("first", {"seed": 0}, Run())
    (tmp_path / "out" / "first" / "old").write_text("")
    work.make("first", {"seed": 1}, Run())

    assert ["made"] == [path.name for path in (tmp_path / "out" / "first").iterdir()]


def test_what_was_cut_off_goes_on(stages: ModuleType, tmp_path: Path, file: Path) -> None:
    """A stage that did not end goes on; it begins anew where it can't go on, or is another one by now."""

    def cut(place: Path) -> None:
        place.mkdir()
        (place / "half").write_text("")
        raise KeyboardInterrupt

    went_on, anew = Run(), Run()
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            stages.Stages(tmp_path / "out").make("first", {"seed": 0}, cut)
    stages.Stages(tmp_path / "out").make("first", {"seed": 0}, anew, go_on=went_on)
    assert [1, 0] == [went_on.times, anew.times]
    assert {"half", "made"} == {path.name for path in (tmp_path / "out" / "first").iterdir()}

    with pytest.raises(KeyboardInterrupt):
        stages.Stages(tmp_path / "out").make("first", {"seed": 1}, cut)
    stages.Stages(tmp_path / "out").make("first", {"seed": 2}, anew, go_on=went_on)
    assert [1, 1] == [went_on.times, anew.times]


def test_a_folder_counts_by_its_content(stages: ModuleType, tmp_path: Path) -> None:
    """A model of the user's is known by its files, wherever it lies."""
    run = Run()
    for name, text in (("one", "a"), ("two", "a"), ("three", "b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_text(text)
        stages.Stages(tmp_path / "out").make("first", {"model": tmp_path / name, "by": {tmp_path / name: 1}}, run)

    assert 2 == run.times


@pytest.mark.slow
def test_a_file_that_is_missing_is_an_error_in_words(tmp_path: Path) -> None:
    """A misspelt name ends the program with a sentence, not with a traceback."""
    import subprocess

    program = str(PIPELINES / "survey_to_policy.py")
    done = subprocess.run(
        [sys.executable, program, str(tmp_path / "out"), "vots.csv"], capture_output=True, text=True, check=False
    )
    assert 1 == done.returncode
    assert "vots.csv" in done.stderr
    assert done.stderr.startswith("error: ")


@pytest.mark.slow
@pytest.mark.train
def test_a_command_that_fails_ends_the_program(stages: ModuleType, tmp_path: Path) -> None:
    """The exit code of the command is that of the program, and the stage is not taken for done."""
    work = stages.Stages(tmp_path / "out")
    with pytest.raises(SystemExit) as caught:
        work.train("sft", {"model": tmp_path / "nothing", "data": tmp_path / "nothing"})

    assert 1 == caught.value.code
    assert {"sft": False} == {name: each["whole"] for name, each in json.loads(work.record.read_text()).items()}
