"""`graphengine schwartz`: systems of values, labelled rows, survey scores, targets, distances.

Each command has its file, `schwartz_….py`, and is added to the group here.
"""

from __future__ import annotations

import click

from graphengine.cli.schwartz_systems import systems


@click.group()
def schwartz() -> None:
    """Say what a model should value, as a vector, and measure answers against it.

    \b
      graphengine schwartz systems schwartz-10
    """  # noqa: D301


for _command in (systems,):
    schwartz.add_command(_command)
