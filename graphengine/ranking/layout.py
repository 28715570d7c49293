"""COUNTS as numbers: cards of a context side by side, contexts of like size stacked into blocks.

The order of everything follows from the ids alone, and every number of a context is computed from its own rows in
their own order, so that results do not depend on which other contexts are in the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from graphengine.errors import RankingError
from graphengine.ranking.arrays import compute

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from graphengine.ranking.arrays import Ints, Reals


# Entries of all matrices of a block: about the second-level cache. Contexts of more than 447 cards are blocks of one.
_BLOCK_CELLS = 200_000


@dataclass(frozen=True)
class Layout:
    """The answered rows of COUNTS, sorted by context, from card, to card; cards numbered within contexts ("nodes").

    Attributes:
        contexts: Ids of the contexts that have answers, sorted.
        cards: Ids of all cards, sorted.
        start: (contexts + 1,) first node of each context.
        row_start: (contexts + 1,) first row of each context.
        node_context: (nodes,) context of a node.
        node_card: (nodes,) card of a node; sorted within its context.
        source: (rows,) node asked from.
        target: (rows,) node asked about as wiser.
        answers: (rows, 3) wiser, not_wiser, unsure.
    """

    contexts: pa.Array
    cards: pa.Array
    start: Ints
    row_start: Ints
    node_context: Ints
    node_card: Ints
    source: Ints
    target: Ints
    answers: Ints

    @property
    def sizes(self) -> Ints:
        """(contexts,) number of candidates of each context."""
        return np.diff(self.start)

    @property
    def row_context(self) -> Ints:
        """(rows,) context of a row."""
        return self.node_context[self.source]

    def context_column(self) -> pa.Array:
        """Context id of each node."""
        return self.contexts.take(pa.array(self.node_context))

    def card_column(self) -> pa.Array:
        """Card id of each node."""
        return self.cards.take(pa.array(self.node_card))

    def answers_per_node(self) -> Ints:
        """(nodes,) answers to all questions about a card."""
        total = self.answers.sum(axis=1)
        return sum_at(self.source, total, len(self.node_card)) + sum_at(self.target, total, len(self.node_card))


def sum_at(index: Ints, values: Ints, size: int) -> Ints:
    """Sums of whole numbers by index."""
    return np.rint(np.bincount(index, weights=values, minlength=size)).astype(np.int64)


def codes(column: Any) -> tuple[Ints, pa.Array]:
    """A text column as numbers into its sorted distinct values."""
    column = column.cast(pa.string())
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    column = column.dictionary_encode()
    order = compute().array_sort_indices(column.dictionary)
    place = np.empty(len(order), np.int64)
    place[order.to_numpy()] = np.arange(len(order))
    return place[column.indices.to_numpy()], column.dictionary.take(order)


def read_answers(counts: pa.Table) -> Ints:
    """(rows, 3) wiser, not_wiser, unsure of COUNTS.

    Raises:
        RankingError: If a column is missing or a number is negative.
    """
    missing = [name for name in ("context_id", "from_id", "to_id", "wiser", "not_wiser", "unsure")
               if name not in counts.column_names]
    if missing:
        raise RankingError(f"the counts lack the columns {', '.join(missing)}",
                           hint="pass a table of the schema graphengine.tables.COUNTS", columns=missing)
    answers = np.stack(
        [counts.column(name).to_numpy().astype(np.int64) for name in ("wiser", "not_wiser", "unsure")], axis=1
    )
    if answers.size and answers.min() < 0:
        row = int(np.nonzero(answers.min(axis=1) < 0)[0][0])
        raise RankingError(f"row {row} of the counts has a negative number of answers",
                           hint="counts are numbers of answers: 0 or more", row=row)
    return answers


def lay_out(counts: pa.Table, *, unanswered: bool = False) -> Layout:
    """Number contexts, cards and nodes of COUNTS (any row order; rows of one key are added up).

    Rows without answers, and rows that compare a card with itself (two duplicates of one canonical card), say nothing
    and are left out: a candidate is a card with at least one answer. With `unanswered`, rows without
    answers stay, and their cards are candidates too.

    Raises:
        RankingError: If a column is missing or a number is negative.
    """
    answers = read_answers(counts)
    context, context_ids = codes(counts.column("context_id"))
    source_card, source_ids = codes(counts.column("from_id"))
    target_card, target_ids = codes(counts.column("to_id"))
    cards, source_card, target_card = _merge(source_ids, source_card, target_ids, target_card)
    used = ((answers.sum(axis=1) > 0) | unanswered) & (source_card != target_card)
    context, source_card, target_card, answers = context[used], source_card[used], target_card[used], answers[used]
    seen, context = np.unique(context, return_inverse=True)
    width = max(len(cards), 1)
    nodes, place = np.unique(
        np.concatenate([context * width + source_card, context * width + target_card]), return_inverse=True
    )
    source, target = place[: len(context)], place[len(context):]
    order = np.lexsort((target, source))
    source, target, answers = source[order], target[order], answers[order]
    first = np.ones(len(source), bool)
    first[1:] = (source[1:] != source[:-1]) | (target[1:] != target[:-1])
    if not first.all():
        answers = np.add.reduceat(answers, np.nonzero(first)[0], axis=0)
        source, target = source[first], target[first]
    node_context, node_card = nodes // width, nodes % width
    edges = np.arange(len(seen) + 1)
    return Layout(
        contexts=context_ids.take(pa.array(seen)), cards=cards, start=np.searchsorted(node_context, edges),
        row_start=np.searchsorted(node_context[source], edges), node_context=node_context, node_card=node_card,
        source=source, target=target, answers=answers,
    )


def _merge(first: pa.Array, first_codes: Ints, second: pa.Array, second_codes: Ints) -> tuple[pa.Array, Ints, Ints]:
    both, values = codes(pa.concat_arrays([first, second]))
    return values, both[: len(first)][first_codes], both[len(first):][second_codes]


@dataclass(frozen=True)
class Block:
    """Contexts of like size, padded to `width` cards each.

    Attributes:
        contexts: (m,) which contexts of the layout.
        nodes: (m, width) node of each cell, -1 for padding.
        rows: (r,) which rows of the layout, context by context.
        owner: (r,) place of the row's context in the block.
        source: (r,) cell asked from, as owner * width + place.
        target: (r,) cell asked about as wiser.
        answers: (r, 3) as float.
    """

    contexts: Ints
    nodes: Ints
    rows: Ints
    owner: Ints
    source: Ints
    target: Ints
    answers: Reals

    @property
    def real(self) -> NDArray[np.bool_]:
        """(m, width) False for padding."""
        return self.nodes >= 0


def padded(size: Ints) -> Ints:
    """The width that contexts of a size are padded to: at most a quarter more, four widths per doubling.

    It follows from the context's own size only.
    """
    bits = np.frexp(size)[1]  # number of binary digits
    step = np.maximum(1 << np.maximum(bits - 3, 0), 1)
    return -(-size // step) * step


def blocks(layout: Layout, cells: int = _BLOCK_CELLS) -> Iterator[Block]:
    """The layout's contexts in blocks of equal width, in a fixed order."""
    sizes = layout.sizes
    widths = padded(sizes)
    for width in np.unique(widths):
        members = np.nonzero(widths == width)[0]
        take = max(1, int(cells // (width * width)))
        for at in range(0, len(members), take):
            yield _block(layout, members[at : at + take], int(width))


def _block(layout: Layout, contexts: Ints, width: int) -> Block:
    place = np.arange(width)
    nodes = layout.start[contexts][:, None] + place
    nodes[place >= layout.sizes[contexts][:, None]] = -1
    first, last = layout.row_start[contexts], layout.row_start[contexts + 1]
    owner = np.repeat(np.arange(len(contexts)), last - first)
    rows = np.arange(len(owner)) - np.repeat(np.cumsum(last - first) - (last - first), last - first) + first[owner]
    shift = owner * width - layout.start[contexts][owner]
    return Block(
        contexts=contexts, nodes=nodes, rows=rows, owner=owner, source=layout.source[rows] + shift,
        target=layout.target[rows] + shift, answers=layout.answers[rows].astype(np.float64),
    )
