"""The audit of a dataset: baselines without the prompt, their intervals, and what else it counts."""

from __future__ import annotations

import json
import random
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from graphengine.errors import InputError, MissingExtraError
from graphengine.preferences.audit import Limits, accuracy, audit_folder, baselines
from graphengine.preferences.audit.texts import read_pairs, title_of
from graphengine.sample import sample_files
from tests.preference_sources import source_of_files

if TYPE_CHECKING:
    from pathlib import Path


def pair(prompt: str, chosen: str, rejected: str, **more: Any) -> dict[str, Any]:
    """A row of plain texts."""
    return {"prompt": prompt, "chosen": chosen, "rejected": rejected, **more}


def table(*rows: dict[str, Any]) -> pa.Table:
    """Rows as a table."""
    return pa.Table.from_pylist(list(rows))


def measured(train: Any, held_out: Any) -> dict[str, Any]:
    """What each baseline reached, by name."""
    return {each.name: each.measured for each in baselines(train, held_out)}


def write(folder: Path, **splits: pa.Table) -> Path:
    """A folder of cards without a manifest."""
    (folder / "cards").mkdir(parents=True)
    for name, rows in splits.items():
        parquet.write_table(rows, folder / "cards" / f"{name}.parquet")
    return folder


# Intervals -------------------------------------------------------------------------------------------------------


def test_independent_pairs_have_wilsons_interval() -> None:
    """With every pair in a context of its own, and many of them, the interval is Wilson's at 90%."""
    hits = [1.0] * 700 + [0.0] * 300
    random.Random(0).shuffle(hits)
    found = accuracy(hits, range(1000))
    z, n, p = 1.6448536, 1000, 0.7
    middle, half = (p + z**2 / 2 / n), z * np.sqrt(p * (1 - p) / n + z**2 / 4 / n**2)
    assert found.lower == pytest.approx((middle - half) / (1 + z**2 / n), abs=1e-4)
    assert found.upper == pytest.approx((middle + half) / (1 + z**2 / n), abs=1e-4)


def test_pairs_that_go_together_count_once() -> None:
    """Ten copies of each answer in one context say no more than the answers alone."""
    answers = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.0] * 3
    once = accuracy(answers, range(24))
    copied = accuracy(np.repeat(answers, 10).tolist(), np.repeat(range(24), 10).tolist())
    assert (copied.accuracy, copied.pairs, copied.contexts) == (once.accuracy, 240, 24)
    assert copied.upper - copied.lower == pytest.approx(once.upper - once.lower, rel=0.05)


def test_the_interval_holds_in_nine_of_ten_surveys() -> None:
    """Contexts that differ in their accuracy: the interval has the true one in about 90% of draws, and not in all."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(1000):
        of_context = np.clip(rng.normal(0.7, 0.15, 25), 0, 1)
        hits = (rng.random((25, 8)) < of_context[:, None]).astype(float)
        found = accuracy(hits.ravel().tolist(), np.repeat(range(25), 8).tolist())
        held += found.lower <= 0.7 <= found.upper
    assert 870 <= held <= 940


def test_one_context_says_nothing_about_others() -> None:
    """All pairs of one context right: the interval is 0 to 1. No pairs at all: no accuracy."""
    one, none = accuracy([1.0] * 50, ["c"] * 50), accuracy([], [])
    assert (one.accuracy, one.lower, one.upper) == (1.0, 0.0, 1.0)
    assert np.isnan(none.accuracy)
    assert (none.lower, none.upper, none.pairs) == (0.0, 1.0, 0)


# Baselines -------------------------------------------------------------------------------------------------------


def test_length_takes_the_side_that_train_shows() -> None:
    """The direction is learnt from train and measured elsewhere; texts of one length are ties, which count one half."""
    longer = [pair(f"p{n}", "a long text", "short") for n in range(4)]
    shorter = [pair(f"q{n}", "short", "a long text") for n in range(3)]
    even = [pair("r", "abc", "xyz")]
    assert measured(table(*longer), table(*shorter))["length"].accuracy == 0
    assert measured(table(*shorter), table(*shorter))["length"].accuracy == 1
    found = measured(table(*longer), table(*longer, *shorter, *even))["length"]
    assert (found.accuracy, found.pairs, found.ties, found.contexts) == (4.5 / 8, 8, 1, 8)


def test_words_that_decide_are_found_and_others_are_not() -> None:
    """A word that marks the chosen side is found in pairs not seen before; without one, words are worth a coin."""
    rng = random.Random(1)
    words = [f"word{n}" for n in range(40)]

    def rows(number: int, mark: str) -> pa.Table:
        return table(*(
            pair(f"{number} {n}", " ".join([*rng.sample(words, 5), mark]), " ".join(rng.sample(words, 6)))
            for n in range(number)
        ))

    assert measured(rows(200, "kind"), rows(80, "kind"))["words"].accuracy > 0.95
    nothing = measured(rows(200, rng.choice(words)), rows(300, rng.choice(words)))["words"]
    assert nothing.lower < 0.5 < nothing.upper


def test_the_side_that_a_text_stands_on_says_nothing() -> None:
    """The words baseline has no favour for a side: with all held-out pairs turned round it is right in the others."""
    rng = random.Random(2)
    rows = [pair(str(n), " ".join(rng.choices("abcdefgh", k=6)), " ".join(rng.choices("abcdefgh", k=6)))
            for n in range(60)]
    turned = [pair(row["prompt"], row["rejected"], row["chosen"]) for row in rows]
    one, other = (measured(table(*rows[:40]), table(*each[40:]))["words"] for each in (rows, turned))
    assert one.accuracy + other.accuracy == pytest.approx(1)


def test_title_popularity_is_by_card() -> None:
    """The card that train chose more often wins, by its id; a card that train does not have is a tie."""
    train = table(*(pair(f"p{n}", "x", "y", chosen_id="a", rejected_id="b") for n in range(3)),
                  pair("q", "x", "y", chosen_id="b", rejected_id="a"))
    held_out = table(pair("r", "x", "z", chosen_id="a", rejected_id="b"),
                     pair("s", "x", "z", chosen_id="b", rejected_id="a"),
                     pair("t", "x", "z", chosen_id="c", rejected_id="d"))
    found = measured(train, held_out)["title"]
    assert (found.accuracy, found.ties) == (0.5, 1)


def test_titles_come_from_their_columns_or_from_the_texts() -> None:
    """Titles alone are measured where all are known, shown or not; where one is missing they are not."""
    shown = table(pair("p", "Calm\n\n- MOMENTS", "Haste\n\n- SIGNS"), pair("q", "Calm seas\n\n- A", "Haste\n\n- B"))
    hidden = table(pair("p", "- MOMENTS", "- SIGNS", chosen_title="Calm", rejected_title="Haste"))
    assert measured(shown, shown)["title words"].accuracy == 1
    assert measured(shown, hidden)["title words"].accuracy == 1
    assert read_pairs(shown).shows_titles
    assert not read_pairs(hidden).shows_titles
    assert "title words" not in measured(shown, table(pair("p", "- MOMENTS", "- SIGNS")))
    assert title_of("No title, but a long paragraph. " * 9 + "\n\nmore") is None


def test_a_card_is_known_by_its_id_or_else_by_its_text() -> None:
    """Rows with ids and rows without stand in one table: each side is known by what there is."""
    rows = table(pair("p", "x", "y", chosen_id="a", rejected_id="b"), pair("q", "z", "y", chosen_id=None))
    assert (read_pairs(rows).chosen_names, read_pairs(rows).rejected_names) == (["a", "z"], ["b", "y"])


def test_messages_plain_texts_and_lists_are_read_alike() -> None:
    """Messages, plain texts, a mapping of lists, contents in parts: the same pairs."""
    messages = [{"role": "assistant", "content": "Wait"}]
    parts = [{"role": "assistant", "content": [{"type": "image"}, {"type": "text", "text": "Wait"}]}]
    rows = {"prompt": ["p"] * 3, "chosen": ["Wait", messages, parts], "rejected": ["Go"] * 3}
    assert read_pairs(rows).chosen == ["Wait", "Wait", "\nWait"]
    assert read_pairs(pa.table({"prompt": ["p"], "chosen": [messages], "rejected": ["Go"]})).chosen == ["Wait"]


def test_chinese_words_are_found() -> None:
    """Where words are not spaced, each character counts: what decides is found there too."""
    rows = [pair(str(n), f"先听{'山水风云'[n % 4]}再说", f"先说{'山水风云'[n % 4]}再走") for n in range(8)]
    assert measured(table(*rows[:6]), table(*rows[6:]))["words"].accuracy == 1


def test_texts_without_words_are_ties() -> None:
    """Pairs of nothing but signs: the words baseline has no answer."""
    rows = table(pair("p", "!!", "??"), pair("q", "...", "!?"))
    assert (measured(rows, rows)["words"].accuracy, measured(rows, rows)["words"].ties) == (0.5, 2)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ({"prompt": ["p"], "chosen": ["a"]}, "no column rejected"),
        ({"prompt": ["p", "q"], "chosen": ["a", None], "rejected": ["b", "b"]}, "row 2: chosen is neither"),
        ({"prompt": ["p"], "chosen": [[{"role": "assistant"}]], "rejected": ["b"]}, "row 1: chosen is neither"),
    ],
)
def test_what_is_no_pair_is_named(rows: dict[str, list[Any]], told: str) -> None:
    """A missing column, a missing text, a message without content: row and column are named."""
    with pytest.raises(InputError, match=told):
        read_pairs(rows)


def test_without_scikit_learn_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where scikit-learn is not installed, the error says which extra has it."""
    monkeypatch.setitem(sys.modules, "sklearn.feature_extraction.text", None)
    with pytest.raises(MissingExtraError) as error:
        baselines(table(pair("p", "a", "b")), table(pair("p", "a", "b")))
    assert error.value.hint == "pip install 'graphengine[train]'"


# The folder ------------------------------------------------------------------------------------------------------


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """The sample graph as a dataset folder."""
    from graphengine.preferences import write_preferences

    write_preferences(source_of_files(sample_files()["cards"].parent), tmp_path / "out")
    return tmp_path / "out"


def test_an_export_has_no_problem(exported: Path) -> None:
    """What is exported passes: no leak, no duplicate, every file as the manifest says; numbers add up."""
    found = audit_folder(exported)
    rows = {name: split["pairs"] for name, split in found.splits.items()}
    assert found.problems == ()
    assert found.changed == ()
    assert sum(rows.values()) == found.duplicates["rows"]
    assert set(found.baselines) == set(rows) - {"train"}
    assert {"length", "words", "title", "title words"} == {each.name for each in found.baselines["test"]}
    assert all(each.measured.pairs == rows["test"] for each in found.baselines["test"])
    spread = {name: number for name, number in found.certainty.items() if name not in ("mean", "missing")}
    assert sum(spread.values()) + found.certainty["missing"] == sum(rows.values())
    assert json.loads(json.dumps(found.as_json()))["ok"] is True


@pytest.mark.parametrize("render", ["full", "policies"])
def test_titles_are_told_for_both_ways_to_render(tmp_path: Path, render: str) -> None:
    """Cards with and without their title in the text: what titles alone tell is the same number."""
    from graphengine.preferences import Form, write_preferences

    source = source_of_files(sample_files()["cards"].parent)
    write_preferences(source, tmp_path / "out", form=Form(render=render))
    found = audit_folder(tmp_path / "out")
    by_name = {each.name: each.measured.accuracy for each in found.baselines["test"]}
    assert found.shows_titles is (render == "full")
    assert by_name["title words"] == pytest.approx(17 / 30)


def test_json_lines_are_read_as_parquet_is(exported: Path, tmp_path: Path) -> None:
    """A folder of JSON lines gives the same findings."""
    for file in (exported / "cards").glob("*.parquet"):
        rows = parquet.read_table(file).to_pylist()
        (tmp_path / "lines" / "cards").mkdir(parents=True, exist_ok=True)
        (tmp_path / "lines" / "cards" / f"{file.stem}.jsonl").write_text(
            "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
        )
    one, other = audit_folder(exported).as_json(), audit_folder(tmp_path / "lines").as_json()
    assert {**one, "folder": ""} == {**other, "folder": ""}


def test_changed_files_are_named(exported: Path) -> None:
    """A file that was changed after the export, one that the manifest does not know, one that is gone."""
    train = exported / "cards" / "train.parquet"
    parquet.write_table(parquet.read_table(train).slice(1), train)
    (exported / "cards" / "test.parquet").rename(exported / "cards" / "validation.parquet")
    found = audit_folder(exported)
    assert found.changed == ("cards/test.parquet", "cards/train.parquet", "cards/validation.parquet")
    assert len(found.problems) == 3


def test_leaks_are_problems(tmp_path: Path) -> None:
    """A prompt, a context, a scenario or an unordered pair of cards in two splits; single cards are only counted."""
    def row(n: int, **more: Any) -> dict[str, Any]:
        ids = {"context_id": f"c{n}", "scenario_id": f"s{n}", "chosen_id": f"a{n}", "rejected_id": f"b{n}"}
        return pair(f"prompt {n}", f"good {n}", f"bad {n}", **{**ids, **more})

    train = table(row(1), row(2), row(3), row(4))
    clean = audit_folder(write(tmp_path / "clean", train=train, test=table(row(5, chosen_id="a1"))))
    assert clean.problems == ()
    assert clean.overlap["train/test"]["cards"] == 1
    leaking = [
        {**row(5), "prompt": "PROMPT  1"}, row(6, context_id="c1"), row(7, scenario_id="s1"),
        row(8, chosen_id="b1", rejected_id="a1"), {**row(9), "chosen": "bad 2", "rejected": "Good  2"},
    ]
    for kind, each in zip(("prompts", "contexts", "scenarios", "pairs", "texts"), leaking, strict=True):
        found = audit_folder(write(tmp_path / kind, train=train, test=table(each)))
        assert found.overlap["train/test"][kind] == 1
        assert any(f"1 {kind}" in problem for problem in found.problems)


def test_answers_to_the_same_card_are_no_shared_pair(tmp_path: Path) -> None:
    """Two answers judged by one card are no pair of cards: that card may be in two splits."""
    rows = [pair(f"prompt {n}", f"good {n}", f"bad {n}", context_id=f"c{n}", chosen_id="a", rejected_id="a")
            for n in range(4)]
    found = audit_folder(write(tmp_path / "out", train=table(*rows[:3]), test=table(rows[3])))
    assert found.problems == ()


def test_duplicates_are_counted(tmp_path: Path) -> None:
    """Rows said twice, said the other way round, sides that are near copies, near copies of train that are held out."""
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen".split()
    near = " ".join([*words, "end"])
    train = table(
        pair("p", "good", "bad"), pair("P ", "Good", "bad"), pair("p", "bad", "good"), pair("q", near, near + "!"),
        pair(" ".join(words) + " seventeen", "x", "y"),
    )
    test = table(pair(" ".join(words) + " eighteen", near + " halt", "z"))
    found = audit_folder(write(tmp_path / "out", train=train, test=test))
    assert found.duplicates == {
        "rows": 6, "repeated": 2, "reversed": 1, "near_equal": 1, "near_prompts": 1, "near_texts": 1,
    }
    limited = audit_folder(tmp_path / "out", limits=Limits(duplicates=0.4))
    assert any("50.0% of the rows repeat another" in problem for problem in limited.problems)


def test_limits_are_held(exported: Path) -> None:
    """Each limit that is passed is a problem that says by how much; one that is kept is none."""
    loose = Limits(length_accuracy=1, words_accuracy=1, title_accuracy=1, duplicates=1, truncated=1)
    assert audit_folder(exported, limits=loose, max_length=10).problems == ()
    tight = Limits(length_accuracy=0.1, words_accuracy=0.1, title_accuracy=0.1, truncated=0.5)
    problems = audit_folder(exported, limits=tight, max_length=10).problems
    assert len(problems) == 5
    assert "on test the length baseline reaches 0.733, more than 0.1" in problems
    assert "100.0% of the rows are longer than 10 words, more than 50.0%" in problems


def test_a_limit_that_nothing_can_be_held_against_is_not_kept(tmp_path: Path) -> None:
    """With nothing held out a limit for a baseline fails, since nobody knows."""
    folder = write(tmp_path / "out", train=table(pair("p", "a", "b")))
    assert audit_folder(folder).problems == ()
    (problem,) = audit_folder(folder, limits=Limits(words_accuracy=0.9)).problems
    assert "no held-out split" in problem


def test_one_sided_cards_and_balance(tmp_path: Path) -> None:
    """Cards of train with two pairs that are always chosen or never are counted, and pairs per context."""
    sides = [("a", "b"), ("a", "b"), ("c", "d"), ("d", "c"), ("e", "f")]
    rows = [pair(f"p{n}", f"x{n}", f"y{n}", context_id="c1" if n < 4 else "c2", chosen_id=one, rejected_id=other)
            for n, (one, other) in enumerate(sides)]
    found = audit_folder(write(tmp_path / "out", train=table(*rows)))
    assert found.balance == {
        "contexts": 2, "least": 1, "median": 2.5, "most": 4, "largest_share": 0.8, "cards": 6, "one_sided_cards": 2,
    }


def test_folders_that_are_none_are_refused(tmp_path: Path) -> None:
    """No folder, no such kind, no pairs, a broken file: each says what to do."""
    with pytest.raises(InputError, match="is no folder"):
        audit_folder(tmp_path / "nowhere")
    folder = write(tmp_path / "out", train=table({"prompt": "p", "completion": "c"}))
    with pytest.raises(InputError, match="has no column chosen"):
        audit_folder(folder)
    with pytest.raises(InputError, match="no rows of the kind responses") as error:
        audit_folder(folder, "responses")
    assert "kinds there: cards" in error.value.hint
    (folder / "cards" / "train.parquet").write_bytes(b"PAR1 not")
    with pytest.raises(InputError, match=r"train\.parquet can't be read"):
        audit_folder(folder)
    write(tmp_path / "more", train=table(pair("p", "a", "b")))
    (tmp_path / "more" / "manifest.json").write_text("[]")
    with pytest.raises(InputError, match="is no manifest"):
        audit_folder(tmp_path / "more")
