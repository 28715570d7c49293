"""Distances: the neutral answer, ties, coverage, null baselines, tables of scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from scipy import stats

from graphengine.errors import InputError
from graphengine.schwartz.distance import DISTANCES, distance_to
from graphengine.schwartz.measuring import facts, measure
from graphengine.schwartz.reward import ValueReward, prompt_text
from graphengine.schwartz.scores import Scores, read_scores
from graphengine.schwartz.system import load_system
from graphengine.schwartz.target import Target
from graphengine.schwartz.target_files import load_target

if TYPE_CHECKING:
    from collections.abc import Sequence

TEN = load_system("schwartz-10")
UK = load_target("UK")


def some(rows: int, seed: int = 0) -> np.ndarray:
    """Scores as evaluators give them: many zeros, some full, some between."""
    rng = np.random.default_rng(seed)
    return np.clip(np.round(rng.normal(0, 0.8, (rows, 10)), 1), -1, 1)


@pytest.mark.parametrize("target", ["UK", "NL", "FR", "paper", "paper-eval", "security", "benevolence"])
def test_a_neutral_answer(target: str) -> None:
    """`paper_masked` gives a neutral answer the reward 0, its maximum; the default does not."""
    neutral, asked = np.zeros(10), load_target(target)
    published, ours = distance_to(asked, "paper_masked"), distance_to(asked)
    any_answers = some(2000)
    assert 0 == published.reward(neutral)
    assert published.reward(any_answers).max() <= 0
    assert ours.reward(neutral) < 0
    assert ours.reward(np.round(asked.array)) > ours.reward(neutral)
    assert ours.reward(asked.array) == 0


def test_the_default_counts_what_is_asked() -> None:
    """The default is an unmasked L1 with the target's weights: of one value, only that value counts."""
    one = distance_to(load_target("security"))
    scores = some(50)
    assert np.allclose(np.abs(scores[:, 5] - 1), one.distance(scores))
    assert np.allclose(distance_to(UK, "l1").distance(scores), distance_to(UK).distance(scores))
    double = Target(name="x", vector=UK.vector, weights=(2.0,) * 10)
    assert np.allclose(2 * distance_to(UK).distance(scores), distance_to(double).distance(scores))


def test_spearman_is_that_of_scipy() -> None:
    """The rank correlation is scipy's, ties and all."""
    scores, to = some(40), distance_to(UK, "spearman")
    expected = [1 - stats.spearmanr(row, UK.array).statistic for row in scores]
    assert expected == pytest.approx(to.distance(scores).tolist(), abs=1e-12)


@pytest.mark.parametrize("name", ["cosine", "spearman"])
def test_where_nothing_has_a_direction(name: str) -> None:
    """An answer without direction or order has distance 1, as one that has nothing to do with the target."""
    assert 1 == distance_to(UK, name).distance(np.zeros(10))
    found = measure(Scores(np.zeros((3, 10)), TEN, ("a", "b", "c")), UK, distances=[name])
    assert (None, None) == (found.zero[name], found.base_rate[name])


@pytest.mark.parametrize("name", [each for each in DISTANCES if each not in ("cosine", "spearman")])
def test_parts_add_up(name: str) -> None:
    """What each value adds, summed, is the distance (its square, for `l2`)."""
    to, scores = distance_to(UK, name), some(30)
    whole = to.distance(scores)
    assert np.allclose(whole**2 if name == "l2" else whole, to.parts(scores).sum(axis=1))
    with pytest.raises(InputError, match="has no parts"):
        distance_to(UK, "cosine").parts(scores)


def test_coverage_charges_silence() -> None:
    """An answer below the coverage pays for what it lacks, on values that count; 0 charges nothing."""
    one_of_ten = np.zeros(10)
    one_of_ten[3] = 0.9
    to = distance_to(UK, coverage=0.5, coverage_weight=2)
    assert pytest.approx(1.0) == to.charge(np.zeros(10))
    assert pytest.approx(0.8) == to.charge(one_of_ten)
    assert 0 == to.charge(np.ones(10))
    assert 0 == distance_to(UK).charge(np.zeros(10))
    paper = distance_to(load_target("paper"), coverage=1.0)
    assert pytest.approx(0.8) == paper.charge(one_of_ten)  # achievement is one of five that count
    assert pytest.approx(-to.distance(one_of_ten) - 0.8) == to.reward(one_of_ten)


def test_coverage_makes_speaking_pay_where_silence_would() -> None:
    """To a national target silence is nearer than a full answer by L1; with a coverage term it is not."""
    full = np.sign(np.round(UK.array, 0)) + 0.0
    full[[0, 5, 8, 9]] = 1.0
    silent = np.zeros(10)
    off = np.where(np.arange(10) == 1, -1.0, full)  # an answer with one value wrong
    assert distance_to(UK).reward(silent) > distance_to(UK).reward(off)
    charged = distance_to(UK, coverage=0.4, coverage_weight=4)
    assert charged.reward(silent) < charged.reward(off)


@pytest.mark.parametrize(
    ("more", "told"),
    [({"name": "l3"}, "'l3' is no distance"), ({"coverage": 1.5}, "coverage is 1.5"),
     ({"coverage": float("nan")}, "coverage is nan"), ({"coverage_weight": -1}, "coverage_weight is -1")],
)
def test_bad_distances(more: dict, told: str) -> None:
    """An unknown distance and a coverage that is no share are refused."""
    with pytest.raises(InputError, match=told):
        distance_to(UK, **more)


# Measured ----------------------------------------------------------------------------------------------------------


def test_null_baselines_are_always_there() -> None:
    """Every distance comes with that of silence and of the base rates, and with the least that -1, 0, 1 can reach."""
    found = measure(Scores(some(200), TEN, tuple(map(str, range(200)))), UK)
    assert list(DISTANCES) == list(found.per_response) == list(found.zero) == list(found.base_rate)
    best = np.round(UK.array)
    assert found.floor["l1"] == pytest.approx(np.abs(best - UK.array).sum())
    assert found.floor["l2"] == pytest.approx(np.sqrt(((best - UK.array) ** 2).sum()))
    assert 0 == found.floor["paper_masked"]
    for name in ("l1", "l2", "weighted"):
        assert found.base_rate[name] == pytest.approx(found.profile[name].value)
        assert found.profile[name].value <= found.per_response[name].value


@pytest.mark.slow
def test_intervals_hold_what_they_say() -> None:
    """The 90% interval of the mean distance holds the true mean in about 90 of 100 samples."""
    every = some(100_000, seed=9)
    true = float(distance_to(UK, "l1").distance(every).mean())
    rng, held = np.random.default_rng(3), 0
    for _ in range(400):
        scores = Scores(every[rng.integers(len(every), size=60)], TEN, tuple(map(str, range(60))))
        figure = measure(scores, UK, distances=["l1"]).per_response["l1"]
        assert figure.lower is not None
        assert figure.upper is not None
        held += figure.lower <= true <= figure.upper
    assert 0.85 <= held / 400 <= 0.95


def test_no_interval_beyond_what_is_possible() -> None:
    """Two answers that differ most say little, but no answer is farther than the farthest."""
    hhh = load_target("hhh")
    figure = measure(Scores(np.array([[1.0, 1, 1], [-1, -1, 1]]), hhh.values, ("a", "b")), hhh, distances=["l1"])
    assert (2.0, 0.0, 6.0) == figure.per_response["l1"]


def test_one_answer_has_no_interval() -> None:
    """One answer gives numbers without intervals."""
    found = measure(Scores(some(1), TEN, ("only",)), UK)
    assert (None, None) == found.per_response["l1"][1:] == found.profile["l1"][1:]
    assert (None, None) == facts(Scores(some(1), TEN, ("only",))).profile["power"][1:]


def test_another_system_is_refused() -> None:
    """Scores in one system and a target in another are refused."""
    with pytest.raises(InputError, match="target hhh is in hhh, and the scores are in schwartz-10"):
        measure(Scores(some(3), TEN, ("a", "b", "c")), load_target("hhh"))


# Tables ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_scores_from_files(tmp_path: Path, ending: str) -> None:
    """CSV, JSONL and Parquet give the same scores; columns may stand in any order, beside others."""
    scores = Scores(some(6), TEN, tuple("abcdef"))
    table = scores.as_table().append_column("reward", pa.array([0.5] * 6))
    table = table.select(["reward", *reversed(TEN.ids), "id"])
    path = tmp_path / f"scores.{ending}"
    if ending == "parquet":
        parquet.write_table(table, path)
    elif ending == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in table.to_pylist()))
    else:
        lines = [",".join(table.column_names), *(",".join(map(str, row.values())) for row in table.to_pylist())]
        path.write_text("\n".join(lines) + "\n")
    found = read_scores(path)
    assert tuple("abcdef") == found.ids
    assert np.array_equal(scores.matrix, found.matrix)


def test_scores_as_lists(tmp_path: Path) -> None:
    """A column `scores` with ten numbers, as `schwartz evaluate --predict` writes it, is read in the system's order."""
    path = tmp_path / "out.jsonl"
    path.write_text(json.dumps({"id": "a", "scores": some(1)[0].tolist()}) + "\n")
    assert np.array_equal(some(1), read_scores(path).matrix)


def test_short_names_are_columns(tmp_path: Path) -> None:
    """Columns may have the short names."""
    path = tmp_path / "s.csv"
    path.write_text(",".join(TEN.shorts) + "\n" + ",".join(["0.5"] * 10) + "\n")
    assert [[0.5] * 10] == read_scores(path).matrix.tolist()


@pytest.mark.parametrize(
    ("header", "row", "told"),
    [
        (TEN.ids, ["0.1"] * 9 + ["1.2"], "row 1: the score of universalism is 1.2"),
        (TEN.ids, ["0.1"] * 9 + ["nan"], "row 1: the score of universalism is nan"),
        (TEN.ids, ["0.1"] * 9 + [""], "row 1: the score of universalism is nan"),
        (TEN.ids, ["0.1"] * 9 + ["high"], "row 1: the score of universalism is nan"),
        (TEN.ids[:9], ["0.1"] * 9, "has no column for universalism"),
        ((*TEN.ids[:9], "universalsm"), ["0.1"] * 10, "has no column for universalism"),
        ((*TEN.ids, "UN"), ["0.1"] * 11, "'universalism' and 'UN' are both universalism"),
    ],
)
def test_bad_tables(tmp_path: Path, header: Sequence[str], row: list[str], told: str) -> None:
    """A missing value, a number out of range and a missing column are told with row and column."""
    path = tmp_path / "scores.csv"
    path.write_text(",".join(header) + "\n" + ",".join(row) + "\n")
    with pytest.raises(InputError, match=told) as error:
        read_scores(path)
    if "universalsm" in header:
        assert "did you mean universalsm?" in error.value.hint


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("x.jsonl", '{"scores": [1, 2]}\n', "row 1: `scores` has 2 numbers"),
        ("x.jsonl", '{"scores": "high"}\n', "row 1: `scores` has no list"),
        ("x.jsonl", '{"id": 1}\n{\n', "line 2 is not a JSON object"),
        ("x.csv", ",".join(TEN.ids) + "\n", "has no rows"),
        ("x.csv", "", "has no rows"),
        ("x.parquet", "no", "is no Parquet"),
    ],
)
def test_files_that_are_no_tables(tmp_path: Path, name: str, text: str, told: str) -> None:
    """A file that is no table of scores is refused with the line."""
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=told):
        read_scores(tmp_path / name)


def test_no_file(tmp_path: Path) -> None:
    """A file that is not there is told."""
    with pytest.raises(InputError, match="can't be read"):
        read_scores(tmp_path / "none.csv")


# Rewards -----------------------------------------------------------------------------------------------------------


def test_what_an_evaluator_reads() -> None:
    """An evaluator gets what the user said and the answer, without instructions and white space around them."""
    seen: list[tuple[str, str]] = []

    class Notes:
        name, system = "notes", "schwartz-10"

        def score(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
            seen.extend(pairs)
            return np.zeros((len(pairs), 10))

    reward = ValueReward(UK, Notes())
    talk = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "One"},
            {"role": "assistant", "content": "Yes"}, {"role": "user", "content": "Two "}]
    assert [pytest.approx(-3.045)] * 2 == reward([{"prompt": talk}, {"prompt": "Three\n"}], [" A ", "B"])
    assert [("One\nTwo", "A"), ("Three", "B")] == seen
    assert "" == prompt_text([])
    assert [] == reward([], [])


def test_an_unknown_distance_is_told_at_once() -> None:
    """A reward with an unknown distance is refused when it is made, not when the first answer comes."""
    with pytest.raises(InputError, match="no distance"):
        ValueReward(UK, None, "manhattan")  # type: ignore[arg-type]
