"""What to ask next: the contested pair, in the direction that tells more, nobody starved, the same every time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from graphengine import ranking
from graphengine.errors import RankingError
from graphengine.ranking import asking
from graphengine.ranking.information import information
from graphengine.tables import COUNTS, QUESTIONS
from tests.ranking_worlds import make_counts, simulate


def calibration(beta: float = 1.0, sd_beta: float = 0.1) -> ranking.Calibration:
    """A calibration that is given, not fitted."""
    return ranking.Calibration(beta, float(np.log(0.5)), 1.0, ((sd_beta**2, 0.0), (0.0, 0.01)))


def contested() -> pa.Table:
    """Two cards ahead of four others, and undecided between themselves."""
    rows = [("c", low, high, 14, 1, 1) for low in ("w", "x", "y", "z") for high in ("a", "b")]
    rows += [("c", high, low, 3, 12, 1) for low in ("w", "x", "y", "z") for high in ("a", "b")]
    return make_counts([*rows, ("c", "a", "b", 3, 3, 2), ("c", "b", "a", 3, 3, 2)])


def pairs(questions: pa.Table) -> list[tuple[str, str]]:
    """(from, to) of each question."""
    return [(row["from_id"], row["to_id"]) for row in questions.to_pylist()]


def test_the_contested_pair_is_asked() -> None:
    """Of two leaders and four that are far behind, the leaders are held against each other, in both directions."""
    asked = pairs(ranking.ask_next(contested(), calibration(), n=6))
    assert {frozenset("ab")} == {frozenset(pair) for pair in asked[:2]}
    assert {("a", "b"), ("b", "a")} <= set(asked)


def test_gain_is_mutual_information() -> None:
    """The gain of a question equals a sum over all answers and winners by hand."""
    rng = np.random.default_rng(5)
    draws = rng.normal(size=(4, 400)).astype(np.float32)
    top = draws[:3].argmax(axis=0)
    p_top = np.bincount(top, minlength=3) / 400
    low, high = np.array([0, 0, 1]), np.array([1, 2, 2])
    found = information(draws, top, p_top, low, high, 0.5)
    for pair, (one, other) in enumerate(zip(low, high, strict=True)):
        for way, (source, target) in enumerate(((one, other), (other, one))):
            d = draws[target].astype(float) - draws[source] + draws[3]
            yes, no = 1 / (1 + np.exp(0.5 - d)), 1 / (1 + np.exp(0.5 + d))
            p = np.stack([yes, no, 1 - yes - no])
            joint = np.stack([(p * (top == k)).mean(axis=1) for k in range(3)])
            by_hand = (joint * np.log2(joint / np.outer(p_top, p.mean(axis=1)))).sum()
            assert found[pair, way] == pytest.approx(by_hand, abs=1e-5)


def test_a_foreseeable_yes_is_not_asked_for() -> None:
    """Under a strong yes-bias the leader is asked from: that a leader is wiser is what people would say anyway."""
    rows = [("c", "a", "b", 6, 2, 2), ("c", "b", "a", 4, 4, 2)]
    first = ranking.ask_next(make_counts(rows), calibration(beta=2.0, sd_beta=0.01), n=1).to_pylist()[0]
    assert ("b", "a") == (first["from_id"], first["to_id"])
    assert first["p_top_from"] > 0.5


def test_a_direction_that_was_never_asked_comes_first() -> None:
    """A pair asked one way only, with little known of the yes-bias, is asked the other way."""
    one_way = make_counts([("c", "a", "b", 20, 5, 5)])
    assert [("b", "a")] == pairs(ranking.ask_next(one_way, calibration(beta=1.0, sd_beta=1.0), n=1))


def test_a_batch_spreads_over_pairs() -> None:
    """Twenty questions on eight cards of which little is known are about many pairs, and reach every card."""
    counts, _ = simulate(3, contexts=1, cards=8, pairs=8, answers=1)
    asked = pairs(ranking.ask_next(counts, calibration(), n=20))
    assert 20 == len(set(asked))
    assert len({frozenset(pair) for pair in asked}) >= 10
    assert {f"card {v}" for v in range(8)} == {card for pair in asked for card in pair}


def test_a_batch_ends_when_all_is_asked() -> None:
    """Of two cards there are two questions, however many are wanted."""
    assert {("a", "b"), ("b", "a")} == set(pairs(ranking.ask_next(make_counts([("c", "a", "b", 1, 1, 0)]),
                                                                  calibration(), n=9)))


def test_nobody_starves() -> None:
    """A card far behind with one answer gets its five in time, whoever is contested."""
    counts = pa.concat_tables([contested(), make_counts([("c", "a", "late", 0, 1, 0)])])
    asked = pairs(ranking.ask_next(counts, calibration(), n=40))
    assert 1 + sum("late" in pair for pair in asked) >= asking.MIN_ANSWERS


def test_one_question_at_a_time_starves_nobody_either() -> None:
    """Asked one by one, with every answer against it, a weak card still gets its five answers within 40."""
    rows = {(row["from_id"], row["to_id"]): [row["wiser"], row["not_wiser"], row["unsure"]]
            for row in contested().to_pylist()}
    rows["a", "late"] = [0, 1, 0]
    for _ in range(40):
        counts = make_counts([("c", low, high, *answers) for (low, high), answers in sorted(rows.items())])
        [(low, high)] = pairs(ranking.ask_next(counts, calibration(), n=1))
        rows.setdefault((low, high), [0, 0, 0])[0 if low == "late" else 1 if high == "late" else 2] += 1
    assert sum(sum(answers) for pair, answers in rows.items() if "late" in pair) >= asking.MIN_ANSWERS


def test_cards_that_nobody_was_asked_about_are_candidates() -> None:
    """An upgrade without votes brings its cards in, and they are asked about first when all others are settled."""
    settled = make_counts([("c", "a", "b", 60, 0, 0), ("c", "b", "a", 0, 60, 0), ("c", "new", "newer", 0, 0, 0)])
    asked = ranking.ask_next(settled, calibration(), n=3).to_pylist()
    assert all({row["from_id"], row["to_id"]} & {"new", "newer"} for row in asked)
    assert 0 == asked[0]["fewest"]


def test_a_context_without_any_vote_is_asked_about() -> None:
    """Of a settled context and one that has only upgrades, the second comes first."""
    counts = make_counts([("done", "a", "b", 90, 0, 0), ("done", "b", "a", 0, 90, 0), ("open", "a", "b", 0, 0, 0)])
    assert "open" == ranking.ask_next(counts, calibration(), n=1).column("context_id")[0].as_py()


def test_order_of_rows_does_not_matter() -> None:
    """Any order of the counts gives the same questions, and so does a second call."""
    counts, _ = simulate(1, contexts=4)
    shuffled = counts.take(pa.array(np.random.default_rng(0).permutation(counts.num_rows)))
    first = ranking.ask_next(counts, calibration(), n=12)
    assert first.equals(ranking.ask_next(shuffled, calibration(), n=12))
    assert first.equals(ranking.ask_next(counts, calibration(), n=12))


def test_names_do_not_matter() -> None:
    """Other names of cards give the same questions under those names."""
    counts, _ = simulate(2, contexts=3)
    names = {f"card {v}": f"{(5 * v + 3) % 8} card" for v in range(8)}

    def renamed(pair: tuple[str, str]) -> tuple[str, str]:
        return names[pair[0]], names[pair[1]]

    other = COUNTS.table([{**row, "from_id": names[row["from_id"]], "to_id": names[row["to_id"]]}
                          for row in counts.to_pylist()])
    assert [renamed(pair) for pair in pairs(ranking.ask_next(counts, calibration(), n=10))] == pairs(
        ranking.ask_next(other, calibration(), n=10))


def test_shape_and_order() -> None:
    """The table is QUESTIONS, no gain is negative, and the most useful question is the first."""
    counts, _ = simulate(4, contexts=6)
    asked = ranking.ask_next(counts, ranking.calibrate(counts), n=15)
    assert (QUESTIONS.schema, 15) == (asked.schema, asked.num_rows)
    gains = asked.column("gain").to_numpy()
    assert gains.min() >= 0
    assert gains[0] == gains.max()


def test_nothing_to_ask() -> None:
    """No counts give no questions; nor does a context of one card that is only compared with itself."""
    assert 0 == ranking.ask_next(COUNTS.empty(), calibration()).num_rows
    assert 0 == ranking.ask_next(make_counts([("c", "a", "a", 3, 0, 0)]), calibration()).num_rows


@pytest.mark.parametrize("row", [(100, 0, 0), (0, 0, 9), (10**6, 0, 0), (1, 0, 0)])
def test_one_pair_of_any_kind(row: tuple[int, int, int]) -> None:
    """One pair, whatever was answered: finite gains and no failure."""
    counts = make_counts([("c", "a", "b", *row)])
    asked = ranking.ask_next(counts, ranking.calibrate(counts), n=5)
    assert np.isfinite(asked.column("gain").to_numpy()).all()
    assert asked.num_rows <= 5


def test_a_context_of_many_cards() -> None:
    """Of a thousand cards the most promising and those with fewest answers are looked at."""
    rng = np.random.default_rng(0)
    rows = {(f"v{a:04d}", f"v{b:04d}") for a, b in rng.integers(0, 1000, (3000, 2)) if a != b}
    counts = make_counts([("c", a, b, 1, 1, 0) for a, b in sorted(rows)] + [("c", "v0000", "new", 0, 0, 0)])
    assert 10 == ranking.ask_next(counts, calibration(), n=10).num_rows


def test_too_few_questions() -> None:
    """Less than one question is refused in words."""
    with pytest.raises(RankingError, match="at least 1"):
        ranking.ask_next(contested(), calibration(), n=0)
