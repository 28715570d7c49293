"""The loop of the reward model: steps, measurements, checkpoints.

Within a step the gradient is the sum over its pairs, over whatever batches fit in memory, divided by the number of
pairs: how the step is divided changes nothing but rounding. Nothing in it is random, so a run goes on from a checkpoint
as if it had never ended.
"""

from __future__ import annotations

import math
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from graphengine.errors import TrainingError
from graphengine.training.batches import Order, deal
from graphengine.training.losses import pair_losses
from graphengine.training.measures import measured
from graphengine.training.reward_model import Scorer, load, save, without_adapters
from graphengine.training.stage import parameters

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from graphengine.training.batches import Layout, Pair
    from graphengine.training.reward import RewardSettings, Rows
    from graphengine.training.run_folder import RunFolder

AT_EVALUATION = 4
"""Times as many tokens fit in memory where no gradients are kept."""


class Loop:
    """A reward model and what trains it.

    Args:
        settings: Of the run.
        accelerator: Of this process.
        model: With adapters, if there are any.
        layout: How batches lie in memory.
        rows: What is trained on.
        run: Where lines and checkpoints go.
        progress: Takes a line for each step that is logged.

    Attributes:
        layout: How batches lie in memory.
        order: Which rows each step takes.
        steps: Steps that the run takes.
        done: Steps that are taken.
        parameters: How many there are, and are trained.
    """

    def __init__(
        self, settings: RewardSettings, accelerator: Any, model: Any, layout: Layout, rows: Rows, run: RunFolder,
        progress: Callable[[str], None],
    ) -> None:  # fmt: skip
        self._settings, self._accelerator, self.layout = settings, accelerator, layout
        self._rows, self._run, self._progress = rows, run, progress
        if settings.gradient_checkpointing:
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
            if settings.lora_rank:
                model.enable_input_require_grads()
        self.parameters = parameters(model)
        scorer = Scorer(model).train()
        self._scorer, self._optimizer = accelerator.prepare(scorer, _optimizer(scorer, settings))
        self.order = Order(len(rows.pairs), settings.batch_size * accelerator.num_processes, settings.seed)
        self.steps = settings.steps or math.ceil(settings.epochs * self.order.per_epoch)
        self.done = 0
        # Loss, right, difference, reward and pairs since the last line.
        self._sums = torch.zeros(5, dtype=torch.float64, device=accelerator.device)
        values = rows.values or []
        # Weights count relative to the mean of all, not to that of a step: so a weight says the same in every step.
        self._mean = sum(values) / len(values) if settings.evidence == "weight" else 1.0

    def train(self, validation: Rows | None = None) -> None:
        """Take the steps that are left, from the last checkpoint on if the run goes on.

        Args:
            validation: Rows to measure after each epoch.
        """
        if self._settings.resume:
            self._load()
        self._run.truncate_metrics(self.done)
        settings, started, tokens = self._settings, time.perf_counter(), 0
        while self.done < self.steps:
            rows = self.order.step(self.done)
            rate = settings.learning_rate * self._rate(self.done)
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            norm = self._step(rows)
            self.done += 1
            tokens += sum(len(text) for row in rows for text in self._rows.pairs[row])
            if self.done % settings.log_every == 0 or self.done in (1, self.steps):
                self._log(rate, norm, tokens / (time.perf_counter() - started))
                started, tokens = time.perf_counter(), 0
            if validation is not None and self.done % self.order.per_epoch == 0 and self.done < self.steps:
                found = self.measure("validation", validation)
                told = {f"validation_{name}": found[name] for name in ("accuracy", "lower", "upper", "loss")}
                self._run.log(self.done, **told)
            if settings.save_every and (self.done % settings.save_every == 0 or self.done == self.steps):
                self._see_that_it_is_finite(float(norm))
                self._run.save_checkpoint(self.done, self._write, needed_bytes=12 * self.parameters["trained"])

    def _rate(self, step: int) -> float:
        """The learning rate of a step as a share of the highest, as `transformers` has it."""
        warm = math.ceil(self._settings.warmup * self.steps)
        if step < warm:
            return step / warm
        left = (self.steps - step) / max(1, self.steps - warm)
        by_name = {"linear": left, "cosine": 0.5 - 0.5 * math.cos(math.pi * left), "constant": 1.0}
        return by_name[self._settings.schedule]

    def _step(self, rows: Sequence[int]) -> torch.Tensor:
        """One step of the optimiser; gives the length of the gradient."""
        accelerator = self._accelerator
        batches = self._deal(rows, self._settings.tokens_at_once, self._settings.micro_batch)
        for place, batch in enumerate(batches):
            # Processes wait for each other in the last batch only.
            waits = place + 1 == len(batches)
            with nullcontext() if waits else accelerator.no_sync(self._scorer):
                losses = self._losses(batch, instead=rows[0])
                # DDP and FSDP take the mean over processes, and the loss is a mean over all pairs of the step.
                accelerator.backward(losses.sum() * accelerator.num_processes / (len(rows) * self._mean))
        norm = accelerator.clip_grad_norm_(self._scorer.parameters(), self._settings.max_grad_norm or math.inf)
        self._optimizer.step()
        self._optimizer.zero_grad(set_to_none=True)
        return norm

    def _losses(self, batch: Sequence[int], *, instead: int) -> torch.Tensor:
        """The losses of a batch; where none is left, that of another pair, times zero, to keep in step with others."""
        device, evidence = self._accelerator.device, self._settings.evidence
        if not batch:
            return self._scorer(self.layout.lay([self._rows.pairs[instead]]).to(device)) * 0.0
        chosen, rejected = self._scorer(self.layout.lay([self._rows.pairs[row] for row in batch]).to(device)).chunk(2)
        values = None
        if self._rows.values is not None:
            values = torch.tensor([self._rows.values[row] for row in batch]).to(device, non_blocking=True)
        losses = pair_losses(chosen, rejected, values, evidence=evidence, center=self._settings.center)
        with torch.no_grad():
            apart = chosen - rejected
            told = (losses / self._mean, (apart > 0).float(), apart, (chosen + rejected) / 2, torch.ones_like(apart))
            self._sums += torch.stack([each.sum().double() for each in told])
        return losses

    def _deal(
        self, rows: Sequence[int], most: int, number: int = 0, pairs: Sequence[Pair] | None = None
    ) -> list[list[int]]:
        """The batches of this process."""
        pairs = self._rows.pairs if pairs is None else pairs
        accelerator = self._accelerator
        dealt = deal(
            [self.layout.size(pairs[row]) for row in rows], most, rows=number, processes=accelerator.num_processes,
            padded=not self.layout.flat,
        )
        return [[rows[place] for place in batch] for batch in dealt[accelerator.process_index]]

    def _log(self, rate: float, norm: torch.Tensor, speed: float) -> None:
        sums = self._accelerator.reduce(self._sums, "sum").tolist()
        self._sums.zero_()
        loss, right, apart, reward = (each / sums[-1] for each in sums[:-1])
        self._see_that_it_is_finite(loss, float(norm))
        self._run.log(
            self.done, epoch=round(self.done / self.order.per_epoch, 4), loss=loss, accuracy=right, difference=apart,
            reward=reward, grad_norm=float(norm), learning_rate=rate, tokens_per_second=round(speed),
        )
        self._progress(f"reward: step {self.done}/{self.steps}, loss {loss:.4g}, accuracy {right:.3f}")

    def _see_that_it_is_finite(self, *numbers: float) -> None:
        """See that the weights are still numbers: once a gradient is none, all that come after are none either.

        Raises:
            TrainingError: If the loss or the length of the gradient is not finite.
        """
        if not all(map(math.isfinite, numbers)):
            raise TrainingError(
                f"the loss of step {self.done} is not finite",
                hint="give a smaller learning_rate, or dtype: float32; the last checkpoint is whole",
                key="learning_rate", value=self._settings.learning_rate,
            )

    @torch.no_grad()
    def rewards(self, pairs: Sequence[Pair]) -> np.ndarray:
        """The rewards of pairs, [n, 2]; each pair is read once, by one of the processes."""
        found = torch.zeros(len(pairs), 2, dtype=torch.float64, device=self._accelerator.device)
        self._scorer.eval()
        for batch in self._deal(range(len(pairs)), AT_EVALUATION * self._settings.tokens_at_once, pairs=pairs):
            rewards = self._scorer(self.layout.lay([pairs[row] for row in batch or [0]]).to(found.device))
            if batch:
                found[batch] = rewards.view(2, -1).T.double()
        self._scorer.train()
        return self._accelerator.reduce(found, "sum").cpu().numpy()

    def measure(self, split: str, rows: Rows) -> dict[str, Any]:
        """What a report says of the model on a split; `loss` is that of training, with its evidence."""
        rewards = self.rewards(rows.pairs)
        chosen, rejected = torch.tensor(rewards).T
        values = torch.tensor(rows.values, dtype=torch.float64) if rows.values is not None else None
        losses = pair_losses(chosen, rejected, values, evidence=self._settings.evidence, center=self._settings.center)
        return {**measured(split, rewards, rows.pairs, rows.contexts), "loss": float(losses.mean()) / self._mean}

    def _write(self, folder: Path) -> None:
        """A checkpoint; every process takes part."""
        from torch.distributed.checkpoint.state_dict import get_state_dict

        raw = self._accelerator.unwrap_model(self._scorer)
        weights, moments = get_state_dict(raw, self._optimizer.optimizer, options=_options())
        sums = self._accelerator.reduce(self._sums, "sum").cpu()
        if self._accelerator.is_main_process:
            state = {"weights": weights, "optimizer": moments, "sums": sums, "done": self.done}
            torch.save(state, folder / "state.pt")
        self._accelerator.wait_for_everyone()

    def _load(self) -> None:
        from torch.distributed.checkpoint.state_dict import set_state_dict

        last = self._run.last_checkpoint()
        if last is None:
            return
        state = torch.load(last[1] / "state.pt", weights_only=True)
        set_state_dict(
            self._accelerator.unwrap_model(self._scorer), self._optimizer.optimizer, options=_options(strict=False),
            model_state_dict=state["weights"], optim_state_dict=state["optimizer"],
        )
        if self._accelerator.is_main_process:
            self._sums.copy_(state["sums"])
        self.done = state["done"]
        self._progress(f"reward: goes on from step {self.done}")

    def save(self, tokenizer: Any, place: Path) -> None:
        """Write the model as a plain folder; adapters become part of its weights."""
        from torch.distributed.checkpoint.state_dict import get_model_state_dict

        settings, raw = self._settings, self._accelerator.unwrap_model(self._scorer)
        state: Any = get_model_state_dict(raw, options=_options())
        state = {name.removeprefix("model."): value for name, value in state.items()}
        if self._accelerator.is_main_process:
            model = without_adapters(raw.model)
            if settings.lora_rank:
                # Loaded anew: the one in memory may be spread over processes.
                whole, _ = load(
                    settings.model, tokenizer, seed=settings.seed, lora_rank=settings.lora_rank,
                    lora_alpha=settings.lora_alpha,
                )
                whole.load_state_dict(state, strict=False)
                model, state = whole.merge_and_unload(), None
            save(model, tokenizer, place, state)
        self._accelerator.wait_for_everyone()


def _optimizer(scorer: torch.nn.Module, settings: RewardSettings) -> torch.optim.Optimizer:
    """AdamW; biases and norms are not decayed."""
    trained = [each for each in scorer.parameters() if each.requires_grad]
    groups = [
        {"params": [each for each in trained if each.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [each for each in trained if each.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW([group for group in groups if group["params"]], lr=settings.learning_rate, fused=True)


def _options(*, strict: bool = True) -> Any:
    """Whole tensors, on the CPU of the main process; of adapters alone where the rest is not trained."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions

    return StateDictOptions(full_state_dict=True, cpu_offload=True, ignore_frozen_params=True, strict=strict)
