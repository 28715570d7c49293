"""What differs between two stored rankings."""

from __future__ import annotations

import difflib
import json
from typing import TYPE_CHECKING, Any

from graphengine.answers_time import Diff
from graphengine.errors import NotRankedError
from graphengine.ranked.moves import moves
from graphengine.ranked.names import options

if TYPE_CHECKING:
    from graphengine.store.base import Store


def diff(store: Store, before: str, after: str, *, least: float) -> Diff:
    """What differs between two stored rankings; see `MoralGraph.diff`."""
    made = {row["id"]: row for row in store.read("rankings").to_pylist()}
    for name in (before, after):
        if name not in made:
            close = difflib.get_close_matches(name, made, n=1)
            hint = f"did you mean {close[0]!r}?" if close else _how(name, list(made))
            raise NotRankedError(f"there is no ranking {name!r}", hint=hint, ranking=name)
    sides = [(store.read("ranks", ranking=name), store.read("verdicts", ranking=name)) for name in (before, after)]
    covered = {context for _, verdicts in sides for context in verdicts.column("context_id").to_pylist()}
    return Diff(
        made[before], made[after], _votes_of(made[before]) == _votes_of(made[after]), len(covered), least,
        moves(store, sides[0], sides[1], least, ranks=True),
    )


def _votes_of(row: dict[str, Any]) -> tuple[Any, Any]:
    return row["data_hash"], json.loads(row["parameters"]).get("as_of")


def _how(name: str, made: list[str]) -> str:
    from graphengine.ranking import METHODS

    there = f"; there is {', '.join(made)}" if made else ""
    known = name.split(" ", 1)[0] in METHODS
    return f"make it: graphengine rank{options(name)}{there}" if known else f"graphengine query rankings{there}"
