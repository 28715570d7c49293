"""How many labels is a value reward worth? It, and an ordinary reward model with 1, 2 and 5 times the labels.

`python pipelines/basealign_vs_rlhf.py OUT [--target security] [--labels 64] [--seeds 3] [--judge J] [--model M] …`

The model before answers the prompts several times, and a judge (people's stand-in, who measures in the end) labels:

- for the **value reward**, each of N answers on each value: an evaluator learns from them, and the reward is minus the
  distance of what it reads to the target;
- for the **reward model**, which of two answers is nearer to the target, for N, 2N and 5N pairs.

One answer that is read, or one pair that is compared, counts as one label; reading ten values is more work than
comparing, and tells more. Then PPO trains the same model on each reward, with the same recipe and as many updates, and
the judge reads answers to prompts that nobody was trained on. `OUT/report.md` has the distances, with 90% intervals
over seeds; each seed has its own labels, models and policies.

Without a judge and a model it demonstrates the way with the small evaluator and the tiny model of `basealign.py`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from basealign import RECIPE, Task, cell, demonstration, read_prompts, said, slug
from made_up import made_up_prompts, prompts_folder, small_evaluator, tiny_policy, write_folder
from stages import Stages, write

from graphengine.errors import GraphEngineError, InputError
from graphengine.schwartz.distance import SPEAKS, distance_to
from graphengine.schwartz.reward import prompt_text
from graphengine.schwartz.shifting import shift
from graphengine.schwartz.target_files import load_target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.schwartz.target import Target

TIMES = (1, 2, 5)
VALUE = "value reward"
TOLD = {"per_response": "distance of an answer", "profile": "distance of the mean answer"}


def main(
    out: Path, target: str = "security", *, labels: int = 64, seeds: int = 3, judge: str = "",
    model: Path | None = None, prompts: Path | None = None, encoder: Path | None = None, answers: int = 4,
    sets: Sequence[str] = (), reward_sets: Sequence[str] = (),
) -> dict[str, Any]:
    """Label, train, measure, report; returns the report."""
    import yaml

    wanted, work = load_target(target), Stages(out)
    recipe = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    more, of_reward = ({key: yaml.safe_load(value) for key, _, value in (each.partition("=") for each in given)}
                       for given in (sets, reward_sets))
    task = Task(
        evaluator=judge or str(work.make("judge", {"small": 1}, small_evaluator)),
        distance={key: value for key, value in recipe["rewards"]["value-distance"].items()
                  if key not in ("target", "evaluator")},
        prompts=work.make("prompts", {"file": prompts} if prompts else {"made up": 1}, lambda place: prompts_folder(
            place, read_prompts(prompts) if prompts else made_up_prompts())),
        model=model or tiny_policy(work), method="ppo", answers=answers,
        tokens=int(more.get("max_new_tokens", recipe["max_new_tokens"])),
    )
    of = {"target": Path(target) if Path(target).exists() else target}
    by = Path(task.evaluator) if Path(task.evaluator).exists() else task.evaluator
    runs: dict[str, list[Path]] = {}
    judged: dict[str, list[float | None]] = {}
    for seed in range(seeds):
        labelled = work.make(f"labels-{seed}", {
            "model": task.model, "prompts": task.prompts, "judge": by, "labels": labels, "seed": seed,
            "tokens": task.tokens, "times": list(TIMES), **of,
        }, lambda place, seed=seed: label(place, task, wanted, labels, seed))
        reader = work.make(f"evaluator-{seed}", {"labels": labelled, "seed": seed, "encoder": encoder},
                           lambda place, labelled=labelled, seed=seed: learn(place, labelled, seed, encoder))
        rewards: dict[str, dict[Any, Any]] = {VALUE: replace(task, evaluator=str(reader)).rewards(target)}
        for times in TIMES:
            learnt = work.train("reward", {
                "model": task.model, "data": labelled / f"pairs-{times}x", "kind": "responses", "evidence": "none",
                "seed": seed, **of_reward}, name=f"reward-{times}x-{seed}")
            told = json.loads((learnt / "report.json").read_text(encoding="utf-8"))
            judged.setdefault(arm(times), []).append((told["held_out"] or {}).get("accuracy"))
            rewards[arm(times)] = {learnt / "model": 1.0}
        for name, each in rewards.items():
            runs.setdefault(name, []).append(work.train("ppo", {
                "model": task.model, "data": task.prompts, "rewards": each, "seed": seed,
                "force": True,  # a reward model with few labels fails its gate: what that costs is the question
                **more}, name=f"policy-{slug(name)}-{seed}", recipe=RECIPE) / "model")
    told = report(task, wanted, runs, labels) | {
        "accuracy_of_reward_models": judged, "demonstration": demonstration(model, prompts, judge, "judge")}
    write(out / "report.json", json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    write(out / "report.md", text := markdown(told))
    print(text)
    return told


def arm(times: int) -> str:
    """The name of a reward model's row."""
    return f"reward model, {times}x labels"


def label(place: Path, task: Task, target: Target, labels: int, seed: int) -> None:
    """Answers of the model before, read by the judge: rows for an evaluator, and pairs for reward models."""
    from graphengine.training.data import open_folder
    from graphengine.training.evaluators import load_evaluator

    draw, judge = random.Random(seed), load_evaluator(task.evaluator, target.system)  # noqa: S311 (nothing secret)
    splits = open_folder(task.prompts, "prompts").splits
    place.mkdir(parents=True)
    sides: dict[str, list[dict[str, Any]]] = {}
    for split in ("train", "test"):
        rows = splits[split].to_list()
        most = max(TIMES) * labels if split == "train" else 2 * len(rows)
        each = -(-6 * most // len(rows)) + 1  # three times what is needed: some pairs are ties
        read, answers = said(task, judge, task.model, rows, times=each, seed=1000 * (seed + 1))
        far = distance_to(target, task.distance["distance"]).distance(read.matrix)
        pairs = []
        for row, asked in enumerate(rows):
            mine = list(range(row * each, (row + 1) * each))
            draw.shuffle(mine)
            for one, two in zip(mine[::2], mine[1::2], strict=False):
                near, other = sorted((one, two), key=lambda at: far[at])
                if far[near] < far[other] and answers[near].strip() and answers[other].strip():
                    pairs.append({
                        "prompt": asked["prompt"], "chosen": answer(answers[near]), "rejected": answer(answers[other]),
                        "p_chosen": 1.0, "weight": 1.0, "margin": float(far[other] - far[near]),
                        "context_id": asked["context_id"],
                    })
        draw.shuffle(pairs)
        if len(pairs) < most and split == "train":
            raise InputError(f"the model's answers make {len(pairs)} pairs that are not alike, and {most} are needed",
                             hint="give fewer --labels, or more prompts", value=len(pairs))
        sides[split] = pairs[:most]
        if split == "train":
            chosen = draw.sample(range(len(answers)), labels)
            lines = [{
                "prompt": prompt_text(rows[at // each]["prompt"]), "response": answers[at],
                **{value: int((score > SPEAKS) - (score < -SPEAKS)) for value, score in
                   zip(read.system.ids, read.matrix[at].tolist(), strict=True)},
            } for at in chosen]
            (place / "answers.jsonl").write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines),
                                                 encoding="utf-8")
    for times in TIMES:
        write_folder(place / f"pairs-{times}x", "responses", {
            "train": sides["train"][: times * labels], "test": sides["test"]})


def answer(text: str) -> list[dict[str, str]]:
    """As a message."""
    return [{"role": "assistant", "content": text}]


def learn(place: Path, labelled: Path, seed: int, encoder: Path | None = None) -> None:
    """An evaluator from the labelled answers: of words, and of an encoder's vectors where there is one."""
    from graphengine.training.evaluator import EvaluatorSettings, train_evaluator

    train_evaluator(EvaluatorSettings(rows=(labelled / "answers.jsonl",), out=place, seed=seed, encoder=encoder))


def report(task: Task, target: Target, runs: dict[str, list[Path]], labels: int) -> dict[str, Any]:
    """Let the judge read what everybody answers to prompts that nobody was trained on."""
    from graphengine.training.data import open_folder
    from graphengine.training.evaluators import load_evaluator

    rows = open_folder(task.prompts, "prompts").splits["test"].to_list()
    judge = load_evaluator(task.evaluator, target.system)
    before, _ = said(task, judge, task.model, rows)
    prompts = [each.rpartition("#")[0] for each in before.ids]
    told: dict[str, dict[str, list[float]]] = {}
    start: dict[str, float] = {}
    for name, models in runs.items():
        print(f"measuring: {name}", file=sys.stderr, flush=True)
        found = [shift(before, said(task, judge, model, rows)[0], target, prompts=prompts,
                       distance=task.distance["distance"]) for model in models]
        told[name] = {kind: [each.told[kind].after.value for each in found] for kind in TOLD}
        start = {kind: found[0].told[kind].before.value for kind in TOLD}
    return {
        "target": target.as_json(), "judge": judge.name, "labels": labels, "seeds": len(runs[VALUE]),
        "prompts": len(rows), "answers": task.answers, "before": start,
        "after": {name: {kind: over_seeds(numbers) for kind, numbers in each.items()} for name, each in told.items()},
        "beside_value_reward": {
            name: {kind: over_seeds([a - b for a, b in zip(numbers, told[VALUE][kind], strict=True)])
                   for kind, numbers in each.items()} for name, each in told.items() if name != VALUE},
    }


def over_seeds(numbers: list[float]) -> dict[str, Any]:
    """The mean with the 90% interval of Student; none of one seed."""
    import numpy as np
    from scipy.special import stdtrit

    mean, interval = float(np.mean(numbers)), [None, None]
    if len(numbers) > 1:
        half = float(stdtrit(len(numbers) - 1, 0.95) * np.std(numbers, ddof=1) / len(numbers) ** 0.5)
        interval = [mean - half, mean + half]
    return {"value": mean, "interval": interval, "seeds": numbers}


def markdown(told: dict[str, Any]) -> str:
    """The report for people."""
    lines = ["# A value reward beside ordinary reward models", ""]
    if told["demonstration"]:
        lines += [f"This shows the way and is no result: {', '.join(told['demonstration'])}.", ""]
    lines += [
        f"Target {told['target']['name']}; {told['labels']} labels at 1x; {told['prompts']} prompts that nobody was "
        f"trained on, {told['answers']} answers each, read by {told['judge']}. In brackets: 90% intervals over "
        f"{told['seeds']} seeds.", "",
        f"| | {' | '.join(TOLD.values())} | beside the value reward | held-out accuracy |", f"|---{'|---' * 4}|",
        f"| before | {' | '.join(format(told['before'][kind], '.3f') for kind in TOLD)} | | |",
    ]
    for name, each in told["after"].items():
        beside = told["beside_value_reward"].get(name)
        right = [number for number in told["accuracy_of_reward_models"].get(name, []) if number is not None]
        shown = cell(over_seeds(right)) if right else ""
        lines.append(f"| {name} | {' | '.join(cell(each[kind]) for kind in TOLD)} | "
                     f"{cell(beside['per_response']) if beside else ''} | {shown} |")
    return "\n".join([*lines, "", "Beside the value reward: the difference of the distances of an answer, seed by "
                      "seed; above 0 the value reward came nearer.", ""])


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("out", type=Path, help="the folder of everything")
    asked.add_argument("--target", default="security", help="a preset or a file")
    asked.add_argument("--labels", type=int, default=64, help="labels of the value reward, and of 1x")
    asked.add_argument("--seeds", type=int, default=3)
    asked.add_argument("--judge", default="", help="who labels and measures: as --evaluator of basealign.py")
    asked.add_argument("--model", type=Path, help="the policy before; without it, a tiny one")
    asked.add_argument("--prompts", type=Path, help="a file: .txt, .jsonl, .parquet")
    asked.add_argument("--encoder", type=Path, help="folder of an encoder that the value reward's evaluator reads with")
    asked.add_argument("--answers", type=int, default=4, help="answers to each prompt that is measured")
    asked.add_argument("--set", action="append", default=[], dest="sets", metavar="KEY=VALUE", help="of PPO")
    asked.add_argument("--reward-set", action="append", default=[], dest="reward_sets", metavar="KEY=VALUE",
                       help="of the reward models")
    given = asked.parse_args()
    try:
        main(**vars(given))
    except GraphEngineError as error:
        sys.exit(f"error: {error.message}\n  try: {error.hint}")
