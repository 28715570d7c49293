"""Parts of the validity report that look at counts only: yes-bias, thresholds, "not wiser", methods."""

from __future__ import annotations

import pytest

from graphengine.ranking import EDGE_RULES, METHODS, calibrate
from graphengine.ranking.validity import agreement, not_wiser, thresholds, yes_bias
from tests.ranking_worlds import make_counts, simulate
from tests.validity_worlds import people_who_agree, survey


def test_one_direction_is_a_warning():
    """Where no pair was asked both ways, the report says that wisdom and agreement can't be told apart."""
    counts = make_counts([("c", "a", "b", 9, 1, 1), ("c", "b", "d", 5, 2, 1), ("c", "a", "d", 5, 2, 1)])
    found = yes_bias(counts, calibrate(counts))
    assert "warning" == found.level
    assert "can't be told apart" in found.verdict
    assert (3, 0, None) == (
        found.figures["pairs"], found.figures["pairs_both_ways"], found.figures["both_ways_sum"])


def test_share_of_pairs_asked_both_ways():
    """Pairs count once per context, a direction without answers does not count."""
    counts = make_counts([
        ("c", "a", "b", 6, 2, 2), ("c", "b", "a", 5, 4, 1), ("c", "a", "d", 5, 2, 1), ("c", "d", "a", 0, 0, 0),
        ("e", "a", "b", 3, 1, 0)])
    found = yes_bias(counts, calibrate(counts))
    assert (3, 1) == (found.figures["pairs"], found.figures["pairs_both_ways"])
    assert 0.6 + 0.5 == pytest.approx(found.figures["both_ways_sum"])
    assert [(2, 1), (1, 0)] == [(row["pairs"], row["pairs_both_ways"]) for row in found.rows]
    assert "fine" == found.level


def test_yes_bias_is_the_calibrated_one():
    """The figure is the model's yes-bias with its sd, and what it means for a pair of equals sums to one."""
    counts, _ = simulate(5, contexts=40, pairs=40, beta=1.2)
    shared = calibrate(counts)
    figures = yes_bias(counts, shared).figures
    assert (shared.beta, shared.sd_beta) == (figures["beta"], figures["beta_sd"])
    assert 1.2 == pytest.approx(figures["beta"], abs=4 * figures["beta_sd"])
    assert 1.0 == pytest.approx(sum(figures[f"even_pair_{a}"] for a in ("wiser", "not_wiser", "unsure")))


def test_rules_that_agree_and_rules_that_do_not():
    """The winners of a context under all rules are listed, and different ones counted."""
    clear = ("c", "a", "b", 30, 0, 0)
    # The rule with the entropy limit drops the second question, so it alone names b in e.
    close = [("e", "a", "b", 20, 0, 1), ("e", "b", "d", 9, 6, 7)]
    found = thresholds(make_counts([clear, *close]))
    assert 1 == found.figures["contexts_with_one_winner"]
    assert {*EDGE_RULES, "context_id", "winners"} == set(found.rows[0])
    assert (1, 2) == (found.rows[0]["winners"], found.rows[1]["winners"])
    assert (["b"], ["d"]) == (found.rows[1]["mai-2023-context"], found.rows[1]["any-wiser"])


def test_rules_that_pool_see_all_contexts():
    """A pooling rule counts the answers of contexts that are not looked at, if it is given them."""
    here = ("c", "a", "b", 1, 0, 0)
    everything = make_counts([here, ("e", "a", "b", 5, 0, 0)])
    assert [] == thresholds(make_counts([here])).rows[0]["mai-2023"]
    found = thresholds(make_counts([here]), every_count=everything)
    assert ["c"] == [row["context_id"] for row in found.rows]
    assert ["b"] == found.rows[0]["mai-2023"]


def test_no_not_wiser_no_difference():
    """Without a "not wiser" both readings give the same, and the report says so."""
    counts = make_counts([("c", "a", "b", 9, 0, 3), ("c", "b", "d", 2, 0, 6)])
    found = not_wiser(counts, *(calibrate(counts, not_wiser=r) for r in ("against", "tie")))
    assert (1.0, "fine") == (found.figures["same_leader"], found.level)
    assert "changes nothing" in found.verdict


def test_the_reading_of_not_wiser_can_decide():
    """A card that leads by "not wiser" answers alone leads no more when they are ties."""
    rows = [("c", "a", "b", 10, 20, 0), ("c", "b", "a", 1, 0, 20), ("e", "a", "b", 20, 1, 5), ("e", "b", "a", 1, 20, 5)]
    counts = make_counts(rows)
    found = not_wiser(counts, *(calibrate(counts, not_wiser=r) for r in ("against", "tie")))
    by_method = {row["method"]: row for row in found.rows}
    assert {name for name, takes in METHODS.items() if "groups" not in takes} == set(by_method)
    assert (0.5, ["c"]) == (by_method["bradley-terry"]["same_leader"], by_method["bradley-terry"]["changed"])
    assert (0.5, "warning") == (found.figures["same_leader"], found.level)
    assert 41 / 103 == pytest.approx(found.figures["not_wiser"])


def test_methods_agree_where_people_do():
    """Where people agree and all is asked both ways, all methods name the same card."""
    _, counts = survey(people_who_agree(people=80, questions=8, contexts=2))
    found = agreement(counts, calibrate(counts), methods=("bradley-terry", "win-rate", "copeland", "hodgerank"))
    assert (1.0, 1.0, "fine") == (
        found.figures["all_agree"], found.figures["same_leader_with_default"], found.level)
    assert 1.0 == pytest.approx(found.figures["tau_with_default"])
    assert 6 == len(found.rows)


def test_every_method_that_needs_counts_only_is_compared():
    """By default all methods but those over groups are compared, each pair once."""
    counts, _ = simulate(4, contexts=2)
    found = agreement(counts, calibrate(counts))
    names = {name for name, takes in METHODS.items() if "groups" not in takes}
    assert names == {row["method"] for row in found.rows} | {row["other"] for row in found.rows}
    assert len(names) * (len(names) - 1) // 2 == len(found.rows)
