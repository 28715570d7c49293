"""What a reward model has learnt that rules without the prompt have not: accuracy on contexts that it has never seen.

Three sets of pairs, each with the same table: the reward model trained by `graphengine.training.reward` as it is, with
the 90% interval over contexts, beside length, words and titles.

- **typed world**: `typed_world`, another world and another tiny model for each of five seeds. Only the context decides.
- **sample**: the made-up graph of the demo, with a tiny model; five seeds. So small that the intervals tell little.
- **SVDA**: a small encoder that was trained on much text (`GRAPHENGINE_ENCODER`, or the package that carries
  MiniLM-L6), train to dev, the value in the prompt; beside it the same with values shuffled. Needs the data of
  `GRAPHENGINE_TEST_DATA`. Wording decides most of this set: read the words baseline first.

`python -m benchmarks.reward_generalisation SET SEED` runs one of them.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import measuring, pair_folders, typed_world

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

SEEDS = 5
BEYOND = 0.10
"""By how much the reward model must beat each baseline in the typed world."""
SVDA_BOUND = 0.975

SETTINGS: dict[str, dict[str, Any]] = {
    "typed": {"learning_rate": 1e-3, "epochs": 4, "batch_size": 32, "warmup": 0.05},
    "sample": {"learning_rate": 5e-4, "epochs": 8, "batch_size": 16, "warmup": 0.05},
    "svda": {"learning_rate": 1e-4, "epochs": 2, "batch_size": 16, "warmup": 0.05, "max_length": 256},
}
TINY = {"hidden": 64, "layers": 2, "vocabulary": 1024}


def measure(name: str, seed: int) -> None:
    """One set and one seed, in a process of its own."""
    from graphengine.training.reward import RewardSettings, train_reward

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        splits = _splits(name, seed, folder)
        model = _model(name, seed, splits["train"], folder / "start")
        started = time.perf_counter()
        report = train_reward(RewardSettings(
            model=model, data=pair_folders.write(folder / "data", splits), out=folder / "run", seed=seed,
            evidence="none", **SETTINGS[name.partition("-")[0]],
        )).report
        seconds = time.perf_counter() - started
    measuring.report(
        name=name, seed=seed, model=report["held_out"], before=report["before"], baselines=report["baselines"],
        steps=report["steps"], rows=report["rows"], left_out=report["left_out"], seconds=round(seconds, 1),
    )


def _splits(name: str, seed: int, folder: Path) -> dict[str, pa.Table]:
    """Train and test."""
    if name == "typed":
        return typed_world.make_splits(seed)
    if name == "sample":
        return _sample(folder)
    data = pair_folders.data_folder("svda")
    if data is None:
        sys.exit("no SVDA data: set GRAPHENGINE_TEST_DATA")
    return pair_folders.svda(data, shuffled=seed if name == "svda-shuffled" else None)


def _sample(folder: Path) -> dict[str, pa.Table]:
    """The sample graph, exported as a user does."""
    from pyarrow import parquet

    import graphengine
    from graphengine.sample import sample_files

    with graphengine.open(folder / "moral.graph") as graph:
        for file in sample_files().values():
            graph.import_file(file)
        graph.rank()
        graph.export_preferences(folder / "sample")
    return {file.stem: parquet.read_table(file) for file in sorted((folder / "sample" / "cards").glob("*.parquet"))}


def _model(name: str, seed: int, train: pa.Table, folder: Path) -> Path:
    """What is trained: the small encoder for SVDA, else a tiny model with random weights."""
    from graphengine.models.encoder import find_encoder, prepare_encoder
    from graphengine.models.tiny import make_tiny

    if name.startswith("svda"):
        encoder = find_encoder()
        if encoder is None:
            sys.exit("no small encoder: set GRAPHENGINE_ENCODER to its folder")
        return prepare_encoder(encoder, folder)
    rows = train.select(["prompt", "chosen", "rejected"]).to_pylist()
    return make_tiny(folder, [row[side][0]["content"] for row in rows for side in row], seed=seed, **TINY)


def over_seeds(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """The mean accuracy of some runs with its 90% interval over seeds (Student's t), and each run's own."""
    from scipy.stats import t

    accuracies = [run["model"]["accuracy"] for run in runs]
    half = math.inf
    if len(runs) > 1:
        half = float(t.ppf(0.95, len(runs) - 1)) * statistics.stdev(accuracies) / math.sqrt(len(runs))
    mean = statistics.fmean(accuracies)
    beside = [{each["name"]: each["accuracy"] for each in run["baselines"]} for run in runs]
    return {
        "accuracy": mean, "lower": max(0.0, mean - half), "upper": min(1.0, mean + half), "seeds": len(runs),
        "baselines": {name: statistics.fmean(each[name] for each in beside) for name in beside[0]},
        "least_beyond": min(
            run["model"]["accuracy"] - max(each.values()) for run, each in zip(runs, beside, strict=True)
        ),
        "seconds": round(statistics.fmean(run["seconds"] for run in runs), 1),
        "runs": runs,
    }


def show(title: str, runs: list[dict[str, Any]], bound: str = "", holds: bool = True) -> None:
    """Print the table of one set: the model and the baselines, each with its interval over the contexts of each run."""
    rows = []
    held_out = runs[0]["model"]
    for run in runs:
        beside = ", ".join(f"{each['name']} {_told(each)}" for each in run["baselines"])
        rows.append((f"seed {run['seed']}", _told(run["model"]), beside, bound, holds))
    measuring.table(f"{title}: {held_out['pairs']} held-out pairs of {held_out['contexts']} contexts", rows)


def _told(found: Mapping[str, Any]) -> str:
    return f"{found['accuracy']:.3f} [{found['lower']:.3f}, {found['upper']:.3f}]"


def run(seeds: int = SEEDS) -> dict[str, Any]:
    """Returns the figures."""
    found: dict[str, Any] = {}
    for name, title in (("typed", "Typed world"), ("sample", "Sample graph")):
        runs = [measuring.alone("reward_generalisation", name, str(seed)) for seed in range(seeds)]
        found[name] = over_seeds(runs)
        beats = name != "typed" or found[name]["least_beyond"] >= BEYOND
        show(title, runs, f"baselines + {BEYOND}" if name == "typed" else "", beats)
    if not _has_svda():
        print("\nSVDA: left out, since the data or the small encoder is not there")
        return found
    svda = measuring.alone("reward_generalisation", "svda", "0")
    shuffled = measuring.alone("reward_generalisation", "svda-shuffled", "0")
    show("SVDA, value in the prompt", [svda], f">= {SVDA_BOUND}", svda["model"]["accuracy"] >= SVDA_BOUND)
    show("SVDA, values shuffled", [shuffled])
    return {**found, "svda": svda, "svda_shuffled": shuffled}


def _has_svda() -> bool:
    from graphengine.models.encoder import find_encoder

    return pair_folders.data_folder("svda") is not None and find_encoder() is not None


if __name__ == "__main__":
    if sys.argv[1:]:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        print(json.dumps(run(), indent=1))
