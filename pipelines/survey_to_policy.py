"""From votes to a policy, in one readable program: rank, export, SFT, reward model, PPO, evaluation, report.

`python pipelines/survey_to_policy.py OUT [cards.csv scenarios.csv votes.csv …] [--model MODEL]`

Without files it takes the made-up sample, without a model a tiny one with random weights: a demonstration of the way,
on a CPU, in minutes. Every stage is a command that you can type yourself; its recipe is beside this file.

It may be stopped and started again at any time. A stage is done once: it runs again when what it is made of changed
(files, recipe, settings, version, or an earlier stage), and a training that was cut off goes on from its last
checkpoint. `OUT/stages.json` remembers; `OUT/report.md` tells what came out.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import graphengine
from graphengine.sample import sample_files

if TYPE_CHECKING:
    from collections.abc import Callable

RECIPES = Path(__file__).resolve().parent


def main(out: Path, files: list[Path], model: Path | None = None, *, force: bool = False) -> dict[str, Any]:
    """Run the whole way; returns the report."""
    work = Stages(out)
    sample = not files
    files = files or list(sample_files().values())

    graph = work.make("moral.graph", {"files": files}, lambda place: rank(place, files))
    data = work.make("preferences", {"graph": graph}, lambda place: export(graph, place))
    base = model or work.make("base", {"data": data}, lambda place: tiny_model(data, place))
    sft = work.train("sft", {"model": base, "data": data})
    reward = work.train("reward", {"model": sft / "model", "data": data}, recipe="reward_model.yaml")
    # The sample is too small for a reward model that passes its gate: there, and there only, PPO goes on all the same.
    ppo = work.train("ppo", {
        "model": sft / "model", "data": data, "rewards": {reward / "model": 1.0}, "force": force or sample,
    })
    measured = work.command("evaluation", {
        "data": data, "reward": reward, "reference": sft, "models": ppo, "max-new-tokens": 64,
    })
    return report(out, (sft, reward, ppo), measured, sample=sample, tiny=model is None)


def rank(place: Path, files: list[Path]) -> None:
    """Import the files in the order given, and rank."""
    with graphengine.open(place) as graph:
        for file in files:
            outcome = graph.import_file(file, rejects=place.parent / f"{file.stem}-rejects.csv")
            print(f"{file.name}: {outcome.accepted} votes, {outcome.rejected} rows rejected")
        ranked = graph.rank()
    print(f"{ranked.contexts} contexts, {ranked.single_winners} with a single winner")


def export(graph_folder: Path, place: Path) -> None:
    """Write the dataset folder: pairs of cards, prompts, single answers; whole contexts are held out."""
    with graphengine.open(graph_folder) as graph:
        done = graph.export_preferences(place)
    print(f"{done.pairs} pairs: {done.splits}")


def tiny_model(data: Path, place: Path) -> None:
    """A model of a million random weights, whose tokenizer has read the training rows."""
    from pyarrow import parquet

    from graphengine.models.tiny import make_tiny

    rows = parquet.read_table(data / "cards" / "train.parquet", columns=["prompt", "chosen", "rejected"]).to_pylist()
    make_tiny(place, sorted({message["content"] for row in rows for side in row.values() for message in side}))


class Stages:
    """The stages in a folder, and what each was made of.

    Args:
        out: The folder.

    Attributes:
        done: By name: `key`, what the stage was made of, as a hash; `whole`, whether it ended; `seconds`.
    """

    def __init__(self, out: Path) -> None:
        self.out, self.record = out, out / "stages.json"
        out.mkdir(parents=True, exist_ok=True)
        self.done: dict[str, dict[str, Any]] = json.loads(self.record.read_text()) if self.record.exists() else {}

    def make(
        self, name: str, made_of: dict[str, Any], run: Callable[[Path], object], *,
        go_on: Callable[[Path], object] | None = None,
    ) -> Path:
        """A stage: run if what it is made of changed, or if it never ended.

        Args:
            name: Its name, and that of its folder.
            made_of: Its inputs and settings; a path of another stage stands for what that was made of.
            run: Makes the folder it is given.
            go_on: Goes on with a folder in which the same stage was cut off; left out, it begins anew.
        """
        facts = plain({"stage": name, "version": graphengine.__version__, **made_of}, self._told)
        place, key = self.out / name, hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        before = self.done.get(name, {})
        if before == {**before, "key": key, "whole": True} and place.exists():
            print(f"{name}: nothing changed", flush=True)
            return place
        print(f"{name}: …", flush=True)
        cut_off = go_on if before.get("key") == key and place.exists() else None
        if not cut_off:
            shutil.rmtree(place, ignore_errors=True)
        self._remember(name, {"key": key, "whole": False})
        started = time.monotonic()
        (cut_off or run)(place)
        self._remember(name, {"key": key, "whole": True, "seconds": round(time.monotonic() - started, 1)})
        return place

    def train(self, stage: str, settings: dict[str, Any], *, recipe: str = "") -> Path:
        """A stage of training, as a command in a process of its own."""
        file = RECIPES / (recipe or f"{stage}.yaml")

        def run(place: Path, **more: Any) -> None:
            given = {**settings, "out": place, **more}
            sets = [f"--set={name}={json.dumps(plain(value, str))}" for name, value in given.items()]
            command("train", stage, "--config", str(file), *sets)

        return self.make(stage, {"recipe": file, **settings}, run, go_on=lambda place: run(place, resume=True))

    def command(self, name: str, options: dict[str, Any]) -> Path:
        """The stage of another command, with its options."""
        words = ["evaluate", *(word for option, value in options.items() for word in (f"--{option}", str(value)))]
        return self.make(name, options, lambda place: command(*words, "--out", str(place)))

    def _told(self, path: Path) -> str:
        """What a path stands for: the stage that makes it, or the content of a file or a folder."""
        for name, stage in self.done.items():
            if (self.out / name) in (path, *path.parents):
                return stage["key"]
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        whole = hashlib.sha256()
        for file in files:
            with file.open("rb") as content:
                whole.update(f"{file.name} {hashlib.file_digest(content, 'sha256').hexdigest()}\n".encode())
        return whole.hexdigest()

    def _remember(self, name: str, stage: dict[str, Any]) -> None:
        self.done[name] = stage
        write(self.record, json.dumps(self.done, indent=2) + "\n")


def plain(value: Any, path: Callable[[Path], str]) -> Any:
    """A value as JSON knows it, each path in it as `path` tells it."""
    if isinstance(value, dict):
        return {plain(key, path): plain(each, path) for key, each in value.items()}
    if isinstance(value, list):
        return [plain(each, path) for each in value]
    return path(value) if isinstance(value, Path) else value


def command(*words: str) -> None:
    """Run graphengine; what goes wrong it has said itself, and ends this program too."""
    done = subprocess.run([sys.executable, "-m", "graphengine", *words], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def write(file: Path, text: str) -> None:
    """Write a file whole or not at all."""
    temporary = file.with_name(f".{file.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(file)


def report(out: Path, stages: tuple[Path, ...], evaluation: Path, *, sample: bool, tiny: bool) -> dict[str, Any]:
    """Write `report.json` and `report.md`: what each stage found, with intervals, and what it cost."""
    found = {stage.name: json.loads((stage / "report.json").read_text(encoding="utf-8")) for stage in stages}
    judged, paid = found["reward"]["held_out"], found["ppo"]["curve"]["reward"]
    kl = found["ppo"]["curve"]["kl"]
    rose = paid["last"]["lower"] > paid["first"]["upper"]
    told = {
        "demonstration": sample or tiny,
        "reward_model": {"held_out": judged, "baselines": found["reward"]["baselines"], "gates": found["ppo"]["gates"]},
        "policy": {"reward": paid, "kl": kl, "reward_rose": rose},
        "stages": {name: {key: each[key] for key in ("steps", "rows", "cost")} for name, each in found.items()},
        "evaluation": str(evaluation / "report.md"),
    }
    write(out / "report.json", json.dumps(told, indent=2) + "\n")
    lines = ["# From votes to a policy", ""]
    if told["demonstration"]:
        why = ["the votes are made up"] * sample + ["the model is tiny and began with random weights"] * tiny
        lines += [
            f"This shows the way and is no result: {' and '.join(why)}. What is measured below says whether each "
            "part works, and nothing about a policy of use.", "",
        ]
    gates = [reason for gate in found["ppo"]["gates"] for reason in gate["reasons"]]
    lines += [
        "## Reward model", "",
        f"Accuracy on {judged['pairs']} held-out pairs: {interval(judged, 'accuracy')}. Untrained: "
        f"{interval(found['reward']['before'], 'accuracy')}.", "",
        *[f"- {each['name']} alone, which never sees the prompt: {interval(each, 'accuracy')}"
          for each in found["reward"]["baselines"] or []], "",
        "It fails its gate, and PPO was told to go on all the same: " + "; ".join(gates) + "." if gates
        else "It passes its gate.", "",
        "## Policy", "",
        f"Reward of its answers in training: {interval(paid['first'], 'mean')} at first, "
        f"{interval(paid['last'], 'mean')} at last"
        + (", so it rose." if rose else "; that it rose is not shown.")
        + f" KL to the model it began from, at last: {interval(kl['last'], 'mean')} nats per answer.", "",
        "What it is worth on held-out contexts: [evaluation](evaluation/report.md).", "",
        "## Cost", "", "| stage | steps | rows | seconds | peak memory, MB |", "|---|---|---|---|---|",
        *[f"| {name} | {each['steps']} | {each['rows']['train']} | {each['cost']['seconds']:.0f} | "
          f"{each['cost']['peak_memory_bytes'] / 1e6:.0f} |" for name, each in told["stages"].items()],
        "",
    ]
    write(out / "report.md", "\n".join(lines))
    print("\n".join(lines))
    return told


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
    main(given.out, given.files, given.model, force=given.force)
