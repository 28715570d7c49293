"""SFT: the policy learns to answer as the wisest values would have it, over TRL's SFTTrainer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphengine.training.with_trl import Stage, StageOutcome, TRLSettings, quiet, train_with_trl

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class SFTSettings(TRLSettings):
    """What a policy is trained with on answers. The dataset is the kind `sft`; the loss is that of the answer only."""


def train_sft(settings: SFTSettings, *, progress: Callable[[str], None] = quiet) -> StageOutcome:
    """Train a policy on the answers of a dataset folder.

    Args:
        settings: See `SFTSettings`.
        progress: Takes a line for each step that is logged.

    Raises:
        TrainingError: If the data, the model, the folder or the disk is not what training needs.

    Example:
        >>> from graphengine.training.settings import read_settings
        >>> settings = read_settings(SFTSettings, None, ["model=tiny", "data=pairs", "out=runs/sft"])
        >>> train_sft(settings).report["held_out"]["loss"]  # doctest: +SKIP
        3.21
    """
    stage = Stage("sft", "sft", "SFT", answers=("completion",), told={"evidence": "none"})
    return train_with_trl(settings, stage, progress)
