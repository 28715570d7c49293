"""A made-up survey of any size as CSV, and the tables that it amounts to as Parquet."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from graphengine.store.pseudonyms import pseudonyms
from graphengine.tables import UPGRADE_ID_SQL

ANSWERS = np.array(["wiser", "not_wiser", "unsure"])


def make(folder: Path, votes: int, contexts: int, upgrades: int, users: int, cards: int, changed: int = 1_000) -> None:
    """Write votes.csv, changed.csv (some answers changed) and the bare tables into a folder; does nothing if done.

    Args:
        folder: Where to.
        votes: Rows; each a distinct user and upgrade.
        contexts: Contexts; upgrades are spread evenly over them.
        upgrades: Distinct upgrades.
        users: Participants.
        cards: Values cards.
        changed: Answers that differ in changed.csv.
    """
    done = folder / "done"
    if done.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(7)
    context = np.arange(upgrades) % contexts
    start = random.integers(0, cards, upgrades)
    end = (start + 1 + random.integers(0, cards - 1, upgrades)) % cards
    triples = np.unique(np.stack([context, start, end], 1), axis=0)
    keys = np.unique(random.integers(0, users * len(triples), int(votes * 1.1)))
    keys = random.permutation(keys)[:votes]
    who, what = keys // len(triples), keys % len(triples)
    answer = random.choice(3, votes, p=[0.66, 0.12, 0.22])
    _write(folder / "votes.csv", who, triples[what], answer)
    other = answer.copy()
    at = random.choice(votes, changed, replace=False)
    other[at] = (other[at] + 1) % 3
    _write(folder / "changed.csv", who, triples[what], other)
    _bare(folder, who, triples, what, answer)
    done.touch()


def _names(prefix: str, numbers: np.ndarray) -> pa.Array:
    distinct, index = np.unique(numbers, return_inverse=True)
    return pa.array([f"{prefix}{n}" for n in distinct]).take(pa.array(index))


def _write(path: Path, who: np.ndarray, triple: np.ndarray, answer: np.ndarray) -> None:
    table = pa.table({
        "participant": _names("R_", who), "context": _names("When in situation ", triple[:, 0]),
        "from_value": _names("card-", triple[:, 1]), "to_value": _names("card-", triple[:, 2]),
        "answer": pa.array(ANSWERS[answer]),
    })
    pyarrow.csv.write_csv(table, path)


def _bare(folder: Path, who: np.ndarray, triples: np.ndarray, what: np.ndarray, answer: np.ndarray) -> None:
    """The same survey as the tables that a graph of it holds, ready for COPY."""
    import duckdb

    load = "load-20260101-000000-abcdef"
    distinct, user = np.unique(who, return_inverse=True)
    users = pseudonyms(b"key", pa.array([f"R_{n}" for n in distinct]))
    used, upgrade = np.unique(what, return_inverse=True)
    said = triples[used]
    named = pa.table({"context_id": _names("When in situation ", said[:, 0]), "from_id": _names("card-", said[:, 1]),
                      "to_id": _names("card-", said[:, 2])})
    ids = duckdb.sql(f"select {UPGRADE_ID_SQL} as id from named").to_arrow_table().column("id").combine_chunks()

    def same(rows: int) -> pa.Array:
        return pa.array([load]).take(pa.array(np.zeros(rows, int)))

    contexts = named.column("context_id").unique()
    cards = pa.concat_arrays([c.combine_chunks() for c in (named.column("from_id"), named.column("to_id"))]).unique()
    rows, nothing = len(contexts), pa.nulls
    write = {
        "Context": {"id": contexts, "text": contexts, "load_id": same(rows), "data_hash": same(rows)},
        "ValuesCard": {"id": cards, "title": nothing(len(cards), pa.string()),
                       "description": nothing(len(cards), pa.string()),
                       "policies": nothing(len(cards), pa.list_(pa.string())), "load_id": same(len(cards))},
        "User": {"id": users, "load_id": same(len(users))},
        "Upgrade": {"id": ids, "story": nothing(len(ids), pa.string()), "load_id": same(len(ids))},
        "IN_CONTEXT": {"from": ids, "to": named.column("context_id")},
        "FROM_CARD": {"from": ids, "to": named.column("from_id")},
        "TO_CARD": {"from": ids, "to": named.column("to_id")},
        "VOTED": {"from": users.take(pa.array(user)), "to": ids.take(pa.array(upgrade)),
                  "answer": pa.array(ANSWERS[answer]), "at": nothing(len(user), pa.int64()),
                  "load_id": same(len(user))},
    }
    for name, columns in write.items():
        table = pa.table(columns)
        if name == "VOTED":  # as graphengine hands them over: by context, so by upgrade
            order = np.argsort(said[upgrade, 0], kind="stable")
            table = table.take(pa.array(order))
        pq.write_table(table, folder / f"{name}.parquet")
