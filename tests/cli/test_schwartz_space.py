"""`schwartz space`: a verdict in words, AUCs beside words, correlations, a map, stable keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from graphengine.cli import schwartz_space
from graphengine.schwartz.items import POLICIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said

pytest.importorskip("sklearn")


@pytest.fixture
def rows(folder: Path) -> Path:
    """Labelled answers of which the unsafe ones oppose security."""
    rng = np.random.default_rng(0)
    lines = []
    for number in range(120):
        unsafe = bool(rng.random() < 0.4)
        types = ["security: -1"] if unsafe and rng.random() < 0.7 else ["security: +1"] * int(rng.random() < 0.5)
        lines.append({
            "dialogue": f"Human: q{number // 2}\nBob: {' '.join(rng.choice(['a', 'bb', 'cc'], 5))}", "value_items": [],
            "value_types": types, "query_source": "", "response_source": "", "risk": "unsafe" if unsafe else "safe",
        })
    (folder / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return folder / "rows.jsonl"


def test_json(cli: Callable[..., Said], rows: Path) -> None:
    """One object; figures as value and interval."""
    answer = cli("schwartz", "space", rows, "--draws", 50, "--json").json
    assert ["ok", "file", "label", "picture", "rows", "unsafe", "units", "folds", "axes", "auc", "correlation"] == list(
        answer)
    assert (120, 60, 5) == (answer["rows"], answer["units"], answer["folds"])
    lower, upper = answer["auc"]["values"]["interval"]
    assert 0.5 < lower < answer["auc"]["values"]["value"] < upper
    assert answer["correlation"]["security"]["interval"][1] < 0
    assert answer["correlation"]["power"]["value"] is None


def test_words_and_map(cli: Callable[..., Said], rows: Path) -> None:
    """The verdict first, then two tables; the map is a file of its own."""
    said = cli("schwartz", "space", rows, "--draws", 50, "--picture", "map.svg")
    assert (0, "") == (said.code, said.err)
    head, areas, correlations = said.out.strip().split("\n\n")
    assert "better than the words of the answer." in head
    assert ["told", "by"] == areas.split()[:2]
    assert "the map is in map.svg" in correlations
    assert (rows.parent / "map.svg").read_text(encoding="utf-8").startswith("<svg")


def test_the_choices_are_those_of_the_room() -> None:
    """The command's list of policies is the room's."""
    assert schwartz_space.POLICIES == POLICIES
