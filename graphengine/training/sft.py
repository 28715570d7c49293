"""SFT: the policy learns to answer as the wisest values would have it, over TRL's SFTTrainer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from graphengine.training.stage import EpochSettings, StageOutcome, quiet
from graphengine.training.with_trl import Stage, train_with_trl

if TYPE_CHECKING:
    from collections.abc import Callable

AGAIN = "the same prompt and answer again"


@dataclass(frozen=True, kw_only=True)
class SFTSettings(EpochSettings):
    """What a policy is trained with on answers; the loss is that of the answer only.

    Attributes:
        kind: sft, or a kind of pairs, of which the chosen sides are learnt, each once.
    """

    kind: Literal["sft", "cards", "responses", "adherence"] = "sft"


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
    if settings.kind == "sft":
        stage = Stage("sft", "sft", "SFT", answers=("completion",), told={"evidence": "none"})
    else:
        stage = Stage(
            "sft", settings.kind, "SFT", answers=("completion",), renamed={"chosen": "completion"},
            keep={AGAIN: _first()}, told={"evidence": "none"},
        )
    return train_with_trl(settings, stage, progress)


def _first() -> Callable[[dict[str, Any]], bool]:
    """Whether a prompt and its answer come for the first time."""
    seen: set[str] = set()

    def first(row: dict[str, Any]) -> bool:
        key = repr((row["prompt"], row["completion"]))
        new = key not in seen
        seen.add(key)
        return new

    return first
