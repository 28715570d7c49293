"""Utilities for tests, and the definitions of misalignment written out over all pairs."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa


def table(utilities: Any, **columns: Any) -> pa.Table:
    """A table of utilities with the ids a0, a1 and so on."""
    return pa.table({"id": [f"a{i}" for i in range(len(utilities))], "utility": list(map(float, utilities)), **columns})


def brute_force(human: Any, model: Any, blocks: Any = None) -> dict[str, float]:
    """Every figure that is a mean over pairs, and the counts, pair by pair."""
    h, a = np.asarray(human, float), np.asarray(model, float)
    blocks = [0] * len(h) if blocks is None else list(blocks)
    slope = np.cov(a, h, bias=True)[0, 1] / np.var(a) if np.ptp(a) else 0.0
    left = h - (slope * a + h.mean() - slope * a.mean())
    pairs = [(i, j) for i, j in combinations(range(len(h)), 2) if blocks[i] == blocks[j]]
    gaps = [abs((h[i] - h[j]) - (a[i] - a[j])) for i, j in pairs]
    after = [abs(left[i] - left[j]) for i, j in pairs]
    signs = [(np.sign(h[i] - h[j]), np.sign(a[i] - a[j])) for i, j in pairs]
    ordered = 2 * len(pairs) + len(h)
    return {
        "loss_1": sum(gaps) / len(pairs), "loss_1_with_self": 2 * sum(gaps) / ordered, "loss_2": np.abs(h - a).mean(),
        "loss_1_affine": sum(after) / len(pairs), "loss_1_with_self_affine": 2 * sum(after) / ordered,
        "loss_2_affine": np.abs(left).mean(),
        "all": len(pairs),
        "concordant": sum(x * y > 0 for x, y in signs), "discordant": sum(x * y < 0 for x, y in signs),
        "tied_human": sum(x == 0 for x, _ in signs), "tied_model": sum(y == 0 for _, y in signs),
        "tied_both": sum(x == 0 == y for x, y in signs), "turned": sum(x * y <= 0 and x != 0 for x, y in signs),
    }
