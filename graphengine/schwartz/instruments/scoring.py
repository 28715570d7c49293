"""From answers to scores of values, person by person.

1. An answer that says "very much like me" with a low code is turned round: 7 - x.
2. People who answered too little, or gave one answer to too many items, are left out.
3. A value's score is the mean of its items. Centred scores have the person's mean over all items (MRAT) taken off, so
   that how somebody uses the scale does not count; they are not divided by a standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphengine.errors import InputError
from graphengine.schwartz.instruments.instrument import HIGHEST, LOWEST

if TYPE_CHECKING:
    import numpy as np

    from graphengine.schwartz.instruments.instrument import Instrument


@dataclass(frozen=True)
class Cleaning:
    """Who is left out.

    Attributes:
        most_missing: People with more missing answers.
        most_same: People who give one answer to more items.
    """

    most_missing: int
    most_same: int


def answers_of(codes: np.ndarray, instrument: Instrument, where: str, *, turned: bool | None = None) -> np.ndarray:
    """Codes as answers from 1 (not like me at all) to 6 (very much like me); NaN where there is none.

    Args:
        codes: (people, items), in the order of the items; NaN where the file has nothing.
        instrument: What they answer.
        where: Whose codes they are, for errors.
        turned: Whether to turn them round; by default as the instrument is known to be coded.

    Raises:
        InputError: If a code is neither an answer nor one of the missing codes.
    """
    import numpy as np

    if codes.ndim != 2 or codes.shape[1] != instrument.number:
        raise InputError(f"{where}: {codes.shape[-1]} answers, and {instrument.name} has {instrument.number} items",
                         hint="give one column for each item", value=list(codes.shape))
    made = codes.astype(float)
    made[np.isin(made, list(instrument.missing))] = np.nan
    wrong = ~(np.isnan(made) | np.isin(made, range(LOWEST, HIGHEST + 1)))
    if wrong.any():
        row, item = np.argwhere(wrong)[0].tolist()
        name = instrument.variables[item] if instrument.variables else f"item {item + 1}"
        told = f", missing codes {', '.join(map(str, sorted(instrument.missing)))}" if instrument.missing else ""
        raise InputError(
            f"{where}, row {row + 1}: the answer to {name} is {codes[row, item]:g}",
            hint=f"answers to {instrument.name} are {LOWEST} to {HIGHEST}{told}; leave other cells empty",
            row=row + 1, column=name, value=float(codes[row, item]),
        )
    return LOWEST + HIGHEST - made if (instrument.reversed if turned is None else turned) else made


def kept(answers: np.ndarray, rule: Cleaning) -> tuple[np.ndarray, np.ndarray]:
    """Who stays, and who is left out for giving one answer throughout.

    Args:
        answers: (people, items).
        rule: Who is left out.

    Returns:
        (people,) whether somebody stays; (people,) whether somebody answered enough, but always the same.

    Example:
        >>> import numpy as np
        >>> rows = np.array([[1, 2, 3, np.nan], [1, np.nan, np.nan, 2], [5, 5, 5, 5]], dtype=float)
        >>> [each.tolist() for each in kept(rows, Cleaning(1, 3))]
        [[True, False, False], [False, False, True]]
    """
    import numpy as np

    enough = (np.isnan(answers).sum(axis=1) <= rule.most_missing) & ~np.isnan(answers).all(axis=1)
    most = np.max([(answers == step).sum(axis=1) for step in range(LOWEST, HIGHEST + 1)], axis=0)
    same = most > rule.most_same
    return enough & ~same, enough & same


def person_scores(answers: np.ndarray, instrument: Instrument, system: str, *, centred: bool) -> np.ndarray:
    """The scores of people.

    Args:
        answers: (people, items), from `answers_of`.
        instrument: What they answer.
        system: The system of values: the instrument's own, or a coarser one.
        centred: Whether each person's mean over all items is taken off.

    Returns:
        (people, values); NaN where somebody answered no item of a value.

    Example:
        >>> import numpy as np
        >>> from graphengine.schwartz.instruments.instrument import load_instrument
        >>> ess = load_instrument("ess-21")
        >>> rows = np.full((1, 21), 3.0)
        >>> rows[0, [0, 10]] = 6.0  # the items of self-direction
        >>> person_scores(rows, ess, "schwartz-10", centred=False)[0, :2].tolist()
        [6.0, 3.0]
        >>> person_scores(rows + 0.5, ess, "schwartz-10", centred=True)[0, :2].round(3).tolist()
        [2.714, -0.286]
    """
    import numpy as np

    means = [_mean(answers[:, [item - 1 for item in items]]) for items in instrument.items_for(system).values()]
    scores = np.stack(means, axis=1)
    return scores - _mean(answers)[:, None] if centred else scores


def _mean(answers: np.ndarray) -> np.ndarray:
    """The mean of what is there, NaN where there is nothing."""
    import numpy as np

    there = ~np.isnan(answers)
    number = there.sum(axis=1)
    return np.where(number > 0, np.where(there, answers, 0).sum(axis=1) / np.maximum(number, 1), np.nan)
