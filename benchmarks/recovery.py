"""Does the default ranking find the truth, and is it as sure as it may be? Simulated surveys, seeds 0-299.

The seeds of a cell are contexts of one survey: that is what the default is made for, since contexts share the people
and so the yes-bias, and the bounds are for that ("together"). What it makes of every context as a survey of its own,
which is all that the rivals see of it, stands beside it ("alone"): there its edge is gone, and where the proposer is
often right (C, F) a single context can't tell that from yes-bias. The surveys laid out as published ones, a dozen
contexts each, have a calibration each.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from benchmarks import measuring, rivals, voters
from benchmarks.voters import Ints, Reals, Survey
from graphengine import ranking

SEEDS = 300
COMPARED = ("A random pairs", "C few and heaped", "D acquiescence", "E popularity", "F proposer 80% right")
METHODS = ("together", "alone", "ridge", "with bias", "pagerank")
LAYOUT_SIGMAS = (0.2, 0.5, 1.0)
BIN_CASES = 200


def recovered(name: str, votes: int, seeds: int = SEEDS) -> dict[str, list[float]]:
    """Per method: mean Kendall tau and top-1."""
    scenario = voters.SCENARIOS[name]
    survey = voters.together([voters.simulate(scenario, seed, votes) for seed in range(seeds)])
    truth, dense = np.stack(survey.strength), survey.matrices(scenario.values)
    alone = np.stack([default_scores(survey, scenario.values, [seed])[seed] for seed in range(seeds)])
    scores = {
        "together": default_scores(survey, scenario.values), "alone": alone, "ridge": rivals.bradley_terry(dense),
        "with bias": rivals.bradley_terry(dense, bias=True), "pagerank": rivals.published_pagerank(dense),
    }
    return {method: [float(rivals.kendall(score, truth).mean()), float(rivals.top_hit(score, truth).mean())]
            for method, score in scores.items()}


def default_scores(survey: Survey, values: int, contexts: list[int] | None = None) -> Reals:
    """(contexts, values) scores of the default from all contexts or some; what nobody was asked about has 0."""
    ranks = ranking.rank_counts(survey.counts(contexts))
    score = np.zeros((len(survey.strength), values))
    score[voters.numbers(ranks.column("context_id")), voters.numbers(ranks.column("card_id"))] = ranks.column("score")
    return score


class Cases:
    """Cards with what was claimed about them, and whether it came true: rank intervals and P(top)."""

    def __init__(self, survey: Survey) -> None:
        self.calibration = ranking.calibrate(survey.counts())
        ranks = ranking.rank_counts(survey.counts(), calibration=self.calibration)
        context, card = voters.numbers(ranks.column("context_id")), voters.numbers(ranks.column("card_id"))
        true = np.concatenate(survey.strength)[np.cumsum([0] + [len(s) for s in survey.strength])[context] + card]
        place = _places(context, true)
        lower, upper = ranks.column("rank_lower").to_numpy(), ranks.column("rank_upper").to_numpy()
        self.covered: Ints = (lower <= place) & (place <= upper)
        self.width: Ints = upper - lower + 1
        self.p_top: Reals = ranks.column("p_top").to_numpy()
        self.is_top: Ints = place == 1


def _places(context: Ints, true: Reals) -> Ints:
    """Rank of each card among those of its context (which stand together)."""
    order = np.lexsort((-true, context))
    place = np.empty(len(true), np.int64)
    place[order] = np.arange(len(true)) - np.searchsorted(context, context[order]) + 1
    return place


def bins(p_top: Reals, is_top: Ints) -> list[dict[str, float]]:
    """By decile of P(top): cases, mean claim, share that came true; bins of `BIN_CASES` or more."""
    which = np.minimum((p_top * 10).astype(np.int64), 9)
    return [
        {"bin": k / 10, "cases": int(used.sum()), "claimed": float(p_top[used].mean()),
         "true": float(is_top[used].mean())}
        for k in range(10) if (used := which == k).sum() >= BIN_CASES
    ]


def covered(votes: int, yes_bias: float, seeds: int = SEEDS) -> dict[str, Any]:
    """Random pairs with or without yes-bias: coverage and width of the rank intervals, P(top) by decile."""
    scenario = replace(voters.SCENARIOS["A random pairs"], yes_bias=yes_bias)
    cases = Cases(voters.together([voters.simulate(scenario, seed, votes) for seed in range(seeds)]))
    return {"coverage": float(cases.covered.mean()), "width": float(cases.width.mean()),
            "sigma": cases.calibration.sigma, "bins": bins(cases.p_top, cases.is_top)}


def laid_out(sigma: float, seeds: int = SEEDS) -> dict[str, Any]:
    """Surveys laid out as published ones, each with its own calibration: fitted σ, coverage, P(top) by decile."""
    found = [Cases(voters.published_layout(seed, sigma)) for seed in range(seeds)]
    fitted = [cases.calibration.sigma for cases in found]
    return {
        "sigma": float(np.median(fitted)), "sigma_quartiles": np.quantile(fitted, [0.25, 0.75]).tolist(),
        "coverage": float(np.concatenate([cases.covered for cases in found]).mean()),
        "bins": bins(*(np.concatenate([getattr(cases, key) for cases in found]) for key in ("p_top", "is_top"))),
    }


def run(seeds: int = SEEDS) -> dict[str, Any]:
    """All cells, two at a time; returns the figures."""
    recoveries = [(name, votes) for votes in (5, 20) for name in voters.SCENARIOS]
    coverages = [(votes, bias) for bias in (0.0, 1.0) for votes in (3, 10, 30)]
    with ProcessPoolExecutor(2) as pool:
        jobs = {**{cell: pool.submit(laid_out, cell, seeds) for cell in LAYOUT_SIGMAS},
                **{cell: pool.submit(recovered, *cell, seeds) for cell in recoveries},
                **{cell: pool.submit(covered, *cell, seeds) for cell in coverages}}
        done: dict[Any, Any] = {cell: job.result() for cell, job in jobs.items()}
    for votes in (5, 20):
        _print_recovery(votes, {name: done[name, votes] for name in voters.SCENARIOS})
    _judge_recovery({name: done[name, 20] for name in COMPARED})
    _judge_claims({f"{votes} votes, yes-bias {bias:.0f}": done[votes, bias] for votes, bias in coverages},
                  {sigma: done[sigma] for sigma in LAYOUT_SIGMAS})
    return {
        "seeds": seeds,
        "recovery": {f"{name}, {votes} votes": done[name, votes] for name, votes in recoveries},
        "claims": {f"{votes} votes, yes-bias {bias:.0f}": done[votes, bias] for votes, bias in coverages},
        "published layout": {str(sigma): done[sigma] for sigma in LAYOUT_SIGMAS},
    }


def _print_recovery(votes: int, found: dict[str, dict[str, list[float]]]) -> None:
    print(f"\nKendall tau · top-1 at {votes} votes per pair")
    print("  " + "scenario".ljust(22) + "".join(method.ljust(13) for method in METHODS))
    for name, row in found.items():
        cells = (f"{row[method][0]:.3f} · {row[method][1]:.3f}".replace("0.", ".") for method in METHODS)
        print("  " + name.ljust(22) + "".join(cell.ljust(13) for cell in cells))


def _judge_recovery(found: dict[str, dict[str, list[float]]]) -> None:
    rows = []
    for name, row in found.items():
        for k, what in enumerate(("tau", "top-1")):
            ours = row["together"][k]
            best, pagerank = max(row["ridge"][k], row["with bias"][k]), row["pagerank"][k]
            rows.append((f"{name}: {what}", f"{ours:.3f}", f"{best:.3f} better rival, {pagerank:.3f} pagerank",
                         "within .02, .15 above pagerank", ours >= best - 0.02 and ours >= pagerank + 0.15))
    measuring.table("Recovery at 20 votes per pair", rows)


def _judge_claims(claims: dict[str, dict[str, Any]], layouts: dict[float, dict[str, Any]]) -> None:
    rows = [(f"rank intervals, {name}", f"{cell['coverage']:.3f}", ".90 nominal", ".87 to .97",
             0.87 <= cell["coverage"] <= 0.97) for name, cell in claims.items()]
    rows += [(f"spread, true sd {sigma}", f"{cell['sigma']:.3f}", f"{sigma}", "within 25% in the median",
              abs(cell["sigma"] / sigma - 1) <= 0.25) for sigma, cell in layouts.items()]
    for name, cell in [*claims.items(), *((f"published layout, sd {sigma}", cell) for sigma, cell in layouts.items())]:
        worst = max(cell["bins"], key=lambda found: abs(found["claimed"] - found["true"]))
        rows.append((f"P(top), {name}", f"{worst['claimed']:.3f} claimed", f"{worst['true']:.3f} true",
                     f"worst of {len(cell['bins'])} bins within .08", abs(worst["claimed"] - worst["true"]) <= 0.08))
    measuring.table("Claims", rows)
