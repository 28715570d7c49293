"""Who won how often: the answers on two cards as wins, whichever of the two was asked about."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from graphengine.ranking.connected import weak_components
from graphengine.ranking.keys import unordered
from graphengine.ranking.output import Scores

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Reals
    from graphengine.ranking.layout import Layout
    from graphengine.ranking.model import NotWiser


def pair_up(layout: Layout, not_wiser: NotWiser) -> Layout:
    """The layout with one row for each unordered pair of cards: `source` is the card of the smaller id.

    Its `answers` are (pairs, 2): wins of `target`, wins of `source`, as float. "wiser" is a win for the card asked
    about; "not wiser" one for the card asked from (`against`) or half a win for either (`tie`); "unsure" is half a win
    for either. Halves are exact, so that the order of votes can't matter.
    """
    wiser, no, unsure = layout.answers.T.astype(np.float64)
    half = unsure / 2 if not_wiser == "against" else (unsure + no) / 2
    for_target, for_source = wiser + half, half + (no if not_wiser == "against" else 0.0)
    low, high, pair = unordered(layout.source, layout.target)
    upward = layout.source < layout.target
    wins = np.stack([
        np.bincount(pair, np.where(upward, for_target, for_source), len(low)),
        np.bincount(pair, np.where(upward, for_source, for_target), len(low)),
    ], axis=1)
    edges = np.arange(len(layout.contexts) + 1)
    return replace(
        layout, source=low, target=high, answers=wins, row_start=np.searchsorted(layout.node_context[low], edges)
    )


def per_node(pairs: Layout, for_target: Reals, for_source: Reals) -> Reals:
    """(nodes,) sums over the pairs of a node: `for_target` where it is the target, `for_source` where the source."""
    size = len(pairs.node_card)
    return np.bincount(pairs.target, for_target, size) + np.bincount(pairs.source, for_source, size)


def without_uncertainty(layout: Layout, score: Reals) -> Scores:
    """Scores of all nodes of a layout, by a method that does not say how sure it is."""
    return Scores(
        layout.contexts, layout.cards, layout.node_context, layout.node_card, score,
        weak_components(layout.node_context, layout.source, layout.target), layout.answers_per_node(),
    )
