"""Every method on the published votes: finite, agreeing where they must, and unlike the default where it is known."""

from __future__ import annotations

import collections
import csv
import itertools

import numpy as np
import pytest

from graphengine import tables
from graphengine.ranking import METHODS, calibrate, hodge, rank_counts, verdicts
from graphengine.ranking.bootstrap import bootstrap

pytestmark = pytest.mark.data
OF_COUNTS = [name for name, takes in METHODS.items() if "groups" not in takes]


@pytest.fixture(scope="module")
def said(dft):
    """The published run as SAID."""
    with (dft / "votes-prolific-run.csv").open(encoding="utf-8", newline="") as file:
        return tables.SAID.table([
            {"user_id": r["participant"], "context_id": r["context"], "from_id": r["from_value"],
             "to_id": r["to_value"], "answer": r["answer"]} for r in csv.DictReader(file)])


@pytest.fixture(scope="module")
def counts(said):
    """Its COUNTS."""
    found = collections.Counter(tuple(r[k] for k in ("context_id", "from_id", "to_id", "answer"))
                                for r in said.to_pylist())
    return tables.COUNTS.table([
        dict(zip(tables.COUNTS.schema.names, (*key, *(found[(*key, a)] for a in tables.ANSWERS)), strict=True))
        for key in sorted({key[:3] for key in found})])


@pytest.mark.parametrize("not_wiser", ["against", "tie"])
@pytest.mark.parametrize("method", OF_COUNTS)
def test_every_method_ranks_every_context(counts, method, not_wiser):
    """All 11 contexts have a first card with a finite score and a reason; candidates are all cards with answers."""
    ranks = rank_counts(counts, method, not_wiser=not_wiser)
    rows = ranks.to_pylist()
    assert all(np.isfinite(row["score"]) for row in rows)
    firsts = collections.Counter(row["context_id"] for row in rows if row["rank"] == 1)
    answered = {(r["context_id"], r[side]) for r in counts.to_pylist() for side in ("from_id", "to_id")}
    ranked = {(row["context_id"], row["card_id"]) for row in rows}
    assert ranked <= answered if method == "pagerank" else ranked == answered
    assert 11 == len(firsts)
    reasons = verdicts(ranks, counts, method=method).column("reason").to_pylist()
    assert 11 == len([reason for reason in reasons if reason])


def test_the_default_differs_from_pagerank_more_than_methods_of_wins_among_themselves(counts):
    """Leaders: the methods of wins agree with each other in more contexts than pagerank agrees with the default."""
    first = {method: {r["context_id"]: r["card_id"] for r in reversed(rank_counts(counts, method).to_pylist())}
             for method in OF_COUNTS}
    same = {pair: sum(first[pair[0]][c] == first[pair[1]].get(c) for c in first[pair[0]])
            for pair in itertools.combinations(OF_COUNTS, 2)}
    assert same["win-rate", "hodgerank"] > same["bradley-terry", "pagerank"]


def test_cyclicity_of_the_published_votes(counts):
    """Cyclic energy is a part of all energy, and 0 where a context's pairs form a tree."""
    found = hodge(counts)
    assert (found.residual >= 0).all()
    assert (found.residual <= found.energy + 1e-9).all()
    pairs = collections.defaultdict(set)
    for r in counts.to_pylist():
        pairs[r["context_id"]].add(frozenset((r["from_id"], r["to_id"])))
    for number, context in enumerate(found.scores.contexts.to_pylist()):
        cards = set().union(*pairs[context])
        if len(pairs[context]) < len(cards) and len(pairs[context]) == len(cards) - len(
                set(found.scores.component[found.scores.node_context == number])):
            assert 0 == found.residual[number]


def test_people_drawn_anew(said, counts):
    """Drawing people anew keeps order and scores, and the shares of a context sum to 1."""
    calibration = calibrate(counts)
    drawn = bootstrap(said, "bradley-terry", calibration, 20)
    plain = rank_counts(counts, calibration=calibration)
    keys = ["context_id", "card_id", "rank", "score"]
    assert plain.select(keys) == drawn.select(keys)
    shares = collections.Counter()
    for row in drawn.to_pylist():
        shares[row["context_id"]] += row["p_top"]
    assert pytest.approx([1.0] * 11) == list(shares.values())
