"""Between store and ranking: what is read to rank, what is written, and what a ranking is called.

One module for each thing that is asked of a ranked graph; `graphengine.graph` opens the store and calls them.
"""

from __future__ import annotations

from graphengine.ranked.asking import ask_next
from graphengine.ranked.basis import why_unranked
from graphengine.ranked.comparing import compare
from graphengine.ranked.diff import diff
from graphengine.ranked.drift import drift
from graphengine.ranked.explaining import explain_pair
from graphengine.ranked.groups import groups
from graphengine.ranked.making import again, rank
from graphengine.ranked.names import Wanted, options, ranking_id
from graphengine.ranked.own_query import as_arrow
from graphengine.ranked.preferring import Preferred, preference_source
from graphengine.ranked.sources import rule_edges
from graphengine.ranked.structuring import structure, upgrade_path
from graphengine.ranked.validity import validate

__all__ = [
    "Preferred", "Wanted", "again", "as_arrow", "ask_next", "compare", "diff", "drift", "explain_pair", "groups",
    "options", "preference_source", "rank", "ranking_id", "rule_edges", "structure", "upgrade_path", "validate",
    "why_unranked",
]
