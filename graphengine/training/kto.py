"""KTO: the policy learns from single answers, each wanted or not, over TRL's KTOTrainer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphengine.errors import TrainingError
from graphengine.training.settings import at_least
from graphengine.training.stage import EpochSettings, StageOutcome, quiet
from graphengine.training.with_trl import Stage, train_with_trl

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, kw_only=True)
class KTOSettings(EpochSettings):
    """What a policy is trained with on single answers. The dataset is the kind `unpaired`.

    The KL of KTO is estimated within `micro_batch`, so it must be 2 or more, and the rows keep one order, shuffled
    once by `seed`.

    Attributes:
        beta: How firmly the policy is held to the reference; higher is firmer.
        desirable_weight: What a wanted answer counts.
        undesirable_weight: What an unwanted answer counts.
    """

    learning_rate: float = 1e-6
    beta: float = 0.1
    desirable_weight: float = 1.0
    undesirable_weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 0, "beta", "desirable_weight", "undesirable_weight")
        if (self.micro_batch or self.batch_size) < 2:
            raise TrainingError(
                "KTO compares answers within a batch, and there is one in each",
                hint="give batch_size, and micro_batch if you set it, 2 or more", key="micro_batch",
            )


def train_kto(settings: KTOSettings, *, progress: Callable[[str], None] = quiet) -> StageOutcome:
    """Train a policy on the single answers of a dataset folder.

    Args:
        settings: See `KTOSettings`.
        progress: Takes a line for each step that is logged.

    Raises:
        TrainingError: If the data, the model, the folder or the disk is not what training needs.

    Example:
        >>> from graphengine.training.settings import read_settings
        >>> settings = read_settings(KTOSettings, None, ["model=runs/sft/model", "data=pairs", "out=runs/kto"])
        >>> train_kto(settings).report["steps"]  # doctest: +SKIP
        12
    """
    return train_with_trl(settings, Stage(
        "kto", "unpaired", "KTO", answers=("completion",), columns=("label",), shuffled=True,
        arguments={
            "beta": settings.beta, "desirable_weight": settings.desirable_weight,
            "undesirable_weight": settings.undesirable_weight,
        },
        told={"evidence": "none"},
    ), progress)
