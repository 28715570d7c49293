"""What a stage of training writes, and that an end in the middle of it loses nothing.

```
OUT/
├── run.json        settings, versions and data of the run, written before the first step
├── metrics.jsonl   one line per logged step: {"step": 10, "loss": 0.61, …}
├── checkpoints/    the last good one, to go on from: step-00000010/
├── model/          the trained model, a plain Hugging Face folder
├── report.json     what came out; a run is finished when this is there
└── README.md       the model card
```

Every file and folder is written beside its place and renamed, so that what stands under a name is whole.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import resource
import shutil
import sys
import time
from dataclasses import dataclass, field, fields
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import TrainingError
from graphengine.training.settings import as_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

RUN, METRICS, REPORT, CARD, MODEL, CHECKPOINTS = (
    "run.json", "metrics.jsonl", "report.json", "README.md", "model", "checkpoints",
)  # fmt: skip
LIBRARIES = ("torch", "transformers", "trl", "datasets", "accelerate", "peft", "tokenizers", "numpy", "pyarrow")
# Torch and safetensors have errors of their own for a disk that is full.
_OF_THE_DISK = re.compile(r"PytorchStreamWriter|inline_container|os error \d+|No space left")
# A run may go on with another value of these; any other change would make it another run.
MAY_CHANGE = ("out", "resume", "log_every", "save_every", "force")


@dataclass(frozen=True)
class RunFolder:
    """The folder of a run. Make one with `open_run`.

    Attributes:
        out: The folder.
        main: Whether this process writes; of several that train together, one does.
        fresh: Whether the folder held nothing before.
        started: When it was opened, by `time.monotonic`.
    """

    out: Path
    main: bool = True
    fresh: bool = False
    started: float = field(default_factory=time.monotonic)

    @property
    def model(self) -> Path:
        """Where the trained model goes."""
        return self.out / MODEL

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints."""
        return self.out / CHECKPOINTS

    def forget(self) -> None:
        """Take away what the run wrote, and its folder if it was not there before."""
        if self.main:
            _clear(self.out)
            if self.fresh:
                with contextlib.suppress(OSError):
                    self.out.rmdir()

    def log(self, step: int, **metrics: float | int | str | None) -> None:
        """Append a line to `metrics.jsonl`; a number that JSON does not know (infinity) becomes null."""
        if self.main:
            line = json.dumps({"step": step, **_finite(metrics)}, ensure_ascii=False)
            with writing(self.out / METRICS), (self.out / METRICS).open("a", encoding="utf-8") as file:
                file.write(line + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """The lines of `metrics.jsonl`; one cut short by a crash is left out."""
        file = self.out / METRICS
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        found = []
        for line in lines:
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found

    def truncate_metrics(self, step: int) -> None:
        """Drop the lines after a step: they are of steps that a resumed run takes again."""
        if self.main and (self.out / METRICS).exists():
            kept = [json.dumps(row, ensure_ascii=False) + "\n" for row in self.metrics() if row["step"] <= step]
            self.write_text(METRICS, "".join(kept))

    def save_checkpoint(
        self, step: int, write: Callable[[Path], None], *, needed_bytes: int = 0, keep: Collection[int] = ()
    ) -> Path:
        """Write a checkpoint and, when it is whole, drop those before it.

        Args:
            step: Steps done.
            write: Writes everything into the folder it is given. In a run of several processes each calls it, and it
                ends with a barrier.
            needed_bytes: Disk space that it will take, if known.
            keep: Steps of earlier checkpoints that stay.

        Raises:
            TrainingError: If it can't be written; the last good checkpoint is still there.
        """
        place = self.checkpoints / f"step-{step:08d}"
        self.write_folder(place, write, needed_bytes=needed_bytes)
        if self.main:
            for old, folder in self.all_checkpoints().items():
                if old not in (step, *keep):
                    shutil.rmtree(folder)
        return place

    def last_checkpoint(self) -> tuple[int, Path] | None:
        """Steps done and folder of the last whole checkpoint."""
        return max(self.all_checkpoints().items(), default=None)

    def all_checkpoints(self) -> dict[int, Path]:
        """The whole checkpoints that there are, by steps done."""
        return {int(place.name.removeprefix("step-")): place for place in sorted(self.checkpoints.glob("step-*"))}

    def write_folder(self, place: Path, write: Callable[[Path], None], *, needed_bytes: int = 0) -> None:
        """Write a folder under another name beside its place, and rename it when it is whole.

        Raises:
            TrainingError: If it can't be written: nothing is left of it, and what stood in its place still does.
        """
        temporary, old = place.with_name(f".{place.name}.tmp"), place.with_name(f".{place.name}.old")
        if needed_bytes and self.main:
            check_disk(place.parent, needed_bytes)
        try:
            with writing(place):
                if self.main:
                    shutil.rmtree(temporary, ignore_errors=True)
                temporary.mkdir(parents=True, exist_ok=True)
                write(temporary)
                if self.main:
                    _sync(temporary)
                    shutil.rmtree(old, ignore_errors=True)
                    if place.exists():
                        place.rename(old)
                    temporary.rename(place)
                    shutil.rmtree(old, ignore_errors=True)
        finally:
            if self.main:
                shutil.rmtree(temporary, ignore_errors=True)
                if old.exists() and not place.exists():
                    old.rename(place)

    def write_text(self, name: str, text: str) -> None:
        """Write a file of the folder, whole or not at all."""
        if not self.main:
            return
        place = self.out / name
        temporary = place.with_name(f".{name}.tmp")
        try:
            with writing(place):
                with temporary.open("w", encoding="utf-8", newline="\n") as file:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)

    def write_json(self, name: str, content: Mapping[str, Any]) -> None:
        """Write a file of the folder as JSON."""
        self.write_text(name, json.dumps(_finite(content), indent=2, ensure_ascii=False) + "\n")

    def finish(self, report: Mapping[str, Any]) -> dict[str, Any]:
        """Write `report.json`; the last thing a stage does.

        What every stage tells is added: under `cost` the seconds since the folder was opened, the most memory that the
        process ever held and, on a GPU, the most that torch did; under `run` what `run.json` says.

        Returns:
            The report as it was written.
        """
        record = json.loads((self.out / RUN).read_text(encoding="utf-8"))
        whole = {**_finite(report), "cost": self._cost(), "run": record}
        self.write_json(REPORT, whole)
        return whole

    def _cost(self) -> dict[str, Any]:
        torch = sys.modules.get("torch")  # a stage that did not load it used no GPU
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return {
            "seconds": round(time.monotonic() - self.started, 3),
            "peak_memory_bytes": memory * (1 if sys.platform == "darwin" else 1024),
            "peak_gpu_memory_bytes": (
                torch.cuda.max_memory_allocated() if torch is not None and torch.cuda.is_available() else None
            ),
        }


def open_run(
    settings: Any, stage: str, *, data_hash: str = "", main: bool = True, may_change: tuple[str, ...] = ()
) -> RunFolder:
    """The folder of a run, ready to be written: new, or the one that `settings.resume` goes on with.

    Args:
        settings: The dataclass of the stage, with `out` and `resume`.
        stage: Its name.
        data_hash: Hash of the data it reads.
        main: Whether this process writes.
        may_change: Settings that may differ from those of the run that is resumed, beside `MAY_CHANGE`.

    Raises:
        TrainingError: If the folder holds a run and it is not to be resumed, or one of other settings or other data.
    """
    out = Path(settings.out)
    now = {"stage": stage, "settings": as_plain(settings), "data_hash": data_hash, "versions": versions()}
    before = _before(out)
    if before is None and out.exists() and any(out.iterdir()):
        raise TrainingError(
            f"{out} is not empty, and holds no run of training", hint="give out another folder", file=out, key="out"
        )
    resumes = any(each.name == "resume" for each in fields(settings))
    fresh = not out.exists() or not any(out.iterdir())
    if before is not None and main:
        if not resumes and before["stage"] == stage and not (out / REPORT).exists():
            _clear(out)  # a stage that is always begun anew, and did not come to its end
        elif not settings.resume:
            go_on = "go on with it: --set resume=true; or " if resumes else ""
            raise TrainingError(
                f"{out} holds a run of {before['stage']}",
                hint=f"{go_on}give out another folder, or delete this one", file=out, key="out",
            )
        else:
            _same(before, now, out, {*MAY_CHANGE, *may_change})
    run = RunFolder(out, main=main, fresh=fresh)
    if main:
        with writing(out):
            out.mkdir(parents=True, exist_ok=True)
            # A report stands for a finished run; this one is not finished again until it is written anew.
            (out / REPORT).unlink(missing_ok=True)
        run.write_json(RUN, now)
    return run


def versions() -> dict[str, str]:
    """Versions of what a run depends on; only what is installed."""
    from graphengine import __version__

    found = {"graphengine": __version__}
    for name in LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def check_disk(place: Path, needed_bytes: int) -> None:
    """See that a disk has room.

    Raises:
        TrainingError: If not, before anything is written.
    """
    there = next(parent for parent in (place, *place.resolve().parents) if parent.exists())
    free = shutil.disk_usage(there).free
    if free < needed_bytes:
        raise TrainingError(
            f"{place}: {needed_bytes / 1e6:,.0f} MB are to be written, and {free / 1e6:,.0f} MB are free",
            hint="make room, then go on with --set resume=true", file=place, free=free, needed=needed_bytes,
        )


def _before(out: Path) -> dict[str, Any] | None:
    """What `run.json` of an earlier run says; None if there was none."""
    try:
        return json.loads((out / RUN).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except NotADirectoryError as error:
        raise TrainingError(f"{out} is a file", hint="give out another folder", file=out, key="out") from error
    except ValueError as error:
        raise TrainingError(
            f"{out / RUN} is damaged", hint="give out another folder", file=out / RUN, key="out"
        ) from error


def _clear(out: Path) -> None:
    """Take away what a run wrote."""
    for name in (RUN, METRICS, REPORT, CARD):
        (out / name).unlink(missing_ok=True)
    for name in (MODEL, CHECKPOINTS):
        shutil.rmtree(out / name, ignore_errors=True)


def _same(before: dict[str, Any], now: dict[str, Any], out: Path, may_change: set[str]) -> None:
    changed = [
        f"{key} was {old.get(key)!r} and is {new.get(key)!r}"
        for old, new in [(before, {k: now[k] for k in ("stage", "data_hash")}), (before["settings"], now["settings"])]
        for key in new
        if key not in may_change and old.get(key) != new.get(key)
    ]
    if changed:
        raise TrainingError(
            f"the run in {out} can't go on: {'; '.join(changed)}",
            hint="go on with the settings and data of before, or give out another folder", file=out, key="resume",
        )


@contextlib.contextmanager
def writing(place: Path) -> Iterator[None]:
    """What keeps a file from being written becomes an error that says what to do.

    Raises:
        TrainingError: Instead of an OSError, and of what torch and safetensors raise on a full disk.
    """
    try:
        yield
    except Exception as error:
        if not isinstance(error, OSError) and not _OF_THE_DISK.search(str(error)):
            raise
        raise TrainingError(
            f"{place} can't be written: {getattr(error, 'strerror', '') or error}",
            hint="make room or check your rights, then go on with --set resume=true", file=place,
        ) from error


def _sync(folder: Path) -> None:
    """Have the files of a folder on the disk before it gets its name."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, Path) else value
