"""Folders of models, and what the stages that made them tell: their cost, and the weight of KL."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphengine.errors import TrainingError
from graphengine.training.run_folder import MODEL, REPORT

KL_WEIGHTS = ("kl_coefficient", "kl_weight", "beta")
"""What stages call the weight of KL, in PPO, and in DPO, KTO, GRPO and RLOO."""


@dataclass(frozen=True)
class StageCost:
    """What a stage of training cost.

    Attributes:
        folder: Its run folder.
        stage: Its name.
        seconds: How long it took.
        peak_memory_bytes: The most memory that its process held.
        peak_gpu_memory_bytes: The most that it held on a GPU; None without one.
    """

    folder: str
    stage: str
    seconds: float | None
    peak_memory_bytes: int | None
    peak_gpu_memory_bytes: int | None


@dataclass(frozen=True)
class ModelFolder:
    """A model, and the run that made it.

    Attributes:
        name: Short and unique among those given together.
        path: The folder with `config.json`.
        report: What the run's `report.json` says; empty if it is not known.
    """

    name: str
    path: Path
    report: dict[str, Any]

    @property
    def kl_weight(self) -> float | None:
        """The weight of KL in training, if the run says one."""
        settings = (self.report.get("run") or {}).get("settings") or {}
        found = next((settings[key] for key in KL_WEIGHTS if isinstance(settings.get(key), int | float)), None)
        return None if found is None else float(found)


def model_folders(given: tuple[Path, ...]) -> list[ModelFolder]:
    """The models that folders name: run folders of a stage, or plain folders of a model.

    Raises:
        TrainingError: If one is neither, or given twice.
    """
    paths = [(path / MODEL if not (path / "config.json").is_file() else path) for path in given]
    found = []
    for path, name in zip(paths, _names(given), strict=True):
        if not (path / "config.json").is_file():
            raise TrainingError(
                f"{path.parent if path.name == MODEL else path} holds no model: there is no config.json",
                hint="give the folder that a stage of training wrote, or one of a Hugging Face model", file=path,
            )
        report = _report(path.parent) if path.name == MODEL else {}
        found.append(ModelFolder(name, path, report))
    real = [path.resolve() for path in paths]
    for place, path in enumerate(real):
        if path in real[:place]:
            raise TrainingError(f"{given[place]} is given twice", hint="name each model once", file=given[place])
    return found


def _names(given: tuple[Path, ...]) -> list[str]:
    """The last part of each path that tells it from the others."""
    parts = [[part for part in path.resolve().parts if part != MODEL] for path in given]
    for depth in range(1, 1 + max(map(len, parts), default=0)):
        names = ["/".join(each[-depth:]) for each in parts]
        if len(set(names)) == len(names):
            return names
    return [str(path) for path in given]


def stage_cost(run: Path) -> StageCost:
    """What a run folder says of its cost.

    Raises:
        TrainingError: If it holds no finished run.
    """
    report = _report(run)
    if not report:
        raise TrainingError(
            f"{run} holds no finished run: there is no {REPORT}", hint="give folders that `graphengine train` wrote",
            file=run,
        )
    return cost_of(run, report)


def cost_of(run: Path, report: dict[str, Any]) -> StageCost:
    """The cost that a report tells; what it does not tell is None."""
    cost = report.get("cost") or {}
    return StageCost(
        str(run), str((report.get("run") or {}).get("stage") or ""), cost.get("seconds"), cost.get("peak_memory_bytes"),
        cost.get("peak_gpu_memory_bytes"),
    )


def _report(run: Path) -> dict[str, Any]:
    try:
        content = json.loads((run / REPORT).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise TrainingError(f"{run / REPORT} can't be read: {error}", hint="run the stage again", file=run) from error
    return content if isinstance(content, dict) else {}
