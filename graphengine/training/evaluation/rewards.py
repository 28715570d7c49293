"""The part of an evaluation about reward models: each on held-out pairs, beside the baselines."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from graphengine.errors import TrainingError
from graphengine.training.data import open_folder
from graphengine.training.evaluation.found import data_folder
from graphengine.training.evaluation.loading import libraries
from graphengine.training.evaluation.pairs import held_out_pairs, measure_pairs
from graphengine.training.evaluation.results import Row
from graphengine.training.rewards import Reward, load_rewards

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphengine.training.evaluation.found import Found
    from graphengine.training.evaluation.settings import EvaluationSettings
    from graphengine.training.evaluation.stages import ModelFolder


def open_reward(spec: str | Path) -> Reward:
    """A folder of a reward model, or a function, as a reward."""
    torch, _ = libraries()
    return load_rewards({str(spec): 1.0}, device="cuda" if torch.cuda.is_available() else "cpu")


def measure_reward_models(
    settings: EvaluationSettings, models: list[ModelFolder], scorer: ModelFolder | None, reward: Reward | None,
    found: Found, progress: Callable[[str], None],
) -> None:
    """Every reward model on held-out pairs, and the baselines on the same.

    Args:
        settings: What to measure on.
        models: The reward models; none where the reward is a function.
        scorer: The one of them that answers are rewarded by.
        reward: The same, open.
        found: Takes what is found.
        progress: Takes a line for each thing that is being done.

    Raises:
        TrainingError: If there is no pair to measure on.
    """
    from graphengine.preferences.audit import baselines

    folder = found.data["pairs"] = open_folder(data_folder(settings, "reward models"), settings.kind)
    scenarios = open_folder(settings.scenarios, settings.kind) if settings.scenarios else None
    if scenarios:
        found.data["scenarios"] = scenarios
    pairs = held_out_pairs(folder, scenarios)
    if not pairs.contexts:
        raise TrainingError(
            f"{folder.path} holds no pairs of contexts that train does not have, so no reward model can be measured",
            hint="export a graph with more contexts", file=folder.path, key="data",
        )
    if pairs.split != "test":
        found.notes.append(
            f"There is no test split: pairs are those of {pairs.split}, which training may have looked at."
        )
    if not pairs.scenarios:
        found.notes.append("No pair shows a scenario that train does not have.")
    elif not pairs.seen:
        found.notes.append(
            "The held-out scenarios are those of held-out contexts. To measure new scenarios of contexts in train, "
            "export with --all-scenarios and give that folder as --scenarios."
        )
    if pairs.train is not None:
        progress("baselines")
        table, held = folder.splits[pairs.split], {row["context_id"] for row in pairs.contexts}
        table = table.select([place for place, context in enumerate(table["context_id"]) if context in held])
        found.baselines = tuple(each.as_json() for each in baselines(pairs.train, table))
    for model in models or [None]:
        name = model.name if model else _name_of(settings.reward)
        progress(f"{name}: {len(pairs.contexts)} held-out pairs")
        scores = reward if reward is not None and (model is None or model is scorer) else open_reward(model.path)  # type: ignore[union-attr]
        measured = measure_pairs(scores, pairs)
        found.calibrations[name] = measured.calibrations
        size = _parameters(model.path) if model else None
        where = str(model.path) if model else settings.reward
        found.rows.append(Row(name, "reward model", where, size, None, measured.measures))
        if model and ((model.report.get("run") or {}).get("settings") or {}).get("evidence") == "margin":
            found.notes.append(f"{name} was trained with margins, which make it surer than its probabilities mean.")


def _name_of(function: str) -> str:
    module, _, name = function.rpartition(":")
    return f"{Path(module).name}:{name}"


def _parameters(folder: Path) -> int | None:
    """How many weights a model's files hold, without loading them."""
    total = 0
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as opened:
            head = json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
        total += sum(math.prod(tensor["shape"]) for name, tensor in head.items() if name != "__metadata__")
    return total or None
