"""The published study: its votes and its graph come in whole, and say the same."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from graphengine.importing import Known, Prepared, prepare, sniff
from tests.importing_kit import pseudonym

pytestmark = pytest.mark.data


@pytest.fixture(scope="module")
def expected(dft: Path) -> dict[str, Any]:
    """What a correct implementation gives on the votes."""
    return json.loads((dft / "expected-prolific-run.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def votes(dft: Path) -> Prepared:
    """The votes, prepared."""
    return prepare(dft / "votes-prolific-run.csv", known=Known(), pseudonym=pseudonym)


@pytest.fixture(scope="module")
def graph(dft: Path) -> Prepared:
    """The published graph, prepared."""
    return prepare(dft / "moral-graph-prolific-run.json", known=Known(), pseudonym=pseudonym)


def test_every_vote_comes_in(votes: Prepared, expected: dict[str, Any]) -> None:
    """Votes, participants, contexts, cards, upgrades and answers are counted as published; nothing is rejected."""
    counts = expected["counts"]
    context_of = {row["id"]: row["context_id"] for row in votes.tables["upgrades"].to_pylist()}
    rows = votes.tables["votes"].to_pylist()

    assert (counts["votes"], counts["participants"], counts["contexts"], counts["values_in_votes"]) == (
        len(rows), votes.tables["users"].num_rows, votes.tables["contexts"].num_rows, votes.tables["cards"].num_rows
    )
    assert counts["pairs_per_context"] == votes.tables["upgrades"].num_rows
    assert {each: counts[each] for each in ("wiser", "not_wiser", "unsure")} == Counter(row["answer"] for row in rows)
    assert counts["votes_by_context"] == Counter(context_of[row["upgrade_id"]] for row in rows)
    assert (0, 0, counts["votes"]) == (len(votes.rejects), votes.repeated, votes.read)
    assert "Columns left out, nothing of them is stored: seq." in votes.notes


def test_every_value_and_edge_comes_in(graph: Prepared, dft: Path) -> None:
    """59 cards and 67 tallies with the published counters; none is rejected, every context is there."""
    published = json.loads((dft / "moral-graph-prolific-run.json").read_text(encoding="utf-8"))
    tallies = {(row["from_id"], row["to_id"]): row for row in graph.tables["tallies"].to_pylist()}

    assert (59, 67, 11, 0) == (
        graph.tables["cards"].num_rows, len(tallies), graph.tables["contexts"].num_rows, len(graph.rejects)
    )
    for edge in published["edges"]:
        tally = tallies[str(edge["sourceValueId"]), str(edge["wiserValueId"])]
        assert list(edge["counts"].values()) == [
            tally[each] for each in ("wiser", "not_wiser", "less_wise", "unsure", "impressions")
        ]
        assert sorted(edge["contexts"]) == tally["contexts"]
    for value in published["values"]:
        card = next(row for row in graph.tables["cards"].to_pylist() if row["id"] == str(value["id"]))
        assert (value["title"].strip(), value["evaluationCriteria"]) == (card["title"], card["policies"])


def test_likelihood_and_entropy_follow_from_the_counters(graph: Prepared, dft: Path) -> None:
    """What is not stored can be had again: both published figures recompute from the tallies to 1e-9."""
    published = json.loads((dft / "moral-graph-prolific-run.json").read_text(encoding="utf-8"))
    tallies = {(row["from_id"], row["to_id"]): row for row in graph.tables["tallies"].to_pylist()}

    for edge in published["edges"]:
        tally = tallies[str(edge["sourceValueId"]), str(edge["wiserValueId"])]
        answers = [tally[each] for each in ("wiser", "not_wiser", "less_wise", "unsure")]
        counters = [*answers, tally["impressions"]]
        shares = [each / sum(counters) for each in counters if each]
        likelihood = (tally["wiser"] - tally["less_wise"]) / sum(answers)
        assert edge["summary"]["wiserLikelihood"] == pytest.approx(likelihood, abs=1e-9)
        assert edge["summary"]["entropy"] == pytest.approx(-sum(s * math.log2(s) for s in shares), abs=1e-9)


def test_the_titles_fit_the_graph(dft: Path, graph: Prepared) -> None:
    """The list of values (other column names, by a map) agrees with the graph's titles."""
    known = Known(cards=graph.tables["cards"].select(["id", "title"]))
    prepared = prepare_titles(dft, known)

    assert (74, 0, 15) == (prepared.read, len(prepared.rejects), len(prepared.new_cards))


def prepare_titles(dft: Path, known: Known) -> Prepared:
    """The list of values with the map that sniff writes for it."""
    import tempfile

    found = sniff(dft / "values-prolific-run.csv")
    with tempfile.TemporaryDirectory() as folder:
        mapping = Path(folder, "map.toml")
        mapping.write_text(found.map_toml().replace('# id = ""', 'id = "value"'), encoding="utf-8")
        return prepare(
            dft / "values-prolific-run.csv", known=known, pseudonym=pseudonym, mapping=mapping, kind="cards"
        )


def test_votes_in_any_order_are_the_same(dft: Path, votes: Prepared, tmp_path: Path) -> None:
    """Shuffled rows, half of them twice, give the same tables."""
    header, *rows = (dft / "votes-prolific-run.csv").read_text(encoding="utf-8").splitlines()
    shuffled = rows + rows[::2]
    random.Random(7).shuffle(shuffled)
    (tmp_path / "votes.csv").write_text("\n".join([header, *shuffled]), encoding="utf-8")
    prepared = prepare(tmp_path / "votes.csv", known=Known(), pseudonym=pseudonym)

    assert votes.tables == prepared.tables
    assert len(rows[::2]) == prepared.repeated


def test_the_order_of_votes_may_serve_as_time(dft: Path, votes: Prepared, tmp_path: Path) -> None:
    """The column seq, mapped to at, tells later from earlier; nothing else changes."""
    (tmp_path / "map.toml").write_text('[columns]\nat = "seq"\n', encoding="utf-8")
    prepared = prepare(
        dft / "votes-prolific-run.csv", known=Known(), pseudonym=pseudonym, mapping=tmp_path / "map.toml"
    )

    columns = ["user_id", "upgrade_id", "answer"]
    assert votes.tables["votes"].select(columns) == prepared.tables["votes"].select(columns)
    assert list(range(1000, 1_526_000, 1000)) == sorted(prepared.tables["votes"]["at"].to_pylist())
