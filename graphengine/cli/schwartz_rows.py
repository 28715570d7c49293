"""Labelled rows in the form of Value FULCRA: what is wrong with them, what they hold, their types anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from graphengine.cli import output
from graphengine.cli.output import count, say
from graphengine.cli.running import json_option

if TYPE_CHECKING:
    from graphengine.schwartz.stats import Stats

_FILE = click.Path(path_type=Path)
# Written out, since `--help` must not load the room; a test holds them against it.
POLICIES = ("fulcra_deck", "fulcra_code", "schwartz")
_MOST = 5


@click.command()
@click.argument("rows", type=_FILE)
@click.option("--policy", type=click.Choice(POLICIES), default="fulcra_code", show_default=True,
              help="By which value types must follow from items.")
@json_option
def lint(*, rows: Path, policy: str, as_json: bool) -> int:
    """Find and explain what is wrong with labelled ROWS.

    ROWS is a JSONL file with dialogue, value_items, value_types, query_source and response_source. Types off the list,
    malformed signs, types listed twice or with both signs, unknown items, types that don't follow from items, rows
    without types. Exit code 1 where something is wrong. No text of a dialogue is ever shown.

    \b
      graphengine schwartz lint rows.jsonl
      graphengine schwartz lint rows.jsonl --json
    """  # noqa: D301
    from graphengine.schwartz.lint import BARE, KINDS
    from graphengine.schwartz.lint import lint as look
    from graphengine.schwartz.rows import read_rows

    found = look(read_rows(rows), policy)
    if as_json:
        output.show_json({"ok": True, "file": str(rows), "policy": policy, **found.as_json()})
        return output.FAILED if found.findings else output.DONE
    say(f"{count(found.rows, 'row')}; {count(found.labels['value_items'], 'label')} of items, "
        f"{found.labels['value_types']:,} of types")
    for field, signs in found.signs.items():
        say(f"  {field}: " + ", ".join(f"{number:,} {name}" for name, number in signs.items()))
    if found.bare_rows:
        say(f"  {BARE} is read as +1: {count(len(found.bare_rows), 'row')}")
    for kind, number in found.counts.items():
        if not number:
            continue
        say()
        say(f"{kind} ({number:,}): {KINDS[kind]}")
        of_kind = [each for each in found.findings if each.kind == kind]
        for each in of_kind[:_MOST]:
            say(f"  line {each.row}: {each.told}")
        if len(of_kind) > _MOST:
            say(f"  and {len(of_kind) - _MOST:,} more; --json lists them all")
    if not found.findings:
        say("nothing is wrong")
    return output.FAILED if found.findings else output.DONE


@click.command()
@click.argument("rows", type=_FILE)
@click.argument("out", type=_FILE)
@click.option("--policy", type=click.Choice(POLICIES), default="schwartz", show_default=True,
              help="Where items stand among the ten values.")
@json_option
def remap(*, rows: Path, out: Path, policy: str, as_json: bool) -> None:
    """Write ROWS with value types that follow from their items.

    Under the policy `schwartz` humility is tradition, and face has no place, so that labels and survey targets speak of
    the same tradition and conformity.

    \b
      graphengine schwartz remap rows.jsonl schwartz-rows.jsonl
    """  # noqa: D301
    from graphengine.schwartz.rows import read_rows, write_rows
    from graphengine.schwartz.rows import remap as anew

    before = read_rows(rows)
    after = [anew(row, policy) for row in before]
    changed = sum(old.signs() != new.signs() for old, new in zip(before, after, strict=True))
    write_rows(after, out)
    if as_json:
        output.show_json({"ok": True, "out": str(out), "policy": policy, "rows": len(after), "changed": changed})
        return
    say(f"wrote {count(len(after), 'row')} to {out}; {changed:,} with other values than before")


@click.command()
@click.argument("rows", type=_FILE)
@click.option("--policy", type=click.Choice(("stored", *POLICIES)), default="stored", show_default=True,
              help="The types as stored, or placed anew from the items.")
@click.option("--picture", type=_FILE, metavar="SVG", help="Draw the shares into this file.")
@json_option
def stats(*, rows: Path, policy: str, picture: Path | None, as_json: bool) -> None:
    """How often each value is labelled in ROWS.

    The share of rows with -1 and with +1, per value, source of queries and responder; how often it is right to answer 0
    always, which any evaluator must beat.

    \b
      graphengine schwartz stats rows.jsonl --picture shares.svg
    """  # noqa: D301
    from graphengine.schwartz.rows import read_rows
    from graphengine.schwartz.stats import stats as count_labels

    found = count_labels(read_rows(rows), policy)
    if picture is not None:
        from graphengine.report.value_shares import Shares, value_shares
        from graphengine.schwartz.target_files import write_whole

        panels = [Shares(_name(part.by, part.name), part.rows, part.shares()) for part in found.parts]
        write_whole(picture, value_shares(panels, "Share of rows that oppose a value, or are aligned with it"))
    if as_json:
        output.show_json({"ok": True, "file": str(rows), "picture": str(picture) if picture else None,
                          **found.as_json()})
        return
    _show(found)
    if picture is not None:
        say(f"the picture is in {picture}")


def _name(by: str, name: str) -> str:
    return {"all": "all rows", "query_source": f"queries: {name}", "response_source": f"answers: {name}"}[by]


def _show(found: Stats) -> None:
    whole = found.parts[0]
    say(f"{count(whole.rows, 'row')}, policy {found.policy}; "
        + ", ".join(f"{rows:,} with {count(number, 'value')}" for number, rows in found.types_per_row.items()))
    say(f"{found.nonzero:,} of {found.cells:,} cells are not 0 ({found.conflicting:,} have both signs): "
        f"always answering 0 is right in {found.all_zeros:.1%}")
    for part in found.parts:
        say()
        say(f"{_name(part.by, part.name)}, {count(part.rows, 'row')}")
        table = [
            {"value": each.value, "opposed": each.opposed, "aligned": each.aligned, "both": each.both,
             "no": f"{no:.1%}", "yes": f"{yes:.1%}"}
            for each, (_, no, yes) in zip(part.counts, part.shares(), strict=True)
        ]
        output.show_rows(table, {"value": "value", "opposed": "-1", "aligned": "+1", "both": "both", "no": "share -1",
                                 "yes": "share +1"})
