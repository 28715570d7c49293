"""Rankings by Bradley-Terry with a band for "unsure" and a shared yes-bias (see `model`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graphengine.ranking import fast
from graphengine.ranking.connected import weak_components
from graphengine.ranking.cores import spread
from graphengine.ranking.layout import block_members, lay_out, make_block
from graphengine.ranking.model import weigh
from graphengine.ranking.output import Scores
from graphengine.ranking.posterior import posterior
from graphengine.ranking.top import whole_draws

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking.arrays import Ints
    from graphengine.ranking.calibration import Calibration


def bradley_terry(counts: pa.Table, calibration: Calibration, *, p_top: bool = True) -> Scores:
    """Score, sd, P(top) and rank interval of every candidate.

    The score is the strength θ of highest posterior probability, given the calibration's β, τ, σ; its sd has the
    uncertainty of β and τ in it: Cov(θ) = H⁻¹ + J C Jᵀ, with H = minus the second derivatives of the log posterior by
    θ, J = dθ/d(β, log τ) and C = the calibration's covariance. Scores of a context are comparable with each other.
    Without `p_top` the draws are left out: no P(top), no rank interval.
    """
    layout = lay_out(counts)
    n = len(layout.node_card)
    score, sd, top = np.empty(n), np.empty(n), np.empty(n)
    lower, upper = np.empty(n, np.int64), np.empty(n, np.int64)
    compiled = fast.kernels()

    def work(members: tuple[Ints, int]) -> None:
        contexts, width = members
        if compiled is not None and 2 < width <= fast.WIDEST:
            compiled.rank_contexts(
                contexts, layout.start, layout.row_start, layout.source, layout.target, layout.answers,
                calibration.not_wiser == "tie", calibration.beta, calibration.tau, calibration.sigma, calibration.omega,
                np.array(calibration.covariance), whole_draws(width), p_top, score, sd, top, lower, upper,
            )
            return
        block = make_block(layout, contexts, width)
        found = posterior(block, weigh(block.answers, calibration.not_wiser), calibration)
        real = block.real
        nodes = block.nodes[real]
        score[nodes] = found.theta[real]
        sd[nodes] = np.sqrt(found.variance()[real])
        if p_top:
            place = found.places(real)
            top[nodes], lower[nodes], upper[nodes] = place.p_top[real], place.lower[real], place.upper[real]

    spread(work, block_members(layout), len(layout.source))
    return Scores(
        layout.contexts, layout.cards, layout.node_context, layout.node_card, score,
        weak_components(layout.node_context, layout.source, layout.target), layout.answers_per_node(), sd=sd,
        p_top=top if p_top else None, rank_lower=lower if p_top else None, rank_upper=upper if p_top else None,
        decided=layout.answers_per_node(decided=True),
    )
