"""`schwartz probe` on the sample's dataset: a line for each kind of numbers, one table, stable keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from graphengine.cli import schwartz_probe
from graphengine.preferences import write_preferences
from graphengine.preferences.audit import KINDS
from graphengine.sample import sample_card_values, sample_files
from tests.preference_sources import source_of_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said

pytest.importorskip("sklearn")
pytestmark = pytest.mark.slow


@pytest.fixture
def exported(folder: Path) -> Path:
    """The sample graph as a dataset folder."""
    write_preferences(source_of_files(sample_files()["cards"].parent), folder / "pairs")
    return folder / "pairs"


def test_json(cli: Callable[..., Said], exported: Path) -> None:
    """One object with a row for each kind of numbers, then words and length."""
    answer = cli("schwartz", "probe", exported, "--scores", "sample", "--json").json
    assert ["ok", "folder", "kind", "train", "held_out", "rows"] == list(answer)
    assert ["10 values (schwartz-10)", "words", "length"] == [row["name"] for row in answer["rows"]]
    assert ["name", "numbers", "accuracy", "lower", "upper", "pairs", "ties", "contexts", "over_words"] == list(
        answer["rows"][0])
    assert {"value": None, "interval": [None, None]} == answer["rows"][1]["over_words"]


def test_words(cli: Callable[..., Said], exported: Path) -> None:
    """Two held-out contexts tell next to nothing, and the first line says so."""
    said = cli("schwartz", "probe", exported, "--scores", sample_card_values(), "--embeddings", sample_card_values())
    assert (0, "") == (said.code, said.err)
    head, table = said.out.strip().split("\n\n")
    assert "10 values (schwartz-10): on so few contexts it can't be told from a coin." in head
    assert "embeddings: on so few contexts" in head
    assert 5 == len(table.splitlines())


def test_nothing_held_out(cli: Callable[..., Said], exported: Path) -> None:
    """A folder without a held-out split can't be probed."""
    (exported / "cards" / "test.parquet").unlink()
    said = cli("schwartz", "probe", exported, "--scores", "sample", "--json")
    assert (1, "bad_input") == (said.code, said.json["error"])
    assert "no pairs to learn from and others held out" in said.json["message"]


def test_the_choices_are_those_of_the_room() -> None:
    """The command's list of kinds is the audit's."""
    assert schwartz_probe.KINDS == KINDS
