"""Cuts of the published run (by time, person, context), against the plain-Python oracle."""

from __future__ import annotations

import csv
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from graphengine import tables
from graphengine.ranking import EDGE_RULES, calibrate, rank_counts, rule_edges, verdicts
from tests.ranking_rule_oracle import OracleEdge, Vote, oracle_edges, oracle_pagerank

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.data, pytest.mark.slow]

CUTS = ["first 100", "first 700", "half of the people", "one context", "others' contexts", "reversed", "no unsure"]


@pytest.fixture(scope="module")
def rows(dft: Path) -> list[dict[str, str]]:
    """The votes in the order in which they were cast."""
    with (dft / "votes-prolific-run.csv").open(encoding="utf-8", newline="") as file:
        return sorted(csv.DictReader(file), key=lambda row: int(row["seq"]))


def cut(rows: list[dict[str, str]], name: str) -> list[Vote]:
    """The votes of a cut."""
    contexts = sorted({row["context"] for row in rows})
    chosen = {
        "first 100": lambda: rows[:100], "first 700": lambda: rows[:700],
        "half of the people": lambda: [row for row in rows if int(row["participant"][1:]) % 2],
        "one context": lambda: [row for row in rows if row["context"] == contexts[3]],
        "others' contexts": lambda: [row for row in rows if row["context"] in contexts[::2]],
        "reversed": lambda: [row | {"from_value": row["to_value"], "to_value": row["from_value"]} for row in rows],
        "no unsure": lambda: [row for row in rows if row["answer"] != "unsure"],
    }[name]()
    return [(row["context"], row["from_value"], row["to_value"], row["answer"]) for row in chosen]


def counts_of(votes: list[Vote]) -> pa.Table:
    """COUNTS of single votes."""
    number = Counter(votes)
    return tables.COUNTS.table([
        {"context_id": c, "from_id": a, "to_id": b, **{answer: number[c, a, b, answer] for answer in tables.ANSWERS}}
        for c, a, b in sorted({vote[:3] for vote in votes})])


@pytest.mark.parametrize("name", CUTS)
def test_edges_and_pagerank(rows, name):
    """On every cut and under every rule: the oracle's edges, and networkx's PageRank over them."""
    votes = cut(rows, name)
    counts = counts_of(votes)
    for rule in EDGE_RULES:
        expected = oracle_edges(votes, rule)
        assert expected == [
            OracleEdge(e["from_id"], e["to_id"], tuple(e["contexts"]), *(e[n] for n in OracleEdge._fields[3:]))
            for e in rule_edges(counts, rule).to_pylist()]
        ranks = rank_counts(counts, "pagerank", edge_rule=rule).to_pylist()
        for context in {vote[0] for vote in votes}:
            mine = {row["card_id"]: row["score"] for row in ranks if row["context_id"] == context}
            assert pytest.approx(oracle_pagerank(expected, context), abs=1e-9) == mine


@pytest.mark.parametrize("name", CUTS)
@pytest.mark.parametrize("not_wiser", ["against", "tie"])
def test_default_ranking_works(rows, name, not_wiser):
    """On every cut the default has finite terms, scores that are not all zero, and a reason for every context."""
    counts = counts_of(cut(rows, name))
    calibration = calibrate(counts, not_wiser=not_wiser)
    assert np.isfinite([calibration.beta, calibration.log_tau, calibration.sigma]).all()
    ranks = rank_counts(counts, calibration=calibration)
    assert np.abs(ranks.column("score").to_numpy()).max() > 0.01
    assert ranks.column("sd").to_numpy().max() <= calibration.sigma * 1.2
    found = verdicts(ranks, counts)
    assert all(found.column("reason").to_pylist())
    assert set(counts.column("context_id").to_pylist()) == set(found.column("context_id").to_pylist())


def test_yes_bias_turns_with_the_question(rows):
    """Asked the other way round, the same answers look like a yes-bias of the same size: it belongs to the answer."""
    forward, back = (calibrate(counts_of(cut(rows, name))) for name in ("first 700", "reversed"))
    assert forward.beta > 1
    assert back.beta > 1
