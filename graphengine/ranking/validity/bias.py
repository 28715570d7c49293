"""Yes-bias, and whether upgrades were asked in both directions, so that it can be told from wisdom at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from graphengine.ranking.layout import lay_out
from graphengine.ranking.validity.finding import Finding, counted, share

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.calibration import Calibration
    from graphengine.ranking.layout import Layout
    from graphengine.ranking.validity.finding import Level

ENOUGH = 0.2
"""The share of pairs asked in both directions from which yes-bias and wisdom come apart."""

_TITLE = "Yes-bias"


def yes_bias(counts: pa.Table, calibration: Calibration) -> Finding:
    """How much people tend to say "wiser" whatever they are asked, and whether the survey can tell.

    Args:
        counts: COUNTS.
        calibration: Of the default; `figures["beta"]` is its mean yes-bias, in log odds, with its sd, and
            `figures["omega"]` how much contexts differ in theirs (sd).

    Returns:
        Figures: beta, beta_sd, omega, even_pair_wiser, even_pair_not_wiser, even_pair_unsure (what the model expects of
        two cards of equal strength), wiser (share of all answers), pairs, pairs_both_ways, share_both_ways,
        both_ways_sum (mean over those pairs of the shares of "wiser" in both directions; above 1 only by yes-bias).
        Rows by context.

    Example:
        >>> from graphengine import ranking, tables
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 9, "not_wiser": 0, "unsure": 1}])
        >>> yes_bias(counts, ranking.calibrate(counts)).level
        'warning'
    """
    layout = lay_out(counts)
    low, high = np.minimum(layout.source, layout.target), np.maximum(layout.source, layout.target)
    _, pair = np.unique(low * len(layout.node_card) + high, return_inverse=True)
    pairs = int(pair.max()) + 1
    upward = np.where(layout.source == low, 0, 1)
    wiser_share: Reals = np.full((pairs, 2), np.nan)
    wiser_share[pair, upward] = layout.answers[:, 0] / layout.answers.sum(axis=1)
    both: Ints = np.isfinite(wiser_share).sum(axis=1) == 2
    twice, asked = int(both.sum()), float(both.mean())
    beta, tau = calibration.beta, calibration.tau
    yes, no = float(1 / (1 + np.exp(tau - beta))), float(1 / (1 + np.exp(tau + beta)))
    total = layout.answers.sum(axis=0)
    level: Level = "warning" if not twice else "caution" if asked < ENOUGH else "fine"
    return Finding(
        _TITLE, _verdict(beta, calibration.sd_beta, yes, twice, pairs, asked), level,
        {"beta": beta, "beta_sd": calibration.sd_beta, "omega": calibration.omega, "even_pair_wiser": yes,
         "even_pair_not_wiser": no, "even_pair_unsure": max(0.0, 1 - yes - no),
         "wiser": float(total[0] / total.sum()), "pairs": pairs, "pairs_both_ways": twice, "share_both_ways": asked,
         "both_ways_sum": float(wiser_share[both].sum(axis=1).mean()) if twice else None},
        {"context_id": "context", "pairs": "pairs", "pairs_both_ways": "asked both ways", "wiser": "answered “wiser”"},
        _by_context(layout, pair, both),
    )


def _verdict(beta: float, sd: float, yes: float, twice: int, pairs: int, asked: float) -> str:
    if not twice:
        return (
            "No pair of cards was asked about in both directions, so wisdom and agreement can't be told apart: a card "
            "may lead because people tend to say yes. Ask a fifth of the questions the other way round, better half."
        )
    tendency = (
        "people tend to say yes" if beta > 2 * sd else "people tend to say no" if beta < -2 * sd
        else "it is open whether people tend to say yes"
    )
    return (
        f"As far as the survey can tell, {tendency}: of two equally wise cards {share(yes)} would call the one asked "
        f"about wiser (β {beta:.2f} ± {sd:.2f}). Of {counted(pairs, 'pair')} {share(asked)} were asked about in both "
        "directions, "
    ) + (
        "enough to tell wisdom from agreement." if asked >= ENOUGH
        else "which is little to tell wisdom from agreement: ask a fifth of the questions the other way round, better "
             "half."
    )


def _by_context(layout: Layout, pair: Ints, both: Ints) -> list[dict[str, object]]:
    _, first = np.unique(pair, return_index=True)
    of_pair = layout.row_context[first]
    contexts = len(layout.contexts)
    pairs, twice = np.bincount(of_pair, minlength=contexts), np.bincount(of_pair, both, contexts)
    answers = np.add.reduceat(layout.answers, layout.row_start[:-1])
    return [
        {"context_id": name, "pairs": int(pairs[at]), "pairs_both_ways": int(twice[at]),
         "wiser": float(answers[at, 0] / answers[at].sum())}
        for at, name in enumerate(layout.contexts.to_pylist())
    ]
