"""Single cards of the test split: how many are in other splits too, and a test split of cards of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.preferences.rendering import render_card
from graphengine.preferences.splits import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa

    from graphengine.preferences.source import Source

STRADDLING_CARD = "a card is in another split"
_CARDS = ("chosen_id", "rejected_id", "card_id")
_WORTH = {True: 1, False: 4}  # of the test rows and of all others: a test split may cost a quarter of these at most
_WHOLE = 2**26  # the weight of all test rows; what may not be cut weighs more than all rows together
_UNCUT = 2**30


def card_disjoint(
    kinds: Sequence[dict[str, pa.Table]], source: Source
) -> list[tuple[dict[str, pa.Table], dict[str, int]]]:
    """Leave rows out until no card of the test split is in another one.

    Each card is given to one side, test or the rest, and a row is kept where all its cards are on its own side. Of all
    ways to do so the one is taken that keeps most: the share of the test rows that is kept plus four times the share of
    all other rows is the largest possible (a minimum cut). Where cards go everywhere, that may leave no test split.

    Args:
        kinds: The rows of each split, for each kind.
        source: What they were made from: cards that read the same are one.

    Returns:
        For each kind: its splits, and the number of rows left out by reason.
    """
    name = _names(source)
    test = _side(kinds, name)
    found = []
    for splits in kinds:
        kept = {
            split: table.filter(_mask(table, lambda card, split=split: (card in test) == (split == "test"), name))
            for split, table in splits.items()
        }  # fmt: skip
        left = sum(splits[split].num_rows - kept[split].num_rows for split in splits)
        whole = {split: table for split, table in kept.items() if table.num_rows}
        found.append((whole, {STRADDLING_CARD: left} if left else {}))
    return found


def card_overlap(splits: Mapping[str, pa.Table], source: Source) -> dict[str, dict[str, int]]:
    """Of each split but train: how many single cards it has, and how many of its cards and rows are known from train.

    Returns:
        By split: `cards`, `cards_in_train`, `rows`, `rows_with_a_card_in_train`, `rows_with_all_cards_in_train`.
    """
    name = _names(source)
    known = {card for row in _cards(splits["train"]) for card in map(name, row)} if "train" in splits else set()
    told = {}
    for split, table in splits.items():
        if split != "train":
            rows = [set(map(name, row)) for row in _cards(table)]
            cards: set[str] = set().union(*rows)
            told[split] = {
                "cards": len(cards), "cards_in_train": len(cards & known), "rows": len(rows),
                "rows_with_a_card_in_train": sum(bool(row & known) for row in rows),
                "rows_with_all_cards_in_train": sum(bool(row) and row <= known for row in rows),
            }  # fmt: skip
    return told


def _names(source: Source) -> Callable[[str], str]:
    """What a card is called here: its text, so that two cards that read the same are one; its id if it has none."""
    texts = {card["id"]: plain(render_card(card)) for card in source.cards.to_pylist()}
    return lambda card: texts.get(card) or f"id {card}"


def _cards(table: pa.Table) -> list[list[str]]:
    """The cards of each row."""
    columns = [table.column(name).to_pylist() for name in _CARDS if name in table.column_names]
    return [[card for card in row if card is not None] for row in zip(*columns, strict=True)]


def _mask(table: pa.Table, keep: Callable[[str], bool], name: Callable[[str], str]) -> Any:
    import pyarrow as pa

    rows = _cards(table) or [[]] * table.num_rows
    return pa.array([all(keep(name(card)) for card in row) for row in rows], pa.bool_())


def _side(kinds: Sequence[dict[str, pa.Table]], name: Callable[[str], str]) -> set[str]:
    """The cards that are given to the test split."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, maximum_flow

    rows = [
        (split == "test", sorted(set(map(name, row))))
        for splits in kinds for split, table in splits.items() for row in _cards(table) if row
    ]  # fmt: skip
    sides = [sum(tested for tested, _ in rows), sum(not tested for tested, _ in rows)]
    if not all(sides):
        return {card for tested, row in rows if tested for card in row}
    number = {card: at for at, card in enumerate(sorted({card for _, row in rows for card in row}))}
    first, source, sink = len(number), len(number) + len(rows), len(number) + len(rows) + 1
    arcs: list[tuple[int, int, int]] = []
    for at, (tested, row) in enumerate(rows, start=first):
        ends = (source, at) if tested else (at, sink)
        arcs.append((*ends, max(1, _WORTH[tested] * _WHOLE // sides[not tested])))
        arcs += [(at, number[card], _UNCUT) if tested else (number[card], at, _UNCUT) for card in row]
    start, end, capacity = np.array(arcs, np.int32).T
    graph = coo_array((capacity, (start, end)), shape=(sink + 1, sink + 1)).tocsr()
    left = graph - maximum_flow(graph, source, sink).flow
    left.eliminate_zeros()
    reached = set(breadth_first_order(left, source, return_predecessors=False).tolist())
    return {card for card, at in number.items() if at in reached}
