"""GRPO: answers to a prompt are compared with the mean of their group, over TRL's GRPOTrainer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphengine.training.sampled import SampledSettings, sampled_stage
from graphengine.training.stage import StageOutcome, quiet
from graphengine.training.with_trl import train_with_trl

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class GRPOSettings(SampledSettings):
    """What a policy is trained with by GRPO. The dataset is the kind `prompts`; `batch_size` counts answers."""


def train_grpo(settings: GRPOSettings, *, progress: Callable[[str], None] = quiet) -> StageOutcome:
    """Train a policy on rewards.

    Args:
        settings: See `GRPOSettings`.
        progress: Takes a line for each step that is logged.

    Raises:
        TrainingError: If the data, a model, a reward, the folder or the disk is not what training needs.

    Example:
        >>> from graphengine.training.settings import read_settings
        >>> settings = read_settings(GRPOSettings, None, [
        ...     "model=runs/sft/model", "data=pairs", "out=runs/grpo", "rewards={runs/reward/model: 1}",
        ... ])
        >>> train_grpo(settings).report["curve"]["reward"]["last"]["mean"]  # doctest: +SKIP
        1.4
    """
    return train_with_trl(settings, sampled_stage(settings, "grpo"), progress)
