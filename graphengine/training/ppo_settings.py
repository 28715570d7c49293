"""The settings of PPO."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from graphengine.errors import TrainingError
from graphengine.training.rewards import Weights
from graphengine.training.settings import StageSettings, at_least


@dataclass(frozen=True, kw_only=True)
class PPOSettings(StageSettings):
    """What PPO needs to know.

    Attributes:
        rewards: What the policy is rewarded for: weights by folder of a reward model, module:function or
            file.py:function; or value-distance, with its settings.
        second_score: A score that is never optimised, named in the same way: it shows whether the policy games its
            reward.
        data: A dataset folder with prompts, or a Parquet or JSON Lines file with a column prompt.
        updates: How often texts are sampled and learnt from.
        episodes: Texts of one update, per process; a multiple of batch_size.
        ppo_epochs: How often the texts of an update are learnt from.
        max_new_tokens: Tokens that an answer has at most; a prompt must leave room for them in max_length.
        temperature: At which answers are sampled.
        critic: "shared" reads values off the policy's backbone, "separate" has a backbone of its own; "auto" shares
            with LoRA and separates without.
        critic_learning_rate: Of a separate critic; none takes learning_rate.
        schedule: "linear" lowers the learning rates to zero over the updates.
        kl_coefficient: What a nat of KL to the reference costs, in standard deviations of the reward.
        kl_target: KL of an answer, in nats, towards which the coefficient is steered; none keeps the coefficient.
        kl_horizon: Episodes in which the coefficient may change by about 20%.
        kl_limit: KL of an answer, in nats, at which training stops.
        normalise_rewards: Measure rewards in standard deviations from the mean of all so far.
        missing_eos_penalty: Taken off the reward of an answer that reached max_new_tokens.
        gamma: Discount per token.
        gae_lambda: How far advantages trust what came more than the critic.
        clip: How far the probability ratio of a token may move in one update.
        value_clip: How far a value may move in one update, in units of the scaled reward.
        value_weight: Weight of the critic's loss.
        max_grad_norm: Gradients longer than this are shortened to it.
        weight_decay: Of AdamW.
        keep: Which policy becomes the model where reward and second score part: the last checkpoint "before-parting",
            or the "last".
        force: Train on a reward model that fails its gate, or has no report.
        trackers: Experiment trackers of accelerate (tensorboard, wandb, trackio, …) that get the metrics, too.
    """

    rewards: Weights
    second_score: Weights = field(default_factory=dict)
    updates: int = 100
    episodes: int = 64
    ppo_epochs: int = 4
    max_new_tokens: int = 128
    temperature: float = 1.0
    critic: Literal["auto", "shared", "separate"] = "auto"
    critic_learning_rate: float | None = None
    schedule: Literal["constant", "linear"] = "constant"
    kl_coefficient: float = 0.05
    kl_target: float | None = None
    kl_horizon: float = 10_000.0
    kl_limit: float = 50.0
    normalise_rewards: bool = True
    missing_eos_penalty: float = 0.0
    gamma: float = 1.0
    gae_lambda: float = 0.95
    clip: float = 0.2
    value_clip: float = 0.2
    value_weight: float = 0.1
    max_grad_norm: float = 1.0
    weight_decay: float = 0.0
    keep: Literal["before-parting", "last"] = "before-parting"
    force: bool = False
    trackers: tuple[str, ...] = ()
    log_every: int = 1
    save_every: int = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, 1, "updates", "episodes", "ppo_epochs", "max_new_tokens")
        at_least(self, 0, "kl_coefficient", "critic_learning_rate", "value_weight", "weight_decay", "gamma",
                 "gae_lambda", "missing_eos_penalty")
        at_least(self, 1e-6, "temperature", "kl_target", "kl_horizon", "kl_limit", "clip", "value_clip",
                 "max_grad_norm")
        if self.episodes % self.batch_size:
            raise TrainingError(
                f"episodes is {self.episodes}, which batch_size, {self.batch_size}, does not divide",
                hint="give episodes as a multiple of batch_size", key="episodes", value=self.episodes,
            )
        if not self.rewards:
            raise TrainingError("rewards is empty", hint="name a reward model or a function, with its weight",
                                key="rewards")
