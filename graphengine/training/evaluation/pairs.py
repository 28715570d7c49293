"""Reward models on held-out pairs: which side of a pair gets the higher reward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.training.evaluation.calibration import Calibration, calibration
from graphengine.training.evaluation.figures import Figure, share
from graphengine.training.measures import hits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from graphengine.training.data import PreferenceFolder
    from graphengine.training.rewards import Reward

HELD_OUT = ("test", "validation")
"""Splits that training does not learn from, the first choice first."""


@dataclass(frozen=True)
class HeldOutPairs:
    """Pairs that training did not see.

    Attributes:
        split: The split that the contexts are from; empty if the folder holds none but train.
        contexts: Pairs of contexts that train does not have.
        scenarios: Pairs of scenarios that train does not have.
        seen: Whether the scenarios are of contexts that train has.
        train: What was trained on.
    """

    split: str
    contexts: list[dict[str, Any]]
    scenarios: list[dict[str, Any]]
    seen: bool
    train: Any


def held_out_pairs(folder: PreferenceFolder, scenarios: PreferenceFolder | None = None) -> HeldOutPairs:
    """The pairs to measure reward models on.

    Args:
        folder: What they were trained on, with its other splits.
        scenarios: An export of the same graph with all scenarios, in which contexts of train have scenarios that train
            does not show; left out, the scenarios are those of the held-out contexts.
    """
    split = next((name for name in HELD_OUT if name in folder.splits), "")
    train = folder.splits.get("train")
    seen_contexts = set(train["context_id"]) if train is not None else set()
    rows = folder.splits[split].to_list() if split else []
    contexts = [row for row in rows if row["context_id"] not in seen_contexts]
    seen_scenarios = set(train["scenario_id"]) if train is not None and "scenario_id" in train.column_names else set()
    prompts = {text_of(prompt) for prompt in train["prompt"]} if train is not None else set()
    if scenarios is not None:
        rows = [row for table in scenarios.splits.values() for row in table.to_list()]
        rows = [row for row in rows if row["context_id"] in seen_contexts]
    shown = [
        row for row in rows
        if row.get("scenario_id") is not None and row["scenario_id"] not in seen_scenarios
        and text_of(row["prompt"]) not in prompts
    ]
    return HeldOutPairs(split, contexts, shown, scenarios is not None, train)


@dataclass(frozen=True)
class PairMeasures:
    """A reward model on held-out pairs.

    Attributes:
        measures: By the keys of `results.OF_REWARD_MODELS`.
        calibrations: Against hard labels, and against soft ones where the pairs have `p_chosen`.
    """

    measures: dict[str, Figure | None]
    calibrations: tuple[Calibration, ...]


def measure_pairs(reward: Reward, pairs: HeldOutPairs) -> PairMeasures:
    """Measure a reward on held-out pairs, each pair once, whatever the batches.

    Args:
        reward: Gives each row's answer a number.
        pairs: What to measure on.
    """
    found = rewards_of(reward, pairs.contexts)
    right = hits(found)
    clusters = [row["context_id"] for row in pairs.contexts]
    soft = [row.get("p_chosen") for row in pairs.contexts]
    labels: list[list[float] | None] = [None]
    if soft and None not in soft:
        labels.append([float(each) for each in soft if each is not None])
    apart = [0.0 if hit == 0.5 else float(one - other) for hit, (one, other) in zip(right, found, strict=True)]
    calibrations = tuple(calibration(apart, clusters, each) for each in labels)
    shown = right if pairs.scenarios == pairs.contexts else hits(rewards_of(reward, pairs.scenarios))
    return PairMeasures(
        {
            "accuracy_contexts": share(right, "pairs", clusters),
            "accuracy_scenarios": share(shown, "pairs", [row["scenario_id"] for row in pairs.scenarios]),
            "ties": share([hit == 0.5 for hit in right], "pairs", clusters),
            "ece": calibrations[0].error,
            "ece_soft": calibrations[1].error if len(calibrations) > 1 else None,
        },
        calibrations,
    )


def rewards_of(reward: Reward, rows: Sequence[dict[str, Any]]) -> NDArray[np.float64]:
    """The rewards of the chosen and of the rejected side of each pair, (pairs, 2)."""
    if not rows:
        return np.zeros((0, 2))
    texts = [text_of(row[side]) for side in ("chosen", "rejected") for row in rows]
    return np.array(reward([*rows, *rows], texts), float).reshape(2, len(rows)).T


def text_of(value: str | Sequence[dict[str, str]]) -> str:
    """A plain text, or the words of a conversation.

    Example:
        >>> text_of([{"role": "assistant", "content": "Listen."}])
        'Listen.'
    """
    return value if isinstance(value, str) else "\n\n".join(str(each["content"]) for each in value)
