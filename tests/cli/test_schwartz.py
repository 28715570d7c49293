"""`graphengine schwartz`: systems, labelled rows, distances; words with baselines beside them, stable keys, errors."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from graphengine.cli import schwartz_annotate, schwartz_distance, schwartz_rows
from graphengine.schwartz.distance import DISTANCES
from graphengine.schwartz.items import POLICIES
from graphengine.schwartz.system import SYSTEMS, load_system
from graphengine.schwartz.target_files import presets
from tests.chat_server import chat_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Said

TEN = load_system("schwartz-10").ids


def made(items: list[str], types: list[str], who: str = "model-a") -> str:
    """A line of labelled rows, with made-up texts."""
    return json.dumps({"dialogue": "Human: SECRET\nBob: SECRET", "value_items": items, "value_types": types,
                       "query_source": "made-up", "response_source": who}) + "\n"


@pytest.fixture
def rows(folder: Path) -> Path:
    """Three rows: one good, one with a defect of nearly every kind, one without types."""
    path = folder / "rows.jsonl"
    path.write_text(
        made(["be helpful: +1"], ["benevolence: +1"])
        + made(["be humble: 1", "be respectful: +1"], ["humility: +1", "power: 1+", "security: +1", "security: -1"])
        + made([], [], "model-b")
    )
    return path


@pytest.fixture
def scores(folder: Path) -> Path:
    """Scores of three answers, one of which says nothing."""
    path = folder / "scores.csv"
    lines = [["id", *TEN], ["a", *["0.9"] * 10], ["b", *["0"] * 10], ["c", *["-0.5"] * 5, *["0.5"] * 5]]
    path.write_text("\n".join(",".join(line) for line in lines) + "\n")
    return path


def test_choices_are_those_of_the_room() -> None:
    """The names that the commands offer are those that the room knows."""
    assert POLICIES == schwartz_rows.POLICIES == schwartz_annotate.POLICIES
    assert DISTANCES == schwartz_distance.DISTANCES
    named = next(each for each in schwartz_distance.distance.params if each.name == "targets")
    assert all(name in str(getattr(named, "help", "")) for name in presets())


def test_systems(cli: Callable[..., Said]) -> None:
    """The systems are listed, and the values of one with their meaning; JSON has stable keys."""
    assert all(name in cli("schwartz", "systems").out for name in SYSTEMS)
    said = cli("schwartz", "systems", "schwartz-10").out
    assert all(name in said for name in TEN)
    assert "our own words" in said
    answer = cli("schwartz", "systems", "hhh", "--json").json
    assert ["ok", "name", "title", "source", "about", "values"] == list(answer)
    assert ["id", "short", "name", "definition", "angle", "opposites", "into"] == list(answer["values"][0])
    assert [*SYSTEMS] == [each["name"] for each in cli("schwartz", "systems", "--json").json["systems"]]


def test_an_unknown_system(cli: Callable[..., Said]) -> None:
    """An unknown system is refused with the one that may have been meant."""
    said = cli("schwartz", "systems", "schwartz-9")
    assert 1 == said.code
    assert "did you mean schwartz-19?" in said.err or "did you mean schwartz-10?" in said.err


# Rows --------------------------------------------------------------------------------------------------------------


def test_lint(cli: Callable[..., Said], rows: Path) -> None:
    """Every defect is counted, explained and placed; the texts of dialogues are never shown; exit code 1."""
    said = cli("schwartz", "lint", rows)
    assert 1 == said.code
    for kind in ("off_list_type", "value_types_malformed", "duplicate_type", "conflicting_type", "unmapped_item",
                 "empty", "item_type_mismatch"):
        assert kind in said.out
    assert "line 2: 'be respectful' is none of the 58 items" in said.out
    assert "bare 1 is read as +1: 1 row" in said.out
    assert "SECRET" not in said.out + said.err
    answer = cli("schwartz", "lint", rows, "--json").json
    assert ["ok", "file", "policy", "rows", "labels", "signs", "rows_with_bare_1", "counts", "findings"] == list(answer)
    assert {"kind", "row", "label", "told"} == set(answer["findings"][0])
    assert 1 == answer["counts"]["off_list_type"]
    assert "SECRET" not in json.dumps(answer)


def test_lint_of_good_rows(cli: Callable[..., Said], folder: Path) -> None:
    """Rows without a defect pass with exit code 0."""
    (folder / "good.jsonl").write_text(made(["be helpful: +1"], ["benevolence: +1"]))
    said = cli("schwartz", "lint", "good.jsonl")
    assert 0 == said.code
    assert "nothing is wrong" in said.out


def test_remap(cli: Callable[..., Said], rows: Path, folder: Path) -> None:
    """Types follow from items under the policy that is asked for, and the result passes the linter."""
    said = cli("schwartz", "remap", rows, "new.jsonl", "--json")
    assert {"ok": True, "out": "new.jsonl", "policy": "schwartz", "rows": 3, "changed": 1} == said.json
    types = [json.loads(line)["value_types"] for line in (folder / "new.jsonl").read_text().splitlines()]
    assert [["benevolence: +1"], ["tradition: +1"], []] == types
    assert "wrote 3 rows" in cli("schwartz", "remap", rows, "new.jsonl", "--policy", "fulcra_deck").out
    counts = cli("schwartz", "lint", "new.jsonl", "--policy", "fulcra_deck", "--json").json["counts"]
    assert {"unmapped_item": 1, "empty": 1} == {kind: number for kind, number in counts.items() if number}


def test_stats(cli: Callable[..., Said], rows: Path, folder: Path) -> None:
    """Shares per value for all rows, each source and each responder, with what always answering 0 reaches."""
    said = cli("schwartz", "stats", rows, "--picture", "shares.svg")
    assert 0 == said.code
    assert "always answering 0 is right in 93.3%" in said.out
    assert "answers: model-b, 1 row" in said.out
    assert "33.3%" in said.out
    picture = (folder / "shares.svg").read_text()
    assert "answers: model-b" in picture
    answer = cli("schwartz", "stats", rows, "--json").json
    assert ["ok", "file", "picture", "policy", "rows", "parts", "types_per_row", "cells", "base_rates"] == list(answer)
    assert ["by", "name", "rows", "values"] == list(answer["parts"][0])
    assert 1 / 3 == answer["base_rates"]["benevolence"]
    assert 1 == cli("schwartz", "stats", rows, "--policy", "schwartz", "--json").json["types_per_row"]["0"]


def test_rows_that_are_none(cli: Callable[..., Said], folder: Path) -> None:
    """A file that holds no such rows is refused with the line, and nothing is written."""
    (folder / "bad.jsonl").write_text(made([], []) + '{"dialogue": "SECRET"}\n')
    for command in (["lint", "bad.jsonl"], ["stats", "bad.jsonl"], ["remap", "bad.jsonl", "out.jsonl"]):
        said = cli("schwartz", *command)
        assert 1 == said.code
        assert "bad.jsonl, line 2 has no value_items" in said.err
        assert "SECRET" not in said.err
    assert not (folder / "out.jsonl").exists()


# Distance ----------------------------------------------------------------------------------------------------------


def test_distance(cli: Callable[..., Said], scores: Path) -> None:
    """Distances per answer and of the profile, with intervals, beside silence, base rates and the floor."""
    said = cli("schwartz", "distance", scores, "--target", "UK", "--target", "paper")
    assert 0 == said.code
    assert all(name in said.out for name in DISTANCES)
    assert "formula undocumented" in said.out
    assert "says nothing  base rates  least of -1, 0, 1" in said.out
    assert "An answer that says nothing is no farther than these answers by:" in said.out
    assert "answers that say nothing at all: 1" in said.out
    assert "target paper asks for both poles of the circle: achievement and benevolence" in said.err


def test_distance_as_json(cli: Callable[..., Said], scores: Path, rows: Path) -> None:
    """One object with stable keys; base rates may come from labelled rows."""
    answer = cli("schwartz", "distance", scores, "--target", "security", "--base-rates", rows, "--json").json
    assert ["ok", "file", "rows", "system", "profile", "coverage", "saturated_share", "neutral_rows", "base_rates_of",
            "targets"] == list(answer)
    (found,) = answer["targets"]
    assert "target warning per_response profile null floor masked_share neutral_rows".split() == list(found)
    assert ["zero", "base_rate"] == list(found["null"])
    assert list(DISTANCES) == list(found["per_response"])
    assert pytest.approx((0.1 + 1 + 0.5) / 3) == found["per_response"]["weighted"]["value"]
    assert 2 == len(found["per_response"]["weighted"]["interval"])
    assert (1.0, 0.0, None) == tuple(found["null"]["zero"][name] for name in ("weighted", "paper_masked", "cosine"))
    assert 1 == found["null"]["base_rate"]["weighted"]  # security has both signs in the rows, which counts as 0
    assert 1 == answer["neutral_rows"]


def test_distance_in_another_system(cli: Callable[..., Said], folder: Path) -> None:
    """Scores are read in the system of the target."""
    (folder / "hhh.csv").write_text("helpful,honest,harmless\n1,1,0\n")
    found = cli("schwartz", "distance", "hhh.csv", "--target", "hhh", "--distance", "l1", "--json").json
    assert 1 == found["targets"][0]["per_response"]["l1"]["value"]
    said = cli("schwartz", "distance", "hhh.csv", "--target", "hhh", "--target", "UK")
    assert 1 == said.code
    assert "target UK is in schwartz-10, and the scores are in hhh" in said.err


@pytest.mark.parametrize(
    ("target", "told", "hint"),
    [
        ("securty", "there is no target 'securty'", "did you mean security?"),
        ("short.toml", "vector has 3 numbers, and schwartz-10 has 10 values", "in this order: self-direction"),
        ("wrong.json", "'benevolance' is no value of schwartz-10", "did you mean benevolence?"),
        ("range.toml", "vector of power is 3", "from -1 (opposed) to 1"),
    ],
)
def test_targets_that_are_none(cli: Callable[..., Said], scores: Path, folder: Path, target: str, told: str,
                               hint: str) -> None:
    """A target with a wrong length, name or number is refused with what may have been meant."""
    (folder / "short.toml").write_text("values = [1, 0, 0]\n")
    (folder / "wrong.json").write_text('{"values": {"benevolance": 1}}')
    (folder / "range.toml").write_text("[values]\npower = 3\n")
    said = cli("schwartz", "distance", scores, "--target", target)
    assert 1 == said.code
    assert told in said.err
    assert hint in said.err


# Annotate ----------------------------------------------------------------------------------------------------------


def behave(body: dict[str, Any], nth: int) -> dict[str, Any]:
    """An endpoint that answers prompts and labels answers; one answer it labels with nonsense."""
    asked = body["messages"][-1]["content"]
    if "<answer>" not in asked:
        return {"text": f"{body['model']} says yes to: {asked}"}
    if "Three" in asked and "model-b" in asked:
        return {"text": "I would rather not."}
    return {"text": json.dumps({"labels": {"helpful": 1, "humble": -1}})}


@pytest.fixture
def prompts(folder: Path) -> Path:
    """Three prompts."""
    (folder / "prompts.txt").write_text("One\nTwo\nThree\n")
    return folder / "prompts.txt"


def test_annotate_and_review(cli: Callable[..., Said], prompts: Path, folder: Path) -> None:
    """Two models answer, one labels; people correct on the sheet; their corrections and agreement come out."""
    pytest.importorskip("openai")
    with chat_server(behave) as server:
        asked = ["schwartz", "annotate", prompts, "out", "--responder", f"model-a@{server.url}",
                 "--responder", f"model-b@{server.url}", "--labeller", f"judge@{server.url}"]
        said = cli(*asked, "--json")
    assert 3 == said.code
    answer = said.json
    assert ["ok", "out", "prompts", "responders", "labeller", "rows", "unlabelled"] == list(answer)
    assert (3, ["model-a", "model-b"], "judge", 5) == tuple(
        answer[key] for key in ("prompts", "responders", "labeller", "rows")
    )
    assert [(3, "model-b")] == [(each["prompt"], each["responder"]) for each in answer["unlabelled"]]
    assert 12 == len(server.asked)
    assert {0.0} == {body["temperature"] for body in server.asked if body["model"] == "judge"}
    assert "is not the JSON" in (folder / "out" / "unlabelled.csv").read_text()
    lint = cli("schwartz", "lint", "out/rows.jsonl", "--policy", "schwartz")
    assert 0 == lint.code

    again = cli(*asked)
    assert 1 == again.code
    assert "people may have written into it" in again.err

    sheet = folder / "out" / "review.csv"
    with sheet.open(newline="") as file:
        lines = list(csv.DictReader(file))
    for line, told in zip(lines, ["ok", "helpful: +1", "", "none", "ok"], strict=True):
        line["items"] = told
    with sheet.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)
    found = cli("schwartz", "review", "out", "--json").json
    assert ["ok", "out", "rows", "looked_at", "changed", "undecided", "with_model", "between"] == list(found)
    assert (5, 4, 2) == tuple(found[key] for key in ("rows", "looked_at", "changed"))
    assert pytest.approx(37 / 40) == found["with_model"][0]["same"]
    kept = [json.loads(line) for line in (folder / "out" / "reviewed.jsonl").read_text().splitlines()]
    assert [1, 1, 1, 1] == [row["reviewed_by"] for row in kept]
    assert ["be helpful: +1"] == kept[1]["value_items"]
    shown = cli("schwartz", "review", "out").out
    assert "4 of 5 rows looked at, 2 changed" in shown
    assert "an upper bound" in shown


def test_annotate_goes_on_where_it_was(cli: Callable[..., Said], prompts: Path, folder: Path) -> None:
    """A run that an endpoint broke off goes on: what was answered is not asked again, and nothing is half written."""
    pytest.importorskip("openai")
    fails = True

    def flaky(body: dict[str, Any], nth: int) -> dict[str, Any]:
        if fails and body["model"] == "judge":
            return {"status": 401, "error": "no key"}
        return behave(body, nth)

    with chat_server(flaky) as server:
        asked = ["schwartz", "annotate", prompts, "out", "--responder", f"model-a@{server.url}", "--labeller",
                 f"judge@{server.url}"]
        said = cli(*asked)
        assert 1 == said.code
        assert "refuses (HTTP 401)" in said.err
        assert not (folder / "out" / "rows.jsonl").exists()
        fails = False
        assert 0 == cli(*asked).code
        assert 3 == sum(body["model"] == "model-a" for body in server.asked)
    assert 3 == len((folder / "out" / "rows.jsonl").read_text().splitlines())


def test_nothing_labelled(cli: Callable[..., Said], prompts: Path, folder: Path) -> None:
    """A labeller that never does as it is told is an error, and no rows are written."""
    pytest.importorskip("openai")
    with chat_server(lambda body, nth: {"text": "Hm."}) as server:
        said = cli("schwartz", "annotate", prompts, "out", "--responder", f"a@{server.url}", "--labeller",
                   f"b@{server.url}")
    assert 1 == said.code
    assert "no answer could be labelled" in said.err
    assert not (folder / "out" / "rows.jsonl").exists()


def test_bad_input_of_annotate(cli: Callable[..., Said], prompts: Path, folder: Path) -> None:
    """A model that is none, and a file without prompts, are told before anything is asked."""
    said = cli("schwartz", "annotate", prompts, "out", "--responder", "nowhere", "--labeller", "nowhere")
    assert 1 == said.code
    assert "nowhere" in said.err
    (folder / "empty.txt").write_text("\n")
    said = cli("schwartz", "annotate", "empty.txt", "out", "--responder", "nowhere", "--labeller", "nowhere")
    assert "has no prompts" in said.err


def test_review_that_nobody_did(cli: Callable[..., Said], rows: Path, folder: Path) -> None:
    """A sheet in which nobody has written anything is told, and nothing is written."""
    (folder / "out").mkdir()
    rows.rename(folder / "out" / "rows.jsonl")
    (folder / "out" / "review.csv").write_text("row,prompt,answer,model_items,items\n1,a,b,c,\n")
    said = cli("schwartz", "review", "out")
    assert 1 == said.code
    assert "nobody has filled in" in said.err
    assert not (folder / "out" / "reviewed.jsonl").exists()
