"""An evaluator of letters: cheap, exact, and with values that a tiny model can learn to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = "toihuenasr"
OPPOSED = "qzxjkvbpyw"
"""For each of ten values the letter that shows it, and the one that opposes it."""


@dataclass(frozen=True)
class Letters:
    """Reads a value from the share of its letter, less that of the letter against it."""

    name: str = "letters"
    system: str = "schwartz-10"

    def score(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """(answers, values)."""
        return np.array([
            [np.tanh(6 * (text.count(yes) - text.count(no)) / max(1, len(text)))
             for yes, no in zip(SHOWN, OPPOSED, strict=True)]
            for _, text in pairs
        ]).reshape(-1, 10)


def letters() -> Letters:
    """For `module:function`."""
    return Letters()
