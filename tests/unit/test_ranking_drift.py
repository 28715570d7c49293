"""What moved between two rankings, calibrations that drifted, pairs that flip; names of rankings; dates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from graphengine.errors import InputError, RankingError
from graphengine.ranked import when
from graphengine.ranked.names import Wanted, options, ranking_id
from graphengine.ranking import METHODS, calibrate, rank_counts, verdicts, wiser_edges
from graphengine.ranking.drift import changes, drifted, moved
from graphengine.ranking.flips import flips
from graphengine.tables import FLIPS, RANKS, VERDICTS
from tests.ranking_worlds import make_counts, many_people, simulate


def test_a_calibration_drifts_by_half_of_what_is_not_known_of_it():
    """β and log τ may move by half their sd, σ by 5%; what moved is named."""
    fitted = calibrate(simulate(1, contexts=6)[0])
    step = 0.5 * fitted.sd_beta
    assert "" == drifted(fitted, replace(fitted, beta=fitted.beta + 0.99 * step))
    assert drifted(fitted, replace(fitted, beta=fitted.beta + 1.01 * step)).startswith("yes-bias")
    assert drifted(fitted, replace(fitted, log_tau=fitted.log_tau - 1.0)).startswith("log tie band")
    assert "" == drifted(fitted, replace(fitted, sigma=fitted.sigma * 1.04))
    assert drifted(fitted, replace(fitted, sigma=fitted.sigma * 1.06)).startswith("spread")


@pytest.mark.slow
def test_more_of_the_same_answers_is_no_drift():
    """A tenth more answers drawn from the same model leave the calibration of most surveys standing."""
    stayed = 0
    for seed in range(10):
        counts, _ = simulate(seed, contexts=22)
        some = counts.filter([name < "context 0020" for name in counts.column("context_id").to_pylist()])
        stayed += drifted(calibrate(some), calibrate(counts)) == ""
    assert stayed >= 7


def test_nothing_moved_between_equal_rankings():
    """A ranking held against itself: every card beside itself, no context moved."""
    counts, _ = simulate(2, contexts=4)
    ranks = rank_counts(counts)
    said = verdicts(ranks, counts, many_people(counts))
    places = changes(ranks, ranks)
    assert ranks.num_rows == places.num_rows
    assert places.column("p_top_before").to_pylist() == places.column("p_top_after").to_pylist()
    assert {} == moved(places, said, said, least=0.01, ranks=True)


def test_why_a_context_counts_as_moved():
    """New, gone, another winner, another leader, P(top), rank: each by its own rule."""

    def ranks(**places):
        return RANKS.table([
            {"context_id": c, "card_id": v, "rank": n, "p_top": p, "tied_top": top}
            for c, rows in places.items() for v, n, p, top in rows
        ])

    def said(*single):
        return VERDICTS.table([{"context_id": c, "single_winner": True, "reason": "…"} for c in single])

    before = ranks(
        gone=[("a", 1, 1.0, True)], won=[("a", 1, 0.78, True), ("b", 2, 0.22, True)],
        led=[("a", 1, 0.51, True), ("b", 2, 0.49, True)], stepped=[("a", 1, 0.6, True), ("b", 2, 0.4, True)],
        below=[("a", 1, 0.8, True), ("b", 2, 0.15, False), ("c", 3, 0.05, False)],
        other=[("a", 1, 0.9, True), ("b", 2, 0.1, False)],
    )
    after = ranks(
        new=[("a", 1, 1.0, True)], won=[("a", 1, 0.82, True), ("b", 2, 0.18, False)],
        led=[("b", 1, 0.52, True), ("a", 2, 0.48, True)], stepped=[("a", 1, 0.7, True), ("b", 2, 0.3, True)],
        below=[("a", 1, 0.8, True), ("c", 2, 0.12, False), ("b", 3, 0.08, False)],
        other=[("b", 1, 0.9, True), ("a", 2, 0.1, False)],
    )
    found = moved(changes(before, after), said("other"), said("won", "other"), ranks=True)
    assert {
        "gone": ["gone"], "new": ["new"], "won": ["winner"], "led": ["leader", "rank"], "stepped": ["p_top"],
        "below": ["rank"], "other": ["winner", "leader", "p_top", "rank"],
    } == found
    assert "below" not in moved(changes(before, after), said(), said())


def test_rankings_without_probabilities_are_compared_by_rank():
    """A method without P(top) never moves by P(top)."""
    counts, _ = simulate(3, contexts=4)
    one, other = rank_counts(counts), rank_counts(counts, "copeland")
    found = moved(changes(one, other), VERDICTS.empty(), VERDICTS.empty(), ranks=True)
    assert all("p_top" not in why for why in found.values())


def test_flips_against_draws():
    """The probability of a flip is that of two independent normal margins having different signs."""
    tables = {}
    for seed, group in ((4, "g=one"), (5, "g=other")):
        counts, _ = simulate(seed, contexts=2, cards=4, pairs=6)
        tables[group] = wiser_edges(counts, calibrate(counts))
    found = flips(tables).to_pylist()
    assert found
    random = np.random.default_rng(6)
    for row in found:
        one = random.normal(row["margin"], row["margin_sd"], 100_000)
        other = random.normal(row["other_margin"], row["other_margin_sd"], 100_000)
        assert row["p_flip"] == pytest.approx((one * other < 0).mean(), abs=0.01)
        assert row["margin"] >= 0
    assert sorted((row["p_flip"] for row in found), reverse=True) == [row["p_flip"] for row in found]


def test_groups_that_share_no_pair_do_not_flip():
    """A pair that only one group was asked about is not told; groups alone give nothing."""
    one = make_counts([("c", "a", "b", 9, 1, 0)])
    other = make_counts([("c", "a", "d", 1, 9, 0)])
    fitted = calibrate(one)
    assert FLIPS.empty().equals(flips({"x": wiser_edges(one, fitted), "y": wiser_edges(other, fitted)}))
    assert FLIPS.empty().equals(flips({"x": wiser_edges(one, fitted)}))
    assert FLIPS.empty().equals(flips({}))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_a_name_that_says_how_to_make_it(method):
    """An id lists what the method takes, and the options made from it name the same ranking."""
    wanted = Wanted(method, "any-wiser", "tie", variable="age group", as_of="2026-01-31")
    assert wanted.id.startswith(method)
    assert ("any-wiser" in wanted.id, "age group" in wanted.id) == (wanted.takes("edge_rule"), wanted.takes("groups"))
    typed = options(wanted.id)
    assert " --not-wiser tie" in typed and " --as-of 2026-01-31" in typed
    assert ('--variable "age group"' in typed, "--edge-rule any-wiser" in typed) == (
        wanted.takes("groups"), wanted.takes("edge_rule"))


def test_an_unknown_method_is_refused():
    """The hint names the closest."""
    with pytest.raises(RankingError) as refused:
        ranking_id("bradley")
    assert "unknown method: 'bradley'" == refused.value.message
    with pytest.raises(RankingError) as refused:
        ranking_id("copelnd")
    assert f"did you mean copeland? one of: {', '.join(METHODS)}" == refused.value.hint


@pytest.mark.parametrize("text", ["soon", "2026-13-01", "31.01.2026", "2026-01-31T25:00"])
def test_what_is_no_date_is_refused(text):
    """The hint shows how dates are written."""
    with pytest.raises(InputError, match="is not a date"):
        when.spelled(text)


def test_zones_and_days():
    """Times of any zone become UTC; a day counts to its last millisecond."""
    assert "2026-01-31T22:30:00Z" == when.spelled("2026-02-01T00:30+02:00")
    assert when.moment("2026-02-01T00:30+02:00") == when.moment("2026-01-31T22:30:00Z")
    assert when.moment("2026-02-01T00:00:00Z") - 1 == when.moment("2026-01-31")
    assert when.spelled("2026-01-31") == when.spelled(" 2026-01-31 ")
