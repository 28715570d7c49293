"""The PageRank of many graphs at once: x = 1 + d Pᵀ x, solved graph by graph."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from graphengine.ranking import fast
from graphengine.ranking.cores import cores, spread
from graphengine.ranking.keys import ranges

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints, Reals


DAMPING = 0.85
_PUBLISHED_ROUNDS = 100
_DENSE = 128  # cards; larger graphs are walked on
_CELLS = 200_000  # entries of the matrices that are solved together: about the second-level cache
_ROUNDS, _CLOSE = 1_000, 1e-14
_LOOK_AHEAD = 6
_MANY_EDGES = 200_000  # are worth more than one thread
_TOGETHER = 4_096  # graphs that one thread takes at a time


class Graphs(NamedTuple):
    """Graphs side by side: the nodes of one are neighbours.

    Attributes:
        start: (graphs + 1,) first node of each graph.
        edge_start: (graphs + 1,) first edge of each graph.
        source: (edges,) node.
        target: (edges,) node.
        weight: (edges,) 0 or more.
    """

    start: Ints
    edge_start: Ints
    source: Ints
    target: Ints
    weight: Reals


def graphs_of(node_context: Ints, contexts: int, source: Ints, target: Ints, weight: Reals) -> Graphs:
    """Graphs from nodes sorted by context, and edges that come context by context."""
    every = np.arange(contexts + 1)
    return Graphs(np.searchsorted(node_context, every), np.searchsorted(node_context[source], every), source, target,
                  weight)


def shares(graphs: Graphs) -> Reals:
    """(edges,) d times the weight over the sum of its source's weights; 0 where that sum is."""
    out = np.bincount(graphs.source, graphs.weight, int(graphs.start[-1]))[graphs.source]
    return np.divide(DAMPING * graphs.weight, out, out=np.zeros(len(out)), where=out > 0)


def walk(graphs: Graphs) -> Reals:
    """(nodes,) PageRank with damping .85, the sum 1 in each graph; what nodes without outgoing weight have is spread.

    Solving (I - d Pᵀ) x = 1 and dividing by the sum gives exactly that, so no node needs to be treated apart. Small
    graphs are solved by elimination, many at a time, large ones by walking until nothing changes.
    """
    share, sizes = shares(graphs), np.diff(graphs.start)
    score = np.empty(int(graphs.start[-1]))
    compiled = fast.kernels()
    small: list[Ints] = []
    for size in np.unique(sizes[(sizes > 0) & (sizes <= _DENSE)]).tolist():
        members = np.nonzero(sizes == size)[0]
        take = max(1, _CELLS // size**2)
        small += [members[at : at + take] for at in range(0, len(members), take)]

    def solve(members: Ints) -> None:
        first, size = graphs.start[members], int(sizes[members[0]])
        score[first[:, None] + np.arange(size)] = _eliminate(graphs, share, members, size)

    if compiled is None:
        spread(solve, small)
    else:
        ranges = [(at, min(at + _TOGETHER, len(sizes))) for at in range(0, len(sizes), _TOGETHER)]
        spread(lambda ends: compiled.solve_graphs(
            *ends, _DENSE, graphs.start, graphs.edge_start, graphs.source, graphs.target, share, score), ranges)
    for graph in np.nonzero(sizes > _DENSE)[0]:
        nodes = slice(graphs.start[graph], graphs.start[graph + 1])
        score[nodes] = _wander(_matrix(graphs, share, int(graph)))
    return score


def published(graphs: Graphs) -> Reals:
    """(nodes,) the original's variant: start and teleport from 1/N, 100 rounds, the mass of sinks is lost."""
    from scipy.sparse import coo_array

    nodes = int(graphs.start[-1])
    size = np.repeat(np.diff(graphs.start), np.diff(graphs.start)).astype(np.float64)
    step = coo_array((shares(graphs), (graphs.target, graphs.source)), shape=(nodes, nodes)).tocsr()
    score, teleport = 1 / size, (1 - DAMPING) / size
    for _ in range(_PUBLISHED_ROUNDS):
        score = teleport + step @ score
    return score


def _eliminate(graphs: Graphs, share: Reals, members: Ints, size: int) -> Reals:
    """(m, size) scores of graphs of equal size."""
    owner, edge, _ = ranges(graphs.edge_start[members], graphs.edge_start[members + 1])
    shift = graphs.start[members][owner]
    matrix = np.zeros((len(members), size, size))
    matrix[owner, graphs.target[edge] - shift, graphs.source[edge] - shift] = -share[edge]
    matrix[:, np.arange(size), np.arange(size)] += 1.0
    found = np.linalg.solve(matrix, np.ones((len(members), size, 1)))[:, :, 0]
    return found / found.sum(axis=1, keepdims=True)


def _matrix(graphs: Graphs, share: Reals, graph: int) -> Any:
    from scipy.sparse import coo_array

    edges = slice(graphs.edge_start[graph], graphs.edge_start[graph + 1])
    first, size = graphs.start[graph], int(graphs.start[graph + 1] - graphs.start[graph])
    places = tuple((ends[edges] - first).astype(np.int32) for ends in (graphs.target, graphs.source))
    return coo_array((share[edges], places), shape=(size, size)).tocsr()


def _rows(step: Any, first: int, last: int) -> Any:
    """Some rows of a matrix; the numbers are not copied."""
    from scipy.sparse import csr_array

    ends = step.indptr[first : last + 1]
    cells = slice(ends[0], ends[-1])
    return csr_array((step.data[cells], step.indices[cells], ends - ends[0]), shape=(last - first, step.shape[1]))


def _wander(step: Any) -> Reals:
    """Walk from 1 until no score changes by more than 1e-14 of the largest.

    What is left falls by .85 or less a round, soon along one direction; now and then that direction is followed to its
    end at once (Aitken's extrapolation).
    """
    score, before = np.ones(step.shape[0]), None
    many = cores() if step.nnz >= _MANY_EDGES else 1
    ends = np.unique(np.linspace(0, step.shape[0], many + 1).astype(np.int64))
    blocks = [_rows(step, first, last) for first, last in pairwise(ends.tolist())]
    for round_ in range(_ROUNDS):
        after = np.concatenate(spread(lambda block, now=score: block @ now, blocks))
        after += 1.0
        change = after - score
        score = after
        if float(np.abs(change).max()) <= _CLOSE * float(after.max()):
            break
        if before is not None and round_ % _LOOK_AHEAD == 0:
            slower = float(change @ before) / float(before @ before)
            if 0 < slower < DAMPING + 1e-9:
                score += change * (slower / (1 - slower))
                change = None
        before = change
    return score / score.sum()
