"""PPO: a policy writes answers, is rewarded for them, and makes the better ones more likely, not far from a reference.

One update:

1. `sample`: the policy answers a batch of prompts; policy, critic and reference read the answers once more;
2. rewards: any callable of rows and texts, on the last token; minus what a nat of KL to the reference costs, on each;
3. advantages (GAE), made mean 0 and spread 1;
4. a few passes over the batch in minibatches, with clipped losses for policy and critic.

With LoRA, the policy without its adapters is the reference, and the critic shares its backbone: one set of weights. The
state of a run is in its checkpoints, random numbers included: a run that was cut off goes on as if it had not been.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch

from graphengine.errors import TrainingError
from graphengine.models.offline import stay_offline
from graphengine.training.actor import check_head, entropies, log_probabilities, reads_flat
from graphengine.training.advantages import (
    advantages_and_returns,
    explained_variance,
    policy_losses,
    token_rewards,
    value_losses,
    whiten,
)
from graphengine.training.control import KLControl, RewardScale
from graphengine.training.gate import check_gates
from graphengine.training.ppo_run import MAY_CHANGE, finish, quieten, run_updates
from graphengine.training.ppo_settings import PPOSettings
from graphengine.training.ppo_state import load_state, make_optimizer, open_accelerator, open_actor, save_state
from graphengine.training.prompts import open_prompts, tokens_of_prompts
from graphengine.training.rewards import load_rewards
from graphengine.training.run_folder import CARD, open_run
from graphengine.training.sampling import sample
from graphengine.training.stage import TOO_LONG, StageOutcome, quiet
from graphengine.training.tokens import open_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from torch import Tensor

    from graphengine.training.rewards import Reward, Rewards
    from graphengine.training.texts import Texts

__all__ = ["PPO", "PPOSettings", "train_ppo"]

@dataclass(frozen=True)
class Batch:
    """The texts of an update, with what is known of each token of the answers, (texts, tokens) or (tokens,) in a row.

    Attributes:
        texts: Prompts and answers.
        mask: Tokens that answers have, (texts, tokens).
        logp: log π when they were sampled.
        values: What the critic said then.
        advantages: Whitened.
        returns: What the critic should say.
    """

    texts: Texts
    mask: Tensor
    logp: Tensor
    values: Tensor
    advantages: Tensor
    returns: Tensor


class PPO:
    """The algorithm and its state. `train_ppo` runs it in a folder; use it by itself to write another loop.

    Args:
        settings: What to do.
        rows: Prompts, with whatever the rewards look at.
        prompts: Their token ids.
        tokenizer: Of the policy.
        rewards: What is optimised.
        second: A score that is measured and never optimised.
        accelerator: Of accelerate; `open_accelerator` makes one.

    Attributes:
        step: Updates done.
        history: Of each update: `reward`, `reward_sd`, `kl`, `second`, `second_sd`.
    """

    def __init__(
        self,
        settings: PPOSettings,
        rows: list[dict[str, Any]],
        prompts: list[list[int]],
        tokenizer: Any,
        rewards: Rewards,
        second: Rewards | None = None,
        *,
        accelerator: Any,
    ) -> None:
        self.settings, self.rows, self.prompts, self.tokenizer = settings, rows, prompts, tokenizer
        self.rewards, self.second, self.accelerator = rewards, second, accelerator
        torch.manual_seed(settings.seed)  # the same new weights in each process
        actor, reference = open_actor(settings, half=accelerator.mixed_precision == "bf16")
        self.reference = reference.to(accelerator.device) if reference is not None else None
        self.parameters = {"all": sum(each.numel() for each in actor.policy.parameters()),
                           "trained": sum(each.numel() for each in actor.parameters() if each.requires_grad)}
        self.ends = _ends(actor.policy, tokenizer)
        actor.to(accelerator.device)
        check_head(actor.policy, prompts[0])
        with accelerator.autocast():
            actor.flat = reads_flat(actor.policy, prompts, settings.max_length)
        self.model, self.optimizer = accelerator.prepare(actor, make_optimizer(actor, settings))
        # Without gradients, data parallel wrappers only cost; sharded models are unwrapped to themselves.
        self.actor = accelerator.unwrap_model(self.model)
        self.step, self.scale = 0, RewardScale()
        self.control = KLControl(settings.kl_coefficient, settings.kl_target, settings.kl_horizon)
        self.history: list[dict[str, float]] = []
        torch.manual_seed(settings.seed + 100_003 * (1 + accelerator.process_index))

    def update(self) -> dict[str, float]:
        """Sample, reward, learn: one update. Returns its metrics."""
        started = time.perf_counter()
        batch, metrics = self.rollout()
        metrics |= self.learn(batch)
        self.step += 1
        self.history.append({name: metrics[name] for name in ("reward", "reward_sd", "kl", "second", "second_sd")
                             if name in metrics} | {"step": self.step})
        episodes = self.step * self.settings.episodes * self.accelerator.num_processes
        return metrics | {"episodes": episodes, "seconds": time.perf_counter() - started}

    @torch.no_grad()
    def rollout(self) -> tuple[Batch, dict[str, float]]:
        """Texts of the policy with their advantages, and what can be told of them."""
        settings, device = self.settings, self.accelerator.device
        drawn = self.draw()
        rows = [self.rows[i] for i in drawn]
        with self.accelerator.autocast():  # one for all: weights are cast once
            texts = sample(
                self.actor, [self.prompts[i] for i in drawn], ends=self.ends, most=settings.max_new_tokens,
                device=device, anyone=self._anyone,
            )
            mask = texts.mask(int(texts.lengths.max()))
            logp, values, reference, entropy = self._read(texts, mask)
        answers = [self.tokenizer.decode(texts.ids[i, start : start + length], skip_special_tokens=True)
                   for i, (start, length) in enumerate(zip(texts.starts.tolist(), texts.lengths.tolist(), strict=True))]
        last = texts.ids.gather(1, (texts.starts + texts.lengths - 1)[:, None])[:, 0]
        ended = torch.isin(last, torch.tensor(self.ends, device=device)).float()
        each = self.rewards.each(rows, answers)
        told = {
            "reward": self.rewards.weighted(each),
            **({f"reward/{name}": values for name, values in each.items()} if len(each) > 1 else {}),
            **({"second": self.second(rows, answers)} if self.second else {}),
        }
        kl = (logp - reference).masked_fill(~mask, 0.0)
        columns = [torch.tensor(values, device=device) for values in told.values()]
        # Of all processes, one row for each text; the columns are those of `told` and three more.
        whole = self.accelerator.gather(
            torch.stack([*columns, kl.sum(1).float(), texts.lengths.float(), ended], dim=1)
        ).double()
        names = [*told, "kl", "length", "eos_share"]
        metrics = dict(zip(names, whole.mean(0).tolist(), strict=True))
        for name in ("reward", "second"):
            if name in told:
                metrics[f"{name}_sd"] = whole[:, names.index(name)].std(unbiased=False).item()
        scores = self._scores(told["reward"], ended.tolist(), whole[:, 0].tolist(), whole[:, -1].tolist())
        rewards = token_rewards(torch.tensor(scores, device=device), kl, mask, self.control.coefficient)
        advantages, returns = advantages_and_returns(
            rewards, values, mask, gamma=settings.gamma, gae_lambda=settings.gae_lambda
        )
        metrics |= {
            "kl_coefficient": self.control.coefficient,
            "entropy": self._mean(entropy[mask].sum(), mask.sum()),
            "explained_variance": explained_variance(values, returns, mask),
            "tokens": int(self._total(mask.sum())),
        }
        self.control.update(metrics["kl"], len(whole))
        return Batch(texts, mask, logp, values, whiten(advantages, mask, self._total), returns), metrics

    def learn(self, batch: Batch) -> dict[str, float]:
        """A few passes over the texts of an update, in minibatches; what came of the last pass."""
        settings, accelerator = self.settings, self.accelerator
        share = 1 - self.step / settings.updates if settings.schedule == "linear" else 1.0
        for group in self.optimizer.param_groups:
            group["lr"] = share * group["highest"]
        sums = torch.zeros(3, device=accelerator.device)
        number = norm = torch.zeros((), device=accelerator.device)
        for pass_ in range(settings.ppo_epochs):
            for rows, number_of_tokens in self._minibatches(batch):
                for i, micro in enumerate(rows):
                    more = i + 1 < len(rows)
                    with accelerator.no_sync(self.model) if more else contextlib.nullcontext():
                        losses = self._losses(batch, micro)
                        # Gradients are averaged over processes: the mean over all tokens is asked for.
                        whole = (losses[0] + settings.value_weight * losses[1]) / number_of_tokens
                        accelerator.backward(whole * accelerator.num_processes)
                    if pass_ + 1 == settings.ppo_epochs:
                        sums, number = sums + torch.stack(losses).detach(), number + batch.mask[micro].sum()
                norm = accelerator.clip_grad_norm_(self.model.parameters(), settings.max_grad_norm)
                self.optimizer.step()
                self.optimizer.zero_grad()
        policy_loss, value_loss, clip_share = (self._total(sums) / self._total(number)).tolist()
        return {
            "policy_loss": policy_loss, "value_loss": value_loss, "clip_share": clip_share,
            "gradient_norm": float(norm), "learning_rate": share * settings.learning_rate,
        }

    def _losses(self, batch: Batch, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sums over the tokens of some texts: the policy's loss, the critic's, and tokens that the clip holds."""
        mask = batch.mask[rows]
        logp, values, _ = self.model("read", batch.texts.select(rows))
        losses, held = policy_losses(logp, batch.logp[rows][mask], batch.advantages[rows][mask], self.settings.clip)
        misses = value_losses(values, batch.values[rows][mask], batch.returns[rows][mask], self.settings.value_clip)
        return losses.sum(), misses.sum(), held.sum().float()

    def _minibatches(self, batch: Batch) -> Iterator[tuple[list[Tensor], Tensor]]:
        """Rows of each minibatch in pieces that fit into memory, and its tokens in all processes."""
        size = self.settings.batch_size
        order = torch.randperm(len(batch.texts)).to(batch.mask.device)
        for rows in order.split(size):
            yield list(rows.split(self.settings.micro_batch or size)), self._total(batch.mask[rows].sum())

    def _read(self, texts: Texts, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Of each token: log π, value, log π of the reference, entropy; (texts, tokens) each, 0 behind the end."""
        grid = torch.zeros(4, *mask.shape, device=mask.device)
        order = (texts.starts + texts.lengths).argsort()  # alike in length: little padding
        for rows in order.split(self.settings.micro_batch or self.settings.batch_size):
            some = texts.select(rows)
            logp, values, logits = self.actor("read", some)
            if self.reference is None:
                reference = self.actor("reference", some)
            else:
                reference = log_probabilities(
                    self.reference, some, self.settings.temperature, flat=self.actor.flat
                )
            part = torch.zeros(4, len(rows), mask.shape[1], device=mask.device)
            part[:, mask[rows]] = torch.stack([logp, values, reference, entropies(logits)])
            grid[:, rows] = part
        return grid[0], grid[1], grid[2], grid[3]

    def _scores(self, mine: list[float], ended: list[float], all_: list[float], all_ended: list[float]) -> list[float]:
        """What an answer is worth: its reward, less for one that did not end, in standard deviations."""
        penalty = self.settings.missing_eos_penalty
        if not self.settings.normalise_rewards:
            return [score - penalty * (1 - end) for score, end in zip(mine, ended, strict=True)]
        self.scale.update([score - penalty * (1 - end) for score, end in zip(all_, all_ended, strict=True)])
        return [self.scale.scaled(score - penalty * (1 - end)) for score, end in zip(mine, ended, strict=True)]

    def draw(self) -> list[int]:
        """The prompts of this update and process: each once, in random order, then each once again."""
        number, processes = self.settings.episodes, self.accelerator.num_processes
        first = (self.step * processes + self.accelerator.process_index) * number
        drawn = []
        for place in range(first, first + number):
            round_, i = divmod(place, len(self.prompts))
            drawn.append(self._order(round_)[i])
        return drawn

    def _order(self, round_: int) -> list[int]:
        if getattr(self, "_ordered", (None,))[0] != round_:
            generator = torch.Generator().manual_seed(self.settings.seed * 1_000_003 + round_)
            self._ordered = (round_, torch.randperm(len(self.prompts), generator=generator).tolist())
        return self._ordered[1]

    def _total(self, part: Tensor) -> Tensor:
        return self.accelerator.reduce(part, "sum")

    def _mean(self, part: Tensor, number: Tensor) -> float:
        return (self._total(part) / self._total(number)).item()

    def _anyone(self, going: bool) -> bool:
        """Whether any process still writes: with sharded weights, all must take each step together."""
        if self.accelerator.num_processes == 1 or not hasattr(self.actor, "unshard"):
            return going
        return bool(self._total(torch.tensor(int(going), device=self.accelerator.device)) > 0)

    def save(self, folder: Path) -> None:
        """Write the state into a folder."""
        save_state(folder, self.accelerator, self.model, self.optimizer, {
            "step": self.step, "history": self.history, "coefficient": self.control.coefficient,
            "scale": asdict(self.scale),
        })

    def load(self, folder: Path) -> None:
        """Go on from a state."""
        told = load_state(folder, self.accelerator, self.model, self.optimizer)
        self.step, self.history, self.scale = told["step"], told["history"], RewardScale(**told["scale"])
        if self.settings.kl_target is not None:
            self.control.coefficient = told["coefficient"]


def _ends(policy: Any, tokenizer: Any) -> list[int]:
    """The tokens that end an answer, as tokenizer and model know them."""
    told = getattr(policy.generation_config, "eos_token_id", None)
    return sorted({tokenizer.eos_token_id, *(told if isinstance(told, list) else [told])} - {None})


def train_ppo(
    settings: PPOSettings,
    *,
    progress: Callable[[str], None] = quiet,
    functions: Mapping[str, Reward] | None = None,
) -> StageOutcome:
    """Train a policy by PPO.

    Args:
        settings: See `PPOSettings`.
        progress: Takes a line for each update that is logged.
        functions: Python callables that `rewards` and `second_score` may name.

    Raises:
        TrainingError: If data, model, rewards or folder are not what training needs; a reward model fails its gate;
            KL runs away or the reward collapses.

    Example:
        >>> from graphengine.training.settings import read_settings
        >>> settings = read_settings(PPOSettings, None, [
        ...     "model=runs/sft/model", "data=pairs", "out=runs/ppo", "rewards={runs/reward/model: 1}",
        ... ])
        >>> train_ppo(settings).report["curve"]["reward"]["last"]["mean"]  # doctest: +SKIP
        1.4
    """
    stay_offline()
    quieten()
    data = open_prompts(settings.data)
    tokenizer = open_tokenizer(settings.model, data.rows)  # type: ignore[arg-type]
    prompts = tokens_of_prompts(data.rows, tokenizer)
    room = settings.max_length - settings.max_new_tokens
    kept = [i for i, prompt in enumerate(prompts) if len(prompt) <= room]
    if not kept:
        raise TrainingError(
            f"no prompt of {settings.data} leaves room for {settings.max_new_tokens} tokens in {settings.max_length}",
            hint="give max_length another value", key="max_length",
        )
    gates = check_gates(settings.rewards, force=settings.force)
    accelerator = open_accelerator(settings)
    with accelerator.main_process_first():
        run = open_run(
            settings, "ppo", data_hash=data.data_hash, main=accelerator.is_main_process, may_change=MAY_CHANGE
        )
    progress = progress if run.main else quiet
    device = str(accelerator.device)
    rewards = load_rewards(settings.rewards, device=device, functions=functions)
    second = load_rewards(settings.second_score, device=device, functions=functions) if settings.second_score else None
    ppo = PPO(settings, [data.rows[i] for i in kept], [prompts[i] for i in kept], tokenizer, rewards, second,
              accelerator=accelerator)
    if settings.resume and (last := run.last_checkpoint()):
        ppo.load(last[1])
    run.truncate_metrics(ppo.step)
    progress(f"ppo: {len(kept):,} prompts, {len(prompts) - len(kept):,} left out ({TOO_LONG}), on {device}")
    run_updates(ppo, run, progress)
    report = finish(ppo, run, {
        "rows": {"train": len(kept)},
        "left_out": {TOO_LONG: {"train": len(prompts) - len(kept)}},
        "gates": gates,
    })
    from graphengine.training.model_card import model_card

    run.write_text(CARD, model_card(report, data.manifest))
    return StageOutcome("ppo", run.out, run.model, report)
