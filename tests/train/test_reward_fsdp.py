"""FSDP2 around the reward model, on two processes of a CPU: what is sharded gives what is whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
for _name in ("transformers", "accelerate"):
    pytest.importorskip(_name)

from graphengine.training import flat  # noqa: E402 (torch may be missing)
from graphengine.training.reward_model import Scorer, use_flat  # noqa: E402

pytestmark = [
    pytest.mark.train,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]
PAIRS = [([5, 6, 7, 8, 9], [5, 6, 9]), ([7, 8, 9, 10, 11], [7, 8, 20, 21, 22, 23])]

PROGRAM = """
import warnings
warnings.simplefilter("error")
import torch
import torch.distributed as dist
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_state_dict
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from graphengine.training import flat
from graphengine.training.batches import pad
from graphengine.training.losses import pair_losses
from graphengine.training.reward_model import Scorer
from tests.train.test_reward_fsdp import PAIRS, made

dist.init_process_group("gloo")
mesh = init_device_mesh("cpu", (2,))

def trained(scorer):
    # Each process has one pair: the mean over processes is the gradient of both, as `Loop` counts on.
    mine = [PAIRS[dist.get_rank()]] if sharded else PAIRS
    chosen, rejected = scorer(flat.pack(mine)).chunk(2)
    (pair_losses(chosen, rejected).sum() * (2 if sharded else 1) / len(PAIRS)).backward()
    optimizer = torch.optim.AdamW(scorer.parameters(), lr=0.01, fused=True)
    optimizer.step()
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    weights, moments = get_state_dict(scorer, optimizer, options=options)
    optimizer.zero_grad()
    return weights, moments

sharded = False
expected, _ = trained(made())
sharded, scorer = True, made()
for layer in scorer.model.model.layers:
    fully_shard(layer, mesh=mesh)
fully_shard(scorer, mesh=mesh)
assert all(isinstance(each, DTensor) for each in scorer.parameters())
found, moments = trained(scorer)
if dist.get_rank() == 0:
    assert expected.keys() == found.keys() and moments["state"]
    for name, value in expected.items():
        assert torch.allclose(value, found[name], atol=1e-5), name
dist.barrier()
dist.destroy_process_group()
"""


def made() -> Scorer:
    """A tiny model that reads flat batches, the same in each process."""
    from transformers import LlamaConfig, LlamaForSequenceClassification

    torch.manual_seed(0)
    model = LlamaForSequenceClassification(LlamaConfig(
        vocab_size=40, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, num_labels=1, pad_token_id=0,
    ))  # fmt: skip
    assert "" == use_flat(model, PAIRS, pad_id=0)
    return Scorer(model)


@pytest.mark.slow
def test_a_sharded_model_takes_the_step_of_a_whole_one(tmp_path: Path) -> None:
    """Two processes, each with its shards and its pair: after a step the whole weights are those of one process."""
    root = str(Path(__file__).parents[2])
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", str(program)]
    env = {**os.environ, "PYTHONPATH": root}
    with subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as running:
        try:
            said, _ = running.communicate(timeout=240)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
    assert 0 == running.returncode, said[-4000:]


def test_accelerate_finds_the_layers_to_shard() -> None:
    """With the recipe's wrapping by layers, FSDP2's policy picks the layers inside the scorer and nothing else."""
    from accelerate.utils import FullyShardedDataParallelPlugin
    from accelerate.utils.fsdp_utils import fsdp2_prepare_auto_wrap_policy

    scorer = made()
    plugin = FullyShardedDataParallelPlugin(fsdp_version=2, auto_wrap_policy="transformer_based_wrap")
    policy = fsdp2_prepare_auto_wrap_policy(plugin, scorer)
    assert policy is not None
    assert list(scorer.model.model.layers) == [each for each in scorer.modules() if policy(each)]


def test_a_flat_batch_has_the_shapes_that_a_step_needs() -> None:
    """Rewards of chosen and rejected answers, [2B], and a gradient for every weight."""
    scorer = made()
    rewards = scorer(flat.pack(PAIRS))
    assert (4,) == rewards.shape
    rewards.sum().backward()
    assert all(each.grad is not None and each.grad.shape == each.shape for each in scorer.parameters())
