"""The settings of `train-evaluator`; apart, so that `--help` needs no torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from graphengine.errors import TrainingError
from graphengine.training.settings import at_least


@dataclass(frozen=True, kw_only=True)
class EvaluatorSettings:
    """How an evaluator of values is trained.

    Attributes:
        rows: Files of labelled answers, of one source or several; more than one transfers better.
        out: Folder for the evaluator and its report.
        system: Name or file of the system of values.
        policy: Of FULCRA rows: stored, or the policy that places their items anew.
        roll_up: Whose opinion counts where rows name a value of a finer system: schwartz or fulcra.
        seed: Of the split and of new weights.
        linear: Whether to train the linear reader.
        encoder: Folder of an encoder whose vectors the linear reader takes as they are; none for words alone.
        network: A network that is trained with the values' definitions: joint (all values in one pass), single or
            regression (a pass for each value), or none.
        network_encoder: Folder of the encoder that the network starts from.
        prompt_weight: What prompt and answer together count beside the answer alone, in the linear reader.
        encoder_weight: What the encoder counts beside the words.
        strength: Inverse of the linear reader's penalty.
        class_power: A side with n labels counts n to minus this.
        circular: How likely the direct neighbour of the one value that an answer was written for is aligned, too.
        held_out: Share of the groups that the temperature is fitted on.
        band: Cells whose two likeliest sides are closer than this are abstained from.
        epochs: Of the network.
        learning_rate: The network's highest one.
        batch_size: Answers per step of the network.
        max_length: Tokens that are read of an answer.
        dtype: float32, bfloat16 (mixed precision), or auto: bfloat16 on a GPU that has it.
    """

    rows: tuple[Path, ...]
    out: Path
    system: str = "schwartz-10"
    policy: Literal["stored", "fulcra_deck", "fulcra_code", "schwartz"] = "stored"
    roll_up: Literal["schwartz", "fulcra"] = "schwartz"
    seed: int = 0
    linear: bool = True
    encoder: Path | None = None
    network: Literal["none", "joint", "single", "regression"] = "none"
    network_encoder: Path | None = None
    prompt_weight: float = 1.0
    encoder_weight: float = 0.3
    strength: float = 10.0
    class_power: float = 1.0
    circular: float = 0.0
    held_out: float = 0.15
    band: float = 0.1
    epochs: int = 4
    learning_rate: float = 1e-4
    batch_size: int = 16
    max_length: int = 256
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    resume: ClassVar[bool] = False  # minutes on a CPU, an hour on a GPU: a run that was stopped is begun anew

    def __post_init__(self) -> None:
        at_least(self, 0, "seed", "prompt_weight", "encoder_weight", "class_power", "circular", "band")
        at_least(self, 1, "epochs", "batch_size", "max_length")
        at_least(self, 1e-6, "strength", "learning_rate")
        for key, wrong, needed in (
            ("held_out", not 0 < self.held_out <= 0.5, "must be above 0 and at most .5"),
            ("circular", self.circular > 0.5, "must be at most .5"),
            ("linear", not self.linear and self.network == "none", "is false, so `network` must not be none"),
            ("network_encoder", self.network != "none" and self.network_encoder is None,
             "must name the folder of an encoder for the network"),
            ("rows", not self.rows, "must name a file"),
        ):
            if wrong:
                raise TrainingError(f"{key} {needed}", hint=f"give {key} another value", key=key,
                                    value=getattr(self, key))
