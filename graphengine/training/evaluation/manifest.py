"""What an evaluation was made from, so that it can be made again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.preferences.folder import sha256
from graphengine.training.evaluation.loading import libraries
from graphengine.training.evaluation.writing import STAGE
from graphengine.training.run_folder import versions
from graphengine.training.settings import as_plain

if TYPE_CHECKING:
    from graphengine.training.evaluation.found import Found
    from graphengine.training.evaluation.settings import EvaluationSettings
    from graphengine.training.evaluation.stages import ModelFolder


def manifest(settings: EvaluationSettings, models: list[ModelFolder], found: Found) -> dict[str, Any]:
    """Settings, versions, device, and the sha256 of data, models and files.

    Args:
        settings: What was asked for.
        models: Every model that was measured.
        found: Which data was read.
    """
    torch, _ = libraries()
    module = settings.reward.rpartition(":")[0]
    files = (settings.text, settings.task, Path(module) if module.endswith(".py") else None)
    return {
        "stage": STAGE,
        "settings": as_plain(settings),
        "data": {
            name: {"folder": str(each.path), "data_hash": each.data_hash, "votes_hash": each.votes_hash}
            for name, each in found.data.items()
        },
        "models": {
            each.name: {"folder": str(each.path), "sha256": _hashes(each.path, ("config.json", "*.safetensors"))}
            for each in models
        },
        "files": {str(each): sha256(each) for each in files if each is not None},
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": versions(),
    }


def _hashes(folder: Path, patterns: tuple[str, ...]) -> dict[str, str]:
    return {file.name: sha256(file) for pattern in patterns for file in sorted(folder.glob(pattern))}
