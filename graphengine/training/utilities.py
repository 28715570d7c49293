"""A reward model's utility of texts whose utility for people is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from graphengine.training.evaluation.stages import model_folders
from graphengine.training.rewards import Reward, load_rewards

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

_AT_ONCE = 64  # texts between two lines of progress


def reward_utilities(
    texts: pa.Table, reward: str | Path, *, progress: Callable[[str], None] = lambda _: None
) -> pa.Table:
    """Score texts with a reward model.

    Args:
        texts: `id, prompt, completion`; all columns are there for a reward that is a function.
        reward: The folder of a run of `train reward` or of a model, or `module:function`.
        progress: Takes a line for each part that is done.

    Returns:
        `id, utility`.

    Raises:
        TrainingError: If it is no reward model.
        MissingExtraError: If torch is not installed.

    Example:
        >>> reward_utilities(graph.utilities("When grieving"), "runs/reward")  # doctest: +SKIP
    """
    import pyarrow as pa

    score = _open(str(reward))
    rows = texts.to_pylist()
    found: list[float] = []
    for start in range(0, len(rows), _AT_ONCE):
        part = rows[start : start + _AT_ONCE]
        found += score(part, [row["completion"] for row in part])
        progress(f"scored {len(found)} of {len(rows)} texts")
    return pa.table({"id": texts.column("id"), "utility": pa.array(found, pa.float64())})


def _open(reward: str) -> Reward:
    if ":" in reward and not Path(reward).exists():
        return load_rewards({reward: 1.0})  # a function: no torch
    from graphengine.training.evaluation.rewards import open_reward

    return open_reward(model_folders((Path(reward),))[0].path)
