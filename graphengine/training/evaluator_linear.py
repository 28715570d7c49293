"""Fits the linear reader of values: logistic regression on words, pieces of words and a frozen encoder's vectors.

There are more columns than rows, so the fit is done among the rows (the optimum is a weighted sum of them) and its
weights are then spelled out as weights of columns. With more rows than `LANDMARKS` the sum is over that many of them
(Nyström's method): the columns of all rows, the weights of a few thousand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.models.value_linear import FrozenEncoder, LinearReader
from graphengine.models.value_words import Words

if TYPE_CHECKING:
    from collections.abc import Sequence

LANDMARKS = 4000
"""The most rows that weights are sums of."""
_SOURCE = 0.3  # what a source's own column weighs: base rates of sources differ, and are no part of an answer
_SMALL = 1e-4  # added to spreads: an encoder may have a column that never moves


def fit_linear(
    pairs: Sequence[tuple[str, str]],
    targets: np.ndarray,
    weights: np.ndarray,
    sources: Sequence[str],
    *,
    encoder: FrozenEncoder | None = None,
    prompt_weight: float = 1.0,
    encoder_weight: float = 1.0,
    strength: float = 10.0,
    seed: int = 0,
) -> LinearReader:
    """Fit a linear reader.

    Args:
        pairs: (prompt, response).
        targets: (answers, values, 3), how likely each side is; a row of zeros where nobody looked.
        weights: (answers, values), what a cell counts.
        sources: Where each answer is from. Each source has an intercept of its own, of which the reader keeps the mean.
        encoder: Frozen; None for words alone.
        prompt_weight: How much prompt and answer together count beside the answer alone.
        encoder_weight: How much the encoder counts beside the words.
        strength: Inverse of the penalty (`C`).
        seed: Of the rows that weights are sums of.
    """
    words = Words(prompt_weight).fit(pairs)
    width = 1 if encoder is None else encoder.vectors([pairs[0][1]]).shape[1]
    reader = LinearReader(words, encoder, encoder_weight, np.zeros(width), np.ones(width),
                          np.zeros((0, *targets.shape[1:])), np.zeros(targets.shape[1:]))
    if encoder is not None:
        vectors = encoder.vectors([response for _, response in pairs])
        reader.middle, reader.spread = vectors.mean(axis=0), vectors.std(axis=0) + _SMALL
    columns = reader.columns(pairs)
    rows = _rows(columns, seed)
    basis, coordinates = _coordinates(columns, rows)
    names = sorted(set(sources))
    own = np.array([[_SOURCE * (source == name) for name in names] for source in sources], dtype=np.float32)
    seen = targets.sum(axis=0) > 0
    found, bias = _descend(np.hstack([coordinates, own]), targets, weights, seen, strength)
    of_rows = basis @ found[: coordinates.shape[1]].reshape(coordinates.shape[1], -1)
    spelled = [columns[0][rows].T @ of_rows] + ([columns[1][rows].T @ of_rows] if columns[1] is not None else [])
    reader.weights = np.vstack(spelled).reshape(-1, *targets.shape[1:])
    reader.bias = bias + _SOURCE * found[coordinates.shape[1] :].mean(axis=0)
    return reader


def _rows(columns: tuple[Any, np.ndarray | None], seed: int) -> np.ndarray:
    number = columns[0].shape[0]
    if number <= LANDMARKS:
        return np.arange(number)
    return np.sort(np.random.default_rng(seed).choice(number, LANDMARKS, replace=False))


def _coordinates(columns: tuple[Any, np.ndarray | None], rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A basis of the space that some rows span, as sums of them, and the coordinates of all rows in it."""
    from scipy.linalg import eigh

    words, vectors = columns
    products = (words @ words[rows].T).toarray()
    if vectors is not None:
        products = products + vectors @ vectors[rows].T
    sizes, directions = eigh(products[rows].astype(np.float64))
    kept = sizes > 1e-4 * sizes[-1]
    basis = (directions[:, kept] / np.sqrt(sizes[kept])).astype(np.float32)
    return basis, products.astype(np.float32) @ basis


def _descend(
    columns: np.ndarray, targets: np.ndarray, weights: np.ndarray, seen: np.ndarray, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Weights and bias of the least penalised cross-entropy, by L-BFGS."""
    from scipy.optimize import minimize

    number, width = columns.shape
    shape = targets.shape[1:]
    aims = (targets * weights[..., None]).astype(np.float32)
    mass = aims.sum(axis=2, keepdims=True)
    never = np.where(seen, 0.0, -30.0).astype(np.float32)  # a side that nobody ever labelled

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = flat.reshape(width + 1, -1).astype(np.float32)
        logits = (columns @ parameters[:-1] + parameters[-1]).reshape(number, *shape) + never
        logs = logits - logits.max(axis=2, keepdims=True)
        logs -= np.log(np.exp(logs).sum(axis=2, keepdims=True))
        value = -float((aims * logs).sum(dtype=np.float64))
        slope = (mass * np.exp(logs) - aims).reshape(number, -1)
        gradient = np.vstack([columns.T @ slope + parameters[:-1] / strength, slope.sum(axis=0)])
        value += float((parameters[:-1].astype(np.float64) ** 2).sum()) / (2 * strength)
        return value, gradient.ravel().astype(np.float64)

    start = np.zeros((width + 1) * shape[0] * shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B",
                     options={"maxiter": 300, "ftol": 1e-7, "maxcor": 8}).x.reshape(width + 1, *shape)
    return found[:-1].astype(np.float32), (found[-1] + never).astype(np.float32)

