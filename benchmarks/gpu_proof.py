"""What can only be said on a GPU: that the kernel is right, how fast the reward model and PPO are, what they need.

`python -m benchmarks.gpu_proof [PART …]` runs `kernel`, `reward` and `ppo` (or those named) on the GPU of this machine
and writes `benchmarks/results/gpu_proof.json`. Without network: models of 0.6 billion random weights are made here.

- **kernel**: outputs and gradients of the attention of flat batches, in bfloat16 by `torch.nn.attention.varlen`,
  against single precision text by text; heads of 64 and 128, what both texts begin with read once and twice.
- **reward**: `reward_speed` with 64 pairs per step for short, long and equal lengths: real tokens per second of ours,
  of TRL's defaults and of TRL's best, whether losses agree, peak memory, and the share of the GPU's peak (6 operations
  per weight of a matrix and token that was read; attention and recomputation are not counted).
- **ppo**: `gpu_ppo`.

Half an hour with the defaults; `BENCH_REWARD_STEPS`, `BENCH_REWARD_REPEATS`, `BENCH_PPO_UPDATES` and
`BENCH_PPO_REPEATS` make it shorter. `GPU_PROOF_SIZE=tiny` tries the program itself on a CPU.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

os.environ.setdefault("BENCH_REWARD_PAIRS", "64")
os.environ.setdefault("BENCH_REWARD_STEPS", "30")

from benchmarks import measuring, reward_speed

SIZE = os.environ.get("GPU_PROOF_SIZE", "0.6b")
PEAK = float(os.environ.get("GPU_PROOF_PEAK", "989e12"))
"""Dense bfloat16 operations per second that the data sheet of an H100 or H200 tells."""
ATOL = 0.02
"""bfloat16 has 8 bits: outputs around 1 and gradients relative to the largest differ by about a hundredth."""


def kernel() -> dict[str, Any]:
    """How far the kernel is from single precision: the worst output, and the worst gradient relative to the largest."""
    import torch

    from graphengine.training import flat

    device = "cuda" if torch.cuda.is_available() else "cpu"
    found: dict[str, Any] = {}
    for size in (64, 128):
        for share in (True, False):
            packed = flat.pack(reward_speed.pairs("long", "tiny", 8), share=share).to(device)
            draw = torch.Generator(device).manual_seed(0)
            heads = ((8, size), (2, size), (2, size))
            inputs = [
                torch.randn(1, number, packed.ids.shape[1], width, generator=draw, device=device).bfloat16()
                for number, width in heads
            ]  # fmt: skip
            single, half = (
                _with_gradients(packed, [each.to(kind) for each in inputs]) for kind in (torch.float32, torch.bfloat16)
            )
            apart = [float((one - other.float()).abs().max() / one.abs().max()) for one, other in
                     zip(single, half, strict=True)]  # fmt: skip
            name = f"heads of {size}, {'shared' if share else 'whole'}"
            found[name] = {"output": apart[0], "gradient": max(apart[1:])}
    measuring.table("Attention of flat batches in bfloat16, against single precision", [
        (name, f"{each['output']:.4f}, {each['gradient']:.4f}", "output, gradient", f"<= {ATOL}",
         max(each.values()) <= ATOL) for name, each in found.items()
    ])  # fmt: skip
    return found


def _with_gradients(packed: Any, inputs: list[Any]) -> list[Any]:
    import torch

    from graphengine.training import flat

    inputs = [each.requires_grad_() for each in inputs]
    out, _ = flat.attend(torch.nn.Identity(), *inputs, packed=packed)
    weights = torch.linspace(-1, 1, out.numel(), device=out.device, dtype=out.dtype).view(out.shape)
    (out * weights).sum().backward()
    return [out.detach(), *(each.grad for each in inputs)]


def reward() -> dict[str, Any]:
    """The reward model, for three kinds of lengths."""
    found = {}
    for lengths in ("short", "long", "equal"):
        found[lengths] = reward_speed.compare(lengths, SIZE)
        reward_speed.show(lengths, found[lengths])
        found[lengths]["share_of_peak"] = {
            name: max(_weights() * 6 * each["read"] / each["seconds"] / PEAK for each in runs)
            for name, runs in found[lengths]["runs"].items()
        }
        for name, runs in found[lengths]["runs"].items():
            peak = runs[0]["peak_gpu_mb"]
            print(f"  {name}: {found[lengths]['share_of_peak'][name]:.1%} of the peak, {peak or 'no'} MB of the GPU")
    return found


def _weights() -> int:
    """Weights in the matrices of the layers."""
    size = reward_speed.SIZES[SIZE]
    head = size.get("head_dim", size["hidden_size"] // size["num_attention_heads"])
    heads = 2 * size["num_attention_heads"] + 2 * size["num_key_value_heads"]
    wide = size["hidden_size"]
    return size["num_hidden_layers"] * wide * (head * heads + 3 * size["intermediate_size"])


def ppo() -> dict[str, Any]:
    """PPO beside TRL's."""
    from benchmarks import gpu_ppo

    return gpu_ppo.run(SIZE)


PARTS = {"kernel": kernel, "reward": reward, "ppo": ppo}


def _gpu() -> dict[str, Any]:
    """What the GPU is, as its driver tells it."""
    query = "name,driver_version,memory.total,clocks.max.sm,power.limit"
    try:
        command = ["nvidia-smi", f"--query-gpu={query}", "--format=csv,noheader"]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().splitlines()
    except (OSError, subprocess.CalledProcessError):
        return {}
    return dict(zip(query.split(","), told[0].split(", "), strict=True)) if told else {}


def main(names: list[str]) -> None:
    """Run the parts and write what they say."""
    import torch

    if unknown := [name for name in names if name not in PARTS]:
        sys.exit(f"no part {unknown[0]!r}; there are: {', '.join(PARTS)}")
    if not torch.cuda.is_available() and SIZE != "tiny":
        sys.exit("no GPU that torch can use; GPU_PROOF_SIZE=tiny tries the program on a CPU")
    found = {name: PARTS[name]() for name in names or PARTS}
    if torch.cuda.is_available():
        measuring.save("gpu_proof", {"gpu": _gpu(), "size": SIZE, **found})


if __name__ == "__main__":
    main(sys.argv[1:])
