"""What holds of rankings and edges whatever the counts are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphengine.ranking import EDGE_RULES, Calibration, calibrate, rank_counts, rule_edges, verdicts, wiser_edges
from tests.ranking_worlds import count_rows, make_counts, many_people, simulate

pytestmark = pytest.mark.slow

CALIBRATIONS = st.builds(
    lambda beta, log_tau, sigma, omega: Calibration(
        beta, log_tau, sigma, ((0.05, 0.01), (0.01, 0.03)), omega=omega),
    st.floats(-2, 3), st.floats(-4, 1), st.floats(0.05, 4), st.floats(0, 2),
)


def scores(counts, calibration):
    """{(context, card): score}."""
    rows = rank_counts(counts, calibration=calibration).to_pylist()
    return {(row["context_id"], row["card_id"]): row["score"] for row in rows}


def of_context(table, context):
    """Rows of one context."""
    return [row for row in table.to_pylist() if row["context_id"] == context]


@given(count_rows(), CALIBRATIONS)
@settings(max_examples=60)
def test_a_context_depends_on_its_own_counts_only(rows, calibration):
    """Ranked alone or with all others, a context gets the same rows and edges, bit for bit."""
    counts = make_counts(rows)
    ranks, edges = rank_counts(counts, calibration=calibration), wiser_edges(counts, calibration)
    for context in {row[0] for row in rows}:
        own = make_counts([row for row in rows if row[0] == context])
        assert of_context(ranks, context) == rank_counts(own, calibration=calibration).to_pylist()
        assert of_context(edges, context) == wiser_edges(own, calibration).to_pylist()


@pytest.mark.parametrize("cards", [2, 3, 9, 26])
def test_splits_of_many_contexts_give_the_whole(cards):
    """Ranked in pieces of any size, many contexts give the same table as at once, bit for bit."""
    counts, _ = simulate(cards, contexts=90, cards=cards, pairs=3 * cards // 2, answers=4)
    calibration = calibrate(counts)
    people = many_people(counts)
    whole = rank_counts(counts, calibration=calibration, people=people).to_pylist()
    for size in (1, 7, 40):
        parts = []
        for at in range(0, 90, size):
            ids = {f"context {c:04d}" for c in range(at, at + size)}
            part = make_counts([tuple(r.values()) for r in counts.to_pylist() if r["context_id"] in ids])
            parts += rank_counts(part, calibration=calibration, people=people).to_pylist()
        assert whole == parts


@given(count_rows(), st.randoms(use_true_random=False))
@settings(max_examples=15)
def test_row_order_does_not_matter(rows, random):
    """Permuted rows give the same calibration, ranks and edges, bit for bit."""
    shuffled = list(rows)
    random.shuffle(shuffled)
    one, other = make_counts(rows), make_counts(shuffled)
    assert calibrate(one) == calibrate(other)
    assert rank_counts(one) == rank_counts(other)
    for rule in EDGE_RULES:
        assert rule_edges(one, rule) == rule_edges(other, rule)


@given(count_rows(max_contexts=1), CALIBRATIONS)
@settings(max_examples=60)
def test_names_do_not_matter(rows, calibration):
    """Cards by other names (in another order) get the same scores, sds and P(top)."""
    other_name = {f"v{i}": f"w{(5 * i + 2) % 6}" for i in range(6)}
    renamed = [(c, other_name[a], other_name[b], *n) for c, a, b, *n in rows]
    one = {other_name[r["card_id"]]: r for r in rank_counts(make_counts(rows), calibration=calibration).to_pylist()}
    other = {r["card_id"]: r for r in rank_counts(make_counts(renamed), calibration=calibration).to_pylist()}
    assert set(one) == set(other)
    for card, row in one.items():
        assert pytest.approx([row["score"], row["sd"]], abs=1e-8) == [other[card]["score"], other[card]["sd"]]
    # Cards that tie to the last bit may swap their draws; the rest keep theirs.
    apart = np.diff(sorted(row["score"] for row in one.values()))
    if len(apart) and apart.min() > 1e-6:
        for card, row in one.items():
            assert pytest.approx(row["p_top"], abs=2e-3) == other[card]["p_top"]


@given(count_rows())
@settings(max_examples=40)
def test_turning_every_answer_round_turns_the_order_round(rows):
    """Without bias, "a wiser than b" and "b not wiser than a" are the same answer: swapping both changes nothing."""
    calibration = Calibration(0.0, -0.7, 0.8, ((0.0, 0.0), (0.0, 0.02)))
    merged: dict[tuple[str, str, str], list[int]] = {}
    for c, a, b, w, n, u in rows:
        into = merged.setdefault((c, b, a), [0, 0, 0])
        into[0], into[1], into[2] = into[0] + n, into[1] + w, into[2] + u
    turned = make_counts([(*key, *numbers) for key, numbers in merged.items()])
    one = scores(make_counts(rows), calibration)
    other = scores(turned, calibration)
    assert pytest.approx(one, abs=1e-8) == other


@given(count_rows(), CALIBRATIONS)
@settings(max_examples=60)
def test_tables_are_sound(rows, calibration):
    """P(top) sums to 1 per context, ranks lie in their intervals, every context has a tied top and one verdict."""
    counts = make_counts(rows)
    ranks = rank_counts(counts, calibration=calibration, people=many_people(counts))
    found = {v["context_id"]: v for v in verdicts(ranks, counts, many_people(counts)).to_pylist()}
    answered = {row[0] for row in rows if sum(row[3:]) > 0}
    assert answered == set(found) == set(ranks.column("context_id").to_pylist())
    for context in answered:
        own = of_context(ranks, context)
        assert pytest.approx(1.0, abs=1e-9) == sum(row["p_top"] for row in own)
        assert all(row["rank_lower"] <= row["rank"] <= row["rank_upper"] <= len(own) for row in own)
        top = sum(row["tied_top"] for row in own)
        assert top >= 1
        assert found[context]["reason"]
        assert top == 1 or not found[context]["single_winner"]


@given(count_rows())
@settings(max_examples=60)
def test_one_more_wiser_never_hurts(rows):
    """One more "wiser" for a card, all else equal, raises its score (and lowers that of the card asked from)."""
    calibration = Calibration(1.0, -0.7, 0.8, ((0.01, 0.0), (0.0, 0.01)))
    c, a, b, w, n, u = rows[0]
    more = [(c, a, b, w + 1, n, u), *rows[1:]]
    one = scores(make_counts(rows), calibration)
    other = scores(make_counts(more), calibration)
    assert other[c, b] >= one.get((c, b), 0.0) - 1e-9
    assert other[c, a] <= one.get((c, a), 0.0) + 1e-9


@given(count_rows(), st.sampled_from(sorted(EDGE_RULES)))
@settings(max_examples=60)
def test_pagerank_is_a_distribution(rows, rule):
    """PageRank of a context sums to 1 over the end points of its edges, under every rule."""
    counts = make_counts(rows)
    ranks = rank_counts(counts, "pagerank", edge_rule=rule)
    for context in set(ranks.column("context_id").to_pylist()):
        own = of_context(ranks, context)
        ends = {e[side] for e in rule_edges(counts, rule, context=context).to_pylist() for side in ("from_id", "to_id")}
        assert ends == {row["card_id"] for row in own}
        assert pytest.approx(1.0, abs=1e-12) == sum(row["score"] for row in own)
        assert all(row["score"] > 0 for row in own)
