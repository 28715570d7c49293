"""`export preferences` with texts that an endpoint writes or people made elsewhere."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from graphengine.cli import generating
from graphengine.preferences.texts import WRITTEN
from tests.chat_server import chat_server

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Said

pytest.importorskip("openai")
pytestmark = pytest.mark.slow


def behave(body: dict[str, Any], nth: int) -> dict[str, Any]:
    """Writes something that depends on what is asked; rates by the length of the answer."""
    asked = body["messages"][-1]["content"]
    if "response_format" in body:
        return {"text": json.dumps({"rating": 1 + len(json.loads(asked)["answer"]) % 5})}
    instruction = body["messages"][0]["content"]
    return {"text": f"{sum(map(ord, instruction + asked))} " + "hey " * (len(instruction) % 17 + 3 * body["seed"])}


@pytest.fixture(autouse=True)
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Answers are kept in a cache of the test's own, and no key of the developer's is sent."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("GRAPHENGINE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache"


def test_the_kinds_are_those_of_the_room() -> None:
    """What the command line offers is what can be made."""
    assert WRITTEN == generating.WRITTEN


def test_an_endpoint_writes_all_kinds_and_nothing_is_asked_twice(
    cli: Callable[..., Said], own: Path, folder: Path, own_cache: Path
) -> None:
    """One command writes the folder; a second one asks nothing and writes the same bytes."""
    with chat_server(behave) as server:
        command = ["export", "preferences", "out", "--endpoint", server.url, "--model", "m", "--negatives", "--json"]
        for kind in ("cards", *WRITTEN):
            command += ["--kind", kind]
        first = cli(*command).json
        asked = len(server.asked)
        again = cli(*command, "--force", "--parallel", 1).json
        assert asked == len(server.asked)
        assert {1} == set(server.billed.values())
    assert first == again
    assert {"cards", *WRITTEN} == set(first["kinds"])
    assert all(each["rows"] for each in first["kinds"].values())
    assert any(note.startswith("sft: ") and "row(s) each" in note for note in first["notes"])
    readme = (folder / "out" / "README.md").read_text()
    told = "graphengine export preferences OUT --kind cards --kind responses --kind adherence --kind sft --endpoint URL"
    assert f"{told} --model m --negatives" in readme
    assert "127.0.0.1" not in readme + (folder / "out" / "manifest.json").read_text()
    (kept,) = (own_cache / "graphengine" / "answers").iterdir()
    assert asked == len(kept.read_text().splitlines())


def test_a_spent_budget_keeps_what_was_answered(cli: Callable[..., Said], own: Path, folder: Path) -> None:
    """The export stops with a hint, and goes on where it stopped with a larger budget."""
    with chat_server(behave) as server:
        command = [
            "export", "preferences", "out", "--kind", "responses", "--endpoint", server.url, "--model", "m",
            "--answers", "said.jsonl", "--max-tokens", 100,
        ]  # fmt: skip
        said = cli(*command, "--budget", 1500)
        assert 1 == said.code
        assert "the budget of 1,500 tokens does not last" in said.err
        assert "--budget" in said.err
        assert not (folder / "out").exists()
        before = len(server.asked)
        assert before == len((folder / "said.jsonl").read_text().splitlines()) > 0
        assert 0 == cli(*command).code
        assert {1} == set(server.billed.values())


def test_the_place_is_looked_at_before_anything_is_asked(cli: Callable[..., Said], own: Path, folder: Path) -> None:
    """A folder that can't be written costs nothing."""
    (folder / "out").mkdir()
    (folder / "out" / "thesis.txt").write_text("mine")
    with chat_server(behave) as server:
        said = cli("export", "preferences", "out", "--kind", "sft", "--endpoint", server.url, "--model", "m")
        assert (1, 0) == (said.code, len(server.asked))
    assert "no export of preferences" in said.err


def test_orderings_from_a_file(cli: Callable[..., Said], own: Path, folder: Path) -> None:
    """People's orderings become the kind `responses`; bad rows are told on stderr."""
    with (folder / "order.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["prompt_id", "response_id", "response", "rank", "rater"])
        for name, rank in (("a", 1), ("b", 2), ("c", 3), ("d", "best")):
            writer.writerow(["When grieving", name, f"Text {name}", rank, "anna"])
    said = cli("export", "preferences", "out", "--kind", "responses", "--responses", "order.csv", "--json")
    assert 3 == said.json["pairs"]
    assert {"a row of a file was rejected": 1} == said.json["left_out"]
    assert "note: order.csv: 1 row rejected" in said.err
    assert "row 5, rank 'best': it is no rank: a number from 1 on" in said.err


def test_people_rate_what_an_endpoint_wrote(cli: Callable[..., Said], own: Path, folder: Path) -> None:
    """--to-rate writes a file and stops; filled in, --ratings takes it."""
    with chat_server(behave) as server:
        command = ["export", "preferences", "out", "--kind", "adherence", "--endpoint", server.url, "--model", "m"]
        said = cli(*command, "--to-rate", "rate.csv")
        assert 1 == said.code
        assert "--ratings rate.csv" in said.err
    with (folder / "rate.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        row |= {"score": str(number % 4), "rater": "anna"}
    with (folder / "rate.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    done = cli("export", "preferences", "out", "--kind", "adherence", "--ratings", "rate.csv", "--json").json
    assert done["pairs"] > 0


def test_sft_needs_no_generator(cli: Callable[..., Said], own: Path, folder: Path) -> None:
    """Without one the completions are the winning cards, and the coverage is printed."""
    said = cli("export", "preferences", "out", "--kind", "sft")
    assert 0 == said.code
    assert "contexts give" in said.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--generator", "m"], "--generator needs --kind responses or --kind adherence or --kind sft"),
        (["--kind", "sft", "--endpoint", "http://h/v1"], "--endpoint and --model go together"),
        (["--kind", "sft", "--endpoint", "http://h/v1", "--model", "m", "--generator", "g"], "written by one"),
        (["--kind", "sft", "--ratings", "f.csv"], "--ratings needs --kind adherence"),
        (["--kind", "cards", "--negatives"], "--negatives needs --kind sft"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    cli: Callable[..., Said], sample: Path, folder: Path, options: list[str], told: str
) -> None:
    """Each says which option goes with what."""
    said = cli("export", "preferences", "out", *options)
    assert 2 == said.code
    assert told in " ".join(said.err.split())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--kind", "responses"], "nobody writes the responses"),
        (["--kind", "responses", "--generator", "nowhere"], "is not the folder of a model"),
        (["--kind", "adherence"], "nobody rates"),
        (["--kind", "responses", "--responses", "none.csv"], "can't be read"),
    ],
)
def test_what_is_missing_is_told(
    cli: Callable[..., Said], own: Path, folder: Path, options: list[str], told: str
) -> None:
    """Nobody to write, no model, no file: an error with a hint, and no folder."""
    said = cli("export", "preferences", "out", *options)
    assert 1 == said.code
    assert told in said.err
    assert "try: " in said.err
    assert not (folder / "out").exists()
