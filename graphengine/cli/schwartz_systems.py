"""What values there are."""

from __future__ import annotations

import click

from graphengine.cli import output
from graphengine.cli.output import say
from graphengine.cli.running import json_option


@click.command()
@click.argument("system", required=False)
@json_option
def systems(*, system: str | None, as_json: bool) -> None:
    """The systems of values, or the values of one SYSTEM.

    A system is a TOML file: give the name of one that comes with graphengine, or a file of yours.

    \b
      graphengine schwartz systems
      graphengine schwartz systems schwartz-10
    """  # noqa: D301
    from graphengine.schwartz.system import SYSTEMS, load_system

    if system is None:
        found = [load_system(name) for name in SYSTEMS]
        rows = [{"name": each.name, "values": len(each), "title": each.title} for each in found]
        if as_json:
            output.show_json({"ok": True, "systems": rows})
            return
        output.show_rows(rows, {"name": "name", "values": "values", "title": "title"})
        return
    one = load_system(system)
    values = [
        {"id": value.id, "short": value.short, "name": value.name, "definition": value.definition,
         "angle": value.angle, "opposites": list(value.opposites), "into": dict(value.into)}
        for value in one.values
    ]
    if as_json:
        output.show_json({"ok": True, "name": one.name, "title": one.title, "source": one.source, "about": one.about,
                          "values": values})
        return
    say(one.title)
    say(one.about)
    say(f"Source: {one.source}")
    say()
    output.show_rows(values, {"short": "", "id": "value", "opposites": "opposed by", "definition": "definition"})
