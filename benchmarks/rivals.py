"""What the default ranking is held against: ridge Bradley-Terry, with and without a bias term, and published PageRank.

Each takes answers as (contexts, values, values, 3): wiser, not_wiser, unsure by value asked from and value asked about,
and gives (contexts, values) scores. Written from the descriptions, sharing nothing with the package.
"""

from __future__ import annotations

import numpy as np

from benchmarks.voters import Reals

RIDGE = 0.5


def bradley_terry(answers: Reals, *, bias: bool = False) -> Reals:
    """MAP strengths under N(0, 2), "unsure" half for either; `bias`: a term of each context for saying yes, N(0, 2)."""
    m, n = answers.shape[:2]
    to_win = answers[..., 0] + answers[..., 2] / 2
    asked = answers.sum(axis=3)
    theta, beta = np.zeros((m, n)), np.zeros(m)
    for _ in range(50):
        p = 1 / (1 + np.exp(-(theta[:, None, :] - theta[:, :, None] + beta[:, None, None])))
        residual, weight = to_win - asked * p, asked * p * (1 - p)
        gradient = np.empty((m, n + 1))
        gradient[:, :n] = residual.sum(axis=1) - residual.sum(axis=2) - RIDGE * theta
        gradient[:, n] = residual.sum(axis=(1, 2)) - RIDGE * beta
        hessian = np.zeros((m, n + 1, n + 1))
        hessian[:, :n, :n] = -weight - weight.transpose(0, 2, 1)
        place = np.arange(n)
        hessian[:, place, place] += weight.sum(axis=1) + weight.sum(axis=2) + RIDGE
        hessian[:, :n, n] = hessian[:, n, :n] = weight.sum(axis=1) - weight.sum(axis=2)
        hessian[:, n, n] = weight.sum(axis=(1, 2)) + RIDGE
        if not bias:
            hessian[:, :n, n] = hessian[:, n, :n] = gradient[:, n] = 0
        step = np.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        step /= np.maximum(1, np.abs(step).max(axis=1, keepdims=True) / 2)
        theta, beta = theta + step[:, :n], beta + step[:, n]
        if np.abs(step).max() < 1e-8:
            break
    return theta


def published_pagerank(answers: Reals) -> Reals:
    """PageRank on the published code's trimmed edges; a value without an edge comes last."""
    wiser, not_wiser, unsure = np.moveaxis(answers, 3, 0)
    back = wiser.transpose(0, 2, 1)
    asked = wiser + not_wiser + unsure
    total = asked + back
    likelihood = (wiser - back) / np.where(total > 0, total, 1)
    counters = np.stack([wiser, not_wiser, back, unsure, asked + asked.transpose(0, 2, 1)])
    share = counters / np.maximum(counters.sum(axis=0), 1)
    entropy = -(share * np.log2(np.where(share > 0, share, 1))).sum(axis=0)
    edge = np.where((wiser >= 2) & (likelihood >= 0.33) & (entropy <= 1.69), likelihood, 0.0)
    out = edge.sum(axis=2, keepdims=True)
    walk = edge / np.where(out > 0, out, 1)
    n = edge.shape[1]
    # The leaky linear system, which has the order of PageRank; without edges in or out a value keeps the least score.
    score = np.linalg.solve(np.eye(n) - 0.85 * walk.transpose(0, 2, 1), np.ones((*edge.shape[:2], 1)))[:, :, 0]
    ranked = (edge.sum(axis=1) + edge.sum(axis=2)) > 0
    return np.where(ranked, score, 0.0)


def kendall(one: Reals, other: Reals) -> Reals:
    """Kendall's tau-b of each row of (contexts, values) against the same row of the other; 0 where one is constant."""
    low, high = np.triu_indices(one.shape[1], 1)
    a, b = (np.sign(x[:, high] - x[:, low]) for x in (one, other))
    scale = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return (a * b).sum(axis=1) / np.where(scale > 0, scale, 1)


def top_hit(score: Reals, truth: Reals) -> Reals:
    """Is the best value first? A tie of k first values counts 1/k."""
    first = score >= score.max(axis=1, keepdims=True) - 1e-9
    best = truth.argmax(axis=1)
    return first[np.arange(len(best)), best] / first.sum(axis=1)
