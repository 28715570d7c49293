"""Misalignment: known answers, ties, groups, intervals that cover, and input that is refused with its place."""

from __future__ import annotations

import time

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from graphengine.alignment import loss_1, misalignment, read_utilities
from graphengine.alignment.measures import KEYS
from graphengine.errors import InputError
from tests.alignment_worlds import brute_force, table


def test_a_known_answer():
    """Three texts by hand: d = (2, 0, -1), so gaps 2, 3, 1."""
    told = misalignment(table([4, 2, 1]), table([2, 2, 2]), draws=0).as_json()
    assert (2.0, 12 / 9, 1.0) == (told["loss_1"], told["loss_1_with_self"], told["loss_2"])
    assert {"slope": 0.0, "intercept": 7 / 3} == told["affine"]
    assert (3, (4 - 7 / 3 + 7 / 3 - 2 + 7 / 3 - 1) / 3) == (told["n"], pytest.approx(told["loss_2_affine"]))
    assert (None, None) == (told["kendall_tau_b"], told["spearman"])
    assert [["a0", "a2"], ["a0", "a1"], ["a1", "a2"]] == [each["ids"] for each in told["worst_pairs"]]
    assert any("same of every text" in note for note in told["notes"])


def test_keys_stay():
    """The keys of the answer, in their order; each figure has its interval as [lower, upper]."""
    told = misalignment(table([4, 2, 1, 3]), table([2, 1, 0, 3]), draws=20).as_json()
    assert [
        "n", "units", "loss_1", "loss_1_with_self", "loss_2", "loss_1_affine", "loss_1_with_self_affine",
        "loss_2_affine", "agreement", "kendall_tau_b", "spearman", "interval", "constant", "pairs", "affine",
        "largest_difference", "aligned_order", "aligned_equal", "worst_pairs", "worst_pairs_affine", "groups",
        "worst_group", "left_out", "settings", "notes",
    ] == list(told)
    assert list(KEYS) == list(told["interval"])
    assert all(len(each) == 2 for each in told["interval"].values())


@pytest.mark.parametrize(("ties", "share"), [("half", 3.5 / 5), ("wrong", 3 / 5), ("skip", 3 / 4)])
def test_what_ties_count(ties, share):
    """Pairs that people tie are left out; one that the model ties alone counts as it is asked to."""
    human, model = [3, 2, 1, 1], [2, 3, 1, 2]
    counts = misalignment(table(human), table(model), draws=0).as_json()["pairs"]
    assert {"all": 6, "concordant": 3, "discordant": 1, "tied_human": 1, "tied_model": 1, "tied_both": 0} == counts
    assert share == misalignment(table(human), table(model), ties=ties, draws=0).as_json()["agreement"]


def test_verdicts():
    """Order asks for U_A(y1) > U_A(y2) wherever people put y1 higher; equality for a small enough difference."""

    def verdicts(human, model, **more):
        told = misalignment(table(human), table(model), draws=0, **more).as_json()
        return told["aligned_order"], told["aligned_equal"]

    assert (True, False) == verdicts([1, 2, 3], [10, 20, 30])
    assert (False, False) == verdicts([1, 2, 3], [1, 2, 2])  # a tie of the model breaks the order
    assert (True, False) == verdicts([1, 2, 2], [1, 2, 3])  # a tie of people asks for nothing
    assert (True, True) == verdicts([1, 2, 3], [1, 2, 3 + 1e-12])
    assert (True, True) == verdicts([1, 2, 3], [1.1, 2.1, 3.1], tolerance=0.11)
    # Pairs of two prompts don't count where pairs stay inside one.
    human = table([1, 2, 9, 8], prompt=["p", "p", "q", "q"])
    assert misalignment(human, table([5, 6, 2, 1]), within="prompt", draws=0).as_json()["aligned_order"]


def test_a_turned_model_is_told():
    """A fit with a negative slope hides that the order is reversed, so a note says it."""
    told = misalignment(table([1, 2, 3, 4]), table([4, 3, 2, 1]), draws=0).as_json()
    assert (-1.0, 0.0, 0.0) == (told["kendall_tau_b"], told["agreement"], pytest.approx(told["loss_1_affine"]))
    assert any("turns the model's order round" in note for note in told["notes"])


def test_groups_by_themselves_and_the_worst():
    """Each group is measured alone; texts that are in several groups make pairs inside a group only."""
    human = pa.table({"id": ["a", "b", "c"] * 2, "utility": [1.0, 2, 3, 3, 2, 1], "party": ["x"] * 3 + ["y"] * 3})
    told = misalignment(human, table([1, 2, 3]).set_column(0, "id", [["a", "b", "c"]]), groups="party", draws=50)
    shown = told.as_json()
    assert [("x", 3, 1.0), ("y", 3, 0.0)] == [(each["group"], each["n"], each["agreement"]) for each in shown["groups"]]
    assert {"group": "y", "value": 0.0} == shown["worst_group"]["agreement"]
    assert {"group": "y", "value": pytest.approx(8 / 3)} == shown["worst_group"]["loss_1"]
    assert (6, 0.5) == (shown["pairs"]["all"], shown["agreement"])
    assert any("inside each party only" in note for note in shown["notes"])


def test_groups_that_share_no_text_are_compared_across():
    """Where each text has one group, all pairs count in the whole."""
    human = table([1, 2, 3, 4], party=list("xxyy"))
    told = misalignment(human, table([1, 2, 3, 4]), groups="party", draws=0).as_json()
    assert (6, [1, 1]) == (told["pairs"]["all"], [each["pairs"]["all"] for each in told["groups"]])


def test_a_model_may_have_its_own_utility_for_each_group():
    """Where the model's table has the column of groups, rows are matched by id and group."""
    human = pa.table({"id": ["a", "b"] * 2, "utility": [1.0, 2, 2, 1], "party": list("xxyy")})
    told = misalignment(human, human.take([3, 2, 1, 0]), groups="party", draws=0).as_json()
    assert told["aligned_equal"]


def test_only_whole_prompts_are_drawn():
    """Ten copies of each text under one prompt tell no more than the text alone: prompts are what is drawn."""
    rng = np.random.default_rng(1)
    human, model = rng.normal(size=(2, 30))

    def width(times, by):
        columns = {"prompt": [f"p{i}" for i in range(30) for _ in range(times)]}
        told = misalignment(
            table(np.repeat(human, times), **columns), table(np.repeat(model, times)), by=by, draws=300
        ).as_json()
        lower, upper = told["interval"]["loss_2"]
        return upper - lower

    assert width(1, "prompt") == pytest.approx(width(10, "prompt"), rel=0.01)
    assert width(10, "") < 0.5 * width(10, "prompt")


def test_one_prompt_has_no_interval():
    """What one prompt says of others is not known: null, and a note."""
    told = misalignment(table([1, 2, 3], prompt=["p"] * 3), table([1, 3, 2]), by="prompt").as_json()
    assert {(None, None)} == {tuple(each) for each in told["interval"].values()}
    assert any("one prompt only" in note for note in told["notes"])


@pytest.mark.slow
def test_copies_of_a_drawn_unit_make_no_pairs():
    """Draws don't pull loss 1 down: their median is the loss itself, even for a few prompts."""
    rng = np.random.default_rng(3)
    human = table(rng.normal(size=12), prompt=list("abcdefabcdef"))
    model = table(rng.normal(size=12))
    for within in ("", "prompt"):
        told = misalignment(human, model, by="prompt", within=within, draws=2000).as_json()
        lower, upper = told["interval"]["loss_1"]
        assert lower < told["loss_1"] < upper
        # With copies as pairs the middle would be 1/6 lower.
        assert (lower + upper) / 2 > 0.93 * told["loss_1"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prompts", "within", "least"),
    # Three standard errors of a hundred rounds below .87, and below .8.
    [(40, "", 0.77), (40, "prompt", 0.77), (8, "", 0.68), (8, "prompt", 0.68)],
)
def test_intervals_cover(prompts, within, least):
    """In made-up worlds with prompts of unequal length, 90% intervals hold the truth in near 90% of the rounds."""
    rng = np.random.default_rng(prompts)

    def world(prompts):
        size = rng.integers(2, 6, prompts)
        names = np.repeat(np.arange(prompts), size)
        shift, human = rng.normal(size=prompts)[names], rng.normal(size=len(names))
        return human + shift, human + 0.8 * rng.normal(size=len(names)), names.astype(str)

    def told(world, draws):
        human, model, names = world
        return misalignment(table(human, prompt=names), table(model), by="prompt", within=within, draws=draws).as_json()

    truth = told(world(6000), 0)
    rounds, keys = 100, ("loss_1", "loss_2", "loss_1_affine", "agreement", "kendall_tau_b", "spearman")
    hits = dict.fromkeys(keys, 0)
    for _ in range(rounds):
        found = told(world(prompts), 200)
        for key in keys:
            lower, upper = found["interval"][key]
            hits[key] += lower <= truth[key] <= upper
    assert dict.fromkeys(keys, True) == {key: least <= number / rounds for key, number in hits.items()}, hits


@pytest.mark.slow
def test_a_hundred_times_faster_than_all_pairs():
    """At 20,000 texts loss 1 equals the sum over all pairs, and takes a hundredth of its time at most."""
    n = 20_000
    rng = np.random.default_rng(0)
    human, model = rng.normal(size=(2, n))

    def all_pairs():
        d = human - model
        return sum(float(np.abs(d[row] - d).sum()) for row in range(n)) / (n * (n - 1))

    def best(function, times):
        took = []
        for _ in range(times):
            start = time.perf_counter()
            function()
            took.append(time.perf_counter() - start)
        return min(took)

    assert all_pairs() == pytest.approx(loss_1(human, model), rel=1e-12)
    assert best(all_pairs, 2) > 100 * best(lambda: loss_1(human, model), 20)


def test_many_blocks():
    """Sums stay right where pairs lie in many blocks of different length."""
    rng = np.random.default_rng(5)
    prompts = rng.integers(0, 60, 400)
    human, model = rng.integers(0, 6, 400), rng.integers(0, 6, 400)
    told = misalignment(table(human, prompt=prompts), table(model), within="prompt", draws=0).as_json()
    wanted = brute_force(human, model, prompts)
    assert {name: told["pairs"][name] for name in told["pairs"]} == {name: wanted[name] for name in told["pairs"]}
    assert wanted["loss_1"] == pytest.approx(told["loss_1"], rel=1e-12)


# What is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("human", "model", "more", "told"),
    [
        ({"id": ["a", "a"], "utility": [1.0, 2]}, None, {}, "the human table: the id a is in rows 1 and 2"),
        (None, {"id": ["a", "b", "b"], "utility": [1.0, 2, 3]}, {}, "the model table: the id b is in rows 2 and 3"),
        ({"id": ["a", "b"], "utility": [1.0, None]}, None, {}, "row 2 (id b): the utility is empty"),
        ({"id": ["a", "b"], "utility": [1.0, float("nan")]}, None, {}, "row 2 (id b): the utility is nan"),
        ({"id": ["a", "b"], "utility": [float("inf"), 1.0]}, None, {}, "row 1 (id a): the utility is inf"),
        ({"id": ["a", "b"], "utility": ["1", "much"]}, None, {}, "row 2 (id b): the utility is 'much'"),
        ({"id": ["a", None], "utility": [1.0, 2]}, None, {}, "row 2: id is empty"),
        ({"id": [], "utility": []}, None, {}, "the human table has no rows"),
        ({"id": ["a"], "utility": [1.0]}, {"id": ["a"], "utility": [1.0]}, {}, "has one row, so there is no pair"),
        ({"id": ["a", "b"], "utilty": [1.0, 2]}, None, {}, "the human table has no column 'utility'"),
        ({"id": ["a", "b", "c"], "utility": [1.0, 2, 3]}, None, {}, "the model table lacks 1 of the ids (c)"),
        ({"id": ["x", "y"], "utility": [1.0, 2]}, None, {"common": True}, "the tables don't hold the same texts"),
        (None, None, {"by": "promt"}, "neither table has a column 'promt'"),
        (None, None, {"groups": "party"}, "the human table has no column 'party'"),
        (None, None, {"within": "prompt"}, "no prompt has two rows"),
        (None, None, {"ties": "halve"}, "'halve' is no way to count ties"),
        (None, None, {"tolerance": -1.0}, "the tolerance is -1.0"),
        ({"id": ["a", "b"], "utility": [1.0, 2], "prompt": ["p", "q"]},
         {"id": ["a", "b"], "utility": [1.0, 2], "prompt": ["p", "p"]}, {"by": "prompt"},
         "prompt of the id b is 'q' in the human table and 'p' in the model table"),
        ({"id": ["a", "b"], "utility": [1.0, 2], "prompt": ["p", None]}, None, {"by": "prompt"},
         "row 2: prompt is empty"),
        ({"id": ["a", "b", "a"], "utility": [1.0, 2, 3], "party": ["x", "x", "y"]}, None, {"groups": "party"},
         "the group 'y' has no pair of texts"),
    ],
)
def test_refused(human, model, more, told):
    """What can't be measured is refused, with table, row and value."""
    usual = {"id": ["a", "b"], "utility": [1.0, 2], "prompt": ["p", "q"]}
    with pytest.raises(InputError) as refused:
        misalignment(pa.table(human or usual), pa.table(model or {"id": ["a", "b"], "utility": [1.0, 2]}), **more)
    assert told in refused.value.message
    assert refused.value.hint


@pytest.mark.parametrize(
    ("wrong", "meant"), [({"by": "promt"}, "did you mean prompt?"), ({"ties": "halve"}, "did you mean half?")]
)
def test_did_you_mean(wrong, meant):
    """A name that is close to a known one is named."""
    with pytest.raises(InputError) as refused:
        misalignment(table([1, 2], prompt=["p", "q"]), table([1, 2]), **wrong)
    assert meant in refused.value.hint


def test_texts_of_one_table_only_are_left_out_and_counted_where_asked():
    """`common` measures what both have, and says how much it left out."""
    told = misalignment(table([1, 2, 3]), table([1, 2, 4, 5]).slice(1), common=True, draws=0).as_json()
    assert (2, {"human": 1, "model": 1}) == (told["n"], told["left_out"])
    assert any("Left out" in note for note in told["notes"])


# Files -----------------------------------------------------------------------------------------------------------


def test_the_same_from_csv_jsonl_and_parquet(tmp_path):
    """Three formats, one table: ids keep their zeros, numbers as ids meet the same ids as text."""
    (tmp_path / "u.csv").write_text('id,utility,prompt\n007,1.5,"a, b"\n8,-2e-1,q\n', encoding="utf-8")
    (tmp_path / "u.jsonl").write_text(
        '{"id": "007", "utility": 1.5, "prompt": "a, b"}\n\n{"id": "8", "utility": -0.2, "prompt": "q"}\n',
        encoding="utf-8",
    )
    parquet.write_table(pa.table({"id": ["007", "8"], "utility": [1.5, -0.2], "prompt": ["a, b", "q"]}),
                        tmp_path / "u.parquet")
    tables = [read_utilities(tmp_path / f"u.{kind}") for kind in ("csv", "jsonl", "parquet")]
    for one in tables:
        for other in tables:
            assert misalignment(one, other, by="prompt", draws=0).as_json()["aligned_equal"]
    (tmp_path / "mixed.jsonl").write_text('{"id": 8, "utility": 1}\n{"id": "9", "utility": 2.5}\n', encoding="utf-8")
    other = pa.table({"id": [9.0, 8.0], "utility": [2.5, 1], "prompt": [True, True]})
    mixed = misalignment(read_utilities(tmp_path / "mixed.jsonl"), other, by="prompt", draws=0)
    assert mixed.as_json()["aligned_equal"]
    numbers = pa.table({"id": [8, 9], "utility": [1.0, 2]})
    assert misalignment(numbers, pa.table({"id": ["9", "8"], "utility": [2.0, 1]}), draws=0).as_json()["aligned_equal"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("u.txt", b"id,utility\n", "no table that can be read"),
        ("none.csv", None, "can't be read"),
        ("u.csv", b"id,utility\na,1,2\n", "row 1: not as many cells as there are columns"),
        ("u.csv", b'id,utility\n"a,1\n', "is no CSV"),
        ("u.csv", b"\xff\xfe", "is not UTF-8"),
        ("u.jsonl", b'{"id": "a"}\n[1]\n', "line 2 is not a JSON object"),
        ("u.jsonl", b'{"id": "a"}\n{"id": [1]}\n', "are not alike"),
        ("u.parquet", b"PAR1", "is no Parquet"),
    ],
)
def test_unreadable_files(tmp_path, name, content, told):
    """A file that is no table is refused by its name, with line or row where there is one."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as refused:
        read_utilities(path)
    assert told in refused.value.message
    assert str(path) in refused.value.message


def test_an_empty_file_has_no_columns(tmp_path):
    """An empty CSV is refused where its columns are looked for."""
    (tmp_path / "u.csv").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match="has no column 'id'"):
        misalignment(read_utilities(tmp_path / "u.csv"), table([1, 2]))
