"""Loss 1 in O(n log n) against the sum over all pairs, and what all figures with their intervals take.

The rival forms all pairs, a row of differences at a time in numpy, which is the fastest plain way and needs no memory
for n² numbers. Loss 1 must be the same to 1e-12 and a hundred times as fast at 20,000 texts.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from benchmarks import measuring
from graphengine.alignment import loss_1, misalignment

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (1_000, 5_000, 20_000)
LARGE = 1_000_000
DRAWS = 200
FASTER = 100


def all_pairs(human: np.ndarray, model: np.ndarray) -> float:
    """The definition."""
    d = human - model
    return sum(float(np.abs(each - d).sum()) for each in d) / (len(d) * (len(d) - 1))


def _best(function: Callable[[], Any], times: int) -> float:
    took = []
    for _ in range(times):
        start = time.perf_counter()
        function()
        took.append(time.perf_counter() - start)
    return min(took)


def run(sizes: tuple[int, ...] = SIZES, large: int = LARGE) -> dict[str, Any]:
    """Time both, side by side."""
    rng = np.random.default_rng(0)
    rows, table = [], []
    for n in sizes:
        human, model = rng.normal(size=(2, n))
        ours, theirs = _best(lambda: loss_1(human, model), 20), _best(lambda: all_pairs(human, model), 3)  # noqa: B023
        far = abs(loss_1(human, model) - all_pairs(human, model))
        rows.append({"texts": n, "seconds": ours, "all_pairs_seconds": theirs, "faster": theirs / ours, "apart": far})
        holds = far < 1e-12 and (n < SIZES[-1] or theirs / ours >= FASTER)
        table.append((f"loss 1, {n:,} texts", f"{ours * 1e3:.2f} ms", f"{theirs * 1e3:.0f} ms", f"{FASTER} x", holds))
    human, model = rng.normal(size=(2, large))
    seconds = _best(lambda: loss_1(human, model), 3)
    table.append((f"loss 1, {large:,} texts", f"{seconds * 1e3:.0f} ms", "-", "-", True))
    n = sizes[-1]
    human, model = rng.normal(size=(2, n))
    ids = pa.array(map(str, range(n)))
    prompts = pa.array([f"p{i // 5}" for i in range(n)])
    tables = pa.table({"id": ids, "utility": human, "prompt": prompts}), pa.table({"id": ids, "utility": model})
    whole = _best(lambda: misalignment(*tables, by="prompt", draws=DRAWS), 1)
    table.append((f"all figures, {n:,} texts, {DRAWS} draws", f"{whole:.1f} s", "-", "-", True))
    measuring.table("misalignment", table)
    return {"loss_1": rows, "loss_1_large": {"texts": large, "seconds": seconds},
            "all_figures": {"texts": n, "draws": DRAWS, "seconds": whole}}
