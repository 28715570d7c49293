"""PPO, ours against the trainer that TRL had until version 1.12, at equal settings.

Both start from the same small policy, made here: a tiny model that was taught to write sentences of a few words from
lists. Its vocabulary is as large a share of it as that of a model of 0.6B parameters. Both see the same prompts and are
rewarded for words of one list, less for those of another, by the same Python function. Batch, minibatches, passes,
length, temperature, learning rate, clips, GAE and the price of KL are the same; the critic is a second backbone in
both. Rewards are not normalised, since TRL does not. Timed is the loop, without imports and without making the models;
runs alternate, each in a process of its own, and the medians count.

TRL 1.12 is installed beside the environment, into `.cache/trl-1.12`, and used by its own process only.

`BENCH_PPO_UPDATES`, `BENCH_PPO_REPEATS` make it shorter.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import measuring
from benchmarks.typed_world import CARD_WORDS, CONTEXT_WORDS

CACHE = measuring.ROOT / ".cache"
TRL = CACHE / "trl-1.12"
UPDATES = int(os.environ.get("BENCH_PPO_UPDATES", "40"))
REPEATS = int(os.environ.get("BENCH_PPO_REPEATS", "3"))
EPISODES, MINIBATCH, PASSES, LONGEST, RATE, KL = 32, 16, 4, 56, 3e-4, 0.05
WANTED, UNWANTED = CARD_WORDS[3].split(), CARD_WORDS[5].split()
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "CI": "1", "HF_HUB_OFFLINE": "1"}
THEIR_ENVIRONMENT = {"PYTHONPATH": f"{TRL}{os.pathsep}{measuring.ROOT}"}


def prompts(lengths: str) -> list[dict[str, Any]]:
    """400 prompts: of lognormal lengths, 12 words in the middle and at most 100; or each of 12 words."""
    rng = random.Random(0)
    words = " ".join(CONTEXT_WORDS).split()
    numbers = [min(100, max(2, round(rng.lognormvariate(2.5, 0.7)))) if lengths == "lognormal" else 12
               for _ in range(400)]
    return [{"prompt": [{"role": "user", "content": " ".join(rng.choices(words, k=number))}]} for number in numbers]


def reward(_rows: list[dict[str, Any]], texts: list[str]) -> list[float]:
    """The share of wanted words, minus the share of unwanted ones."""
    found = []
    for text in texts:
        words = text.lower().replace(".", " ").replace(",", " ").split()
        share = [sum(word in which for word in words) / max(1, len(words)) for which in (WANTED, UNWANTED)]
        found.append(share[0] - share[1])
    return found


def make_policy(folder: Path, steps: int = 300) -> Path:
    """A tiny model that writes two to five short sentences and ends them."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from graphengine.models.tiny import make_tiny

    if (folder / "config.json").is_file():
        return folder
    rng = random.Random(1)
    words = " ".join(CARD_WORDS).split()
    rows = prompts("lognormal")
    answers = [" ".join(f"Be {', '.join(rng.choices(words, k=3))}." for _ in range(rng.randint(1, 5)))
               for _ in range(2000)]
    # Made-up words fill the vocabulary, so that its share of the model is that of a language model of 0.6B: a quarter.
    made_up = (" ".join("".join(rng.choices("bdfgklmnprstvz", k=3)) + rng.choice("aeiou") for _ in range(5))
               for _ in range(2000))
    texts = [*answers[:300], *(row["prompt"][0]["content"] for row in rows), *made_up]
    base = make_tiny(folder.with_name("base"), texts, vocabulary=2048)
    tokenizer, model = AutoTokenizer.from_pretrained(base), AutoModelForCausalLM.from_pretrained(base)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3, fused=True)
    for _ in range(steps):
        talks = [[*rng.choice(rows)["prompt"], {"role": "assistant", "content": rng.choice(answers)}]
                 for _ in range(16)]
        batch = tokenizer.apply_chat_template(talks, return_tensors="pt", padding=True, return_dict=True)
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        loss = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)
    return folder


def ours(policy: str, lengths: str, seed: str, variant: str = "separate") -> None:
    """Train with graphengine, and tell time, rewards and memory.

    Args:
        policy: Folder of the model.
        lengths: Of prompts.
        seed: Of everything.
        variant: The critic, `separate` or `shared`; or `lora`, where base, critic and reference are one.
    """
    from transformers import AutoTokenizer

    from graphengine.training.ppo import PPO, PPOSettings
    from graphengine.training.ppo_state import open_accelerator
    from graphengine.training.prompts import tokens_of_prompts
    from graphengine.training.rewards import Rewards

    settings = PPOSettings(
        model=Path(policy), data=Path(policy), out=Path(policy), rewards={"words": 1.0}, seed=int(seed),
        updates=UPDATES, episodes=EPISODES, batch_size=MINIBATCH, ppo_epochs=PASSES, max_new_tokens=LONGEST,
        learning_rate=RATE,
        kl_coefficient=KL, normalise_rewards=False, missing_eos_penalty=1.0,
        critic="separate" if variant == "separate" else "shared", lora_rank=16 if variant == "lora" else 0,
    )
    tokenizer = AutoTokenizer.from_pretrained(policy)
    rewards = Rewards({"words": (1.0, reward)})
    rows = prompts(lengths)
    ppo = PPO(settings, rows, tokens_of_prompts(rows, tokenizer), tokenizer, rewards,
              accelerator=open_accelerator(settings))
    started, curve = _clocks(), []
    for _ in range(UPDATES):
        metrics = ppo.update()
        curve.append([metrics["reward"] - (1 - metrics["eos_share"]), metrics["kl"], metrics["length"]])
    _tell(started, curve)


def theirs(policy: str, lengths: str, seed: str) -> None:
    """Train with TRL 1.12, and tell the same."""
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer, TrainerCallback
    from trl.experimental.ppo import PPOConfig, PPOTrainer  # pyright: ignore

    tokenizer = AutoTokenizer.from_pretrained(policy, padding_side="left")

    class Backbone(torch.nn.Module):
        """It takes a reward model only: this one scores the text that it decodes, and calls that a hidden state."""

        def forward(self, input_ids: Any = None, attention_mask: Any = None, **_: Any) -> Any:
            start = tokenizer.convert_tokens_to_ids("<|im_start|>")
            found = []
            for ids, mask in zip(input_ids, attention_mask, strict=True):
                kept = ids[mask.bool()]
                begin = int((kept == start).nonzero()[-1]) + 1
                text = tokenizer.decode(kept[begin:], skip_special_tokens=True)
                found.append(reward([], [text.removeprefix("assistant\n")])[0])
            hidden = torch.tensor(found, device=input_ids.device)[:, None, None].expand(-1, input_ids.shape[1], 1)
            return type("Out", (), {"hidden_states": (hidden,)})()

    class RewardModel(torch.nn.Module):
        base_model_prefix = "backbone"

        def __init__(self) -> None:
            super().__init__()
            self.backbone = Backbone()

        def score(self, hidden: Any) -> Any:
            return hidden

    curve: list[list[float]] = []

    class Lines(TrainerCallback):
        def on_log(self, _args: Any, _state: Any, _control: Any, logs: Any = None, **_: Any) -> None:
            if logs and "objective/scores" in logs:
                curve.append([logs["objective/scores"], logs["objective/kl"], float("nan")])

    gpu = torch.cuda.is_available()
    arguments = PPOConfig(
        output_dir=str(Path(policy).with_name("trl-out")), seed=int(seed), total_episodes=UPDATES * EPISODES,
        per_device_train_batch_size=EPISODES, gradient_accumulation_steps=1, num_mini_batches=EPISODES // MINIBATCH,
        num_ppo_epochs=PASSES, response_length=LONGEST, stop_token="eos", learning_rate=RATE, temperature=1.0,
        lr_scheduler_type="constant", kl_coef=KL, missing_eos_penalty=1.0, local_rollout_forward_batch_size=EPISODES,
        num_sample_generations=0, report_to="none", bf16=gpu, use_cpu=not gpu, gradient_checkpointing=False,
        save_strategy="no", logging_steps=1, disable_tqdm=True, vf_coef=0.1,
    )  # fmt: skip
    talks = [row["prompt"] for row in prompts(lengths)]
    texts = tokenizer.apply_chat_template(talks, tokenize=False, add_generation_prompt=True)
    rows = [{"input_ids": tokenizer(text, add_special_tokens=False)["input_ids"]} for text in texts]
    trainer = PPOTrainer(
        args=arguments, processing_class=tokenizer, model=AutoModelForCausalLM.from_pretrained(policy),
        ref_model=AutoModelForCausalLM.from_pretrained(policy), reward_model=RewardModel(),
        value_model=AutoModelForSequenceClassification.from_pretrained(policy, num_labels=1),
        train_dataset=Dataset.from_list(rows), callbacks=[Lines()],
    )  # fmt: skip
    started = _clocks()
    trainer.train()
    _tell(started, curve)


def _clocks() -> tuple[float, float]:
    """Wall time and the time of this process' threads."""
    return time.perf_counter(), time.process_time()


def _tell(started: tuple[float, float], curve: list[list[float]]) -> None:
    wall, cpu = (now - then for now, then in zip(_clocks(), started, strict=True))
    part, episodes = max(1, UPDATES // 5), UPDATES * EPISODES
    ends = [[statistics.fmean(row[i] for row in rows) for i in range(2)] for rows in (curve[:part], curve[-part:])]
    import torch

    gpu = {"peak_gpu_mb": round(torch.cuda.max_memory_allocated() / 2**20)} if torch.cuda.is_available() else {}
    measuring.report(
        seconds_per_episode=wall / episodes, cpu_seconds_per_episode=cpu / episodes, updates=len(curve),
        first_reward=ends[0][0], last_reward=ends[1][0], last_kl=ends[1][1],
        curve=[round(row[0], 4) for row in curve], **gpu,
    )


def install_trl() -> None:
    """TRL 1.12, which still runs on the transformers of today, into a folder of its own."""
    if not (TRL / "trl").is_dir():
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(TRL), "trl==1.12.0"],
            check=True,
        )


def run() -> dict[str, Any]:
    """Alternate ours and TRL's, on prompts of differing and of equal lengths; print them side by side."""
    install_trl()
    policy = CACHE / "ppo-speed" / "policy"
    os.environ.update(ENVIRONMENT)
    make_policy(policy)
    settings = {"updates": UPDATES, "episodes": EPISODES, "minibatch": MINIBATCH, "passes": PASSES, "longest": LONGEST,
                "learning_rate": RATE, "kl_coefficient": KL}
    return {"settings": settings, **{name: side_by_side(policy, name, bound)
                                     for name, bound in (("lognormal", 2.0), ("equal", 1.0))}}


def side_by_side(policy: Path, lengths: str, bound: float) -> dict[str, Any]:
    """Run both in turns and print a table; gives what each run told."""
    found: dict[str, list[dict[str, Any]]] = {"ours": [], "theirs": []}
    for seed in range(REPEATS):
        for who in ("theirs", "ours") if seed % 2 else ("ours", "theirs"):
            env = ENVIRONMENT | (THEIR_ENVIRONMENT if who == "theirs" else {})
            found[who].append(measuring.alone("ppo_speed", who, str(policy), lengths, str(seed), env=env))

    def median(who: str, name: str) -> float:
        return statistics.median(each[name] for each in found[who])

    def shown(name: str, digits: int = 3, factor: float = 1) -> list[str]:
        values = [[factor * each[name] for each in found[who]] for who in ("ours", "theirs")]
        return [f"{statistics.median(each):.{digits}f} ({min(each):.{digits}f} to {max(each):.{digits}f})"
                for each in values]

    times = median("theirs", "seconds_per_episode") / median("ours", "seconds_per_episode")
    # No worse: not below the worst of theirs, since seeds differ by more than the two do.
    worst = min(each["last_reward"] for each in found["theirs"])
    title = f"PPO, {lengths} lengths, {UPDATES} updates of {EPISODES} episodes, {REPEATS} runs each: ours, TRL 1.12"
    measuring.table(title, [
        ("milliseconds per episode", *shown("seconds_per_episode", 1, 1000), f"{bound:g} times as fast: {times:.2f}",
         times >= bound),
        ("the same, of the processor", *shown("cpu_seconds_per_episode", 1, 1000), "", True),
        ("reward in the first fifth", *shown("first_reward"), "", True),
        ("reward in the last fifth", *shown("last_reward"), "no worse", median("ours", "last_reward") >= worst),
        ("KL in the last fifth", *shown("last_kl"), "", True),
        ("peak memory, MB", *shown("peak_mb", 0), "", True),
    ])  # fmt: skip
    return {"times_as_fast": times, **found}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        {"ours": ours, "theirs": theirs}[sys.argv[1]](*sys.argv[2:])
    else:
        print(json.dumps(run(), indent=1))
