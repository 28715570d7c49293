"""`dataset audit`: words first, a table with intervals, stable keys, exit code 1 past the limits that were set."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

import pytest
from pyarrow import parquet

from graphengine.preferences import write_preferences
from graphengine.preferences.audit import KINDS
from graphengine.sample import sample_files
from tests.preference_sources import source_of_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said

pytestmark = pytest.mark.slow


@pytest.fixture
def exported(folder: Path) -> Path:
    """The sample graph as a dataset folder."""
    write_preferences(source_of_files(sample_files()["cards"].parent), folder / "pairs")
    return folder / "pairs"


def test_words_then_a_table_then_facts(cli: Callable[..., Said], exported: Path) -> None:
    """What the baselines mean comes first, then their numbers with intervals, then what else was counted."""
    said = cli("dataset", "audit", exported)
    assert (0, "") == (said.code, said.err)
    head, words, numbers, facts = said.out.strip().split("\n\n")
    train, test = (parquet.read_table(exported / "cards" / f"{name}.parquet").num_rows for name in ("train", "test"))
    assert f"cards: {train + test} pairs ({train} train, {test} test) of 10 contexts" == head
    assert "can't be told from a coin" in words
    assert "Each text starts with the card's title" in words
    assert ["held-out", "split", "baseline", "accuracy", "lower", "upper"] == numbers.split()[:6]
    assert ["length", "words", "title"] == [line.split()[1] for line in numbers.splitlines()[1:4]]
    assert "duplicates: 0 rows" in facts
    assert "train and test share: 2 cards" in facts


def test_json_keys(cli: Callable[..., Said], exported: Path) -> None:
    """One object; its keys stay."""
    answer = cli("dataset", "audit", exported, "--json").json
    assert [
        "ok", "folder", "kind", "splits", "baselines", "shows_titles", "certainty", "lengths", "balance", "duplicates",
        "overlap", "changed", "problems",
    ] == list(answer)
    assert ["name", "rule", "accuracy", "lower", "upper", "pairs", "ties", "contexts"] == list(
        answer["baselines"]["test"][0]
    )
    assert (True, []) == (answer["ok"], answer["problems"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--max-length-accuracy", "0.6"], "the length baseline reaches 0.733, more than 0.6"),
        (["--max-words-accuracy", "0.3"], "the words baseline reaches"),
        (["--max-title-accuracy", "0.5"], "the title baseline reaches"),
        (["--max-length", "100", "--max-truncated", "0.1"], "of the rows are longer than 100 words, more than 10.0%"),
    ],
)
def test_past_a_limit_the_exit_code_is_1(
    cli: Callable[..., Said], exported: Path, options: list[str], told: str
) -> None:
    """A limit that is passed is told on stderr, beside the report, and as `problems`; the exit code is 1."""
    said = cli("dataset", "audit", exported, *options)
    assert 1 == said.code
    assert told in said.err
    assert "held-out split" in said.out
    answer = cli("dataset", "audit", exported, *options, "--json")
    assert (1, False) == (answer.code, answer.json["ok"])
    assert any(told in problem for problem in answer.json["problems"])


def test_limits_that_are_kept(cli: Callable[..., Said], exported: Path) -> None:
    """Within all limits the exit code is 0."""
    limits = ("--max-length-accuracy", 0.8, "--max-words-accuracy", 0.8, "--max-title-accuracy", 0.8)
    assert 0 == cli("dataset", "audit", exported, *limits, "--max-duplicates", 0).code


def test_a_changed_file_fails(cli: Callable[..., Said], exported: Path) -> None:
    """A file that was changed after the export is a problem, whatever the limits."""
    file = exported / "cards" / "train.parquet"
    parquet.write_table(parquet.read_table(file).slice(1), file)
    said = cli("dataset", "audit", exported)
    assert 1 == said.code
    assert "cards/train.parquet is not what manifest.json says" in said.err


def test_wrong_usage(cli: Callable[..., Said], exported: Path) -> None:
    """A limit on long rows needs a length; a kind that is not there says which are; no folder says what to give."""
    assert 2 == cli("dataset", "audit", exported, "--max-truncated", "0.1").code
    said = cli("dataset", "audit", exported, "--kind", "responses")
    assert 1 == said.code
    assert "--kind" in said.err
    assert "graphengine export preferences" in cli("dataset", "audit", "nowhere").err


def test_without_scikit_learn(cli: Callable[..., Said], exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error names it."""
    monkeypatch.setitem(sys.modules, "sklearn.feature_extraction.text", None)
    said = cli("dataset", "audit", exported)
    assert 1 == said.code
    assert "pip install 'graphengine[train]'" in said.err


def test_the_kinds_are_those_of_the_audit() -> None:
    """The names written out for `--help` are the ones that the audit takes."""
    assert KINDS == importlib.import_module("graphengine.cli.auditing")._KINDS
