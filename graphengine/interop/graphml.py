r"""The wiser graph as GraphML, which Gephi, yEd, Cytoscape, igraph and networkx open.

networkx could write it, but it is an extra and the core exports GraphML too; two writers would drift apart. The format
is one page, so the only writer is this one, and the tests read its files back with networkx.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from graphengine.errors import ExportError
from graphengine.interop.elements import Element, edges_of, nodes_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

_NAMESPACE = "http://graphml.graphdrawing.org/xmlns"
_TYPES = {str: "string", bool: "boolean", int: "long", float: "double"}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_graphml(
    out: Path, edges: pa.Table, cards: pa.Table, ranks: pa.Table | None = None, context: str | None = None
) -> int:
    r"""Write the wiser edges (of one context) as GraphML; the file is there as a whole or not at all.

    Nodes and edges carry what `to_networkx` gives them. Characters that XML can't hold are written as `\u0001`.

    Args:
        out: The file to write; an older GraphML file is replaced.
        edges: A table of the schema EDGES.
        cards: The cards: `id, title, description, policies`.
        ranks: A table of the schema RANKS, or None.
        context: Id of a context, or None for all.

    Returns:
        The number of edges.

    Raises:
        ExportError: If the file can't be written there, or is something else than GraphML.
    """
    out = Path(out)
    nodes, links = nodes_of(edges, cards, ranks, context), list(edges_of(edges, context))
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        if out.exists() and b"<graphml" not in out.read_bytes()[:1000]:
            raise ExportError(f"{out} is there already and is not GraphML", hint="name another file", path=str(out))
        with part.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(_lines(nodes, links, context))
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    except OSError as error:
        raise ExportError(
            f"{out} can't be written: {error.strerror}", hint="name a file in a folder that is there", path=str(out)
        ) from None
    finally:
        with suppress(OSError):
            part.unlink()
    return len(links)


def _lines(nodes: list[Element], links: list[Element], context: str | None) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<graphml xmlns="{_NAMESPACE}">\n'
    keys: dict[tuple[str, str], str] = {}
    for kind, elements in (("node", nodes), ("edge", links)):
        types = {name: type(value) for element in elements for name, value in element.facts.items()}
        for name, of in types.items():
            keys[kind, name] = key = f"d{len(keys)}"
            yield f'  <key id="{key}" for="{kind}" attr.name={_quoted(name)} attr.type="{_TYPES[of]}"/>\n'
    if context is not None:
        yield '  <key id="context" for="graph" attr.name="context" attr.type="string"/>\n'
    yield '  <graph edgedefault="directed">\n'
    if context is not None:
        yield f'    <data key="context">{_text(context)}</data>\n'
    for node in nodes:
        yield f"    <node id={_quoted(node.ids[0])}>{_data(node, 'node', keys)}</node>\n"
    for link in links:
        ends = f"source={_quoted(link.ids[0])} target={_quoted(link.ids[1])}"
        yield f"    <edge {ends}>{_data(link, 'edge', keys)}</edge>\n"
    yield "  </graph>\n</graphml>\n"


def _data(element: Element, kind: str, keys: dict[tuple[str, str], str]) -> str:
    return "".join(
        f'<data key="{keys[kind, name]}">{_text(str(value).lower() if isinstance(value, bool) else str(value))}</data>'
        for name, value in element.facts.items()
    )


def _legal(text: str) -> str:
    return _NOT_XML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _text(text: str) -> str:
    return escape(_legal(text), {"\r": "&#13;"})


def _quoted(text: str) -> str:
    return quoteattr(_legal(text))
