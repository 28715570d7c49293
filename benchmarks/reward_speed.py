"""The reward model, ours against TRL's RewardTrainer: real tokens per second, with the same weights, pairs and steps.

A Llama with random weights learns from random tokens; one token that opens the chosen answers is there to be learnt.
Lengths of prompts and answers are lognormal, or all equal, where leaving padding out gains nothing. Both sides take the
same number of pairs per step, the same AdamW and the same linear schedule.

- **ours**: the loop of `graphengine train reward`, evidence none, with its defaults.
- **TRL, defaults**: micro-batches of 8, gradient checkpointing, rows in our order: so losses must agree, and a run in
  which they don't is void.
- **TRL, at its best**: no checkpointing, pairs of like length together, the micro-batch that is fastest here (tried
  first, in one short run each).

Only tokens of texts count, never padding; both texts of a pair count whole, as they are in the data. Tokenising is left
out for both, making batches is in. Runs alternate, each in a process of its own; medians count. The first steps warm
up. Seconds of the CPU are told too, which other programs on the machine disturb less. On a GPU the same with a model of
0.6 billion parameters: `python -m benchmarks.gpu_proof`.

`BENCH_REWARD_STEPS`, `BENCH_REWARD_REPEATS` make it shorter. `python -m benchmarks.reward_speed VARIANT LENGTHS SIZE`
runs one of them.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks import measuring

WARM = 5
"""Steps before the clock starts; losses are logged as often."""
STEPS = -(-int(os.environ.get("BENCH_REWARD_STEPS", "15")) // WARM) * WARM
REPEATS = int(os.environ.get("BENCH_REWARD_REPEATS", "3"))
PAIRS = int(os.environ.get("BENCH_REWARD_PAIRS", "16"))
RATE = 1e-4
MICRO = (2, 4, 8, 16, 32, 64)
AGREE = {"cpu": 1e-4, "cuda": 0.02}
"""How far losses may differ: single precision, and bfloat16."""
LENGTHS = {"short": 3.5, "mixed": 4.2, "long": 5.2, "equal": 4.2}
"""Mean of the logarithm of the tokens of a prompt; answers are a third longer. `equal`: all are as long as that."""
CAP = 1024

SIZES: dict[str, dict[str, Any]] = {
    "tiny": {"hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 4, "num_attention_heads": 4,
             "num_key_value_heads": 2, "vocab_size": 2048},
    "0.6b": {"hidden_size": 1024, "intermediate_size": 3072, "num_hidden_layers": 28, "num_attention_heads": 16,
             "num_key_value_heads": 8, "head_dim": 128, "vocab_size": 151_936},
}  # fmt: skip


def pairs(lengths: str, size: str, number: int) -> list[tuple[list[int], list[int]]]:
    """Pairs of random tokens of these lengths."""
    draw, vocabulary, mean = random.Random(0), SIZES[size]["vocab_size"], LENGTHS[lengths]

    def tokens(longer: float, spread: float) -> list[int]:
        drawn = draw.lognormvariate(mean + longer, 0.0 if lengths == "equal" else spread)
        return [draw.randrange(4, vocabulary) for _ in range(max(4, min(CAP, int(drawn))))]

    found = []
    for _ in range(number):
        prompt, chosen, rejected = tokens(0.0, 0.7), tokens(0.3, 0.6), tokens(0.3, 0.6)
        chosen[0] = 3
        found.append((prompt + chosen, prompt + rejected))
    return found


def model(size: str) -> Any:
    """The same random weights each time."""
    import torch
    from transformers import LlamaConfig, LlamaForSequenceClassification

    torch.manual_seed(0)
    config = LlamaConfig(**SIZES[size], max_position_embeddings=8192, pad_token_id=0, bos_token_id=None,
                         eos_token_id=1, num_labels=1)  # fmt: skip
    return LlamaForSequenceClassification(config)


def ours(data: list[tuple[list[int], list[int]]], size: str) -> dict[str, Any]:
    """Train with graphengine."""
    from graphengine.training.batches import Layout
    from graphengine.training.reward import RewardSettings, open_accelerator
    from graphengine.training.reward_loop import Loop
    from graphengine.training.reward_model import use_flat
    from graphengine.training.reward_rows import Rows
    from graphengine.training.run_folder import RunFolder

    times: dict[int, tuple[float, float]] = {}
    with tempfile.TemporaryDirectory() as place:
        out = Path(place)
        settings = RewardSettings(
            model=out, data=out, out=out, evidence="none", center=0.0, learning_rate=RATE, batch_size=PAIRS,
            steps=len(data) // PAIRS, log_every=WARM, max_length=2 * CAP,
        )
        accelerator, run = open_accelerator(settings), RunFolder(out)
        made = model(size).to(accelerator.device)
        why_not = use_flat(made, data, pad_id=0)
        rows = Rows(data, None, ["one"] * len(data), [], 0, 0)  # type: ignore[arg-type]

        def clock(line: str) -> None:
            _wait()
            if " step " in line:
                times[int(line.split()[2].partition("/")[0])] = _clocks()

        loop = Loop(settings, accelerator, made, Layout(not why_not, 0), rows, run, clock)
        loop.train()
        losses = [line["loss"] for line in run.metrics()]
    order = [row for step in range(WARM, loop.steps) for row in loop.order.step(step)]
    return {
        **_taken(times[WARM], times[loop.steps]), "tokens": sum(len(text) for row in order for text in data[row]),
        "read": sum(loop.layout.size(data[row]) for row in order), "losses": losses, "layout": why_not or "flat",
    }


def trl(data: list[tuple[list[int], list[int]]], size: str, *, micro: int = 0) -> dict[str, Any]:
    """Train with TRL: with its defaults, or at its best with this micro-batch."""
    import torch
    from datasets import Dataset
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from trl import RewardConfig, RewardTrainer
    from trl.trainer.reward_trainer import DataCollatorForPreference

    from graphengine.training.batches import Order

    gpu = torch.cuda.is_available()
    words = Tokenizer(models.WordLevel({"<pad>": 0, "<eos>": 1, "<unk>": 2}, unk_token="<unk>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<eos>")
    order = Order(len(data), PAIRS, 0)
    rows = [data[row] for step in range(order.per_epoch) for row in order.step(step)]
    table = Dataset.from_list([
        {"chosen_ids": one, "rejected_ids": other, "length": max(len(one), len(other))} for one, other in rows
    ])
    best = {
        "gradient_checkpointing": False, "train_sampling_strategy": "group_by_length", "remove_unused_columns": False,
    }
    counted: list[int] = []  # of each micro-batch, some of them made ahead of their step
    times = [(0.0, 0.0)]

    class Clock(TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            if len(times) in (WARM, order.per_epoch):
                _wait()
            times.append(_clocks())

    class Counting(DataCollatorForPreference):
        def torch_call(self, examples: list[dict[str, Any]]) -> dict[str, Any]:
            batch = super().torch_call(examples)
            counted.append(int(batch["attention_mask"].sum()))
            return batch

    with tempfile.TemporaryDirectory() as place:
        arguments = RewardConfig(
            output_dir=place, num_train_epochs=1, learning_rate=RATE, logging_steps=WARM, logging_first_step=True,
            per_device_train_batch_size=micro or 8, gradient_accumulation_steps=PAIRS // (micro or 8), bf16=gpu,
            use_cpu=not gpu, report_to="none", save_strategy="no", disable_tqdm=True, max_length=None, seed=0,
            **(best if micro else {"train_sampling_strategy": "sequential"}),
        )
        trainer = RewardTrainer(
            model=model(size), args=arguments, train_dataset=table, processing_class=tokenizer, callbacks=[Clock()],
            data_collator=Counting(pad_token_id=0, pad_to_multiple_of=arguments.pad_to_multiple_of),
        )
        trainer.train()
    losses = [float(line["loss"]) for line in trainer.state.log_history if "loss" in line]
    tokens = sum(counted[WARM * (PAIRS // (micro or 8)) :])
    return {
        **_taken(times[WARM], times[order.per_epoch]), "tokens": tokens, "read": tokens, "losses": losses,
        "layout": f"micro-batch {micro or 8}",
    }


def _clocks() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def _taken(start: tuple[float, float], end: tuple[float, float]) -> dict[str, float]:
    return {"seconds": end[0] - start[0], "cpu_seconds": end[1] - start[1]}


def _wait() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def measure(variant: str, lengths: str, size: str) -> None:
    """One run, in a process of its own."""
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    data = pairs(lengths, size, PAIRS * (STEPS + WARM))
    name, _, micro = variant.partition(":")
    found = ours(data, size) if name == "ours" else trl(data, size, micro=int(micro or 0))
    gpu = torch.cuda.is_available()
    measuring.report(
        variant=variant, lengths=lengths, device=torch.cuda.get_device_name() if gpu else "cpu",
        threads=torch.get_num_threads(), tokens_per_second=round(found["tokens"] / found["seconds"]),
        peak_gpu_mb=round(torch.cuda.max_memory_allocated() / 2**20) if gpu else None, **found,
    )


def compare(lengths: str, size: str = "tiny", repeats: int = REPEATS) -> dict[str, Any]:
    """Ours and TRL's on pairs of these lengths, alternating."""
    tried = [measuring.alone("reward_speed", f"trl:{micro}", lengths, size) for micro in MICRO if micro <= PAIRS]
    best = max(tried, key=lambda each: each["tokens_per_second"])["variant"]
    names = {"ours": "ours", "trl_default": "trl", "trl_best": best}
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(repeats):
        for name, variant in names.items():
            runs[name].append(measuring.alone("reward_speed", variant, lengths, size))
    median = {name: statistics.median(run["tokens_per_second"] for run in each) for name, each in runs.items()}
    one, other = runs["ours"][0]["losses"], runs["trl_default"][0]["losses"]
    apart = max(abs(a - b) for a, b in zip(one, other, strict=True))
    return {
        "tokens_per_second": median,
        "times_trl_default": round(median["ours"] / median["trl_default"], 3),
        "times_trl_best": round(median["ours"] / median["trl_best"], 3),
        "tokens_per_cpu_second": {
            name: round(statistics.median(run["tokens"] / run["cpu_seconds"] for run in each))
            for name, each in runs.items()
        },
        "losses_apart": apart,
        "losses_agree": apart <= AGREE["cpu" if runs["ours"][0]["device"] == "cpu" else "cuda"],
        "peak_mb": {name: max(run["peak_mb"] for run in each) for name, each in runs.items()},
        "runs": runs,
    }


def show(lengths: str, found: dict[str, Any]) -> None:
    """Print one comparison."""
    speeds = found["tokens_per_second"]
    least = {"equal": (1.0, 1.0)}.get(lengths, (2.0, 1.3))
    rows = [
        (name, f"{speeds['ours']:,.0f}", f"{speeds[name]:,.0f}", f">= {bound} x: {found[f'times_{name}']:.2f}",
         found["losses_agree"] and found[f"times_{name}"] >= bound)
        for name, bound in zip(("trl_default", "trl_best"), least, strict=True)
    ]  # fmt: skip
    measuring.table(f"Reward model, {lengths} lengths: real tokens per second", rows)
    print(f"  losses differ by at most {found['losses_apart']:.1e}: {'agree' if found['losses_agree'] else 'VOID'}")


def run() -> dict[str, Any]:
    """Returns the figures."""
    found = {}
    for lengths in ("mixed", "equal"):
        found[lengths] = compare(lengths)
        show(lengths, found[lengths])
    return found


if __name__ == "__main__":
    if sys.argv[1:]:
        measure(*sys.argv[1:])
    else:
        print(json.dumps(run(), indent=1))
