"""Numbers and amounts as the command line writes them."""

from __future__ import annotations

import pytest

from graphengine.cli.output import amounts, probability, show_rows


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.99962, ">0.999"), (1.0, "1.000"), (0.0002, "<0.001"), (0.0, "0.000"), (0.6184, "0.618"), (None, "-")],
)
def test_a_doubtful_probability_never_reads_as_certain(value, shown):
    """Only what is certain is written as 1.000 or 0.000."""
    assert shown == probability(value)


def test_numbers_in_tables_are_short(capsys):
    """Columns of probabilities are written as such; other small numbers have two digits, and what is nothing is 0."""
    rows = [{"p_top": 0.99999, "score": 0.00097943}, {"p_top": 0.5, "score": -1e-12}]
    show_rows(rows, {"p_top": "P(top)", "score": "score"})

    assert ["P(top)    score", ">0.999  0.00098", " 0.500    0.000"] == capsys.readouterr().out.splitlines()


def test_a_node_in_a_table_reads_as_its_properties(capsys):
    """What a person's own query returns whole is shown as its properties, without Python's quotes."""
    show_rows([{"v": {"id": "a", "title": None, "policies": ["ONE", "TWO"]}}], {"v": "v"})

    assert ["v", "{id: a, title: -, policies: ONE; TWO}"] == capsys.readouterr().out.splitlines()


def test_amounts_are_said_in_words():
    """One is one, tables are called what their rows are, and what there is none of is not named."""
    assert "1 context, 2 votes, 1 tally, 1 superseded vote" == amounts(
        {"contexts": 1, "votes": 2, "tallies": 1, "votes_before": 1, "users": 0}
    )
    assert "1 authorship, 2 raised contexts, 60 train" == amounts({"articulated": 1, "raises": 2, "train": 60})
    assert "nothing" == amounts({"votes": 0})
