"""Which card stands on which level: wiser is higher, ties and circles stay on one level."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Pairs = list[tuple[int, int]]


def rows(scores: Sequence[float], above: Pairs, ties: Pairs, width: int) -> tuple[list[list[int]], list[int]]:
    """Rows of cards, the wisest first.

    Cards of one circle, and cards that tie, are a unit. Units are taken in the order of the arrows and, where those
    leave it open, of their mean score; a new row begins where an arrow leads to the row, the row is full, or the score
    falls by more than a sixth of the range. So every arrow that is in no circle leads upwards, and as far as arrows
    allow, whatever stands higher has the higher score. A unit wider than a row takes several.

    Args:
        scores: One per card.
        above: (less wise, wiser) cards.
        ties: Pairs of which neither is wiser.
        width: Most cards in a row.

    Returns:
        The rows, and the unit of each card.

    Example:
        >>> rows([0.0, 2.0, 1.9, -2.0], [(0, 1), (0, 2), (3, 0)], [], 5)[0]
        [[1, 2], [0], [3]]
    """
    unit = circles(len(scores), [*above, *ties, *((b, a) for a, b in ties)])
    members: list[list[int]] = [[] for _ in range(max(unit, default=-1) + 1)]
    for card, which in enumerate(unit):
        members[which].append(card)
    mean = [sum(scores[card] for card in cards) / len(cards) for cards in members]
    lower: list[set[int]] = [set() for _ in members]
    for low, high in above:
        if unit[low] != unit[high]:
            lower[unit[high]].add(unit[low])
    waiting = [0] * len(members)
    for below in lower:
        for which in below:
            waiting[which] += 1
    step = (max(scores) - min(scores)) / 6 if len(scores) else 0.0
    ready = [(-mean[which], members[which][0], which) for which, n in enumerate(waiting) if not n]
    heapq.heapify(ready)
    made: list[list[int]] = []
    here: set[int] = set()
    while ready:
        *_, which = heapq.heappop(ready)
        cards = members[which]
        blocked = any(which in lower[other] for other in here)
        fits = bool(made) and len(made[-1]) + len(cards) <= width
        if blocked or not fits or any(abs(mean[other] - mean[which]) > step for other in here):
            made += [cards[start : start + width] for start in range(0, len(cards), width)]
            here = set()
        else:
            made[-1] = made[-1] + cards
        here.add(which)
        for below in lower[which]:
            waiting[below] -= 1
            if not waiting[below]:
                heapq.heappush(ready, (-mean[below], members[below][0], below))
    return made, unit


def circles(cards: int, arrows: Pairs) -> list[int]:
    """The strongly connected component of each card, numbered by its first card.

    Example:
        >>> circles(4, [(0, 1), (1, 2), (2, 0), (2, 3)])
        [0, 0, 0, 1]
    """
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not cards:
        return []
    source, target = np.array([pair[0] for pair in arrows], int), np.array([pair[1] for pair in arrows], int)
    graph = coo_array((np.ones(len(arrows)), (source, target)), shape=(cards, cards)).tocsr()
    label = connected_components(graph, directed=True, connection="strong")[1].tolist()
    number: dict[int, int] = {}
    return [number.setdefault(each, len(number)) for each in label]
