"""What PPO computes, against numbers worked out by hand, and when it stops."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("torch")

import torch

from graphengine.training.advantages import (
    advantages_and_returns,
    explained_variance,
    policy_losses,
    token_rewards,
    value_losses,
    whiten,
)
from graphengine.training.control import KLControl, RewardScale, kl_ran_away, reward_collapsed

pytestmark = pytest.mark.train

MASK = torch.tensor([[True, True, True], [True, True, False]])
KL = torch.tensor([[0.5, -1.0, 2.0], [1.0, 0.0, 99.0]])
VALUES = torch.tensor([[0.5, 0.25, 1.0], [0.2, -0.4, 99.0]])


def test_the_score_comes_on_the_last_token_and_kl_on_each() -> None:
    """Also where an episode is shorter than the others: nothing lands on the padding behind its end."""
    expected = torch.tensor([[-0.05, 0.1, 1.8], [-0.1, -3.0, 0.0]])
    torch.testing.assert_close(token_rewards(torch.tensor([2.0, -3.0]), KL, MASK, 0.1), expected)


def test_advantages_and_returns_of_two_episodes() -> None:
    """γ = .5, λ = .8, worked out by hand; padding behind the end counts for nothing, whatever stands there.

    Episode 1, r = (0, 0, 2): δ = (0 + .125 − .5, 0 + .5 − .25, 2 − 1) = (−.375, .25, 1), and A backwards with γλ = .4
    is 1, .25 + .4 = .65, −.375 + .26 = −.115. Episode 2, r = (1, 3): δ = (1 − .2 − .2, 3 + .4) = (.6, 3.4); A = 1.96,
    3.4.
    """
    rewards = torch.tensor([[0.0, 0.0, 2.0], [1.0, 3.0, 77.0]])
    advantages, returns = advantages_and_returns(rewards, VALUES, MASK, gamma=0.5, gae_lambda=0.8)
    torch.testing.assert_close(advantages, torch.tensor([[-0.115, 0.65, 1.0], [1.96, 3.4, 0.0]]))
    torch.testing.assert_close(returns, torch.tensor([[0.385, 0.9, 2.0], [2.16, 3.0, 0.0]]))


def test_without_a_critic_and_discount_a_return_is_what_came() -> None:
    """γ = λ = 1: the return of a token is the sum of the rewards from there on."""
    rewards = torch.tensor([[1.0, 2.0, 4.0]])
    _, returns = advantages_and_returns(
        rewards, torch.rand(1, 3), torch.ones(1, 3, dtype=torch.bool), gamma=1.0, gae_lambda=1.0
    )
    torch.testing.assert_close(returns, torch.tensor([[7.0, 6.0, 4.0]]))


def test_whitened_advantages_have_mean_0_and_spread_1() -> None:
    """Over the tokens that count; advantages that are all alike become 0, not noise."""
    white = whiten(VALUES, MASK)
    kept = VALUES[MASK]
    torch.testing.assert_close(white[MASK], (kept - kept.mean()) / kept.std(unbiased=False))
    assert 0 == white[1, 2]
    assert torch.equal(torch.zeros(2, 3), whiten(torch.full((2, 3), 7.0), MASK))
    assert whiten(1e-6 * VALUES, MASK).abs().max() < 0.05


def test_whitening_over_processes_is_whitening_of_all() -> None:
    """Each process has one of the episodes, and the sums of all."""
    mean = VALUES[MASK].mean()
    sums = [torch.stack([MASK.sum().float(), VALUES[MASK].sum()]), (VALUES[MASK] - mean).square().sum()]
    parts = []
    for i in (0, 1):
        answers = iter(sums)
        parts.append(whiten(VALUES[i : i + 1], MASK[i : i + 1], total=lambda _, answers=answers: next(answers)))
    torch.testing.assert_close(torch.cat(parts), whiten(VALUES, MASK))


def test_the_losses_of_tokens_worked_out_by_hand() -> None:
    """Ratios of 1.5 and .5, each with a good and a bad advantage; ε = .2.

    Good and more likely: held at 1.2. Bad and more likely: −A ρ = 3, not held. Good and less likely: −A ρ = −1, not
    held. Bad and less likely: held at .8.
    """
    logp = torch.log(torch.tensor([1.5, 1.5, 0.5, 0.5])).requires_grad_()
    losses, clipped = policy_losses(logp, torch.zeros(4), torch.tensor([2.0, -2.0, 2.0, -2.0]), 0.2)
    torch.testing.assert_close(losses, torch.tensor([-2.4, 3.0, -1.0, 1.6]))
    assert [True, False, False, True] == clipped.tolist()
    losses.sum().backward()
    assert logp.grad is not None
    torch.testing.assert_close(logp.grad, torch.tensor([0.0, 3.0, -1.0, 0.0]))


def test_the_losses_of_values_worked_out_by_hand() -> None:
    """Clip .2. From 0 to 1 where 1 is right: as if it were .2. From 0 to .1 where 1 is right: as it is.

    From 0 to 1 where −1 is right: as it is, since that is worse.
    """
    losses = value_losses(torch.tensor([1.0, 0.1, 1.0]), torch.zeros(3), torch.tensor([1.0, 1.0, -1.0]), 0.2)
    torch.testing.assert_close(losses, torch.tensor([0.32, 0.405, 2.0]))


def test_explained_variance() -> None:
    """1 for a critic that is right, 0 for one that says the same always, NaN where there is nothing to explain."""
    returns = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 99.0]])
    assert 1.0 == explained_variance(returns, returns, MASK)
    assert 0.0 == pytest.approx(explained_variance(torch.full((2, 3), 3.0), returns, MASK), abs=1e-6)
    assert math.isnan(explained_variance(returns, torch.ones(2, 3), MASK))


def test_the_price_of_kl_follows_its_target() -> None:
    """It grows by at most 20% per horizon, shrinks likewise, holds at the target, and is fixed without one."""
    control = KLControl(0.1, target=2.0, horizon=10)
    control.update(100.0, episodes=5)
    assert 0.11 == pytest.approx(control.coefficient)
    control.update(-100.0, episodes=5)
    assert 0.099 == pytest.approx(control.coefficient)
    control.update(2.2, episodes=10)
    assert 0.099 * 1.1 == pytest.approx(control.coefficient)
    fixed = KLControl(0.1)
    fixed.update(100.0, episodes=5)
    assert 0.1 == fixed.coefficient


def test_rewards_are_scaled_by_all_that_were_seen() -> None:
    """Mean and spread are those of all scores so far, in whatever batches; equal scores become 0, and none explodes."""
    scale, scores = RewardScale(), [3.0, -1.0, 5.0, 5.5, 100.0]
    scale.update(scores[:2])
    scale.update(scores[2:])
    kept = torch.tensor(scores)
    expected = ((kept - kept.mean()) / kept.std(unbiased=False)).tolist()
    assert expected == pytest.approx([scale.scaled(score) for score in scores])
    assert 2.0 == scale.scaled(1e9, most=2.0)
    same = RewardScale()
    same.update([0.1] * 100)
    assert 0.0 == same.scaled(0.1)
    assert 0.0 == RewardScale().scaled(5.0)


def test_kl_above_its_limit_stops() -> None:
    """Also where it is no number any more."""
    assert "" == kl_ran_away([], 10.0) == kl_ran_away([99.0, 10.0], 10.0)
    assert "KL ran away: 10.1 nats per episode, and the limit is 10" == kl_ran_away([1.0, 10.1], 10.0)
    assert kl_ran_away([math.nan], 10.0)


def test_a_reward_that_collapses_stops_and_one_that_wobbles_does_not() -> None:
    """Half of the gain lost and no noise: stop. Noise, a flat reward, small losses and short runs: go on."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        noise = (0.1 * torch.randn(300, generator=generator)).tolist()  # the error of a mean over 100 of spread 1
        for end in range(1, 301, 7):
            assert "" == reward_collapsed(noise[:end], [1.0] * end, 100)
    assert "" == reward_collapsed([0.0] * 50, [0.0] * 50, 4)
    assert "" == reward_collapsed([0.0, -9.0], [1.0] * 2, 64)
    rise = [i / 10 for i in range(30)]
    assert "" == reward_collapsed([*rise, 2.5, 2.4, 2.3, 2.2, 2.1], [0.5] * 35, 64)
    assert "collapsed" in reward_collapsed([*rise, 1.0, 0.9, 0.8, 0.7, 0.6], [0.5] * 35, 64)
    assert "collapsed" in reward_collapsed([0.0] * 10 + [-2.0] * 5, [0.5] * 15, 64)
    assert "it is nan" in reward_collapsed([0.0, math.nan], [0.5] * 2, 64)
