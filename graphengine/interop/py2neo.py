"""Truth tables to py2neo objects and back, for programs that are built on py2neo.

py2neo is at its end of life; it works on Neo4j 5 as far as it goes (Bolt 4.3, no datetime parameters, no schema calls),
so it is an adapter here and never the way to the store. What is written through it bypasses graphengine's checks and
content hashes: bring such data in with `from_py2neo` and an import.

Known limit of py2neo: it writes one relationship per type and pair of nodes, so of several superseded answers of one
person to one upgrade (`VOTED_BEFORE`) a server keeps one. The subgraph itself holds them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from graphengine.errors import InputError, MissingExtraError
from graphengine.tables import TRUTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import py2neo

NODES: dict[str, tuple[str, tuple[str, ...]]] = {
    "scenarios": ("Scenario", ("text", "image")),
    "contexts": ("Context", ("text",)),
    "cards": ("ValuesCard", ("title", "description", "policies")),
    "users": ("User", ()),
    "groups": ("Group", ("variable", "value")),
    "upgrades": ("Upgrade", ("story",)),
    "tallies": ("Tally", ("wiser", "not_wiser", "less_wise", "unsure", "impressions")),
}
"""Label and properties (besides `id`) of the nodes of a truth table."""


class Link(NamedTuple):
    """A relationship type of the graph model, and the columns of the truth table that it comes from."""

    type: str
    table: str
    start: str
    start_column: str
    end: str
    end_column: str
    properties: tuple[str, ...] = ()


LINKS = (
    Link("RAISES", "raises", "Scenario", "scenario_id", "Context", "context_id"),
    Link("DUPLICATE_OF", "duplicates", "ValuesCard", "card_id", "ValuesCard", "canonical_id"),
    Link("ARTICULATED", "articulated", "User", "user_id", "ValuesCard", "card_id"),
    Link("MEMBER_OF", "members", "User", "user_id", "Group", "group_id"),
    Link("IN_CONTEXT", "upgrades", "Upgrade", "id", "Context", "context_id"),
    Link("FROM_CARD", "upgrades", "Upgrade", "id", "ValuesCard", "from_id"),
    Link("TO_CARD", "upgrades", "Upgrade", "id", "ValuesCard", "to_id"),
    Link("OF_CONTEXT", "tallies", "Tally", "id", "Context", "contexts"),
    Link("FROM_CARD", "tallies", "Tally", "id", "ValuesCard", "from_id"),
    Link("TO_CARD", "tallies", "Tally", "id", "ValuesCard", "to_id"),
    Link("VOTED", "votes", "User", "user_id", "Upgrade", "upgrade_id", ("answer", "at")),
    Link("VOTED_BEFORE", "votes_before", "User", "user_id", "Upgrade", "upgrade_id", ("id", "answer", "at")),
)
"""The relationships of the graph model."""


def to_py2neo(tables: Mapping[str, pa.Table]) -> py2neo.Subgraph:
    """A py2neo Subgraph of truth tables, ready for `graph.create` or `graph.merge` (primary key `id`).

    Args:
        tables: Truth tables by name (`graphengine.tables.TRUTH`), all or some; columns that a table lacks are left out.
            A node that only other rows name gets its id alone.

    Raises:
        MissingExtraError: If py2neo is not installed.
    """
    py2neo = _py2neo()
    nodes: dict[tuple[str, str], Any] = {}

    def node(label: str, key: str) -> Any:
        if (label, key) not in nodes:
            made = py2neo.Node(label, id=key)
            made.__primarylabel__, made.__primarykey__ = label, "id"
            nodes[label, key] = made
        return nodes[label, key]

    for table, (label, properties) in NODES.items():
        for row in _rows(tables, table):
            node(label, row["id"]).update({name: row.get(name) for name in properties})
    relationships = []
    for link in LINKS:
        kind = py2neo.Relationship.type(link.type)
        for row in _rows(tables, link.table):
            ends = row.get(link.end_column)
            for end in ends if isinstance(ends, list) else [] if ends is None else [ends]:
                known = {name: row[name] for name in link.properties if row.get(name) is not None}
                relationships.append(kind(node(link.start, row[link.start_column]), node(link.end, end), **known))
    return py2neo.Subgraph(nodes.values(), relationships)


def from_py2neo(source: py2neo.Graph | py2neo.Subgraph) -> dict[str, pa.Table]:
    """The truth tables (without `load_id`) that a py2neo Graph or Subgraph holds in the shape of the graph model.

    Args:
        source: A Graph (read with one query per table) or a Subgraph. Labels and types that are not the graph model's
            are passed over. Ids of users are taken as they are: let no raw participant id stand there.

    Returns:
        All truth tables but loads, tombstones, exports and targets, sorted by their keys; empty where there is nothing.

    Raises:
        MissingExtraError: If py2neo is not installed.
        InputError: If a node lacks its id, an upgrade or a tally its cards or contexts, or a value is of another type.
    """
    py2neo = _py2neo()
    names = {*NODES, *(link.table for link in LINKS)}
    rows: dict[str, dict[Any, dict[str, Any]]] = {name: {} for name in names}
    elements = _from_graph(source) if isinstance(source, py2neo.Graph) else _from_subgraph(source)
    for table, row in elements:
        key = tuple(row[name] for name in TRUTH[table].key)
        known = rows[table].setdefault(key, {})
        known.update({**row, "contexts": known.get("contexts", []) + row["contexts"]} if "contexts" in row else row)
    return {name: _table(name, rows[name].values()) for name in TRUTH if name in names}


def _from_subgraph(subgraph: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    tables = {label: (table, properties) for table, (label, properties) in NODES.items()}
    for node in subgraph.nodes:
        for label in tables.keys() & set(node.labels):
            table, properties = tables[label]
            yield table, {"id": _id(node, label), **{name: node[name] for name in properties}}
    links = {(link.type, link.start, link.end): link for link in LINKS}
    for relationship in subgraph.relationships:
        start, end = relationship.start_node, relationship.end_node
        for label in start.labels:
            for other in end.labels:
                link = links.get((type(relationship).__name__, label, other))
                if link:
                    yield link.table, _link_row(link, _id(start, label), _id(end, other), dict(relationship))


def _from_graph(graph: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    # Scalars, not nodes: three times as fast, and nothing is fetched one by one later. No user text is in the queries.
    for table, (label, properties) in NODES.items():
        columns = ", ".join(f"n.{name} AS {name}" for name in ("id", *properties))
        for row in graph.run(f"MATCH (n:`{label}`) RETURN {columns}").data():
            _id(row, label)
            yield table, row
    for link in LINKS:
        columns = "".join(f", r.{name} AS {name}" for name in link.properties)
        text = f"MATCH (a:`{link.start}`)-[r:{link.type}]->(b:`{link.end}`) RETURN a.id AS start, b.id AS end{columns}"
        for row in graph.run(text).data():
            start, end = _id({"id": row["start"]}, link.start), _id({"id": row["end"]}, link.end)
            yield link.table, _link_row(link, start, end, row)


def _link_row(link: Link, start: str, end: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    many = link.end_column == "contexts"
    known = {name: properties.get(name) for name in link.properties}
    return {link.start_column: start, link.end_column: [end] if many else end, **known}


def _id(node: Mapping[str, Any], label: str) -> str:
    if not isinstance(node["id"], str) or not node["id"]:
        raise InputError(
            f"a node :{label} has the id {node['id']!r}, not a text", hint="give every node an id", label=label
        )
    return node["id"]


def _table(name: str, rows: Iterable[dict[str, Any]]) -> pa.Table:
    schema = TRUTH[name].without("load_id")
    needed = {column for link in LINKS if link.table == name for column in (link.start_column, link.end_column)}
    complete = []
    for row in rows:
        lacking = sorted(column for column in needed if row.get(column) is None)
        if lacking:
            raise InputError(
                f"{name} {row['id']!r} lacks {', '.join(lacking)}", hint="add the relationship to the graph", table=name
            )
        if isinstance(row.get("policies"), str):  # Arrow would take its letters for policies
            raise InputError(f"the policies of card {row['id']!r} are one text", hint="make them a list", table=name)
        complete.append({**row, "contexts": sorted(row["contexts"])} if "contexts" in row else row)
    try:
        table = pa.Table.from_pylist(complete, schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise InputError(f"a value of {name} has another type: {error}", hint="times are whole milliseconds") from None
    return table.sort_by([(column, "ascending") for column in TRUTH[name].key])


def _rows(tables: Mapping[str, pa.Table], name: str) -> list[dict[str, Any]]:
    return tables[name].to_pylist() if name in tables else []


def _py2neo() -> Any:
    try:
        import py2neo
    except ImportError:
        raise MissingExtraError.of("py2neo", "py2neo") from None
    return py2neo
