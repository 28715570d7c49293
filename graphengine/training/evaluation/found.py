"""What an evaluation has found so far, and where its data is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphengine.errors import TrainingError

if TYPE_CHECKING:
    from pathlib import Path

    from graphengine.training.data import PreferenceFolder
    from graphengine.training.evaluation.calibration import Calibration
    from graphengine.training.evaluation.judging import Judged
    from graphengine.training.evaluation.results import Row
    from graphengine.training.evaluation.settings import EvaluationSettings


@dataclass
class Found:
    """What has been found so far.

    Attributes:
        rows: The models.
        baselines: As `Evaluation` has them, like all that follows.
        calibrations: By the name of the reward model.
        judged: By the name of the policy.
        notes: What the reader should know.
        data: The datasets that were read, by what they were read for.
    """

    rows: list[Row] = field(default_factory=list)
    baselines: tuple[dict[str, Any], ...] = ()
    calibrations: dict[str, tuple[Calibration, ...]] = field(default_factory=dict)
    judged: dict[str, Judged] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    data: dict[str, PreferenceFolder] = field(default_factory=dict)


def data_folder(settings: EvaluationSettings, what: str) -> Path:
    """The dataset folder, which something is measured on.

    Raises:
        TrainingError: If none is named.
    """
    if settings.data is None:
        raise TrainingError(
            f"{what} are measured on a dataset folder, and none is named", hint="give --data FOLDER", key="data"
        )
    return settings.data
