"""Texts that look like Cypher, SQL or markup are texts: through every field, id and argument, on both engines."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

import graphengine
from graphengine.errors import GraphEngineError, NotFoundError
from graphengine.store import queries
from graphengine.tables import TRUTH

pytestmark = pytest.mark.slow

PAYLOADS = {
    "quotes": """it's "quoted" `ticked` ''twice'' ""twice"" ``twice``""",
    "delete": "x'}) DETACH DELETE n //",
    "double": 'x"}) MATCH (n) DETACH DELETE n //',
    "comment": "*/ MATCH (n) DETACH DELETE n /*",
    "escape": "\\u0027}) DETACH DELETE n // \\' \\\\ \\n",
    "statements": "a; MATCH (n) DETACH DELETE n; DROP TABLE User; CHECKPOINT;",
    "parameter": "$rows $row.id {rows} ${rows} %s {0} :param",
    "label": "User`:Admin`) SET n.x = 1 WITH n MATCH (m",
    "sql": "'); DROP TABLE votes; --",
    "copy": "COPY User TO '/tmp/stolen.csv'; LOAD CSV FROM 'file:///etc/passwd' AS l",
    "emoji": "👩‍👩‍👧‍👦 🇺🇦 \U0001f9ff",
    "right to left": "\u202eשלום\u202c العَرَبِيَّة",
    "controls": "a\tb\u200b\u2028c\x7f",
    "markup": "<script>alert(1)</script> [bold]x[/bold] {{7*7}}",
    "glob": "../../etc/passwd\t*?[a]",
    "null": "null", "number": "1e400", "list": "a|b",
}
LONG = "long " + "x'}) DETACH DELETE n // " * 13_000 + "end"  # 300 KB


def write_csv(path: Path, header: str, *rows: list[str]) -> Path:
    """A CSV file, quoted as it must be."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header.split(","))
        writer.writerows(rows)
    return path


def write_jsonl(path: Path, header: str, *rows: list[str]) -> Path:
    """The same as JSON Lines."""
    lines = [json.dumps(dict(zip(header.split(","), row, strict=True))) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def size(graph: graphengine.MoralGraph) -> dict[str, int]:
    """Rows of every truth table."""
    return {name: graph.store.state(name).num_rows for name in TRUTH}


def column(graph: graphengine.MoralGraph, table: str, name: str) -> list[Any]:
    """A column of a truth table, sorted."""
    return sorted(graph.store.state(table).column(name).to_pylist(), key=str)


@pytest.mark.slow
@pytest.mark.parametrize("write", [write_csv, write_jsonl])
def test_every_field_of_every_file(write: Any, address: str, tmp_path: Path) -> None:
    """What a file says is in the graph letter by letter, and nothing else is there or gone."""
    suffix = "csv" if write is write_csv else "jsonl"
    said = list(PAYLOADS.values())
    files = {
        "cards": write(tmp_path / f"cards.{suffix}", "id,title,description,policies,author",
                       *([f"card {p}", f"title {p}", f"description {p}", json.dumps([f"WAYS {p}", "more"]),
                          f"person {p}"] for p in said)),
        "contexts": write(tmp_path / f"contexts.{suffix}", "id,text", *([f"context {p}", f"When {p}"] for p in said)),
        "scenarios": write(tmp_path / f"scenarios.{suffix}", "id,text,contexts",
                           *([f"scenario {p}", f"What about {p}", json.dumps([f"context {p}"])] for p in said)),
        "votes": write(tmp_path / f"votes.{suffix}",
                       "participant,context,from_value,to_value,answer,scenario,story,age",
                       *([f"person {p}", f"context {p}", f"card {p}", f"card {said[i - 1]}", "wiser", f"scenario {p}",
                          f"story {p}", f"old {p}"] for i, p in enumerate(said))),
    }
    with graphengine.open(address) as graph:
        for kind, file in files.items():
            outcome = graph.import_file(file, kind=kind, groups=["age"] if kind == "votes" else [])
            assert 0 == outcome.rejected, outcome.rejects.table.to_pylist()
        number = len(said)
        tables = ("cards", "contexts", "scenarios", "raises", "users", "upgrades", "votes", "articulated", "groups")
        assert dict.fromkeys(tables, number) == {k: v for k, v in size(graph).items() if k in tables}
        for table, name, head in (
            ("cards", "id", "card"), ("cards", "title", "title"), ("cards", "description", "description"),
            ("contexts", "id", "context"), ("contexts", "text", "When"), ("scenarios", "id", "scenario"),
            ("scenarios", "text", "What about"), ("upgrades", "story", "story"), ("groups", "value", "old"),
        ):
            assert sorted((f"{head} {p}" for p in said), key=str) == column(graph, table, name), name
        policies = sorted(p for row in graph.store.state("cards").column("policies").to_pylist() for p in row)
        assert sorted([f"WAYS {p}" for p in said] + ["more"] * number) == policies
        graph.rank()
        for p in said:
            assert f"When {p}" == graph.wisest(f"context {p}").context.text
            assert f"context {p}" == graph.ranking(f"When {p}").context.id
            assert f"title {p}" == graph.explain(f"context {p}", f"card {p}").card["title"]
            assert 1 == graph.edges(f"context {p}").table.num_rows
            who = graph.query("MATCH (c:ValuesCard {id: $id}) RETURN c.title AS t", id=f"card {p}").to_pylist()
            assert [{"t": f"title {p}"}] == who
        before = graph.store.hashes()
        graph.rebuild()
        assert before == graph.store.hashes()
        graph.backup(tmp_path / "saved")
        for p in said[:3]:
            graph.erase_user(f"person {p}")
        assert number - 3 == size(graph)["votes"]
    with graphengine.open(tmp_path / "copy") as copy:
        copy.restore(tmp_path / "saved")
        assert before == copy.store.hashes()


def test_very_long_texts(address: str, tmp_path: Path) -> None:
    """300 KB in a text come back as they went in."""
    row = ["a", LONG, LONG + "2", json.dumps([LONG + "3"])]
    cards = write_csv(tmp_path / "cards.csv", "id,title,description,policies", row)
    with graphengine.open(address) as graph:
        outcome = graph.import_file(cards)
        kept = graph.store.state("cards").to_pylist()
        if outcome.rejected:  # a clear refusal is as good
            assert "characters" in str(outcome.rejects.table.to_pylist())
            assert [] == kept
        else:
            assert [(LONG, LONG + "2", [LONG + "3"])] == [
                (row["title"], row["description"], row["policies"]) for row in kept
            ]


def refused_calls(graph: graphengine.MoralGraph, payload: str, votes: Path) -> list[Any]:
    """Every method that takes a text, given the payload."""
    out = votes.with_name("out.graphml")
    calls = [
        lambda: graph.wisest(payload), lambda: graph.ranking(payload), lambda: graph.edges(payload),
        lambda: graph.explain(payload, "a"), lambda: graph.explain("When lost", payload),
        lambda: graph.wisest("When lost", method=payload), lambda: graph.edges(edge_rule=payload),
        lambda: graph.wisest("When lost", edge_rule=payload, method="pagerank"),
        lambda: graph.rank(payload), lambda: graph.rank(not_wiser=payload),
        lambda: graph.rank("pagerank", edge_rule=payload), lambda: graph.rank("pagerank", scores=payload),
        lambda: graph.undo(payload), lambda: graph.erase_user(payload), lambda: graph.query(payload),
        lambda: graph.to_networkx(payload), lambda: graph.export_graphml(out, payload),
    ]
    if payload:  # no kind and no format: they are found from the file
        calls += [lambda: graph.import_file(votes, kind=payload), lambda: graph.import_file(votes, format=payload)]
    return calls


@pytest.mark.slow
def test_every_argument(address: str, tmp_path: Path) -> None:
    """No argument of a method does anything but name what is not there; the graph stays as it is."""
    votes = write_csv(
        tmp_path / "votes.csv", "participant,context,from_value,to_value,answer",
        *([f"p{i}", "When lost", "a", "b", "wiser"] for i in range(4)),
    )
    with graphengine.open(address) as graph:
        graph.import_file(votes)
        graph.rank()
        before = (graph.store.hashes(), size(graph), graph.query("stats").to_pylist())
        for payload in [*PAYLOADS.values(), LONG, "", " ", "\0", "a\0b", "\ud800"]:
            for number, call in enumerate(refused_calls(graph, payload, votes)):
                with pytest.raises(GraphEngineError) as refused:
                    call()
                assert refused.value.message, (number, payload[:20])
            for name in ("wisest_value", "ranking", "edges_of_context", "votes_of_user", "upgrade_path", "find_card"):
                wanted = queries.find(graph.store.engine, name).parameters
                nothing = dict.fromkeys({"context", "user", "from_card", "to_card", "name"} & set(wanted), payload)
                assert 0 == asked(graph, payload, name, **nothing, or_else=0), (name, payload[:20])
            assert payload == asked(graph, payload, "RETURN $text AS text", text=payload, or_else=payload)
        assert before == (graph.store.hashes(), size(graph), graph.query("stats").to_pylist())


def asked(graph: graphengine.MoralGraph, payload: str, query: str, or_else: Any, **parameters: str) -> Any:
    """The value that a query returns, or the number of rows; what is no text may be refused."""
    try:
        found = graph.query(query, **parameters)
    except GraphEngineError:
        assert "\0" in payload or "\ud800" in payload
        return or_else
    return found.column("text")[0].as_py() if "$text" in query else found.num_rows


def test_names_of_parameters_and_queries(address: str) -> None:
    """A parameter's name can't carry Cypher either, nor a query's name a path."""
    with graphengine.open(address) as graph:
        for name in PAYLOADS.values():
            with pytest.raises(GraphEngineError):
                graph.query("stats", **{name: 1})
            with pytest.raises(GraphEngineError):
                graph.store.read(name)
        for name in ("write/remove_users", "../write/remove_users", "state_votes", "remove_some_edges", "write/graph"):
            with pytest.raises(GraphEngineError):
                graph.query(name)
        with pytest.raises(GraphEngineError):
            graph.query("RETURN $x AS x", **{"x": object()})
        assert 0 == size(graph)["votes"]


@pytest.mark.parametrize("write", [write_csv, write_jsonl])
@pytest.mark.parametrize("field", range(7))
def test_a_nul_in_a_field(field: int, write: Any, address: str, tmp_path: Path) -> None:
    """A NUL is rejected or refused, with its place; nothing of the row is stored."""
    row = ["p1", "When lost", "a", "b", "wiser", "loss", "a story"]
    row[field] = row[field][:1] + "\0" + row[field][1:]
    good = ["p2", "When lost", "a", "b", "wiser", "loss", "a story"]
    file = write(tmp_path / ("v.csv" if write is write_csv else "v.jsonl"),
                 "participant,context,from_value,to_value,answer,scenario,story", good, row)
    with graphengine.open(address) as graph:
        try:
            outcome = graph.import_file(file)
        except GraphEngineError as error:
            assert error.message and error.hint
            assert 0 == size(graph)["votes"]
        else:
            assert (1, 1) == (outcome.accepted, outcome.rejected)
            assert "NUL" in str(outcome.rejects.table.to_pylist())
        assert not [name for name in TRUTH if "\0" in str(graph.store.state(name).to_pylist())]


def test_a_key_of_a_mapping_that_is_cypher(address: str, tmp_path: Path) -> None:
    """Column names of a file go nowhere near a query's text."""
    evil = "x`) DETACH DELETE n //"
    file = write_csv(tmp_path / "v.csv", f"who {evil},ctx,f,t,a", ["p1", "When lost", "a", "b", "wiser"])
    mapping = tmp_path / "map.toml"
    mapping.write_text(
        f"[columns]\nparticipant = '''who {evil}'''\ncontext = 'ctx'\nfrom_value = 'f'\nto_value = 't'\nanswer = 'a'\n"
    )
    with graphengine.open(address) as graph:
        assert 1 == graph.import_file(file, mapping=mapping, kind="votes").accepted
        with pytest.raises(NotFoundError):
            graph.wisest(evil)
