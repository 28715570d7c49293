"""Every query file gives the same Arrow table on both engines, for any graph."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from graphengine import ranked
from graphengine.store import open_store, queries
from tests.contract.worlds import append, worlds

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.store.base import Store
    from tests.contract.worlds import Tables
    from tests.neo4j_server import Neo4jServer



def _asked(store: Store, name: str, tables: Tables) -> pa.Table:
    users, cards = tables["users"].column("id").to_pylist(), tables["cards"].column("id").to_pylist()
    context = tables["contexts"].column("id").to_pylist()[0]
    values: dict[str, Any] = {
        "context": context, "user": users[0], "card": cards[1], "from_card": cards[0], "to_card": cards[2],
        "name": context, "ranking": "bradley-terry",
        "contexts": [context],
    }
    query = queries.find(store.engine, name)
    return store.read(name, **{parameter: values[parameter] for parameter in query.parameters})


def _comparable(name: str, table: pa.Table) -> pa.Table:
    if name in {"loads", "migrations", "exports", "rankings"}:
        table = table.drop_columns([c for c in ("id", "at", "checksum", "name") if c in table.column_names])
    if "load_id" in table.column_names:
        table = table.drop_columns(["load_id"])
    return table


@pytest.mark.neo4j
@pytest.mark.slow
@settings(
    max_examples=8, phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes on a server
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(tables=worlds())
def test_both_engines_answer_every_query_alike(
    neo4j_server: Neo4jServer, monkeypatch: pytest.MonkeyPatch, tables: Tables
) -> None:
    """The same graph, imported and ranked on both engines, gives equal tables, types included, for every read file."""
    neo4j_server.wipe()
    for variable, value in neo4j_server.environment().items():
        monkeypatch.setenv(variable, value)
    with (
        tempfile.TemporaryDirectory() as folder,
        open_store(f"{folder}/moral.graph") as embedded,
        open_store(neo4j_server.uri) as server,
    ):
        for store in (embedded, server):
            append(store, tables)
            assume(store.read("count_votes").num_rows)  # duplicates may leave no pair that was voted on
            ranked.rank(store, "bradley-terry", "mai-2023", "against", 0.8, "normalised", False)
            ranked.rank(store, "pagerank", "any-wiser", "against", 0.8, "normalised", False)
        assert embedded.content_hash() == server.content_hash()
        assert embedded.hashes() == server.hashes()
        for name in queries.load("neo4j"):
            if not name.startswith(("write/", "state_", "remove_")) and name != "migrations":
                one, other = (_comparable(name, _asked(store, name, tables)) for store in (embedded, server))
                assert one.schema == other.schema, name
                assert one.to_pylist() == other.to_pylist(), name
