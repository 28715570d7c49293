"""From votes to a policy, in one readable program: rank, export, SFT, reward model, PPO, evaluation, report.

`python pipelines/survey_to_policy.py OUT [cards.csv scenarios.csv votes.csv …] [--model MODEL]`

Without files it takes the made-up sample, without a model a tiny one with random weights: a demonstration of the way,
on a CPU, in minutes. Every stage is a command that you can type yourself; its recipe is beside this file.

It may be stopped and started again at any time. A stage is done once (`stages.py`): it runs again when what it is made
of changed (files, recipe, settings, version, or an earlier stage), and a training that was cut off goes on from its
last checkpoint. `OUT/report.md` tells what came out.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from statistics import fmean
from typing import Any

from stages import Stages, command, write

import graphengine
from graphengine.errors import GraphEngineError
from graphengine.sample import sample_files

KINDS = ["cards", "unpaired", "prompts", "sft"]
TOKENS = 1024  # of the tiny model
TRAINED = ("sft", "reward", "second-reward", "ppo")
MEASURES = {
    "reward": "reward of an answer",
    "second": "the other reward model, not optimised",
    "kl": "KL to the model it began from, nats per answer",
    "length": "length of an answer, tokens",
}


def main(out: Path, files: list[Path], model: Path | None = None, *, force: bool = False) -> dict[str, Any]:
    """Run the whole way; returns the report."""
    work = Stages(out)
    sample = not files
    files = files or list(sample_files().values())

    graph = work.make("moral.graph", {"files": files}, lambda place: rank(place, files))
    data = work.make("preferences", {"graph": graph, "kinds": KINDS}, lambda place: export(graph, place))
    base = model or work.make("base", {"data": data, "tokens": TOKENS}, lambda place: tiny_model(data, place))
    sft = work.train("sft", {"model": base, "data": data})
    reward = work.train("reward", {"model": sft / "model", "data": data})
    # Another reward model, which PPO never optimises: where the two part, the policy games the first.
    second = work.train("reward", {"model": base, "data": data, "seed": 1}, name="second-reward")
    ppo = work.train("ppo", {
        "model": sft / "model", "data": data,
        "rewards": {reward / "model": 1.0}, "second_score": {second / "model": 1.0},
        # The sample is too small for a reward model to pass its gate: there, and only there, PPO goes on all the same.
        "force": force or sample,
    })
    work.evaluate({"data": data, "reward": reward, "reference": sft, "models": ppo, "max-new-tokens": 64})
    return report(out, sample=sample, tiny=model is None)


def rank(place: Path, files: list[Path]) -> None:
    """Import the files in the order given, and rank."""
    with graphengine.open(place) as graph:
        for file in files:
            outcome = graph.import_file(file, rejects=place.parent / f"{file.stem}-rejects.csv")
            print(f"{file.name}: {outcome.accepted} votes, {outcome.rejected} rows rejected")
        ranked = graph.rank()
    print(f"{ranked.contexts} contexts, {ranked.single_winners} with a single winner")


def export(graph: Path, place: Path) -> None:
    """Write the dataset folder: pairs of cards, prompts, winning cards as answers; whole contexts are held out."""
    kinds = [f"--kind={kind}" for kind in KINDS]
    command("export", "preferences", str(place), *kinds, "--by=rank", "--graph", str(graph))


def tiny_model(data: Path, place: Path) -> None:
    """A model of a million random weights, whose tokenizer has read the training rows."""
    from pyarrow import parquet
    from transformers.utils import logging

    from graphengine.models.tiny import make_tiny

    logging.disable_progress_bar()
    rows = parquet.read_table(data / "cards" / "train.parquet", columns=["prompt", "chosen", "rejected"]).to_pylist()
    texts = {message["content"] for row in rows for side in row.values() for message in side}
    make_tiny(place, sorted(texts), vocabulary=TOKENS)


def report(out: Path, *, sample: bool, tiny: bool) -> dict[str, Any]:
    """Write `report.json` and `report.md`: what each stage found, with intervals, and what it cost."""
    found = {stage: json.loads((out / stage / "report.json").read_text(encoding="utf-8")) for stage in TRAINED}
    reward, ppo = found["reward"], found["ppo"]
    curve, gained = ppo["curve"], reward_gained(out / "ppo")
    told = {
        "demonstration": sample or tiny,
        "reward_model": {key: reward[key] for key in ("held_out", "before", "baselines")},
        "gates": ppo["gates"],
        "policy": {**curve, "reward_gained": gained, "reward_rose": gained["lower"] > 0},
        "stages": {name: {key: each[key] for key in ("steps", "rows", "cost")} for name, each in found.items()},
    }
    lines = ["# From votes to a policy", ""]
    if told["demonstration"]:
        why = ["the votes are made up"] * sample + ["the model is tiny and began with random weights"] * tiny
        lines += [
            f"This shows the way and is no result: {' and '.join(why)}. What is measured below says whether each part "
            "works, and nothing about a policy of use.", "",
        ]
    lines += [
        "## Reward model", "",
        f"Accuracy on {reward['held_out']['pairs']} held-out pairs of {reward['held_out']['contexts']} contexts: "
        f"{interval(reward['held_out'], 'accuracy')}. Before training: {interval(reward['before'], 'accuracy')}.", "",
        *[f"- {each['name']} alone, which never sees the prompt: {interval(each, 'accuracy')}"
          for each in reward["baselines"] or []], "",
    ]
    reasons = [reason for gate in ppo["gates"] for reason in gate["reasons"]]
    if reasons:
        listed = [f"- {each}" for each in reasons]
        lines += ["It fails its gate, and PPO was told to go on all the same:", "", *listed, ""]
    lines += [
        "## Policy", "",
        "| in training | at first | at last |", "|---|---|---|",
        *[f"| {name} | {interval(curve[key]['first'], 'mean')} | {interval(curve[key]['last'], 'mean')} |"
          for key, name in MEASURES.items() if key in curve], "",
        f"Against the answers of the model it began from, the reward changed by {interval(gained, 'mean')}: "
        + ("it rose." if gained["lower"] > 0 else "that it rose is not shown.")
        + " What that is worth on held-out contexts is in evaluation/report.md.", "",
        *[f"- {note}" for note in ppo["notes"] if "gate" not in note], "",
        "## Cost", "", "| stage | steps | rows | seconds | peak memory, MB |", "|---|---|---|---|---|",
        *[f"| {name} | {each['steps']} | {each['rows']['train']} | {each['cost']['seconds']:.0f} | "
          f"{each['cost']['peak_memory_bytes'] / 1e6:.0f} |" for name, each in told["stages"].items()],
        "", "In brackets: 90% intervals, of accuracies over contexts, of the change over answers, of the rest over "
        "logged steps.", "",
    ]
    write(out / "report.json", json.dumps(told, indent=2) + "\n")
    write(out / "report.md", "\n".join(lines))
    print("\n".join(lines))
    return told


def reward_gained(run: Path) -> dict[str, float]:
    """How much more the answers of the last fifth of the updates are paid than those of the first update.

    The first update samples from the model that PPO began with. Answers are taken as independent.
    """
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    answers = json.loads((run / "run.json").read_text(encoding="utf-8"))["settings"]["episodes"]
    first, last = lines[0], lines[-max(1, len(lines) // 5):]
    mean = fmean(line["reward"] for line in last) - first["reward"]
    variance = first["reward_sd"] ** 2 / answers + fmean(line["reward_sd"] ** 2 for line in last) / answers / len(last)
    return {"mean": mean, "lower": mean - 1.645 * variance**0.5, "upper": mean + 1.645 * variance**0.5}


def interval(found: dict[str, Any], name: str) -> str:
    """A number with its 90% interval."""
    if found["lower"] is None:
        return f"{found[name]:.3f}"
    return f"{found[name]:.3f} ({found['lower']:.3f} to {found['upper']:.3f})"


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("out", type=Path, help="the folder of all stages")
    asked.add_argument("files", type=Path, nargs="*", help="cards, scenarios, votes; without them, the sample")
    asked.add_argument("--model", type=Path, help="the model to start from; without it, a tiny one")
    asked.add_argument("--force", action="store_true", help="train on a reward model that fails its gate")
    given = asked.parse_args()
    try:
        main(given.out, given.files, given.model, force=given.force)
    except GraphEngineError as error:
        sys.exit(f"error: {error.message}\n  try: {error.hint}")
