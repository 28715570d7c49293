"""The moral graph as a Python user holds it: opens a store and calls the rooms.

Example:
    >>> import tempfile, graphengine
    >>> from graphengine.sample import sample_files
    >>> with tempfile.TemporaryDirectory() as folder, graphengine.open(f"{folder}/moral.graph") as graph:
    ...     for file in sample_files().values():
    ...         outcome = graph.import_file(file)
    ...     ranked = graph.rank()
    ...     ranked.contexts > 0
    True
"""

from __future__ import annotations

import difflib
import tempfile
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine import __version__, ranked
from graphengine.answers import (
    ContextRef,
    Doctor,
    EdgeList,
    Explanation,
    ExportOutcome,
    ImportOutcome,
    PairExplanation,
    RankingView,
    Wisest,
)
from graphengine.errors import GraphEngineError, InputError, NotFoundError, NotRankedError
from graphengine.judging import Judging
from graphengine.store import open_store, queries
from graphengine.valuing import Valuing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import networkx
    import pyarrow as pa

    from graphengine.preferences import Form, Rows, Source
    from graphengine.store.backup import BackedUp
    from graphengine.store.base import Appended, Erased, Store, Undone


def open(url_or_folder: str | Path = "moral.graph", *, create: bool = True) -> MoralGraph:
    """Open a moral graph; best with `with`.

    Args:
        url_or_folder: A folder (embedded engine), or the address of a Neo4j server (`neo4j://…`, `bolt://…`;
            credentials from NEO4J_USERNAME, NEO4J_PASSWORD, NEO4J_DATABASE).
        create: Whether a new graph may be made there.

    Raises:
        StoreError: If there is no graph there, it is in use, damaged, or the server does not answer.
    """
    return MoralGraph(open_store(str(url_or_folder), create=create))


class MoralGraph(Judging, Valuing):
    """A moral graph: votes in, the wisest value per context out.

    Args:
        store: Where the graph lives (`graphengine.open` makes one).
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    def __enter__(self) -> MoralGraph:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the graph; closing twice is harmless."""
        self.store.close()

    # Importing ----------------------------------------------------------------------------------------------------

    def import_file(
        self, path: str | Path, *, mapping: Path | None = None, format: str | None = None, kind: str | None = None,
        prefix: str = "", groups: Sequence[str] = (), strict: bool = False, dry_run: bool = False,
        rejects: Path | None = None, batch_size: int | None = None, on_commit: Callable[[int], None] | None = None,
    ) -> ImportOutcome:
        """Bring a file into the graph. Importing it again changes nothing.

        Args:
            path: Votes (one per row, or a survey export), cards, scenarios, contexts, or a published moral graph.
            mapping: A map.toml that says what the columns mean; without one they are found by their names.
            format: csv, tsv, jsonl, json or parquet; by default found from the file.
            kind: votes, votes-wide, cards, scenarios, contexts or moral-graph-json; by default found from the columns.
            prefix: Put before all ids of the file, to keep studies apart.
            groups: Columns to keep as group variables (opt-in).
            strict: Reject rows that name unknown cards or contexts, in place of making stubs.
            dry_run: Report what would happen, and write nothing but `rejects`.
            rejects: Where to write the rows that were set aside (mode 600: it holds raw ids).
            batch_size: Most rows per transaction.
            on_commit: Called after each transaction with the number of votes that are safe so far.

        Raises:
            InputError: If the file can't be read, or a needed column is missing.
            MappingError: If map.toml does not fit the file.
        """
        from graphengine import importing
        from graphengine.store.base import Load
        from graphengine.store.pseudonyms import pseudonyms

        state = self.store.state
        self.store.anticipate()
        prepared = importing.prepare(
            path,
            known=importing.Known(
                contexts=state("contexts").select(["id", "text"]), cards=state("cards").select(["id", "title"]),
                scenarios=state("scenarios").select(["id", "text"]),
                duplicates=state("duplicates").select(["card_id", "canonical_id"]),
                tombstones=frozenset(state("tombstones").column("id").to_pylist()),
            ),
            pseudonym=lambda raw: pseudonyms(self.store.key(), raw),
            mapping=mapping, format=format, kind=kind, prefix=prefix, groups=groups, strict=strict,
        )
        notes = list(prepared.notes)
        if rejects is not None and len(prepared.rejects):
            notes.append(prepared.rejects.write(rejects))
        load = Load(Path(path).name, prepared.format, prepared.file_sha256, prepared.mapping_sha256, prepared.read,
                    prepared.rejects.count)
        done = self.store.preview(prepared.tables) if dry_run else self.store.append(
            load, prepared.tables, batch_size=batch_size, on_commit=on_commit
        )
        return ImportOutcome(
            load_id=done.load_id, file=str(path), format=prepared.format, kind=prepared.kind, read=prepared.read,
            accepted=done.accepted, changed=done.changed, unchanged=done.unchanged + prepared.repeated,
            rejected=prepared.rejects.count, new=done.new, updated=done.updated, stub_cards=prepared.stub_cards,
            stub_contexts=prepared.stub_contexts, notes=notes, dry_run=dry_run, rejects=prepared.rejects,
        )

    def import_tables(self, tables: dict[str, pa.Table], name: str = "tables") -> Appended:
        """Bring truth tables into the graph that another program made (`graphengine.interop.py2neo.from_py2neo`).

        Args:
            tables: Tables of `graphengine.tables.TRUTH` without `load_id`; users are pseudonyms already.
            name: What the load is called.
        """
        from graphengine.store.base import Load

        return self.store.append(Load(name, "tables", read=sum(table.num_rows for table in tables.values())), tables)

    def loads(self) -> pa.Table:
        """The imports, oldest first (`cypher/read/loads.cypher`)."""
        return self.store.read("loads")

    def undo(self, load_id: str) -> Undone:
        """Take an import back; rankings become stale.

        Raises:
            NotFoundError: If there is no such load.
            InputError: If it was undone already, or a later import changed what it wrote.
        """
        return self.store.undo(load_id)

    def erase_user(self, who: str) -> Erased:
        """Erase a person, and rank again whatever was ranked with their votes.

        Args:
            who: The id as it stood in the survey file, or the pseudonym.

        Raises:
            NotFoundError: If the graph does not hold the person.
            WrongKeyError: If `who` is a raw id and the key of the pseudonyms is not there.
        """
        erased = self.store.erase(who)
        ranked.again(self.store)
        return erased

    # Ranking ------------------------------------------------------------------------------------------------------

    # Asking -------------------------------------------------------------------------------------------------------

    def context(self, name: str) -> ContextRef:
        """A context by id or text.

        Raises:
            NotFoundError: If there is none; the hint names the closest.
            InputError: If several have this text.
        """
        wanted = unicodedata.normalize("NFC", name).strip()
        found = self.store.read("find_context", name=wanted).to_pylist()
        exact = [row for row in found if row["id"] == wanted] or found
        if len(exact) == 1:
            return ContextRef(exact[0]["id"], exact[0]["text"] or exact[0]["id"])
        if exact:
            raise InputError(f"several contexts have the text {wanted!r}",
                             hint="give the id: " + ", ".join(row["id"] for row in exact))
        texts = [text for row in self.store.read("contexts").to_pylist() for text in {row["text"] or "", row["id"]}]
        raise _not_found("context", wanted, texts, "graphengine query context_overview lists them")

    def card(self, name: str) -> dict[str, Any]:
        """A values card by id or title: id, title, description, policies.

        Raises:
            NotFoundError: If there is none; the hint names the closest.
            InputError: If several have this title.
        """
        found = self.store.read("find_card", name=name).to_pylist()
        exact = [row for row in found if row["id"] == name] or found
        if len(exact) == 1:
            return exact[0]
        if exact:
            raise InputError(f"several cards have the title {name!r}",
                             hint="give the id: " + ", ".join(row["id"] for row in exact))
        names = [text for row in self.store.read("cards").to_pylist() for text in (row["title"], row["id"]) if text]
        raise _not_found("card", name, names, "graphengine query cards lists them")

    def wisest(
        self, context: str, *, method: str = "bradley-terry", edge_rule: str = "mai-2023", not_wiser: str = "against",
        variable: str = "", as_of: str = "",
    ) -> Wisest:
        """The wisest value of a context, or the smallest set that the votes leave open, and why.

        Raises:
            NotFoundError: If there is no such context.
            NotRankedError: If this ranking was never made.
        """
        ranking_id = ranked.ranking_id(method, edge_rule, not_wiser, variable=variable, as_of=as_of)
        where, verdict = self._verdict(context, ranking_id)
        rows = self.store.read("wisest_value", context=where.id, ranking=ranking_id).to_pylist()
        return Wisest(where, method, ranking_id, verdict["single_winner"], verdict["reason"], verdict["stale"], rows)

    def ranking(
        self, context: str, *, method: str = "bradley-terry", edge_rule: str = "mai-2023", not_wiser: str = "against",
        variable: str = "", as_of: str = "",
    ) -> RankingView:
        """All ranked cards of a context with their uncertainty, and those that nobody was asked about.

        Raises:
            NotFoundError: If there is no such context.
            NotRankedError: If this ranking was never made.
        """
        ranking_id = ranked.ranking_id(method, edge_rule, not_wiser, variable=variable, as_of=as_of)
        where, verdict = self._verdict(context, ranking_id)
        return RankingView(
            where, method, ranking_id, verdict["single_winner"], verdict["reason"], verdict["stale"],
            self.store.read("ranking", context=where.id, ranking=ranking_id).to_pylist(),
            self.store.read("never_asked", context=where.id).to_pylist(),
        )

    def _verdict(self, context: str, ranking_id: str) -> tuple[ContextRef, dict[str, Any]]:
        where = self.context(context)
        found = self.store.read("verdict", context=where.id, ranking=ranking_id).to_pylist()
        if found:
            return where, found[0]
        made = self.store.read("rankings").column("id").to_pylist()
        if ranking_id not in made:
            raise NotRankedError(
                f"there is no ranking {ranking_id!r} yet" + (f"; there is {', '.join(made)}" if made else ""),
                hint=f"make it: graphengine rank{ranked.options(ranking_id)}", ranking=ranking_id,
            )
        if " as-of=" in ranking_id:
            return where, {"single_winner": False, "reason": "nobody had answered anything in this context by then",
                           "stale": False}
        reason, stale = ranked.why_unranked(self.store, where.id)
        return where, {"single_winner": False, "reason": reason, "stale": stale}

    def edges(self, context: str | None = None, *, edge_rule: str | None = None) -> EdgeList:
        """The wiser edges (of a context), or the edges under a named rule of the published studies.

        Raises:
            NotFoundError: If there is no such context.
            RankingError: If the rule is unknown.
        """
        where = self.context(context).id if context is not None else None
        if edge_rule is None:
            read = self.store.read
            return EdgeList("model", read("wiser_edges") if where is None else read("edges_of_context", context=where))
        return ranked.rule_edges(self.store, edge_rule, where)

    def explain(
        self, context: str, card: str, *, method: str = "bradley-terry", edge_rule: str = "mai-2023",
        not_wiser: str = "against", variable: str = "",
    ) -> Explanation:
        """Why a card stands where it stands in a context.

        Raises:
            NotFoundError: If there is no such context or card.
            NotRankedError: If this ranking was never made.
        """
        view = self.ranking(context, method=method, edge_rule=edge_rule, not_wiser=not_wiser, variable=variable)
        found = self.card(card)
        wanted = found["canonical_id"] or found["id"]
        place = next((row for row in view.cards if row["id"] == wanted), None)
        listed = EdgeList("model", self.store.read("edges_of_context", context=view.context.id)).as_json()["edges"]
        edges = [row for row in listed if wanted in (row["from_id"], row["to_id"])]
        upgrades = self.store.read("upgrades_of_card", context=view.context.id, card=wanted).to_pylist()
        return Explanation(view.context, found, place, edges, upgrades, view.reason, view.stale)

    def explain_pair(self, pair_id: str) -> PairExplanation:
        """Where a pair of a dataset comes from: its edge, the upgrades behind it, who answered what (pseudonyms).

        Raises:
            NotFoundError: If no pair of this graph has the id.
        """
        return ranked.explain_pair(self.store, pair_id)

    def query(self, query: str, /, **parameters: Any) -> pa.Table:
        """The result of a query file of `cypher/read`, by name, or of a person's own read-only Cypher.

        Of one's own Cypher at most 10,000 rows come back; where there were more, the table's schema metadata says so
        (`truncated`).

        Raises:
            QueryError: If there is no such query, a parameter is missing, or the text could do anything but read.
        """
        name = query.strip()
        if name.isidentifier():
            queries.find(self.store.engine, name, public=True)
            return self.store.read(name, **parameters)
        columns, cut = self.store.cypher(query, parameters)
        return ranked.as_arrow(columns, cut)

    # Exporting ----------------------------------------------------------------------------------------------------

    def export_preferences(
        self, out: str | Path, *, kinds: Sequence[str] = (), form: Form | None = None, all_scenarios: bool = False,
        by: str = "edges", group: str = "", objective: str = "", variable: str = "", k: int = 5,
        images: str | Path | None = None, more: Callable[[Source], Sequence[Rows]] | None = None, force: bool = False,
        command: str = "", told: str = "",
    ) -> ExportOutcome:
        """Write a dataset folder, with the evidence in every row.

        Args:
            out: The folder.
            kinds: `cards`, `unpaired`, `prompts`; all of them where none is named and nothing `more` is asked for.
            form: How it is written (`graphengine.preferences.Form`): format, rendering, least probability, splits.
            all_scenarios: Short for a form with `all_scenarios`.
            by: `edges`: cards that people were asked to compare; `rank`: all ranked cards of a context.
            group: Only the preferences of this group (`party=left`).
            objective: `worst-group`: the order of the bridging ranking over the groups of `variable`.
            variable: For `worst-group`.
            k: A group's answers in a context count only from so many people on.
            images: A folder that holds the images of scenarios; they go into a column.
            more: Makes rows of other kinds from what the dataset is made from.
            force: Replace an earlier export.
            command: For the dataset card; left out, it follows from the options.
            told: The options behind `more`, for that command.

        Raises:
            NotRankedError: If the graph was never ranked.
            NotFoundError: If there is no such group.
            ExportError: If no row can be written, or the place is taken.
        """
        from graphengine import preferences
        from graphengine.preferences.images import images_in

        wanted = ranked.Preferred(by, group, objective, variable, k)
        source = preferences.Source(**ranked.preference_source(self.store, wanted))
        if images is not None:
            source = replace(source, images=images_in(images, source.scenarios))
        done = preferences.write_preferences(
            source, Path(out), kinds=kinds, more=more(source) if more else (), form=form, all_scenarios=all_scenarios,
            force=force, command=command, options=wanted.options() + (" --images FOLDER" if images else "") + told,
        )
        contexts = sorted({*done.contexts, *source.edges.column("context_id").to_pylist()})
        self.store.record_export("preferences", str(Path(out).resolve()), contexts)
        return ExportOutcome(str(done.path), done.pairs, done.splits, done.sha256, done.left_out, list(done.notes),
                             done.kinds)

    def export_graphml(self, out: str | Path, context: str | None = None) -> int:
        """Write the wiser edges as GraphML; returns their number.

        Raises:
            NotFoundError: If there is no such context.
        """
        from graphengine.interop.graphml import write_graphml

        where, edges, cards, ranks = self._for_interop(context)
        number = write_graphml(Path(out), edges, cards, ranks, where)
        contexts = sorted(set(edges.column("context_id").to_pylist()))
        self.store.record_export("graphml", str(Path(out).resolve()), contexts)
        return number

    def to_networkx(self, context: str | None = None) -> networkx.MultiDiGraph | networkx.DiGraph:
        """The wiser edges as a networkx graph; edges point to the wiser card.

        Raises:
            MissingExtraError: If networkx is not installed.
        """
        from graphengine.interop.networkx import to_networkx

        where, edges, cards, ranks = self._for_interop(context)
        return to_networkx(edges, cards, ranks, where)

    def _for_interop(self, context: str | None) -> tuple[str | None, pa.Table, pa.Table, pa.Table]:
        where = self.context(context).id if context is not None else None
        return where, self.edges(where).table, self.store.read("cards"), self.store.read("ranks")

    # Care ---------------------------------------------------------------------------------------------------------

    def backup(self, out: str | Path, *, with_key: bool = False) -> BackedUp:
        """Write the truth as neutral Parquet, for either engine.

        Raises:
            ExportError: If the folder is there already.
        """
        from graphengine.store import backup

        contexts = self.store.read("contexts").column("id").to_pylist()
        self.store.record_export("backup", str(Path(out).resolve()), contexts)
        return backup.write(self.store, Path(out), with_key=with_key)

    def restore(self, source: str | Path) -> str:
        """Fill this empty graph from a backup; returns a sentence about the key.

        Raises:
            InputError: If the folder is not a backup.
            StoreError: If the graph is not empty.
            StoreDamagedError: If a file of the backup is damaged.
        """
        from graphengine.store import backup

        return backup.restore(self.store, Path(source))

    def rebuild(self) -> None:
        """Make everything derived anew: for the embedded engine graph.lbug, on both engines edges and rankings."""
        rebuild = getattr(self.store, "rebuild", None)
        if rebuild is not None:
            rebuild()
        ranked.again(self.store)

    def migrations(self) -> list[dict[str, Any]]:
        """Every migration of this version: id, name, checksum, and when it was applied (None: pending)."""
        from graphengine.store import migrations

        done = {row["id"]: row["at"] for row in self.store.read("migrations").to_pylist()}
        return [{"id": m.id, "name": m.name, "checksum": m.checksum, "applied_at": done.get(m.id)}
                for m in migrations.available(self.store.engine)]

    def migrate(self, *, force: bool = False) -> list[str]:
        """Apply pending migrations; returns their names. `force` allows a database that holds other data too.

        Raises:
            StoreError: If the database holds somebody else's data and `force` is not given.
        """
        return self.store.migrate(force=force)

    def doctor(self) -> Doctor:
        """Check the graph, and say what to do next."""
        problems: list[str] = []
        facts = {**self.store.facts(), "graph_id": self.store.identity().graph_id, "key": str(self.store.key_file())}
        sound = getattr(self.store, "verify", lambda: None)
        for check in (self.store.key, lambda: (sound(), facts.update(content_hash=self.store.content_hash()))):
            try:
                check()
            except GraphEngineError as error:
                problems.append(f"{error.message} ({error.hint})")
        holds = dict(zip(*(self.store.read("stats").column(c).to_pylist() for c in ("what", "number")), strict=True))
        interrupted = [row["id"] for row in self.store.read("loads").to_pylist() if row["status"] == "open"]
        if interrupted:
            problems.append(f"the import {interrupted[-1]} was interrupted (import the same file again: it goes on)")
        if not holds.get("votes") and not holds.get("tallies"):
            following = "graphengine import votes.csv"
        elif not holds.get("rankings"):
            following = "graphengine rank"
        else:
            following = "graphengine query wisest_everywhere"
        return Doctor(self.store.address, __version__, facts, holds, problems, following)


def check_backup(source: str | Path) -> None:
    """Read a backup without restoring it.

    Raises:
        InputError: If the folder is not a backup.
        StoreDamagedError: If a file of it is damaged.
    """
    from graphengine.store import backup

    backup.read(Path(source))


def dry_run_graph(url_or_folder: str, folder: tempfile.TemporaryDirectory[str]) -> MoralGraph:
    """The graph to try an import on: the one that is there, or an empty one in a temporary folder."""
    there = "://" in url_or_folder or (Path(url_or_folder) / "graph.json").exists()
    return open(url_or_folder, create=False) if there else open(Path(folder.name) / "moral.graph")


def _not_found(kind: str, name: str, known: list[str], otherwise: str) -> NotFoundError:
    close = difflib.get_close_matches(name, known, n=3)
    hint = "did you mean " + ", ".join(repr(text) for text in close) + "?" if close else otherwise
    return NotFoundError(f"there is no {kind} {name!r}", hint=hint, kind=kind, name=name)
