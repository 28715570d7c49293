"""Made-up people who answer made-up surveys: no microdata, and no wording of any item."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from graphengine.schwartz.instruments.instrument import load_instrument
from graphengine.schwartz.system import load_system

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TYPICAL = {
    "self-direction": 4.7, "stimulation": 3.4, "hedonism": 4.0, "achievement": 3.6, "power": 2.8, "security": 4.6,
    "tradition": 4.2, "conformity": 3.9, "benevolence": 5.1, "universalism": 4.9,
}
"""Mean answers of a country like most: benevolence highest, power lowest."""


def codes(instrument: str, people: int, seed: int, means: Mapping[str, float] = TYPICAL) -> np.ndarray:
    """Answers as the instrument's files code them, (people, items), from 1 to 6."""
    kind = load_instrument(instrument)
    rng = np.random.default_rng(seed)
    own = load_system(kind.system)
    made = np.zeros((people, kind.number))
    style = rng.normal(0, 0.4, (people, 1))  # how somebody uses the scale
    for value, items in kind.items.items():
        parents = own.values[own.ids.index(value)].into
        mean = means.get(value) or means.get(str(parents.get("schwartz-10")), 3.5)
        made[:, [item - 1 for item in items]] = mean + style + rng.normal(0, 0.9, (people, len(items)))
    answers = np.clip(np.round(made), 1, 6)
    return 7 - answers if kind.reversed else answers


def write_csv(path: Path, names: Sequence[str], rows: Sequence[Sequence[object]]) -> Path:
    """A CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
    return path


def ess_csv(path: Path, countries: Mapping[str, np.ndarray], **columns: Sequence[object]) -> Path:
    """A file of the European Social Survey's form: cntry, the 21 items, further columns."""
    names = load_instrument("ess-21").variables
    rows = [[country, *row.tolist()] for country, given in countries.items() for row in given]
    rows = [[*row, *(values[place] for values in columns.values())] for place, row in enumerate(rows)]
    return write_csv(path, ["cntry", *names, *columns], rows)
