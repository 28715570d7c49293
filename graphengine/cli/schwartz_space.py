"""Whether vectors of values tell safe answers from unsafe ones."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphengine.cli import output
from graphengine.cli.output import count, say
from graphengine.cli.running import json_option

if TYPE_CHECKING:
    from graphengine.alignment.points import Points
    from graphengine.alignment.space import Space

# Written out, since `--help` must not load the room; a test holds them against it.
POLICIES = ("fulcra_deck", "fulcra_code", "schwartz")


@click.command()
@click.argument("rows", type=click.Path(path_type=Path))
@click.option("--label", default="risk", show_default=True, metavar="NAME",
              help="The key or column that says whether an answer is unsafe (1, true, yes, unsafe, …).")
@click.option("--unsafe", default="", metavar="VALUE", help="The value of it that means unsafe, where it has others.")
@click.option("--by", default="", metavar="NAME",
              help="What is held out and drawn together, such as near copies.  [default: the prompt]")
@click.option("--system", default="schwartz-10", show_default=True, metavar="NAME", help="Of a table of scores.")
@click.option("--policy", type=click.Choice(("stored", *POLICIES)), default="stored", show_default=True,
              help="Of labelled rows: the types as stored, or placed anew from the items.")
@click.option("--picture", type=click.Path(path_type=Path), metavar="SVG", help="Draw the map into this file.")
@click.option("--draws", type=click.IntRange(0), default=1000, show_default=True, help="Draws behind the intervals.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of folds and draws.")
@json_option
def space(*, rows: Path, picture: Path | None, draws: int, seed: int, as_json: bool, **asked: Any) -> None:
    """Do the values of ROWS tell safe answers from unsafe ones?

    ROWS are labelled rows (JSON lines) with one more key, or a table of scores with `response` and `prompt`. Told: how
    well a regression on the values finds the unsafe answers of prompts that it never saw (AUC; .5 is a coin), beside
    the same on the words; how each value goes with the label; both with 90% intervals. Needs scikit-learn.

    \b
      graphengine schwartz space rows.jsonl --label risk --picture map.svg
      graphengine schwartz space scores.csv --label verdict --unsafe harmful --by group
    """  # noqa: D301
    from graphengine.alignment.points import read_points
    from graphengine.alignment.space import value_space

    points = read_points(rows, **asked)
    with output.working("holding out prompts"):
        found = value_space(points, draws=draws, seed=seed)
    if picture is not None:
        _draw(points, found, picture)
    if as_json:
        output.show_json({"ok": True, "file": str(rows), "label": asked["label"],
                          "picture": str(picture) if picture else None, **found.as_json()})
        return
    _show(found)
    if picture is not None:
        say(f"the map is in {picture}")


def _draw(points: Points, found: Space, picture: Path) -> None:
    from graphengine.report.value_map import Axes, value_map
    from graphengine.schwartz.target_files import write_whole

    one, other = found.axes
    axes = Axes((one.share, other.share), [(name, one.loadings[name], other.loadings[name]) for name in points.values])
    places = [(x, y) for x, y in found.places.tolist()]
    write_whole(picture, value_map(places, points.unsafe.tolist(), ("safe", "unsafe"), axes,
                                   "Answers by their values, along the two axes on which they differ most"))


def _show(found: Space) -> None:
    say(f"{count(found.rows, 'answer')} of {count(found.units, 'prompt')}, {found.unsafe:,} unsafe; "
        f"{count(found.folds, 'fold')} of whole prompts")
    say(_verdict(found))
    say()
    output.show_rows(
        [{"what": name, "auc": value, "lower": found.auc_interval[name][0], "upper": found.auc_interval[name][1]}
         for name, value in found.auc.items()],
        {"what": "told by", "auc": "held-out AUC", "lower": "lower", "upper": "upper"},
    )
    say()
    output.show_rows(
        [{"value": name, "with": value, "lower": found.correlation_interval[name][0],
          "upper": found.correlation_interval[name][1], "nonzero": found.nonzero[name]}
         for name, value in found.correlation.items()],
        {"value": "value", "with": "correlation with unsafe", "lower": "lower", "upper": "upper",
         "nonzero": "answers not 0"},
    )
    say("axes of the map: " + "; ".join(
        f"{axis.share:.0%} of the variance, most of " + ", ".join(
            f"{name} {size:+.2f}" for name, size in sorted(axis.loadings.items(), key=lambda each: -abs(each[1]))[:3]
        ) for axis in found.axes))


def _verdict(found: Space) -> str:
    from graphengine.alignment.space import DIFFERENCE, VALUES

    lower, upper = found.auc_interval[DIFFERENCE]
    told = f"The values find unsafe answers with an AUC of {found.auc[VALUES]:.3f}"
    if lower is None or upper is None:
        return f"{told}."
    if lower > 0:
        return f"{told}, better than the words of the answer."
    return f"{told}, worse than the words of the answer." if upper < 0 else (
        f"{told}, which can't be told from what the words of the answer reach.")
