"""Pairs of cards that go round in a circle: no order of them is supported, so none is taught."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.ranking.model import NotWiser

_TURNED = {"from_id": "to_id", "to_id": "from_id", "wiser": "wiser_reverse", "not_wiser": "not_wiser_reverse",
           "unsure": "unsure_reverse"}


def circles_of(edges: pa.Table, not_wiser: NotWiser = "against") -> dict[tuple[str, str], int]:
    """The strongly connected component of each card that is in one of more than one card.

    An arrow is an edge that is certain enough to be shown (`graphengine.ranking.shown`). The model's own edges all
    point to the card with the higher strength and so never run in a circle, while answers do; so an edge is looked at
    in both directions, and where the answers alone are certain that the other way round is right, that arrow is there
    too.

    Args:
        edges: EDGES.
        not_wiser: How the edges' calibration reads "not wiser".

    Returns:
        By context and card: the number of its component. Two cards of one context with the same number are in a circle.

    Example:
        >>> from graphengine.tables import EDGES
        >>> none = {"unsure": 0, "wiser_reverse": 0, "not_wiser_reverse": 0, "unsure_reverse": 0}
        >>> row = {"context_id": "c", "wiser": 9, "not_wiser": 1, "p_model": 0.5, **none}
        >>> ends = [("a", "b"), ("b", "d"), ("d", "a"), ("d", "e")]
        >>> rows = [{**row, "from_id": one, "to_id": other} for one, other in ends]
        >>> sorted(circles_of(EDGES.table(rows)))
        [('c', 'a'), ('c', 'b'), ('c', 'd')]
    """
    import pyarrow as pa

    from graphengine.ranking import shown
    from graphengine.ranking.circles import strong_components

    if not edges.num_rows:
        return {}
    turned = _turned(edges)
    arrows = pa.concat_tables([
        table.filter(shown(table, not_wiser)).select(["context_id", "from_id", "to_id"]) for table in (edges, turned)
    ])  # fmt: skip
    numbers: dict[tuple[str, str], int] = {}
    ends = [
        [numbers.setdefault((row["context_id"], row[end]), len(numbers)) for row in arrows.to_pylist()]
        for end in ("from_id", "to_id")
    ]  # fmt: skip
    source, target = (np.array(end, np.int64) for end in ends)
    label, size = strong_components(source, target, len(numbers))
    return {card: int(label[at]) for card, at in numbers.items() if size[label[at]] > 1}


def _turned(edges: pa.Table) -> pa.Table:
    """The edges the other way round."""
    import pyarrow as pa
    from pyarrow import compute

    back = {there: here for here, there in _TURNED.items()}
    names = [_TURNED.get(name) or back.get(name) or name for name in edges.column_names]
    turned = edges.rename_columns(names).select(edges.column_names)
    at = edges.column_names.index("p_model")
    p = compute.subtract(pa.scalar(1.0), edges.column("p_model"))  # pyright: ignore[reportAttributeAccessIssue]
    return turned.set_column(at, edges.schema.field("p_model"), p)
