"""Parts of the validity report that know who said what: groups, single people, careless voters, growth."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from graphengine import tables
from graphengine.ranking import calibrate, rank_counts, validity
from graphengine.ranking.layout import lay_out
from graphengine.ranking.validity import careless, growth, without_groups, without_people
from graphengine.ranking.validity.votes import answers_of, in_order, read_votes
from tests.ranking_worlds import make_counts, simulate
from tests.validity_worlds import ODD, people_who_agree, survey


def _members(groups: dict[str, list[str]]):
    return tables.MEMBERS.table([
        {"user_id": person, "group_id": group, "variable": group.split("=")[0], "value": group.split("=")[1]}
        for group, people in groups.items() for person in people])


def _two_parties(left=8, right=20):
    """The left finds b wiser, many times over; the right, many more people, hardly finds a wiser."""
    votes = [(f"left{n}", "c", *pair) for n in range(left)
             for pair in (("a", "b", "wiser"), ("b", "a", "not_wiser"), ("a", "d", "wiser"))]
    votes += [(f"right{n}", "c", *pair) for n in range(right)
              for pair in ((("a", "b", "not_wiser") if n % 5 < 3 else ("b", "a", "not_wiser")), ("d", "a", "wiser"))]
    return votes, _members({"party=left": [f"left{n}" for n in range(left)],
                            "party=right": [f"right{n}" for n in range(right)]})


def test_votes_are_read_as_their_counts():
    """Single votes, added up, are the counts again; votes on other questions are left out."""
    said, counts = survey([*people_who_agree(10, contexts=2)])
    layout = lay_out(counts)
    votes = read_votes(said, layout)
    everything = answers_of(votes, np.ones(len(votes.user), bool), len(layout.source))
    assert layout.answers.tolist() == everything.tolist()
    one = lay_out(counts.filter([c == "c1" for c in counts.column("context_id").to_pylist()]))
    votes = read_votes(said, one)
    assert one.answers.tolist() == answers_of(votes, np.ones(len(votes.user), bool), len(one.source)).tolist()


def test_orders_are_permutations_that_follow_from_the_names():
    """Each order holds everybody once; another number gives another order, the same number the same."""
    users = read_votes(survey(people_who_agree(30))[0], lay_out(survey(people_who_agree(30))[1])).users
    assert list(range(30)) == sorted(in_order(users, 0).tolist())
    assert in_order(users, 0).tolist() == in_order(users, 0).tolist()
    assert in_order(users, 0).tolist() != in_order(users, 1).tolist()


def test_a_group_that_decides_is_told():
    """Without the group whose people make b lead, another card leads; the row is what ranking without them gives."""
    votes, members = _two_parties()
    said, counts = survey(votes)
    shared = calibrate(counts)
    found = without_groups(said, members, counts, shared)
    rows = {row["group_id"]: row for row in found.rows}
    _, rest = survey([vote for vote in votes if vote[0].startswith("right")])
    leads = max(rank_counts(counts, calibration=shared).to_pylist(), key=lambda row: row["p_top"])["card_id"]
    alone = max(rank_counts(rest, calibration=shared).to_pylist(), key=lambda row: row["p_top"])["card_id"]
    assert (leads, alone) == ("b", "a")
    assert (["b"], ["a"], 0.0) == tuple(rows["party=left"][k] for k in ("leader", "without", "same_leader"))
    assert (["b"], 1.0) == (rows["party=right"]["without"], rows["party=right"]["same_leader"])
    assert (2, 0, 0.5, "warning") == (
        found.figures["groups"], found.figures["masked_groups"], found.figures["same_leader"], found.level)


@pytest.mark.parametrize(("left", "right"), [(4, 20), (20, 4)])
def test_small_groups_and_small_rests_are_masked(left, right):
    """A group below k, and the complement of a group below k, show nowhere; no number of members is printed."""
    votes, members = _two_parties(left, right)
    said, counts = survey(votes)
    found = without_groups(said, members, counts, calibrate(counts))
    assert [] == found.rows
    assert ("unknown", 2) == (found.level, found.figures["masked_groups"])
    assert "left" not in json.dumps(found.as_json()).replace("left out", "")


def test_a_group_is_masked_where_few_of_it_answered():
    """A large group of which few answered in a context shows in the others only."""
    votes, members = _two_parties(8, 20)
    votes += [(who, "e", "a", "b", "wiser") for who in ["left0", "left1", *(f"right{n}" for n in range(20))]]
    said, counts = survey(votes)
    found = without_groups(said, members, counts, calibrate(counts))
    assert {("party=left", "c"), ("party=right", "c")} == {(r["group_id"], r["context_id"]) for r in found.rows}
    assert 2 == found.figures["masked_cases"]


def test_one_person_left_out_is_what_ranking_without_them_gives():
    """The lowest and highest P(top) of the leader are those of leaving out everybody in turn."""
    votes = people_who_agree(12, cards=4, questions=4, seed=3)
    said, counts = survey(votes)
    shared = calibrate(counts)
    leader = max(rank_counts(counts, calibration=shared).to_pylist(), key=lambda row: row["p_top"])
    without, led = [], []
    for person in sorted({vote[0] for vote in votes}):
        _, rest = survey([vote for vote in votes if vote[0] != person])
        by_card = {row["card_id"]: row["p_top"] for row in rank_counts(rest, calibration=shared).to_pylist()}
        without.append(by_card[leader["card_id"]])
        led.append(max(by_card, key=by_card.__getitem__))
    row = without_people(said, counts, shared).rows[0]
    assert [leader["card_id"]] == row["leader"]
    assert leader["p_top"] == pytest.approx(row["p_top"])
    assert (min(without), max(without)) == pytest.approx((row["p_lowest"], row["p_highest"]))
    assert any(card != leader["card_id"] for card in led) == row["can_change"]


def test_one_busy_person_decides():
    """Where one person's many answers make the leader, that is told; people who answered alike are one case."""
    votes = [(f"p{n}", "c", "b", "a", "wiser") for n in range(9)] + [(f"p{n}", "c", "a", "b", "not_wiser")
                                                                     for n in range(9)]
    votes += [("busy", "c", f"x{n}", card, answer) for n in range(40)
              for card, answer in (("b", "wiser"), ("a", "not_wiser"))]
    said, counts = survey(votes)
    found = without_people(said, counts, calibrate(make_counts([("c", "a", "b", 9, 9, 1), ("c", "b", "a", 9, 9, 1)])))
    assert (2, 0) == (found.figures["cases"], found.figures["cases_left_aside"])
    assert (10, ["b"], True) == tuple(found.rows[0][key] for key in ("people", "leader", "can_change"))
    assert (1, "warning") == (found.figures["contexts_one_decides"], found.level)
    assert "busy" not in json.dumps(found.as_json())


def test_contexts_of_few_people_are_not_shown():
    """With fewer than k people a change of P(top) would tell what somebody answered."""
    said, counts = survey([*people_who_agree(4), *(("x", "e", "a", "b", "wiser"),)])
    found = without_people(said, counts, calibrate(counts))
    assert ([], "unknown", 2) == (found.rows, found.level, found.figures["masked_contexts"])
    assert 1 == len(without_people(said, counts, calibrate(counts), min_group=4).rows)


def test_of_many_cases_those_with_most_answers_are_left_out(monkeypatch):
    """Where there are too many cases the busiest people are looked at, and the report says how many were not."""
    monkeypatch.setattr("graphengine.ranking.validity.people.MOST_CASES", 3)
    said, counts = survey([*people_who_agree(20), *people_who_agree(8, seed=1)])
    figures = without_people(said, counts, calibrate(counts)).figures
    assert (3, 17) == (figures["cases"], figures["cases_left_aside"])


def test_planted_straight_liners_are_found():
    """People who always say "not wiser" are flagged with the probability of that; people who vary are not."""
    votes = people_who_agree(60, questions=8)
    lines = [(f"line{n}", "c0", f"v{q % 4}", f"v{(q + 1 + n) % 4}", "not_wiser") for n in (0, 1)
             for q in range(12) if (q + 1 + n) % 4 != q % 4]
    said, counts = survey([*votes, *lines])
    found = careless(said, counts, calibrate(counts), show_people=True)
    assert ["line0", "line1"] == sorted(row["user_id"] for row in found.rows)
    assert {("not_wiser", 12)} == {(row["answer"], row["answers"]) for row in found.rows}
    total = np.array([sum(counts.column(a).to_pylist()) for a in tables.ANSWERS])
    rates = total / total.sum()
    assert float(rates[1]**12) == pytest.approx(found.rows[0]["probability"], rel=0.1)
    assert (62, 2) == (found.figures["people"], found.figures["flagged"])
    assert 1.0 == found.figures["same_leader_without"]
    assert 24 / said.num_rows == pytest.approx(found.figures["flagged_votes"])


def test_pseudonyms_show_only_when_asked():
    """Without being asked the report counts careless voters by their answer and names nobody."""
    lines = [("line", "c0", f"v{q % 4}", f"v{(q + 1) % 4}", "unsure") for q in range(9)]
    said, counts = survey([*people_who_agree(40, questions=8), *lines])
    found = careless(said, counts, calibrate(counts))
    assert "line\"" not in json.dumps(found.as_json())
    assert {"wiser": 0, "not_wiser": 0, "unsure": 1} == {row["answer"]: row["flagged"] for row in found.rows}


def test_what_most_people_say_is_no_carelessness():
    """Where nearly all answers are "wiser", saying it five times is expected and flags nobody."""
    votes = [(f"p{n}", "c", f"v{q}", f"v{q + 1}", "unsure" if (n + q) % 20 == 0 else "wiser")
             for n in range(40) for q in range(5)]
    said, counts = survey(votes)
    figures = careless(said, counts, calibrate(counts)).figures
    assert (40, 30, 0) == (figures["people"], figures["straight_liners"], figures["flagged"])
    assert figures["straight_liners"] == pytest.approx(figures["expected"], rel=0.1)


def test_few_answers_tell_nothing_of_care():
    """Where nobody gave five answers, the report says that it can't tell."""
    said, counts = survey(people_who_agree(20, questions=4))
    assert "unknown" == careless(said, counts, calibrate(counts)).level


def test_growth_ends_at_the_full_ranking():
    """With all people the ranking is the full one; with more people it agrees more, and half are enough here."""
    said, counts = survey(people_who_agree(80, cards=6, questions=3))
    found = growth(said, counts, calibrate(counts), orders=8)
    assert (80, 1.0, 1.0) == tuple(found.rows[-1][k] for k in ("people", "same_leader", "tau"))
    taus = [row["tau"] for row in found.rows]
    assert taus[0] < taus[-1]
    assert found.figures["same_leader_half"] >= 0.8
    assert "fine" == found.level
    assert all(row["tau_lower"] <= row["tau"] <= row["tau_upper"] for row in found.rows)


def test_growth_does_not_depend_on_the_order_of_rows():
    """Votes in another row order give the same figures."""
    said, counts = survey(people_who_agree(30))
    mixed = said.take(np.random.default_rng(1).permutation(said.num_rows))
    shared = calibrate(counts)
    assert growth(said, counts, shared, orders=3) == growth(mixed, counts, shared, orders=3)


def test_growth_without_a_pattern_is_a_warning():
    """Where answers are noise, half of the people would name another leader."""
    rng = np.random.default_rng(2)
    votes = [
        (f"p{n}", f"c{n % 4}", *(f"v{v}" for v in rng.choice(12, 2, replace=False)), str(rng.choice(tables.ANSWERS)))
        for n in range(160) for _ in range(2)]
    said, counts = survey(votes)
    found = growth(said, counts, calibrate(counts), orders=6)
    assert found.figures["same_leader_half"] < 0.6
    assert found.level in ("caution", "warning")


def _numbers(value):
    if isinstance(value, float):
        yield value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _numbers(item)


@pytest.mark.parametrize("name", ODD)
def test_never_nan(name):
    """Every part says something of odd counts, in finite numbers, with a verdict in words."""
    counts = make_counts(ODD[name])
    shared, tie = calibrate(counts), calibrate(counts, not_wiser="tie")
    said = tables.SAID.table([
        {"user_id": f"p{n}", "context_id": row["context_id"], "from_id": row["from_id"], "to_id": row["to_id"],
         "answer": answer}
        for row in counts.to_pylist() for answer in tables.ANSWERS for n in range(min(row[answer], 12))])
    members = _members({"g=x": [f"p{n}" for n in range(6)]})
    parts = [
        validity.placebo(counts, shared, shuffles=5), validity.yes_bias(counts, shared), validity.thresholds(counts),
        validity.not_wiser(counts, shared, tie), without_groups(said, members, counts, shared),
        without_people(said, counts, shared), careless(said, counts, shared), growth(said, counts, shared, orders=2),
        validity.agreement(counts, shared),
    ]
    for part in parts:
        assert part.verdict.endswith((".", ")"))
        assert part.level in ("fine", "caution", "warning", "unknown")
        assert all(math.isfinite(number) for number in _numbers(part.as_json()))


def test_findings_travel():
    """Parts are plain functions, and their findings go to other processes and come back."""
    import pickle

    counts, _ = simulate(1, contexts=2)
    call = pickle.loads(pickle.dumps((validity.yes_bias, counts, calibrate(counts))))
    found = call[0](*call[1:])
    assert found == pickle.loads(pickle.dumps(found))


def test_among_many_people_some_look_careless():
    """Of many people a few give the same improbable answers by chance; no more than that is no cause for care."""
    rng = np.random.default_rng(4)
    votes = [(f"p{n}", "c", f"v{q}", f"v{q + 1}", str(rng.choice(tables.ANSWERS, p=[0.35, 0.35, 0.3])))
             for n in range(3000) for q in range(5)]
    said, counts = survey(votes)
    found = careless(said, counts, calibrate(counts))
    assert found.figures["flagged"] > 10
    assert found.figures["flagged_expected"] == pytest.approx(found.figures["flagged"], rel=0.5)
    assert ("fine", True) == (found.level, "no more than chance gives" in found.verdict)


def test_less_is_done_on_many_contexts(monkeypatch):
    """Where there are many contexts fewer shuffles and orders are made, and the figures say how many."""
    monkeypatch.setattr("graphengine.ranking.validity.shuffling._MOST_COPIES", 40)
    monkeypatch.setattr("graphengine.ranking.validity.growing._MOST_COPIES", 100)
    said, counts = survey(people_who_agree(20, contexts=2))
    shared = calibrate(counts)
    assert 20 == validity.placebo(counts, shared, shuffles=200).figures["shuffles"]
    assert 5 == growth(said, counts, shared, orders=20).figures["orders"]
