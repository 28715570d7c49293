"""COUNTS as numbers: cards of a context side by side, contexts of like size stacked into blocks.

The order of everything follows from the ids alone, and every number of a context is computed from its own rows in
their own order, so that results do not depend on which other contexts are in the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from graphengine.errors import RankingError
from graphengine.ranking.arrays import compute
from graphengine.ranking.cores import spread
from graphengine.ranking.keys import distinct, ranges
from graphengine.ranking.texts import codes, encode_runs, in_text_order, look_up
from graphengine.tables import ANSWERS, COUNTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from graphengine.ranking.arrays import Ints, Reals


# Entries of all matrices of a block: about the second-level cache. Contexts of more than 447 cards are blocks of one.
_BLOCK_CELLS = 200_000
_PART_ROWS = 250_000
_FEW_ANSWERS = 2**29
_MOST_ANSWERS = 2**40  # of one pair


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
        answers: (rows, 3) wiser, not_wiser, unsure; four times the sum of all fits into their type.
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

    def answers_per_node(self, *, decided: bool = False) -> Ints:
        """(nodes,) answers to all questions about a card; of those, with `decided`, the ones that are not "unsure"."""
        total = self.answers[:, : 2 if decided else 3].sum(axis=1)
        return sum_at(self.source, total, len(self.node_card)) + sum_at(self.target, total, len(self.node_card))


def sum_at(index: Ints, values: Ints, size: int) -> Ints:
    """Sums of whole numbers by index."""
    return np.rint(np.bincount(index, weights=values, minlength=size)).astype(np.int64)


def _check_columns(counts: pa.Table) -> None:
    hint = "pass a table of the schema graphengine.tables.COUNTS"
    missing = [name for name in (*COUNTS.key, *ANSWERS) if name not in counts.column_names]
    if missing:
        raise RankingError(f"the counts lack the columns {', '.join(missing)}", hint=hint, columns=missing)
    for name in (*COUNTS.key, *ANSWERS):
        column = counts.column(name)
        if column.null_count:
            row = compute().index(column.is_null(), True).as_py()
            raise RankingError(f"row {row} of the counts has no {name}", hint=hint, row=row, column=name)


def _answers(counts: pa.Table) -> Ints:
    """(rows, 3) wiser, not_wiser, unsure of COUNTS; of 32 bits where four times their sum needs no more."""
    columns = [counts.column(name).to_numpy() for name in ANSWERS]
    for column in columns:
        if column.dtype.kind not in "iu":
            _refuse(column, column == np.floor(column), "that is no whole number")
        if len(column) and not column.min() >= 0:
            _refuse(column, column >= 0, "that is negative")
        if len(column) and column.max() > _MOST_ANSWERS:
            _refuse(column, column <= _MOST_ANSWERS, f"above {_MOST_ANSWERS:,}")
    few = sum(float(column.sum()) for column in columns) < _FEW_ANSWERS
    answers = np.empty((counts.num_rows, 3), np.int32 if few else np.int64)
    for at, column in enumerate(columns):
        answers[:, at] = column
    return answers


def _refuse(column: Ints, good: NDArray[np.bool_], told: str) -> None:
    if not good.all():
        row = int(np.nonzero(~good)[0][0])
        raise RankingError(f"row {row} of the counts has a number of answers {told}: {column[row]}",
                           hint="counts are numbers of answers: 0 or more", row=row, value=column[row].item())


def lay_out(counts: pa.Table, *, unanswered: bool = False) -> Layout:
    """Number contexts, cards and nodes of COUNTS (any row order; rows of one key are added up).

    Rows without answers, and rows that compare a card with itself (two duplicates of one canonical card), say nothing
    and are left out: a candidate is a card with at least one answer. (With `unanswered`, rows without answers stay, and
    their cards are candidates too.) A table that is sorted already, as COUNTS are, is laid out faster.

    Raises:
        RankingError: If a column is missing or a number is negative.
    """
    _check_columns(counts)
    answers, contexts, context, cards, source, target = _encoded(counts)
    used = (unanswered | ((answers[:, 0] | answers[:, 1] | answers[:, 2]) != 0)) & (source != target)
    if not used.all():
        context, source, target, answers = context[used], source[used], target[used], answers[used]
    seen = np.bincount(context, minlength=len(contexts)) > 0
    if not seen.all():
        contexts = contexts.filter(pa.array(seen))
        context = (np.cumsum(seen) - 1)[context]
    order = _unsorted(context, source, target)
    if order is not None:
        context, source, target, answers = context[order], source[order], target[order], answers[order]
    del used, order
    repeated = (context[1:] == context[:-1]) & (source[1:] == source[:-1]) & (target[1:] == target[:-1])
    if repeated.any():
        first = np.concatenate([[True], ~repeated])
        answers = np.add.reduceat(answers, np.nonzero(first)[0], axis=0)
        context, source, target = context[first], source[first], target[first]
    row_start = np.searchsorted(context, np.arange(len(contexts) + 1))
    return _number(contexts, cards, row_start, source, target, answers)


def _encoded(counts: pa.Table) -> tuple[Ints, pa.Array, Ints, pa.Array, Ints, Ints]:
    """Answers; contexts and cards, sorted, and the columns of COUNTS as numbers into them: context, from, to."""
    jobs: list[Callable[[], Any]] = [  # the longest first: no core waits for it alone
        lambda: encode_runs(counts.column("from_id")), lambda: _answers(counts),
        lambda: encode_runs(counts.column("context_id")),
    ]
    (source, cards), answers, (context, context_ids) = spread(lambda job: job(), jobs, counts.num_rows)
    target, cards = look_up(counts.column("to_id"), cards)  # most are known from the other column
    cards, source, target = in_text_order(cards, source, target)
    contexts, context = _in_order(context_ids, context)
    return answers, contexts, context, cards, source, target


def _in_order(values: pa.Array, numbers: Ints) -> tuple[pa.Array, Ints]:
    place, values = codes(values)
    return values, place.astype(np.int32)[numbers]


def _unsorted(context: Ints, source: Ints, target: Ints) -> Ints | None:
    """The order by context, source, target; None if the rows are in it."""
    if not len(context):
        return None
    step = np.sign(context[1:] - context[:-1]).astype(np.int8) * np.int8(4)
    step += np.sign(source[1:] - source[:-1]).astype(np.int8) * np.int8(2)
    step += np.sign(target[1:] - target[:-1]).astype(np.int8)
    if (step >= 0).all():
        return None
    width = int(max(source.max(), target.max())) + 1
    if (int(context.max()) + 1) * width * width >= 2**63:
        return np.lexsort((target, source, context))
    return np.argsort((context.astype(np.int64) * width + source) * width + target)


def _number(
    contexts: pa.Array, cards: pa.Array, row_start: Ints, source: Ints, target: Ints, answers: Ints
) -> Layout:
    """The layout of sorted rows: nodes are numbered context by context, by card."""
    ranges = parts(row_start)
    rows_source, rows_target = np.empty(len(source), np.int64), np.empty(len(source), np.int64)
    done = spread(lambda part: _number_part(row_start, *part, source, target, rows_source, rows_target), ranges,
                  len(source))
    shift = 0
    for (first, last), (_, found) in zip(ranges, done, strict=True):
        rows_source[row_start[first] : row_start[last]] += shift
        rows_target[row_start[first] : row_start[last]] += shift
        shift += len(found)
    node_context, node_card = (
        np.concatenate([np.zeros(0, np.int64), *(part[which] for part in done)]) for which in (0, 1)
    )
    return Layout(
        contexts=contexts, cards=cards, start=np.searchsorted(node_context, np.arange(len(contexts) + 1)),
        row_start=row_start, node_context=node_context, node_card=node_card, source=rows_source, target=rows_target,
        answers=answers,
    )


def parts(row_start: Ints) -> list[tuple[int, int]]:
    """Contexts in ranges of about `_PART_ROWS` rows."""
    ends = np.searchsorted(row_start, np.arange(_PART_ROWS, row_start[-1] + _PART_ROWS, _PART_ROWS))
    ends = np.unique(np.minimum(ends, len(row_start) - 1)).tolist()
    return list(pairwise([0, *(end for end in ends if end)]))


def _number_part(
    row_start: Ints, first: int, last: int, source: Ints, target: Ints, rows_source: Ints, rows_target: Ints
) -> tuple[Ints, Ints]:
    """Of the contexts first to last: nodes' contexts and cards. Fills in the nodes, from 0, of their rows."""
    rows = slice(row_start[first], row_start[last])
    width = int(max(source[rows].max(), target[rows].max())) + 1
    many = row_start[last] - row_start[first]
    key = 0 if last == first + 1 else np.repeat(
        np.arange(last - first) * width, np.diff(row_start[first : last + 1]))
    if (last - first) * width <= 4 * many:
        # Few cards in all: a table of all of them in each context.
        there = np.zeros((last - first) * width, bool)
        there[key + source[rows]] = there[key + target[rows]] = True
        nodes = np.nonzero(there)[0]
        if len(nodes) == len(there):
            rows_source[rows], rows_target[rows] = key + source[rows], key + target[rows]
        else:
            place = np.cumsum(there) - 1
            rows_source[rows], rows_target[rows] = place[key + source[rows]], place[key + target[rows]]
    else:
        nodes, place = distinct(np.concatenate([key + source[rows], key + target[rows]]).astype(np.int64))
        rows_source[rows], rows_target[rows] = place[:many], place[many:]
    return nodes // width + first, nodes % width


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
    for members, width in block_members(layout, cells):
        yield make_block(layout, members, width)


def block_members(layout: Layout, cells: int = _BLOCK_CELLS) -> Iterator[tuple[Ints, int]]:
    """The contexts and the width of each block: for `make_block`, where blocks should not all be there at once."""
    sizes = layout.sizes
    widths = padded(sizes)
    for width in np.unique(widths):
        members = np.nonzero(widths == width)[0]
        take = max(1, int(cells // (width * width)))
        for at in range(0, len(members), take):
            yield members[at : at + take], int(width)


def make_block(layout: Layout, contexts: Ints, width: int) -> Block:
    """A block of contexts of at most `width` cards each."""
    place = np.arange(width)
    nodes = layout.start[contexts][:, None] + place
    nodes[place >= layout.sizes[contexts][:, None]] = -1
    owner, rows, _ = ranges(layout.row_start[contexts], layout.row_start[contexts + 1])
    shift = owner * width - layout.start[contexts][owner]
    return Block(
        contexts=contexts, nodes=nodes, rows=rows, owner=owner, source=layout.source[rows] + shift,
        target=layout.target[rows] + shift, answers=layout.answers[rows].astype(np.float64),
    )
