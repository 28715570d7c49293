"""How survey scores become numbers from -1 to 1.

| mapping | from | number |
|---|---|---|
| `raw-rescale` | raw means | (mean - midpoint) / half the range: (x - 3.5) / 2.5 on a scale of 1 to 6 |
| `centred-scaled` | centred means | mean / half the range |
| `sign` | either | -1, 0 or 1: the sign, 0 where the score is within 1.64 standard errors of the middle |
| `rank` | either | the rank among the values, -1 for the last to 1 for the first, mean ranks for ties |

`raw-rescale` is what the published national targets look like; it leaves each person's way of answering in, and reads
the middle of "how much like me" as "no connection". `sign` and `rank` keep an order only: compare with `spearman`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphengine.errors import InputError
from graphengine.schwartz.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

MAPPINGS = ("raw-rescale", "centred-scaled", "sign", "rank")
"""The names of the mappings."""

SURE = 1.6449
"""Standard errors that a score must be from the middle for a sign, 90%."""


def map_scores(
    scores: Sequence[float],
    mapping: str,
    *,
    errors: Sequence[float] | None = None,
    centred: bool,
    midpoint: float = 3.5,
    half_range: float = 2.5,
) -> tuple[tuple[float, ...], tuple[float, ...] | None]:
    """Survey scores of values as a target's numbers, and their standard errors.

    Args:
        scores: A mean for each value.
        mapping: One of `MAPPINGS`.
        errors: Standard errors of the means.
        centred: Whether each person's mean was taken off (then the middle is 0).
        midpoint: The middle of the scale, for raw scores.
        half_range: Half the length of the scale.

    Returns:
        Numbers from -1 to 1; their standard errors, None for `sign` and `rank` or where there are none.

    Raises:
        InputError: If the mapping is unknown, or needs other scores, or a number leaves [-1, 1].

    Example:
        >>> map_scores([4.75, 3.0], "raw-rescale", errors=[0.1, 0.1], centred=False)
        ((0.5, -0.2), (0.04, 0.04))
        >>> map_scores([1.0, -0.5, 0.25], "rank", centred=True)
        ((1.0, -1.0, 0.0), None)
    """
    import numpy as np

    if mapping not in MAPPINGS:
        raise InputError(f"{mapping!r} is no mapping", hint=did_you_mean(mapping, MAPPINGS), value=mapping)
    if mapping != "sign" and mapping != "rank" and centred != (mapping == "centred-scaled"):
        kind = "centred" if centred else "raw"
        raise InputError(f"{mapping} does not take {kind} scores",
                         hint="take centred-scaled for centred scores, raw-rescale for raw ones", value=mapping)
    x = np.asarray(scores, dtype=float) - (0.0 if centred else midpoint)
    if mapping == "rank":
        below = (x[:, None] > x[None, :]).sum(axis=1) + 0.5 * ((x[:, None] == x[None, :]).sum(axis=1) - 1)
        return tuple((2 * below / max(len(x) - 1, 1) - 1).tolist()), None
    if mapping == "sign":
        bound = SURE * np.asarray(errors, dtype=float) if errors is not None else np.zeros(len(x))
        return tuple(np.where(np.abs(x) > bound, np.sign(x), 0.0).tolist()), None
    made = x / half_range
    if np.abs(made).max(initial=0.0) > 1 or not np.isfinite(made).all():
        raise InputError(f"a score of {float(np.asarray(scores)[np.argmax(np.abs(made))]):g} is not on the scale",
                         hint="check the scale's midpoint and range, and the missing codes", value=mapping)
    sds = None if errors is None else tuple((np.asarray(errors, dtype=float) / half_range).tolist())
    return tuple(made.tolist()), sds
