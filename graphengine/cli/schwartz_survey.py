"""Surveys: answers to scores, scores to targets."""

from __future__ import annotations

from pathlib import Path

import click

from graphengine.cli import output
from graphengine.cli.output import count, say
from graphengine.cli.running import json_option

# Written out, since `--help` must not load the room; a test holds them against it.
INSTRUMENTS = ("ess-21", "ess-21a", "pvq-40", "pvq-rr")
MAPPINGS = ("raw-rescale", "centred-scaled", "sign", "rank")
KINDS = ("national", "individual", "group")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--by", multiple=True, metavar="COLUMN", help="Means for each of its groups (may be given again).")
@click.option("--weight", metavar="COLUMN", help="Inside a country dweight or pspwght, over several anweight.")
@click.option("--instrument", metavar="NAME", help=f"One of {', '.join(INSTRUMENTS)}.  [default: by the columns]")
@click.option("--items", metavar="PREFIX", help="What stands before the numbers of the items; needs --instrument.")
@click.option("--raw", is_flag=True, help="Leave each person's mean in.  [default: centred]")
@click.option("--system", metavar="NAME", help="A coarser system of values: schwartz-10 for pvq-rr.")
@click.option("--low-is-like-me/--high-is-like-me", "turned", default=None,
              help="Which end of the scale says 'very much like me'.  [default: as the instrument is coded]")
@click.option("--most-missing", type=click.IntRange(0), metavar="N", help="Leave out people who lack more answers.")
@click.option("--most-same", type=click.IntRange(1), metavar="N",
              help="Leave out people who give one answer to more items.")
@click.option("--out", type=_FILE, metavar="FILE.json", help="Write the scores, for `schwartz target`.")
@json_option
def score(
    *, file: Path, by: tuple[str, ...], weight: str | None, instrument: str | None, items: str | None, raw: bool,
    system: str | None, turned: bool | None, most_missing: int | None, most_same: int | None, out: Path | None,
    as_json: bool,
) -> None:
    """Score a survey of values: CSV, SPSS (.sav) or Stata (.dta).

    The European Social Survey's 21 items (rounds 1 to 11), PVQ-40 and PVQ-RR are known. Another instrument is refused.

    \b
      graphengine schwartz score ESS9.sav --by cntry --weight pspwght --out scores.json
      graphengine schwartz score mine.csv --instrument pvq-rr --items q12_
    """  # noqa: D301
    from graphengine.schwartz.instruments.survey_scores import score_survey, write_scores

    if items is not None and instrument is None:
        raise click.UsageError("--items needs --instrument: which one the items are of.")
    cleaning = {"most_missing": most_missing, "most_same": most_same}
    made = score_survey(
        file, instrument=instrument, items=items, by=by, weight=weight, centred=not raw, system=system, turned=turned,
        cleaning={name: number for name, number in cleaning.items() if number is not None},
    )
    if out is not None:
        write_scores(made, out)
    if as_json:
        output.show_json({"ok": True, **made.as_json(), **({"path": str(out)} if out else {})})
        return
    say(f"{made.instrument} ({made.version}), {'centred' if made.centred else 'raw'} scores, {made.system}: "
        f"{count(sum(each.people for each in made.groups), 'person', 'people')} of {made.read:,} "
        f"(left out: {made.too_few:,} with too few answers, {made.same:,} with one answer throughout, "
        f"{made.no_group:,} without a group)")
    rows = [
        {"value": value, **{each.group: _cell(each.means[value], each.errors[value] if each.errors else None)
                            for each in made.groups[:8]}}
        for value in made.groups[0].means
    ]
    output.show_rows(rows, {name: name for name in rows[0]})
    people = ", ".join(f"{each.group} {each.people:,}" for each in made.groups[:8])
    say(f"means ± standard errors; people: {people}")
    if len(made.groups) > 8:
        say(f"and {len(made.groups) - 8} more groups: --json or --out FILE.json has them all")
    if out is not None:
        say(f"wrote {out}")
    for note in made.notes:
        output.warn(note)


def _cell(mean: float | None, error: float | None) -> str:
    if mean is None:
        return "-"
    return f"{mean:.2f}" if error is None else f"{mean:.2f} ± {error:.2f}"


@click.command()
@click.argument("scores", type=_FILE)
@click.argument("out", type=_FILE)
@click.option("--group", metavar="NAME", help="Whose target; may be left out where there is one.")
@click.option("--mapping", type=click.Choice(MAPPINGS), help="[default: centred-scaled, for raw scores raw-rescale]")
@click.option("--kind", type=click.Choice(KINDS), help="Whom it speaks for.  [default: by the groups]")
@click.option("--name", metavar="NAME", help="[default: the group's]")
@json_option
def target(
    *, scores: Path, out: Path, group: str | None, mapping: str | None, kind: str | None, name: str | None,
    as_json: bool,
) -> None:
    """Write the target file OUT (.toml or .json) from the SCORES of a survey.

    \b
      graphengine schwartz target scores.json fr.toml --group FR
    """  # noqa: D301
    from graphengine.schwartz.instruments.survey_scores import read_survey_scores
    from graphengine.schwartz.instruments.survey_target import survey_target
    from graphengine.schwartz.target import warning
    from graphengine.schwartz.target_files import write_target

    made = survey_target(read_survey_scores(scores), group, mapping=mapping, kind=kind, name=name)
    write_target(made, out)
    warned = warning(made)
    if as_json:
        output.show_json({"ok": True, "path": str(out), "target": made.as_json(), "warning": warned})
        return
    errors = made.errors or (None,) * len(made.vector)
    output.show_rows(
        [{"value": value, "number": number, "error": error}
         for value, number, error in zip(made.values.ids, made.vector, errors, strict=True)],
        {"value": "value", "number": made.name, "error": "standard error"},
    )
    say(f"{made.kind}, {made.mapping}, {made.sampling}; {made.provenance}")
    say(f"wrote {out}; {made.licence}")
    if warned:
        output.warn(warned)
