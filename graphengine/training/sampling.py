"""A policy writes answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from graphengine.training.texts import Texts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@torch.no_grad()
def sample(
    model: Callable[..., Tensor],
    prompts: Sequence[Sequence[int]],
    *,
    ends: Sequence[int],
    most: int,
    device: torch.device | str = "cpu",
    anyone: Callable[[bool], bool] = lambda going: going,
) -> Texts:
    """Let a policy write answers.

    Each token is drawn from the whole distribution, with torch's global random numbers. `generate` of transformers
    takes about 1.6 times as long for a small model, and obeys settings of the checkpoint (top_k, penalties) that make
    what is sampled another policy than the one that is trained.

    Args:
        model: An `ActorCritic`, maybe wrapped.
        prompts: Token ids of each prompt.
        ends: Tokens that end an answer.
        most: Tokens that an answer has at most.
        device: Where to.
        anyone: Whether any process goes on; with sharded weights, all take part in every step.
    """
    from transformers import DynamicCache

    longest, number = max(map(len, prompts)), len(prompts)
    ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    starts = torch.tensor([len(prompt) for prompt in prompts], device=device)
    mask = torch.ones(number, longest + most, dtype=torch.long, device=device)
    mask[:, :longest] = torch.arange(longest, device=device) >= longest - starts[:, None]
    positions = (mask[:, :longest].cumsum(1) - 1).clamp(min=0)
    answers = torch.zeros(number, most, dtype=torch.long, device=device)
    lengths = torch.full_like(starts, most)
    rows, going = torch.arange(number, device=device), torch.ones(number, dtype=torch.bool, device=device)
    stop, cache, step = torch.tensor(list(ends), device=device), DynamicCache(), ids
    for t in range(most):
        logits = model("next_logits", step, mask[:, : longest + t], positions, cache)
        step = torch.multinomial(logits.softmax(-1), 1)
        answers[rows, t] = step[:, 0]
        ended = going & torch.isin(step[:, 0], stop)
        lengths[rows[ended]] = t + 1
        going = going & ~ended
        left = int(going.sum())
        if not anyone(left > 0):
            break
        positions = positions[:, -1:] + 1
        if 0 < left <= len(rows) // 2:  # those that have ended are read no further
            kept = going.nonzero()[:, 0]
            cache.batch_select_indices(kept)
            rows, going, step, mask, positions = (each[kept] for each in (rows, going, step, mask, positions))
    whole = [torch.cat([ids[i, longest - starts[i] :], answers[i, : lengths[i]]]) for i in range(number)]
    return Texts(nn.utils.rnn.pad_sequence(whole, batch_first=True), starts, lengths)
