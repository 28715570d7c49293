"""PPO in two processes that train together: the same weights in both, exact resume, sharded weights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

import torch

from graphengine.training.ppo import PPOSettings
from tests.train.test_ppo import lines, settings, tiny
from tests.train.test_reward import two_processes

__all__ = ["settings", "tiny"]  # fixtures

pytestmark = [pytest.mark.train, pytest.mark.slow]

TOGETHER = """
import sys
from dataclasses import replace
from pathlib import Path
import torch
from graphengine.training.ppo import PPO, PPOSettings, train_ppo

def alike(ppo):
    weights = torch.cat([each.detach().flatten() for each in ppo.actor.parameters()])
    one, other = ppo.accelerator.gather(weights[None])
    assert torch.equal(one, other), "the processes have different weights"

class Watched(PPO):
    def update(self):
        assert self.accelerator.num_processes == 2
        metrics = super().update()
        alike(self)
        return metrics

sys.modules["graphengine.training.ppo"].PPO = Watched
model, data, out = map(Path, sys.argv[1:])
e = lambda rows, texts: [text.count("e") / max(1, len(text)) for text in texts]
whole = PPOSettings(model=model, data=data, out=out / "whole", rewards={"e": 1.0}, updates=2, episodes=16, batch_size=8,
                    micro_batch=4, max_new_tokens=8, learning_rate=3e-3, save_every=1)
train_ppo(whole, functions={"e": e})
part = replace(whole, out=out / "part", updates=1)
train_ppo(part, functions={"e": e})
train_ppo(replace(part, updates=2, resume=True), functions={"e": e})
"""

SHARDED = """
import sys
import torch
from torch import distributed
from torch.distributed.fsdp import fully_shard
from transformers import AutoModelForCausalLM
from graphengine.training.actor import ActorCritic, reads_flat
from graphengine.training.sampling import sample

distributed.init_process_group("gloo")
rank = distributed.get_rank()
prompts = [[5, 6, 7], [8] * 11, [9, 10], [11, 12, 13, 14]]
for flat in (False, True):
    plain, sharded = (ActorCritic(AutoModelForCausalLM.from_pretrained(sys.argv[1]), flat=flat) for _ in range(2))
    assert reads_flat(plain.policy, prompts, 20)
    for layer in sharded.policy.model.layers:
        fully_shard(layer)
    fully_shard(sharded)
    torch.manual_seed(rank)
    anyone = lambda going: distributed.all_reduce(found := torch.tensor(int(going))) or bool(found)
    texts = sample(sharded, prompts, ends=[*range(150 if rank else 40)], most=9, anyone=anyone)
    torch.manual_seed(rank)
    again = sample(plain, prompts, ends=[*range(150 if rank else 40)], most=9)
    assert torch.equal(texts.lengths, again.lengths)
    for ours, whole in zip(sharded("read", texts), plain("read", texts)):
        torch.testing.assert_close(ours, whole, atol=1e-5, rtol=1e-5)
    logp, values, _ = sharded("read", texts)
    (logp.sum() + values.sum()).backward()
    grads = [each.grad for each in sharded.parameters()]
    assert all(each is not None and type(each).__name__ == "DTensor" for each in grads)
distributed.destroy_process_group()
"""


def test_two_processes_train_one_policy(settings: PPOSettings, tmp_path: Path) -> None:
    """Weights are alike after each update, episodes of both count, and a run that was cut off goes on bit for bit."""
    (tmp_path / "together.py").write_text(TOGETHER)
    two_processes(tmp_path / "together.py", str(settings.model), str(settings.data), str(tmp_path))
    whole, part = lines(tmp_path / "whole"), lines(tmp_path / "part")
    assert [32, 64] == [row["episodes"] for row in whole]
    assert whole == part
    weights = [torch.load(tmp_path / name / "checkpoints" / "step-00000002" / "weights.pt", weights_only=True)
               for name in ("whole", "part")]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert 2 == json.loads((tmp_path / "part" / "report.json").read_text())["steps"]


def test_sharded_weights_sample_and_learn_as_whole_ones_do(settings: PPOSettings, tmp_path: Path) -> None:
    """FSDP2 on a CPU: each process writes texts of its own lengths, reads them and has the gradients of its share."""
    (tmp_path / "sharded.py").write_text(SHARDED)
    two_processes(tmp_path / "sharded.py", str(settings.model))
