"""What GRPO and RLOO share: several answers to each prompt are sampled, rewarded, and compared with each other."""

from __future__ import annotations

from dataclasses import dataclass

from graphengine.errors import TrainingError
from graphengine.training.rewards import Weights
from graphengine.training.settings import at_least
from graphengine.training.stage import EpochSettings, libraries
from graphengine.training.with_trl import Stage


@dataclass(frozen=True, kw_only=True)
class SampledSettings(EpochSettings):
    """What a policy is trained with on rewards. The dataset is the kind `prompts`; `batch_size` counts answers.

    Attributes:
        rewards: Weights of what is rewarded: folders of reward models, `module:function`, `file.py:function`;
            or value-distance, with its settings.
        generations: Answers to each prompt; must divide `batch_size`.
        max_new_tokens: The longest answer; it must fit into `max_length` with its prompt.
        temperature: Of sampling.
        kl_coefficient: The price of a nat of KL to the reference; 0 needs no reference.
        force: Train on a reward model that fails its gate, or has no report.
    """

    rewards: Weights
    learning_rate: float = 1e-6
    generations: int = 4
    max_new_tokens: int = 256
    temperature: float = 1.0
    kl_coefficient: float = 0.05
    force: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 2, "generations")
        at_least(self, 1, "max_new_tokens")
        at_least(self, 0, "kl_coefficient")
        if not self.rewards:
            raise TrainingError(
                "rewards is empty", hint="name a folder of a reward model or a function, with a weight", key="rewards"
            )
        if self.temperature <= 0:
            raise TrainingError("temperature must be more than 0", hint="for example 1.0", key="temperature")
        if self.batch_size % self.generations:
            raise TrainingError(
                f"generations is {self.generations}, which does not divide batch_size, {self.batch_size}",
                hint="give a batch_size that holds whole groups of answers", key="generations", value=self.generations,
            )
        if self.max_new_tokens >= self.max_length:
            raise TrainingError(
                f"max_new_tokens is {self.max_new_tokens}, which leaves no room for a prompt in max_length, "
                f"{self.max_length}",
                hint="give a higher max_length", key="max_new_tokens", value=self.max_new_tokens,
            )


def sampled_stage(settings: SampledSettings, name: str) -> Stage:
    """The stage of a trainer that samples.

    Args:
        settings: Of the stage.
        name: `grpo` or `rloo`.

    Raises:
        TrainingError: If a reward can't be loaded, or a reward model is not fit to be optimised.
        MissingExtraError: If the extra `train` is not installed.
    """
    libraries()
    import torch
    from accelerate import PartialState

    from graphengine.training.gate import check_gates
    from graphengine.training.rewards import as_trl, load_rewards

    gates = check_gates(settings.rewards, force=settings.force)
    # The device of this process: of several on as many GPUs, each has reward models of its own.
    device = PartialState(cpu=not torch.cuda.is_available()).device
    rewards = load_rewards(settings.rewards, device=str(device))
    return Stage(
        name, "prompts", name.upper(), columns=None, room=settings.max_new_tokens,
        arguments={
            "num_generations": settings.generations, "max_completion_length": settings.max_new_tokens,
            "temperature": settings.temperature, "beta": settings.kl_coefficient,
            "reward_weights": [weight for weight, _ in rewards.parts.values()],
        },
        takes={"reward_funcs": [as_trl(reward, part) for part, (_, reward) in rewards.parts.items()]},
        told={"rewards": settings.rewards, "gates": gates},
    )
