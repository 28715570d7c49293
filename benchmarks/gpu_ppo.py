"""PPO on a GPU: a model of 0.6 billion random weights, ours beside TRL 1.12's, and what LoRA and a shared critic save.

`python -m benchmarks.gpu_ppo [SIZE]`, as a part of `benchmarks.gpu_proof`. The same as `ppo_speed`, in bfloat16: TRL's
PPO ignores `bf16=True`, so it is told by accelerate's environment. Random weights learn nothing worth a look; what is
measured is time and memory. The vocabulary is that of the size, and the tokenizer knows its first 2,048 tokens.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import measuring, ppo_speed


def make_policy(size: str) -> Path:
    """A Llama of a size with random weights, and a tokenizer."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from benchmarks.reward_speed import SIZES

    folder = ppo_speed.CACHE / "ppo-speed" / f"random-{size}"
    if (folder / "config.json").is_file():
        return folder
    small = ppo_speed.make_policy(ppo_speed.CACHE / "ppo-speed" / "policy")
    tokenizer = AutoTokenizer.from_pretrained(small)
    torch.manual_seed(0)
    config = LlamaConfig(
        **SIZES[size], max_position_embeddings=8192, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id, tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def run(size: str = "0.6b") -> dict[str, Any]:
    """Both side by side, then ours with less memory."""
    ppo_speed.install_trl()
    ppo_speed.THEIR_ENVIRONMENT["ACCELERATE_MIXED_PRECISION"] = "bf16"
    policy = make_policy(size)
    found = ppo_speed.side_by_side(policy, "lognormal", 2.0)
    for variant in ("shared", "lora"):
        arguments = ("ours", str(policy), "lognormal", "0", variant)
        found[variant] = [measuring.alone("ppo_speed", *arguments, env=ppo_speed.ENVIRONMENT)]
    print(f"\nPPO, {size}: milliseconds per episode, peak memory of the GPU in MB (first runs)")
    for who in ("theirs", "ours", "shared", "lora"):
        first = found[who][0]
        print(f"  {who}  {1000 * first['seconds_per_episode']:.1f}  {first.get('peak_gpu_mb', 'no GPU')}")
    return found


if __name__ == "__main__":
    print(json.dumps(run(*sys.argv[1:]), indent=1))
