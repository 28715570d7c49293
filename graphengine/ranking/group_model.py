"""Bradley-Terry with a strength per group: the most probable strengths and their covariance, block by block.

Each card has a strength μ in common and one per group, θ_g = μ + δ_g, with μ ~ N(0, σ²) and δ_g ~ N(0, (r σ)²). The
answers of a group's members speak of its θ_g, those of everybody else of μ. A context's groups are those with answers
there. Every context has its own Newton iteration, so its numbers don't depend on its neighbours.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from graphengine.errors import RankingError
from graphengine.ranking.arrays import compute
from graphengine.ranking.layout import codes, lay_out, make_block, padded
from graphengine.ranking.model import terms, weigh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.calibration import Calibration
    from graphengine.ranking.layout import Block, Layout

_BLOCK_CELLS = 200_000
_MOST_STRENGTHS = 4_000
_ROUNDS = 100
_TOLERANCE = 1e-8


class GroupLayout(NamedTuple):
    """A layout's answers, told apart by who gave them.

    Attributes:
        base: The layout of all answers.
        names: Ids of the groups that have answers, sorted.
        groups: (contexts,) number of groups with answers in each context.
        member: (pairs of context and group,) which group, context by context.
        start: (contexts + 1,) first such pair of each context.
        apart: `base` with a row for each group that answered a question, and one for everybody else.
        slot: (rows of `apart`,) 0: nobody's group; else the place of the group among those of its context, from 1.
    """

    base: Layout
    names: pa.Array
    groups: Ints
    member: Ints
    start: Ints
    apart: Layout
    slot: Ints


class GroupBlock(NamedTuple):
    """Contexts of like size with equally many groups: the posterior of their strengths.

    Attributes:
        block: The contexts.
        theta: (m, width, 1 + groups) most probable μ, θ_1, θ_2, …; 0 for padding.
        covariance: (m, width (1 + groups), width (1 + groups)) with what is not known of β and τ in it.
        move: (m, width, 1 + groups, 2) how theta moves with β and log τ.
    """

    block: Block
    theta: Reals
    covariance: Reals
    move: Reals


def lay_out_groups(counts: pa.Table, groups: pa.Table, *, unanswered: bool = False) -> GroupLayout:
    """Number the answers of each group, and those of people in no group, over the nodes of all answers.

    With `unanswered`, rows of the counts without answers stay in `base`.

    Raises:
        RankingError: If a group has answers on a card that the counts know nothing of.
    """
    base = lay_out(counts, unanswered=unanswered)
    group, names = codes(groups.column("group_id"))
    parts: list[tuple[Ints, Ints, Ints, Ints]] = []
    rest = base.answers.copy()
    nodes = max(len(base.node_card), 1)
    keys = base.source * nodes + base.target
    for number in range(len(names)):
        own = lay_out(groups.filter(pa.array(group == number)))
        place = _nodes_of(base, own)
        source, target = place[own.source], place[own.target]
        at = np.minimum(np.searchsorted(keys, source * nodes + target), max(len(keys) - 1, 0))
        if (place < 0).any() or (len(source) and (keys[at] != source * nodes + target).any()):
            raise RankingError(
                f"the group {names[number].as_py()!r} has answers that the counts lack",
                hint="make counts and groups from the same votes", method="bradley-terry-groups",
            )
        np.subtract.at(rest, at, own.answers)
        parts.append((source, target, np.full(len(source), number + 1), own.answers))
    rest = np.maximum(rest, 0)  # who is in two groups of a variable speaks for both
    open_rows = rest.any(axis=1)
    parts.insert(0, (base.source[open_rows], base.target[open_rows], np.zeros(int(open_rows.sum()), np.int64),
                     rest[open_rows]))
    source, target, number, answers = (np.concatenate(column) for column in zip(*parts, strict=True))
    context = base.node_context[source]
    order = np.lexsort((target, source, number, context))
    source, target, number, answers = source[order], target[order], number[order], answers[order]
    context = context[order]
    width = len(names) + 1
    pairs, pair = np.unique(context * width + number, return_inverse=True)
    real = pairs % width > 0
    edges = np.arange(len(base.contexts) + 1)
    member = pairs[real]
    start = np.searchsorted(member // width, edges)
    slot = np.where(real, np.cumsum(real) - start[pairs // width], 0)[pair]
    apart = replace(base, source=source, target=target, answers=answers, row_start=np.searchsorted(context, edges))
    return GroupLayout(base, names, np.diff(start), member % width - 1, start, apart, slot)


def _nodes_of(base: Layout, other: Layout) -> Ints:
    """For each node of `other`: the node of `base` with the same context and card, or -1."""
    index_in = compute().index_in
    context = index_in(other.contexts, value_set=base.contexts).fill_null(-1).to_numpy()[other.node_context]
    card = index_in(other.cards, value_set=base.cards).fill_null(-1).to_numpy()[other.node_card]
    width = max(len(base.cards), 1)
    keys, wanted = base.node_context * width + base.node_card, context.astype(np.int64) * width + card
    at = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    found = (context >= 0) & (card >= 0)
    return np.where(found & (keys[at] == wanted), at, -1) if len(keys) else np.full(len(wanted), -1)


def fit(layout: GroupLayout, calibration: Calibration, group_spread: float) -> Iterator[GroupBlock]:
    """The posterior of all contexts, block by block.

    Raises:
        RankingError: If `group_spread` is not above 0, or a context has more than 4,000 strengths.
    """
    if not 0 < group_spread < np.inf:
        raise RankingError(f"group_spread must be above 0, not {group_spread}", hint="group_spread=0.5",
                           method="bradley-terry-groups", value=group_spread)
    width = padded(layout.base.sizes)
    slots = layout.groups + 1
    largest = int((layout.base.sizes * slots).max(initial=0))
    if largest > _MOST_STRENGTHS:
        raise RankingError(
            f"a context has {largest:,} strengths (cards x groups); at most {_MOST_STRENGTHS:,} can be fitted together",
            hint="rank each group on its own, or use a variable with fewer values", method="bradley-terry-groups",
        )
    kinds, kind = np.unique(np.stack([width, slots], axis=1), axis=0, return_inverse=True)
    for number, (w, s) in enumerate(kinds.tolist()):
        members = np.nonzero(kind.ravel() == number)[0]
        take = max(1, _BLOCK_CELLS // (w * s) ** 2)
        for at in range(0, len(members), take):
            block = make_block(layout.apart, members[at : at + take], w)
            yield _posterior(block, layout.slot[block.rows], s, calibration, group_spread)


def _posterior(block: Block, slot: Ints, slots: int, calibration: Calibration, group_spread: float) -> GroupBlock:
    m, width = block.nodes.shape
    size = width * slots
    source, target = (ends % width * slots + slot for ends in (block.source, block.target))
    prior = _prior(slots - 1, calibration.sigma, group_spread * calibration.sigma)
    problem = _Problem(block.owner, source, target, weigh(block.answers, calibration.not_wiser), prior, m, width,
                       calibration.beta, calibration.log_tau)
    theta, move, curvature = _climb(problem)
    own = np.linalg.inv(curvature)
    spread = np.matmul(np.matmul(move, np.array(calibration.covariance)), move.transpose(0, 2, 1))
    covariance = own + spread
    return GroupBlock(block, theta.reshape(m, width, slots),
                      0.5 * (covariance + covariance.transpose(0, 2, 1)).reshape(m, size, size),
                      move.reshape(m, width, slots, 2))


def _prior(groups: int, sigma: float, apart: float) -> Reals:
    """(1 + groups, 1 + groups) precision of (μ, θ_1, θ_2, …) of one card."""
    q = np.diag(np.full(groups + 1, apart**-2))
    q[0, 0] = sigma**-2 + groups * apart**-2
    q[0, 1:] = q[1:, 0] = -(apart**-2)
    return q


class _Problem(NamedTuple):
    owner: Ints
    source: Ints
    target: Ints
    answers: Reals
    prior: Reals
    m: int
    width: int
    beta: float
    log_tau: float

    @property
    def size(self) -> int:
        """Strengths of a context."""
        return self.width * len(self.prior)

    def value(self, theta: Reals) -> Reals:
        """(m,) log posterior."""
        row = terms(self._differences(theta), self.log_tau, self.answers)
        return np.bincount(self.owner, row.value, self.m) - 0.5 * (self._drawn(theta) * theta).sum(axis=1)

    def derivatives(self, theta: Reals) -> tuple[Reals, Reals, Reals]:
        """Gradient (m, size), minus the second derivatives (m, size, size), and those with (β, log τ) (m, size, 2)."""
        m, size = theta.shape
        row = terms(self._differences(theta), self.log_tau, self.answers)
        to, by, weight = self.owner * size + self.target, self.owner * size + self.source, -row.dd

        def differences(values: Reals) -> Reals:
            return (np.bincount(to, values, m * size) - np.bincount(by, values, m * size)).reshape(m, size)

        cell = np.concatenate([to * size + self.target, by * size + self.source, to * size + self.source,
                               by * size + self.target])
        curvature = np.bincount(cell, np.concatenate([weight, weight, -weight, -weight]), m * size * size)
        prior = np.kron(np.eye(self.width), self.prior)
        return (differences(row.d) - self._drawn(theta), curvature.reshape(m, size, size) + prior,
                np.stack([differences(weight), differences(-row.d_tau)], axis=2))

    def _drawn(self, theta: Reals) -> Reals:
        """The prior's precision times the strengths, card by card (the same numbers in a block of any size)."""
        cards = theta.reshape(self.m, self.width, -1)
        return np.matmul(cards, self.prior).reshape(theta.shape)

    def _differences(self, theta: Reals) -> Reals:
        return theta[self.owner, self.target] - theta[self.owner, self.source] + self.beta


def _climb(problem: _Problem) -> tuple[Reals, Reals, Reals]:
    """The most probable strengths (m, size), how they move with (β, log τ) (m, size, 2), and the curvature there.

    Newton's steps, halved where they would lose ground; the log posterior is strictly concave, so this ends.
    """
    theta = np.zeros((problem.m, problem.size))
    move = curvature = np.zeros(0)
    for _ in range(_ROUNDS):
        gradient, curvature, cross = problem.derivatives(theta)
        solved = np.linalg.solve(curvature, np.concatenate([gradient[:, :, None], cross], axis=2))
        step, move = solved[:, :, 0], -solved[:, :, 1:]
        active = np.abs(step).max(axis=1, initial=0.0) >= _TOLERANCE
        if not active.any():
            break
        before, scale = problem.value(theta), np.where(active, 1.0, 0.0)
        while True:
            now = problem.value(theta + scale[:, None] * step)
            worse = active & (now < before - 1e-10 * (1 + np.abs(before))) & (scale > 1e-9)
            if not worse.any():
                break
            scale = np.where(worse, scale / 2, scale)
        theta = theta + scale[:, None] * step
    return theta, move, curvature
