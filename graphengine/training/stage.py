"""What all stages of training share: settings of those that go over rows, the outcome, how numbers went."""

from __future__ import annotations

import contextlib
import logging
import math
import statistics
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from graphengine.errors import MissingExtraError, TrainingError
from graphengine.models.offline import stay_offline
from graphengine.training.settings import StageSettings, at_least

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TOO_LONG = "longer than max_length"


@dataclass(frozen=True, kw_only=True)
class EpochSettings(StageSettings):
    """What the stages share that go over rows in epochs.

    Attributes:
        epochs: How often every row is seen.
        steps: Optimiser steps; 0 takes as many as the epochs need.
        schedule: How the learning rate goes down.
        warmup: Share of the steps in which the learning rate goes up.
        weight_decay: Of AdamW.
        gradient_checkpointing: Compute activations again instead of keeping them: less memory, about a fifth slower.
    """

    epochs: float = 1.0
    steps: int = 0
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup: float = 0.0
    weight_decay: float = 0.0
    gradient_checkpointing: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 0, "epochs", "steps", "warmup", "weight_decay")
        if self.warmup >= 1:
            raise TrainingError(
                f"warmup is {self.warmup}, and is a share of the steps", hint="for example warmup: 0.1", key="warmup",
                value=self.warmup,
            )


@dataclass(frozen=True)
class StageOutcome:
    """What a stage made.

    Attributes:
        stage: Its name.
        out: Its folder.
        model: The folder of the model.
        report: What `report.json` says.
    """

    stage: str
    out: Path
    model: Path
    report: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """The shape of `train --json`."""
        return {"ok": True, "stage": self.stage, "out": str(self.out), "model": str(self.model), "report": self.report}


def quiet(_line: str) -> None:
    """A progress that nobody sees."""


def libraries() -> Any:
    """TRL, quiet and offline.

    Raises:
        MissingExtraError: If the extra `train` is not installed.
    """
    stay_offline()
    try:
        import datasets
        import transformers
        import trl
    except ImportError as error:
        raise MissingExtraError.of(error.name or "trl", "train") from error
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    for name in ("transformers", "datasets", "trl", "accelerate"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return trl


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Without what the libraries say to each other about coming versions, which is not about the user."""
    with warnings.catch_warnings():
        for kind in (DeprecationWarning, FutureWarning, UserWarning):
            warnings.simplefilter("ignore", kind)
        yield


def in_bfloat16(settings: StageSettings) -> bool:
    """Whether `dtype` means mixed precision here."""
    import torch

    if settings.dtype == "auto":
        return torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    return settings.dtype == "bfloat16"


def parameters(model: Any) -> dict[str, int]:
    """How many weights a model has, and how many of them are trained."""
    sizes = [(each.numel(), each.requires_grad) for each in model.parameters()]
    return {"all": sum(size for size, _ in sizes), "trained": sum(size for size, trained in sizes if trained)}


@contextlib.contextmanager
def weights_of(model: Path, *also: type[Exception], key: str = "model") -> Iterator[None]:
    """While weights are opened, what is wrong with them becomes an error that says what to do.

    Args:
        model: The folder.
        also: Errors that mean the same here, beside those of the disk and of safetensors.
        key: The setting that names the folder.

    Raises:
        TrainingError: If they are missing or damaged.
    """
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError, *also) as error:
        first = str(error).strip().splitlines()[0]
        raise TrainingError(
            f"the weights of {model} can't be opened: {first}", hint="copy or download the model again", file=model,
            key=key,
        ) from error


def curve(lines: Sequence[Mapping[str, Any]], names: Sequence[str] = ("loss", "reward", "kl")) -> dict[str, Any]:
    """Where numbers began and ended: the mean of the first and of the last fifth of the logged lines.

    Returns:
        For each name that was logged, `first` and `last`: mean, the 90% interval of it (lines taken as independent),
        and how many lines.

    Example:
        >>> curve([{"step": step, "loss": 1 / step} for step in range(1, 11)])["loss"]["last"]["mean"]
        0.10555555555555556
    """
    found = {}
    for name in names:
        values = [row[name] for row in lines if isinstance(row.get(name), int | float)]
        part = max(1, len(values) // 5)
        if values:
            found[name] = {"first": _mean(values[:part]), "last": _mean(values[-part:])}
    return found


def _mean(values: Sequence[float]) -> dict[str, Any]:
    from scipy.special import stdtrit  # scipy.stats takes a second to load

    mean = statistics.fmean(values)
    half = None
    if len(values) > 1:
        half = float(stdtrit(len(values) - 1, 0.95)) * statistics.stdev(values) / math.sqrt(len(values))
    return {
        "mean": mean, "lower": None if half is None else mean - half, "upper": None if half is None else mean + half,
        "lines": len(values),
    }
