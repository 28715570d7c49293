"""The public part of Value FULCRA: every count and distance is what was worked out for these files beforehand.

Texts of the rows are never shown: asserts compare numbers and labels.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphengine.schwartz.distance import DISTANCES, SPEAKS
from graphengine.schwartz.items import POLICIES, items
from graphengine.schwartz.lint import BARE, Lint, lint
from graphengine.schwartz.measuring import facts, measure
from graphengine.schwartz.rows import Row, as_table, base_rates, read_rows, write_rows
from graphengine.schwartz.scores import Scores, read_scores
from graphengine.schwartz.stats import stats
from graphengine.schwartz.system import load_system
from graphengine.schwartz.target_files import load_target
from tests.conftest import PROJECT, missing

pytestmark = pytest.mark.data

MODELS = ("gpt-4", "gpt-35-turbo", "mistral-large")
TARGETS = ("UK", "NL", "FR", "paper", "paper-eval")
PUBLISHED = tuple(name for name in DISTANCES if name not in ("weighted", "spearman"))


def near(number: Any) -> Any:
    """The expected numbers are rounded to ten places."""
    return pytest.approx(number, abs=1e-8, rel=0)


@pytest.fixture(scope="module")
def fulcra() -> Path:
    """The folder of the rows and scores."""
    data = Path(os.environ.get("GRAPHENGINE_TEST_DATA") or PROJECT.parent / "shared" / "data")
    if not (data / "fulcra").is_dir():
        missing("data", f"the FULCRA data is not in {data} (GRAPHENGINE_TEST_DATA)")
    return data / "fulcra"


@pytest.fixture(scope="module")
def expected(fulcra: Path) -> dict[str, Any]:
    """What a correct implementation gives."""
    return json.loads((fulcra / "expected-fulcra.json").read_text())


@pytest.fixture(scope="module")
def rows(fulcra: Path) -> list[Row]:
    """The labelled rows."""
    return read_rows(fulcra / "trustworthy_data.jsonl")


@pytest.fixture(scope="module")
def linted(rows: list[Row]) -> Lint:
    """What is wrong with them."""
    return lint(rows)


@pytest.fixture(scope="module")
def scores(fulcra: Path) -> dict[str, Scores]:
    """The released scores of three models' answers."""
    return {model: read_scores(fulcra / f"scores-{model}.csv") for model in MODELS}


# Rows --------------------------------------------------------------------------------------------------------------


def test_rows(rows: list[Row], expected: dict[str, Any]) -> None:
    """Rows, their lengths, prompts and responders are read as they are."""
    assert expected["rows"] == len(rows)
    assert near(expected["mean_dialogue_characters"]) == sum(len(row.dialogue) for row in rows) / len(rows)
    assert expected["distinct_dialogues"] == len({row.dialogue for row in rows})
    assert expected["distinct_prompts"] == len({row.prompt for row in rows})
    assert all(row.response for row in rows)
    found = stats(rows)
    responders = {part.name: part.rows for part in found.parts if part.by == "response_source"}
    assert expected["response_source"] == responders
    assert expected["distinct_types_per_row"] == {str(number): count for number, count in found.types_per_row.items()}


def test_rows_come_back_as_they_were(rows: list[Row], fulcra: Path, tmp_path: Path) -> None:
    """Written rows are the file that was read, byte for byte."""
    write_rows(rows, tmp_path / "rows.jsonl")
    same = (tmp_path / "rows.jsonl").read_bytes() == (fulcra / "trustworthy_data.jsonl").read_bytes()
    assert same


@pytest.mark.parametrize("field", ["value_types", "value_items"])
def test_signs(linted: Lint, expected: dict[str, Any], field: str) -> None:
    """Labels are counted by how their sign is written."""
    signs = {name.replace("1 (bare)", BARE): count for name, count in expected["lint"]["signs"][field].items()}
    assert signs == linted.signs[field]
    assert expected["lint"]["labels"][field] == linted.labels[field]


def test_lint_counts(linted: Lint, expected: dict[str, Any]) -> None:
    """Each kind of defect is found as often as it is there."""
    assert expected["lint"]["counts"] == {kind: count for kind, count in linted.counts.items() if count}
    assert expected["lint"]["rows_with_bare_1"] == len(linted.bare_rows)


def test_lint_places(linted: Lint, expected: dict[str, Any]) -> None:
    """Each defect is found in its line, with the label at fault, and explained."""
    for kind, places in expected["lint"]["where"].items():
        lines = [place[0] if isinstance(place, list) else place for place in places]
        assert lines == linted.where(kind), kind
        labels = [place[1] for place in places if isinstance(place, list)]
        if labels:
            assert labels == [each.label for each in linted.findings if each.kind == kind]
    assert all(each.told for each in linted.findings)


def test_items(expected: dict[str, Any]) -> None:
    """The 58 items: number, spelling, refined value, and the place under each policy."""
    found = [
        {"number": each.number, "item": each.label, "refined": each.refined,
         **{policy: each.value(policy) for policy in POLICIES}}
        for each in items()
    ]
    assert expected["items"] == found
    placed = {policy: sum(each.value(policy) is not None for each in items()) for policy in POLICIES}
    assert expected["items_placed"] == placed
    assert expected["lint"]["item_aliases"] == {other: each.label for each in items() for other in each.others}


def test_distinct_items(rows: list[Row], expected: dict[str, Any]) -> None:
    """As many spellings of items occur as were counted."""
    assert expected["lint"]["distinct_item_names"] == len({each.name for row in rows for each in row.items})


@pytest.mark.parametrize("policy", ["stored", *POLICIES])
def test_value_counts(rows: list[Row], expected: dict[str, Any], policy: str) -> None:
    """Labels and rows per value and sign, for the stored types and under each policy."""
    found = {
        each.value: {"labels_neg": each.labels_opposed, "labels_pos": each.labels_aligned, "rows_neg": each.opposed,
                     "rows_pos": each.aligned, "rows_both": each.both}
        for each in stats(rows, policy).parts[0].counts
    }
    assert expected["value_counts"][policy] == found


def test_rows_that_change_with_the_policy(rows: list[Row], expected: dict[str, Any]) -> None:
    """As many rows have other values under another policy as were counted."""
    for policy, number in expected["rows_changed_against_fulcra_code"].items():
        assert number == sum(row.signs(policy) != row.signs("fulcra_code") for row in rows), policy


def test_cells(rows: list[Row], expected: dict[str, Any]) -> None:
    """Cells that are not 0, that conflict, and how often always answering 0 is right."""
    found = stats(rows).as_json()["cells"]
    assert {name: near(number) for name, number in expected["cells"].items()} == found


def test_table_for_an_evaluator(rows: list[Row], expected: dict[str, Any]) -> None:
    """The table has a null where a row has both signs, and the counts of the cells otherwise."""
    table = as_table(rows)
    columns = [table[value] for value in expected["order"]]
    assert expected["cells"]["conflicting"] == sum(column.null_count for column in columns)
    nonzero = sum(int((column.drop_null().to_numpy() != 0).sum()) for column in columns)
    assert expected["cells"]["nonzero"] - expected["cells"]["conflicting"] == nonzero


# Distances ---------------------------------------------------------------------------------------------------------


def test_targets(expected: dict[str, Any]) -> None:
    """The presets are the published vectors, in the order of schwartz-10, and say that their formula is unknown."""
    assert expected["order"] == list(load_system("schwartz-10").ids)
    for name, vector in expected["targets"].items():
        assert vector == list(load_target(name).vector), name
    assert all("formula undocumented" in load_target(name).note for name in ("UK", "NL", "FR"))


def test_base_rates(rows: list[Row], expected: dict[str, Any]) -> None:
    """The base rates are rows with only + less rows with only -."""
    assert near(expected["null"]["base_rate"]["vector"]) == base_rates(rows).tolist()


@pytest.mark.parametrize("target", TARGETS)
def test_null_baselines(
    scores: dict[str, Scores], rows: list[Row], expected: dict[str, Any], target: str
) -> None:
    """The zero vector, the base rates and the floor, under each distance."""
    found = measure(scores["gpt-4"], load_target(target), base_rates=base_rates(rows))
    for name in PUBLISHED:
        zero = expected["null"]["zero"]["distance"][target][name]
        assert (None if zero is None else near(zero)) == found.zero[name]
        assert near(expected["null"]["base_rate"]["distance"][target][name]) == found.base_rate[name]
    assert found.base_rate["spearman"] is not None
    assert near(expected["null"]["base_rate"]["spearman"][target]) == 1 - found.base_rate["spearman"]
    assert near(expected["null"]["ternary_floor_l1"][target]) == found.floor["l1"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("model", MODELS)
def test_distances(scores: dict[str, Scores], expected: dict[str, Any], model: str, target: str) -> None:
    """Each distance per response and of the profile, and the rank correlation of the profile."""
    found = measure(scores[model], load_target(target))
    told = expected["models"][model]
    for name in PUBLISHED:
        assert near(told["per_response"][target][name]) == found.per_response[name].value, name
        assert near(told["profile_distance"][target][name]) == found.profile[name].value, name
    assert near(told["spearman_profile"][target]) == 1 - found.profile["spearman"].value


@pytest.mark.parametrize("model", MODELS)
def test_what_scores_are_like(scores: dict[str, Scores], expected: dict[str, Any], model: str) -> None:
    """Profile, saturation, coverage, neutral rows and what the published mask skips."""
    told, found = expected["models"][model], facts(scores[model])
    assert told["rows"] == found.rows
    assert near(told["profile"]) == [each.value for each in found.profile.values()]
    assert near(told["saturated_share"]) == found.saturated
    assert near(told["coverage"]) == found.coverage
    assert told["neutral_rows"] == found.neutral
    paper = measure(scores[model], load_target("paper"), distances=["l1"])
    assert near(told["masked_share_of_paper_target"]) == paper.masked
    assert told["neutral_rows_on_paper_target"] == paper.neutral


@pytest.mark.parametrize("model", MODELS)
def test_published_columns(fulcra: Path, scores: dict[str, Scores], expected: dict[str, Any], model: str) -> None:
    """The distances that were published with each row are those over the values that the evaluation asks for."""
    import csv

    with (fulcra / f"scores-{model}.csv").open() as file:
        rows = list(csv.DictReader(file))
    asked = load_target("paper-eval").array == 1
    apart = scores[model].matrix[:, asked] - 1
    euclidean, hamming = np.sqrt((apart**2).sum(axis=1)), np.abs(apart).sum(axis=1)
    assert near(euclidean.tolist()) == [float(row["e_distance"]) for row in rows]
    assert near(hamming.tolist()) == [float(row["h_distance"]) for row in rows]
    assert near(expected["models"][model]["mean"]["h_distance"]) == float(hamming.mean())


def test_a_neutral_answer_beats_the_models_per_response(scores: dict[str, Scores]) -> None:
    """By L1 to the three nations an answer without any value is nearer than the answers of all three models."""
    for target in ("UK", "NL", "FR"):
        found = [measure(scores[model], load_target(target), distances=["l1"]) for model in MODELS]
        assert all(each.zero["l1"] is not None and each.zero["l1"] < each.per_response["l1"].value for each in found)


def test_the_order_of_models_flips_with_the_unit(scores: dict[str, Scores]) -> None:
    """Which model is nearest to the UK depends on whether answers or profiles are measured."""
    found = {model: measure(scores[model], load_target("UK"), distances=["l1"]) for model in MODELS}
    assert "gpt-4" == min(MODELS, key=lambda model: found[model].per_response["l1"].value)
    assert "mistral-large" == min(MODELS, key=lambda model: found[model].profile["l1"].value)


def test_the_published_reward_ranks_models_otherwise(scores: dict[str, Scores]) -> None:
    """Masked, GPT-4 comes first; unmasked, GPT-3.5: the mask forgives what an answer does not say."""
    found = {model: measure(scores[model], load_target("paper")) for model in MODELS}
    assert "gpt-4" == min(MODELS, key=lambda model: found[model].per_response["paper_masked"].value)
    assert "gpt-35-turbo" == min(MODELS, key=lambda model: found[model].per_response["weighted"].value)
    assert all(np.abs(scores[model].matrix).max() > SPEAKS for model in MODELS)


def test_figures_of_the_page(scores: dict[str, Scores], rows: list[Row]) -> None:
    """docs/value-targets.md tells what a neutral answer is rewarded with, and how near silence is, as measured."""
    text = (PROJECT / "docs" / "value-targets.md").read_text(encoding="utf-8")

    def told(name: str) -> list[str]:
        line = next(line for line in text.splitlines() if line.strip().startswith(f"| {name} |"))
        return [cell.strip() for cell in line.strip().strip("|").split("|")[1:]]

    paper = {model: measure(scores[model], load_target("paper"), base_rates=base_rates(rows)) for model in MODELS}
    for name in ("paper_masked", "weighted"):
        zero = paper["gpt-4"].zero[name]
        assert zero is not None
        rewards = [-zero, *(-paper[model].per_response[name].value for model in MODELS)]
        assert told(f"reward, `{name}`") == [f"{reward + 0.0:.2f}" for reward in rewards]
    masked = [f"{paper[model].masked:.1%}" for model in MODELS]
    assert told("scores on asked values that the mask skips") == ["100%", *masked]
    for name in ("UK", "NL", "FR"):
        found = [measure(scores[model], load_target(name), base_rates=base_rates(rows)) for model in MODELS]
        numbers = [found[0].zero["l1"], found[0].base_rate["l1"], found[0].floor["l1"],
                   *(each.per_response["l1"].value for each in found)]
        assert told(f"{name}, per answer") == [f"{number:.2f}" for number in numbers]
        if name == "UK":
            assert told("UK, profile")[3:] == [f"{each.profile['l1'].value:.2f}" for each in found]
    assert f"{stats(rows).all_zeros:.1%} of the cells" in text
