"""Rankings that bridge: a card is as wise as the group that is least satisfied with it finds it."""

from __future__ import annotations

import difflib
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from graphengine.errors import RankingError
from graphengine.ranking.arrays import compute
from graphengine.ranking.connected import weak_components
from graphengine.ranking.group_model import fit, lay_out_groups
from graphengine.ranking.output import Scores
from graphengine.ranking.top import opposites
from graphengine.tables import ANSWERS, GROUP_COUNTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.calibration import Calibration
    from graphengine.ranking.group_model import GroupBlock

GROUP_SPREAD = 0.5
"""Standard deviation of a group's own part of a strength, as a share of the spread σ of the strengths."""

_DRAWS = 2_048
_opposites = lru_cache(maxsize=16)(opposites)
_TAIL = 0.05
_NUMBERS_AT_ONCE = 1_000_000
_PAIRWISE = 128


def group_counts(said: pa.Table, members: pa.Table, variable: str) -> pa.Table:
    """COUNTS of the members of each group of a variable.

    Somebody in two groups of the variable counts in both; people in none are left out.

    Args:
        said: SAID.
        members: MEMBERS.
        variable: Which variable's groups.

    Returns:
        GROUP_COUNTS sorted by its key.

    Raises:
        RankingError: If nobody is in a group of that variable.

    Example:
        >>> from graphengine import tables
        >>> said = tables.SAID.table([
        ...     {"user_id": u, "context_id": "c", "from_id": "a", "to_id": "b", "answer": "wiser"} for u in "xyz"])
        >>> members = tables.MEMBERS.table([
        ...     {"user_id": u, "group_id": "party=left", "variable": "party", "value": "left"} for u in "xy"])
        >>> group_counts(said, members, "party").select(["group_id", "from_id", "to_id", "wiser"]).to_pylist()
        [{'group_id': 'party=left', 'from_id': 'a', 'to_id': 'b', 'wiser': 2}]
    """
    pc = compute()
    own = members.filter(pc.equal(members.column("variable"), variable)).select(["user_id", "group_id"])
    if not own.num_rows:
        known = sorted(set(members.column("variable").to_pylist()))
        close = difflib.get_close_matches(variable, known, n=1)
        raise RankingError(
            f"nobody belongs to a group of {variable!r}",
            hint=f"did you mean {close[0]!r}?" if close else f"one of: {', '.join(known)}" if known else
            "no groups are known: graphengine import groups.csv", method="bradley-terry-groups", value=variable,
        )
    keys = list(GROUP_COUNTS.key)
    answer = said.column("answer")
    counted = said.select(["user_id", "context_id", "from_id", "to_id"])
    for name in ANSWERS:
        counted = counted.append_column(name, pc.equal(answer, name).cast(pa.int64()))
    joined = counted.join(own, "user_id", join_type="inner")
    summed = joined.group_by(keys).aggregate([(name, "sum") for name in ANSWERS])
    summed = summed.rename_columns([name.removesuffix("_sum") for name in summed.column_names])
    return summed.select(GROUP_COUNTS.schema.names).sort_by([(key, "ascending") for key in keys]).cast(
        GROUP_COUNTS.schema)


def bradley_terry_groups(
    counts: pa.Table, groups: pa.Table, calibration: Calibration, group_spread: float = GROUP_SPREAD
) -> Scores:
    """Hierarchical Bradley-Terry, ranked by the group that is least satisfied with a card.

    Each card has a strength in common and one per group, θ_g = μ + δ_g, with μ ~ N(0, σ²), δ_g ~ N(0, (r σ)²) and the
    calibration's yes-bias β, band τ and spread σ (see `model`); r = `group_spread`. The score is the least θ_g, over
    the groups with answers in the context, at the most probable strengths (of a context without any: μ). sd, P(top)
    and the rank interval come from joint draws of all θ_g under Laplace's approximation, what is not known of β and τ
    included: P(top) is the probability that the card's least θ_g is the highest of its context.

    Assumes that groups are named and that their members share β and τ; r is an assumption, not an estimate. A group
    that said little of a card is drawn to what all say, so with few answers (below about 10 per pair) the ranking is
    that of bradley-terry. People in no group speak of μ alone.

    Args:
        counts: COUNTS of everybody.
        groups: GROUP_COUNTS of one variable's groups, from the same votes (see `group_counts`).
        calibration: From `calibrate(counts)`.
        group_spread: r, above 0.

    Raises:
        RankingError: If a group has answers that the counts lack, `group_spread` is not above 0, or a context has more
            than 4,000 strengths (cards x groups).

    Source: partial pooling as in Gelman, Hill 2007, "Data analysis using regression and multilevel models", ch. 11-13;
    the least satisfied group is Rawls's maximin (1971). Bridging by groups: Ovadya, Thorburn 2023, arXiv 2301.09976.

    Example:
        >>> from graphengine import tables
        >>> from graphengine.ranking.calibration import calibrate
        >>> def ask(group, card, n):
        ...     return {"group_id": group, "context_id": "c", "from_id": "now", "to_id": card, "wiser": n,
        ...             "not_wiser": 20 - n, "unsure": 0}
        >>> said = tables.GROUP_COUNTS.table([ask("left", "ours", 19), ask("right", "ours", 6),
        ...                                   ask("left", "both", 13), ask("right", "both", 13)])
        >>> counts = said.drop_columns(["group_id"])
        >>> scores = bradley_terry_groups(counts, said, calibrate(counts), group_spread=2.0)
        >>> scores.cards.to_pylist()[int(scores.score.argmax())]
        'both'
    """
    layout = lay_out_groups(counts, groups)
    base = layout.base
    n = len(base.node_card)
    score, sd, p_top = np.empty(n), np.empty(n), np.empty(n)
    lower, upper = np.empty(n, np.int64), np.empty(n, np.int64)
    for fitted in fit(layout, calibration, group_spread):
        real = fitted.block.real
        nodes = fitted.block.nodes[real]
        least = least_strengths(fitted.theta)
        found = _draw(fitted, least)
        score[nodes] = least[real]
        for whole, part in zip((sd, p_top, lower, upper), found, strict=True):
            whole[nodes] = part[real]
    return Scores(
        base.contexts, base.cards, base.node_context, base.node_card, score,
        weak_components(base.node_context, base.source, base.target), base.answers_per_node(), sd=sd, p_top=p_top,
        rank_lower=lower, rank_upper=upper, decided=base.answers_per_node(decided=True),
    )


def satisfaction(
    counts: pa.Table, groups: pa.Table, calibration: Calibration, group_spread: float = GROUP_SPREAD
) -> pa.Table:
    """How each group finds each card: the strengths behind `bradley_terry_groups`.

    Args:
        counts: COUNTS of everybody.
        groups: GROUP_COUNTS of one variable's groups.
        calibration: From `calibrate(counts)`.
        group_spread: As for `bradley_terry_groups`.

    Returns:
        `context_id, card_id, group_id, score, least, mean`, sorted by the ids: `score` = the group's θ_g, `least` and
        `mean` over the groups with answers in the context (each group counts alike). Contexts without groups are left
        out.
    """
    layout = lay_out_groups(counts, groups)
    base = layout.base
    parts: dict[str, list[Reals]] = {name: [] for name in ("node", "group", "score", "least", "mean")}
    for block, theta, *_ in fit(layout, calibration, group_spread):
        own = theta[:, :, 1:]
        many = own.shape[2]
        if not many:
            continue
        member = layout.member[layout.start[block.contexts][:, None] + np.arange(many)]
        columns = (block.nodes[:, :, None], member[:, None, :], own, own.min(axis=2, keepdims=True),
                   own.mean(axis=2, keepdims=True))
        for values, column in zip(parts.values(), columns, strict=True):
            values.append(np.broadcast_to(column, own.shape)[block.real].ravel())
    node, group, score, least, mean = (
        np.concatenate(values) if values else np.zeros(0) for values in parts.values())
    node, group = node.astype(np.int64), group.astype(np.int64)
    order = np.lexsort((group, node))
    rows, which = pa.array(node[order]), pa.array(group[order])
    return pa.table({
        "context_id": base.context_column().take(rows), "card_id": base.card_column().take(rows),
        "group_id": layout.names.take(which), "score": score[order], "least": least[order], "mean": mean[order],
    })


def least_strengths(theta: Reals) -> Reals:
    """The least of the groups' strengths, along axis 2; the one in common where there are no groups."""
    return (theta[:, :, 1:] if theta.shape[2] > 1 else theta).min(axis=2)


def _draw(fitted: GroupBlock, least: Reals) -> tuple[Reals, Reals, Ints, Ints]:
    """sd, P(top), lower and upper rank of the cards of a block, each (m, width)."""
    m, width, _ = fitted.theta.shape
    low, high = int(_TAIL * _DRAWS), int(np.ceil((1 - _TAIL) * _DRAWS)) - 1
    found = (np.empty((m, width)), np.empty((m, width)), np.empty((m, width), np.int64),
             np.empty((m, width), np.int64))
    for part, order, lowest in drawn_least(fitted, least):
        spread = lowest.std(axis=2, dtype=np.float64)
        lowest[~np.take_along_axis(fitted.block.real[part], order, axis=1)] = -np.inf
        ranks = _ranks(lowest)
        ordered = np.partition(ranks, (low, high), axis=2)
        values = (spread, (ranks == 1).mean(axis=2), ordered[:, :, low], ordered[:, :, high])
        for whole, value in zip(found, values, strict=True):
            np.put_along_axis(whole[part], order, value, axis=1)
    return found


def drawn_least(fitted: GroupBlock, least: Reals) -> Iterator[tuple[slice, Ints, Reals]]:
    """Joint draws of the least strengths of a block's cards, some contexts at a time.

    Args:
        fitted: The block.
        least: (m, width) from `least_strengths`.

    Yields:
        Which contexts; the cards in the order of their draws (n, width); the draws (n, width, draws).
    """
    m, width, slots = fitted.theta.shape
    size = width * slots
    # In order of the score, so that the numbers depend neither on names nor on neighbours.
    order = np.argsort(-np.where(fitted.block.real, least, -np.inf), axis=1, kind="stable")
    cells = (order[:, :, None] * slots + np.arange(slots)).reshape(m, size)
    mean = np.take_along_axis(fitted.theta.reshape(m, size), cells, axis=1)
    root = np.linalg.cholesky(fitted.covariance[np.arange(m)[:, None, None], cells[:, :, None], cells[:, None, :]])
    draws = _opposites(size, _DRAWS, np.float32)
    take = max(1, _NUMBERS_AT_ONCE // (_DRAWS * size))
    for at in range(0, m, take):
        part = slice(at, at + take)
        drawn = np.matmul(root[part].astype(np.float32), draws) + mean[part].astype(np.float32)[:, :, None]
        yield part, order[part], least_strengths(drawn.reshape(-1, width, slots, _DRAWS))


def _ranks(values: Reals) -> Ints:
    """Ranks from 1 by falling value along axis 1, (m, width, draws); of equals the first is ahead."""
    m, width, draws = values.shape
    if width > _PAIRWISE:
        place = np.argsort(-values, axis=1, kind="stable")
        ranks = np.empty(values.shape, np.int32)
        np.put_along_axis(ranks, place, np.arange(1, width + 1, dtype=np.int32)[None, :, None], axis=1)
        return ranks
    cards = np.ascontiguousarray(values.transpose(1, 0, 2))
    ranks = np.ones((width, m, draws), np.uint8)
    for one in range(1, width):
        above = (cards[one] > cards[:one]).view(np.uint8)
        ranks[:one] += above
        ranks[one] += np.uint8(one) - above.sum(axis=0, dtype=np.uint8)
    return ranks.transpose(1, 0, 2)
