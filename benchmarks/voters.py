"""Simulated surveys whose truth is known: latent strengths, sparse questions, noisy people who tend to say yes.

A person compares two values by the difference of their strengths plus a yes-bias of their own plus logistic noise, says
"unsure" within a band, and with probability .1 answers without reading. None of that is the model that ranks: it knows
one yes-bias for all and no careless people.

Two kinds of survey:

- `SCENARIOS`: one context each, after the study notes of the default ranking. A: random pairs, B: nearly all pairs,
  C: few pairs, votes heaped on some, D: people say yes too often, E: popular values are asked about more and proposed
  as the wiser ones, F: the proposer is right 80% of the time.
- `published_layout`: many contexts of unequal size, three votes a person, one direction asked, votes heaped on few
  pairs, several components: the shape of published surveys, drawn from the model itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from graphengine.tables import COUNTS

if TYPE_CHECKING:
    from collections.abc import Sequence

Reals = NDArray[Any]
Ints = NDArray[Any]

CARELESS = 0.1
CARELESS_ANSWERS = (0.6, 0.2, 0.2)
VOTES_EACH = 3


@dataclass(frozen=True)
class Scenario:
    """How a context is asked about and answered.

    Attributes:
        values: Number of values; their strengths are N(0, 1).
        pairs: Number of pairs asked, one direction each.
        right: How often the direction asked is the true one.
        yes_bias: Mean over people of what is added in favour of "wiser"; it is gamma with shape 2.
        tie_band: Half width of the band of "unsure".
        heaped: Are the votes per pair log-normal (else all the same)?
        popular: Are pairs drawn by a heavy-tailed popularity, and the popular one proposed as the wiser (80%)?
    """

    values: int = 20
    pairs: int = 30
    right: float = 0.5
    yes_bias: float = 0.0
    tie_band: float = 0.5
    heaped: bool = False
    popular: bool = False


SCENARIOS: dict[str, Scenario] = {
    "A random pairs": Scenario(),
    "B dense": Scenario(pairs=95),
    "C few and heaped": Scenario(values=10, pairs=12, right=0.75, yes_bias=0.8, tie_band=0.8, heaped=True),
    "D acquiescence": Scenario(yes_bias=1.0),
    "E popularity": Scenario(yes_bias=1.0, popular=True),
    "F proposer 80% right": Scenario(right=0.8, yes_bias=0.8),
}


@dataclass(frozen=True)
class Survey:
    """What was asked and answered, and the truth.

    Attributes:
        strength: Per context, (values,) the truth.
        context: (rows,) number of the context.
        source: (rows,) value asked from.
        target: (rows,) value asked about as wiser.
        answers: (rows, 3) wiser, not_wiser, unsure.
    """

    strength: list[Reals]
    context: Ints
    source: Ints
    target: Ints
    answers: Ints

    def counts(self, contexts: Sequence[int] | None = None) -> pa.Table:
        """COUNTS of all contexts, or of some; ids are numbers in five digits."""
        used = np.isin(self.context, contexts) if contexts is not None else np.ones(len(self.context), bool)
        return count_table(self.context[used], self.source[used], self.target[used], self.answers[used])

    def matrices(self, values: int) -> Reals:
        """(contexts, values, values, 3): answers by value asked from and value asked about."""
        dense = np.zeros((len(self.strength), values, values, 3))
        np.add.at(dense, (self.context, self.source, self.target), self.answers)
        return dense


def count_table(context: Ints, source: Ints, target: Ints, answers: Ints) -> pa.Table:
    """COUNTS of numbered contexts and values."""
    columns = [*(pa.array(np.char.zfill(x.astype(str), 5)) for x in (context, source, target)),
               *(pa.array(answers[:, k].astype(np.int64)) for k in range(3))]
    return pa.Table.from_arrays(columns, schema=COUNTS.schema)


def numbers(column: Any) -> Ints:
    """The numbers that ids of `count_table` stand for."""
    return column.to_numpy(zero_copy_only=False).astype(str).astype(np.int64)


def together(surveys: Sequence[Survey]) -> Survey:
    """Surveys as one, contexts numbered on."""
    first = np.cumsum([0] + [len(one.strength) for one in surveys])
    return Survey(
        [strength for one in surveys for strength in one.strength],
        np.concatenate([one.context + at for one, at in zip(surveys, first, strict=False)]),
        *(np.concatenate([getattr(one, name) for one in surveys]) for name in ("source", "target", "answers")),
    )


def simulate(scenario: Scenario, seed: int, votes: int) -> Survey:
    """One context of a scenario.

    Args:
        scenario: One of `SCENARIOS`.
        seed: The same seed gives the same votes.
        votes: Per pair (the median of them times about 1.8 where votes are heaped).
    """
    rng = np.random.default_rng([seed, votes])
    n = scenario.values
    strength = rng.normal(size=n)
    popularity = rng.pareto(1.2, n) + 0.3
    low, high = _popular_pairs(rng, popularity, scenario.pairs) if scenario.popular else _pairs(rng, n, scenario.pairs)
    rises = strength[high] > strength[low]
    if scenario.popular:
        rises = np.where(rng.random(len(low)) < 0.8, popularity[high] > popularity[low], rng.random(len(low)) < 0.5)
    else:
        rises = rises == (rng.random(len(low)) < scenario.right)
    source, target = np.where(rises, low, high), np.where(rises, high, low)
    each = np.full(len(low), votes)
    if scenario.heaped:
        each = np.maximum(1, np.round(votes * rng.lognormal(-0.6, 1.1, len(low)))).astype(np.int64)
    answers = answer(rng, scenario, np.repeat(strength[target] - strength[source], each))
    row = np.repeat(np.arange(len(low)), each)
    counted = np.bincount(row * 3 + answers, minlength=3 * len(low)).reshape(-1, 3)
    return Survey([strength], np.zeros(len(low), np.int64), source, target, counted)


def answer(rng: np.random.Generator, scenario: Scenario, advantage: Reals) -> Ints:
    """0 wiser, 1 not_wiser, 2 unsure, of people who answer about three questions each, drawn by chance.

    Args:
        rng: Chance.
        scenario: Its yes-bias and tie band.
        advantage: (votes,) strength of the value asked about, less that of the value asked from.
    """
    votes = len(advantage)
    people = max(2, votes // VOTES_EACH)
    who = rng.integers(0, people, votes)
    bias = scenario.yes_bias * rng.gamma(2, 0.5, people)
    felt = advantage + bias[who] + rng.logistic(size=votes)
    said = np.where(felt > scenario.tie_band, 0, np.where(felt < -scenario.tie_band, 1, 2))
    careless = (rng.random(people) < CARELESS)[who]
    return np.where(careless, rng.choice(3, votes, p=CARELESS_ANSWERS), said)


def _pairs(rng: np.random.Generator, n: int, pairs: int) -> tuple[Ints, Ints]:
    low, high = np.triu_indices(n, 1)
    chosen = rng.choice(len(low), min(pairs, len(low)), replace=False)
    return low[chosen], high[chosen]


def _popular_pairs(rng: np.random.Generator, popularity: Reals, pairs: int) -> tuple[Ints, Ints]:
    """The first distinct pairs of a stream of two different values drawn by popularity."""
    n, share = len(popularity), popularity / popularity.sum()
    found = np.zeros(0, np.int64)
    while True:
        one, other = rng.choice(n, (2, 20 * pairs), p=share)
        # i, then j unlike i: the first is redrawn never, the second until it differs.
        while (same := one == other).any():
            other[same] = rng.choice(n, int(same.sum()), p=share)
        found = np.concatenate([found, np.minimum(one, other) * n + np.maximum(one, other)])
        distinct, first = np.unique(found, return_index=True)
        if len(distinct) >= min(pairs, n * (n - 1) // 2):
            chosen = found[np.sort(first)[:pairs]]
            return chosen // n, chosen % n


def published_layout(
    seed: int, sigma: float, *, contexts: int = 12, yes_bias: float = 1.46, tie_band: float = 0.7, people: int = 500
) -> Survey:
    """A survey laid out as published ones: sizes, heaps and directions as described above, answers from the model.

    About 10 values and 12 asked pairs per context (half as many to twice as many), three votes a person, votes per pair
    log-normal (median 4, mean 10), one pair in sixteen asked in both directions, several components in two contexts of
    five.

    Args:
        seed: The same seed gives the same votes.
        sigma: Standard deviation of the strengths.
        contexts: Their number.
        yes_bias: Of everybody.
        tie_band: Of everybody.
        people: Their number, with three votes each.
    """
    rng = np.random.default_rng([seed, 77])
    parts, weights = [], []
    for number in range(contexts):
        n = int(np.clip(round(10 * rng.lognormal(-0.05, 0.35)), 4, 22))
        low, high = _pairs(rng, n, max(3, round(1.3 * n * rng.uniform(0.8, 1.2))))
        if rng.random() < 0.4:  # a few values were only ever compared with each other
            aside = max(2, n // 4)
            keep = ((low < aside) == (high < aside)) & (low + high > 1)
            low, high = np.append(low[keep], 0), np.append(high[keep], 1)
        flip = rng.random(len(low)) < 0.5
        source, target = np.where(flip, high, low), np.where(flip, low, high)
        both = rng.random(len(low)) < 1 / 16
        source, target = np.append(source, target[both]), np.append(target, source[both])
        weights.append(rng.lognormal(0, 1.5, len(source)))
        parts.append((number, rng.normal(0, sigma, n), source, target))
    strength = [part[1] for part in parts]
    context = np.concatenate([np.full(len(part[2]), part[0]) for part in parts])
    source, target = (np.concatenate([part[k] for part in parts]) for k in (2, 3))
    weight = np.concatenate(weights)
    each = 1 + rng.multinomial(max(0, VOTES_EACH * people - len(weight)), weight / weight.sum())
    gap = np.array([strength[c][t] - strength[c][s] for c, s, t in zip(context, source, target, strict=True)])
    yes, no = (1 / (1 + np.exp(tie_band - sign * (gap + yes_bias))) for sign in (1, -1))
    answers = rng.multinomial(each, np.stack([yes, no, 1 - yes - no], axis=1))
    return Survey(strength, context, source, target, answers)
