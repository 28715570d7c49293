"""Which pairs are read when, and which at once.

Everything follows from the seed, the number of pairs and their lengths, and every process works it out alike: nothing
is to be saved for a run to go on exactly, and nothing to be sent between processes.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from graphengine.training.flat import Packed, moved, pack, shared_length

if TYPE_CHECKING:
    from collections.abc import Sequence

Pair = tuple[list[int], list[int]]


@dataclass(frozen=True)
class Padded:
    """A batch of B pairs, padded on the right to the longest text of L tokens.

    Attributes:
        ids: [2B, L], the chosen ones first.
        mask: 1 where a token is, [2B, L].
    """

    ids: torch.Tensor
    mask: torch.Tensor

    def to(self, device: torch.device | str) -> Padded:
        """The same on a device."""
        return Padded(moved(self.ids, torch.device(device)), moved(self.mask, torch.device(device)))


def pad(pairs: Sequence[Pair], pad_id: int) -> Padded:
    """Lay pairs out in a rectangle.

    Example:
        >>> pad([([5, 6, 7], [8])], 0).ids.tolist()
        [[5, 6, 7], [8, 0, 0]]
    """
    texts = [one for one, _ in pairs] + [other for _, other in pairs]
    longest = max(map(len, texts))
    return Padded(
        torch.tensor([[*text, *[pad_id] * (longest - len(text))] for text in texts]),
        torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts]),
    )


@dataclass(frozen=True)
class Layout:
    """How pairs lie in memory.

    Attributes:
        flat: Without padding, what both texts begin with once; else padded.
        pad_id: What pads.
    """

    flat: bool
    pad_id: int

    def lay(self, pairs: Sequence[Pair]) -> Packed | Padded:
        """A batch of these pairs."""
        return pack(pairs) if self.flat else pad(pairs, self.pad_id)

    def size(self, pair: Pair) -> int:
        """Tokens of a pair alone."""
        one, other = map(len, pair)
        return one + other - shared_length(*pair) if self.flat else 2 * max(one, other)


class Order:
    """The order of the rows: shuffled anew in each epoch, the last batch of an epoch smaller where it must be.

    Args:
        rows: Number of rows.
        batch: Rows of one step, over all processes.
        seed: Of the shuffles.

    Attributes:
        per_epoch: Steps of an epoch.

    Example:
        >>> order = Order(rows=5, batch=2, seed=0)
        >>> order.per_epoch, sorted(order.step(0) + order.step(1) + order.step(2))
        (3, [0, 1, 2, 3, 4])
        >>> order.step(4) == Order(5, 2, 0).step(4)
        True
    """

    def __init__(self, rows: int, batch: int, seed: int) -> None:
        self._rows, self._batch, self._seed = rows, batch, seed
        self.per_epoch = math.ceil(rows / batch)
        self._epoch, self._order = -1, [0]

    def step(self, step: int) -> list[int]:
        """The rows of a step, counted from 0."""
        epoch, place = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            import numpy as np

            self._epoch = epoch
            self._order = np.random.default_rng([self._seed, epoch]).permutation(self._rows).tolist()
        return self._order[place * self._batch : (place + 1) * self._batch]


def deal(
    sizes: Sequence[int], most: int, *, rows: int = 0, processes: int = 1, padded: bool = False
) -> list[list[list[int]]]:
    """Divide pairs into batches that fit in memory, equally many and about equally large for each process.

    Args:
        sizes: Tokens of each pair; for a padded batch what one alone takes.
        most: Tokens of a batch; a pair that is larger is a batch of its own.
        rows: The most pairs of a batch; 0 for no limit.
        processes: Number of processes.
        padded: Whether the largest pair of a batch sets the size of all.

    Returns:
        For each process its batches, of places in `sizes`. A batch is empty where there were too few pairs.

    Example:
        >>> deal([4, 3, 2, 1], most=5)
        [[[0, 3], [1, 2]]]
        >>> deal([4, 3, 2, 1], most=8, padded=True, processes=2)
        [[[0, 1]], [[2, 3]]]
    """
    share = math.ceil(len(sizes) / processes)
    found = _alike(sizes, most, min(rows or share, share)) if padded else _balanced(sizes, most, rows, processes)
    found += [[] for _ in range(-len(found) % processes)]
    return [found[process::processes] for process in range(processes)]


def _alike(sizes: Sequence[int], most: int, rows: int) -> list[list[int]]:
    """Pairs of like size together, from the largest on."""
    found: list[list[int]] = []
    for place in sorted(range(len(sizes)), key=lambda each: (-sizes[each], each)):
        batch = found[-1] if found else []
        if batch and sizes[batch[0]] * (len(batch) + 1) <= most and len(batch) < rows:
            batch.append(place)
        else:
            found.append([place])
    return found


def _balanced(sizes: Sequence[int], most: int, rows: int, processes: int) -> list[list[int]]:
    """As few batches as fit: each pair, from the largest on, into the batch that is the smallest so far."""
    largest = sorted(range(len(sizes)), key=lambda each: (-sizes[each], each))
    each = max(1, math.ceil(sum(sizes) / (most * processes)), math.ceil(len(sizes) / (rows * processes)) if rows else 1)
    while True:
        batches: list[list[int]] = [[] for _ in range(each * processes)]
        heap = [(0, place) for place in range(len(batches))]
        total = 0
        for pair in largest:
            size, place = heapq.heappop(heap)
            batches[place].append(pair)
            total = max(total, size + sizes[pair] if len(batches[place]) > 1 else 0)
            if not rows or len(batches[place]) < rows:
                heapq.heappush(heap, (size + sizes[pair], place))
        if total <= most:
            return [sorted(batch) for batch in batches]
        each += max(1, each // 20)
