"""The wiser graph as a networkx graph, for algorithms and drawings that live there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphengine.errors import MissingExtraError
from graphengine.interop.elements import edges_of, nodes_of

if TYPE_CHECKING:
    import networkx
    import pyarrow as pa


def to_networkx(
    edges: pa.Table, cards: pa.Table, ranks: pa.Table | None = None, context: str | None = None
) -> networkx.DiGraph | networkx.MultiDiGraph:
    """The wiser edges as a networkx graph; edges point to the wiser card.

    Args:
        edges: A table of the schema EDGES.
        cards: The cards: `id, title, description, policies`.
        ranks: A table of the schema RANKS, or None.
        context: Id of a context; None gives all contexts in one graph.

    Returns:
        For one context a DiGraph whose nodes carry the card's place; for all a MultiDiGraph whose edges are keyed by
        the context's id. Edges carry the columns of EDGES, nodes title, description and policies (joined by line ends);
        what is null is left out, so that `networkx.write_graphml` takes the graph.

    Raises:
        MissingExtraError: If networkx is not installed.

    Example:
        >>> from graphengine.tables import EDGES, TRUTH
        >>> edges = EDGES.table([{"context_id": "When grieving", "from_id": "a", "to_id": "b", "p_model": 0.9}])
        >>> cards = TRUTH["cards"].table([{"id": "a", "title": "Advise"}, {"id": "b", "title": "Stay"}])
        >>> graph = to_networkx(edges, cards, context="When grieving")
        >>> graph.nodes["b"]["title"], graph["a"]["b"]["p_model"]
        ('Stay', 0.9)
    """
    try:
        import networkx
    except ImportError:
        raise MissingExtraError.of("networkx", "networkx") from None

    graph = networkx.MultiDiGraph() if context is None else networkx.DiGraph(context=context)
    for node in nodes_of(edges, cards, ranks, context):
        graph.add_node(node.ids[0], **node.facts)
    for edge in edges_of(edges, context):
        key = {"key": edge.facts["context_id"]} if context is None else {}
        graph.add_edge(*edge.ids, **key, **edge.facts)
    return graph
