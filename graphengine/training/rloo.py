"""RLOO: each answer is compared with the mean of the others to its prompt, over TRL's RLOOTrainer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphengine.training.sampled import SampledSettings, sampled_stage
from graphengine.training.stage import StageOutcome, quiet
from graphengine.training.with_trl import train_with_trl

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class RLOOSettings(SampledSettings):
    """What a policy is trained with by RLOO. The dataset is the kind `prompts`; `batch_size` counts answers."""


def train_rloo(settings: RLOOSettings, *, progress: Callable[[str], None] = quiet) -> StageOutcome:
    """Train a policy on rewards.

    Args:
        settings: See `RLOOSettings`.
        progress: Takes a line for each step that is logged.

    Raises:
        TrainingError: If the data, a model, a reward, the folder or the disk is not what training needs.

    Example:
        >>> from graphengine.training.settings import read_settings
        >>> settings = read_settings(RLOOSettings, None, [
        ...     "model=runs/sft/model", "data=pairs", "out=runs/rloo", "rewards={runs/reward/model: 1}",
        ... ])
        >>> train_rloo(settings).report["curve"]["reward"]["last"]["mean"]  # doctest: +SKIP
        1.4
    """
    return train_with_trl(settings, sampled_stage(settings, "rloo"), progress)
