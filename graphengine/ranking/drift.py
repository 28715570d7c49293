"""What moved between two states of the votes: the terms that all contexts share, and rankings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from graphengine.ranking.calibration import Calibration

DRIFT = 0.5
LEAST = 0.01
SPREAD = 0.05
"""A calibration has drifted where β or log τ moved by more than `DRIFT` of its standard deviation (but at least by
`LEAST` log odds: less changes no ranking), or log σ by more than `SPREAD`."""


def drifted(old: Calibration, new: Calibration) -> str:
    """In words, by how much a calibration drifted; "" where it holds.

    What is not known of β and log τ is in every sd and interval already, so a move of less than half of that leaves
    the results as true as they were. σ has no sd of its own: 5% of it changes no score by more than some percent.

    Example:
        >>> from dataclasses import replace
        >>> from graphengine.ranking.calibration import Calibration
        >>> one = Calibration(beta=0.5, log_tau=-0.7, sigma=1.0, covariance=((0.01, 0.0), (0.0, 0.01)))
        >>> drifted(one, one), drifted(one, replace(one, beta=0.6))
        ('', 'yes-bias 0.500 to 0.600')
    """
    said = []
    names = (("yes-bias", old.beta, new.beta), ("log tie band", old.log_tau, new.log_tau))
    for place, (name, before, after) in enumerate(names):
        if abs(after - before) > max(DRIFT * float(np.sqrt(old.covariance[place][place])), LEAST):
            said.append(f"{name} {before:.3f} to {after:.3f}")
    if abs(float(np.log(new.sigma / old.sigma))) > SPREAD:
        said.append(f"spread {old.sigma:.3f} to {new.sigma:.3f}")
    return ", ".join(said)
