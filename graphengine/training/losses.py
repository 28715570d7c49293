"""The loss of a pair, with one kind of evidence at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn.functional import logsigmoid

if TYPE_CHECKING:
    import torch

COLUMN = {"none": None, "weight": "weight", "soft-label": "p_chosen", "margin": "margin"}
"""Which column of a pair a kind of evidence reads."""


def pair_losses(
    chosen: torch.Tensor,
    rejected: torch.Tensor,
    values: torch.Tensor | None = None,
    *,
    evidence: str = "none",
    center: float = 0.0,
) -> torch.Tensor:
    """The loss of each pair, with d = r_chosen - r_rejected and s the logistic function.

    - `none`: -log s(d), as if the graph were sure of every pair (Bradley-Terry; Christiano et al. 2017).
    - `weight` w: -w log s(d). A pair of weight 0 moves nothing.
    - `soft-label` p: -p log s(d) - (1 - p) log s(-d), which is least where d is the log odds of p.
    - `margin` m: -log s(d - m), which asks the rewards to differ by m (Touvron et al. 2023).

    Args:
        chosen: Rewards of the chosen answers, [B].
        rejected: Rewards of the rejected answers, [B].
        values: Weight, probability or margin of each pair, [B].
        evidence: Which of them `values` are.
        center: Times (r_chosen + r_rejected)², which is added: it keeps rewards around 0 (Eisenstein et al. 2023). A
            weight multiplies it too.

    Example:
        >>> import torch
        >>> zero = torch.zeros(1)
        >>> round(pair_losses(zero, zero).item(), 4)
        0.6931
        >>> d = torch.tensor([0.9]).logit()
        >>> soft = lambda r: pair_losses(r, zero, torch.tensor([0.9]), evidence="soft-label").item()
        >>> soft(d) < min(soft(d - 0.1), soft(d + 0.1))
        True
    """
    apart = chosen - rejected
    if evidence == "soft-label" and values is not None:
        losses = -values * logsigmoid(apart) - (1 - values) * logsigmoid(-apart)
    else:
        losses = -logsigmoid(apart - values if evidence == "margin" and values is not None else apart)
    if center:
        losses = losses + center * (chosen + rejected) ** 2
    return losses * values if evidence == "weight" and values is not None else losses
