"""`--json`: one object per command, with the keys that stay stable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from graphengine.cli.running import EDGE_RULES, METHODS
from graphengine.ranking import EDGE_RULES as KNOWN_RULES
from graphengine.ranking import METHODS as KNOWN_METHODS
from graphengine.sample import sample_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said

SURE, OPEN = "When grieving", "When a family disagrees"


def test_wisest(cli: Callable[..., Said], sample: Path) -> None:
    """`wisest` gives context, method, verdict, and the wisest cards with text and numbers."""
    answer = cli("wisest", SURE, "--json").json
    assert ["ok", "context", "method", "single_winner", "reason", "stale", "wisest"] == list(answer)
    assert {"id": SURE, "text": SURE} == answer["context"]
    assert (True, "bradley-terry", True, False) == tuple(answer[k] for k in ("ok", "method", "single_winner", "stale"))
    (card,) = answer["wisest"]
    assert ["rank", "id", "title", "description", "policies", "score", "lower", "upper", "p_top"] == list(card)
    assert (1, "silence-that-stays") == (card["rank"], card["id"])
    assert card["lower"] < card["score"] < card["upper"]


def test_wisest_without_a_single_winner(cli: Callable[..., Said], sample: Path) -> None:
    """Where the votes leave it open, `wisest` gives several cards and a reason."""
    answer = cli("wisest", OPEN, "--json").json
    assert answer["single_winner"] is False
    assert len(answer["wisest"]) > 1
    assert answer["reason"]


def test_ranking(cli: Callable[..., Said], sample: Path) -> None:
    """`ranking` gives all cards of the context with their uncertainty, in order."""
    answer = cli("ranking", SURE, "--json").json
    assert {"ok", "context", "method", "stale", "cards"} <= set(answer)
    keys = {"rank", "id", "title", "score", "sd", "lower", "upper", "p_top", "tied_top"}
    assert all(keys <= set(card) for card in answer["cards"])
    assert sorted(card["rank"] for card in answer["cards"]) == [card["rank"] for card in answer["cards"]]
    assert pytest.approx(1) == sum(card["p_top"] for card in answer["cards"])


def test_pagerank_scores_of_a_context_sum_to_one(cli: Callable[..., Said], sample: Path) -> None:
    """`ranking --method pagerank` gives scores that sum to 1, and null where PageRank knows no uncertainty."""
    answer = cli("ranking", SURE, "--method", "pagerank", "--edge-rule", "mai-2023", "--json").json
    assert "pagerank" == answer["method"]
    assert pytest.approx(1) == sum(card["score"] for card in answer["cards"])
    assert {None} == {card["p_top"] for card in answer["cards"]}


def test_import(cli: Callable[..., Said], votes: Path) -> None:
    """`import` counts rows and votes, and what is new."""
    answer = cli("import", votes, "--json").json
    expected = {
        "ok": True, "format": "csv", "kind": "votes", "read": 3, "accepted": 3, "changed": 0, "unchanged": 0,
        "rejected": 0, "new_cards": 2, "new_contexts": 1, "new_users": 3, "dry_run": False,
    }
    assert expected == {key: answer[key] for key in expected}
    assert answer["load_id"]


@pytest.mark.slow
def test_import_with_rank_adds_ranking_and_winners(cli: Callable[..., Said], votes: Path) -> None:
    """`import --rank` gives the ranking and the winners in the same object."""
    answer = cli("import", votes, "--rank", "--json").json
    assert 1 == answer["ranking"]["contexts"]
    assert {"compass"} <= {row["id"] for row in answer["winners"]}


def test_rank(cli: Callable[..., Said], own: Path) -> None:
    """`rank` says which ranking it made, over how much, with which calibration."""
    answer = cli("rank", "--method", "pagerank", "--edge-rule", "likelihood-only", "--json").json
    assert (True, "pagerank likelihood-only", "pagerank", "likelihood-only") == tuple(
        answer[key] for key in ("ok", "ranking_id", "method", "edge_rule")
    )
    assert {"contexts", "cards", "single_winners", "edges", "calibration", "notes"} <= set(answer)


def test_edges_under_a_rule(cli: Callable[..., Said], sample: Path) -> None:
    """`edges --edge-rule` names the rule and gives counters and likelihood per edge."""
    answer = cli("edges", "--edge-rule", "mai-2023", "--json").json
    assert (True, "mai-2023") == (answer["ok"], answer["rule"])
    keys = ["from_id", "to_id", "contexts", "wiser", "not_wiser", "unsure", "less_wise", "likelihood"]
    assert {tuple(keys)} == {tuple(edge) for edge in answer["edges"]}


def test_edges_of_a_context(cli: Callable[..., Said], sample: Path) -> None:
    """`edges CONTEXT` gives the wiser edges of that context only."""
    answer = cli("edges", SURE, "--json").json
    assert "model" == answer["rule"]
    assert {(SURE,)} == {tuple(edge["contexts"]) for edge in answer["edges"]}
    assert all(edge["p_model"] >= 0.5 for edge in answer["edges"])


def test_explain(cli: Callable[..., Said], sample: Path) -> None:
    """`explain` gives the card, its place, its edges, and the upgrades with their vote counts."""
    answer = cli("explain", SURE, "Silence That Stays", "--json").json
    assert {"ok", "context", "card", "place", "edges", "upgrades", "reason", "stale"} <= set(answer)
    assert ("silence-that-stays", 1) == (answer["card"]["id"], answer["place"]["rank"])
    assert all("silence-that-stays" in (edge["from_id"], edge["to_id"]) for edge in answer["edges"])
    assert {"id", "from_id", "to_id", "story", "wiser", "not_wiser", "unsure"} <= set(answer["upgrades"][0])


def test_query(cli: Callable[..., Said], sample: Path) -> None:
    """`query` gives the columns in order and the rows by column."""
    text = "MATCH (c:Context {id: $id}) RETURN c.id AS id, 1.5 AS x, null AS n"
    answer = cli("query", text, "-p", f"id={SURE}", "--json").json
    assert {"ok": True, "columns": ["id", "x", "n"], "rows": [{"id": SURE, "x": 1.5, "n": None}],
            "truncated": False} == answer


def test_export_preferences(cli: Callable[..., Said], own: Path, folder: Path) -> None:
    """`export preferences` gives the folder, the number of pairs, the splits and the hash."""
    answer = cli("export", "preferences", "out", "--json").json
    assert {"ok", "path", "pairs", "splits", "sha256"} <= set(answer)
    assert answer["pairs"] == sum(answer["splits"].values()) > 0
    assert (folder / "out" / "manifest.json").is_file()
    assert 64 == len(answer["sha256"])


def test_export_graphml(cli: Callable[..., Said], own: Path, folder: Path) -> None:
    """`export graphml` gives the file and the number of edges."""
    edges = len(cli("edges", SURE, "--json").json["edges"])
    answer = cli("export", "graphml", "wiser.graphml", "--context", SURE, "--json").json
    assert {"ok": True, "path": "wiser.graphml", "edges": edges} == answer
    assert edges == (folder / "wiser.graphml").read_text().count("<edge ")


def test_sniff(cli: Callable[..., Said], votes: Path, folder: Path) -> None:
    """`sniff` gives kind, format and columns, and names the map that it wrote."""
    answer = cli("sniff", votes, "--json").json
    assert (True, "votes", "csv", "map.toml") == tuple(answer[key] for key in ("ok", "kind", "format", "map"))
    assert {"name": "participant", "field": "participant", "sure": True} == answer["columns"][0]
    assert {"file", "delimiter", "encoding", "layout", "questions", "words"} <= set(answer)


def test_template(cli: Callable[..., Said], folder: Path) -> None:
    """`template` names the folder and the files."""
    answer = cli("template", "study", "--json").json
    assert (True, "study") == (answer["ok"], answer["folder"])
    assert {"votes.csv", "cards.csv", "map.toml"} <= set(answer["files"])


@pytest.mark.slow
def test_loads_and_undo(cli: Callable[..., Said], votes: Path) -> None:
    """`loads` lists what was imported; `undo` says what it removed and restored."""
    load = cli("import", votes, "--json").json["load_id"]
    (row,) = cli("loads", "--json").json["loads"]
    assert {"id", "at", "file", "format", "read", "accepted", "changed", "unchanged", "rejected", "status"} == set(row)
    assert (load, "votes.csv", 3, "done") == (row["id"], row["file"], row["accepted"], row["status"])
    undone = cli("undo", load, "--json").json
    assert ["ok", "load_id", "removed", "restored"] == list(undone)
    assert (load, 3) == (undone["load_id"], undone["removed"]["votes"])


def test_doctor(cli: Callable[..., Said], sample: Path) -> None:
    """`doctor` gives address, version, facts, what the graph holds, problems and the next command."""
    answer = cli("doctor", "--json").json
    assert {"ok", "address", "version", "facts", "holds", "problems", "next"} == set(answer)
    assert (True, [], 1535) == (answer["ok"], answer["problems"], answer["holds"]["votes"])


def test_migrate(cli: Callable[..., Said], own: Path) -> None:
    """`migrate` says what it applied and lists every migration."""
    answer = cli("migrate", "--json").json
    assert (True, []) == (answer["ok"], answer["applied"])
    assert {("id", "name", "checksum", "applied_at")} == {tuple(row) for row in answer["migrations"]}
    assert answer["migrations"] == cli("migrate", "--list", "--json").json["migrations"]


@pytest.mark.slow
def test_backup_and_restore(cli: Callable[..., Said], own: Path) -> None:
    """`backup` counts rows and gives the content hash; what `restore` makes has the same."""
    saved = cli("backup", "saved", "--json").json
    assert ["ok", "path", "rows", "content_hash", "with_key"] == list(saved)
    assert (1535, False) == (saved["rows"]["votes"], saved["with_key"])
    restored = cli("restore", "saved", "--graph", "other.graph", "--json").json
    assert ["ok", "source", "key", "holds"] == list(restored)
    assert 1535 == restored["holds"]["votes"]
    facts = cli("--graph", "other.graph", "doctor", "--json").json["facts"]
    assert saved["content_hash"] == facts["content_hash"]


@pytest.mark.slow
def test_rebuild(cli: Callable[..., Said], own: Path) -> None:
    """`rebuild` gives what the graph holds afterwards: the same as before."""
    before = cli("doctor", "--json").json["holds"]
    answer = cli("rebuild", "--json").json
    assert {"ok": True, "holds": before} == answer


@pytest.mark.slow
def test_erase_user(cli: Callable[..., Said], own: Path) -> None:
    """`erase-user` gives the pseudonym, what was removed, and the exports that held the person."""
    who = sample_files()["votes"].read_text().splitlines()[1].split(",")[0]
    cli("export", "preferences", "out")
    answer = cli("erase-user", who, "--json").json
    assert ["ok", "user_id", "removed", "exports"] == list(answer)
    assert who != answer["user_id"]
    assert answer["removed"]["votes"] > 0
    assert ["preferences"] == [export["kind"] for export in answer["exports"]]


@pytest.mark.parametrize(
    ("arguments", "code", "error"),
    [
        (["wisest", "When gone"], 1, "not_found"),
        (["explain", SURE, "no such card"], 1, "not_found"),
        (["wisest", SURE, "--method", "pagerank", "--edge-rule", "any-wiser"], 1, "not_ranked"),
        (["query", "no_such_query"], 1, "bad_query"),
        (["query", "MATCH (n) DELETE n"], 1, "bad_query"),
        (["query", "MATCH (n) RETURN nothing"], 1, "bad_query"),
        (["query", "wisest_value"], 1, "bad_query"),
        (["import", "missing.csv", "--dry-run"], 1, "bad_input"),
        (["undo", "no-such-load"], 1, "not_found"),
        (["wisest", SURE, "--graph", "nowhere.graph"], 1, "store"),
        (["wisest", SURE, "--graph", "bolt://127.0.0.1:1"], 4, "store_unreachable"),
        (["wisest", SURE, "--graph", "http://127.0.0.1"], 4, "store_unreachable"),
        (["wisest"], 2, "usage"),
        (["wisest", SURE, "--nope"], 2, "usage"),
        (["nope"], 2, "usage"),
        (["query", "stats", "-p", "nothing"], 2, "usage"),
        (["query", "stats", "-p", "x:={"], 2, "usage"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_errors(cli: Callable[..., Said], sample: Path, arguments: list[str], code: int, error: str) -> None:
    """Every error is one object with ok, error, message and hint, on stdout, and has its exit code."""
    said = cli(*arguments, "--json")
    assert (code, False, error) == (said.code, said.json["ok"], said.json["error"])
    assert {"ok", "error", "message", "hint"} <= set(said.json)
    assert said.json["message"]
    assert "" == said.err


def test_the_options_name_what_the_ranking_knows() -> None:
    """Methods and edge rules written out for `--help` are those of the ranking."""
    assert set(KNOWN_METHODS) == set(METHODS)
    assert set(KNOWN_RULES) == set(EDGE_RULES)
