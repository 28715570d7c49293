"""The loss of a pair: each kind of evidence against its formula."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
from graphengine.training.losses import pair_losses  # noqa: E402 (torch may be missing)

pytestmark = pytest.mark.train


def rewards(*values: float) -> torch.Tensor:
    """Rewards that take gradients."""
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_without_evidence_it_is_bradley_terry() -> None:
    """-log s(r_chosen - r_rejected), worked out by hand: s(1) = 0.7310585786."""
    found = pair_losses(rewards(1.0, 0.0), rewards(0.0, 0.0)).tolist()
    assert pytest.approx([0.3132616875, 0.6931471806]) == found


@pytest.mark.parametrize("center", [0.0, 0.01])
def test_a_pair_of_weight_zero_moves_nothing(center: float) -> None:
    """Its gradient is zero, that of the others is its weight times what it would be; also of the centering."""
    chosen, rejected = rewards(0.3, 0.3), rewards(0.1, 0.1)
    pair_losses(chosen, rejected, torch.tensor([0.0, 0.25]), evidence="weight", center=center).sum().backward()
    assert chosen.grad is not None and rejected.grad is not None
    assert 0 == chosen.grad[0] == rejected.grad[0]
    alone, other = rewards(0.3), rewards(0.1)
    pair_losses(alone, other, center=center).sum().backward()
    assert alone.grad is not None
    assert pytest.approx(0.25 * alone.grad[0].item()) == chosen.grad[1].item()


@pytest.mark.parametrize("p", [0.5, 0.66, 0.9, 0.999])
def test_a_soft_label_pulls_to_its_log_odds(p: float) -> None:
    """Gradient descent ends where the rewards differ by log(p / (1 - p)), and the gradient is s(d) - p everywhere."""
    apart = rewards(0.3)
    pair_losses(apart, rewards(0.0), torch.tensor([p]), evidence="soft-label").sum().backward()
    assert apart.grad is not None
    assert pytest.approx(torch.sigmoid(torch.tensor(0.3, dtype=torch.float64)).item() - p) == apart.grad.item()
    found = rewards(0.0)
    optimizer = torch.optim.LBFGS([found], max_iter=100, line_search_fn="strong_wolfe", tolerance_grad=1e-12)

    def again() -> torch.Tensor:
        optimizer.zero_grad()
        loss = pair_losses(found, torch.zeros(1), torch.tensor([p], dtype=torch.float64), evidence="soft-label").sum()
        loss.backward()
        return loss

    optimizer.step(again)
    assert pytest.approx(torch.logit(torch.tensor(p, dtype=torch.float64)).item(), abs=1e-4) == found.item()


def test_a_soft_label_of_one_is_a_certain_pair() -> None:
    """With p = 1 the loss is that without evidence."""
    chosen, rejected = rewards(0.4, -0.2), rewards(0.1, 0.3)
    soft = pair_losses(chosen, rejected, torch.ones(2), evidence="soft-label")
    assert torch.equal(soft, pair_losses(chosen, rejected))


def test_a_margin_is_what_the_rewards_are_asked_to_differ_by() -> None:
    """-log s(d - m): with d = m it is log 2, whatever m is."""
    margins = torch.tensor([0.0, 0.5, 3.0], dtype=torch.float64)
    found = pair_losses(margins.clone(), torch.zeros(3), margins, evidence="margin")
    assert pytest.approx([0.6931471806] * 3) == found.tolist()


def test_centering_is_added_as_trl_adds_it() -> None:
    """Center (r_chosen + r_rejected)²."""
    apart = pair_losses(rewards(1.0), rewards(0.5), center=0.01) - pair_losses(rewards(1.0), rewards(0.5))
    assert pytest.approx(0.01 * 1.5**2) == apart.item()


def test_trl_has_the_same_loss() -> None:
    """TRL's own function, called with given rewards, gives the mean of ours, without and with margins."""
    trl = pytest.importorskip("trl")


    draw = torch.Generator().manual_seed(0)
    both, margins = torch.randn(16, 1, generator=draw), torch.rand(8, generator=draw)
    trainer = object.__new__(trl.RewardTrainer)
    trainer.model = SimpleNamespace(training=False)
    trainer.args = SimpleNamespace(center_rewards_coefficient=0.01)
    trainer.accelerator = SimpleNamespace(gather=lambda x: x, gather_for_metrics=lambda x: x)
    trainer._metrics, trainer._total_train_tokens = {"eval": defaultdict(list)}, 0
    for values, evidence in ((None, "none"), (margins, "margin")):
        inputs = {"margin": margins} if values is not None else {}
        expected = trainer.compute_loss(lambda **_: SimpleNamespace(logits=both), inputs)
        found = pair_losses(both[:8, 0], both[8:, 0], values, evidence=evidence, center=0.01).mean()
        assert torch.allclose(expected, found, atol=1e-6)
