"""Trains the network of an evaluator: an encoder that reads answers and the definitions of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from graphengine.errors import TrainingError
from graphengine.models.encoder import open_encoder
from graphengine.models.value_network import ValueNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from graphengine.training.evaluator_settings import EvaluatorSettings


def train_network(
    settings: EvaluatorSettings,
    pairs: Sequence[tuple[str, str]],
    definitions: Sequence[str],
    targets: np.ndarray,
    weights: np.ndarray,
    *,
    told: Callable[[int, int, float], None] | None = None,
) -> ValueNetwork:
    """Train a network.

    Args:
        settings: Its form, encoder, epochs, learning rate.
        pairs: (prompt, response).
        definitions: Of the values.
        targets: (answers, values, 3), how likely each side is; zeros where nobody looked.
        weights: (answers, values), what a cell counts.
        told: Called with step, steps and loss.

    Returns:
        The network, on the CPU.

    Raises:
        TrainingError: If the loss is no number any more.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    half = settings.dtype == "bfloat16" or (
        settings.dtype == "auto" and device.type == "cuda" and torch.cuda.is_bf16_supported()
    )
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)
        assert settings.network_encoder is not None
        tokenizer, encoder = open_encoder(settings.network_encoder)
        network = ValueNetwork(encoder, tokenizer, settings.network, settings.max_length).to(device).train()
        aims, counts = (torch.tensor(each, dtype=torch.float32, device=device) for each in (targets, weights))
        steps = settings.epochs * -(-len(pairs) // settings.batch_size)
        optimizer = torch.optim.AdamW(network.parameters(), lr=settings.learning_rate, weight_decay=0.01)
        warm = max(1, steps // 10)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: min((step + 1) / warm, max(0.0, (steps - step) / max(1, steps - warm)))
        )
        step = 0
        for _ in range(settings.epochs):
            for at in torch.randperm(len(pairs)).split(settings.batch_size):
                with torch.autocast(device.type, torch.bfloat16, enabled=half):
                    loss = _loss(network, [pairs[place] for place in at.tolist()], definitions, aims[at.to(device)],
                                 counts[at.to(device)])
                if not torch.isfinite(loss):
                    raise TrainingError(f"step {step + 1}: the loss is {loss.item()}", key="learning_rate",
                                        hint="lower learning_rate, or set dtype to float32")
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                step += 1
                if told:
                    told(step, steps, loss.item())
    return network.cpu().eval()


def _loss(
    network: ValueNetwork, pairs: Sequence[tuple[str, str]], definitions: Sequence[str], aims: torch.Tensor,
    counts: torch.Tensor,
) -> torch.Tensor:
    """The weighted mean of the cells' losses: cross-entropy, or the squared error of a regression as published."""
    counts = counts * aims.sum(dim=-1)
    if network.form == "regression":
        wanted = aims[..., 2] - aims[..., 0]
        each = (network.regress(pairs, definitions).float() - wanted) ** 2
    else:
        each = -(aims * torch.log_softmax(network(pairs, definitions).float(), dim=-1)).sum(dim=-1)
    return (each * counts).sum() / counts.sum().clamp(min=1e-6)
