"""How far scores are from targets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphengine.cli import output
from graphengine.cli.output import count, say
from graphengine.cli.running import json_option

if TYPE_CHECKING:
    from graphengine.schwartz.measuring import Facts, Figure, Measured

# Written out, since `--help` must not load the room; a test holds them against it.
DISTANCES = ("weighted", "l1", "l2", "l2_squared", "l1_weighted", "l1_masked", "paper_masked", "cosine", "spearman")


@click.command()
@click.argument("scores", type=click.Path(path_type=Path))
@click.option("--target", "targets", multiple=True, required=True, metavar="NAME",
              help="A preset (UK, NL, FR, paper, paper-eval, security, benevolence, hhh) or a target file; "
                   "may be given again.")
@click.option("--distance", "distances", multiple=True, type=click.Choice(DISTANCES),
              help="Which distances; may be given again.  [default: all]")
@click.option("--base-rates", type=click.Path(path_type=Path), metavar="ROWS",
              help="Labelled rows whose mean labels are the base rates.  [default: the mean of SCORES]")
@json_option
def distance(
    *, scores: Path, targets: tuple[str, ...], distances: tuple[str, ...], base_rates: Path | None, as_json: bool
) -> None:
    """How far SCORES are from targets.

    SCORES is CSV, JSONL or Parquet: a row for each answer, a column for each value (or `scores`, a list), from -1 to 1.
    Told per answer and for the profile, the mean of all answers, with 90% intervals over answers; beside them an answer
    that says nothing, the base rates, and the least that an answer scored -1, 0 or 1 can reach.

    \b
      graphengine schwartz distance scores.csv --target UK
      graphengine schwartz distance scores.csv --target UK --target mine.toml --distance l1 --distance paper_masked
    """  # noqa: D301
    from graphengine.schwartz.measuring import facts, measure
    from graphengine.schwartz.scores import read_scores
    from graphengine.schwartz.target_files import load_target

    asked = [load_target(name) for name in targets]
    read = read_scores(scores, asked[0].values)
    rates = None
    if base_rates is not None:
        from graphengine.errors import InputError
        from graphengine.schwartz.rows import base_rates as rates_of
        from graphengine.schwartz.rows import read_rows

        if read.system.name != "schwartz-10":
            raise InputError(f"labelled rows are in schwartz-10, and the scores are in {read.system.name}",
                             hint="leave --base-rates out")
        rates = rates_of(read_rows(base_rates))
    found = [measure(read, target, distances=distances or DISTANCES, base_rates=rates) for target in asked]
    told = facts(read)
    if as_json:
        profile = {value: {"value": each.value, "interval": [each.lower, each.upper]}
                   for value, each in told.profile.items()}
        output.show_json({
            "ok": True, "file": str(scores), "rows": told.rows, "system": read.system.name, "profile": profile,
            "coverage": told.coverage, "saturated_share": told.saturated, "neutral_rows": told.neutral,
            "base_rates_of": str(base_rates or scores), "targets": [each.as_json() for each in found],
        })
        return
    _show(told, found, base_rates)


def _show(told: Facts, found: list[Measured], base_rates: Path | None) -> None:
    say(f"{count(told.rows, 'answer')}; {told.coverage:.1%} of the scores say something (|s| > 0.3), "
        f"{told.saturated:.1%} lie within 1/8 of -1, 0 or 1; answers that say nothing at all: {told.neutral:,}")
    for each in found:
        target = each.target
        say()
        say(f"target {target.name} ({target.kind}{', ' + target.mapping if target.mapping else ''}, {target.sampling})")
        if target.note:
            say(f"  {target.note}")
        rows: list[dict[str, Any]] = [
            {"distance": name, "answer": _told(each.per_response[name]), "profile": _told(each.profile[name]),
             "zero": each.zero[name], "base": each.base_rate[name], "floor": each.floor[name]}
            for name in each.per_response
        ]
        output.show_rows(rows, {"distance": "distance", "answer": "per answer", "profile": "profile",
                                "zero": "says nothing", "base": "base rates", "floor": "least of -1, 0, 1"})
        for sentence in _verdicts(each):
            say(sentence)
        if each.warning:
            output.warn(each.warning)
    say()
    say(f"base rates: the mean labels of {base_rates}" if base_rates else
        "base rates: the mean of these scores, as if every answer were the average one")


def _told(figure: Figure) -> str:
    if figure.lower is None or figure.upper is None:
        return f"{figure.value:.3f}"
    return f"{figure.value:.3f} [{figure.lower:.3f}, {figure.upper:.3f}]"


def _verdicts(each: Measured) -> list[str]:
    """What the null baselines say of the numbers, in words."""
    told = []
    zero = each.zero
    beaten = [name for name, figure in each.per_response.items() if (zero[name] or 0.0) <= figure.value
              and zero[name] is not None]
    if beaten:
        told.append(f"An answer that says nothing is no farther than these answers by: {', '.join(beaten)}.")
    if "paper_masked" in zero:
        told.append(f"paper_masked skips {each.masked:.1%} of the scores on values that the target asks about.")
    return told
