"""How far a model's utilities are from people's: losses, orders, intervals. Pure functions on tables; no torch.

    misalignment(human, model, by="prompt") -> Misalignment

`reading.py` opens the two tables, `matching.py` puts them together by id, `pairs.py` sums over all pairs without
forming them, `measures.py` makes the figures of those sums, `intervals.py` draws them again, `worst.py` finds the pairs
that are furthest off, and `measuring.py` does it all.
"""

from __future__ import annotations

from graphengine.alignment.losses import Fit, best_fit, loss_1, loss_2
from graphengine.alignment.measuring import Misalignment, misalignment
from graphengine.alignment.reading import read_utilities

__all__ = ["Fit", "Misalignment", "best_fit", "loss_1", "loss_2", "misalignment", "read_utilities"]
