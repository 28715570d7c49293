"""Single votes as numbers beside the layout of their counts: what must know who said what."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from graphengine.ranking.arrays import compute
from graphengine.ranking.layout import Layout, codes
from graphengine.tables import ANSWERS

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints


class Votes(NamedTuple):
    """Votes of the layout's contexts, sorted by person, row and answer.

    Attributes:
        user: (votes,) who, as a place in `users`.
        row: (votes,) which row of the layout.
        answer: (votes,) 0 wiser, 1 not_wiser, 2 unsure.
        users: Pseudonyms, sorted.
    """

    user: Ints
    row: Ints
    answer: Ints
    users: pa.Array


def read_votes(said: pa.Table, layout: Layout) -> Votes:
    """SAID as numbers; votes on questions that the layout does not have are left out."""
    pc = compute()

    def place(name: str, values: pa.Array) -> Ints:
        found = pc.index_in(said.column(name).cast(pa.string()), value_set=values)
        return np.asarray(pc.fill_null(found, -1).to_numpy(), np.int64)

    width, nodes = max(len(layout.cards), 1), max(len(layout.node_card), 1)
    context = place("context_id", layout.contexts)
    known = layout.node_context * width + layout.node_card
    (source, a), (target, b) = (_find(known, context * width + place(name, layout.cards))
                                for name in ("from_id", "to_id"))
    row, c = _find(layout.source * nodes + layout.target, source * nodes + target)
    answer = place("answer", pa.array(ANSWERS))
    kept = a & b & c & (context >= 0) & (answer >= 0)
    user, users = codes(said.column("user_id").filter(pa.array(kept)))
    row, answer = row[kept], answer[kept]
    order = np.lexsort((answer, row, user))
    return Votes(user[order], row[order], answer[order], users)


def _find(known: Ints, wanted: Ints) -> tuple[Ints, Ints]:
    if not len(known):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    return at, known[at] == wanted


def answers_of(votes: Votes, chosen: Ints, rows: int) -> Ints:
    """(rows, 3) the answers of the chosen votes."""
    return np.bincount(votes.row[chosen] * 3 + votes.answer[chosen], minlength=rows * 3).reshape(rows, 3)


def people_per_context(votes: Votes, layout: Layout, chosen: Ints | slice = slice(None)) -> Ints:
    """(contexts,) how many people cast the chosen votes of each context."""
    contexts = len(layout.contexts)
    pairs = np.unique(votes.user[chosen] * contexts + layout.row_context[votes.row[chosen]])
    return np.bincount(pairs % contexts, minlength=contexts)


def in_order(users: pa.Array, order: int) -> Ints:
    """(users,) the place of each person in one of many orders that follow from the pseudonyms alone."""
    keys = [hashlib.sha256(f"{order}:{user}".encode()).digest() for user in users.to_pylist()]
    place = np.empty(len(keys), np.int64)
    place[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys))
    return place
