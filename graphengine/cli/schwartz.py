"""`graphengine schwartz`: systems of values, labelled rows, survey scores, targets, distances.

Each command has its file, `schwartz_….py`, and is added to the group here.
"""

from __future__ import annotations

import click

from graphengine.cli.schwartz_annotate import annotate, review
from graphengine.cli.schwartz_bridge import bridge
from graphengine.cli.schwartz_distance import distance
from graphengine.cli.schwartz_evaluator import evaluate, profile, train_evaluator
from graphengine.cli.schwartz_probe import probe
from graphengine.cli.schwartz_rows import lint, remap, stats
from graphengine.cli.schwartz_space import space
from graphengine.cli.schwartz_survey import score, target
from graphengine.cli.schwartz_systems import systems
from graphengine.cli.schwartz_targets import circle, prompt, targets


@click.group()
def schwartz() -> None:
    """Say what a model should value, as a vector, and measure answers against it.

    \b
      graphengine schwartz systems schwartz-10
      graphengine schwartz stats rows.jsonl
      graphengine schwartz score survey.sav --by cntry --weight pspwght
      graphengine schwartz bridge --vectors sample --export both
      graphengine schwartz distance scores.csv --target UK
    """  # noqa: D301


for _command in (systems, lint, remap, stats, annotate, review, score, target, targets, bridge, prompt, circle,
                 distance, space, probe, train_evaluator, evaluate, profile):
    schwartz.add_command(_command)
