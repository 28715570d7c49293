"""From journal to embedded graph: what `graph.lbug` holds is made from the journal, and can be made again.

Two ways. `build` makes a whole new file by COPY, without transactions, for large first imports and after damage;
`apply` brings the parts that are missing into the file that is there, in one transaction together with the number of
the last part, so that a crash leaves either all of it or nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.store import hashing, migrations, queries
from graphengine.store.delta import Change, Delta, split
from graphengine.tables import TRUTH, concat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import ladybug

COPY_FROM = 5_000
"""From so many rows on, COPY is worth its fixed cost."""
BATCH = 5_000

# Relationship tables of the truth: type, and the columns of its two ends.
_ENDS = {
    "raises": ("RAISES", "scenario_id", "context_id"),
    "duplicates": ("DUPLICATE_OF", "card_id", "canonical_id"),
    "articulated": ("ARTICULATED", "user_id", "card_id"),
    "members": ("MEMBER_OF", "user_id", "group_id"),
    "votes": ("VOTED", "user_id", "upgrade_id"),
    "votes_before": ("VOTED_BEFORE", "user_id", "upgrade_id"),
}
_NODES = {
    "loads": "Load", "tombstones": "Tombstone", "exports": "Export", "scenarios": "Scenario", "contexts": "Context",
    "cards": "ValuesCard", "users": "User", "groups": "`Group`",
}


def runner(connection: ladybug.Connection) -> Callable[..., Any]:
    """A function that runs one statement on a connection."""

    def run(text: str, parameters: dict[str, Any] | None = None) -> Any:
        return connection.execute(text, parameters) if parameters else connection.execute(text)

    return run


def create_schema(run: Callable[..., Any], at: int) -> None:
    """Every migration, on an empty file."""
    for migration in migrations.available("ladybug"):
        run("BEGIN TRANSACTION")  # one commit to disk for the whole schema
        for statement in migration.statements:
            run(statement)
        run("COMMIT")
        row = {"id": migration.id, "name": migration.name, "checksum": migration.checksum, "at": at}
        write(run, "migrations", [row])


def begin(run: Callable[..., Any], graph_id: str, key_fingerprint: str, at: int) -> None:
    """Schema and the graph's own record, in an empty file."""
    create_schema(run, at)
    write(run, "graph", [{"id": "graph", "graph_id": graph_id, "key_fingerprint": key_fingerprint}])


def fill(run: Callable[..., Any], table: Callable[[str], pa.Table], hashes: Callable[[], Mapping[str, str]]) -> None:
    """All rows of the truth, by COPY, without a transaction.

    Args:
        run: Runs a statement.
        table: The rows of a truth table.
        hashes: Gives all hashes; asked only when everything that can do without contexts, which carry theirs, is there.
    """
    upgrades = table("upgrades")
    of_contexts = ("raises", "tallies", "targets")
    for name in TRUTH:
        if name == "upgrades":
            _copy(run, "Upgrade", upgrades.select(["id", "story", "load_id"]))
            _copy_candidates(run, upgrades)
        elif name != "contexts" and name not in of_contexts:
            _fill_table(run, name, table(name))
    contexts, known = table("contexts"), hashes()
    shown = pa.array([hashing.shown(known, c) for c in contexts.column("id").to_pylist()], pa.string())
    _copy(run, "Context", contexts.append_column("data_hash", shown))
    _copy(run, "IN_CONTEXT", upgrades.select(["id", "context_id"]))
    for name in of_contexts:
        _fill_table(run, name, table(name))
    _graph_hashes(run, known)


def _fill_table(run: Callable[..., Any], name: str, rows: pa.Table) -> None:
    _insert(run, name, rows, COPY_FROM if rows.num_rows >= COPY_FROM else 0)


def finish(run: Callable[..., Any], part: int) -> None:
    """The number of the last part, and all of it on disk."""
    mark(run, part)
    run("CHECKPOINT")


def mark(run: Callable[..., Any], part: int) -> None:
    """Remember the last part applied."""
    run("MERGE (j:Journal {id: 'journal'}) SET j.part = $part", {"part": part})


def apply(run: Callable[..., Any], deltas: Iterable[Delta], hashes: Mapping[str, str], part: int) -> None:
    """Bring commits into the file; the caller holds the transaction.

    Args:
        run: Runs a statement in the transaction.
        deltas: The commits, in order.
        hashes: All hashes as they are after the last commit.
        part: The number of the last commit.
    """
    moved: set[str] = set()
    for delta in _joined(list(deltas)):
        parts = {name: split(change, TRUTH[name]) for name, change in delta.items() if name in TRUTH}
        for name in reversed(TRUTH):
            if name in parts and parts[name][2].num_rows:
                write(run, f"remove_{name}", parts[name][2].to_pylist())
        for name in TRUTH:
            if name in parts:
                insert, update, _ = parts[name]
                _insert(run, name, insert, COPY_FROM)
                _update(run, name, update)
        if "hashes" in delta:
            for side in (delta["hashes"].before, delta["hashes"].after):
                moved.update(side.column("id").to_pylist())
        if "contexts" in delta:
            moved.update(hashing.CONTEXT + c for c in delta["contexts"].after.column("id").to_pylist())
    if moved:
        _write_hashes(run, hashes, moved)
    mark(run, part)


def _joined(deltas: list[Delta]) -> list[Delta]:
    """Commits that only bring rows are one: a million votes in twenty parts are copied at once."""
    if any(change.before.num_rows for delta in deltas for name, change in delta.items() if name in TRUTH):
        return deltas
    names = [name for name in (*TRUTH, "hashes") if any(name in delta for delta in deltas)]
    joined: Delta = {}
    for name in names:
        spec = TRUTH.get(name, hashing.HASHES)
        joined[name] = Change(
            concat([d[name].before for d in deltas if name in d], spec),
            concat([d[name].after for d in deltas if name in d], spec),
        )
    return [joined]


def _write_hashes(run: Callable[..., Any], hashes: Mapping[str, str], moved: set[str]) -> None:
    every = hashing.DUPLICATES in moved  # duplicates hold in all contexts
    names = {name for name in hashes if name.startswith(hashing.CONTEXT)} | moved if every else moved
    contexts = [name.removeprefix(hashing.CONTEXT) for name in names if name.startswith(hashing.CONTEXT)]
    write(run, "context_hashes", [{"id": c, "hash": hashing.shown(hashes, c)} for c in sorted(contexts)])
    _graph_hashes(run, hashes)


def _graph_hashes(run: Callable[..., Any], hashes: Mapping[str, str]) -> None:
    row = {"id": "graph", "content_hash": hashes.get(hashing.TOTAL, ""),
           "duplicates_hash": hashes.get(hashing.DUPLICATES, "")}
    write(run, "graph_hashes", [row])


def write(run: Callable[..., Any], name: str, rows: list[dict[str, Any]]) -> None:
    """Run a write file over rows, in batches."""
    query = queries.find("ladybug", f"write/{name}")
    for start in range(0, len(rows), BATCH):
        for statement in query.statements:
            run(statement, {"rows": rows[start : start + BATCH]})


def _copy(run: Callable[..., Any], table: str, rows: pa.Table, options: str = "") -> None:
    if rows.num_rows:
        run(f"COPY {table} FROM $rows{options}", {"rows": rows.combine_chunks()})


def _insert(run: Callable[..., Any], name: str, rows: pa.Table, copy_from: int) -> None:
    if not rows.num_rows:
        return
    if rows.num_rows < copy_from or not copy_from:
        write(run, name, rows.to_pylist())
        return
    if name in _NODES:
        if name == "contexts":
            rows = rows.append_column("data_hash", pa.nulls(rows.num_rows, pa.string()))
        _copy(run, _NODES[name], rows)
    elif name in _ENDS:
        kind, start, end = _ENDS[name]
        rest = [c for c in ("id", "answer", "at", "load_id") if c in rows.column_names]
        _copy(run, kind, rows.select([start, end, *rest]))
    elif name == "upgrades":
        _copy(run, "Upgrade", rows.select(["id", "story", "load_id"]))
        _copy(run, "IN_CONTEXT", rows.select(["id", "context_id"]))
        _copy_candidates(run, rows)
    else:  # tallies and targets are few
        write(run, name, rows.to_pylist())


def _copy_candidates(run: Callable[..., Any], upgrades: pa.Table) -> None:
    _copy(run, "FROM_CARD", upgrades.select(["id", "from_id"]), " (from='Upgrade', to='ValuesCard')")
    _copy(run, "TO_CARD", upgrades.select(["id", "to_id"]), " (from='Upgrade', to='ValuesCard')")


def _update(run: Callable[..., Any], name: str, rows: pa.Table) -> None:
    if rows.num_rows:
        write(run, name, rows.to_pylist())


def replace_edges(run: Callable[..., Any], edges: pa.Table, contexts: Sequence[str] | None = None) -> None:
    """All wiser edges anew, or those of some contexts; the caller holds the transaction."""
    if contexts is None:
        _remove(run, "write/remove_edges")
    for some in _few(contexts or ()):
        asked = run(queries.find("ladybug", "cards_of_contexts").statements[0], {"contexts": some}).get_all()
        cards = {row[0] for row in asked}.union(*(edges.column(end).to_pylist() for end in ("from_id", "to_id")))
        _remove(run, "remove_edges_of_contexts", contexts=some, cards=sorted(cards))
    if edges.num_rows < COPY_FROM:
        write(run, "edges", edges.to_pylist())
        return
    rest = [name for name in edges.column_names if name not in {"from_id", "to_id"}]
    _copy(run, "WISER", edges.select(["from_id", "to_id", *rest]))


def remove_ranking(run: Callable[..., Any], ranking_id: str) -> None:
    """One ranking and its ranks; the caller holds the transaction."""
    for name in ("remove_ranking", "remove_ranks"):
        _remove(run, f"write/{name}", ranking=ranking_id)


def _remove(run: Callable[..., Any], name: str, **parameters: Any) -> None:
    for statement in queries.find("ladybug", name).statements:
        run(statement, parameters)


def _few(contexts: Sequence[str]) -> Iterator[list[str]]:
    """The contexts in parts: this engine compares each row with every item of a list."""
    for start in range(0, len(contexts), 100):
        yield list(contexts[start : start + 100])


def replace_ranking(
    run: Callable[..., Any], ranking: pa.Table, verdicts: pa.Table, ranks: pa.Table,
    contexts: Sequence[str] | None = None,
) -> None:
    """One ranking anew, or what it says of some contexts; the caller holds the transaction."""
    ranking_id = ranking.column("id")[0].as_py()
    if contexts is None:
        remove_ranking(run, ranking_id)
    for some in _few(contexts or ()):
        for name in ("ranks", "verdicts"):
            _remove(run, f"write/remove_{name}_of_contexts", ranking=ranking_id, contexts=some)
    write(run, "rankings", ranking.to_pylist())
    for name, rows in (("verdicts", verdicts), ("ranks", ranks)):
        named = rows.append_column("ranking_id", pa.repeat(ranking_id, rows.num_rows))
        if named.num_rows < COPY_FROM:
            write(run, name, named.to_pylist())
        elif name == "verdicts":
            _copy(run, "COVERS", named.select(["ranking_id", "context_id", "single_winner", "reason", "data_hash"]))
        else:
            rest = [c for c in rows.column_names if c not in {"card_id", "context_id"}]
            _copy(run, "RANKED_IN", named.select(["card_id", "context_id", "ranking_id", *rest]))


