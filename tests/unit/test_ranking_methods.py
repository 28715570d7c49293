"""The methods besides bradley-terry and pagerank: by hand, on the paper's edges, against oracles, on odd contexts."""

from __future__ import annotations

import itertools

import choix
import networkx as nx
import numpy as np
import pytest
from scipy.optimize import minimize

from graphengine import tables
from graphengine.errors import RankingError
from graphengine.ranking import METHODS, calibrate, hodge, rank_counts, verdicts
from graphengine.ranking import schulze as schulze_module
from tests.ranking_worlds import make_counts, many_people, simulate

OF_WINS = ("win-rate", "copeland", "hodgerank", "schulze")
GROUPS = "bradley-terry-groups"

# The two edges that the paper shows with their answers: "Inspiring Discipline" to "Igniting Curiosity" (6 wiser, 1 not
# wiser) and "Diverse Viewpoints" to "Articulate Understanding" (11 wiser, 3 not wiser, 2 unsure).
PAPER = make_counts([
    ("When seeking clarity", "Diverse Viewpoints", "Articulate Understanding", 11, 3, 2),
    ("When seeking motivation", "Inspiring Discipline", "Igniting Curiosity", 6, 1, 0),
])
ODD = {
    "only unsure": [("c", "a", "b", 0, 0, 5)],
    "one direction": [("c", "a", "b", 3, 2, 1), ("c", "b", "d", 4, 0, 0)],
    "two components": [("c", "a", "b", 3, 2, 1), ("c", "d", "e", 4, 0, 0)],
    "a sweep": [("c", "a", "b", 50, 0, 0), ("c", "a", "d", 60, 0, 0), ("c", "d", "b", 70, 0, 0)],
    "a million votes": [("c", "a", "b", 900_000, 90_000, 10_000), ("c", "b", "d", 1, 0, 0)],
    "a question without answers": [("c", "a", "b", 0, 0, 0), ("c", "a", "d", 2, 0, 0)],
    "one against one": [("c", "a", "b", 1, 1, 0)],
}


def in_two_groups(counts):
    """GROUP_COUNTS: the first of two groups gave half of the answers, the second the rest but one."""
    rows = []
    for row in counts.to_pylist():
        for group, share in (("g=x", 2), ("g=y", 3)):
            rows.append({**row, "group_id": group, **{k: row[k] // share for k in ("wiser", "not_wiser", "unsure")}})
    return tables.GROUP_COUNTS.table(rows)


def ranked(counts, method, **parameters):
    """RANKS by a method, groups made up where they are needed."""
    if method == GROUPS:
        parameters.setdefault("groups", in_two_groups(counts))
    return rank_counts(counts, method, **parameters)


def scores(counts, method, **parameters):
    """{(context, card): score}."""
    return {(r["context_id"], r["card_id"]): r["score"] for r in ranked(counts, method, **parameters).to_pylist()}


def of_c(counts, method, **parameters):
    """{card: score} of a table with one context."""
    return {card: score for (_, card), score in scores(counts, method, **parameters).items()}


def wins(counts, not_wiser="against"):
    """{(winner, loser): wins} of one context, written from the definition."""
    found = {}
    for r in counts.to_pylist():
        a, b = r["from_id"], r["to_id"]
        for_b, for_a, half = r["wiser"], r["not_wiser"], r["unsure"] / 2
        if not_wiser == "tie":
            for_a, half = 0, half + r["not_wiser"] / 2
        found[b, a] = found.get((b, a), 0) + for_b + half
        found[a, b] = found.get((a, b), 0) + for_a + half
    return found


# By hand ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "clarity", "motivation"),
    [
        # 16 answers: 11 + 2/2 = 12 wins against 4; 7 answers: 6 wins against 1.
        ("win-rate", ((12 + 1) / 18, (4 + 1) / 18), ((6 + 1) / 9, (1 + 1) / 9)),
        ("copeland", (1, -1), (1, -1)),
        ("hodgerank", (16 * np.log(12.5 / 4.5) / 33, -16 * np.log(12.5 / 4.5) / 33),
         (7 * np.log(6.5 / 1.5) / 15, -7 * np.log(6.5 / 1.5) / 15)),
        ("schulze", (0, -1), (0, -1)),
    ],
)
def test_the_papers_two_edges(method, clarity, motivation):
    """On the paper's 11/3/2 and 6/1/0 answers every method puts the card asked about first, with scores by hand."""
    found = scores(PAPER, method)
    assert pytest.approx(clarity) == [
        found["When seeking clarity", card] for card in ("Articulate Understanding", "Diverse Viewpoints")]
    assert pytest.approx(motivation) == [
        found["When seeking motivation", card] for card in ("Igniting Curiosity", "Inspiring Discipline")]


def test_the_papers_two_edges_by_all_methods():
    """Every method of METHODS ranks the two cards that the paper says are wiser first."""
    for method in METHODS:
        parameters = {"edge_rule": "paper-majority"} if method == "pagerank" else {}
        rows = ranked(PAPER, method, **parameters).to_pylist()
        assert ["Articulate Understanding", "Igniting Curiosity"] == [r["card_id"] for r in rows if r["rank"] == 1]


def test_not_wiser_as_a_tie_by_hand():
    """Under "tie" a "not wiser" is half a win for either, and for nobody where majorities count."""
    counts = make_counts([("c", "a", "b", 2, 3, 1)])
    assert pytest.approx({"a": (3.5 + 1) / 8, "b": (2.5 + 1) / 8}) == of_c(counts, "win-rate")
    assert pytest.approx({"a": (2 + 1) / 8, "b": (4 + 1) / 8}) == of_c(counts, "win-rate", not_wiser="tie")
    for method in ("copeland", "hodgerank", "schulze"):
        against, tie = of_c(counts, method), of_c(counts, method, not_wiser="tie")
        assert (True, True) == (against["a"] > against["b"], tie["b"] > tie["a"])


def test_pagerank_reads_not_wiser_as_a_tie():
    """Under "tie" a rule sees "not wiser" as "unsure": a majority of the decided answers is found where there was none.

    A likelihood does not change.
    """
    counts = make_counts([("c", "a", "b", 3, 4, 0), ("c", "a", "d", 9, 1, 0)])
    rule = "majority-of-decided-per-pair"
    assert {"a", "d"} == set(of_c(counts, "pagerank", edge_rule=rule))
    assert {"a", "b", "d"} == set(of_c(counts, "pagerank", edge_rule=rule, not_wiser="tie"))
    assert of_c(counts, "pagerank", edge_rule="likelihood-only") == of_c(
        counts, "pagerank", edge_rule="likelihood-only", not_wiser="tie")


def test_schulze_by_its_published_example():
    """The 45 voters and 5 candidates of Schulze's paper: strongest paths rank E, A, C, B, D."""
    ballots = {"ACBED": 5, "ADECB": 5, "BEDAC": 8, "CABED": 3, "CAEBD": 7, "CBADE": 2, "DCEBA": 7, "EBADC": 8}
    rows = []
    for low, high in itertools.combinations("ABCDE", 2):
        over = sum(n for order, n in ballots.items() if order.index(high) < order.index(low))
        rows.append(("c", low, high, over, 45 - over, 0))
    found = rank_counts(make_counts(rows), "schulze").to_pylist()
    assert ["E", "A", "C", "B", "D"] == [row["card_id"] for row in found]
    assert [0, -1, -2, -3, -4] == [row["score"] for row in found]


def test_copeland_by_condorcets_winner():
    """A card that beats all others has the highest Copeland score and is the only Schulze winner."""
    rows = [("c", "w", x, 1, 3, 1) for x in "abd"] + [("c", "a", "b", 3, 1, 0), ("c", "b", "d", 3, 1, 0),
                                                      ("c", "d", "a", 3, 1, 0)]
    counts = make_counts(rows)
    assert {"w": 3, "a": -1, "b": -1, "d": -1} == of_c(counts, "copeland")
    assert ["w"] == [card for card, score in of_c(counts, "schulze").items() if score == 0]


def test_hodge_of_a_circle_and_of_a_tree():
    """A pure circle has only cyclic energy; two cards, and a tree, have none; a triangle with an order has some."""
    circle = [("1", "a", "b", 5, 1, 0), ("1", "b", "d", 5, 1, 0), ("1", "d", "a", 5, 1, 0)]
    pair, tree = [("2", "a", "b", 9, 1, 0)], [("3", "a", "b", 9, 1, 0), ("3", "b", "d", 1, 8, 2)]
    order = [("4", "a", "b", 9, 1, 0), ("4", "b", "d", 8, 1, 0), ("4", "a", "d", 10, 0, 0)]
    even = [("5", "a", "b", 3, 3, 0)]
    found = hodge(make_counts(circle + pair + tree + order + even))
    assert ["1", "2", "3", "4", "5"] == found.scores.contexts.to_pylist()
    assert pytest.approx(3 * 6 * np.log(5.5 / 1.5) ** 2) == found.energy[0]
    assert pytest.approx([found.energy[0], 0, 0], abs=1e-12) == found.residual[:3].tolist()
    assert 0 < found.residual[3] < 0.05 * found.energy[3]
    assert (0, 0) == (found.energy[4], found.residual[4])


# Against oracles --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world():
    """Twelve small contexts, some of several components, with both directions asked here and there."""
    counts, _ = simulate(5, contexts=12, cards=7, pairs=9, answers=5)
    return counts


def contexts_of(counts):
    """{context: COUNTS of it alone}."""
    names = counts.column("context_id").unique().to_pylist()
    return {c: make_counts([tuple(r.values()) for r in counts.to_pylist() if r["context_id"] == c]) for c in names}


@pytest.mark.parametrize("not_wiser", ["against", "tie"])
def test_win_rate_and_copeland_against_loops(world, not_wiser):
    """Win rate and Copeland are what a plain loop over the wins gives."""
    rate, net = (scores(world, m, not_wiser=not_wiser) for m in ("win-rate", "copeland"))
    for context, own in contexts_of(world).items():
        found = wins(own, not_wiser)
        for card in {winner for winner, _ in found}:
            won = sum(n for (winner, _), n in found.items() if winner == card)
            lost = sum(n for (_, loser), n in found.items() if loser == card)
            beats = sum(np.sign(n - found[b, a]) for (a, b), n in found.items() if a == card)
            assert pytest.approx((won + 1) / (won + lost + 2), abs=1e-12) == rate[context, card]
            assert beats == net[context, card]


@pytest.mark.parametrize("not_wiser", ["against", "tie"])
def test_hodgerank_against_an_optimiser(world, not_wiser):
    """HodgeRank's scores minimise the weighted squares with ridge; its residual is the least without."""
    found = scores(world, "hodgerank", not_wiser=not_wiser)
    whole = hodge(world, not_wiser)
    for number, (context, own) in enumerate(contexts_of(world).items()):
        won = wins(own, not_wiser)
        cards = sorted({winner for winner, _ in won})
        place = {card: at for at, card in enumerate(cards)}
        pairs = [(place[a], place[b], np.log((won[b, a] + 0.5) / (n + 0.5)), n + won[b, a])
                 for (a, b), n in won.items() if a < b]
        i, j, y, w = (np.array(column) for column in zip(*pairs, strict=True))

        def loss(s, ridge, i=i, j=j, y=y, w=w):
            left = y - (s[j] - s[i])
            slope = np.zeros(len(s))
            np.add.at(slope, j, -2 * w * left)
            np.add.at(slope, i, 2 * w * left)
            return (w * left**2).sum() + ridge * (s**2).sum(), slope + 2 * ridge * s

        best = minimize(loss, np.zeros(len(cards)), args=(1.0,), jac=True, options={"gtol": 1e-9})
        free = minimize(loss, np.zeros(len(cards)), args=(0.0,), jac=True, options={"gtol": 1e-9})
        assert pytest.approx(best.x, abs=1e-6) == [found[context, card] for card in cards]
        assert pytest.approx((w * y**2).sum()) == whole.energy[number]
        assert pytest.approx(free.fun, abs=1e-7) == whole.residual[number]


@pytest.mark.parametrize("not_wiser", ["against", "tie"])
def test_schulze_against_the_widest_paths_of_networkx(world, not_wiser):
    """A card's score counts the cards that reach it by a stronger path, every bottleneck tried on networkx graphs."""
    found = scores(world, "schulze", not_wiser=not_wiser)
    for context, own in contexts_of(world).items():
        won = wins(own, not_wiser)
        margin = {pair: n - won[pair[::-1]] for pair, n in won.items() if n > won[pair[::-1]]}
        cards = {winner for winner, _ in won}

        def strength(a, b, margin=margin, cards=cards):
            for level in sorted(set(margin.values()), reverse=True):
                graph = nx.DiGraph([pair for pair, n in margin.items() if n >= level])
                graph.add_nodes_from(cards)
                if nx.has_path(graph, a, b):
                    return level
            return 0

        for card in cards:
            above = sum(strength(other, card) > strength(card, other) for other in cards - {card})
            assert -above == found[context, card]


def test_orders_agree_with_choix_on_a_full_tournament():
    """With every pair asked many times, all methods of wins order the cards as choix's maximum likelihood does."""
    strength = np.array([-1.5, -0.7, 0.1, 0.8, 1.7])
    rows, data = [], []
    for i, j in itertools.combinations(range(5), 2):
        up = round(4000 / (1 + np.exp(strength[i] - strength[j])))
        rows.append(("c", f"card {i}", f"card {j}", up, 4000 - up, 0))
        data += [(j, i)] * (up // 100) + [(i, j)] * ((4000 - up) // 100)
    expected = [f"card {i}" for i in np.argsort(-choix.ilsr_pairwise(5, data, alpha=0.01))]
    for method in OF_WINS:
        assert expected == rank_counts(make_counts(rows), method).column("card_id").to_pylist()


# What holds of all ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", OF_WINS)
def test_no_uncertainty_is_claimed(method, world):
    """sd, intervals and P(top) are null, the tied top is rank 1, and the reason names the method's score."""
    ranks = rank_counts(world, method, people=many_people(world))
    assert all(ranks.num_rows == ranks.column(c).null_count
               for c in ("sd", "lower", "upper", "p_top", "rank_lower", "rank_upper"))
    assert all((row["rank"] == 1) == row["tied_top"] for row in ranks.to_pylist())
    reasons = verdicts(ranks, world, many_people(world), method=method).column("reason").to_pylist()
    assert 12 == len(reasons)
    assert all(f"{method} score" in reason for reason in reasons)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", ODD)
def test_odd_contexts_give_finite_numbers(method, name):
    """One-sided, empty, huge and disconnected contexts: candidates are the cards with answers, no NaN, a reason."""
    counts = make_counts(ODD[name])
    ranks = ranked(counts, method, people=many_people(counts))
    answered = {r[side] for r in counts.to_pylist() for side in ("from_id", "to_id")
                if r["wiser"] + r["not_wiser"] + r["unsure"]}
    cards = set(ranks.column("card_id").to_pylist())
    assert cards <= answered if method == "pagerank" else cards == answered
    for column in ("score", "sd", "lower", "upper", "p_top"):
        assert all(v is None or np.isfinite(v) for v in ranks.column(column).to_pylist())
    assert all(verdicts(ranks, counts, method=method).column("reason").to_pylist())


@pytest.mark.parametrize("method", METHODS)
def test_no_answers_at_all(method):
    """An empty table, and one with a single card asked about itself, give an empty ranking."""
    assert 0 == ranked(tables.COUNTS.empty(), method).num_rows
    assert 0 == ranked(make_counts([("c", "a", "a", 5, 0, 0)]), method).num_rows


@pytest.mark.parametrize("method", [*OF_WINS, GROUPS])
def test_batch_equals_one_context_at_a_time(method):
    """A context has the same rows ranked alone and among contexts of many sizes, bit for bit, in any row order."""
    parts = [simulate(n, contexts=4, cards=n, pairs=2 * n, answers=3)[0].to_pylist() for n in (2, 3, 5, 9)]
    rows = [tuple({**row, "context_id": f"{n} {row['context_id']}"}.values())
            for n, part in enumerate(parts) for row in part]
    whole = make_counts(rows)
    calibration = {"calibration": calibrate(whole)} if method == GROUPS else {}
    together = ranked(whole, method, **calibration).to_pylist()
    shuffled = [rows[at] for at in np.random.default_rng(3).permutation(len(rows))]
    assert together == ranked(make_counts(shuffled), method, **calibration).to_pylist()
    alone = []
    for own in contexts_of(whole).values():
        alone += ranked(own, method, **calibration).to_pylist()
    assert together == alone


@pytest.mark.parametrize("method", OF_WINS)
def test_relabelling_moves_the_scores_along(method, world):
    """Other names for the cards give the same scores under the new names."""
    names = {f"card {n}": f"{(n * 5) % 7} new" for n in range(7)}
    rows = [(r["context_id"], names[r["from_id"]], names[r["to_id"]], r["wiser"], r["not_wiser"], r["unsure"])
            for r in world.to_pylist()]
    found = scores(make_counts(rows), method)
    assert pytest.approx({(c, names[v]): s for (c, v), s in scores(world, method).items()}, abs=1e-10) == found


@pytest.mark.parametrize("method", ["copeland", "schulze"])
def test_more_of_the_same_changes_nothing_where_majorities_count(method, world):
    """Every answer given five times over: Copeland and Schulze do not change."""
    rows = [(*list(r.values())[:3], 5 * r["wiser"], 5 * r["not_wiser"], 5 * r["unsure"]) for r in world.to_pylist()]
    assert scores(world, method) == scores(make_counts(rows), method)


def test_win_rate_goes_to_the_share_with_more_of_the_same():
    """Given a thousand times over, answers of 3 to 1 have a win rate of .75 within .001; once, it is drawn to half."""
    once, often = (of_c(make_counts([("c", "a", "b", 3 * n, n, 0)]), "win-rate")["b"] for n in (1, 1000))
    assert pytest.approx(4 / 6) == once
    assert pytest.approx(0.75, abs=1e-3) == often


@pytest.mark.parametrize("method", OF_WINS)
def test_the_opposite_answers_to_the_opposite_questions_say_the_same(method, world):
    """Asking "is a wiser than b" and hearing "not wiser" is asking the reverse and hearing "wiser"."""
    rows = [(r["context_id"], r["to_id"], r["from_id"], r["not_wiser"], r["wiser"], r["unsure"])
            for r in world.to_pylist()]
    assert pytest.approx(scores(world, method), abs=1e-10) == scores(make_counts(rows), method)


@pytest.mark.parametrize("method", OF_WINS)
def test_a_copy_of_a_context_is_ranked_like_it(method, world):
    """The same counts under another context id have the same rows."""
    copy = make_counts([("z " + r["context_id"], *list(r.values())[1:]) for r in world.to_pylist()])
    assert {("z " + c, v): s for (c, v), s in scores(world, method).items()} == scores(copy, method)


def test_hodgerank_of_a_large_context():
    """A context of 700 cards goes by sparse solves: the same equations hold, and the energy splits."""
    rng = np.random.default_rng(0)
    pairs = {(i, i + 1) for i in range(699)} | {
        (int(a), int(b)) for a, b in rng.integers(0, 700, (800, 2)) if a < b}
    rows = [("c", f"{a:03d}", f"{b:03d}", *(int(n) for n in rng.integers(1, 6, 2)), 0) for a, b in sorted(pairs)]
    found = hodge(make_counts(rows))
    s = found.scores.score
    slope = s.copy()  # (L + I) s - div
    for _, a, b, up, down, _ in rows:
        pull = (up + down) * (s[int(b)] - s[int(a)] - np.log((up + 0.5) / (down + 0.5)))
        slope[int(b)] += pull
        slope[int(a)] -= pull
    assert np.abs(slope).max() < 1e-7
    assert 0 < found.residual[0] < found.energy[0]


def test_schulze_refuses_what_would_take_minutes(monkeypatch):
    """A context of too many cards is refused with another method to try."""
    monkeypatch.setattr(schulze_module, "MOST_CARDS", 2)
    with pytest.raises(RankingError, match="a context has 3 cards") as caught:
        rank_counts(make_counts([("c", "a", "b", 1, 0, 0), ("c", "b", "d", 1, 0, 0)]), "schulze")
    assert "copeland" in caught.value.hint


@pytest.mark.parametrize(
    ("method", "parameters", "words", "hint"),
    [
        ("copland", {}, "unknown method: 'copland'", "did you mean copeland?"),
        ("win_rate", {}, "unknown method", "did you mean win-rate?"),
        ("pagerank", {"edge_rle": "mai-2023"}, "takes no parameter edge_rle", "did you mean edge_rule?"),
        ("pagerank", {"edge_rule": "paper-majorty"}, "unknown edge rule", "did you mean paper-majority?"),
        ("schulze", {"edge_rule": "mai-2023"}, "schulze takes no parameter edge_rule", "it takes: not_wiser"),
        ("hodgerank", {"not_wiser": "maybe"}, "unknown reading of not_wiser", "one of: against, tie"),
        ("pagerank", {"not_wiser": "maybe"}, "unknown reading of not_wiser", "one of: against, tie"),
        (GROUPS, {}, "needs the answers of each group", "--variable"),
    ],
)
def test_unknown_names_say_what_was_meant(method, parameters, words, hint):
    """An unknown method, rule, parameter or value is refused, with the closest known name."""
    with pytest.raises(RankingError, match=words) as caught:
        rank_counts(PAPER, method, **parameters)
    assert hint in caught.value.hint
