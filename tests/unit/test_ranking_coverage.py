"""Is the uncertainty honest? Simulations from the model, with the shared terms fitted and not known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from graphengine.ranking import calibrate, rank_counts, verdicts, wiser_edges
from tests.ranking_worlds import make_counts, many_people, simulate

pytestmark = pytest.mark.slow


class World(NamedTuple):
    """Counts, the truth, and what the package makes of the counts."""

    counts: object
    truth: dict
    ranks: list
    edges: list


@pytest.fixture(scope="module", params=[3, 12])
def world(request):
    """400 contexts at few and at more answers per question, one direction asked, with a yes-bias."""
    counts, truth = simulate(21, contexts=400, cards=7, pairs=12, answers=request.param, beta=1.0)
    calibration = calibrate(counts)
    return World(counts, truth, rank_counts(counts, calibration=calibration, people=many_people(counts)).to_pylist(),
                 wiser_edges(counts, calibration).to_pylist())


def test_score_differences_are_covered(world):
    """Of the true differences on edges, nine in ten lie within 1.645 sd of the margin."""
    inside = [
        abs(world.truth[e["context_id"], e["to_id"]] - world.truth[e["context_id"], e["from_id"]] - e["margin"])
        < 1.645 * e["margin_sd"] for e in world.edges]
    assert pytest.approx(0.9, abs=0.03) == np.mean(inside)


def test_edge_probabilities_are_calibrated(world):
    """Edges claimed with p_model around .6, .75, .9 point the right way about that often."""
    claimed = np.array([e["p_model"] for e in world.edges])
    right = np.array([
        world.truth[e["context_id"], e["to_id"]] > world.truth[e["context_id"], e["from_id"]] for e in world.edges])
    for low, high in ((0.5, 0.7), (0.7, 0.85), (0.85, 1.0)):
        chosen = (claimed >= low) & (claimed <= high)
        assert pytest.approx(claimed[chosen].mean(), abs=0.06) == right[chosen].mean()


def best_cards(world):
    """The truly wisest candidate of each context."""
    best: dict[str, tuple[float, str]] = {}
    for row in world.ranks:
        key = (row["context_id"], row["card_id"])
        best[key[0]] = max(best.get(key[0], (-99.0, "")), (world.truth[key], key[1]))
    return {context: card for context, (_, card) in best.items()}


def test_p_top_is_calibrated(world):
    """P(top) adds up to how often cards are the wisest, low and high."""
    best = best_cards(world)
    p_top = np.array([row["p_top"] for row in world.ranks])
    hit = np.array([best[row["context_id"]] == row["card_id"] for row in world.ranks])
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 1.01)):
        chosen = (p_top >= low) & (p_top < high)
        assert pytest.approx(p_top[chosen].mean(), abs=0.08) == hit[chosen].mean()


def test_rank_intervals_are_covered(world):
    """At least nine in ten true ranks lie in their 90% interval (whole ranks cover a bit more)."""
    by_context: dict[str, list[dict]] = {}
    for row in world.ranks:
        by_context.setdefault(row["context_id"], []).append(row)
    inside = []
    for context, rows in by_context.items():
        order = sorted(rows, key=lambda row: -world.truth[context, row["card_id"]])
        inside += [row["rank_lower"] <= at + 1 <= row["rank_upper"] for at, row in enumerate(order)]
    assert 0.88 < np.mean(inside) <= 1


def test_the_answer_holds_the_wisest_card(world):
    """The set that `wisest` answers holds the wisest card about nine times in ten, or more."""
    best = best_cards(world)
    held = [row["tied_top"] for row in world.ranks if best[row["context_id"]] == row["card_id"]]
    assert np.mean(held) > 0.86


def test_single_winners_are_right():
    """Where a single winner is named, it is the wisest card at least four times in five."""
    counts, truth = simulate(5, contexts=200, cards=5, pairs=14, answers=25, sigma=1.2)
    people = many_people(counts)
    ranks = rank_counts(counts, people=people)
    named = {v["context_id"] for v in verdicts(ranks, counts, people).to_pylist() if v["single_winner"]}
    rows = [row for row in ranks.to_pylist() if row["context_id"] in named]
    right = [
        truth[row["context_id"], row["card_id"]] == max(truth[r["context_id"], r["card_id"]] for r in rows
                                                        if r["context_id"] == row["context_id"])
        for row in rows if row["tied_top"]]
    assert len(named) > 40
    assert len(named) == len(right)
    assert np.mean(right) > 0.85


def test_a_card_with_one_answer_does_not_lead_where_opinions_hardly_differ():
    """With a fitted spread, a newcomer with a single "not wiser" stays behind the cards that many people judged."""
    counts, _ = simulate(2, contexts=12, cards=8, pairs=25, answers=20, sigma=0.15)
    rows = [tuple(row.values()) for row in counts.to_pylist()]
    rows.append(("context 0000", "newcomer", "card 1", 0, 1, 0))
    ranks = rank_counts(make_counts(rows)).to_pylist()
    newcomer = next(row for row in ranks if row["card_id"] == "newcomer")
    assert newcomer["p_top"] < 0.35
