"""Where the graph lives: one contract (`base.Store`), two engines.

`open_store("moral.graph")` opens a folder with the embedded engine, `open_store("neo4j://host")` a graph on a server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphengine.store.base import Store

_SCHEMES = ("neo4j://", "neo4j+s://", "neo4j+ssc://", "bolt://", "bolt+s://", "bolt+ssc://")


def open_store(url_or_folder: str, *, create: bool = True) -> Store:
    """Open a graph.

    Args:
        url_or_folder: A folder (embedded engine), or the address of a Neo4j server.
        create: Whether a new graph may be made there.

    Raises:
        StoreError: If there is no graph there, it is in use, damaged, newer, or the server does not answer.
    """
    if url_or_folder.startswith(_SCHEMES):
        from graphengine.store.neo4j import Neo4jStore

        return Neo4jStore(url_or_folder, create=create)
    if "://" in url_or_folder:
        from graphengine.errors import StoreUnreachableError

        raise StoreUnreachableError(
            f"{url_or_folder} is neither a folder nor the address of a Neo4j server",
            hint="use neo4j://HOST:7687, neo4j+s://HOST, bolt://HOST:7687 or bolt+s://HOST, or a folder",
        )
    from pathlib import Path

    from graphengine.store.ladybug import EmbeddedStore

    return EmbeddedStore(Path(url_or_folder), create=create)
