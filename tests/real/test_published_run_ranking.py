"""The published run: every figure of the expected file, from counts made straight from the votes."""

from __future__ import annotations

import collections
import csv
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa
import pytest

from graphengine import tables
from graphengine.ranking import calibrate, components, rank_counts, rule_edges, verdicts, wiser_edges
from graphengine.ranking.pagerank import pagerank_scores

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.data

RULES = ["mai-2023", "paper-majority"]
VARIANTS = ["mai-2023-context", "mai-2023-four-counters", "mai-2023-no-entropy", "likelihood-only", "any-wiser",
            "majority-per-pair", "majority-of-decided-per-pair"]


class Run(NamedTuple):
    """The votes as COUNTS and PEOPLE, and what is expected of them."""

    counts: pa.Table
    people: pa.Table
    expected: dict[str, Any]
    graph: dict[str, Any]


@pytest.fixture(scope="module")
def run(dft: Path) -> Run:
    """The published run."""
    answers: collections.Counter[tuple[str, ...]] = collections.Counter()
    who: dict[tuple[str, str], set[str]] = collections.defaultdict(set)
    with (dft / "votes-prolific-run.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            answers[row["context"], row["from_value"], row["to_value"], row["answer"]] += 1
            for card in (row["from_value"], row["to_value"]):
                who[row["context"], card].add(row["participant"])
    counts = tables.COUNTS.table([
        {"context_id": c, "from_id": a, "to_id": b, **{answer: answers[c, a, b, answer] for answer in tables.ANSWERS}}
        for c, a, b in sorted({key[:3] for key in answers})])
    people = tables.PEOPLE.table([
        {"context_id": c, "card_id": card, "people": len(names)} for (c, card), names in sorted(who.items())])
    return Run(counts, people, json.loads((dft / "expected-prolific-run.json").read_text(encoding="utf-8")),
               json.loads((dft / "moral-graph-prolific-run.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("rule", RULES + VARIANTS)
def test_numbers_of_edges_and_cards(run, rule):
    """Every rule and variant keeps the expected number of edges and cards."""
    expected = (run.expected["rules"] | run.expected["variants"])[rule]
    edges = rule_edges(run.counts, rule)
    cards = {*edges.column("from_id").to_pylist(), *edges.column("to_id").to_pylist()}
    assert (expected["edge_count"], expected["values"]) == (edges.num_rows, len(cards))


def mai_edges(table):
    """Edges in the expected file's words."""
    return sorted(
        (int(e["from_id"]), int(e["to_id"]), e["contexts"], e["wiser"], e["not_wiser"], e["less_wise"], e["unsure"],
         e["impressions"], e["likelihood"], pytest.approx(e["entropy"], abs=1e-12))
        for e in table.to_pylist())


def expected_mai_edges(run):
    """The expected edges of mai-2023."""
    return sorted(
        (e["from_value"], e["to_value"], e["contexts"], e["wiser"], e["not_wiser"], e["less_wise"], e["unsure"],
         e["impressions"], e["wiser_likelihood"], e["entropy"])
        for e in run.expected["rules"]["mai-2023"]["edges"])


def test_mai_2023_edges(run):
    """mai-2023: the same edges, contexts, counters and exactly the same likelihoods."""
    assert expected_mai_edges(run) == mai_edges(rule_edges(run.counts, "mai-2023"))


def test_mai_2023_edges_from_the_tallies_of_the_graph(run):
    """The published counters alone give the same edges."""
    tallies = tables.TALLIES.table([
        {"from_id": str(e["sourceValueId"]), "to_id": str(e["wiserValueId"]), "contexts": e["contexts"],
         "wiser": e["counts"]["markedWiser"], "not_wiser": e["counts"]["markedNotWiser"],
         "less_wise": e["counts"]["markedLessWise"], "unsure": e["counts"]["markedUnsure"],
         "impressions": e["counts"]["impressions"]}
        for e in run.graph["edges"]])
    assert expected_mai_edges(run) == mai_edges(rule_edges(tables.COUNTS.empty(), "mai-2023", tallies))
    # Beside the votes all of them give way.
    assert rule_edges(run.counts, "mai-2023") == rule_edges(run.counts, "mai-2023", tallies)


def test_paper_majority_edges(run):
    """paper-majority: the same edges with exactly the same shares, context by context."""
    expected = sorted(
        (e["context"], e["from_value"], e["to_value"], e["wiser"], e["not_wiser"], e["unsure"], e["share"])
        for e in run.expected["rules"]["paper-majority"]["edges"])
    assert expected == sorted(
        (e["contexts"][0], int(e["from_id"]), int(e["to_id"]), e["wiser"], e["not_wiser"], e["unsure"], e["weight"])
        for e in rule_edges(run.counts, "paper-majority").to_pylist())


def check(rows, expected, score="score"):
    """The same cards in the same order with the same ranks, scores to 1e-8, and the same winners."""
    ranking = expected["ranking"]
    assert [(r["value"], r["rank"]) for r in ranking] == [(int(r["card_id"]), r["rank"]) for r in rows]
    assert pytest.approx([r[score] for r in ranking], abs=1e-8) == [r["score"] for r in rows]
    winners = [int(r["card_id"]) for r in rows if r["rank"] == 1]
    assert (expected["winners"], expected["tie"]) == (winners, len(winners) > 1)


@pytest.mark.parametrize("rule", RULES)
def test_pagerank_by_context(run, rule):
    """PageRank scores, order, ranks, winners and ties of every context."""
    rows = rank_counts(run.counts, "pagerank", edge_rule=rule).to_pylist()
    by_context = run.expected["pagerank"][rule]["by_context"]
    assert set(by_context) == {row["context_id"] for row in rows}
    for context, expected in by_context.items():
        own = [row for row in rows if row["context_id"] == context]
        check(own, expected)
        assert expected["winners"] == [int(row["card_id"]) for row in own if row["tied_top"]]


def test_published_scores(run):
    """The original's unnormalised scores, context by context and over all edges."""
    expected = run.expected["pagerank"]["mai-2023"]
    rows = rank_counts(run.counts, "pagerank", edge_rule="mai-2023", scores="published").to_pylist()
    for context, part in expected["by_context"].items():
        check([row for row in rows if row["context_id"] == context], part, "score_unnormalised")
    edges = rule_edges(run.counts, "mai-2023")
    check(pagerank_scores(edges, pooled=True).table().to_pylist(), expected["overall"])
    check(pagerank_scores(edges, scores="published", pooled=True).table().to_pylist(), expected["overall"],
          "score_unnormalised")


def test_calibration(run):
    """The run's yes-bias is strong and differs between contexts, its band is wide and its cards hardly differ."""
    found = calibrate(run.counts)
    assert pytest.approx(1.36, abs=0.03) == found.beta
    assert pytest.approx(0.13, abs=0.01) == found.sd_beta
    assert pytest.approx(0.36, abs=0.05) == found.omega
    assert pytest.approx(0.69, abs=0.02) == found.tau
    assert pytest.approx(0.18, abs=0.03) == found.sigma
    assert (11, 1525) == (found.contexts, found.answers)


def test_no_single_winner_anywhere(run):
    """Three votes a person, one direction asked: no context has a single winner, and leaders have many answers."""
    ranks = rank_counts(run.counts, people=run.people)
    found = verdicts(ranks, run.counts, run.people).to_pylist()
    assert [False] * 11 == [v["single_winner"] for v in found]
    assert all(v["reason"].startswith("no single winner: P(top)") for v in found)
    rows = ranks.to_pylist()
    assert max(row["p_top"] for row in rows) < 0.57
    assert run.expected["counts"]["values_in_votes"] == len({row["card_id"] for row in rows})


def test_wiser_edges(run):
    """One edge per unordered pair and context; every vote is in exactly one of them."""
    edges = wiser_edges(run.counts, calibrate(run.counts))
    pairs = {(r["context_id"], *sorted((r["from_id"], r["to_id"]))) for r in run.counts.to_pylist()}
    assert len(pairs) == edges.num_rows
    total = sum(sum(edges.column(name).to_pylist()) for name in tables.EDGES.schema.names[3:9])
    assert run.expected["counts"]["votes"] == total


def test_components(run):
    """Five of the eleven contexts fall into several components."""
    found = components(run.counts).to_pylist()
    assert 5 == len({row["context_id"] for row in found if row["component"] == 1})
