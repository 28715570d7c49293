"""Labels as what a reader of values learns from: how likely each side is, and what a cell counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from graphengine.schwartz.labelled import Labelled


def side_targets(labelled: Labelled, circular: float = 0.0) -> np.ndarray:
    """How likely each side is, (answers, values, 3); zeros where nobody looked.

    Args:
        labelled: The answers.
        circular: How likely a value is aligned with an answer that was written for its direct neighbour on the circle,
            though only that one is labelled; it falls off with the square of the distance. Needs a circle.

    Example:
        >>> from graphengine.schwartz.labelled import Labelled
        >>> from graphengine.schwartz.system import load_system
        >>> hhh = load_system("hhh")
        >>> one = Labelled(["a"], [""], [""], np.array([[1, 0, np.nan]]), np.array([-1]), ["a"], [""], [""], hhh)
        >>> side_targets(one)[0].tolist()
        [[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    labels = labelled.labels
    made = np.stack([labels == side for side in (-1, 0, 1)], axis=2).astype(float)
    if circular and labelled.system.is_circle:
        apart = labelled.system.angles_between()
        step = 360 / len(labelled.system)
        near = circular * np.exp(-((apart / step) ** 2 - 1) / 2)
        np.fill_diagonal(near, 0.0)
        at = np.flatnonzero(labelled.chosen >= 0)
        share = near[labelled.chosen[at]] * (labels[at] == 0)
        made[at, :, 2] += share
        made[at, :, 1] -= share
    return made


def cell_weights(targets: np.ndarray, power: float) -> np.ndarray:
    """What each cell counts: the more, the rarer its side is among the labels of its value; 1 on average.

    Args:
        targets: (answers, values, 3).
        power: A side with n labels counts n to minus this; 0 counts all alike, 1 gives each side the same total.

    Example:
        >>> targets = np.array([[[0, 1, 0]], [[0, 1, 0]], [[0, 1, 0]], [[0, 0, 1.0]]])
        >>> cell_weights(targets, 1.0)[:, 0].round(3).tolist()
        [0.667, 0.667, 0.667, 2.0]
    """
    counts = targets.sum(axis=0)
    of_side = np.where(counts > 0, np.maximum(counts, 1.0) ** -power, 0.0)
    total = (of_side * counts).sum(axis=1, keepdims=True)
    of_side *= counts.sum(axis=1, keepdims=True) / np.where(total > 0, total, 1.0)
    return (targets * of_side).sum(axis=2)
