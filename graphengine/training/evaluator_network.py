"""Trains the network of an evaluator: an encoder that reads answers and the definitions of values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from graphengine.errors import TrainingError
from graphengine.models.encoder import open_encoder
from graphengine.models.value_network import ValueNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

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
                optimizer.zero_grad(set_to_none=True)
                loss, some = 0.0, at.to(device)
                for part in losses(network, [pairs[place] for place in at.tolist()], definitions, aims[some],
                                   counts[some], half=half):
                    part.backward()
                    loss += part.item()
                if not math.isfinite(loss):
                    raise TrainingError(f"step {step + 1}: the loss is {loss}", key="learning_rate",
                                        hint="lower learning_rate, or set dtype to float32")
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                step += 1
                if told:
                    told(step, steps, loss)
    return network.cpu().eval()


def losses(
    network: ValueNetwork, pairs: Sequence[tuple[str, str]], definitions: Sequence[str], aims: torch.Tensor,
    counts: torch.Tensor, *, half: bool = False,
) -> Iterator[torch.Tensor]:
    """Parts of the weighted mean of the cells' losses: cross-entropy, or squared error of a regression as published.

    A network that reads an answer once for each value gives a part for each, so that one pass at a time is in memory.

    Args:
        network: What is trained.
        pairs: (prompt, response).
        definitions: Of the values.
        aims: (answers, values, 3), how likely each side is; zeros where nobody looked.
        counts: (answers, values), what a cell counts.
        half: Whether the network is read in bfloat16.
    """
    counts = counts * aims.sum(dim=-1)
    total = counts.sum().clamp(min=1e-6)
    values = range(len(definitions))
    for part in [slice(None)] if network.form == "joint" else [slice(value, value + 1) for value in values]:
        aim = aims[:, part]
        with torch.autocast(aims.device.type, torch.bfloat16, enabled=half):
            if network.form == "regression":
                each = (network.regress(pairs, definitions[part]).float() - (aim[..., 2] - aim[..., 0])) ** 2
            else:
                each = -(aim * torch.log_softmax(network(pairs, definitions[part]).float(), dim=-1)).sum(dim=-1)
        yield (each * counts[:, part]).sum() / total
