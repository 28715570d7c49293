"""Strengths per group: against a plain optimiser, against the ungrouped model, and who the least satisfied are."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.stats import kendalltau

from graphengine import tables
from graphengine.errors import RankingError
from graphengine.ranking import Calibration, calibrate, group_counts, rank_counts, satisfaction
from tests.ranking_worlds import logistic, make_counts, many_people, simulate

METHOD = "bradley-terry-groups"
FIXED = Calibration(0.8, np.log(0.4), 0.9, ((0.02, 0.003), (0.003, 0.01)))


def make_groups(rows):
    """GROUP_COUNTS from (group, context, from, to, wiser, not_wiser, unsure)."""
    return tables.GROUP_COUNTS.table([dict(zip(tables.GROUP_COUNTS.schema.names, row, strict=True)) for row in rows])


def pooled(groups, more=()):
    """COUNTS of all groups together, and of people in none."""
    total = {}
    for row in [*groups.drop_columns(["group_id"]).to_pylist(), *make_counts(more).to_pylist()]:
        key = (row["context_id"], row["from_id"], row["to_id"])
        old = total.get(key, (0, 0, 0))
        total[key] = tuple(a + row[k] for a, k in zip(old, ("wiser", "not_wiser", "unsure"), strict=True))
    return make_counts([(*key, *n) for key, n in sorted(total.items())])


GROUPS = make_groups([
    ("g=x", "c", "a", "b", 9, 1, 2), ("g=y", "c", "a", "b", 3, 6, 1), ("g=x", "c", "b", "d", 2, 5, 0),
    ("g=y", "c", "d", "b", 4, 4, 3), ("g=y", "e", "a", "d", 6, 1, 0),
])
REST = [("c", "a", "d", 5, 2, 1), ("e", "a", "d", 2, 2, 2)]


def log_posterior(x, rows, cards, calibration, spread):
    """Written from the definition: x = μ of each card, then θ_x, θ_y of each."""
    mu, *theta = x.reshape(3, cards)
    value = -(mu**2).sum() / (2 * calibration.sigma**2)
    value -= sum(((t - mu) ** 2).sum() for t in theta) / (2 * (spread * calibration.sigma) ** 2)
    for group, source, target, yes, no, unsure in rows:
        s = mu if group is None else theta[group]
        d = s[target] - s[source] + calibration.beta
        p = logistic(d - calibration.tau), logistic(-d - calibration.tau)
        value += yes * np.log(p[0]) + no * np.log(p[1]) + unsure * np.log(1 - p[0] - p[1])
    return value


@pytest.mark.parametrize("spread", [0.3, 1.5])
def test_strengths_against_an_optimiser(spread):
    """The strengths of each group are those of highest posterior, people in no group speaking of what is in common."""
    rows = [(0, 0, 1, 9, 1, 2), (1, 0, 1, 3, 6, 1), (0, 1, 2, 2, 5, 0), (1, 2, 1, 4, 4, 3), (None, 0, 2, 5, 2, 1)]
    best = minimize(lambda x: -log_posterior(x, rows, 3, FIXED, spread), np.zeros(9), options={"gtol": 1e-7})
    found = [r for r in satisfaction(pooled(GROUPS, REST), GROUPS, FIXED, spread).to_pylist() if r["context_id"] == "c"]
    by_group = np.array([[r["score"] for r in found if r["group_id"] == g] for g in ("g=x", "g=y")])
    assert pytest.approx(best.x.reshape(3, 3)[1:], abs=1e-5) == by_group
    assert pytest.approx(np.repeat(by_group.min(axis=0), 2)) == [r["least"] for r in found]
    assert pytest.approx(np.repeat(by_group.mean(axis=0), 2)) == [r["mean"] for r in found]
    ranks = rank_counts(pooled(GROUPS, REST), METHOD, FIXED, groups=GROUPS, group_spread=spread).to_pylist()
    least = dict(zip("abd", by_group.min(axis=0), strict=True))
    assert pytest.approx(least) == {r["card_id"]: r["score"] for r in ranks if r["context_id"] == "c"}


def test_only_groups_of_the_context_count():
    """A context in which one group of two answered is ranked by that group; one without any by what is in common."""
    groups = make_groups([("g=y", "e", "a", "d", 6, 1, 0)])
    counts = pooled(groups, [("z", "a", "d", 6, 1, 0)])
    assert {"e"} == {r["context_id"] for r in satisfaction(counts, groups, FIXED).to_pylist()}
    ranks = {(r["context_id"], r["card_id"]): r["score"]
             for r in rank_counts(counts, METHOD, FIXED, groups=groups).to_pylist()}
    plain = {(r["context_id"], r["card_id"]): r["score"] for r in rank_counts(counts, calibration=FIXED).to_pylist()}
    assert pytest.approx(plain["z", "d"], abs=1e-5) == ranks["z", "d"]
    assert ranks["e", "d"] > plain["e", "d"]  # a group may differ from all, so its answers are drawn to 0 less


def test_groups_that_hardly_differ_give_the_ranking_of_all():
    """With a tiny spread between groups, scores, sd and P(top) are those of bradley-terry."""
    counts, _ = simulate(3, contexts=5, cards=6, pairs=10, answers=10)
    rows = counts.to_pylist()
    groups = tables.GROUP_COUNTS.table([
        {**r, "group_id": f"g={n % 2}"} for n, r in enumerate(rows)])
    mine = rank_counts(counts, METHOD, FIXED, groups=groups, group_spread=1e-3).to_pylist()
    plain = {(r["context_id"], r["card_id"]): r for r in rank_counts(counts, calibration=FIXED).to_pylist()}
    for row in mine:
        other = plain[row["context_id"], row["card_id"]]
        assert pytest.approx(other["score"], abs=0.02) == row["score"]
        assert pytest.approx(other["sd"], rel=0.08) == row["sd"]
        assert pytest.approx(other["p_top"], abs=0.04) == row["p_top"]


def test_the_least_satisfied_group_decides():
    """A card that one group loves and the other rejects stands below one that both find a little wiser."""
    groups = make_groups([
        ("g=big", "c", "now", "ours", 95, 5, 0), ("g=small", "c", "now", "ours", 4, 26, 0),
        ("g=big", "c", "now", "both", 65, 35, 0), ("g=small", "c", "now", "both", 20, 10, 0),
        ("g=big", "c", "ours", "now", 5, 95, 0), ("g=small", "c", "both", "now", 10, 20, 0),
    ])
    counts = pooled(groups)
    calibration = calibrate(counts)
    assert "ours" == rank_counts(counts, calibration=calibration).column("card_id")[0].as_py()
    ranks = rank_counts(counts, METHOD, calibration, groups=groups, people=many_people(counts)).to_pylist()
    assert "both" == ranks[0]["card_id"]
    assert pytest.approx(1, abs=1e-9) == sum(r["p_top"] for r in ranks)
    assert all(r["rank_lower"] <= r["rank"] <= r["rank_upper"] and r["lower"] < r["score"] < r["upper"] for r in ranks)


def test_other_names_for_groups_and_cards():
    """Scores move along with new names; P(top) too where only cards are renamed."""
    counts = pooled(GROUPS, REST)
    new = {"a": "z", "b": "y", "d": "x"}

    def rename(table):
        return table.schema, [{**r, "from_id": new[r["from_id"]], "to_id": new[r["to_id"]]} for r in table.to_pylist()]

    (schema, rows), (group_schema, group_rows) = rename(counts), rename(GROUPS)
    renamed = rank_counts(
        tables.COUNTS.table(rows), METHOD, FIXED, groups=tables.GROUP_COUNTS.table(group_rows)).to_pylist()
    plain = {(r["context_id"], new[r["card_id"]]): r for r in rank_counts(
        counts, METHOD, FIXED, groups=GROUPS).to_pylist()}
    assert (counts.schema, GROUPS.schema) == (schema, group_schema)
    for row in renamed:
        assert pytest.approx(plain[row["context_id"], row["card_id"]]["score"], abs=1e-7) == row["score"]
        assert pytest.approx(plain[row["context_id"], row["card_id"]]["p_top"], abs=1e-9) == row["p_top"]


def test_who_is_in_which_group():
    """group_counts counts the members' votes only, each group apart, in both groups for who is in two."""
    said = tables.SAID.table([
        {"user_id": u, "context_id": "c", "from_id": "a", "to_id": "b", "answer": answer}
        for u, answer in [("1", "wiser"), ("2", "not_wiser"), ("3", "unsure"), ("4", "wiser")]])
    members = tables.MEMBERS.table([
        {"user_id": u, "group_id": f"{variable}={value}", "variable": variable, "value": value}
        for u, variable, value in [("1", "age", "young"), ("2", "age", "young"), ("3", "age", "old"),
                                   ("1", "age", "old"), ("4", "party", "left")]])
    assert [("age=old", 1, 0, 1), ("age=young", 1, 1, 0)] == [
        (r["group_id"], r["wiser"], r["not_wiser"], r["unsure"])
        for r in group_counts(said, members, "age").to_pylist()]
    assert tables.GROUP_COUNTS.schema == group_counts(said, members, "age").schema
    both = rank_counts(make_counts([("c", "a", "b", 2, 1, 1)]), METHOD, FIXED,
                       groups=group_counts(said, members, "age"))
    assert all(np.isfinite(both.column("score").to_numpy()))


@pytest.mark.parametrize(
    ("variable", "hint"), [("ages", "did you mean 'age'?"), ("xyz", "one of: age"), (None, "no groups are known")])
def test_unknown_variables(variable, hint):
    """A variable that nobody belongs to is refused, with the closest or the known ones."""
    members = tables.MEMBERS.table([] if variable is None else [
        {"user_id": "1", "group_id": "age=old", "variable": "age", "value": "old"}])
    with pytest.raises(RankingError, match="nobody belongs to a group of") as caught:
        group_counts(tables.SAID.empty(), members, variable or "age")
    assert hint in caught.value.hint


def test_groups_of_other_votes_and_wrong_spreads_are_refused():
    """Groups that know more than the counts, and a spread of zero, are refused."""
    counts = make_counts([("c", "a", "b", 2, 1, 1)])
    for row in (("g", "c", "a", "z", 1, 0, 0), ("g", "d", "a", "b", 1, 0, 0), ("g", "c", "b", "a", 1, 0, 0)):
        with pytest.raises(RankingError, match="answers that the counts lack"):
            rank_counts(counts, METHOD, FIXED, groups=make_groups([row]))
    with pytest.raises(RankingError, match="group_spread must be above 0"):
        rank_counts(counts, METHOD, FIXED, groups=make_groups([]), group_spread=0.0)


def test_too_many_strengths_are_refused():
    """A context of more cards x groups than can be solved together is refused."""
    counts = make_counts([("c", "000", f"{n:03d}", 1, 0, 0) for n in range(1, 900)])
    groups = make_groups([(f"g={g}", "c", "000", "001", 1, 0, 0) for g in range(4)])
    with pytest.raises(RankingError, match=r"4,500 strengths \(cards x groups\)"):
        rank_counts(counts, METHOD, FIXED, groups=groups)


def test_groups_find_what_both_find_wise():
    """Two groups (70 and 30%) that differ: the order by the least satisfied is nearer to the truth than that of all."""
    rng = np.random.default_rng(4)
    truth, rows = {}, []
    for context in (f"c{n:02d}" for n in range(40)):
        mu = rng.normal(0, 1, 10)
        theta = mu + rng.normal(0, 0.8, (2, 10))
        truth[context] = theta.min(axis=0)
        for _ in range(25):
            a, b = (int(v) for v in rng.choice(10, 2, replace=False))
            for group, votes in enumerate((21, 9)):
                d = theta[group, b] - theta[group, a] + 0.8
                yes, no = float(logistic(d - 0.4)), float(logistic(-d - 0.4))
                rows.append((f"g={group}", context, f"{a}", f"{b}", *(
                    int(n) for n in rng.multinomial(votes, [yes, no, 1 - yes - no]))))
    groups = make_groups(rows)
    counts = pooled(groups)
    calibration = calibrate(counts)

    def tau(ranks):
        found = {c: {} for c in truth}
        for row in ranks.to_pylist():
            found[row["context_id"]][int(row["card_id"])] = row["score"]
        return np.mean([kendalltau([truth[c][v] for v in own], list(own.values()))[0] for c, own in found.items()])

    apart, together = tau(rank_counts(counts, METHOD, calibration, groups=groups)), tau(
        rank_counts(counts, calibration=calibration))
    assert apart > together + 0.02
    assert apart > 0.6
