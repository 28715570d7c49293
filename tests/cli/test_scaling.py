"""`graphengine rank-votes`, as it is typed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said

HEAD = "participant,context,from_value,to_value,answer"


@pytest.fixture
def votes(folder: Path) -> Path:
    """Two files: nine answers, one of them no answer, and one given twice."""
    rows = [f"p{i},When lost,advice,asking,{'yes' if i < 7 else 'no'}" for i in range(8)]
    (folder / "a.csv").write_text("\n".join([HEAD, *rows]), encoding="utf-8")
    (folder / "b.csv").write_text(f"{HEAD}\np1,When lost,advice,asking,Yes\np9,When lost,advice,asking,ja\n")
    return folder


def test_files_become_a_file_of_ranks(cli: Callable[..., Said], votes: Path) -> None:
    """A pattern in quotes is enough; what was left out is told, and shows in the exit code."""
    said = cli("rank-votes", "*.csv", "--out", "ranks.parquet")

    assert 3 == said.code
    assert ("ranks.parquet: 2 places in 1 context, from 9 answers (every row counted as an answer) in 2 files, "
            "ranked by bradley-terry\n") == said.out
    assert "note: left out, unknown answer: 1 row\nnote: not an answer: 'ja' (1)\n" in said.err
    assert ["asking", "advice"] == pq.read_table(votes / "ranks.parquet").column("card_id").to_pylist()


def test_one_answer_for_each_person(cli: Callable[..., Said], votes: Path) -> None:
    """--distinct says what it counted and how much was repeated."""
    said = cli("rank-votes", "a.csv", "b.csv", "--out", "ranks.parquet", "--distinct", "--no-p-top")

    assert "from 8 answers (one for each participant and upgrade) in 2 files" in said.out
    assert "1 row repeated or superseded an answer\n" in said.out
    assert 2 == pq.read_table(votes / "ranks.parquet").column("p_top").null_count


def test_the_outcome_is_one_json_object(cli: Callable[..., Said], votes: Path) -> None:
    """--json gives amounts, reasons, calibration and seconds; the calibration serves another run."""
    first = cli("rank-votes", "a.csv", "--out", "first.parquet", "--json")
    again = cli("rank-votes", "a.csv", "--out", "again.parquet", "--calibration", "first.parquet", "--json")

    assert (0, True, 8, 1, 2) == (first.code, *(first.json[key] for key in ("ok", "votes", "contexts", "cards")))
    assert first.json["calibration"] == again.json["calibration"]
    assert {"split", "count", "rank", "write"} == set(again.json["seconds"])


def test_a_rule_that_pools_contexts_names_the_one_that_does_not(cli: Callable[..., Said], votes: Path) -> None:
    """--method pagerank needs a rule that looks at each context on its own."""
    said = cli("rank-votes", "a.csv", "--out", "ranks.parquet", "--method", "pagerank")

    assert 1 == said.code
    assert "try: --edge-rule mai-2023-context" in said.err
    assert 0 == cli("rank-votes", "a.csv", "--out", "r.parquet", "--method", "pagerank", "--edge-rule",
                    "mai-2023-context").code
