"""COUNTS to RANKS, against networkx.pagerank per context and against the published algorithm.

Every side starts from the same COUNTS table and ends with a RANKS table. The edge rule of all PageRanks is the
published one, context by context (`mai-2023-context`), and every context keeps its 60 edges. networkx and the published
algorithm are timed on samples of the contexts and scaled; ours runs on all: the default once, since that takes a
minute, everything else three times. The published algorithm is written from its
description: counters per ordered pair, then 100 rounds in which every edge filters all edges for those of its source.
networkx is timed as it comes (tolerance 1e-6, times the number of values); in the huge context, where that would be off
by a third, with 1e-10 over the number of values. Scores are compared with networkx at a tolerance of 1e-12.
"""

from __future__ import annotations

import math
import os
import statistics
import sys
import time
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from benchmarks import contexts, measuring
from graphengine.tables import RANKS

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

CONTEXTS = int(os.environ.get("BENCH_CONTEXTS", "100000"))
SAMPLE_NETWORKX, SAMPLE_PUBLISHED = 1_000, 300
HUGE = (int(os.environ.get("BENCH_VALUES", "1000000")), int(os.environ.get("BENCH_EDGES", "10000000")))
RULE = "mai-2023-context"


def _edges(counts: pa.Table) -> dict[str, list[tuple[str, str, float]]]:
    """Edges of each context as (from, to, likelihood) by the published rule, in plain Python."""
    columns = [counts.column(name).to_pylist() for name in counts.column_names]
    wiser, total = {}, {}
    for context, source, target, yes, no, unsure in zip(*columns, strict=True):
        wiser[context, source, target], total[context, source, target] = yes, yes + no + unsure
    kept = defaultdict(list)
    for context, source, target, yes, no, unsure in zip(*columns, strict=True):
        back = (context, target, source)
        less, asked_back = wiser.get(back, 0), total.get(back, 0)
        answers = yes + no + unsure + less
        likelihood = (yes - less) / answers if answers else 0.0
        if yes < 2 or likelihood < 0.33:
            continue
        counters = [n for n in (yes, no, less, unsure, yes + no + unsure + asked_back) if n]
        every = sum(counters)
        if -sum(n / every * math.log2(n / every) for n in counters) <= 1.69:
            kept[context].append((source, target, likelihood))
    return kept


def _table(scores: dict[str, dict[str, float]]) -> pa.Table:
    import pyarrow as pa

    rows: dict[str, list[Any]] = {"context_id": [], "card_id": [], "rank": [], "score": []}
    for context, found in scores.items():
        order = sorted(found.items(), key=lambda item: (-item[1], item[0]))
        rows["context_id"] += [context] * len(order)
        rows["card_id"] += [card for card, _ in order]
        rows["rank"] += range(1, len(order) + 1)
        rows["score"] += [score for _, score in order]
    return pa.table({
        field.name: pa.array(rows[field.name], field.type) if field.name in rows
        else pa.nulls(len(rows["rank"]), field.type) for field in RANKS.schema
    })


def by_networkx(counts: pa.Table, tolerance: float = 1e-6) -> tuple[pa.Table, float]:
    """RANKS by networkx.pagerank per context, and the seconds spent in building graphs and networkx.pagerank."""
    import networkx as nx

    inside, scores = 0.0, {}
    for context, edges in _edges(counts).items():
        started = time.perf_counter()
        graph = nx.DiGraph()
        graph.add_weighted_edges_from(edges)
        scores[context] = nx.pagerank(graph, tol=tolerance, max_iter=1_000)
        inside += time.perf_counter() - started
    return _table(scores), inside


def by_published(counts: pa.Table) -> pa.Table:
    """RANKS by the published algorithm."""
    scores = {}
    for context, edges in _edges(counts).items():
        nodes = list(dict.fromkeys(node for edge in edges for node in edge[:2]))
        rank = dict.fromkeys(nodes, 1 / len(nodes))
        for _ in range(100):
            after = dict.fromkeys(nodes, 0.15 / len(nodes))
            for source, target, weight in edges:
                out = sum(edge[2] for edge in edges if edge[0] == source)
                after[target] += 0.85 * rank[source] * weight / out
            rank = after
        scores[context] = rank
    return _table(scores)


def _seconds(call: Callable[[], Any]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def many(fast: str) -> None:
    """Ours on all contexts; the others on samples, in turns, so that all see the same machine."""
    from graphengine.ranking import fast as kernels
    from graphengine.ranking import rank_counts
    from graphengine.ranking.layout import lay_out
    from graphengine.ranking.rule_graph import kept_edges
    from graphengine.ranking.rules import find_rule
    from graphengine.ranking.walk import graphs_of, walk

    kernels.use(fast == "fast")
    counts = contexts.many(CONTEXTS)
    at_input = measuring.peak_mb()
    few = counts.slice(0, SAMPLE_NETWORKX * contexts.EDGES)
    fewer = counts.slice(0, SAMPLE_PUBLISHED * contexts.EDGES)
    rank_counts(few, "pagerank", edge_rule=RULE)
    rank_counts(few)  # both once: imports, and compiling where there is something to compile
    networkx_s, inside_s, published_s, pagerank_s, default_s = [], [], [], [], []
    for turn in range(3):
        started = time.perf_counter()
        _, inside = by_networkx(few)
        networkx_s.append((time.perf_counter() - started) / SAMPLE_NETWORKX)
        inside_s.append(inside / SAMPLE_NETWORKX)
        published_s.append(_seconds(lambda: by_published(fewer)) / SAMPLE_PUBLISHED)
        pagerank_s.append(_seconds(lambda: rank_counts(counts, "pagerank", edge_rule=RULE)) / CONTEXTS)
        if turn == 1:
            default_s.append(_seconds(lambda: rank_counts(counts)) / CONTEXTS)
    layout = lay_out(counts)
    edges = kept_edges(layout, find_rule(RULE))
    graphs = graphs_of(layout.node_context, len(layout.contexts), edges.source, edges.target, edges.weight)
    kernel_s = [_seconds(lambda: walk(graphs)) / CONTEXTS for _ in range(3)]
    theirs, _ = by_networkx(few, tolerance=1e-12)
    ours = rank_counts(few, "pagerank", edge_rule=RULE)
    mine = {(r["context_id"], r["card_id"]): r["score"] for r in ours.to_pylist()}
    off = max(abs(mine[r["context_id"], r["card_id"]] - r["score"]) for r in theirs.to_pylist())
    assert len(mine) == theirs.num_rows and off < 1e-7, off
    middle = {name: statistics.median(values) * 1e6 for name, values in {
        "networkx_us": networkx_s, "networkx_calls_us": inside_s, "published_us": published_s,
        "pagerank_us": pagerank_s, "pagerank_kernel_us": kernel_s, "default_us": default_s,
    }.items()}
    measuring.report(
        **{name: round(value, 2) for name, value in middle.items()}, largest_difference_to_networkx=off,
        input_mb=at_input, runs_us={"pagerank": [round(s * 1e6, 2) for s in pagerank_s],
                                    "networkx": [round(s * 1e6, 2) for s in networkx_s]},
    )


def huge(side: str) -> None:
    """One huge context, by one side."""
    from graphengine.ranking import fast as kernels
    from graphengine.ranking import rank_counts

    counts = contexts.huge(*HUGE)
    if side == "networkx":
        started = time.perf_counter()
        found, inside = by_networkx(counts, tolerance=1e-10 / HUGE[0])
        measuring.report(seconds=time.perf_counter() - started, calls_s=inside, first=found.column("score")[0].as_py())
        return
    kernels.use(side == "fast")
    rank_counts(counts.slice(0, 1000), "pagerank", edge_rule=RULE)
    with measuring.watching_memory() as memory:
        started = time.perf_counter()
        found = rank_counts(counts, "pagerank", edge_rule=RULE)
        taken = time.perf_counter() - started
    measuring.report(seconds=taken, beyond_input_mb=memory.beyond_mb, first=found.column("score")[0].as_py())


def run() -> dict[str, object]:
    """Returns the figures."""
    from graphengine.ranking import fast as kernels

    figures: dict[str, object] = {
        "what": "microseconds per context, COUNTS to RANKS, medians of 3, default: once; 30 values, 60 edges a context",
        "contexts": CONTEXTS, "edge_rule": RULE,
        "sampled": {"networkx": SAMPLE_NETWORKX, "published": SAMPLE_PUBLISHED},
    }
    rows: list[tuple[str, str, str, str, bool]] = []
    bounds = {"core": (25, 40, 2.5), "fast": (60, 100, 6)}
    for side in ["core", *(["fast"] if kernels.there() else [])]:
        found = measuring.alone("ranking_speed", "many", side)
        networkx, published = found["networkx_us"], found["published_us"]
        ratios = {
            "pagerank_x_networkx": networkx / found["pagerank_us"],
            "pagerank_kernel_x_networkx": networkx / found["pagerank_kernel_us"],
            "pagerank_x_published": published / found["pagerank_us"],
            "default_x_networkx": networkx / found["default_us"],
        }
        figures[side] = {**found, **{name: round(value, 2) for name, value in ratios.items()}}
        to_networkx, to_published, default = bounds[side]
        rows += [
            _row(f"pagerank, {side}", found["pagerank_us"], networkx, "networkx", to_networkx),
            _row(f"pagerank, {side}", found["pagerank_us"], published, "published", to_published),
            _row(f"default with sd and P(top), {side}", found["default_us"], networkx, "networkx", default),
        ]
        if side == "core":
            rows.append(_row("pagerank kernel alone, core", found["pagerank_kernel_us"], networkx, "networkx", 100))
    theirs = measuring.alone("ranking_speed", "huge", "networkx")
    ours = measuring.alone("ranking_speed", "huge", "core")
    assert abs(theirs["first"] - ours["first"]) <= 1e-9 * ours["first"] + 1e-12, (theirs, ours)
    ratio = theirs["seconds"] / ours["seconds"]
    rows += [
        (f"one context of {HUGE[0]:,} values and {HUGE[1]:,} edges", f"{ours['seconds']:.1f} s",
         f"{theirs['seconds']:.1f} s networkx", f">= 30 x (is {ratio:.1f})", ratio >= 30),
        ("memory of it", f"{ours['beyond_input_mb']} MB", "beyond the input", "< 1000 MB",
         ours["beyond_input_mb"] < 1000),
    ]
    figures["huge"] = {"values": HUGE[0], "edges": HUGE[1], "networkx": theirs, "ours": ours, "ratio": round(ratio, 1)}
    measuring.table(f"Ranking, COUNTS to RANKS ({CONTEXTS:,} contexts; per context)", rows)
    if not kernels.there():
        print("  (the extra `fast` is not installed: only the core was measured)")
    return figures


def _row(what: str, ours: float, theirs: float, whose: str, bound: float) -> tuple[str, str, str, str, bool]:
    ratio = theirs / ours
    return (what, f"{ours:.1f} us", f"{theirs:.0f} us {whose}", f">= {bound} x (is {ratio:.1f})", ratio >= bound)


if __name__ == "__main__":
    {"many": many, "huge": huge}[sys.argv[1]](sys.argv[2])
