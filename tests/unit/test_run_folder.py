"""A run's folder: whole files, the last good checkpoint, and who may go on with it."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from graphengine.errors import TrainingError
from graphengine.training import run_folder
from graphengine.training.run_folder import check_disk, open_run
from graphengine.training.settings import StageSettings


@pytest.fixture
def settings(tmp_path: Path) -> StageSettings:
    """Settings of a run in a folder that is not there yet."""
    return StageSettings(model=Path("base"), data=Path("set"), out=tmp_path / "runs" / "first")


def weights(text: str):
    """Something that writes a checkpoint."""
    return lambda folder: (folder / "weights").write_text(text)


def test_a_run_says_what_it_is_before_it_starts(settings: StageSettings) -> None:
    """`run.json` holds stage, settings, data and versions as soon as the folder is there."""
    run = open_run(settings, "sft", data_hash="abc")
    told = json.loads((run.out / "run.json").read_text())

    assert ("sft", "abc", 0) == (told["stage"], told["data_hash"], told["settings"]["seed"])
    assert "graphengine" in told["versions"]


def test_a_report_tells_what_the_run_cost(settings: StageSettings) -> None:
    """Time and memory stand in every report, beside what the run was made of."""
    report = open_run(settings, "sft").finish({"loss": math.nan})

    assert json.loads((settings.out / "report.json").read_text()) == report
    assert ["loss", "cost", "run"] == list(report)
    assert report["loss"] is None
    assert 0 <= report["cost"]["seconds"] < 60
    assert 1e6 < report["cost"]["peak_memory_bytes"] < 1e12
    assert "sft" == report["run"]["stage"]


def test_metrics_are_lines_that_grow(settings: StageSettings) -> None:
    """Each logged step is a line of JSON; infinity is null; going back drops what comes after, and a line cut short."""
    run = open_run(settings, "sft")
    for step in (1, 2, 3):
        run.log(step, loss=math.inf if step == 2 else 1 / step)
    with (run.out / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "lo')

    assert [1.0, None, 1 / 3] == [row["loss"] for row in run.metrics()]
    run.truncate_metrics(2)
    assert '{"step": 1, "loss": 1.0}\n{"step": 2, "loss": null}\n' == (run.out / "metrics.jsonl").read_text()


def test_the_last_good_checkpoint_stays(settings: StageSettings) -> None:
    """A new checkpoint takes the place of the one before; one that fails while it is written leaves that one alone."""
    run = open_run(settings, "sft")
    run.save_checkpoint(1, weights("one"))
    run.save_checkpoint(10, weights("ten"))

    def full(folder: Path) -> None:
        (folder / "weights").write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(TrainingError, match="step-00000011 can't be written: No space left on device") as caught:
        run.save_checkpoint(11, full)
    assert "resume=true" in caught.value.hint
    assert (10, run.checkpoints / "step-00000010") == run.last_checkpoint()
    assert ["step-00000010"] == [path.name for path in run.checkpoints.iterdir()]
    assert "ten" == (run.checkpoints / "step-00000010" / "weights").read_text()


def test_an_error_of_the_program_goes_on(settings: StageSettings) -> None:
    """What is not about the disk is not told as if it were, and leaves nothing half written either."""
    run = open_run(settings, "sft")
    with pytest.raises(ZeroDivisionError):
        run.save_checkpoint(1, lambda _folder: 1 / 0)
    assert [] == list(run.checkpoints.iterdir())


def test_a_checkpoint_may_be_written_again(settings: StageSettings) -> None:
    """A folder that is there is replaced whole."""
    run = open_run(settings, "sft")
    run.write_folder(run.model, weights("one"))
    run.write_folder(run.model, weights("two"))

    assert "two" == (run.model / "weights").read_text()
    assert {"run.json", "model"} == {path.name for path in run.out.iterdir()}


def test_no_room_is_seen_before_writing(tmp_path: Path) -> None:
    """The room that a checkpoint needs is compared with what is free."""
    check_disk(tmp_path / "not" / "there", 1)
    with pytest.raises(TrainingError, match=r"are to be written, and .* are free"):
        check_disk(tmp_path / "not" / "there", shutil.disk_usage(tmp_path).total * 2)


def test_a_full_disk_keeps_the_report_of_before(settings: StageSettings) -> None:
    """Where the system refuses to write more, the file that was there is still whole."""
    run = open_run(settings, "sft")
    run.write_json("report.json", {"loss": 1})
    program = (
        "import resource, sys\nfrom pathlib import Path\n"
        "from graphengine.training.run_folder import RunFolder\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "RunFolder(Path(sys.argv[1])).write_text('report.json', 'x' * 5000)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, str(run.out)], capture_output=True, text=True, check=False)

    assert "TrainingError" in done.stderr
    assert "File too large" in done.stderr
    assert {"loss": 1} == json.loads((run.out / "report.json").read_text())
    assert {"run.json", "report.json"} == {path.name for path in run.out.iterdir()}


def test_a_finished_run_is_not_written_over(settings: StageSettings) -> None:
    """A second run into the same folder is refused, unless it is to go on."""
    open_run(settings, "sft").finish({"loss": 1})
    with pytest.raises(TrainingError, match="holds a run of sft") as caught:
        open_run(settings, "sft")
    assert "resume=true" in caught.value.hint

    run = open_run(replace(settings, resume=True, log_every=1), "sft")
    assert not (run.out / "report.json").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "seed was 0 and is 1"),
        ({"stage": "dpo"}, "stage was 'sft' and is 'dpo'"),
        ({"data_hash": "b"}, "data_hash was 'a' and is 'b'"),
    ],
)
def test_a_run_goes_on_as_it_began(settings: StageSettings, change: dict, message: str) -> None:
    """Other settings, another stage or other data are another run, and what differs is named."""
    open_run(settings, "sft", data_hash="a")
    with pytest.raises(TrainingError, match=message):
        open_run(
            replace(settings, resume=True, seed=change.get("seed", 0)), change.get("stage", "sft"),
            data_hash=change.get("data_hash", "a"),
        )


def test_what_may_change_is_the_stages_choice(settings: StageSettings) -> None:
    """A stage may allow more settings to differ in a resumed run."""
    open_run(settings, "sft")
    open_run(replace(settings, resume=True, seed=1), "sft", may_change=("seed",))


def test_a_folder_of_something_else_is_refused(settings: StageSettings) -> None:
    """Where other files lie, nothing is written; a damaged record is said to be one."""
    settings.out.mkdir(parents=True)
    (settings.out / "thesis.txt").write_text("mine")
    with pytest.raises(TrainingError, match="is not empty, and holds no run"):
        open_run(settings, "sft")
    assert ["thesis.txt"] == [path.name for path in settings.out.iterdir()]
    (settings.out / "run.json").write_text("{")
    with pytest.raises(TrainingError, match=r"run.json is damaged"):
        open_run(settings, "sft")


def test_a_file_in_the_way_is_named(settings: StageSettings) -> None:
    """`out` that is a file is refused."""
    settings.out.parent.mkdir()
    settings.out.write_text("a file")
    with pytest.raises(TrainingError, match="first is a file"):
        open_run(settings, "sft")


def test_only_one_process_writes(settings: StageSettings) -> None:
    """Of several processes, the others write nothing but their share of a checkpoint."""
    run = open_run(settings, "sft")
    other = open_run(settings, "sft", main=False)
    other.log(1, loss=1.0)
    other.write_text("report.json", "{}")
    assert {"run.json"} == {path.name for path in run.out.iterdir()}

    def share(folder: Path) -> None:
        other.save_checkpoint(1, lambda same: (same / "theirs").write_text("b"))
        (folder / "ours").write_text("a")

    run.save_checkpoint(1, share)
    assert {"ours", "theirs"} == {path.name for path in (run.checkpoints / "step-00000001").iterdir()}


def test_versions_name_what_is_installed() -> None:
    """Every version is text, and what is missing is left out."""
    assert all(isinstance(version, str) and version for version in run_folder.versions().values())


def test_a_checkpoint_that_is_still_needed_stays(settings: StageSettings) -> None:
    """Beside the last one, those that are asked for; they go when they are no longer."""
    run = open_run(settings, "ppo")
    for step, keep in ((1, ()), (2, (1,)), (3, (1,))):
        run.save_checkpoint(step, weights("x"), keep=keep)
    assert [1, 3] == list(run.all_checkpoints())
    run.save_checkpoint(4, weights("x"))
    assert [4] == list(run.all_checkpoints())
    last = run.last_checkpoint()
    assert last
    assert (4, run.checkpoints / "step-00000004") == last
