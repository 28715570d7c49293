"""Backups are neutral: from either engine, into either engine, or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from graphengine.errors import ExportError, InputError, StoreDamagedError, StoreError, StoreNewerError, WrongKeyError
from graphengine.store import backup, open_store
from tests.contract.worlds import append, rows, world

if TYPE_CHECKING:
    from pathlib import Path

    from graphengine.store.base import Store
    from tests.neo4j_server import Neo4jServer

pytestmark = pytest.mark.slow

P, Q = "p" + "0" * 24, "p" + "1" * 24


def fill(store: Store) -> None:
    """A graph with something in most tables."""
    tables = world([(P, "c", "a", "b", "wiser", None), (Q, "c", "a", "b2", "unsure", 5)])
    tables["duplicates"] = rows("duplicates", {"card_id": "b2", "canonical_id": "b"})
    tables["tallies"] = rows("tallies", {"id": "t", "from_id": "a", "to_id": "b", "contexts": ["c"], "wiser": 3,
                                         "not_wiser": 1, "less_wise": 0, "unsure": 2, "impressions": 6})
    append(store, tables)
    append(store, world([(P, "c", "a", "b", "not_wiser", None)]))


def test_a_backup_restores_into_a_new_embedded_graph(store: Store, tmp_path: Path) -> None:
    """From either engine into a folder: the same hashes, superseded answers and identity; the key comes if asked."""
    fill(store)
    backup.write(store, tmp_path / "saved", with_key=True)
    with open_store(str(tmp_path / "other.graph")) as other:
        said = backup.restore(other, tmp_path / "saved")
        assert store.hashes() == other.hashes()
        assert store.identity() == other.identity()
        assert store.key() == other.key()
        assert store.read("count_votes") == other.read("count_votes")
        assert 1 == other.state("votes_before").num_rows
        assert "was restored" in said


@pytest.mark.neo4j
def test_a_backup_moves_a_folder_to_a_server(
    neo4j_server: Neo4jServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a folder to Neo4j and back again: nothing is lost, and loads can still be taken back there."""
    neo4j_server.wipe()
    for name, value in neo4j_server.environment().items():
        monkeypatch.setenv(name, value)
    with open_store(str(tmp_path / "moral.graph")) as embedded:
        fill(embedded)
        backup.write(embedded, tmp_path / "saved")
        hashes = embedded.hashes()
        loads = embedded.read("loads").column("id").to_pylist()
    with open_store(neo4j_server.uri) as server:
        said = backup.restore(server, tmp_path / "saved")
        assert hashes == server.hashes()
        assert "holds no key" in said
        with pytest.raises(WrongKeyError, match="is missing"):
            server.key()
        server.undo(loads[1])
        assert 0 == server.state("votes_before").num_rows


def test_a_backup_is_refused_where_it_would_destroy_something(store: Store, tmp_path: Path) -> None:
    """No backup over an existing folder, no restore into a graph that holds something, none from another folder."""
    fill(store)
    backup.write(store, tmp_path / "saved")
    with pytest.raises(ExportError, match="is there already"):
        backup.write(store, tmp_path / "saved")
    with pytest.raises(StoreError, match="is not empty"):
        backup.restore(store, tmp_path / "saved")
    with pytest.raises(InputError, match="not a backup"):
        backup.read(tmp_path)


def test_a_damaged_or_newer_backup_is_named(store: Store, tmp_path: Path) -> None:
    """A file that does not match its sha256 is named; a backup of a later format asks for an upgrade."""
    fill(store)
    saved = tmp_path / "saved"
    backup.write(store, saved)
    votes = saved / "votes.parquet"
    votes.write_bytes(votes.read_bytes()[:-1] + b"x")
    with pytest.raises(StoreDamagedError, match=r"votes\.parquet is damaged"):
        backup.read(saved)
    manifest = json.loads((saved / "manifest.json").read_text())
    (saved / "manifest.json").write_text(json.dumps({**manifest, "format": 99}))
    with pytest.raises(StoreNewerError, match="newer version"):
        backup.read(saved)
