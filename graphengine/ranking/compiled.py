"""What `fast` compiles: the same steps as `walk`, `posterior` and `top`, one context at a time.

Sums of reals are never taken in another order than written (only products of whole numbers may be fused), so that a
kernel gives the same bits for a context wherever it runs.
"""

# Numba works types out by itself, takes no keyword arguments, and is slow to call: long functions of many arguments.
# ruff: noqa: ANN001, ANN201, ANN202, D103, PLR0912, PLR0915, PLR0917

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from graphengine.ranking.posterior import ROUNDS, TOLERANCE
from graphengine.ranking.top import DRAW_UNIT, DRAWS, LOWER, PIECE, ROOT_BITS, UPPER

numba: Any = import_module("numba")  # not there in a checked installation without the extra
_compile: Any = numba.njit(nogil=True, cache=True, error_model="numpy")
_compile_whole: Any = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract"})

_TILE = 128
_PADDED = 2 * PIECE


@_compile
def solve_graphs(first, last, largest, start, edge_start, source, target, weight, scale, score):
    widest = 0
    for graph in range(first, last):
        size = start[graph + 1] - start[graph]
        if size <= largest:
            widest = max(widest, size)
    matrix = np.empty((widest, widest))
    right = np.empty(widest)
    for graph in range(first, last):
        shift, size = start[graph], start[graph + 1] - start[graph]
        if size > largest:
            continue
        matrix[:size, :size] = 0.0
        for i in range(size):
            matrix[i, i] = 1.0
            right[i] = 1.0
        for edge in range(edge_start[graph], edge_start[graph + 1]):
            matrix[target[edge] - shift, source[edge] - shift] -= scale[source[edge]] * weight[edge]
        # Columns of the matrix have a dominating diagonal, so elimination needs no exchange of rows.
        for k in range(size):
            for i in range(k + 1, size):
                factor = matrix[i, k]
                if factor != 0.0:
                    factor /= matrix[k, k]
                    for j in range(k + 1, size):
                        matrix[i, j] -= factor * matrix[k, j]
                    right[i] -= factor * right[k]
        total = 0.0
        for k in range(size - 1, -1, -1):
            value = right[k]
            for j in range(k + 1, size):
                value -= matrix[k, j] * right[j]
            right[k] = value / matrix[k, k]
            total += right[k]
        for k in range(size):
            score[shift + k] = right[k] / total


@_compile
def _factor(matrix, size, column):
    """Cholesky in place (lower)."""
    for k in range(size):
        root = np.sqrt(matrix[k, k])
        matrix[k, k] = root
        for i in range(k + 1, size):
            column[i] = matrix[i, k] / root
            matrix[i, k] = column[i]
        for i in range(k + 1, size):
            value = column[i]
            if value != 0.0:
                for j in range(k + 1, i + 1):
                    matrix[i, j] -= value * column[j]


@_compile
def _solve(matrix, size, right):
    """Three right sides, (size, 3), in place."""
    for i in range(size):
        for j in range(i):
            for c in range(3):
                right[i, c] -= matrix[i, j] * right[j, c]
        for c in range(3):
            right[i, c] /= matrix[i, i]
    for i in range(size - 1, -1, -1):
        for c in range(3):
            right[i, c] /= matrix[i, i]
        for j in range(i):
            for c in range(3):
                right[j, c] -= matrix[i, j] * right[i, c]


@_compile
def _invert(matrix, size, below, inverse):
    """(L Lᵀ)⁻¹ from L."""
    for i in range(size):
        for j in range(i):
            below[i, j] = 0.0
        for k in range(i):
            value = matrix[i, k]
            if value != 0.0:
                for j in range(k + 1):
                    below[i, j] -= value * below[k, j]
        for j in range(i):
            below[i, j] /= matrix[i, i]
        below[i, i] = 1.0 / matrix[i, i]
    for i in range(size):
        for j in range(i + 1):
            inverse[i, j] = 0.0
    for k in range(size):
        for i in range(k + 1):
            value = below[k, i]
            if value != 0.0:
                for j in range(i + 1):
                    inverse[i, j] += value * below[k, j]
    for i in range(size):
        for j in range(i):
            inverse[j, i] = inverse[i, j]


@_compile
def _evaluate(theta, size, shift, rows, source, target, answers, tie, beta, tau, precision, gradient, matrix, whole):
    """Log posterior at theta; gradient and cross derivatives (size, 3), curvature (lower half), sums by β (3)."""
    for i in range(size):
        for j in range(i):
            matrix[i, j] = 0.0
        matrix[i, i] = precision
        gradient[i, 0] = -precision * theta[i]
        gradient[i, 1] = 0.0
        gradient[i, 2] = 0.0
    whole[:] = 0.0
    value = 0.0
    known = 2 * tau + np.log(-np.expm1(-2 * tau))
    for row in range(rows[0], rows[1]):
        s, t = source[row] - shift, target[row] - shift
        yes, no, unsure = float(answers[row, 0]), float(answers[row, 1]), float(answers[row, 2])
        if tie:
            unsure += no
            no = 0.0
        d = theta[t] - theta[s] + beta
        x, y = d - tau, -d - tau
        small_x, small_y = np.exp(-abs(x)), np.exp(-abs(y))
        a = (1.0 if x >= 0 else small_x) / (1.0 + small_x)
        b = (1.0 if y >= 0 else small_y) / (1.0 + small_y)
        log_a, log_b = min(x, 0.0) - np.log1p(small_x), min(y, 0.0) - np.log1p(small_y)
        slope_a, slope_b = (yes + unsure) * a * (1 - a), (no + unsure) * b * (1 - b)
        value += yes * log_a + no * log_b + unsure * (log_a + log_b + known)
        by_d = yes * (1 - a) - no * (1 - b) + unsure * (b - a)
        weight, mixed = slope_a + slope_b, tau * (slope_a - slope_b)
        whole[0] += by_d
        whole[1] += weight
        whole[2] -= mixed
        gradient[t, 0] += by_d
        gradient[s, 0] -= by_d
        gradient[t, 1] += weight
        gradient[s, 1] -= weight
        gradient[t, 2] -= mixed
        gradient[s, 2] += mixed
        matrix[s, s] += weight
        matrix[t, t] += weight
        if s > t:
            matrix[s, t] -= weight
        else:
            matrix[t, s] -= weight
    squares = 0.0
    for i in range(size):
        squares += theta[i] * theta[i]
    return value - 0.5 * precision * squares


@_compile
def rank_contexts(
    contexts, start, row_start, source, target, answers, tie, beta, tau, sigma, omega, shared, draws, with_top,
    score, sd, p_top, lower, upper,
):
    widest = 0
    for context in contexts:
        widest = max(widest, start[context + 1] - start[context])
    matrix, other = np.zeros((widest, widest)), np.zeros((widest, widest))
    inverse, column = np.zeros((widest, widest)), np.zeros(widest)
    theta, trial = np.zeros(widest), np.zeros(widest)
    solved, right = np.zeros((widest, 3)), np.zeros((widest, 3))
    root = np.zeros((widest, widest), np.float32)
    mean, ranks = np.zeros(widest, np.float32), np.zeros((widest, _PADDED), np.uint8)
    sample, counted = np.zeros((widest, _TILE), np.float32), np.zeros((widest, _TILE), np.int32)
    precision = 1.0 / (sigma * sigma)
    rows, whole = np.zeros(2, np.int64), np.zeros(3)
    for context in contexts:
        shift, size = start[context], start[context + 1] - start[context]
        rows[0], rows[1] = row_start[context], row_start[context + 1]
        for i in range(size):
            theta[i] = 0.0
        bias, pull, along, complement = 0.0, 0.0, 0.0, 1.0
        value = _evaluate(
            theta, size, shift, rows, source, target, answers, tie, beta, tau, precision, right, matrix, whole
        )
        for _ in range(ROUNDS):
            _factor(matrix, size, column)
            for i in range(size):
                for c in range(3):
                    solved[i, c] = right[i, c]
            _solve(matrix, size, solved)
            # See `posterior.newton`: the context's own yes-bias by its Schur complement.
            inward, pull, along = whole[0] * omega - bias, whole[1], whole[2]
            for i in range(size):
                inward -= omega * right[i, 1] * solved[i, 0]
                pull -= right[i, 1] * solved[i, 1]
                along -= right[i, 1] * solved[i, 2]
            complement = 1.0 + omega * omega * pull
            bias_step = inward / complement
            largest = abs(omega * bias_step)
            for i in range(size):
                solved[i, 0] -= omega * bias_step * solved[i, 1]
                largest = max(largest, abs(solved[i, 0]))
            if not largest >= TOLERANCE:
                break
            scale = 1.0
            while True:
                for i in range(size):
                    trial[i] = theta[i] + scale * solved[i, 0]
                tried = bias + scale * bias_step
                after = _evaluate(
                    trial, size, shift, rows, source, target, answers, tie, beta + omega * tried, tau, precision, right,
                    matrix, whole,
                ) - 0.5 * tried * tried
                if after < value - 1e-10 * (1 + abs(value)) and scale > 1e-9:
                    scale /= 2
                else:
                    break
            value, bias = after, tried
            for i in range(size):
                theta[i] = trial[i]
        _invert(matrix, size, other, inverse)
        by_beta, by_tau = -omega * pull / complement, -omega * along / complement
        for i in range(size):
            theta[i] += solved[i, 0]
            column[i] = omega * solved[i, 1] / np.sqrt(complement)
            solved[i, 2] = -solved[i, 2] - omega * solved[i, 1] * by_tau
            solved[i, 1] = -solved[i, 1] - omega * solved[i, 1] * by_beta
        for i in range(size):
            left_0 = solved[i, 1] * shared[0, 0] + solved[i, 2] * shared[1, 0]
            left_1 = solved[i, 1] * shared[0, 1] + solved[i, 2] * shared[1, 1]
            for j in range(size):
                inverse[i, j] += left_0 * solved[j, 1] + left_1 * solved[j, 2] + column[i] * column[j]
            score[shift + i] = theta[i]
            sd[shift + i] = np.sqrt(inverse[i, i])
        if with_top:
            order = np.argsort(-theta[:size], kind="mergesort")
            for i in range(size):
                for j in range(i + 1):
                    other[i, j] = inverse[order[i], order[j]]
            _factor(other, size, column)
            _whole(other, theta, order, size, root, mean)
            _draw(root, mean, draws, size, sample, counted, ranks)
            for i in range(size):
                node = shift + order[i]
                p_top[node] = _at_most(ranks[i], 0) / DRAWS
                lower[node] = _quantile(ranks[i], size, LOWER)
                upper[node] = _quantile(ranks[i], size, UPPER)


@_compile
def _whole(factor, theta, order, size, root, mean):
    """See `top.whole_numbers`."""
    largest = 0.0
    for i in range(size):
        total = 0.0
        for j in range(i + 1):
            total += factor[i, j] * factor[i, j]
        largest = max(largest, total)
    exponent = 0
    value = np.sqrt(largest)
    while value >= 1.0:
        value *= 0.5
        exponent += 1
    while value < 0.5:
        value *= 2.0
        exponent -= 1
    scale = 2.0 ** (ROOT_BITS - exponent)
    for i in range(size):
        for j in range(i + 1):
            root[i, j] = np.float32(np.rint(factor[i, j] * scale))
        mean[i] = np.float32(theta[order[i]] * (scale * DRAW_UNIT))


@_compile_whole
def _draw(root, mean, draws, size, sample, counted, ranks):
    """How many cards of the same draw are higher, (size, draws)."""
    for at in range(0, _PADDED, _TILE):
        half, first = at // PIECE, at % PIECE
        for i in range(size):
            for d in range(_TILE):
                sample[i, d] = np.float32(0.0)
                counted[i, d] = 0
            for k in range(i + 1):
                value = root[i, k]
                if value != np.float32(0.0):
                    for d in range(_TILE):
                        sample[i, d] += value * draws[half, k, first + d]
        for i in range(size):
            for d in range(_TILE):
                sample[i, d] = sample[i, d] + mean[i]
        for i in range(1, size):
            for j in range(i):
                for d in range(_TILE):
                    above = sample[i, d] > sample[j, d]
                    counted[j, d] += above
                    counted[i, d] += not above
        for i in range(size):
            for d in range(_TILE):
                ranks[i, at + d] = counted[i, d]


@_compile
def _at_most(ranks, limit):
    total = 0
    for d in range(DRAWS):
        total += ranks[d] <= limit
    return total


@_compile
def _quantile(ranks, size, draws):
    low, high = 0, size - 1
    while low < high:
        middle = (low + high) // 2
        if _at_most(ranks, middle) >= draws:
            high = middle
        else:
            low = middle + 1
    return high + 1


@_compile
def components(node_context, source, target):
    """See `connected.weak_components`; the root of a component is its first node."""
    nodes = len(node_context)
    root, size, number = np.arange(nodes), np.zeros(nodes, np.int64), np.zeros(nodes, np.int64)
    for edge in range(len(source)):
        one, other = source[edge], target[edge]
        while root[one] != one:
            root[one] = root[root[one]]
            one = root[one]
        while root[other] != other:
            root[other] = root[root[other]]
            other = root[other]
        if one < other:
            root[other] = one
        else:
            root[one] = other
    for node in range(nodes):  # roots come first, so theirs are settled
        root[node] = root[root[node]]
        size[root[node]] += 1
    first = 0
    while first < nodes:
        last = first
        many = 0
        while last < nodes and node_context[last] == node_context[first]:
            many += root[last] == last
            last += 1
        if many > 1:
            roots = np.empty(many, np.int64)
            at = 0
            for node in range(first, last):
                if root[node] == node:
                    roots[at] = node
                    at += 1
            order = np.argsort(-size[roots], kind="mergesort")
            for place in range(many):
                number[roots[order[place]]] = place
        first = last
    for node in range(nodes):
        size[node] = number[root[node]]
    return size
