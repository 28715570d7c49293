"""`export preferences` with its options, and `explain` of a pair of a dataset."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from graphengine.cli import exporting
from graphengine.preferences import FORMATS, KINDS, RENDERS
from graphengine.sample import sample_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said

pytestmark = pytest.mark.slow

CONTEXTS = ("When lost", "When home", "When tired", "When new")


@pytest.fixture
def parties(cli: Callable[..., Said], folder: Path) -> Path:
    """Two parties that see one step of each context the other way round; cards with texts; ranked both ways."""
    lines = ["participant,context,from_value,to_value,answer,party"]
    for at, context in enumerate(CONTEXTS):
        for n in range(24):
            party = "left" if n % 2 else "right"
            turned = "wiser" if party == "left" else "not_wiser"
            lines += [f"p{n},{context},map{at},compass{at},wiser,{party}",
                      f"p{n},{context},compass{at},guide{at},{turned},{party}"]
    lines += [f"q{n},{CONTEXTS[0]},map0,compass0,wiser,tiny" for n in range(3)]
    (folder / "votes.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    cards = ["id,title,description,policies"]
    cards += [f"{kind}{at},{kind} {at},Of the {kind}.,MOMENTS of {kind} {at}"
              for kind in ("map", "compass", "guide") for at in range(len(CONTEXTS))]
    (folder / "cards.csv").write_text("\n".join(cards) + "\n", encoding="utf-8")
    assert 0 == cli("import", "cards.csv").code
    assert 0 == cli("import", "votes.csv", "--group", "party").code
    assert 0 == cli("rank").code
    assert 0 == cli("rank", "--method", "bradley-terry-groups", "--variable", "party").code
    return folder


def rows(folder: Path, kind: str = "cards") -> list[dict[str, Any]]:
    """The rows of a kind of an export as JSON lines."""
    files = sorted((folder / kind).glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]


def order(folder: Path) -> dict[frozenset[str], str]:
    """The chosen card of each pair."""
    return {frozenset((row["chosen_id"], row["rejected_id"])): row["chosen_id"] for row in rows(folder)}


def test_the_choices_are_those_of_the_room() -> None:
    """The names that the command offers are those that the room knows."""
    assert tuple(exporting.KINDS[: len(KINDS)]) == KINDS
    assert tuple(exporting.FORMATS) == tuple(FORMATS)
    assert set(exporting.RENDERS) == set(RENDERS)


def test_a_group_has_its_own_preferences(cli: Callable[..., Said], parties: Path) -> None:
    """Each party's export has its own order and the splits of all, and says whose it is; few people are masked."""
    for party in ("left", "right"):
        assert 0 == cli("export", "preferences", party, "--group", f"party={party}", "--format", "jsonl").code
    left, right = order(parties / "left"), order(parties / "right")
    for at in range(len(CONTEXTS)):
        assert ("guide", "compass") == tuple(
            told[frozenset((f"guide{at}", f"compass{at}"))].rstrip("0123") for told in (left, right))
    for party in ("left", "right"):
        assert {12} == {row["wiser"] + row["not_wiser_reverse"] for row in rows(parties / party)}
    manifest = json.loads((parties / "left" / "manifest.json").read_text(encoding="utf-8"))
    assert "party=left" == manifest["group"]
    assert "--group party=left" in manifest["command"]
    assert {"groups": 3, "pairs": 8, "flipping": 4, "least": 0.5, "k": 5} == manifest["flips"]["party"]
    everybody = cli("export", "preferences", "all", "--format", "jsonl", "--json").json
    lines = {
        name: len((parties / "left" / "cards" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines())
        for name in everybody["splits"]
    }
    assert everybody["splits"] == lines
    tiny = cli("export", "preferences", "tiny", "--group", "party=tiny")
    assert 1 == tiny.code
    assert "fewer than 5 people of the group answered in the context: 1" in tiny.err
    assert 0 == cli("export", "preferences", "tiny", "--group", "party=tiny", "--k", "1").code
    assert "did you mean 'party=left'?" in cli("export", "preferences", "x", "--group", "party=lef").err


def test_the_order_of_the_bridging_ranking(cli: Callable[..., Said], parties: Path) -> None:
    """Preferences of the least satisfied group follow the ranking over the groups and name it in each row."""
    bridging = ("--objective", "worst-group", "--variable", "party")
    assert cli("export", "preferences", "out", *bridging, "--format", "jsonl", "--json").json["ok"]
    ranking = {
        (context, card["id"]): card["rank"] for context in CONTEXTS
        for card in cli("ranking", context, "--method", "bradley-terry-groups", "--variable", "party",
                        "--json").json["cards"]
    }  # fmt: skip
    found = rows(parties / "out")
    assert len(found) >= 4
    for row in found:
        assert ranking[row["context_id"], row["chosen_id"]] < ranking[row["context_id"], row["rejected_id"]]
        assert ("bradley-terry-groups party", "bradley-terry-groups") == (row["ranking_id"], row["method"])
    assert all(1 == ranking[row["context_id"], row["card_id"]] for row in rows(parties / "out", "prompts"))
    both = cli("export", "preferences", "two", "--objective", "worst-group", "--group", "party=left")
    assert "give either --group or --objective" in both.err
    assert "--variable VARIABLE" in cli("export", "preferences", "two", "--objective", "worst-group").err
    unknown = cli("export", "preferences", "two", "--objective", "worst-group", "--variable", "age")
    assert 'graphengine rank --method bradley-terry-groups --variable "age"' in unknown.err


@pytest.mark.parametrize("more", [[], ["--group", "party=left"], ["--objective", "worst-group", "--variable", "party"]])
def test_all_ranked_cards_make_pairs(more: list[str], cli: Callable[..., Said], parties: Path) -> None:
    """By rank, cards that were compared by way of another make a pair too: without counts, with a probability."""
    assert 0 == cli("export", "preferences", "out", "--by", "rank", "--format", "jsonl", *more).code
    told = order(parties / "out")
    assert {frozenset((f"map{at}", f"guide{at}")) for at in range(len(CONTEXTS))} <= set(told)
    never = [row for row in rows(parties / "out") if not row["upgrade_ids"]]
    assert {frozenset(("map", "guide"))} == {
        frozenset((row["chosen_id"][:-1], row["rejected_id"][:-1])) for row in never
    }  # fmt: skip
    assert all(row["wiser"] == row["not_wiser_reverse"] == 0 and 0.5 < row["p_chosen"] < 1 for row in never)


def test_votes_that_came_in_since_are_not_mixed_in(cli: Callable[..., Said], parties: Path) -> None:
    """What is worked out from the votes as they are must fit the ranking: after an import one ranks again first."""
    (parties / "more.csv").write_text("participant,context,from_value,to_value,answer\nx,When lost,map0,guide0,wiser\n")
    cli("import", "more.csv")
    assert 0 == cli("export", "preferences", "out").code
    said = cli("export", "preferences", "two", "--by", "rank")
    assert 1 == said.code
    assert "rank again: graphengine rank" in said.err


def test_options_of_the_form(cli: Callable[..., Said], parties: Path) -> None:
    """Kinds, rendering, least probability, card-disjoint and plain texts reach the rows, and the manifest's command."""
    answer = cli("export", "preferences", "out", "--kind", "cards", "--render", "policies", "--min-probability", "0.6",
                 "--card-disjoint", "--format", "jsonl", "--plain", "--json").json
    assert ["cards"] == list(answer["kinds"])
    found = rows(parties / "out")
    assert all(row["chosen"].startswith("- MOMENTS") and row["p_chosen"] >= 0.6 for row in found)
    command = json.loads((parties / "out" / "manifest.json").read_text(encoding="utf-8"))["command"]
    assert command == ("graphengine export preferences OUT --kind cards --render policies --min-probability 0.6 "
                       "--card-disjoint --format jsonl --plain")
    again = cli(*command.replace("graphengine ", "").replace("OUT", "again").split(), "--json").json
    assert answer["sha256"] == again["sha256"]
    assert 2 == cli("export", "preferences", "out", "--kind", "card").code
    assert 2 == cli("export", "preferences", "out", "--min-probability", "1").code


def test_a_pair_walks_back_to_its_votes(cli: Callable[..., Said], own: Path, folder: Path) -> None:
    """`explain PAIR_ID` gives the edge with the counts of the row, the upgrades, and each vote under a pseudonym."""
    cli("export", "preferences", "out", "--format", "jsonl")
    row = next(row for row in rows(folder / "out") if len(row["upgrade_ids"]) == 2)
    answer = cli("explain", row["pair_id"], "--json").json
    assert ["ok", "pair_id", "context", "scenario", "wiser", "less_wise", "edge", "upgrades", "votes", "stale",
            "values"] == list(answer)
    assert (row["context_id"], row["scenario_id"]) == (answer["context"]["id"], answer["scenario"]["id"])
    assert (row["chosen_id"], row["rejected_id"]) == (answer["wiser"]["id"], answer["less_wise"]["id"])
    counts = ("wiser", "not_wiser", "unsure", "wiser_reverse", "not_wiser_reverse", "unsure_reverse")
    assert [row[name] for name in counts] == [answer["edge"][name] for name in counts]
    assert row["upgrade_ids"] == [upgrade["id"] for upgrade in answer["upgrades"]]
    assert set(row["upgrade_ids"]) == {vote["upgrade_id"] for vote in answer["votes"]}
    assert len(answer["votes"]) == sum(row[name] for name in counts)
    people = {line.split(",")[0] for line in sample_files()["votes"].read_text(encoding="utf-8").splitlines()}
    assert not people & {vote["user_id"] for vote in answer["votes"]}
    said = cli("explain", row["pair_id"])
    assert "P(wiser)" in said.out
    assert "votes, by pseudonym" in said.out
    assert answer["votes"][0]["user_id"] in said.out


def test_a_pair_that_nobody_was_asked_about(cli: Callable[..., Said], own: Path, folder: Path) -> None:
    """A pair by rank is found too and says where its order is from; an unknown id says where ids are from."""
    cli("export", "preferences", "out", "--by", "rank", "--format", "jsonl")
    row = next(row for row in rows(folder / "out") if not row["upgrade_ids"])
    answer = cli("explain", row["pair_id"], "--json").json
    assert (None, [], []) == (answer["edge"], answer["upgrades"], answer["votes"])
    assert (row["chosen_id"], row["rejected_id"]) == (answer["wiser"]["id"], answer["less_wise"]["id"])
    assert "follows from comparisons with others" in cli("explain", row["pair_id"]).out
    unknown = cli("explain", "p0", "--json").json
    assert "not_found" == unknown["error"]
    assert "pair_id" in unknown["hint"]
