"""Rankings by HodgeRank: least squares on log odds, and what is left over as a measure of cycles."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from graphengine.ranking.calibration import check_not_wiser
from graphengine.ranking.connected import weak_components
from graphengine.ranking.curvature import LARGE, Sparse, dense
from graphengine.ranking.layout import blocks, lay_out
from graphengine.ranking.wins import pair_up, without_uncertainty

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.layout import Block, Layout
    from graphengine.ranking.model import NotWiser
    from graphengine.ranking.output import Scores

RIDGE = 1.0


class Hodge(NamedTuple):
    """HodgeRank of every context.

    Attributes:
        scores: The ranking (ridge of 1), by context and card id; `scores.contexts` names the contexts.
        energy: (contexts,) Σ w y² over the pairs of each context: y = log odds of a pair's wins, w = its answers.
        residual: (contexts,) Σ w (y - (s_j - s_i))² at the s of least squares without ridge: the part of the energy
            that no order of the cards explains. `residual / energy` is the cyclicity ratio, from 0 (an order explains
            all) to 1 (nothing but cycles). Both are 0 where all pairs are even.
    """

    scores: Scores
    energy: Reals
    residual: Reals


def hodgerank(counts: pa.Table, not_wiser: NotWiser = "against") -> Scores:
    """Scores whose differences fit the log odds of the wins best, drawn to 0 a little.

    For each pair i, j with answers, y_ij = log((wins of j + ½) / (wins of i + ½)) and w_ij = its answers; the scores
    minimise Σ w_ij (s_j - s_i - y_ij)² + Σ s_i². They solve (L + I) s = div, with L = the Laplacian of the weights and
    div_j = Σ_i w_ij y_ij. Scores of a component sum to 0.

    "wiser" is a win for the card asked about; "not wiser" one for the card asked from (`against`) or half a win for
    either (`tie`); "unsure" is half a win for either.

    Assumes that log odds add up along paths, and that the log odds of one or two answers are worth their weight.
    Components are not compared: each has its own 0. The yes-bias is taken for wisdom.

    Args:
        counts: COUNTS, in any row order.
        not_wiser: "against" or "tie".

    Source: Jiang, Lim, Yao, Ye 2011, "Statistical ranking and combinatorial Hodge theory", Mathematical Programming
    127; the ridge is ours.

    Example:
        >>> from graphengine import tables
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 6, "not_wiser": 1, "unsure": 0}])
        >>> hodgerank(counts).score.round(3).tolist()  # ± 7 log(6.5 / 1.5) / (2 × 7 + 1)
        [-0.684, 0.684]
    """
    return hodge(counts, not_wiser).scores


def hodge(counts: pa.Table, not_wiser: NotWiser = "against") -> Hodge:
    """HodgeRank with the energy of each context and the part of it that no order explains.

    Two cards, and any context whose pairs form a tree, have a residual of 0. Few answers look cyclic by chance: hold
    the ratio against that of shuffled answers before it is called a cycle.

    Args:
        counts: COUNTS, in any row order.
        not_wiser: "against" or "tie".

    Raises:
        RankingError: If `not_wiser` is unknown or the table is not COUNTS.

    Example:
        >>> from graphengine import tables
        >>> circle = [("a", "b"), ("b", "d"), ("d", "a")]
        >>> found = hodge(tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": x, "to_id": y, "wiser": 5, "not_wiser": 1, "unsure": 0}
        ...     for x, y in circle]))
        >>> (found.residual / found.energy).round(6).tolist()
        [1.0]
    """
    layout = lay_out(counts)
    pairs = pair_up(layout, check_not_wiser(not_wiser))
    return flow(layout, pairs, weak_components(layout.node_context, layout.source, layout.target))


def flow(layout: Layout, pairs: Layout, component: Ints) -> Hodge:
    """`hodge` of a layout whose pairs (`pair_up`) and weak components (of its nodes) are there already."""
    score = np.empty(len(layout.node_card))
    energy, residual = np.zeros(len(layout.contexts)), np.zeros(len(layout.contexts))
    for block in blocks(pairs):
        weight = block.answers.sum(axis=1)
        y = np.log((block.answers[:, 0] + 0.5) / (block.answers[:, 1] + 0.5))
        drawn, free = _solve(block, weight, y, _components(block, component))
        score[block.nodes[block.real]] = drawn[block.real]
        flat = free.ravel()
        left = y - (flat[block.target] - flat[block.source])
        many = len(block.contexts)
        energy[block.contexts] = np.bincount(block.owner, weight * y**2, many)
        residual[block.contexts] = np.bincount(block.owner, weight * left**2, many)
    # What rounding leaves of a context that an order explains wholly is no cycle.
    residual[residual <= 1e-18 * energy] = 0.0
    return Hodge(without_uncertainty(layout, score), energy, residual)


def _components(block: Block, component: Ints) -> Ints:
    """(m, width) component of each cell; padding cells are components of their own."""
    width = block.nodes.shape[1]
    return np.where(block.real, component[block.nodes], width + np.arange(width))


def _solve(block: Block, weight: Reals, y: Reals, component: Ints) -> tuple[Reals, Reals]:
    """The scores with ridge, and those without (of least norm), each (m, width)."""
    m, width = block.nodes.shape
    cells = m * width
    right = (np.bincount(block.target, weight * y, cells) - np.bincount(block.source, weight * y, cells)).reshape(
        m, width, 1)
    if width > LARGE:
        size = int(block.real.sum())  # a block of one context; its padding has no diagonal
        found = np.zeros((2, 1, width))
        for at, ridge in enumerate((RIDGE, 0.0)):
            found[at, 0, :size] = Sparse(block.source, block.target, weight, ridge, size).columns(right[0, :size])[:, 0]
        return found[0], found[1]
    laplacian = dense(block, weight)
    drawn = np.linalg.solve(laplacian + RIDGE * np.eye(width), right)
    # Constant on a component is what the Laplacian can't see; with that filled in, it has an inverse.
    same = (component[:, :, None] == component[:, None, :]).astype(np.float64)
    scale = 1 + np.trace(laplacian, axis1=1, axis2=2)[:, None, None] / width
    free = np.linalg.solve(laplacian + scale * same / same.sum(axis=2, keepdims=True), right)
    return drawn[:, :, 0], free[:, :, 0]
