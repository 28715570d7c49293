"""Edges that bridge: how much wiser the group that is least satisfied with a card finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graphengine.ranking.edges import Pairs, edges_by, shared_sd
from graphengine.ranking.group_model import fit, lay_out_groups
from graphengine.ranking.groups import GROUP_SPREAD, drawn_least, least_strengths

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking.arrays import Reals
    from graphengine.ranking.calibration import Calibration
    from graphengine.ranking.group_model import GroupBlock

_LEAST_VARIANCE = 1e-12


def bridging_edges(
    counts: pa.Table, groups: pa.Table, calibration: Calibration, group_spread: float = GROUP_SPREAD, *,
    unanswered: bool = False,
) -> pa.Table:
    """The EDGES behind `bradley_terry_groups`: differences of the least of the groups' strengths.

    With L = min over groups of θ_g (of a context without groups: μ), `margin` is L_to - L_from at the most probable
    strengths, so edges point as the ranking does; its sd s is that of joint draws of all θ_g, and `p_model` =
    Φ(margin / s). The part of s that comes from what is not known of β and τ follows how the two strengths that are
    least now move with them. Counts and `p_majority` are those of everybody.

    Args:
        counts: COUNTS of everybody.
        groups: GROUP_COUNTS of one variable's groups.
        calibration: From `calibrate(counts)`.
        group_spread: As for `bradley_terry_groups`.
        unanswered: As for `wiser_edges`.

    Returns:
        EDGES sorted by context, from card, to card.

    Raises:
        RankingError: As `bradley_terry_groups`.

    Example:
        >>> from graphengine import tables
        >>> from graphengine.ranking.calibration import calibrate
        >>> def ask(group, n):
        ...     return {"group_id": group, "context_id": "c", "from_id": "now", "to_id": "ours", "wiser": n,
        ...             "not_wiser": 40 - n, "unsure": 0}
        >>> said = tables.GROUP_COUNTS.table([ask("left", 38), ask("right", 4)])
        >>> counts = said.drop_columns(["group_id"])
        >>> bridging_edges(counts, said, calibrate(counts), 2.0).num_rows
        1
    """
    layout = lay_out_groups(counts, groups, unanswered=unanswered)

    def differences(pairs: Pairs) -> tuple[Reals, Reals, Reals]:
        mean, own, shared = (np.empty(len(pairs.low)) for _ in range(3))
        for fitted in fit(layout, calibration, group_spread):
            least = least_strengths(fitted.theta)
            spread, move = _spread(fitted, least), _move(fitted)
            owner, which, low, high = pairs.of(layout.base, fitted.block.contexts)
            mean[which] = least[owner, high] - least[owner, low]
            shared[which] = shared_sd(move[owner, high] - move[owner, low], calibration)
            total = spread[owner, high, high] + spread[owner, low, low] - 2 * spread[owner, high, low]
            own[which] = np.sqrt(np.maximum(total - shared[which] ** 2, _LEAST_VARIANCE))
        return mean, own, shared

    return edges_by(layout.base, calibration.not_wiser, differences)


def _spread(fitted: GroupBlock, least: Reals) -> Reals:
    """(m, width, width) covariance of the cards' least strengths."""
    m, width = least.shape
    covariance = np.empty((m, width, width))
    for part, order, drawn in drawn_least(fitted, least):
        apart = drawn.astype(np.float64)
        apart -= apart.mean(axis=2, keepdims=True)
        place = np.argsort(order, axis=1)
        own = np.take_along_axis(apart, place[:, :, None], axis=1)
        covariance[part] = np.matmul(own, own.transpose(0, 2, 1)) / own.shape[2]
    return covariance


def _move(fitted: GroupBlock) -> Reals:
    """(m, width, 2) how the strength that is least now moves with β and log τ."""
    slots = fitted.theta.shape[2]
    lowest = fitted.theta[:, :, 1:].argmin(axis=2) + 1 if slots > 1 else np.zeros(fitted.theta.shape[:2], np.int64)
    return np.take_along_axis(fitted.move, lowest[:, :, None, None], axis=2)[:, :, 0]
