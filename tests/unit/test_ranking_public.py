"""The room's door: names, light import, and draws that are always the same."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from graphengine import ranking
from graphengine.ranking.top import DRAWS, places, standard_draws
from tests.ranking_worlds import make_counts, simulate


def test_every_public_name_is_there():
    """Each name of __all__ can be had, and an unknown one is an AttributeError."""
    assert all(getattr(ranking, name) is not None for name in ranking.__all__)
    assert {"calibrate", "rank_counts", "wiser_edges", "rule_edges", "verdicts", "components"} <= set(ranking.__all__)
    with pytest.raises(AttributeError, match="no attribute 'elo'"):
        _ = ranking.elo


def test_functions_stay_functions():
    """No module of the room takes the place of a function of the same name, in whatever order they are loaded."""
    code = (
        "import graphengine.ranking as r, graphengine.ranking.methods, graphengine.ranking.edges\n"
        "print(all(callable(getattr(r, n)) or n in ('EDGE_RULES', 'METHODS') for n in r.__all__))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "True" == done.stdout.strip()


def test_import_is_light():
    """Importing the room loads neither numpy nor scipy; its names do, when they are used."""
    code = "import sys, graphengine.ranking; print([m for m in ('numpy', 'scipy', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[]" == done.stdout.strip()


@pytest.mark.parametrize("width", [3, 32, 50])
def test_draws_are_standard_normal(width):
    """The fixed draws have mean 0, variance 1 and no correlation, near enough, and can't be written to."""
    draws = standard_draws(width)
    assert (width, DRAWS) == draws.shape
    assert np.abs(draws.mean(axis=1)).max() < 0.1
    assert np.abs(draws.var(axis=1) - 1).max() < 0.15
    assert np.abs(np.corrcoef(draws) - np.eye(width)).max() < 0.2
    with pytest.raises(ValueError, match="read-only"):
        draws[0, 0] = 1


def test_more_cards_do_not_change_the_first_draws():
    """The draws of the highest cards are the same in small and large contexts."""
    assert standard_draws(3).tolist() == standard_draws(50)[:3].tolist()


def test_padding_has_no_part_in_p_top():
    """A context in a wider block gets what it gets alone."""
    theta, covariance = np.array([[0.3, 0.1, -0.2]]), np.diag([0.1, 0.2, 0.3])[None]
    alone = places(theta, covariance, np.ones((1, 3), bool))
    wide_theta, wide_covariance = np.zeros((1, 4)), np.eye(4)[None] * 0.5
    wide_theta[0, [0, 1, 3]] = theta[0]
    wide_covariance[:, [[0], [1], [3]], [0, 1, 3]] = covariance
    padded = places(wide_theta, wide_covariance, np.array([[True, True, False, True]]))
    assert alone.p_top[0].tolist() == padded.p_top[0, [0, 1, 3]].tolist()
    assert alone.lower[0].tolist() == padded.lower[0, [0, 1, 3]].tolist()
    assert 0 == padded.p_top[0, 2]


def test_text_of_any_language():
    """Ids in any script are ranked as they are, in code point order where scores tie."""
    counts = make_counts([("迷うとき", "忍耐", "正直", 0, 0, 9), ("迷うとき", "忍耐", "Mut", 0, 0, 9)])
    ranks = ranking.rank_counts(counts)
    assert ["Mut", "忍耐", "正直"] == ranks.column("card_id").to_pylist()
    assert ["迷うとき"] * 3 == ranks.column("context_id").to_pylist()


def test_confidence_only_decides_what_is_marked():
    """Another confidence changes tied_top alone."""
    counts, _ = simulate(1, contexts=5)
    one, other = (ranking.rank_counts(counts, confidence=c).drop_columns(["tied_top"]) for c in (0.5, 0.99))
    assert one == other
