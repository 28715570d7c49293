"""The rankings that a graph holds: what was asked, with which calibration, and which contexts changed since."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from graphengine import __version__
from graphengine.ranked.names import Wanted
from graphengine.tables import RANKINGS, canonical_json

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking import Calibration
    from graphengine.store.base import Store


@dataclass(frozen=True)
class Fit:
    """What has happened to the answers since a calibration was fitted.

    Attributes:
        answers: Number of answers that there were.
        moved: Number of answers in contexts that changed since, each time they did.
        undone: Number of imports that were taken back when the ranking was made.
    """

    answers: int
    moved: int
    undone: int


@dataclass(frozen=True)
class Record:
    """One stored ranking."""

    id: str
    wanted: Wanted
    calibration: str
    data_hash: str
    at: int
    fit: Fit

    def row(self) -> pa.Table:
        """The record as one row of RANKINGS."""
        said = {**json.loads(self.wanted.to_json()), "since_fit": self.fit.__dict__}
        return RANKINGS.table([{
            "id": self.id, "method": self.wanted.method, "edge_rule": self.wanted.rule,
            "parameters": canonical_json(said), "calibration": self.calibration, "data_hash": self.data_hash,
            "at": self.at, "version": __version__,
        }])


def stored(store: Store) -> list[Record]:
    """The rankings of this version that follow the votes, the latest first."""
    found: list[Record] = []
    for row in store.read("rankings").to_pylist():
        said: dict[str, Any] = json.loads(row["parameters"])
        if row["version"] == __version__ and "since_fit" in said and not said.get("as_of"):
            found.append(Record(row["id"], Wanted.of(said), row["calibration"], row["data_hash"] or "", row["at"],
                                Fit(**said["since_fit"])))
    return sorted(found, key=lambda record: (-record.at, record.id))


def calibration_of(store: Store, not_wiser: str, *, of_now: bool = False) -> tuple[Calibration, str] | None:
    """The calibration of the latest ranking that reads "not wiser" this way, and the name of that ranking.

    Args:
        store: The graph.
        not_wiser: The reading.
        of_now: Whether only a ranking of the votes as they are counts.
    """
    from graphengine.ranking import Calibration

    now = store.content_hash() if of_now else None
    for record in stored(store):
        if record.wanted.not_wiser == not_wiser and now in {None, record.data_hash}:
            return Calibration.from_json(record.calibration), record.id
    return None


class State(NamedTuple):
    """How a ranking stands to the graph.

    Attributes:
        data_hash: The state of all that was said.
        covered: Number of contexts that the ranking covers.
        changed: The contexts whose votes are not those that it was made from, with the state of their votes now.
            Contexts where nobody has answered are not among them, unless somebody had when the ranking was made.
        new: Those of them that it does not cover.
    """

    data_hash: str
    covered: int
    changed: dict[str, str]
    new: frozenset[str]


def state(store: Store, ranking_id: str, data_hash: str | None = None) -> State:
    """How a ranking stands to the graph.

    Args:
        store: The graph.
        ranking_id: The ranking.
        data_hash: The state that it was made from; None: what changed is not asked.
    """
    row = store.read("coverage", ranking=ranking_id).to_pylist()[0]
    now = _known(row["content_hash"])
    if data_hash is None or now == data_hash:
        return State(now, row["covered"], {}, frozenset())
    stale, new = store.read("stale_contexts", ranking=ranking_id).to_pylist(), []
    if row["covered"] < row["contexts"]:
        silent = {"", _known(row["duplicates_hash"])}
        new = [found for found in store.read("uncovered_contexts", ranking=ranking_id).to_pylist()
               if _known(found["data_hash"]) not in silent]
    changed = {found["context_id"]: found["data_hash"] for found in (*stale, *new)}
    return State(now, row["covered"], changed, frozenset(found["context_id"] for found in new))


def undone(store: Store) -> int:
    """How many imports were taken back."""
    return store.read("loads").column("status").to_pylist().count("undone")


def _known(content_hash: str | None) -> str:
    """A hash; that of nothing is written in several ways."""
    return content_hash if content_hash and content_hash.strip("0") else ""
