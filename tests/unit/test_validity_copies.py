"""Copies of contexts, ranked side by side."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import kendalltau

from graphengine.ranking import calibrate, rank_counts
from graphengine.ranking.layout import lay_out
from graphengine.ranking.validity import copies
from tests.ranking_worlds import make_counts, simulate

_COUNTS, _ = simulate(3, contexts=4, cards=6, pairs=9)
_SHARED = calibrate(_COUNTS)


def _variants(layout, seed=0, many=3):
    rng = np.random.default_rng(seed)
    return np.stack([layout.answers, *rng.integers(0, 9, (many - 1, *layout.answers.shape))])


def test_copies_are_ranked_as_if_each_were_alone():
    """A copy among hundreds has the scores, P(top) and leader of the same counts ranked alone."""
    layout = lay_out(_COUNTS)
    variants = _variants(layout)
    ranked = copies.rank_variants(layout, variants, "bradley-terry", _SHARED)
    leaders = copies.leader_ids(layout, ranked)
    for at in range(len(ranked.context)):
        variant, context = divmod(at, len(layout.contexts))
        rows = slice(layout.row_start[context], layout.row_start[context + 1])
        alone = rank_counts(make_counts([
            ("x", layout.cards[int(layout.node_card[s])].as_py(), layout.cards[int(layout.node_card[t])].as_py(),
             *map(int, said))
            for s, t, said in zip(layout.source[rows], layout.target[rows], variants[variant][rows], strict=True)
        ]), calibration=_SHARED)
        by_card = {row["card_id"]: row for row in alone.to_pylist()}
        names = layout.card_column().take(pa.array(ranked.node[ranked.start[at]:ranked.start[at + 1]])).to_pylist()
        score = ranked.score[ranked.start[at]:ranked.start[at + 1]]
        assert [by_card[name]["score"] for name in names] == pytest.approx(score.tolist(), abs=1e-12)
        best = max(row["p_top"] for row in by_card.values())
        assert [name for name in names if by_card[name]["p_top"] >= best - 1e-9] == leaders[at]


def test_chunks_change_nothing(monkeypatch):
    """How many copies are ranked in one call does not show in the result."""
    layout = lay_out(_COUNTS)
    whole = copies.rank_variants(layout, _variants(layout), "bradley-terry", _SHARED)
    monkeypatch.setattr(copies, "ROWS_AT_ONCE", 11)
    part = copies.rank_variants(layout, _variants(layout), "bradley-terry", _SHARED)
    assert whole.score.tolist() == part.score.tolist()
    assert whole.lead.tolist() == part.lead.tolist()


def test_a_variant_without_answers_has_no_leader():
    """Where nothing is left of a context nobody leads, no score is known, and nothing agrees."""
    layout = lay_out(_COUNTS)
    first = copies.rank_as_is(layout, "bradley-terry", _SHARED)
    nothing = copies.rank_variants(layout, np.zeros((1, *layout.answers.shape), np.int64), "bradley-terry", _SHARED)
    assert [[]] * 4 == copies.leader_ids(layout, nothing)
    assert [0.0] * 4 == copies.same_leader(first, layout, nothing).tolist()
    assert copies.mean(copies.kendall(first, layout, nothing)) is None


def test_same_leader_shares_ties():
    """Of two tied leaders against one of them the agreement is one half, against itself one half too."""
    layout = lay_out(make_counts([("c", "a", "b", 0, 0, 3)]))
    tied = copies.rank_as_is(layout, "bradley-terry", _SHARED.__class__(0.0, -1.0, 1.0, ((0.1, 0.0), (0.0, 0.1))))
    clear = copies.rank_variants(layout, np.array([[[9, 0, 0]]]), "bradley-terry", _SHARED)
    assert [["a", "b"]] == copies.leader_ids(layout, tied)
    assert [0.5] == copies.same_leader(tied, layout, clear).tolist()
    assert [0.5] == copies.same_leader(tied, layout, tied).tolist()


@pytest.mark.parametrize("wide", [1, 400])
def test_kendall_is_tau_b(monkeypatch, wide):
    """The batched tau-b equals scipy's, with ties, and for wide contexts too."""
    monkeypatch.setattr(copies, "_WIDE", wide)
    layout = lay_out(_COUNTS)
    first = copies.rank_as_is(layout, "bradley-terry", _SHARED)
    other = copies.rank_variants(layout, _variants(layout), "copeland")
    expected = []
    for at, context in enumerate(other.context):
        one = first.score[first.start[context]:first.start[context + 1]]
        expected.append(kendalltau(one, np.maximum(other.score[other.start[at]:other.start[at + 1]], -99)).statistic)
    assert expected == pytest.approx(copies.kendall(first, layout, other).tolist(), nan_ok=True)


def test_cards_that_a_rule_drops_stand_last():
    """A card that no edge of the rule touches has score -inf and counts as below all others."""
    layout = lay_out(make_counts([("c", "a", "b", 9, 0, 0), ("c", "a", "d", 0, 9, 0)]))
    ranked = copies.rank_as_is(layout, "pagerank", edge_rule="paper-majority")
    assert -np.inf == ranked.score[2]
    assert [["b"]] == copies.leader_ids(layout, ranked)
    assert 1.0 == pytest.approx(copies.kendall(ranked, layout, ranked)[0])
