"""Caring for a graph."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from graphengine.cli import output
from graphengine.cli.output import amounts, say
from graphengine.cli.running import graph_option, json_option, opened
from graphengine.errors import StoreError


@click.command()
@json_option
@graph_option
def doctor(as_json: bool, graph: str) -> int:
    """Check the graph, and say what to do next.

    Engine, version, schema, journal, key of the pseudonyms. The exit code is 1 where there is a problem.

    \b
      graphengine doctor
    """  # noqa: D301
    with opened(graph) as store:
        found = store.doctor()
    if as_json:
        output.show_json(found.as_json())
    else:
        told = {"graph": found.address, "graphengine": found.version, **found.facts, "holds": amounts(found.holds)}
        for name, value in told.items():
            say(f"{name.replace('_', ' '):<17} {value}")
        for problem in found.problems or ["none"]:
            say(f"{'problem':<17} {problem}", fg="red" if found.problems else None)
        say(f"{'next':<17} {found.next}")
    return output.FAILED if found.problems else output.DONE


@click.command()
@click.option("--list", "only_list", is_flag=True, help="Show the migrations; apply none.")
@click.option("--force", is_flag=True, help="Add the graph to a database that holds other data too.")
@json_option
@graph_option
def migrate(only_list: bool, force: bool, as_json: bool, graph: str) -> None:
    """Bring the graph's schema up to this version.

    Asks first where a database holds other data.

    \b
      graphengine migrate --list
    """  # noqa: D301
    with opened(graph, create=not only_list) as store:
        applied: list[str] = []
        if not only_list:
            try:
                applied = store.migrate(force=force)
            except StoreError as error:
                if force or not _at_terminal():
                    raise
                _ask(f"{error.message}. Add the graph beside that data?")
                applied = store.migrate(force=True)
        known = store.migrations()
    if as_json:
        output.show_json({"ok": True, "applied": applied, "migrations": known})
        return
    if not only_list:
        say(f"applied: {', '.join(applied) or 'nothing, the graph is up to date'}")
    shown = [{**row, "state": "pending" if row["applied_at"] is None else "applied"} for row in known]
    output.show_rows(shown, {"id": "id", "name": "name", "state": "state"})


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--with-key", is_flag=True,
              help="Put the key of the pseudonyms in too: whoever has it can tell who a participant was.")
@json_option
@graph_option
def backup(out: Path, with_key: bool, as_json: bool, graph: str) -> None:
    """Write all that people said into a new folder.

    As Parquet that both engines restore. Edges and rankings are left out: `graphengine rank` makes them again.

    \b
      graphengine backup backup-2026-05-01
    """  # noqa: D301
    from dataclasses import asdict

    with opened(graph) as store, output.working("writing the backup"):
        done = store.backup(out, with_key=with_key)
    if as_json:
        output.show_json({"ok": True, **asdict(done)})
        return
    say(f"wrote {amounts(done.rows)} into {done.path}")
    say("the key of the pseudonyms is " + ("in it: keep it safe" if with_key else "not in it (--with-key)"))


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@json_option
@graph_option
def restore(source: Path, as_json: bool, graph: str) -> None:
    """Fill an empty graph from a backup.

    Also the way from one engine to the other.

    \b
      graphengine restore backup-2026-05-01 --graph neo4j://localhost:7687
    """  # noqa: D301
    from graphengine.graph import check_backup

    check_backup(source)  # before a graph is made: what is no backup leaves nothing behind
    with opened(graph, create=True) as store, output.working("restoring"):
        said = store.restore(source)
        holds = {row["what"]: row["number"] for row in store.query("stats").to_pylist()}
    if as_json:
        output.show_json({"ok": True, "source": str(source), "key": said, "holds": holds})
        return
    say(f"restored: {amounts(holds)}")
    say(said)
    say("next: graphengine rank")


@click.command()
@json_option
@graph_option
def rebuild(as_json: bool, graph: str) -> None:
    """Make everything derived anew.

    From what people said: the embedded graph's own file, the wiser edges, the rankings.

    \b
      graphengine rebuild
    """  # noqa: D301
    with opened(graph) as store, output.working("rebuilding"):
        store.rebuild()
        holds = {row["what"]: row["number"] for row in store.query("stats").to_pylist()}
    if as_json:
        output.show_json({"ok": True, "holds": holds})
        return
    say(f"rebuilt: {amounts(holds)}")


@click.command("erase-user")
@click.argument("who", metavar="ID")
@click.option("--yes", is_flag=True, help="Don't ask.")
@json_option
@graph_option
def erase_user(who: str, yes: bool, as_json: bool, graph: str) -> None:
    """Erase a person, for good.

    Their votes, authorship and groups. ID is the participant id of the survey, or the pseudonym. No re-import brings
    the person back. Lists the exports that may still hold the person's votes.

    \b
      graphengine erase-user 5f3c1e… --yes
    """  # noqa: D301
    from dataclasses import asdict

    with opened(graph) as store:
        if not yes and not as_json and _at_terminal():
            _ask("Erase this person's votes, authorship and groups, for good?")
        erased = store.erase_user(who)
    if as_json:
        output.show_json({"ok": True, **asdict(erased)})
        return
    say(f"erased {erased.user_id}: {amounts(erased.removed)}")
    for export in erased.exports:
        output.warn(f"this {export['kind']} was made before and may hold the person's votes: {export['path']}")


def _ask(question: str) -> None:
    if not click.confirm(question):
        raise click.ClickException("nothing was done")


def _at_terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
