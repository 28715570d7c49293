"""Bringing files in, and taking them out again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphengine.cli import output
from graphengine.cli.output import amounts, count, say
from graphengine.cli.running import graph_option, json_option, opened
from graphengine.errors import InputError

if TYPE_CHECKING:
    import tempfile

    from graphengine.answers import ImportOutcome
    from graphengine.graph import MoralGraph

FORMATS = ("csv", "tsv", "json", "jsonl", "parquet")
KINDS = ("votes", "votes-wide", "cards", "scenarios", "contexts", "moral-graph-json")


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "mapping", type=click.Path(path_type=Path), metavar="MAP_TOML",
              help="What the columns mean; `graphengine sniff FILE` writes one to start from.")
@click.option("--rank", "then_rank", is_flag=True, help="Go on to rank, and show the winners.")
@click.option("--dry-run", is_flag=True, help="Report what would happen; write nothing but --rejects.")
@click.option("--rejects", type=click.Path(path_type=Path), metavar="CSV",
              help="Where to write rejected rows (they hold raw ids: only you can read the file).")
@click.option("--strict", is_flag=True, help="Reject rows that name unknown cards or contexts.")
@click.option("--group", "groups", multiple=True, metavar="COLUMN",
              help="Keep this column as a group variable; may be given several times.")
@click.option("--prefix", default="", metavar="TEXT", help="Put before all ids of the file, to keep studies apart.")
@click.option("--format", "file_format", type=click.Choice(FORMATS), help="Default: found from the file.")
@click.option("--kind", type=click.Choice(KINDS), help="Default: found from the columns.")
@click.option("--batch-size", type=click.IntRange(min=1), metavar="ROWS", help="Most rows per transaction.")
@json_option
@graph_option
def import_(
    *, file: Path, mapping: Path | None, then_rank: bool, dry_run: bool, rejects: Path | None, strict: bool,
    groups: tuple[str, ...], prefix: str, file_format: str | None, kind: str | None, batch_size: int | None,
    as_json: bool, graph: str,
) -> int:
    """Bring a FILE into the graph.

    Votes, cards, scenarios, contexts, or a published moral graph, in CSV, TSV, JSON, JSON Lines or Parquet. Votes have
    the columns participant, context, from_value (the less wise card), to_value (the wiser one) and answer (wiser,
    not_wiser, unsure); other names need a --map. Importing a file again changes nothing; a changed answer is an update.
    After each transaction `committed N` on stderr says how many votes are safe. Rejected rows are named; with any, the
    exit code is 3.

    \b
      graphengine import votes.csv --dry-run
      graphengine import votes.csv --rejects rejects.csv --rank
      graphengine import survey.csv --map map.toml --group age
    """  # noqa: D301
    if then_rank and dry_run:
        raise click.UsageError("--rank needs an import: leave out --dry-run")
    import tempfile

    folder = tempfile.TemporaryDirectory()
    with folder, _target(graph, folder, dry_run=dry_run) as store:
        with output.working(f"importing {file.name}") as say:
            outcome = store.import_file(
                file, mapping=mapping, format=file_format, kind=kind, prefix=prefix, groups=groups, strict=strict,
                dry_run=dry_run, rejects=rejects, batch_size=batch_size,
                on_commit=lambda votes: say(f"committed {votes}") if votes else None,
            )
        answer = outcome.as_json()
        if not as_json:
            _show(outcome, rejects)
        if then_rank:
            answer.update(_rank(store, show=not as_json))
    if as_json:
        output.show_json(answer)
    return output.REJECTED if outcome.rejected else output.DONE


def _target(graph: str, folder: tempfile.TemporaryDirectory[str], *, dry_run: bool) -> MoralGraph:
    import graphengine
    from graphengine.graph import dry_run_graph

    return dry_run_graph(graph, folder) if dry_run else graphengine.open(graph)


def _show(outcome: ImportOutcome, rejects: Path | None) -> None:
    would = "would be " if outcome.dry_run else ""
    say(f"{Path(outcome.file).name}: {outcome.kind} ({outcome.format}), {_read(outcome)} read")
    if outcome.kind in {"votes", "votes-wide"}:
        say(f"  votes: {outcome.accepted:,} {would}new, {outcome.changed:,} {would}changed, "
                   f"{outcome.unchanged:,} unchanged, {outcome.rejected:,} rejected")
    elif outcome.rejected:
        say(f"  {count(outcome.rejected, 'row')} rejected")
    for title, rows in ((f"{would}new", outcome.new), (f"{would}updated", outcome.updated)):
        if any(rows.values()):
            say(f"  {title}: {amounts(rows)}")
    if outcome.load_id:
        say(f"  load: {outcome.load_id} (graphengine undo {outcome.load_id} takes it back)")
    elif not outcome.dry_run and not outcome.rejected:
        say("  nothing changed: the graph holds all of this")
    for note in outcome.notes:
        output.warn(note)
    if outcome.rejected:
        for sentence in outcome.rejects.sentences():
            say(f"  {sentence}", err=True)
        if outcome.rejected > 10:
            say(f"  … and {outcome.rejected - 10:,} more", err=True)
        if rejects is None:
            say("  --rejects rejects.csv writes the rejected rows, to be mended and imported", err=True)


def _read(outcome: ImportOutcome) -> str:
    what = {"votes-wide": ("answer", "answers"), "moral-graph-json": ("entry", "entries")}
    return count(outcome.read, *what.get(outcome.kind, ("row", "rows")))


def _rank(store: MoralGraph, *, show: bool) -> dict[str, Any]:
    from graphengine.cli.ranking import show_outcome, show_winners

    with output.working("ranking"):
        ranked = store.rank()
    winners = store.query("wisest_everywhere", ranking=ranked.ranking_id).to_pylist()
    if show:
        say()
        show_outcome(ranked)
        show_winners(winners)
    return {"ranking": ranked.as_json(), "winners": winners}


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "mapping", type=click.Path(path_type=Path), default=Path("map.toml"), show_default=True,
              metavar="MAP_TOML", help="Where to write the starter map.")
@click.option("--force", is_flag=True, help="Replace the map that is there.")
@json_option
def sniff(file: Path, mapping: Path, force: bool, as_json: bool) -> None:
    """Guess what a FILE holds, and start a map.toml.

    \b
      graphengine sniff survey.csv
    """  # noqa: D301
    from dataclasses import asdict

    from graphengine.importing import sniff as guess

    found = guess(file)
    written = found.kind != "moral-graph-json"
    if written:
        _write_new({mapping: found.map_toml()}, force=force)
    if as_json:
        output.show_json({"ok": True, **asdict(found), "map": str(mapping) if written else None})
        return
    what = ", ".join(part for part in (found.format, found.encoding, found.layout) if part)
    say(f"{found.file}: {found.kind or 'of a kind that can not be told'} ({what})")
    rows = [{"column": c.name, "field": c.field, "sure": None if c.field is None else c.sure} for c in found.columns]
    output.show_rows(rows, {"column": "column", "field": "means", "sure": "sure"}, empty="no map is needed")
    for title, texts in (("questions", found.questions), ("words that stand for no answer yet", found.words)):
        if texts:
            say(f"{title}: {', '.join(texts)}")
    if written:
        say(f"check {mapping}, then: graphengine import {file} --map {mapping}")
    else:
        say(f"next: graphengine import {file}")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option("--force", is_flag=True, help="Replace files that are there.")
@json_option
def template(folder: Path, force: bool, as_json: bool) -> None:
    """Write example files into FOLDER (default: here).

    \b
      graphengine template study
    """  # noqa: D301
    from graphengine.importing import templates

    files = {folder / name: text for name, text in templates().items()}
    _write_new(files, force=force)
    if as_json:
        output.show_json({"ok": True, "folder": str(folder), "files": [path.name for path in files]})
        return
    say(f"wrote {', '.join(path.name for path in files)} into {folder}")
    say("fill them in, then: graphengine import cards.csv, and so on with scenarios, contexts, votes")


def _write_new(files: dict[Path, str], *, force: bool) -> None:
    taken = next((path for path in files if path.exists() and not force), None)
    if taken:
        hint = "name another place, or replace it with --force"
        raise InputError(f"{taken} is there already", hint=hint, file=str(taken))
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@click.command()
@json_option
@graph_option
def loads(as_json: bool, graph: str) -> None:
    """List the imports, oldest first.

    \b
      graphengine loads
    """  # noqa: D301
    with opened(graph) as store:
        rows = store.loads().to_pylist()
    if as_json:
        output.show_json({"ok": True, "loads": rows})
        return
    names = ("id", "at", "file", "format", "read", "accepted", "changed", "rejected", "status")
    shown = [{**row, "at": _time(row["at"])} for row in rows]
    output.show_rows(shown, {name: name for name in names}, empty="nothing was imported yet")


def _time(milliseconds: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M")


@click.command()
@click.argument("load_id")
@json_option
@graph_option
def undo(load_id: str, as_json: bool, graph: str) -> None:
    """Take an import back.

    Rankings become stale; `graphengine rank` makes them anew.

    \b
      graphengine loads
      graphengine undo LOAD_ID
    """  # noqa: D301
    from dataclasses import asdict

    with opened(graph) as store:
        undone = store.undo(load_id)
    if as_json:
        output.show_json({"ok": True, **asdict(undone)})
        return
    say(f"removed: {amounts(undone.removed)}")
    say(f"restored: {amounts(undone.restored)}")
