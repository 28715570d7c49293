"""The wiser graph in other formats: arrows, keys and facts survive the way into networkx, GraphML and py2neo."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx
import py2neo
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphengine.errors import ExportError, InputError, MissingExtraError
from graphengine.interop.graphml import write_graphml
from graphengine.interop.networkx import to_networkx
from graphengine.interop.py2neo import LINKS, NODES, from_py2neo, to_py2neo
from graphengine.tables import EDGES, RANKS, TRUTH
from tests.contract.worlds import worlds

if TYPE_CHECKING:
    import pyarrow as pa

GRIEF, ANGER = "When grieving", "When 生气 & <angry>"
CARDS = TRUTH["cards"].table([
    {"id": "1", "title": "Give \"advice\"", "description": "a\r\nb\tc", "policies": ["WORDS that help", "NEXT steps"]},
    {"id": "2", "title": "Stay & <listen>", "policies": ["SILENCE"]},
    {"id": "3"},
    {"id": "4", "title": "Never asked"},
])
EDGE_ROWS: list[dict[str, Any]] = [
    {"context_id": GRIEF, "from_id": "1", "to_id": "2", "wiser": 5, "not_wiser": 1, "p_model": 0.9, "margin": 1.25},
    {"context_id": GRIEF, "from_id": "3", "to_id": "2", "wiser": 2, "p_model": 1 / 3},
    {"context_id": ANGER, "from_id": "2", "to_id": "1", "wiser": 4, "p_model": 0.75},
]
EDGE_TABLE = EDGES.table(EDGE_ROWS)
RANK_TABLE = RANKS.table([
    {"context_id": GRIEF, "card_id": "2", "rank": 1, "score": 1.5, "p_top": 0.95, "tied_top": True},
    {"context_id": GRIEF, "card_id": "1", "rank": 2, "score": -0.5, "p_top": 0.05, "tied_top": False},
    {"context_id": ANGER, "card_id": "1", "rank": 1, "score": 0.5, "tied_top": True},
    {"context_id": ANGER, "card_id": "2", "rank": 2, "score": -0.5, "tied_top": False},
])


# networkx --------------------------------------------------------------------------------------------------------


def test_edges_point_to_the_wiser_card() -> None:
    """In the graph of one context each edge leads from the less wise card to the wiser one."""
    graph = to_networkx(EDGE_TABLE, CARDS, RANK_TABLE, GRIEF)
    assert type(graph) is networkx.DiGraph
    assert {("1", "2"), ("3", "2")} == set(graph.edges)
    assert GRIEF == graph.graph["context"]


def test_pagerank_along_the_arrows_finds_the_wise() -> None:
    """PageRank of networkx on the graph puts the wiser card first."""
    scores = networkx.pagerank(to_networkx(EDGE_TABLE, CARDS, None, GRIEF), weight="p_model")
    assert "2" == max(scores, key=scores.__getitem__)


def test_nodes_carry_text_and_place() -> None:
    """A node holds its card's text, policies joined by line ends, and its place in the context; nothing null."""
    graph = to_networkx(EDGE_TABLE, CARDS, RANK_TABLE, GRIEF)
    assert {
        "title": "Stay & <listen>", "policies": "SILENCE", "rank": 1, "score": 1.5, "p_top": 0.95, "tied_top": True,
    } == graph.nodes["2"]
    assert "WORDS that help\nNEXT steps" == graph.nodes["1"]["policies"]
    assert {} == graph.nodes["3"]


def test_edges_carry_the_columns_of_edges() -> None:
    """An edge holds the counts and probabilities of EDGES, without nulls."""
    graph = to_networkx(EDGE_TABLE, CARDS, None, GRIEF)
    assert {
        "context_id": GRIEF, "wiser": 5, "not_wiser": 1, "p_model": 0.9, "margin": 1.25,
    } == graph.edges["1", "2"]


def test_all_contexts_are_keyed() -> None:
    """Without a context, edges of all contexts stand side by side, keyed by the context's id."""
    graph = to_networkx(EDGE_TABLE, CARDS, RANK_TABLE)
    assert type(graph) is networkx.MultiDiGraph
    assert {("1", "2", GRIEF), ("3", "2", GRIEF), ("2", "1", ANGER)} == set(graph.edges(keys=True))
    assert (ANGER, GRIEF) == (graph.nodes["1"]["wisest_in"], graph.nodes["2"]["wisest_in"])


def test_cards_that_nobody_was_asked_about_are_left_out() -> None:
    """A card without edge and rank is no node."""
    assert {"1", "2", "3"} == set(to_networkx(EDGE_TABLE, CARDS, RANK_TABLE).nodes)


def test_no_edges_give_an_empty_graph() -> None:
    """A context without edges gives a graph without nodes."""
    assert 0 == len(to_networkx(EDGES.empty(), CARDS, None, "elsewhere"))


def test_networkx_itself_can_write_the_graph(tmp_path: Path) -> None:
    """Nothing on the graph is of a type that networkx's GraphML writer refuses."""
    networkx.write_graphml(to_networkx(EDGE_TABLE, CARDS, RANK_TABLE), tmp_path / "all.graphml")
    assert 3 == networkx.read_graphml(tmp_path / "all.graphml").number_of_edges()


@pytest.mark.parametrize("package", ["networkx", "py2neo"])
def test_a_missing_extra_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package, the error names the extra to install."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError) as caught:
        if package == "networkx":
            to_networkx(EDGE_TABLE, CARDS)
        else:
            to_py2neo({})
    assert f"pip install 'graphengine[{package}]'" == caught.value.hint


def test_the_object_classes_name_their_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Importing the py2neo classes without py2neo names the extra, in place of an ImportError."""
    monkeypatch.setitem(sys.modules, "py2neo.ogm", None)
    monkeypatch.delitem(sys.modules, "graphengine.interop.objects", raising=False)
    with pytest.raises(MissingExtraError, match="py2neo"):
        importlib.import_module("graphengine.interop.objects")


# GraphML ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("context", [GRIEF, ANGER, None])
def test_graphml_reads_back_as_the_networkx_graph(context: str | None, tmp_path: Path) -> None:
    """What networkx reads from the file is what `to_networkx` gives: nodes, arrows, facts and their types."""
    out = tmp_path / "wiser.graphml"
    expected = to_networkx(EDGE_TABLE, CARDS, RANK_TABLE, context)
    assert expected.number_of_edges() == write_graphml(out, EDGE_TABLE, CARDS, RANK_TABLE, context)
    read = networkx.read_graphml(out)
    assert read.is_directed()
    assert dict(expected.nodes(data=True)) == dict(read.nodes(data=True))
    assert sorted(map(repr, expected.edges(data=True))) == sorted(map(repr, read.edges(data=True)))


@settings(max_examples=100)
@given(st.lists(st.tuples(st.text(min_size=1), st.text(max_size=20), st.floats(allow_nan=False)), min_size=1))
def test_any_text_is_written_as_valid_graphml(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    """Whatever characters ids and titles hold, the file can be read, and what XML can hold comes back unchanged."""
    out = tmp_path_factory.mktemp("graphml") / "x.graphml"
    cards = TRUTH["cards"].table([{"id": card, "title": title} for card, title, _ in rows])
    edges = EDGES.table([{"context_id": t, "from_id": card, "to_id": "w", "margin": m} for card, t, m in rows])
    assert len(rows) == write_graphml(out, edges, cards)
    read = networkx.read_graphml(out, force_multigraph=True)
    assert {_shown(card) for card, _, _ in rows} | {"w"} == set(read.nodes)
    margins = sorted(data["margin"] for _, _, data in read.edges(data=True))
    assert sorted(margin for _, _, margin in rows) == margins


def _shown(text: str) -> str:
    held = [c in "\t\n\r" or " " <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff" for c in text]
    return "".join(c if ok else f"\\u{ord(c):04x}" for c, ok in zip(text, held, strict=True))


def test_control_characters_are_written_visibly(tmp_path: Path) -> None:
    """NUL and its like, which XML can't hold, appear as escapes."""
    cards = TRUTH["cards"].table([{"id": "1", "title": "a\x00b\x1fc\uffffd"}])
    write_graphml(tmp_path / "x.graphml", EDGES.table(EDGE_ROWS[:1]), cards)
    assert "a\\u0000b\\u001fc\\uffffd" == networkx.read_graphml(tmp_path / "x.graphml").nodes["1"]["title"]


def test_an_older_graphml_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Writing again replaces the file and leaves nothing else behind."""
    out = tmp_path / "x.graphml"
    write_graphml(out, EDGE_TABLE, CARDS)
    write_graphml(out, EDGES.empty(), CARDS)
    assert 0 == networkx.read_graphml(out).number_of_nodes()
    assert [out] == list(tmp_path.iterdir())


def test_a_file_that_is_not_graphml_is_left_alone(tmp_path: Path) -> None:
    """A name that belongs to another file is refused, and that file stays."""
    (tmp_path / "votes.csv").write_text("a,b\n")
    with pytest.raises(ExportError, match="is there already and is not GraphML"):
        write_graphml(tmp_path / "votes.csv", EDGE_TABLE, CARDS)
    assert "a,b\n" == (tmp_path / "votes.csv").read_text()


@pytest.mark.parametrize("name", ["", "missing/x.graphml"])
def test_a_place_that_can_not_be_written_is_an_error(name: str, tmp_path: Path) -> None:
    """A folder, or a name in a folder that is not there, gives an error that names the place."""
    with pytest.raises(ExportError) as caught:
        write_graphml(tmp_path / name, EDGE_TABLE, CARDS)
    assert str(tmp_path / name) == caught.value.path
    assert [] == list(tmp_path.iterdir())


# py2neo ----------------------------------------------------------------------------------------------------------


def _stripped(tables: dict[str, pa.Table]) -> dict[str, list[dict[str, Any]]]:
    """Rows by table in the order of their keys, contexts of tallies sorted."""
    shaped = {}
    for name, table in tables.items():
        rows = [{**row, "contexts": sorted(row["contexts"])} if "contexts" in row else row for row in table.to_pylist()]
        shaped[name] = sorted(rows, key=lambda row, name=name: [row[column] for column in TRUTH[name].key])
    return {name: rows for name, rows in shaped.items() if rows}


@pytest.mark.slow
@settings(max_examples=50)
@given(worlds())
def test_any_graph_survives_py2neo(tables: dict[str, pa.Table]) -> None:
    """Truth tables turned into a py2neo Subgraph and back are the same rows."""
    assert _stripped(tables) == _stripped(from_py2neo(to_py2neo(tables)))


def test_all_truth_tables_come_back_with_their_schema() -> None:
    """`from_py2neo` gives every truth table but the graph's own records, typed, also where it is empty."""
    tables = from_py2neo(to_py2neo({}))
    assert {*TRUTH} - {"loads", "tombstones", "exports", "targets"} == {*tables}
    assert all(TRUTH[name].without("load_id") == table.schema for name, table in tables.items())


def test_earlier_answers_are_all_in_the_subgraph() -> None:
    """Several superseded answers of one person to one upgrade are several relationships."""
    before = TRUTH["votes_before"].table([
        {"id": str(at), "user_id": "u", "upgrade_id": "q", "answer": "unsure", "at": at} for at in (1, 2)
    ])
    upgrades = TRUTH["upgrades"].table([{"id": "q", "context_id": "c", "from_id": "a", "to_id": "b"}])
    tables = from_py2neo(to_py2neo({"votes_before": before, "upgrades": upgrades}))
    assert [1, 2] == tables["votes_before"].column("at").to_pylist()
    assert [{"id": "u"}] == tables["users"].to_pylist()


def test_nodes_of_others_are_passed_over() -> None:
    """Labels and relationship types that are not the graph model's do not matter."""
    film, card = py2neo.Node("Film", title="x"), py2neo.Node("ValuesCard", "Starred", id="1", title="x", colour="red")
    tables = from_py2neo(py2neo.Subgraph([film, card], [py2neo.Relationship(film, "ABOUT", card)]))
    assert {"cards": [{"id": "1", "title": "x", "description": None, "policies": None}]} == _stripped(tables)


@pytest.mark.parametrize(
    ("subgraph", "message"),
    [
        (py2neo.Node("Context", text="no id"), "a node :Context has the id None"),
        (py2neo.Node("Context", id=7), "a node :Context has the id 7"),
        (py2neo.Node("Upgrade", id="q"), "upgrades 'q' lacks context_id, from_id, to_id"),
        (py2neo.Node("Tally", id="t"), "tallies 't' lacks contexts, from_id, to_id"),
        (py2neo.Node("ValuesCard", id="1", policies="one text"), "the policies of card '1' are one text"),
        (py2neo.Node("ValuesCard", id="1", title=7), "a value of cards has another type"),
    ],
)
def test_data_that_is_not_the_model_is_an_error(subgraph: py2neo.Subgraph, message: str) -> None:
    """A node without a text as id, an upgrade or tally without its ends, or a value of another type is named."""
    with pytest.raises(InputError, match=message):
        from_py2neo(subgraph)


def test_the_model_of_py2neo_covers_the_vocabulary() -> None:
    """Every column of every truth table (but load_id) is a property or an end of the py2neo model."""
    for name in {*TRUTH} - {"loads", "tombstones", "exports", "targets"}:
        node = ("id", *NODES[name][1]) if name in NODES else ()
        links = [link for link in LINKS if link.table == name]
        covered = {*node, *(c for link in links for c in (link.start_column, link.end_column, *link.properties))}
        assert set(TRUTH[name].without("load_id").names) == covered
