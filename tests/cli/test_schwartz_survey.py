"""`schwartz score` and `schwartz target`: from a survey to a target file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from graphengine.cli import schwartz_survey
from graphengine.schwartz.instruments.instrument import INSTRUMENTS
from graphengine.schwartz.mapping import MAPPINGS
from graphengine.schwartz.target import KINDS
from graphengine.schwartz.target_files import load_target
from tests.survey_people import codes, ess_csv

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said


@pytest.fixture
def survey(folder: Path) -> Path:
    """Two countries, one of them of one person."""
    return ess_csv(folder / "ess.csv", {"AA": codes("ess-21", 80, 1), "BB": codes("ess-21", 1, 2)}, w=[1] * 81)


def test_names_that_are_written_out() -> None:
    """The names in the options are those that the room knows."""
    assert tuple(INSTRUMENTS) == schwartz_survey.INSTRUMENTS
    assert MAPPINGS == schwartz_survey.MAPPINGS
    assert {*schwartz_survey.KINDS} <= {*KINDS}


def test_from_a_survey_to_a_target(cli: Callable[..., Said], survey: Path, folder: Path) -> None:
    """Scores are shown with their errors and written; a target file follows from them, with its provenance."""
    said = cli("schwartz", "score", survey, "--by", "cntry", "--weight", "w", "--out", "scores.json")
    assert 0 == said.code
    assert "people: AA 80, BB 1" in said.out
    assert "one person, so there is no sampling error: BB" in said.err
    said = cli("schwartz", "target", "scores.json", "aa.toml", "--group", "AA")
    assert "national, centred-scaled, with standard errors; ess.csv, AA: centred means of 80 people" in said.out
    target = load_target(folder / "aa.toml")
    assert (80, "national") == (target.people, target.kind)
    told = cli("schwartz", "target", "scores.json", "bb.json", "--group", "BB", "--mapping", "rank", "--json").json
    assert ("individual", "rank", "no sampling error") == tuple(
        told["target"][name] for name in ("kind", "mapping", "sampling"))


def test_stable_keys(cli: Callable[..., Said], survey: Path) -> None:
    """`score --json` has the keys of a file of scores."""
    told = cli("schwartz", "score", survey, "--raw", "--json").json
    assert {"ok", "format", "file", "instrument", "version", "system", "centred", "weight", "by", "read", "too_few",
            "same", "no_group", "groups", "notes", "licence"} == {*told}
    assert {"group", "people", "means", "errors", "n", "sampling"} == {*told["groups"][0]}


def test_nothing_is_written_where_something_is_wrong(cli: Callable[..., Said], survey: Path, folder: Path) -> None:
    """A wrong column, a mapping that does not fit and a prefix without instrument are told, and no file is there."""
    said = cli("schwartz", "score", survey, "--by", "cntri", "--out", "scores.json")
    assert 1 == said.code
    assert "did you mean cntry?" in said.err
    assert not (folder / "scores.json").exists()
    assert 2 == cli("schwartz", "score", survey, "--items", "q").code
    cli("schwartz", "score", survey, "--by", "cntry", "--out", "scores.json")
    said = cli("schwartz", "target", "scores.json", "aa.toml", "--group", "AA", "--mapping", "raw-rescale")
    assert (1, False) == (said.code, (folder / "aa.toml").exists())
    assert 1 == cli("schwartz", "target", "scores.json", "aa.txt", "--group", "AA").code
