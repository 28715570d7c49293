"""Votes by the hundred million: from files straight to a file of ranks, in a bounded amount of memory.

No graph is made. The votes are split by their context into buckets on disk (`splitting`), each bucket is counted
(`counting`) and ranked by the same pure function as in memory (`placing`); `engines` says where this runs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphengine.scale.outcome import VotesRanked
    from graphengine.scale.votes import rank_votes

__all__ = ["VotesRanked", "rank_votes"]

_HOME = {"VotesRanked": "outcome", "rank_votes": "votes"}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"graphengine.scale.{_HOME[name]}"), name)
    raise AttributeError(f"module 'graphengine.scale' has no attribute {name!r}")
