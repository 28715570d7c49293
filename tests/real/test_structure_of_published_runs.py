"""The published votes: what holds together, what runs in a circle, who is named."""

from __future__ import annotations

import collections
import csv
import itertools
from typing import TYPE_CHECKING

import networkx as nx
import pyarrow as pa
import pytest

from graphengine import tables
from graphengine.ranking import calibrate, rank_counts, settle, upgrade_path, verdicts, wiser_edges
from graphengine.ranking.influence import influence, people_of
from graphengine.ranking.paths import weakest_link
from graphengine.ranking.structure import structure

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def said(dft: Path) -> pa.Table:
    """The published votes as SAID."""
    with (dft / "votes-prolific-run.csv").open(encoding="utf-8", newline="") as file:
        return tables.SAID.table([
            {"user_id": row["participant"], "context_id": row["context"], "from_id": row["from_value"],
             "to_id": row["to_value"], "answer": row["answer"]} for row in csv.DictReader(file)])


def counts_of(said: pa.Table) -> pa.Table:
    """COUNTS of the votes."""
    answers = collections.Counter(
        (row["context_id"], row["from_id"], row["to_id"], row["answer"]) for row in said.to_pylist())
    return tables.COUNTS.table([
        {"context_id": c, "from_id": a, "to_id": b, **{answer: answers[c, a, b, answer] for answer in tables.ANSWERS}}
        for c, a, b in sorted({key[:3] for key in answers})])


def test_structure_is_that_of_networkx(said):
    """Components, strong components and circles of every context are those that networkx finds in the votes."""
    counts = counts_of(said)
    net: dict[str, collections.Counter[tuple[str, str]]] = collections.defaultdict(collections.Counter)
    for row in said.to_pylist():
        pair = (row["from_id"], row["to_id"])
        for way, sign in ((pair, 1), (pair[::-1], -1)):
            net[row["context_id"]][way] += sign * {"wiser": 1, "not_wiser": -1, "unsure": 0}[row["answer"]]
    found = structure(counts).to_pylist()
    assert sorted(net) == [row["context_id"] for row in found]
    for row in found:
        pairs = net[row["context_id"]]
        arrows = nx.DiGraph([way for way, number in pairs.items() if number > 0])
        strong = [part for part in nx.strongly_connected_components(arrows) if len(part) > 1]
        assert nx.number_connected_components(nx.Graph(list(pairs))) == row["components"]
        assert sorted(itertools.chain(*strong)) == row["cyclic_cards"]
        assert bool(strong) == bool(row["cycles"])
        for cards in row["cycles"]:
            assert all(arrows.has_edge(*way) for way in itertools.pairwise([*cards, cards[0]]))
        assert row["cyclicity"] is None or 0 <= row["cyclicity"] <= 1
    assert any(row["cycles"] for row in found)
    assert any(row["components"] > 1 for row in found)


def test_nobody_is_named_and_where_one_would_be_the_rule_holds_for_everybody(said):
    """No single winner at the rule's .8; at .3, leaving people out takes a win away or it is safe, and ranks agree."""
    counts, people = counts_of(said), people_of(said)
    shared = calibrate(counts)
    ranks = rank_counts(counts, calibration=shared, people=people)
    found = verdicts(ranks, counts, people, said=said, calibration=shared)
    assert not any(found.column("single_winner").to_pylist())
    assert all(found.column("reason").to_pylist())
    low = 0.3
    plain = {row["context_id"]: row for row in verdicts(ranks, counts, people, confidence=low).to_pylist()}
    strict = verdicts(ranks, counts, people, confidence=low, said=said, calibration=shared)
    for row in strict.to_pylist():
        before = plain[row["context_id"]]
        assert before["single_winner"] or not row["single_winner"]
        assert before["single_winner"] == (row["reason"] != before["reason"])
    top = settle(ranks, strict)
    singles = [row["context_id"] for row in strict.to_pylist() if row["single_winner"]]
    marked = collections.Counter(row["context_id"] for row in top.to_pylist() if row["tied_top"])
    assert [1] * len(singles) == [marked[context] for context in singles]
    named = influence(said, ranks, counts, shared, confidence=low).to_pylist()
    assert [c for c, row in plain.items() if row["single_winner"]] == [row["context_id"] for row in named]
    users = set(said.column("user_id").to_pylist())
    assert all(row["user_id"] in users and row["checked"] <= row["people"] for row in named)


def test_paths(said):
    """From the lowest to the highest card of an edge there is always a path, at least as strong as the edge."""
    counts = counts_of(said)
    edges = wiser_edges(counts, calibrate(counts))
    for row in edges.to_pylist()[::7]:
        path = upgrade_path(edges, row["context_id"], row["from_id"], row["to_id"])
        at = weakest_link(path)
        assert at is not None
        assert path.column("p_model")[at].as_py() >= row["p_model"]
