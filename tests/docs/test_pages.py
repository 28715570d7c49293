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
from graphengine.preferences import disjoint, pairs, splits
from tests import doc_pages
from tests.doc_pages import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

RANKING = PROJECT / "docs" / "ranking.md"
METHODS = PROJECT / "docs" / "methods.md"
DATASETS = PROJECT / "docs" / "datasets.md"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["importing", "ranking", "datasets", "value-targets"])
def test_commands_print_what_the_page_says(name: str, tmp_path: Path) -> None:
    """Every command of the page prints what stands under it; none ends in a traceback."""
    ran = doc_pages.run(PROJECT / "docs" / f"{name}.md", tmp_path)

    assert ran
    assert [] == [found for command in ran if (found := doc_pages.differs(command))]


def test_methods_example_prints_what_it_says(capsys):
    """The Python block of docs/methods.md prints what its comment says."""
    code = doc_pages.blocks(METHODS, "python")[0].text
    exec(compile(code, str(METHODS), "exec"), {})
    printed = re.search(r"# prints: (.+)", code)

    assert printed is not None
    assert printed[1] + "\n" == capsys.readouterr().out


def edge_rules() -> dict[str, int]:
    """The table of edge rules: the number of edges in the published run, by rule."""
    rows = re.findall(r"^\| `([\w-]+)` \|.+\| (\d+) \|$", METHODS.read_text(encoding="utf-8"), re.MULTILINE)
    return {rule: int(number) for rule, number in rows}


def test_every_edge_rule_is_explained():
    """The table of docs/methods.md has each edge rule and no other."""
    assert list(ranking.EDGE_RULES) == list(edge_rules())


@pytest.fixture(scope="module")
def published(dft: Path) -> tuple[pa.Table, pa.Table]:
    """The votes of the published run, as COUNTS and PEOPLE."""
    answers: collections.Counter[tuple[str, ...]] = collections.Counter()
    people: dict[tuple[str, str], set[str]] = collections.defaultdict(set)
    with (dft / "votes-prolific-run.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            answers[row["context"], row["from_value"], row["to_value"], row["answer"]] += 1
            for card in (row["from_value"], row["to_value"]):
                people[row["context"], card].add(row["participant"])
    return tables.COUNTS.table([
        {"context_id": c, "from_id": a, "to_id": b, **{answer: answers[c, a, b, answer] for answer in tables.ANSWERS}}
        for c, a, b in sorted({key[:3] for key in answers})
    ]), tables.PEOPLE.table([
        {"context_id": c, "card_id": card, "people": len(names)} for (c, card), names in sorted(people.items())
    ])


@pytest.mark.data
def test_figures_of_the_published_run(dft, published):
    """What docs/methods.md says of the published run: the edges of each rule, β, σ, how an even pair is answered."""
    expected = json.loads((dft / "expected-prolific-run.json").read_text(encoding="utf-8"))
    shared = ranking.calibrate(published[0])
    text = " ".join(METHODS.read_text(encoding="utf-8").split())
    figures = re.search(r'answered "wiser" by (\d+)%; β = ([\d.]+) ± ([\d.]+), σ = ([\d.]+)\)', text)
    even = 100 / (1 + math.exp(shared.tau - shared.beta))

    rules = expected["rules"] | expected["variants"]
    assert {name: rule["edge_count"] for name, rule in rules.items()} == edge_rules()
    assert figures is not None
    assert [round(even), round(shared.beta, 2), round(shared.sd_beta, 2), round(shared.sigma, 2)] == [
        float(figure) for figure in figures.groups()
    ]


@pytest.mark.data
def test_winners_of_the_published_run(published):
    """The table of docs/ranking.md: each context's answers, cards, highest P(top), and the set that is wisest."""
    counts, people = published
    ranks = ranking.rank_counts(counts, calibration=ranking.calibrate(counts), people=people)
    verdicts = {row["context_id"]: row for row in ranking.verdicts(ranks, counts, people).to_pylist()}
    by_pagerank = {row["context_id"]: row["card_id"] for row in ranking.rank_counts(
        counts, "pagerank", edge_rule="mai-2023-context").to_pylist() if row["rank"] == 1}
    asked = collections.Counter()
    for row in counts.to_pylist():
        asked[row["context_id"]] += row["wiser"] + row["not_wiser"] + row["unsure"]
    found: dict[str, list[float]] = {}
    for context in verdicts:
        rows = [row for row in ranks.to_pylist() if row["context_id"] == context]
        p_top = {row["card_id"]: row["p_top"] for row in rows}
        found[context.split()[-1]] = [
            asked[context], len(rows), pytest.approx(max(p_top.values()), abs=0.011),
            sum(row["tied_top"] for row in rows), pytest.approx(p_top[by_pagerank[context]], abs=0.011),
        ]
        assert not verdicts[context]["single_winner"]
        lacks = re.search(r"lie in (\d+) components", verdicts[context]["reason"])
        assert lacks is None or f"{lacks[1]} components" in _row(context.split()[-1])[5]
    assert 11 == len(found)
    for context, figures in found.items():
        told = _row(context)
        assert figures == [float(told[i]) for i in (1, 2, 3, 4, 6)], context


def _row(context: str) -> list[str]:
    text = RANKING.read_text(encoding="utf-8")
    row = re.search(rf"^\| {context} \|.*$", text, re.MULTILINE)
    assert row is not None
    return [cell.strip() for cell in row[0].strip("|").split("|")]


def cells(page: Path, heading: str) -> list[str]:
    """The first cells of the table under a heading."""
    text = page.read_text(encoding="utf-8")
    rows = re.findall(r"^\|(.+?)\|", text[text.index(f"## {heading}\n") :].split("\n## ")[0], re.MULTILINE)
    return [row.strip() for row in rows[2:]]


def test_every_column_of_a_dataset_is_explained():
    """The table of docs/datasets.md names each column of an export and no other, in their order."""
    named = [column for cell in cells(DATASETS, "Columns") for column in re.findall(r"`(\w+)`", cell)]

    assert sorted(preferences.PAIRS.names) == sorted(named)


def test_every_kind_and_format_is_explained():
    """The tables of docs/datasets.md have each kind that the command offers, and each format."""
    from graphengine.cli import exporting, generating

    kinds = {*exporting.KINDS, *generating.WRITTEN}
    assert kinds == {cell.strip("`") for cell in cells(DATASETS, "Kinds")}
    assert list(preferences.FORMATS) == [cell.strip("`") for cell in cells(DATASETS, "Formats")]


def test_every_reason_to_leave_out_is_explained():
    """The table of docs/datasets.md has each reason for which an export leaves something out."""
    reasons = [
        pairs.NO_TEXT, pairs.NO_COMMON_PART, pairs.SAME_TEXT, pairs.NO_PROBABILITY, pairs.SAME_PROMPT, pairs.IN_CIRCLE,
        pairs.NOT_COMPARED, pairs.UNSURE, splits.STRADDLING_SCENARIO, splits.STRADDLING_PROMPT, splits.STRADDLING_PAIR,
        disjoint.STRADDLING_CARD,
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

    assert "57 15\n" == printed[1]
    assert f"# prints: {printed[1]}" in first
