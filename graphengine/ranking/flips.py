"""Pairs of cards that groups see the other way round."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from graphengine.tables import FLIPS

if TYPE_CHECKING:
    from collections.abc import Mapping


def flips(edges: Mapping[str, pa.Table], least: float = 0.0) -> pa.Table:
    """For each two groups and each pair of cards that both were asked about: does the order flip between them?

    With m and s the mean and sd of θ_to - θ_from in one group and m', s' in the other, p = Φ(m/s) and p' = Φ(m'/s'),
    the order flips with probability p (1 - p') + p' (1 - p). The two posteriors are taken as independent: they share
    no answers, but the yes-bias, whose uncertainty is small beside their own.

    Args:
        edges: EDGES of each group, by group id, made with one calibration.
        least: Only flips of at least this probability.

    Returns:
        FLIPS sorted by falling `p_flip`, then by its key. `to_id` is the wiser card in `group_id`.

    Example:
        >>> from graphengine.tables import EDGES
        >>> sure = {"context_id": "c", "margin": 2.0, "margin_sd": 1.0}
        >>> young = EDGES.table([{**sure, "from_id": "a", "to_id": "b"}])
        >>> old = EDGES.table([{**sure, "from_id": "b", "to_id": "a"}])
        >>> round(flips({"age=young": young, "age=old": old}).column("p_flip")[0].as_py(), 3)
        0.956
    """
    from scipy.special import ndtr

    margins = {group: _margins(table) for group, table in edges.items()}
    rows: list[dict[str, Any]] = []
    for one, other in combinations(sorted(edges), 2):
        for key, (margin, sd) in margins[one].items():
            if key not in margins[other]:
                continue
            context, low, high = key
            sign = 1.0 if margin >= 0 else -1.0
            there, there_sd = margins[other][key]
            rows.append({
                "context_id": context, "group_id": one, "other_group_id": other,
                "from_id": low if margin >= 0 else high, "to_id": high if margin >= 0 else low,
                "margin": abs(margin), "margin_sd": sd, "other_margin": sign * there, "other_margin_sd": there_sd,
            })
    if not rows:
        return FLIPS.empty()
    m, s, n, t = (np.array([row[name] for row in rows]) for name in
                  ("margin", "margin_sd", "other_margin", "other_margin_sd"))
    p, q = ndtr(m / s), ndtr(n / t)
    table = FLIPS.table(rows)
    at = FLIPS.schema.get_field_index("p_flip")
    table = table.set_column(at, FLIPS.schema.field(at), pa.array(p * (1 - q) + q * (1 - p)))
    table = table.filter(pa.array(table.column("p_flip").to_numpy() >= least))
    return table.sort_by([("p_flip", "descending"), *((name, "ascending") for name in FLIPS.key)])


def _margins(edges: pa.Table) -> dict[tuple[str, str, str], tuple[float, float]]:
    """By context and pair (smaller id first): how much wiser the larger id is, and its sd."""
    columns = (edges.column(name).to_pylist() for name in ("context_id", "from_id", "to_id", "margin", "margin_sd"))
    found = {}
    for context, start, end, margin, sd in zip(*columns, strict=True):
        low, high = min(start, end), max(start, end)
        found[context, low, high] = (margin if end == high else -margin, sd)
    return found
