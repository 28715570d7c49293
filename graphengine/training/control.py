"""What PPO keeps an eye on while it trains: the price of KL, the scale of rewards, and when to stop."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WINDOW = 5
"""Updates whose mean stands for "now" where one update alone would be noise."""
ERRORS, SPREADS = 6.0, 0.5
"""A fall of the reward by so many standard errors is no noise, even against the best of a few hundred windows; and by
so many standard deviations between episodes it matters."""


@dataclass
class KLControl:
    """The price of a nat of KL: fixed, or steered towards a target.

    The coefficient grows by at most 20% × episodes / horizon where KL is above its target, and shrinks likewise.

    Attributes:
        coefficient: The price now.
        target: KL of an episode in nats; None leaves the price as it is.
        horizon: Episodes after which a KL that is 20% off has moved the price by about 20%.

    Source: Ziegler et al. 2019 (arXiv 1909.08593), section 2.2.

    Example:
        >>> control = KLControl(0.1, target=2.0, horizon=1000)
        >>> control.update(kl=4.0, episodes=100)
        >>> round(control.coefficient, 6)
        0.102
    """

    coefficient: float
    target: float | None = None
    horizon: float = 10_000.0

    def update(self, kl: float, episodes: int) -> None:
        """Take note of the KL of some episodes."""
        if self.target is not None:
            error = min(max(kl / self.target - 1, -0.2), 0.2)
            self.coefficient *= 1 + error * episodes / self.horizon


@dataclass
class RewardScale:
    """The mean and the spread of all scores so far, so that rewards of any unit become rewards of about one.

    Attributes:
        number: Scores seen.
        mean: Their mean.
        squares: The sum of squared differences from the mean.

    Example:
        >>> scale = RewardScale()
        >>> scale.update([10.0, 30.0])
        >>> scale.scaled(30.0)
        1.0
    """

    number: int = 0
    mean: float = 0.0
    squares: float = 0.0

    def update(self, scores: Sequence[float]) -> None:
        """Take note of more scores."""
        for score in scores:
            self.number += 1
            step = score - self.mean
            self.mean += step / self.number
            self.squares += step * (score - self.mean)

    def scaled(self, score: float, *, most: float = 10.0) -> float:
        """A score in standard deviations from the mean, at most `most` of them; 0 where all scores are alike."""
        spread = math.sqrt(self.squares / self.number) if self.number else 0.0
        if spread <= 1e-8 * max(1.0, abs(self.mean)):
            return 0.0
        return min(max((score - self.mean) / spread, -most), most)


def kl_ran_away(kls: Sequence[float], limit: float) -> str:
    """What to say if the policy has left the reference: KL of the last update is above its limit.

    Args:
        kls: KL of an episode in nats, of each update so far.
        limit: The most that it may be.

    Returns:
        A sentence, or "".

    Example:
        >>> kl_ran_away([0.1, 70.0], 50.0)
        'KL ran away: 70.0 nats per episode, and the limit is 50'
    """
    if kls and not kls[-1] <= limit:
        return f"KL ran away: {kls[-1]:.1f} nats per episode, and the limit is {limit:g}"
    return ""


def reward_collapsed(rewards: Sequence[float], spreads: Sequence[float], episodes: int) -> str:
    """What to say if the reward has collapsed: it lost more than half of what it gained, and more than noise explains.

    The mean of the last `WINDOW` updates is compared with the best such mean before. A policy that never gained has
    no half to lose, so that the fall must be large beside the differences between episodes, too.

    Args:
        rewards: Mean reward of each update so far.
        spreads: Standard deviation of the reward between episodes, of each update.
        episodes: Of each update.

    Returns:
        A sentence, or "".

    Example:
        >>> reward_collapsed([0.0] * 5 + [1.0] * 5 + [0.1] * 5, [0.2] * 15, 64)
        'the reward collapsed: 0.100 in the last 5 updates, and it was 1.000 before'
        >>> reward_collapsed([0.0] * 5 + [1.0] * 5 + [0.9] * 5, [0.2] * 15, 64)
        ''
    """
    if rewards and not math.isfinite(rewards[-1]):
        return f"the reward collapsed: it is {rewards[-1]}"
    if len(rewards) < 2 * WINDOW:
        return ""
    means = [fmean(rewards[end - WINDOW : end]) for end in range(WINDOW, len(rewards) + 1)]
    first, best, last = means[0], max(means), means[-1]
    spread = math.sqrt(fmean(each**2 for each in spreads))
    noise = spread / math.sqrt(WINDOW * episodes)
    if best - last > max(0.5 * (best - first), ERRORS * noise, SPREADS * spread):
        return f"the reward collapsed: {last:.3f} in the last {WINDOW} updates, and it was {best:.3f} before"
    return ""
