"""Rewards of held-out pairs as numbers that can be trusted: each pair once, ties told, whatever the batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.training.batches import Pair

TIE = 1e-6
"""Rewards that differ by no more than this, times their size where they are large, are one: rounding differs with the
batch by less, so whether a pair is a tie does not depend on what it was read with."""


def hits(rewards: np.ndarray) -> list[float]:
    """For each pair 1 where the chosen answer has the higher reward, 0 where it has the lower, a half for a tie.

    Args:
        rewards: Of the chosen and of the rejected answer, [n, 2].

    Example:
        >>> hits(np.array([[1.0, 0.5], [0.2, 0.3], [0.4, 0.4 + 1e-9]]))
        [1.0, 0.0, 0.5]
    """
    apart = rewards[:, 0] - rewards[:, 1]
    tie = np.abs(apart) <= TIE * np.maximum(1, np.abs(rewards).max(axis=1))
    return np.where(tie, 0.5, (apart > 0).astype(float)).tolist()


def length_correlation(rewards: np.ndarray, pairs: Sequence[Pair]) -> float | None:
    """How far the reward of an answer follows its length: Spearman's correlation within pairs.

    It is that of the difference of two rewards and the difference of the answers' tokens, each pair taken both ways
    round: so the prompt, which both have, is out of it, and a model that likes the longer one of every pair has 1. For
    the same reason it says nothing of itself against a model where the wiser answers are the longer ones.

    Args:
        rewards: [n, 2].
        pairs: Token ids of both texts.

    Returns:
        From -1 to 1; None where all differences are alike.

    Example:
        >>> pairs = [([1, 2], [1]), ([1], [1, 2, 3])]
        >>> round(length_correlation(np.array([[0.5, 0.0], [0.1, 0.9]]), pairs), 3)
        1.0
    """
    from scipy.stats import rankdata

    apart = rewards[:, 0] - rewards[:, 1]
    longer = np.array([len(one) - len(other) for one, other in pairs], dtype=float)
    if not apart.any() or not longer.any():
        return None
    one, other = (rankdata(np.concatenate([each, -each])) for each in (apart, longer))
    return float(np.corrcoef(one, other)[0, 1])


def measured(split: str, rewards: np.ndarray, pairs: Sequence[Pair], contexts: Sequence[str]) -> dict[str, Any]:
    """What a report says of a reward model on a split.

    Args:
        split: Its name.
        rewards: Of the chosen and of the rejected answer, [n, 2].
        pairs: Token ids.
        contexts: For each pair the context that it is from; the interval knows that pairs of one context are alike.

    Returns:
        split, accuracy (a tie counts one half) with its 90% interval, pairs, ties, contexts, mean_difference (of the
        rewards), mean_reward, sd_reward, length_correlation.
    """
    from graphengine.preferences.audit import accuracy

    return {
        "split": split,
        **accuracy(hits(rewards), contexts).as_json(),
        "mean_difference": float((rewards[:, 0] - rewards[:, 1]).mean()),
        "mean_reward": float(rewards.mean()),
        "sd_reward": float(rewards.std()),
        "length_correlation": length_correlation(rewards, pairs),
    }
