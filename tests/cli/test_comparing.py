"""`graphengine rank --compare`, `--bootstrap`, `--variable`, and names that are nearly right."""

from __future__ import annotations

import shutil
from itertools import combinations

import pytest

import graphengine
from graphengine.errors import NotFoundError, RankingError
from graphengine.ranked import comparing
from graphengine.ranking import METHODS

pytestmark = pytest.mark.slow

NAMES = ["bradley-terry", "pagerank mai-2023", "win-rate", "copeland", "hodgerank", "schulze"]
CONTEXT = "When grieving"


@pytest.fixture(scope="module")
def grouped(tmp_path_factory):
    """A graph of 24 people in two groups who want the opposite, and a card that both can live with."""
    folder = tmp_path_factory.mktemp("grouped")
    lines = ["participant,context,from_value,to_value,answer,side"]
    for n in range(24):
        side = "left" if n < 16 else "right"
        lines += [f"p{n},When voting,now,ours,{'wiser' if side == 'left' else 'not_wiser'},{side}",
                  f"p{n},When voting,now,both,{'wiser' if n % 4 else 'not_wiser'},{side}",
                  f"p{n},When voting,ours,now,{'not_wiser' if side == 'left' else 'wiser'},{side}",
                  f"p{n},When voting,both,now,{'not_wiser' if n % 4 else 'wiser'},{side}"]
    (folder / "votes.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_all_methods_everywhere(cli, sample):
    """Every context has the leaders by every method; each pair's agreement stands below; a note says what lacks."""
    said = cli("rank", "--compare")
    assert 0 == said.code
    assert "methods name the same one card in" in said.out
    assert all(name in said.out for name in NAMES)
    assert "Kendall's tau" in said.out
    assert "bradley-terry-groups is left out" in said.err


def test_json(cli, sample):
    """`--json` prints one object: leaders by method, and every pair of methods once, within bounds."""
    shape = cli("rank", "--compare", "--json").json
    assert ["ok", "words", "context", "methods", "contexts", "cards", "agreement", "notes"] == list(shape)
    assert (NAMES, None, []) == (shape["methods"], shape["context"], shape["cards"])
    assert list(combinations(NAMES, 2)) == [(row["method"], row["other"]) for row in shape["agreement"]]
    for row in shape["agreement"]:
        assert 0 <= row["same_leader"] <= 1
        assert -1 <= row["tau"] <= 1
    for row in shape["contexts"]:
        assert NAMES == list(row["leaders"])
        assert row["agree"] == (
            len({tuple(c["id"] for c in found) for found in row["leaders"].values()}) == 1
            and len(row["leaders"]["copeland"]) == 1)


def test_leaders_are_those_of_the_rankings(cli, own):
    """The leaders are the cards of rank 1 of the same methods ranked for good; of the default, of highest P(top)."""
    compared = {row["context"]["id"]: row["leaders"] for row in cli("rank", "--compare", "--json").json["contexts"]}
    with graphengine.open(own) as graph:
        for method in ("win-rate", "copeland", "hodgerank", "schulze", "pagerank", "bradley-terry"):
            made = graph.rank(method).ranking_id
            for context, leaders in compared.items():
                cards = graph.ranking(context, method=method).cards
                key = "p_top" if method == "bradley-terry" else "rank"
                best = (max if key == "p_top" else min)(row[key] for row in cards)
                assert {row["id"] for row in cards if row[key] == best} == {c["id"] for c in leaders[made]}


def test_one_context(cli, sample):
    """A context by its text: ranks of each card by each method, the default's order first."""
    shape = cli("rank", "--compare", CONTEXT, "--json").json
    assert CONTEXT == shape["context"]["text"]
    ranks = [card["ranks"] for card in shape["cards"]]
    assert sorted(r["bradley-terry"] for r in ranks) == [r["bradley-terry"] for r in ranks]
    assert all(NAMES == list(r) for r in ranks)
    said = cli("rank", "--compare", CONTEXT)
    assert f"rank in “{CONTEXT}”" in said.out
    everything = cli("rank", "--compare", "--json").json
    leaders = {row["context"]["text"]: row["leaders"] for row in everything["contexts"]}
    assert leaders[CONTEXT] == shape["contexts"][0]["leaders"]


def test_nothing_is_stored(own):
    """Comparing changes neither the rankings nor the content hash."""
    with graphengine.open(own) as graph:
        before = (graph.query("rankings").to_pylist(), graph.store.content_hash())
        graph.compare()
        graph.compare(CONTEXT, not_wiser="tie", edge_rule="paper-majority")
        assert before == (graph.query("rankings").to_pylist(), graph.store.content_hash())


def test_of_many_contexts_a_fixed_choice(own, monkeypatch):
    """Above a number of contexts, always the same ones are compared, and a note says so."""
    monkeypatch.setattr(comparing, "MOST_CONTEXTS", 3)
    with graphengine.open(own) as graph:
        one, again = graph.compare(), graph.compare()
    assert 3 == len(one.contexts)
    assert one == again
    assert "3 of 10 contexts are compared, always the same ones" in one.notes


def test_what_can_not_be_compared(cli, own, folder):
    """An unknown context is not found; a graph without votes says what to do; so does an unknown variable."""
    with graphengine.open(own) as graph:
        with pytest.raises(NotFoundError):
            graph.compare("When nowhere")
        with pytest.raises(RankingError, match="nobody belongs to a group of 'side'"):
            graph.compare(variable="side")
    shutil.rmtree(own)
    with graphengine.open(own, create=True) as graph, pytest.raises(RankingError, match="no votes to rank"):
        graph.compare()


def test_groups(cli, folder, grouped):
    """With a group variable the least satisfied group decides: in rank, in wisest, and beside the other methods."""
    assert 0 == cli("import", grouped / "votes.csv", "--group", "side").code
    assert "both" in cli("rank", "--method", "bradley-terry-groups", "--variable", "side").out
    asked = ("--method", "bradley-terry-groups", "--variable", "side", "--json")
    answer = cli("wisest", "When voting", *asked).json
    assert "bradley-terry-groups" == answer["method"]
    assert "both" == answer["wisest"][0]["id"]
    assert {"both", "ours", "now"} == {row["id"] for row in cli("ranking", "When voting", *asked).json["cards"]}
    assert cli("explain", "When voting", "both", *asked).json["place"]["rank"] == 1
    shape = cli("rank", "--compare", "--variable", "side", "--json").json
    assert "bradley-terry-groups side" in shape["methods"]
    assert len(METHODS) == len(shape["methods"])
    assert [] == shape["notes"]
    missing = cli("rank", "--method", "bradley-terry-groups")
    assert 1 == missing.code
    assert "--variable" in missing.err


def test_bootstrap(cli, own):
    """People drawn anew give P(top) to a method without; the same number again does nothing; 0 ranks as before."""
    first = cli("rank", "--method", "copeland", "--bootstrap", 8, "--json").json
    assert "copeland" == first["ranking_id"]
    shares = {row["p_top"] for row in cli("ranking", CONTEXT, "--method", "copeland", "--json").json["cards"]}
    assert all((share * 8 * 60).is_integer() for share in shares)  # eighths, and parts of them where cards tie
    assert cli("rank", "--method", "copeland", "--bootstrap", 8, "--json").json["unchanged"]
    cli("rank", "--method", "copeland")
    cards = cli("ranking", CONTEXT, "--method", "copeland", "--json").json["cards"]
    assert {None} == {row["p_top"] for row in cards}


@pytest.mark.parametrize(
    ("option", "given", "meant"), [("--method", "copland", "copeland"), ("--edge-rule", "mai2023", "mai-2023")])
def test_names_that_are_nearly_right(cli, sample, option, given, meant):
    """A method or rule that does not exist is answered by the one that may have been meant."""
    said = cli("rank", option, given)
    assert 2 == said.code
    assert f"did you mean '{meant}'?" in said.err
