"""How a graph's cards hang together, and the strongest chain from one to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphengine.answers import ContextRef
from graphengine.answers_structure import Structure, UpgradePath, in_words
from graphengine.errors import InputError, NotRankedError
from graphengine.ranked import labels
from graphengine.tables import STRUCTURES, of_contexts

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.store.base import Store


def structure(store: Store, context: ContextRef | None, not_wiser: str = "against") -> Structure:
    """The structure of a context, or of all that have answers; see `MoralGraph.structure`."""
    from graphengine.ranking.calibration import check_not_wiser
    from graphengine.ranking.structure import structure as structure_of

    counts = store.read("count_votes")
    if context is not None:
        counts = of_contexts(counts, [context.id])
    rows = structure_of(counts, check_not_wiser(not_wiser)).to_pylist()
    titles = labels.titles(store)
    if context is None:
        texts = labels.texts(store)
    else:
        texts = {context.id: context.text}
        rows = rows or [_silent(context.id)]
        rows[0]["never_asked"] = store.read("never_asked", context=context.id).column("id").to_pylist()
    said = [
        {"context": {"id": row["context_id"], "text": texts.get(row["context_id"], row["context_id"])},
         "words": in_words(row, titles), **row} for row in rows
    ]
    return Structure(said, titles)


def _silent(context: str) -> dict[str, Any]:
    """The row of a context without answers."""
    row: dict[str, Any] = dict.fromkeys(STRUCTURES.schema.names)
    row |= {"context_id": context, "cyclic_cards": [], "cycles": [], "isolated": []}
    return row | dict.fromkeys(("cards", "pairs", "components", "triangles"), 0)


def upgrade_path(store: Store, context: ContextRef, source: dict[str, Any], target: dict[str, Any]) -> UpgradePath:
    """The strongest chain of wiser edges between two cards; see `MoralGraph.upgrade_path`."""
    from graphengine import ranking
    from graphengine.ranking.paths import weakest_link

    ids = [card["canonical_id"] or card["id"] for card in (source, target)]
    if ids[0] == ids[1]:
        raise InputError("a path leads from one value to another, and these two are one",
                         hint="graphengine path CONTEXT FROM TO", value=ids[0])
    edges = store.read("edges_of_context", context=context.id)
    if not edges.num_rows and not store.read("rankings").num_rows:
        raise NotRankedError("there are no wiser edges yet", hint="graphengine rank", ranking="bradley-terry")
    edges = edges.append_column("shown", ranking.shown(edges))
    titles = labels.titles(store)
    path = ranking.upgrade_path(edges, context.id, *ids)
    links = [{**row, "from_title": titles.get(row["from_id"], row["from_id"]),
              "to_title": titles.get(row["to_id"], row["to_id"])} for row in path.to_pylist()]
    at = weakest_link(path)
    weakest = None if at is None else links[at]
    ends = [{"id": card, "title": titles.get(card, card)} for card in ids]
    if weakest is not None:
        reason = (f"as strong as its weakest link: {weakest['from_title']} → {weakest['to_title']}, "
                  f"P(wiser) {weakest['p_model']:.3f}")
    elif ranking.upgrade_path(edges, context.id, *ids[::-1]).num_rows:
        reason = f"the answers lead the other way, from {ends[1]['title']} to {ends[0]['title']}"
    elif _apart(edges, ids):
        reason = "no question ties these two together: they are not compared"
    else:
        reason = f"no chain of wiser edges leads from {ends[0]['title']} to {ends[1]['title']}, nor back"
    return UpgradePath(context, ends[0], ends[1], links, weakest, reason)


def _apart(edges: pa.Table, ids: list[str]) -> bool:
    """Whether two cards lie in different weak components."""
    neighbours: dict[str, set[str]] = {}
    for a, b in zip(edges.column("from_id").to_pylist(), edges.column("to_id").to_pylist(), strict=True):
        neighbours.setdefault(a, set()).add(b)
        neighbours.setdefault(b, set()).add(a)
    seen: set[str] = set()
    front = {ids[0]}
    while front:
        seen |= front
        front = set().union(*(neighbours.get(card, set()) for card in front)) - seen
    return ids[1] not in seen
