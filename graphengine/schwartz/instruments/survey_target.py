"""From the scores of a group, a country or one person to a target."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphengine.errors import InputError
from graphengine.schwartz.instruments.instrument import load_instrument
from graphengine.schwartz.mapping import map_scores
from graphengine.schwartz.names import did_you_mean
from graphengine.schwartz.target import Target

if TYPE_CHECKING:
    from graphengine.schwartz.instruments.survey_scores import SurveyScores


def survey_target(
    scores: SurveyScores, group: str | None = None, *, mapping: str | None = None, kind: str | None = None,
    name: str | None = None,
) -> Target:
    """A target from the scores of a survey.

    Args:
        scores: The scores.
        group: Which group; may be left out where there is one.
        mapping: One of `mapping.MAPPINGS`; by default `centred-scaled` for centred scores, else `raw-rescale`.
        kind: Whom it speaks for; by default `individual` for one person, `national` for a country, else `group`.
        name: Its name; by default the group's.

    Raises:
        InputError: If there is no such group, nobody answered about a value, or the mapping does not fit the scores.
    """
    known = {each.group: each for each in scores.groups}
    if group is None and len(known) == 1:
        group = next(iter(known))
    if group is None or group not in known:
        said = f"the scores of {scores.file} have no group {group!r}" if group else (
            f"the scores of {scores.file} are of {len(known)} groups")
        raise InputError(said, hint="--group NAME; " + did_you_mean(group or "", known), value=group)
    found = known[group]
    lacking = [value for value, mean in found.means.items() if mean is None]
    if lacking:
        raise InputError(f"nobody of {group} answered about {', '.join(lacking)}, so it gives no target",
                         hint="take a larger group", value=group)
    errors = None
    if found.errors is not None and all(each is not None for each in found.errors.values()):
        errors = [each or 0.0 for each in found.errors.values()]
    mapping = mapping or ("centred-scaled" if scores.centred else "raw-rescale")
    means = [mean or 0.0 for mean in found.means.values()]
    vector, mapped = map_scores(means, mapping, errors=errors, centred=scores.centred)
    usual = "national" if [each.lower() for each in scores.by] == ["cntry"] else "group"
    kind = kind or ("individual" if found.people == 1 else usual)
    instrument = load_instrument(scores.instrument)
    told = f", weighted by {scores.weight}" if scores.weight else ", not weighted"
    return Target(
        name=name or group, vector=vector, system=scores.system, kind=kind, mapping=mapping,
        instrument=f"{instrument.title} ({instrument.name}, {scores.version})", errors=mapped, people=found.people,
        licence=scores.licence,
        provenance=f"{scores.file}, {group}: {'centred' if scores.centred else 'raw'} means of {found.people} "
                   f"{'person' if found.people == 1 else 'people'}{told}",
    )
