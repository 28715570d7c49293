"""How many answers until the winner is found: asking what `ask_next` says, against a random pair and direction.

Scenario D, 10 contexts of 20 values that share the bias (of the scenario's people), seeds 0-199. Both start from one
answer per value (asked about as wiser than a random other), ask in rounds of `STEP` answers per context on average,
fit the calibration of their 10 contexts anew whenever their votes have doubled, and answer with the first card of the
default ranking; a tie of k first cards counts 1/k. The votes counted include the start.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np

from benchmarks import measuring, rivals, voters
from benchmarks.voters import Ints, Reals
from graphengine import ranking

SEEDS, CONTEXTS, VALUES = 200, 10, 20
STEP = 10
GOAL, SHARE = 0.6, 0.6
MOST_AT_RANDOM, MOST = 450, 150
"""Votes per context up to which random asking and `ask_next` are followed."""


class Study:
    """Ten contexts, what was answered so far, and a calibration of it."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng([seed, 4])
        self.scenario = voters.SCENARIOS["D acquiescence"]
        self.strength = self.rng.normal(size=(CONTEXTS, VALUES))
        self.answers = np.zeros((CONTEXTS, VALUES, VALUES, 3), np.int64)
        context = np.repeat(np.arange(CONTEXTS), VALUES)
        target = np.tile(np.arange(VALUES), CONTEXTS)
        self.ask(context, (target + self.rng.integers(1, VALUES, len(target))) % VALUES, target)
        self.fitted = 0

    def ask(self, context: Ints, source: Ints, target: Ints) -> None:
        """Have people answer."""
        gap = self.strength[context, target] - self.strength[context, source]
        said = np.zeros(len(gap), np.int64)
        for c in np.unique(context):  # people answer about one context
            said[context == c] = voters.answer(self.rng, self.scenario, gap[context == c])
        np.add.at(self.answers, (context, source, target, said), 1)

    def counts(self) -> Any:
        """COUNTS, with a calibration that is not older than half the votes."""
        context, source, target = np.nonzero(self.answers.sum(axis=3))
        counts = voters.count_table(context, source, target, self.answers[context, source, target])
        if self.answers.sum() >= 2 * self.fitted:
            self.calibration, self.fitted = ranking.calibrate(counts), int(self.answers.sum())
        return counts

    def hits(self, counts: Any) -> float:
        """Share of the contexts whose best value is ranked first."""
        ranks = ranking.rank_counts(counts, calibration=self.calibration)
        score: Reals = np.full((CONTEXTS, VALUES), -np.inf)
        at = voters.numbers(ranks.column("context_id")), voters.numbers(ranks.column("card_id"))
        score[at] = ranks.column("score").to_numpy()
        return float(rivals.top_hit(score, self.strength).mean())


def curve(seed: int, *, guided: bool, most: int) -> list[float]:
    """Share of hits after the start and after each round, up to `most` votes per context."""
    study, hits = Study(seed), []
    for votes in range(VALUES, most + 1, STEP):
        counts = study.counts()
        hits.append(study.hits(counts))
        if votes + STEP > most:
            break
        if guided:
            asked = ranking.ask_next(counts, study.calibration, n=CONTEXTS * STEP)
            study.ask(*(voters.numbers(asked.column(name)) for name in ("context_id", "from_id", "to_id")))
        else:
            context = np.repeat(np.arange(CONTEXTS), STEP)
            source = study.rng.integers(0, VALUES, len(context))
            study.ask(context, source, (source + study.rng.integers(1, VALUES, len(source))) % VALUES)
    return hits


def crossing(hits: Reals) -> float:
    """Votes per context at which the mean share of hits, smoothed over three rounds, reaches the goal."""
    smooth = np.convolve(np.pad(hits, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
    reached = np.nonzero(smooth >= GOAL)[0]
    if not len(reached):
        return float("inf")
    at = int(reached[0])
    part = 0.0 if not at else (GOAL - smooth[at]) / (smooth[at] - smooth[at - 1])
    return VALUES + STEP * (at + float(part))


def run(seeds: int = SEEDS) -> dict[str, Any]:
    """Both ways; returns the figures."""
    with ProcessPoolExecutor(2) as pool:
        curves = [
            np.mean(list(pool.map(partial(curve, guided=guided, most=most), range(seeds), chunksize=5)), axis=0)
            for guided, most in ((False, MOST_AT_RANDOM), (True, MOST))
        ]
    at_random, guided = curves
    needed, found = crossing(at_random), crossing(guided)
    measuring.table(f"Votes per context until the winner is found in {GOAL:.0%} of contexts", [
        ("ask_next", f"{found:.0f}", f"{needed:.0f} at random", f"<= {SHARE:.0%} (is {found / needed:.0%})",
         found <= SHARE * needed),
    ])
    return {"seeds": seeds, "votes": found, "votes_at_random": needed, "ratio": found / needed, "step": STEP,
            "hits": guided.round(4).tolist(), "hits_at_random": at_random.round(4).tolist()}
