"""What moved between two states of the votes: the terms that all contexts share, and rankings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graphengine.ranking.layout import codes
from graphengine.tables import CHANGES

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from graphengine.ranking.arrays import Reals
    from graphengine.ranking.calibration import Calibration

DRIFT = 0.5
LEAST = 0.01
SPREAD, LEANING = 0.05, 0.1
"""A calibration has drifted where β or log τ moved by more than `DRIFT` of its standard deviation (but at least by
`LEAST` log odds: less changes no ranking), log σ by more than `SPREAD`, or ω by more than `LEANING`."""


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
    if abs(new.omega - old.omega) > LEANING:
        said.append(f"spread of yes-biases {old.omega:.3f} to {new.omega:.3f}")
    return ", ".join(said)


def changes(before: pa.Table, after: pa.Table) -> pa.Table:
    """Each card's place in two rankings, side by side.

    Args:
        before: RANKS.
        after: RANKS.

    Returns:
        CHANGES sorted by context, rank after, card; a card that one ranking lacks has nulls there.

    Example:
        >>> from graphengine.tables import RANKS
        >>> one = RANKS.table([{"context_id": "c", "card_id": "a", "rank": 1, "p_top": 0.9}])
        >>> changes(one, RANKS.empty()).select(["card_id", "rank_before", "rank_after"]).to_pylist()
        [{'card_id': 'a', 'rank_before': 1, 'rank_after': None}]
    """
    kept = [name.removesuffix("_before") for name in CHANGES.schema.names if name.endswith("_before")]
    sides = [table.select([*CHANGES.key, *kept]) for table in (before, after)]
    both = sides[0].join(sides[1], list(CHANGES.key), join_type="full outer", left_suffix="_before",
                         right_suffix="_after", use_threads=False)
    return both.select(CHANGES.schema.names).cast(CHANGES.schema).sort_by(
        [("context_id", "ascending"), ("rank_after", "ascending"), ("card_id", "ascending")])


def moved(
    places: pa.Table, before: pa.Table, after: pa.Table, *, least: float = 0.1, ranks: bool = False
) -> dict[str, list[str]]:
    """Why a context counts as moved, for those that do.

    - `new`, `gone`: only one of the two ranks it;
    - `winner`: a single winner is named in one and not in the other, or another one;
    - `leader`: other cards have rank 1;
    - `p_top`: the P(top) of some card moved by at least `least`;
    - `rank`: the rank of some card is another one (only with `ranks`).

    Args:
        places: CHANGES.
        before: VERDICTS of the first ranking.
        after: VERDICTS of the second.
        least: Least move of P(top).
        ranks: Whether any other rank counts.
    """
    context, names = codes(places.column("context_id"))
    number = len(names)

    def of(name: str) -> Reals:
        return places.column(name).cast("float64").to_numpy()  # null is nan

    def somewhere(rows: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return np.bincount(context[rows], minlength=number) > 0

    rank_before, rank_after = of("rank_before"), of("rank_after")
    there_before, there_after = somewhere(~np.isnan(rank_before)), somewhere(~np.isnan(rank_after))
    both = there_before & there_after
    p_before, p_after = of("p_top_before"), of("p_top_after")
    known = somewhere(~np.isnan(p_before)) & somewhere(~np.isnan(p_after))
    step = np.abs(np.nan_to_num(p_after) - np.nan_to_num(p_before))
    single = [
        np.array([name in one for name in names.to_pylist()], bool)
        for one in (_single(before), _single(after))
    ]
    other = somewhere(_set(places, "tied_top_before") != _set(places, "tied_top_after"))
    found = {
        "new": there_after & ~there_before, "gone": there_before & ~there_after,
        "winner": both & ((single[0] != single[1]) | (single[0] & single[1] & other)),
        "leader": both & somewhere((rank_before == 1) != (rank_after == 1)),
        "p_top": both & known & somewhere(step >= least - 1e-12),
        "rank": both & somewhere(rank_before != rank_after) & ranks,
    }
    reasons = [(names[i].as_py(), [why for why, where in found.items() if where[i]]) for i in range(number)]
    return {name: why for name, why in reasons if why}


def _single(verdicts: pa.Table) -> set[str]:
    return set(verdicts.filter(verdicts.column("single_winner")).column("context_id").to_pylist())


def _set(places: pa.Table, name: str) -> NDArray[np.bool_]:
    return places.column(name).fill_null(False).to_numpy()
