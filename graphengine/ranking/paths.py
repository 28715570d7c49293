"""Upgrade paths: from one value to a wiser one over wiser edges, as strong as its weakest link."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

from graphengine.ranking.arrays import compute

if TYPE_CHECKING:
    import pyarrow as pa


def upgrade_path(edges: pa.Table, context: str, from_card: str, to_card: str) -> pa.Table:
    """The path over wiser edges whose weakest link is strongest (the widest path, by `p_model`).

    Of several such paths the one of fewest steps, and then the first in order of ids. Dijkstra's algorithm with the
    minimum in the place of the sum (Pollack 1960, "The maximum capacity through a network", Operations Research 8).

    Args:
        edges: EDGES, any row order, of any contexts.
        context: Id of the context.
        from_card: Id of the card to start from.
        to_card: Id of the wiser card.

    Returns:
        The EDGES of the path, in order; no rows if there is no path (or the two are one card). `weakest_link` names
        the link that the path stands or falls with.

    Example:
        >>> from graphengine import tables
        >>> edges = tables.EDGES.table([
        ...     {"context_id": "c", "from_id": "a", "to_id": "b", "p_model": 0.9},
        ...     {"context_id": "c", "from_id": "b", "to_id": "d", "p_model": 0.8},
        ...     {"context_id": "c", "from_id": "a", "to_id": "d", "p_model": 0.6}])
        >>> path = upgrade_path(edges, "c", "a", "d")
        >>> path.column("to_id").to_pylist(), weakest_link(path)
        (['b', 'd'], 1)
    """
    here = edges.filter(compute().equal(edges.column("context_id"), context))
    source, target = here.column("from_id").to_pylist(), here.column("to_id").to_pylist()
    p_model = here.column("p_model").to_numpy().tolist()
    leaving: dict[str, list[int]] = {}
    for row in sorted(range(len(source)), key=lambda row: target[row]):
        leaving.setdefault(source[row], []).append(row)
    width = _widths(leaving, target, p_model, from_card).get(to_card)
    if width is None or from_card == to_card:
        return here.slice(0, 0)
    came: dict[str, int] = {}
    front = [from_card]
    while to_card not in came:  # fewest steps among the links that are at least as strong
        following = []
        for card in front:
            for row in leaving.get(card, ()):
                if p_model[row] >= width and target[row] not in came and target[row] != from_card:
                    came[target[row]] = row
                    following.append(target[row])
        front = following
    rows, card = [], to_card
    while card != from_card:
        rows.append(came[card])
        card = source[came[card]]
    return here.take(rows[::-1])


def weakest_link(path: pa.Table) -> int | None:
    """The place of the weakest link of a path (its first, if several are as weak); None for no path."""
    return int(np.argmin(path.column("p_model").to_numpy())) if path.num_rows else None


def _widths(
    leaving: dict[str, list[int]], target: list[str], p_model: list[float], from_card: str
) -> dict[str, float]:
    """For each card that can be reached: the strength of the weakest link on the best path there."""
    best: dict[str, float] = {}
    heap = [(-1.0, from_card)]
    while heap:
        width, card = heapq.heappop(heap)
        if card in best:
            continue
        best[card] = -width
        for row in leaving.get(card, ()):
            if target[row] not in best:
                heapq.heappush(heap, (-min(-width, p_model[row]), target[row]))
    return best
