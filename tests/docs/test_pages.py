"""The pages of docs/ run: their files are written, their commands give what they show, their figures hold."""

from __future__ import annotations

import collections
import csv
import json
import math
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from graphengine import preferences, ranking, tables
from graphengine.preferences import pairs, splits
from tests import doc_pages
from tests.doc_pages import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

RANKING = PROJECT / "docs" / "ranking.md"
DATASETS = PROJECT / "docs" / "datasets.md"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["importing", "ranking", "datasets"])
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


def cells(page: Path, heading: str) -> list[str]:
    """The first cells of the table under a heading."""
    text = page.read_text(encoding="utf-8")
    rows = re.findall(r"^\|(.+?)\|", text[text.index(f"## {heading}\n") :].split("\n## ")[0], re.MULTILINE)
    return [row.strip() for row in rows[2:]]


def test_every_column_of_a_dataset_is_explained():
    """The table of docs/datasets.md names each column of an export and no other, in their order."""
    named = [column for cell in cells(DATASETS, "Columns") for column in re.findall(r"`(\w+)`", cell)]

    assert sorted(preferences.PAIRS.names) == sorted(named)


def test_every_reason_to_leave_out_is_explained():
    """The table of docs/datasets.md has each reason for which an export leaves something out."""
    reasons = [
        pairs.NO_TEXT, pairs.NO_COMMON_PART, pairs.SAME_TEXT, pairs.NO_PROBABILITY, pairs.SAME_PROMPT,
        splits.STRADDLING_SCENARIO, splits.STRADDLING_PROMPT, splits.STRADDLING_PAIR,
    ]
    assert reasons == cells(DATASETS, "What is left out")


@pytest.mark.train
@pytest.mark.slow
def test_datasets_examples_run(tmp_path):
    """The Python blocks of docs/datasets.md run as written: the dataset opens, TRL takes a step with its margins."""
    for package in ("torch", "datasets", "trl"):
        pytest.importorskip(package)
    variables = doc_pages.environment(tmp_path)
    program = """
from pathlib import Path
import graphengine
from graphengine.sample import sample_files
with graphengine.open("moral.graph") as graph:
    for file in sample_files().values():
        graph.import_file(file)
    graph.rank()
    graph.export_preferences("preferences")
from datasets import load_dataset
from transformers import LlamaConfig, LlamaForSequenceClassification
from tests.train.test_preferences_trl import make_tokenizer
texts = [row[side][0]["content"] for row in load_dataset("preferences")["train"] for side in ("prompt", "chosen")]
tokenizer = make_tokenizer(texts)
tokenizer.save_pretrained("MODEL")
LlamaForSequenceClassification(LlamaConfig(
    vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
    num_key_value_heads=2, max_position_embeddings=2048, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
    eos_token_id=tokenizer.eos_token_id, num_labels=1,
)).save_pretrained("MODEL")
"""
    first, training = (block.text for block in doc_pages.blocks(DATASETS, "python"))
    told = "\nassert trainer.state.global_step == 1 and 'margin' in next(iter(trainer.get_train_dataloader()))"
    printed = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=tmp_path, env=variables, stdout=subprocess.PIPE, encoding="utf-8",
            check=True,
        ).stdout
        for code in (program, first, training + told)
    ]

    assert "60 15\n" == printed[1]
    assert f"# prints: {printed[1]}" in first
