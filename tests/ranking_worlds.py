"""Counts for the tests of the ranking room, and a slow second implementation of the model to hold against it.

The oracle is written from the definition (probabilities, priors, numeric derivatives) and shares no code with the
package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from hypothesis import strategies as st
from scipy.optimize import minimize

from graphengine import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = tuple[str, str, str, int, int, int]


def make_counts(rows: Sequence[Row]) -> pa.Table:
    """COUNTS from (context, from, to, wiser, not_wiser, unsure)."""
    names = tables.COUNTS.schema.names
    return tables.COUNTS.table([dict(zip(names, row, strict=True)) for row in rows])


def many_people(counts: pa.Table, people: int = 50) -> pa.Table:
    """PEOPLE in which every card of every context has the same number of people."""
    keys = {(row["context_id"], row[side]) for row in counts.to_pylist() for side in ("from_id", "to_id")}
    return tables.PEOPLE.table([{"context_id": c, "card_id": v, "people": people} for c, v in sorted(keys)])


def logistic(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def simulate(
    seed: int, *, contexts: int = 20, cards: int = 8, pairs: int = 14, answers: int = 8, beta: float = 1.0,
    tau: float = 0.5, sigma: float = 0.8, omega: float = 0.0,
) -> tuple[pa.Table, dict[tuple[str, str], float]]:
    """Counts drawn from the model, and the true strengths by (context, card)."""
    rng = np.random.default_rng(seed)
    rows: list[Row] = []
    truth: dict[tuple[str, str], float] = {}
    for c in range(contexts):
        context = f"context {c:04d}"
        theta = rng.normal(0, sigma, cards)
        own = beta + (omega * rng.normal() if omega else 0.0)
        truth |= {(context, f"card {v}"): float(theta[v]) for v in range(cards)}
        asked = {tuple(int(v) for v in rng.choice(cards, 2, replace=False)) for _ in range(pairs)}
        for a, b in sorted(asked):
            d = theta[b] - theta[a] + own
            yes, no = float(logistic(d - tau)), float(logistic(-d - tau))
            w, n, u = rng.multinomial(answers, [yes, no, 1 - yes - no])
            rows.append((context, f"card {a}", f"card {b}", int(w), int(n), int(u)))
    return make_counts(rows), truth


def count_rows(max_contexts: int = 3, max_cards: int = 6) -> st.SearchStrategy[list[Row]]:
    """Rows of COUNTS with distinct keys; some without answers."""
    number = st.integers(0, 12) | st.just(0)
    key = st.tuples(st.integers(0, max_contexts - 1), st.integers(0, max_cards - 1), st.integers(0, max_cards - 1))
    row = st.tuples(key.filter(lambda k: k[1] != k[2]), number, number, number)
    rows = st.lists(row, min_size=1, max_size=25, unique_by=lambda r: r[0])
    return rows.map(lambda found: [(f"c{k[0]}", f"v{k[1]}", f"v{k[2]}", w, n, u) for k, w, n, u in found])


@dataclass
class Oracle:
    """The joint log posterior of all strengths, the contexts' own biases, β and log τ, at a given σ and ω."""

    counts: pa.Table
    sigma: float
    omega: float = 0.0

    def __post_init__(self) -> None:
        rows = [r for r in self.counts.to_pylist() if r["wiser"] + r["not_wiser"] + r["unsure"] > 0]
        self.cards = sorted({(r["context_id"], r[side]) for r in rows for side in ("from_id", "to_id")})
        self.contexts = sorted({r["context_id"] for r in rows})
        place = {key: at for at, key in enumerate(self.cards)}
        self.source = np.array([place[r["context_id"], r["from_id"]] for r in rows])
        self.target = np.array([place[r["context_id"], r["to_id"]] for r in rows])
        self.context = np.array([self.contexts.index(r["context_id"]) for r in rows])
        self.answers = np.array([[r["wiser"], r["not_wiser"], r["unsure"]] for r in rows], float)

    def log_posterior(self, x: np.ndarray) -> float:
        """At x = (θ of all cards, (β_c - β) / ω of all contexts, β, log τ); constants left out."""
        theta, bias, beta, log_tau = x[: len(self.cards)], x[len(self.cards) : -2], x[-2], x[-1]
        tau = np.exp(log_tau)
        d = theta[self.target] - theta[self.source] + beta + self.omega * bias[self.context]
        yes, no = logistic(d - tau), logistic(-d - tau)
        p = np.stack([yes, no, 1 - yes - no], axis=1)
        return float(
            (self.answers * np.log(np.maximum(p, 1e-300))).sum() - (theta**2).sum() / (2 * self.sigma**2)
            - (bias**2).sum() / 2 - beta**2 / (2 * 2.0) - (log_tau - np.log(0.5)) ** 2 / (2 * 1.0)
        )

    def best(self) -> np.ndarray:
        """The point of highest posterior."""
        start = np.zeros(len(self.cards) + len(self.contexts) + 2)
        start[-1] = np.log(0.5)
        found = minimize(lambda x: -self.log_posterior(x), start, method="BFGS", options={"gtol": 1e-6})
        return found.x

    def best_theta(self, beta: float, log_tau: float) -> np.ndarray:
        """The strengths (and biases) of highest posterior, given β and log τ."""
        found = minimize(
            lambda x: -self.log_posterior(np.append(x, [beta, log_tau])),
            np.zeros(len(self.cards) + len(self.contexts)), method="BFGS", options={"gtol": 1e-7},
        )
        return found.x

    def precision(self, x: np.ndarray, h: float = 1e-4) -> np.ndarray:
        """Minus the second derivatives of the log posterior, by central differences."""
        n = len(x)
        eye = np.eye(n) * h
        f = self.log_posterior
        result = np.empty((n, n))
        for i in range(n):
            for j in range(i + 1):
                value = (f(x + eye[i] + eye[j]) - f(x + eye[i] - eye[j]) - f(x - eye[i] + eye[j])
                         + f(x - eye[i] - eye[j])) / (4 * h * h)
                result[i, j] = result[j, i] = -value
        return result

    def log_evidence(self) -> float:
        """Laplace's approximation of the log evidence of σ and ω, plus their log priors, up to a constant."""
        x = self.best()
        return float(
            self.log_posterior(x) - len(self.cards) * np.log(self.sigma)
            - 0.5 * np.linalg.slogdet(self.precision(x))[1] - np.log(self.sigma) ** 2 / 2
            - self.omega**2 / (2 * 0.25)
        )
