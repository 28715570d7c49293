"""Edges of the bridging ranking, and edges between all cards of a context."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from graphengine import tables
from graphengine.ranking import calibrate, group_counts, rank_counts, wiser_edges
from graphengine.ranking.bridging import bridging_edges
from graphengine.ranking.edges import all_pairs
from graphengine.ranking.groups import bradley_terry_groups


def world(seed: int = 0, cards: int = 5, contexts: int = 4):
    """Counts of everybody and of two groups that see some cards the other way round."""
    random = np.random.default_rng(seed)
    rows = []
    for context in range(contexts):
        theta = {group: random.normal(0, 1.2, cards) for group in ("left", "right")}
        for group, strength in theta.items():
            for one in range(cards - 1):
                p = 1 / (1 + np.exp(-(strength[one + 1] - strength[one])))
                wiser = int(random.binomial(30, p))
                rows.append({"group_id": f"party={group}", "context_id": f"c{context}", "from_id": f"v{one}",
                             "to_id": f"v{one + 1}", "wiser": wiser, "not_wiser": 30 - wiser, "unsure": 2})
    groups = tables.GROUP_COUNTS.table(rows)
    summed: dict[tuple[str, str, str], list[int]] = {}
    for row in rows:
        said = summed.setdefault((row["context_id"], row["from_id"], row["to_id"]), [0, 0, 0])
        for at, answer in enumerate(tables.ANSWERS):
            said[at] += row[answer]
    counts = tables.COUNTS.table([
        dict(zip(("context_id", "from_id", "to_id", *tables.ANSWERS), (*key, *said), strict=True))
        for key, said in sorted(summed.items())
    ])
    return counts, groups


def keyed(edges):
    """Signed margins by context and pair."""
    return {
        (row["context_id"], *sorted((row["from_id"], row["to_id"]))):
        row["margin"] * (1 if row["to_id"] > row["from_id"] else -1) for row in edges.to_pylist()
    }


def test_bridging_edges_point_as_the_bridging_ranking_does() -> None:
    """The margin of each edge is the difference of the two cards' scores in `bradley_terry_groups`."""
    counts, groups = world()
    calibration = calibrate(counts)
    scores = bradley_terry_groups(counts, groups, calibration)
    names = zip(scores.node_context.tolist(), scores.node_card.tolist(), scores.score.tolist(), strict=True)
    score = {(scores.contexts[c].as_py(), scores.cards[v].as_py()): s for c, v, s in names}
    edges = bridging_edges(counts, groups, calibration)
    assert counts.num_rows == edges.num_rows
    for row in edges.to_pylist():
        difference = score[row["context_id"], row["to_id"]] - score[row["context_id"], row["from_id"]]
        assert row["margin"] == pytest.approx(difference, abs=1e-9)
        assert 0 < row["p_model_lower"] <= row["p_model"] <= row["p_model_upper"] <= 1
        assert row["p_model"] >= 0.5


def test_without_a_spread_of_groups_bridging_edges_are_the_wiser_edges() -> None:
    """Where groups hardly differ in the model, the least satisfied one thinks what all think, up to the draws."""
    counts, groups = world()
    calibration = calibrate(counts)
    plain = wiser_edges(counts, calibration)
    bridged = bridging_edges(counts, groups, calibration, 1e-3)
    assert keyed(bridged) == pytest.approx(keyed(plain), abs=1e-2)
    for name, within in (("margin_sd", 0.03), ("p_model", 0.03), ("p_model_lower", 0.05), ("p_model_upper", 0.05)):
        found = dict(zip(keyed(bridged), bridged.column(name).to_pylist(), strict=True))
        assert found == pytest.approx(dict(zip(keyed(plain), plain.column(name).to_pylist(), strict=True)), abs=within)
    same = ("wiser", "not_wiser_reverse", "unsure")
    assert bridged.select(same).to_pylist() == plain.select(same).to_pylist()


def test_a_context_alone_gives_the_same_bridging_edges() -> None:
    """An edge depends on its own context only."""
    counts, groups = world()
    calibration = calibrate(counts)
    whole = bridging_edges(counts, groups, calibration)
    one = bridging_edges(*(tables.of_contexts(table, ["c2"]) for table in (counts, groups)), calibration)
    assert tables.of_contexts(whole, ["c2"]).to_pylist() == one.to_pylist()


@pytest.mark.parametrize("kind", ["all", "bridging"])
def test_edges_between_all_cards(kind: str) -> None:
    """Every pair of a context's cards gets an edge; those that were asked keep theirs, and the others agree with it."""
    counts, groups = world(cards=6)
    calibration = calibrate(counts)
    wanted = all_pairs(counts)
    if kind == "all":
        asked, every = wiser_edges(counts, calibration), wiser_edges(wanted, calibration, unanswered=True)
    else:
        asked = bridging_edges(counts, groups, calibration)
        every = bridging_edges(wanted, groups, calibration, unanswered=True)
    assert every.num_rows == 4 * 15
    margins = keyed(every)
    assert {key: margins[key] for key in keyed(asked)} == pytest.approx(keyed(asked), abs=1e-9)
    for (context, one, other), margin in margins.items():
        steps = [f"v{number}" for number in range(int(one[1:]), int(other[1:]) + 1)]
        path = sum(margins[context, a, b] for a, b in pairwise(steps))
        assert margin == pytest.approx(path, abs=1e-9)


def test_edges_by_rank_follow_the_ranking() -> None:
    """Between all cards, an edge points to the card of the better rank."""
    counts, _ = world(3, cards=7)
    calibration = calibrate(counts)
    ranked = rank_counts(counts, calibration=calibration).to_pylist()
    ranks = {(row["context_id"], row["card_id"]): row["rank"] for row in ranked}
    every = wiser_edges(all_pairs(counts), calibration, unanswered=True).to_pylist()
    assert all(ranks[row["context_id"], row["to_id"]] < ranks[row["context_id"], row["from_id"]] for row in every)


def test_all_pairs_of_nothing() -> None:
    """Without answers there are no pairs."""
    assert all_pairs(tables.COUNTS.empty()).num_rows == 0
    assert group_counts(
        tables.SAID.empty(), tables.MEMBERS.table([{"user_id": "u", "group_id": "g=1", "variable": "g"}]), "g"
    ).num_rows == 0
