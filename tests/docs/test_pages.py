"""The pages of docs/ run: their files are written, their commands give what they show, their figures hold."""

from __future__ import annotations

import collections
import csv
import json
import math
import re
from typing import TYPE_CHECKING

import pytest

from graphengine import ranking, tables
from tests import doc_pages
from tests.doc_pages import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

RANKING = PROJECT / "docs" / "ranking.md"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["importing", "ranking"])
def test_commands_print_what_the_page_says(name: str, tmp_path: Path) -> None:
    """Every command of the page prints what stands under it; none ends in a traceback."""
    ran = doc_pages.run(PROJECT / "docs" / f"{name}.md", tmp_path)

    assert ran
    assert [] == [found for command in ran if (found := doc_pages.differs(command))]


def test_ranking_example_prints_what_it_says(capsys):
    """The Python block of docs/ranking.md prints what its comment says."""
    code = doc_pages.blocks(RANKING, "python")[0].text
    exec(compile(code, str(RANKING), "exec"), {})
    printed = re.search(r"# prints: (.+)", code)

    assert printed is not None
    assert printed[1] + "\n" == capsys.readouterr().out


def edge_rules() -> dict[str, int]:
    """The table of edge rules: the number of edges in the published run, by rule."""
    rows = re.findall(r"^\| `([\w-]+)` \|.+\| (\d+) \|$", RANKING.read_text(encoding="utf-8"), re.MULTILINE)
    return {rule: int(number) for rule, number in rows}


def test_every_edge_rule_is_explained():
    """The table of docs/ranking.md has each edge rule and no other."""
    assert list(ranking.EDGE_RULES) == list(edge_rules())


@pytest.mark.data
def test_figures_of_the_published_run(dft):
    """What docs/ranking.md says of the published run: the edges of each rule, β, σ, how an even pair is answered."""
    expected = json.loads((dft / "expected-prolific-run.json").read_text(encoding="utf-8"))
    answers: collections.Counter[tuple[str, ...]] = collections.Counter()
    with (dft / "votes-prolific-run.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            answers[row["context"], row["from_value"], row["to_value"], row["answer"]] += 1
    shared = ranking.calibrate(tables.COUNTS.table([
        {"context_id": c, "from_id": a, "to_id": b, **{answer: answers[c, a, b, answer] for answer in tables.ANSWERS}}
        for c, a, b in sorted({key[:3] for key in answers})
    ]))
    text = " ".join(RANKING.read_text(encoding="utf-8").split())
    figures = re.search(r'answered "wiser" by (\d+)%; β = ([\d.]+) ± ([\d.]+), σ = ([\d.]+)\)', text)
    even = 100 / (1 + math.exp(shared.tau - shared.beta))

    rules = expected["rules"] | expected["variants"]
    assert {name: rule["edge_count"] for name, rule in rules.items()} == edge_rules()
    assert figures is not None
    assert [round(even), round(shared.beta, 2), round(shared.sd_beta, 2), round(shared.sigma, 2)] == [
        float(figure) for figure in figures.groups()
    ]
