"""Nodes and edges of the wiser graph as plain values: what networkx and GraphML are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

_PLACES = ("rank", "rank_lower", "rank_upper", "score", "sd", "lower", "upper", "p_top", "tied_top", "component")


class Element(NamedTuple):
    """A node (its card's id) or an edge (ids of the less wise and the wiser card), with what is known of it.

    Attributes:
        ids: One id, or two.
        facts: Texts, numbers and truth values by name; what is null is left out.
    """

    ids: tuple[str, ...]
    facts: dict[str, str | int | float | bool]


def edges_of(edges: pa.Table, context: str | None) -> Iterator[Element]:
    """The edges (of one context), each pointing to the wiser card.

    Args:
        edges: A table of the schema EDGES.
        context: Id of a context, or None for all.
    """
    for row in edges.to_pylist():
        if context is None or row["context_id"] == context:
            ids = row.pop("from_id"), row.pop("to_id")
            yield Element(ids, _known(row))


def nodes_of(edges: pa.Table, cards: pa.Table, ranks: pa.Table | None, context: str | None) -> list[Element]:
    """The cards that have an edge or a rank (in one context), by id.

    Texts in lists are joined by line ends, since GraphML has no lists. For one context a node carries the card's place
    there, else the ids of the contexts where it is among the wisest (`wisest_in`).

    Args:
        edges: A table of the schema EDGES.
        cards: Rows of `cypher/read/cards.cypher`.
        ranks: A table of the schema RANKS, or None.
        context: Id of a context, or None for all.
    """
    asked = {card for edge in edges_of(edges, context) for card in edge.ids}
    places: dict[str, dict[str, Any]] = {}
    for row in ranks.to_pylist() if ranks is not None else ():
        if context is None:
            asked.add(row["card_id"])
            wisest = places.setdefault(row["card_id"], {"wisest_in": []})["wisest_in"]
            wisest += [row["context_id"]] if row["tied_top"] else []
        elif row["context_id"] == context:
            asked.add(row["card_id"])
            places[row["card_id"]] = {name: row[name] for name in _PLACES}
    about = {row["id"]: row for row in cards.to_pylist() if row["id"] in asked}
    return [
        Element((card,), _known({
            **{name: about.get(card, {}).get(name) for name in ("title", "description", "policies")},
            **places.get(card, {}),
        }))
        for card in sorted(asked)
    ]


def _known(row: dict[str, Any]) -> dict[str, Any]:
    joined = {name: "\n".join(value) if isinstance(value, list) else value for name, value in row.items()}
    return {name: value for name, value in joined.items() if value is not None and value != ""}
