"""`schwartz bridge`, `targets` and `prompt` on the sample graph."""

from __future__ import annotations

import json
import shlex
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pyarrow.parquet as pq
import pytest

import graphengine
from graphengine.cli import schwartz_bridge
from graphengine.preferences.valued import MARGINS, VALUED
from graphengine.sample import sample_card_values, sample_files
from graphengine.schwartz.distance import DISTANCES
from graphengine.schwartz.scores import read_scores
from graphengine.schwartz.target_files import load_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said

pytestmark = pytest.mark.slow

BRIDGE = ("schwartz", "bridge", "--vectors", "sample")
TORN = "When afraid of the consequences"


@pytest.fixture
def graph(ranked: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the ranked sample graph."""
    shutil.copytree(ranked, folder / "moral.graph")
    monkeypatch.delenv("GRAPHENGINE_GRAPH", raising=False)
    return folder / "moral.graph"


def rows(folder: Path) -> list[dict]:
    """All pairs of an export."""
    return [row for file in sorted((folder / "cards").glob("*.parquet")) for row in pq.read_table(file).to_pylist()]


def test_names_that_are_written_out() -> None:
    """The names in the options are those that the rooms know."""
    assert MARGINS == schwartz_bridge.MARGINS
    assert DISTANCES == schwartz_bridge.DISTANCES


def test_the_samples_cards_all_have_a_vector() -> None:
    """The hand labels are of the sample's cards, each one, and each says something."""
    found = read_scores(sample_card_values())
    ids = {line.split(",")[0] for line in sample_files()["cards"].read_text().splitlines()}
    assert {*found.ids} <= ids
    assert 54 == len(found.ids) == int((found.matrix != 0).any(axis=1).sum())


def test_one_command_gives_targets_and_both_margins(cli: Callable[..., Said], graph: Path, folder: Path) -> None:
    """Targets of all ranked contexts, compared and stored; an export with both margins; the named warning."""
    said = cli(*BRIDGE, "--compare", "UK", "--export", "both", "--json").json
    assert 11 == len(said["targets"]) == len(said["compared"])
    assert {"When a choice cannot be undone": "it is not ranked"} == said["without"]
    assert [f"target {TORN} asks for both poles of the circle: self-direction and security"] == said["warnings"]
    pairs = rows(folder / "both")
    assert VALUED.names == list(pairs[0])
    assert len(pairs) == said["export"]["pairs"]
    for row in pairs:
        assert row["target_margin"] == pytest.approx(row["target_distance_rejected"] - row["target_distance_chosen"])
        assert row["margin"] == pytest.approx(row["graph_margin"] + row["target_margin"])
        assert row["margin"] > 0
        assert row["context_id"] == row["target"]
    made = json.loads((folder / "both" / "manifest.json").read_text())
    assert said["disagreeing"] == made["kinds"]["cards"]["made_with"]["disagreeing_pairs"]
    assert 9 == len(said["disagreeing"])
    assert 30 < made["kinds"]["cards"]["made_with"]["disagreeing_by_chance"] < 40
    assert 73 == made["kinds"]["cards"]["made_with"]["valued_pairs"]
    assert all(pair["target_margin"] < 0 < pair["graph_margin"] for pair in said["disagreeing"])


def test_explain_shows_votes_and_vector(cli: Callable[..., Said], graph: Path) -> None:
    """`explain` of a pair on which graph and target disagree shows its votes, both cards' vectors and the target."""
    pair = cli(*BRIDGE, "--export", "both", "--json").json["disagreeing"][0]
    told = cli("explain", pair["pair_id"], "--json").json
    assert pair["chosen_id"] == told["wiser"]["id"]
    assert told["votes"]
    (found,) = told["values"]
    assert (pair["target"], False, False) == (found["target"], found["agrees"], found["stale"])
    assert pair["target_margin"] == pytest.approx(found["distance_less_wise"] - found["distance_wiser"])
    assert 10 == len(found["vector"]) == len(found["wiser"]) == len(found["less_wise"])
    said = cli("explain", pair["pair_id"]).out
    assert "it disagrees with the votes" in said
    assert "votes, by pseudonym" in said


def test_margins_by_themselves(cli: Callable[..., Said], graph: Path, folder: Path) -> None:
    """`graph` keeps every valued pair with the graph's margin; `target` leaves out what the target turns round."""
    cli(*BRIDGE, "--export", "one", "--margin", "graph", "--target", "paper")
    cli(*BRIDGE, "--export", "two", "--margin", "target", "--target", "paper")
    one, two = rows(folder / "one"), rows(folder / "two")
    assert all(row["margin"] == row["graph_margin"] for row in one)
    assert all(row["margin"] == row["target_margin"] > 0 for row in two)
    assert {row["pair_id"] for row in two} <= {row["pair_id"] for row in one if row["target_agrees"]}
    assert {"paper"} == {row["target"] for row in one}
    uk = cli(*BRIDGE, "--export", "three", "--target", "UK", "--json").json
    assert 16 == len(uk["disagreeing"])


def test_merging_with_named_weights(cli: Callable[..., Said], graph: Path, folder: Path) -> None:
    """A merged target is stored, tied to the contexts that are in it, exported by default, and written to a file."""
    said = cli(*BRIDGE, "--merge", "context=2", "--merge", "NL=1", "--name", "ours", "--export", "out", "--json").json
    assert "merged: 0.667 context, 0.333 NL" == said["merged"]["provenance"]
    assert {"ours"} == {row["target"] for row in rows(folder / "out")}
    stored = {row["name"]: row for row in cli("schwartz", "targets", "--json").json["targets"]}
    assert (12, 10) == (len(stored), len(stored["ours"]["contexts"]))
    cli("schwartz", "targets", "--write", "ours", "ours.toml")
    assert said["merged"]["values"] == load_target(folder / "ours.toml").as_json()["values"]
    again = cli(*BRIDGE, "--merge", "context", "--name", "ours")
    assert 0 == again.code


def test_the_command_of_an_export_can_be_typed_again(cli: Callable[..., Said], graph: Path, folder: Path) -> None:
    """The manifest's command says what was asked, quoted for a shell; files are named without their places."""
    (folder / "places").mkdir()
    (folder / "places" / "calm down.toml").write_text("[values]\nsecurity = 1\n")
    calm = str(folder / "places" / "calm down.toml")
    cli(*BRIDGE, "--context", "When grieving", "--merge", f"{calm}=2", "--merge", "UK", "--export", "one")
    cli(*BRIDGE, "--target", calm, "--export", "two")

    def command(name: str) -> list[str]:
        return shlex.split(json.loads((folder / name / "manifest.json").read_text())["command"])[3:]

    told = ["--vectors", "sample", "--export", "OUT", "--margin", "both"]
    assert [*told, "--context", "When grieving", "--merge", "calm down.toml=2", "--merge", "UK"] == command("one")
    assert [*told, "--target", "calm down.toml"] == command("two")


def test_a_target_is_stale_once_votes_come_in(cli: Callable[..., Said], graph: Path, folder: Path) -> None:
    """Votes in one context make its target and the pooled one stale, and no other; drawing again mends it."""
    cli(*BRIDGE)
    (folder / "more.csv").write_text("participant,context,from_value,to_value,answer\n"
                                     "new,When grieving,name-the-loss,silence-that-stays,wiser\n")
    cli("import", "more.csv", "--rank")

    def stale() -> list[str]:
        return [row["name"] for row in cli("schwartz", "targets", "--json").json["targets"] if row["stale"]]

    assert ["When grieving", "all contexts"] == stale()
    cli(*BRIDGE)
    assert [] == stale()


def test_targets_of_files(cli: Callable[..., Said], graph: Path, folder: Path) -> None:
    """A file's target is stored and taken out; one that would hide a context's target is refused."""
    (folder / "calm.toml").write_text('name = "calm"\n[values]\nsecurity = 1\npower = 1\nuniversalism = 1\n')
    said = cli("schwartz", "targets", "--add", "calm.toml")
    assert "human-defined" in said.out
    assert "target calm asks for both poles of the circle: power and universalism" in said.err
    assert "security" in cli("schwartz", "prompt", "calm").out.lower()
    assert "calm" not in cli("schwartz", "targets", "--forget", "calm").out
    assert 1 == cli("schwartz", "targets", "--forget", "calm").code
    cli(*BRIDGE)
    (folder / "calm.toml").write_text('name = "When grieving"\n[values]\nsecurity = 1\n')
    said = cli("schwartz", "targets", "--add", "calm.toml")
    assert "was drawn from its contexts" in said.err


def test_prompts(cli: Callable[..., Said], graph: Path) -> None:
    """A target and a context's winner are printed as system prompts."""
    assert "- Benevolence: " in cli("schwartz", "prompt", "UK").out
    said = cli("schwartz", "prompt", "When grieving", "--winners").out
    assert said.startswith("Answer in the spirit of this value:\n\nSilence That Stays\n")
    assert "did you mean UK?" in cli("schwartz", "prompt", "UKK").err


@pytest.mark.parametrize(("options", "told"), [
    (("--vectors", "none.csv"), "none.csv can't be read"),
    (("--vectors", "others.csv"), "names 1 cards that the graph does not hold, such as 'keep-spirit-up'"),
    (("--vectors", "nan.csv"), "the score of self-direction is nan"),
    (("--vectors", "sample", "--compare", "UKK"), "did you mean UK?"),
    (("--vectors", "sample", "--compare", "hhh"), "compare targets of one system"),
    (("--vectors", "sample", "--target", "hhh"), "take a target in the system of the vectors"),
    (("--vectors", "sample", "--merge", "context=0"), "the weight of context is 0"),
    (("--vectors", "sample", "--ranking", "none"), "there is no ranking 'none'"),
])
def test_nothing_is_written_where_something_is_wrong(
    cli: Callable[..., Said], graph: Path, folder: Path, options: tuple[str, ...], told: str
) -> None:
    """Wrong vectors, targets and weights are told, no target is stored, no folder is there."""
    head = sample_card_values().read_text().splitlines()[0]
    (folder / "others.csv").write_text(f"{head}\nkeep-spirit-up,1,0,0,0,0,0,0,0,0,0\n")
    (folder / "nan.csv").write_text(f"{head}\nkeep-spirits-up,nan,0,0,0,0,0,0,0,0,0\n")
    said = cli("schwartz", "bridge", *options, "--export", "out")
    assert 1 == said.code
    assert told in said.err
    assert not (folder / "out").exists()
    with graphengine.open(graph) as store:
        assert [] == store.targets()


def test_pictures_and_report(cli: Callable[..., Said], graph: Path, folder: Path) -> None:
    """Each target is drawn, alone and beside another; the report has a section once the graph has targets."""
    cli("report", "before.html", "--no-validity")
    assert 'id="targets"' not in (folder / "before.html").read_text()
    said = cli(*BRIDGE, "--compare", "UK", "--svg", "pics", "--json").json
    assert 11 == len(said["pictures"]) == len(list((folder / "pics").glob("*.svg")))
    picture = next((folder / "pics").glob("all-contexts-*.svg")).read_text()
    assert "difference" in picture
    cli("report", "after.html", "--no-validity")
    page = (folder / "after.html").read_text()
    assert 11 == page.count('<details id="target-')
    assert "asks for both poles of the circle" in page


def reader():
    """An evaluator of words: `module:function` names it."""
    class Words:
        name, system = "words", "schwartz-10"

        def score(self, pairs):
            """Benevolence where somebody stays, security where there is danger."""
            made = np.zeros((len(pairs), 10))
            made[:, 8] = [("stay" in text.lower()) * 0.5 for _, text in pairs]
            made[:, 5] = [("danger" in text.lower()) * 1.0 for _, text in pairs]
            return made

    return Words()


def test_an_evaluator_reads_the_cards(cli: Callable[..., Said], graph: Path, folder: Path,
                                      monkeypatch: pytest.MonkeyPatch) -> None:
    """`--evaluator` reads the texts of the cards; contexts of which it says nothing are told; one reader is needed."""
    (folder / "my_words.py").write_text("from tests.cli.test_schwartz_bridge import reader\n")
    monkeypatch.syspath_prepend(folder)
    said = cli("schwartz", "bridge", "--evaluator", "my_words:reader", "--json").json
    assert {"words"} == {each["evaluator"] for each in said["targets"]}
    assert "say nothing about any value" in " ".join(said["without"].values())
    assert 2 == cli("schwartz", "bridge").code
    assert 2 == cli(*BRIDGE, "--evaluator", "my_words:reader").code


def test_the_circle_of_a_model(cli: Callable[..., Said], folder: Path) -> None:
    """`circle` draws a target with the mean of a model's scores; only one thing is drawn beside it."""
    (folder / "scores.csv").write_text("id,SD,ST,HE,AC,PO,SE,TR,CO,BE,UN\na,1,0,0,0,0,0,0,0,1,0\n"
                                       "b,0,0,0,0,0,0,0,0,1,0\n")
    told = cli("schwartz", "circle", "uk.svg", "--target", "UK", "--scores", "scores.csv", "--json").json
    assert 0.4809 - 0.5 == pytest.approx(told["differences"]["self-direction"])
    assert "difference" in (folder / "uk.svg").read_text()
    assert 0 == cli("schwartz", "circle", "fr.svg", "--target", "FR", "--with", "NL").code
    assert 2 == cli("schwartz", "circle", "x.svg", "--target", "FR", "--with", "NL", "--scores", "scores.csv").code
    assert 1 == cli("schwartz", "circle", "x.svg", "--target", "FR", "--with", "hhh").code
    assert not (folder / "x.svg").exists()
