"""What PPO computes from an episode: advantages, the two clipped losses, and how much the critic explains.

Episodes are rows, tokens are columns. A mask is true for the tokens that the policy wrote, its end token included, and
false behind them; what stands behind the end never counts, whatever it is.

Source: Schulman et al. 2016 (arXiv 1506.02438) for the advantages, 2017 (arXiv 1707.06347) for the losses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor


def token_rewards(scores: Tensor, kl: Tensor, mask: Tensor, coefficient: float) -> Tensor:
    """The reward of each token: minus the KL to the reference; the score of the text comes on its last token.

    Args:
        scores: Of each episode, (episodes,).
        kl: log π − log π_ref of each token in nats, (episodes, tokens).
        mask: The tokens that count, (episodes, tokens); each episode has at least one.
        coefficient: What a nat costs.

    Returns:
        (episodes, tokens).

    Example:
        >>> import torch
        >>> mask = torch.tensor([[True, True, False]])
        >>> token_rewards(torch.tensor([1.0]), torch.tensor([[0.5, 0.25, 9.0]]), mask, 0.5)
        tensor([[-0.2500,  0.8750,  0.0000]])
    """
    rewards = (-coefficient * kl).masked_fill(~mask, 0.0)
    last = mask.sum(1, keepdim=True) - 1
    return rewards.scatter_add(1, last, scores[:, None].to(rewards.dtype))


def advantages_and_returns(
    rewards: Tensor, values: Tensor, mask: Tensor, *, gamma: float, gae_lambda: float
) -> tuple[Tensor, Tensor]:
    """Generalised advantage estimates, and the returns that the critic learns.

    A_t = δ_t + γλ A_{t+1} with δ_t = r_t + γ V_{t+1} − V_t. The episode ends with its last token: nothing comes after.

    Args:
        rewards: (episodes, tokens).
        values: What the critic said before each token, (episodes, tokens).
        mask: The tokens that count.
        gamma: Discount.
        gae_lambda: 0 trusts the critic for all that is to come, 1 trusts what came.

    Returns:
        Advantages and returns, (episodes, tokens) each, 0 where the mask is false.

    Example:
        >>> import torch
        >>> rewards, values = torch.tensor([[0.0, 1.0]]), torch.tensor([[0.5, 0.25]])
        >>> both = torch.ones(1, 2, dtype=torch.bool)
        >>> advantages_and_returns(rewards, values, both, gamma=1.0, gae_lambda=0.5)
        (tensor([[0.1250, 0.7500]]), tensor([[0.6250, 1.0000]]))
    """
    values = values.masked_fill(~mask, 0.0)
    advantages = torch.zeros_like(rewards)
    coming, value = torch.zeros_like(rewards[:, 0]), torch.zeros_like(rewards[:, 0])
    for t in reversed(range(rewards.shape[1])):
        delta = rewards[:, t] + gamma * value - values[:, t]
        coming = (delta + gamma * gae_lambda * coming) * mask[:, t]
        advantages[:, t], value = coming, values[:, t]
    return advantages, (advantages + values).masked_fill(~mask, 0.0)


def whiten(values: Tensor, mask: Tensor, total: Callable[[Tensor], Tensor] = lambda part: part) -> Tensor:
    """Subtract the mean and divide by the standard deviation, over the tokens that count.

    Values that are all alike become 0, and those that hardly differ are not blown up to differ by one: where the
    critic has nothing to say, nothing is learnt from its rounding.

    Args:
        values: (episodes, tokens).
        mask: The tokens that count.
        total: Sums a tensor over all processes.
    """
    kept = values.masked_fill(~mask, 0.0)
    number, first = total(torch.stack([mask.sum().to(kept.dtype), kept.sum()]))
    centred = (values - first / number).masked_fill(~mask, 0.0)
    variance = total(centred.square().sum()) / number
    return centred * torch.rsqrt(variance + 1e-8)


def policy_losses(logp: Tensor, before: Tensor, advantages: Tensor, clip: float) -> tuple[Tensor, Tensor]:
    """The clipped loss of each token, and whether the clip took hold.

    max(−A ρ, −A clip(ρ, 1 − ε, 1 + ε)) with ρ = π(token) / π_before(token).

    Args:
        logp: log π of each token now, any shape.
        before: The same when it was sampled.
        advantages: Same shape.
        clip: ε.

    Returns:
        Losses, and booleans: where the clipped side is the larger, so that the token has no gradient.

    Example:
        >>> import torch
        >>> losses, clipped = policy_losses(torch.tensor([0.0, 0.4055]), torch.zeros(2), torch.tensor([1.0, 2.0]), 0.2)
        >>> losses, clipped  # a ratio of 1, and one of 1.5, which counts as 1.2
        (tensor([-1.0000, -2.4000]), tensor([False,  True]))
    """
    ratio = torch.exp(logp - before)
    free, held = -advantages * ratio, -advantages * ratio.clamp(1 - clip, 1 + clip)
    return torch.max(free, held), held > free


def value_losses(values: Tensor, before: Tensor, returns: Tensor, clip: float) -> Tensor:
    """Half the squared error of each value, where moving further than the clip from what it was gains nothing.

    Args:
        values: What the critic says now, any shape.
        before: What it said when the token was sampled.
        returns: What it should have said.
        clip: How far it may move in one update.

    Example:
        >>> import torch
        >>> value_losses(torch.tensor([1.0]), torch.tensor([0.0]), torch.tensor([1.0]), clip=0.2)
        tensor([0.3200])
    """
    held = before + (values - before).clamp(-clip, clip)
    return 0.5 * torch.max((values - returns).square(), (held - returns).square())


def explained_variance(values: Tensor, returns: Tensor, mask: Tensor) -> float:
    """1 − Var(return − value) / Var(return) over the tokens that count: 1 for a perfect critic, 0 for a constant one.

    It is NaN where returns don't vary, since there is nothing to explain.
    """
    told, true = values[mask], returns[mask]
    spread = true.var(unbiased=False)
    return (1 - (true - told).var(unbiased=False) / spread).item() if spread > 0 else float("nan")
