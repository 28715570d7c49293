"""Made-up COUNTS of many small contexts, or of one huge one, for the benchmarks of ranking."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from graphengine.tables import COUNTS

VALUES, EDGES, CARDS = 30, 60, 20_000


def many(contexts: int, seed: int = 7) -> pa.Table:
    """COUNTS of contexts of 30 values and 60 asked ordered pairs each, sorted by the key; text columns are plain.

    Each context has its own 30 of 20,000 cards, and all 30 are asked about. Questions lead from a weaker to a stronger
    value, θ ~ N(0, 1); answers (8 or more) are drawn from the default model (β = 1, τ = .5), again until the pair
    passes the published edge rule: 60 edges in every context.
    """
    rng = np.random.default_rng(seed)
    cards = np.sort(rng.integers(0, CARDS - VALUES, (contexts, VALUES)), axis=1) + np.arange(VALUES)
    theta = rng.normal(size=(contexts, VALUES))
    pair = np.empty((contexts, EDGES), np.int64)
    # A path through all values, so that none is left out; the other pairs at random.
    order = rng.permuted(np.tile(np.arange(VALUES), (contexts, 1)), axis=1)
    low, high = np.minimum(order[:, :-1], order[:, 1:]), np.maximum(order[:, :-1], order[:, 1:])
    path = low * VALUES + high
    every = np.array([a * VALUES + b for a in range(VALUES) for b in range(a + 1, VALUES)])
    for at in range(0, contexts, 10_000):
        part = slice(at, min(at + 10_000, contexts))
        chance = rng.random((part.stop - at, VALUES * VALUES))
        np.put_along_axis(chance, path[part], -1.0, axis=1)
        chosen = np.argpartition(chance[:, every], EDGES - 1, axis=1)[:, :EDGES]
        pair[part] = every[chosen]
    one, other = pair // VALUES, pair % VALUES
    stronger = np.take_along_axis(theta, other, 1) > np.take_along_axis(theta, one, 1)
    source, target = np.where(stronger, one, other), np.where(stronger, other, one)
    gap = (np.take_along_axis(theta, target, 1) - np.take_along_axis(theta, source, 1)).ravel()
    answers = _answers(rng, gap)
    context = np.repeat(np.arange(contexts), EDGES)
    source, target = (np.take_along_axis(cards, at, 1).ravel() for at in (source, target))
    by_key = np.lexsort((target, source, context))
    contexts_named = pa.array([f"When somebody asks about {n:06d}" for n in range(contexts)])
    return _table(contexts_named, context[by_key], source[by_key], target[by_key], answers[by_key], CARDS)


def huge(values: int, edges: int, seed: int = 7) -> pa.Table:
    """COUNTS of one context with that many values and asked ordered pairs; every value is asked about."""
    rng = np.random.default_rng(seed)
    key = np.unique(np.concatenate([
        np.arange(values) * values + (np.arange(values) + 1) % values,
        rng.integers(0, values * values, int(edges * 1.001)),
    ]))
    key = key[key // values != key % values]
    key = np.sort(rng.permutation(key)[:edges])
    answers = rng.integers(3, 12, (len(key), 1)) * np.array([[1, 0, 0]])
    answers[:, 2] = rng.integers(0, 2, len(key))
    return _table(pa.array(["When anything is asked"]), np.zeros(len(key), np.int64), key // values, key % values,
                  answers, values)


def _answers(rng: np.random.Generator, gap: np.ndarray) -> np.ndarray:
    answers = np.zeros((len(gap), 3), np.int64)
    left = np.arange(len(gap))
    while len(left):
        d = gap[left] + 1.0
        yes, no = 1 / (1 + np.exp(0.5 - d)), 1 / (1 + np.exp(d + 0.5))
        total = 8 + rng.poisson(4, len(left))
        answers[left] = rng.multinomial(total, np.stack([yes, no, 1 - yes - no], axis=1))
        w, n, u = answers[left].T
        counted = np.stack([w, n, u, w + n + u], axis=1) / (2 * (w + n + u))[:, None]
        entropy = -(counted * np.log2(np.where(counted > 0, counted, 1))).sum(axis=1)
        left = left[~((w >= 2) & (w >= 0.33 * (w + n + u)) & (entropy <= 1.69))]
    return answers


def _table(
    contexts: pa.Array, context: np.ndarray, source: np.ndarray, target: np.ndarray, answers: np.ndarray, cards: int
) -> pa.Table:
    names = pa.array([f"card-{n:07d}" for n in range(cards)])
    columns = [contexts.take(pa.array(context)), names.take(pa.array(source)), names.take(pa.array(target)),
               *(pa.array(column) for column in answers.T)]
    return pa.table(columns, schema=COUNTS.schema)
