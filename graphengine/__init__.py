"""graphengine: from votes on values to the wisest value per context, in Cypher, and on to preference datasets.

Example:
    >>> import graphengine
    >>> graphengine.__version__
    '0.1.0'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphengine.errors import GraphEngineError

if TYPE_CHECKING:
    from graphengine.graph import MoralGraph, open

__version__ = "0.1.0"
__all__ = ["GraphEngineError", "MoralGraph", "__version__", "open"]


def __getattr__(name: str) -> Any:
    # Heavy imports wait until somebody opens a graph: `graphengine --help` answers at once.
    if name in {"MoralGraph", "open"}:
        from graphengine import graph

        return getattr(graph, name)
    raise AttributeError(f"module 'graphengine' has no attribute {name!r}")
