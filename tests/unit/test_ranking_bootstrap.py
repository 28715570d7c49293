"""Resampled people: against exact probabilities, independent of order and neighbours, for every method."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from graphengine import tables
from graphengine.errors import RankingError
from graphengine.ranking import METHODS, Calibration, rank_counts
from graphengine.ranking.bootstrap import _POISSON, _weights, bootstrap
from tests.ranking_worlds import make_counts, many_people

FIXED = Calibration(0.8, np.log(0.4), 0.9, ((0.02, 0.003), (0.003, 0.01)))
MEMBERS = tables.MEMBERS.table([
    {"user_id": f"u{n:02d}", "group_id": f"half={n % 2}", "variable": "half", "value": str(n % 2)} for n in range(40)])


def make_said(seed=1, people=40, contexts=("c", "d")):
    """SAID of random answers on four cards, two by each person and context."""
    rng = np.random.default_rng(seed)
    rows = {}
    for n in range(people):
        for context in contexts:
            for _ in range(2):
                a, b = (str(v) for v in rng.choice(list("wxyz"), 2, replace=False))
                answer = rng.choice(["wiser", "not_wiser", "unsure"], p=[0.5, 0.3, 0.2] if b > a else [0.3, 0.5, 0.2])
                rows[f"u{n:02d}", context, a, b] = str(answer)
    return tables.SAID.table([
        {"user_id": u, "context_id": c, "from_id": a, "to_id": b, "answer": answer}
        for (u, c, a, b), answer in sorted(rows.items())])


SAID = make_said()


def counted(said):
    """COUNTS of SAID, by a plain loop."""
    found = {}
    for r in said.to_pylist():
        key = (r["context_id"], r["from_id"], r["to_id"])
        found.setdefault(key, dict.fromkeys(("wiser", "not_wiser", "unsure"), 0))[r["answer"]] += 1
    return make_counts([(*key, *n.values()) for key, n in sorted(found.items())])


def run(said=SAID, method="win-rate", rounds=30, **options):
    """The bootstrapped ranking, with what a method needs."""
    if method == "bradley-terry-groups":
        options |= {"members": MEMBERS, "variable": "half"}
    return bootstrap(said, method, FIXED, rounds, **options)


def test_weights_are_poisson():
    """The number of times that people count has the Poisson distribution of mean 1, independently over rounds."""
    seed = np.random.default_rng(0).integers(0, 2**63, 200_000).astype(np.uint64)
    first, second = _weights(seed, 0), _weights(seed, 1)
    assert pytest.approx(poisson(1).cdf(np.arange(len(_POISSON))), abs=1e-12) == _POISSON
    assert pytest.approx(poisson(1).pmf(range(4)), abs=0.004) == np.bincount(first)[:4] / len(first)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.01


def test_p_top_against_the_exact_probability():
    """Two cards, ten people, seven for one: P(top) by win rate is P(Poisson(7) > Poisson(3)) + half of the ties."""
    said = tables.SAID.table([
        {"user_id": f"person {n}", "context_id": "c", "from_id": "a", "to_id": "b",
         "answer": "wiser" if n < 7 else "not_wiser"} for n in range(10)])
    grid = np.arange(40)
    joint = poisson(7).pmf(grid)[:, None] * poisson(3).pmf(grid)
    exact = np.tril(joint, -1).sum() + np.trace(joint) / 2
    found = run(said, rounds=300).to_pylist()[0]
    assert "b" == found["card_id"]
    assert pytest.approx(exact, abs=0.04) == found["p_top"]


@pytest.mark.parametrize("method", METHODS)
def test_every_method(method):
    """Order and scores are those of all answers; P(top) sums to 1 per context; ranks lie in their interval."""
    parameters = {"edge_rule": "likelihood-only"} if method == "pagerank" else {}
    found = run(method=method, rounds=12, **parameters)
    assert tables.RANKS.schema == found.schema
    rows = found.to_pylist()
    for context in {r["context_id"] for r in rows}:
        assert pytest.approx(1) == sum(r["p_top"] for r in rows if r["context_id"] == context)
    assert all(r["rank_lower"] <= r["rank"] <= r["rank_upper"] for r in rows)
    if method != "bradley-terry-groups":
        calibration = FIXED if method == "bradley-terry" else None
        plain = rank_counts(counted(SAID), method, calibration, **parameters)
        keys = ["context_id", "card_id", "rank", "score", "sd", "component"]
        assert plain.select(keys) == found.select(keys)


def test_neither_row_order_nor_other_contexts_matter():
    """Shuffled rows give the same table; a context alone gives the same rows as among others."""
    order = np.random.default_rng(2).permutation(SAID.num_rows)
    assert run() == run(SAID.take(order))
    alone = make_said(contexts=("c",))
    own = tables.SAID.table([r for r in SAID.to_pylist() if r["context_id"] == "c"])
    assert alone.schema == own.schema
    assert [r for r in run().to_pylist() if r["context_id"] == "c"] == run(own).to_pylist()


def test_more_people_are_surer():
    """With forty times as many people who say the same, the leader's P(top) grows and rank intervals shrink."""
    many = tables.SAID.table([{**r, "user_id": f"{r['user_id']} {n}"} for r in SAID.to_pylist() for n in range(40)])
    few, sure = run().to_pylist(), run(many).to_pylist()
    assert [r["card_id"] for r in few] == [r["card_id"] for r in sure]
    wide = [sum(r["rank_upper"] - r["rank_lower"] for r in rows) for rows in (few, sure)]
    assert wide[1] < wide[0]


def test_people_who_decide_together_are_drawn_together():
    """One person with all the answers is there or not: the rank is then sure, or all cards share it."""
    said = tables.SAID.table([{**r, "user_id": "one"} for r in SAID.to_pylist()])
    rows = [r for r in run(said, rounds=100).to_pylist() if r["context_id"] == "c"]
    leader = rows[0]["p_top"]
    assert pytest.approx(1 - np.exp(-1) * (1 - 1 / len(rows)), abs=0.12) == leader


def test_a_winner_is_judged_by_the_drawn_p_top():
    """tied_top follows from the resampled P(top), also of a method without uncertainty of its own."""
    ranks = run(rounds=40, people=many_people(counted(SAID)))
    for context in ("c", "d"):
        rows = [r for r in ranks.to_pylist() if r["context_id"] == context]
        top = sorted((r["p_top"] for r in rows), reverse=True)
        if top[0] < 0.8:
            share = np.cumsum(top)
            assert 1 + int((share < 0.9 - 1e-9).sum()) == sum(r["tied_top"] for r in rows)
        else:
            assert 1 == sum(r["tied_top"] for r in rows)


def test_no_votes():
    """Nothing said gives an empty ranking."""
    assert 0 == bootstrap(tables.SAID.empty(), "copeland", rounds=3).num_rows
    assert 0 == bootstrap(tables.SAID.empty(), rounds=3).num_rows


def test_what_is_refused():
    """No rounds, an unknown method, groups without members: each with what to do."""
    with pytest.raises(RankingError, match="rounds must be at least 1"):
        run(rounds=0)
    with pytest.raises(RankingError, match="unknown method") as caught:
        run(method="copland")
    assert "did you mean copeland?" in caught.value.hint
    with pytest.raises(RankingError, match="members and a variable are needed"):
        bootstrap(SAID, "bradley-terry-groups", FIXED)
