"""The PageRank of many graphs at once: x = 1 + d Pᵀ x, solved graph by graph."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from graphengine.ranking import fast
from graphengine.ranking.cores import spread
from graphengine.ranking.keys import ranges

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints, Reals


DAMPING = 0.85
_PUBLISHED_ROUNDS = 100
_DENSE = 128  # cards; larger graphs are walked on
_CELLS = 200_000  # entries of the matrices that are solved together: about the second-level cache
_ROUNDS, _CLOSE = 1_000, 1e-14
_LOOK_AHEAD = 6  # rounds
_ONE_WAY = 0.9  # squared cosine of two changes
_STILL = 0.5  # of the change is left after so many rounds: it is rounding, as .85 of it at most is left after each
_BLOCK_EDGES = 5_000_000  # that one thread takes at a time
_TOGETHER = 4_096  # graphs that one thread takes at a time


class Graphs(NamedTuple):
    """Graphs side by side: the nodes of one are neighbours, and so are the edges from one node.

    Attributes:
        start: (graphs + 1,) first node of each graph.
        edge_start: (graphs + 1,) first edge of each graph.
        source: (edges,) node, sorted.
        target: (edges,) node.
        weight: (edges,) 0 or more.
    """

    start: Ints
    edge_start: Ints
    source: Ints
    target: Ints
    weight: Reals


def graphs_of(node_context: Ints, contexts: int, source: Ints, target: Ints, weight: Reals) -> Graphs:
    """Graphs from nodes sorted by context, and edges sorted by source."""
    every = np.arange(contexts + 1)
    return Graphs(np.searchsorted(node_context, every), np.searchsorted(node_context[source], every), source, target,
                  weight)


def scales(graphs: Graphs) -> Reals:
    """(nodes,) d over the sum of the weights that leave a node; 0 where there are none."""
    out = np.bincount(graphs.source, graphs.weight, int(graphs.start[-1]))
    return np.divide(DAMPING, out, out=np.zeros(len(out)), where=out > 0)


def walk(graphs: Graphs) -> Reals:
    """(nodes,) PageRank with damping .85, the sum 1 in each graph; what nodes without outgoing weight have is spread.

    Solving (I - d Pᵀ) x = 1 and dividing by the sum gives exactly that, so no node needs to be treated apart. Small
    graphs are solved by elimination, many at a time, large ones by walking until nothing changes.
    """
    scale, sizes = scales(graphs), np.diff(graphs.start)
    score = np.empty(int(graphs.start[-1]))
    compiled = fast.kernels()
    small: list[Ints] = []
    for size in np.unique(sizes[(sizes > 0) & (sizes <= _DENSE)]).tolist():
        members = np.nonzero(sizes == size)[0]
        take = max(1, _CELLS // size**2)
        small += [members[at : at + take] for at in range(0, len(members), take)]

    def solve(members: Ints) -> None:
        first, size = graphs.start[members], int(sizes[members[0]])
        score[first[:, None] + np.arange(size)] = _eliminate(graphs, scale, members, size)

    if compiled is None:
        spread(solve, small)
    else:
        ranges = [(at, min(at + _TOGETHER, len(sizes))) for at in range(0, len(sizes), _TOGETHER)]
        spread(lambda ends: compiled.solve_graphs(
            *ends, _DENSE, graphs.start, graphs.edge_start, graphs.source, graphs.target, graphs.weight, scale, score),
            ranges)
    for graph in np.nonzero(sizes > _DENSE)[0]:
        nodes = slice(graphs.start[graph], graphs.start[graph + 1])
        score[nodes] = _wander(_steps(graphs, int(graph)), scale[nodes])
    return score


def published(graphs: Graphs) -> Reals:
    """(nodes,) the original's variant: start and teleport from 1/N, 100 rounds, the mass of sinks is lost."""
    from scipy.sparse import coo_array

    nodes = int(graphs.start[-1])
    size = np.repeat(np.diff(graphs.start), np.diff(graphs.start)).astype(np.float64)
    step = coo_array((graphs.weight, (graphs.target, graphs.source)), shape=(nodes, nodes)).tocsr()
    score, teleport, scale = 1 / size, (1 - DAMPING) / size, scales(graphs)
    for _ in range(_PUBLISHED_ROUNDS):
        score = teleport + step @ (scale * score)
    return score


def _eliminate(graphs: Graphs, scale: Reals, members: Ints, size: int) -> Reals:
    """(m, size) scores of graphs of equal size."""
    owner, edge, _ = ranges(graphs.edge_start[members], graphs.edge_start[members + 1])
    shift, source = graphs.start[members][owner], graphs.source[edge]
    matrix = np.zeros((len(members), size, size))
    matrix[owner, graphs.target[edge] - shift, source - shift] = -scale[source] * graphs.weight[edge]
    matrix[:, np.arange(size), np.arange(size)] += 1.0
    found = np.linalg.solve(matrix, np.ones((len(members), size, 1)))[:, :, 0]
    return found / found.sum(axis=1, keepdims=True)


def _steps(graphs: Graphs, graph: int) -> list[tuple[slice, Any]]:
    """The edges of a graph in blocks: some of its nodes, and the matrix (nodes, some) of the weights that leave them.

    Edges are sorted by source, so they are the columns of a sparse matrix as they stand. Where blocks end does not
    depend on the number of threads, nor does the sum over them.
    """
    from scipy.sparse import csc_array

    edges = slice(graphs.edge_start[graph], graphs.edge_start[graph + 1])
    first, size = int(graphs.start[graph]), int(graphs.start[graph + 1] - graphs.start[graph])
    target, weight = graphs.target[edges], graphs.weight[edges]
    start = np.concatenate([[0], np.cumsum(np.bincount(graphs.source[edges] - first, minlength=size))])
    borders = np.searchsorted(start, np.arange(_BLOCK_EDGES, len(target), _BLOCK_EDGES)).tolist()

    def block(ends: tuple[int, int]) -> tuple[slice, Any]:
        cells = slice(start[ends[0]], start[ends[1]])
        parts = weight[cells], target[cells] - first, start[ends[0] : ends[1] + 1] - cells.start
        return slice(*ends), csc_array(
            tuple(part if part.dtype == np.float64 else part.astype(np.int32) for part in parts),
            shape=(size, ends[1] - ends[0]))

    return spread(block, pairwise(np.unique([0, *borders, size]).tolist()), len(target))


def _wander(blocks: list[tuple[slice, Any]], scale: Reals) -> Reals:
    """Walk from equal scores until none changes by more than 1e-14 of the largest.

    What does not arrive by an edge is spread evenly, so that scores sum to 1 all along. Where what is left falls along
    one direction (parts of the graph that hardly know each other), that is followed to its end at once (Aitken's
    extrapolation).
    """
    score = np.full(len(scale), 1 / len(scale))
    leaving, change, before = (np.zeros(len(scale)) for _ in range(3))
    last = np.inf
    for round_ in range(1, _ROUNDS):
        np.multiply(scale, score, out=leaving)
        after, *others = spread(lambda block: block[1] @ leaving[block[0]], blocks)
        for other in others:
            after += other
        after += (1 - after.sum()) / len(after)
        np.subtract(after, score, out=change)
        score, size = after, np.abs(change, out=leaving)
        if size.max() <= _CLOSE * score.max():
            break
        if round_ % _LOOK_AHEAD == 0:
            total = float(size.sum())
            if total > _STILL * last:
                break
            both, square = _dot(change, before), _dot(before, before)
            one_way = both**2 >= _ONE_WAY * square * _dot(change, change) and 0 < both < (DAMPING + 1e-9) * square
            if one_way:
                score += change * (both / (square - both))
            last = np.inf if one_way else total
        change, before = before, change
    return score / score.sum()


def _dot(one: Reals, other: Reals) -> float:
    """Without BLAS, whose threads keep a core busy for a while after each call."""
    return float(np.einsum("i,i->", one, other))
