"""DPO: the policy learns from pairs directly, over TRL's DPOTrainer; the reference is the model it starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from graphengine.training.settings import at_least
from graphengine.training.stage import EpochSettings, StageOutcome, quiet
from graphengine.training.with_trl import Stage, train_with_trl

if TYPE_CHECKING:
    from collections.abc import Callable

DOUBTFUL = "p_chosen below min_probability"


@dataclass(frozen=True, kw_only=True)
class DPOSettings(EpochSettings):
    """What a policy is trained with on pairs.

    TRL's DPO takes no weight and no soft label per pair, so a doubtful pair counts as much as a sure one:
    `min_probability` leaves the doubtful ones out.

    Attributes:
        kind: Which pairs.
        beta: How firmly the policy is held to the reference; higher is firmer.
        min_probability: The least probability that the chosen side is wiser; pairs below are left out and counted.
    """

    learning_rate: float = 1e-6
    kind: Literal["cards", "responses", "adherence"] = "cards"
    beta: float = 0.1
    min_probability: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 0, "beta", "min_probability")


def train_dpo(settings: DPOSettings, *, progress: Callable[[str], None] = quiet) -> StageOutcome:
    """Train a policy on the pairs of a dataset folder.

    Args:
        settings: See `DPOSettings`.
        progress: Takes a line for each step that is logged.

    Raises:
        TrainingError: If the data, the model, the folder or the disk is not what training needs.

    Example:
        >>> from graphengine.training.settings import read_settings
        >>> settings = read_settings(DPOSettings, None, ["model=runs/sft/model", "data=pairs", "out=runs/dpo"])
        >>> train_dpo(settings).report["held_out"]["rewards_accuracies"]  # doctest: +SKIP
        0.71
    """
    return train_with_trl(settings, Stage(
        "dpo", settings.kind, "DPO", answers=("chosen", "rejected"), arguments={"beta": settings.beta},
        keep={DOUBTFUL: lambda row: row["p_chosen"] >= settings.min_probability},
        told={"evidence": "none", "min_probability": settings.min_probability},
    ), progress)
