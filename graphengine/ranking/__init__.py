"""Counts in, edges and rankings out: pure functions on Arrow tables (numpy and scipy, no store, picklable).

`calibrate` fits what all contexts share; with a calibration fixed, `rank_counts` and `wiser_edges` give the same rows
for a context whether it is ranked alone, in any subset, or with all others.

Example:
    >>> from graphengine import ranking, tables
    >>> counts = tables.COUNTS.table([
    ...     {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 18, "not_wiser": 2, "unsure": 0},
    ...     {"context_id": "c", "from_id": "b", "to_id": "a", "wiser": 2, "not_wiser": 18, "unsure": 0},
    ... ])
    >>> ranks = ranking.rank_counts(counts, calibration=ranking.calibrate(counts))
    >>> ranks.column("card_id").to_pylist(), ranks.column("rank").to_pylist()
    (['b', 'a'], [1, 2])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphengine.ranking.asking import ask_next
    from graphengine.ranking.calibration import Calibration, calibrate
    from graphengine.ranking.connected import components
    from graphengine.ranking.edges import shown, wiser_edges
    from graphengine.ranking.groups import group_counts, satisfaction
    from graphengine.ranking.hodgerank import hodge
    from graphengine.ranking.judging import settle, verdicts
    from graphengine.ranking.methods import METHODS, rank_counts
    from graphengine.ranking.paths import upgrade_path
    from graphengine.ranking.rules import EDGE_RULES, rule_edges, superseded_tallies, usable_tallies

__all__ = [
    "EDGE_RULES", "METHODS", "Calibration", "ask_next", "calibrate", "components", "group_counts", "hodge",
    "rank_counts", "rule_edges", "satisfaction", "settle", "shown", "superseded_tallies", "upgrade_path",
    "usable_tallies", "verdicts", "wiser_edges",
]

_HOME = {
    "ask_next": "asking",
    "EDGE_RULES": "rules", "METHODS": "methods", "Calibration": "calibration", "calibrate": "calibration",
    "components": "connected", "group_counts": "groups", "hodge": "hodgerank", "satisfaction": "groups",
    "rank_counts": "methods", "rule_edges": "rules",
    "superseded_tallies": "rules", "usable_tallies": "rules", "verdicts": "judging", "wiser_edges": "edges",
    "settle": "judging", "shown": "edges", "upgrade_path": "paths",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"graphengine.ranking.{_HOME[name]}"), name)
    raise AttributeError(f"module 'graphengine.ranking' has no attribute {name!r}")
