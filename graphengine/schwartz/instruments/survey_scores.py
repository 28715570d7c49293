"""Means of the scores of values with their standard errors, by country or group.

With weights w the mean is Σ w x / Σ w, and its standard error √(n / (n - 1) Σ w² (x - mean)²) / Σ w, which for equal
weights is s / √n. Strata and clusters of a survey's design are not looked at: where it has clusters the true error is
larger.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError
from graphengine.schwartz.instruments.instrument import load_instrument
from graphengine.schwartz.instruments.recognising import recognise
from graphengine.schwartz.instruments.scoring import Cleaning, answers_of, kept, person_scores
from graphengine.schwartz.instruments.survey_files import SurveyFile, labels, numbers, survey_file
from graphengine.schwartz.names import did_you_mean
from graphengine.schwartz.system import load_system
from graphengine.schwartz.target_files import write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

FORM = "graphengine-survey-scores"
EVERYBODY = "everybody"
"""What the one group is called where people are not told apart."""
NO_ERROR = "no sampling error"
"""What is said of a group of one person."""


@dataclass(frozen=True)
class GroupScores:
    """The scores of a group of people.

    Attributes:
        group: Its name.
        people: How many were counted.
        means: The mean score by id of the value; None where nobody answered.
        errors: Standard errors of the means; None for one person, who has no sampling error.
        n: How many people each mean is of.
    """

    group: str
    people: int
    means: dict[str, float | None]
    errors: dict[str, float | None] | None
    n: dict[str, int]

    @property
    def sampling(self) -> str:
        """Whether a sampling error is known, in words."""
        return NO_ERROR if self.errors is None else "with standard errors"


@dataclass(frozen=True)
class SurveyScores:
    """What a survey says of the values of its people.

    Attributes:
        file: The name of the file.
        instrument: The instrument.
        version: What of it was asked.
        system: The system of values of the scores.
        centred: Whether each person's mean was taken off.
        weight: The column of weights, None for none.
        by: The columns that tell groups apart.
        read: People in the file.
        too_few: People left out for missing answers.
        same: People left out for giving one answer throughout.
        no_group: People left out for having no group.
        groups: By name.
        notes: What to look at.
        licence: What those who pass it on must know.
    """

    file: str
    instrument: str
    version: str
    system: str
    centred: bool
    weight: str | None
    by: tuple[str, ...]
    read: int
    too_few: int
    same: int
    no_group: int
    groups: tuple[GroupScores, ...]
    notes: tuple[str, ...]
    licence: str

    def as_json(self) -> dict[str, Any]:
        """The content of a file of scores."""
        told = {"format": FORM, **asdict(self)}
        told["groups"] = [{**asdict(each), "sampling": each.sampling} for each in self.groups]
        return told


def score_survey(
    path: str | Path, *, instrument: str | None = None, items: str | None = None, by: Sequence[str] = (),
    weight: str | None = None, centred: bool = True, system: str | None = None, turned: bool | None = None,
    cleaning: Mapping[str, int] | None = None,
) -> SurveyScores:
    """Read a survey and score it.

    Args:
        path: The file.
        instrument: Its name; found by the names of the columns otherwise.
        items: What stands before the numbers of the items, where they have names of their own.
        by: Columns that tell groups apart.
        weight: Column of weights: inside a country dweight or pspwght, over several anweight.
        centred: Whether each person's mean is taken off.
        system: The system of values; by default the instrument's own.
        turned: Whether a low code says "very much like me"; by default as the instrument is known to be coded.
        cleaning: `most_missing` and `most_same`, where not those of the instrument.

    Raises:
        InputError: If the instrument is unknown, a column is missing, an answer or a weight is out of range, or nobody
            is left.
    """
    import numpy as np

    file = survey_file(path)
    found = recognise(file, instrument, items)
    asked = [_column(file, name) for name in (*by, *([weight] if weight else []))]
    cells = file.read(list(dict.fromkeys([*(column for each in found for column in each.columns), *asked])))

    def answers(place: int) -> np.ndarray:
        columns = [numbers(cells[column], file, column) for column in found[place].columns]
        return answers_of(np.array(columns, dtype=float).T, found[place].instrument, str(file.path), turned=turned)

    given = answers(0)
    for place in range(1, len(found)):
        given = _merged(given, answers(place), file)
    used = found[0].instrument
    if len(found) > 1:
        version = " and ".join(each.instrument.version for each in found)
        used = replace(used, version=version)
    rule = Cleaning(**{"most_missing": used.most_missing, "most_same": used.most_same, **(cleaning or {})})
    stays, same = kept(given, rule)
    names = [labels(cells[column]) for column in asked[:len(by)]]
    groups = np.array(_group_names(list(zip(*names, strict=True)))) if by else np.full(len(given), EVERYBODY)
    named = np.array([all(each) for each in zip(*names, strict=True)]) if by else np.ones(len(given), dtype=bool)
    counted = stays & named
    too_few = len(given) - int((stays | same).sum())
    if not counted.any():
        raise InputError(
            f"{file.path}: nobody is left of {len(given)} people ({too_few} answered too little, {int(same.sum())} "
            f"gave one answer throughout, {int((~named).sum())} have no group)",
            hint="check the missing codes and the columns", file=file.path,
        )
    weights = _weights(cells[asked[-1]], file, asked[-1], named) if weight else np.ones(len(given))
    space = system or used.system
    scores = person_scores(given[counted], used, space, centred=centred)
    made = [
        _group(name, scores[groups[counted] == name], weights[counted][groups[counted] == name], space)
        for name in sorted(set(groups[counted].tolist()))
    ]
    return SurveyScores(
        file.path.name, used.name, used.version, space, centred, weight, tuple(by), len(given), too_few,
        int(same.sum()), int((stays & ~named).sum()), tuple(made),
        tuple(_notes(made, file, weight, by)), used.licence,
    )


def _column(file: SurveyFile, name: str) -> str:
    column = file.named(name)
    if column is None:
        raise InputError(f"{file.path} has no column {name!r}", hint=did_you_mean(name, file.names[:60]),
                         file=file.path, column=name)
    return column


def _merged(first: np.ndarray, second: np.ndarray, file: SurveyFile) -> np.ndarray:
    """The answers of people who were asked in one of two versions."""
    import numpy as np

    both = ~np.isnan(first) & ~np.isnan(second) & (first != second)
    if both.any():
        raise InputError(f"{file.path}, row {int(np.argwhere(both)[0][0]) + 1} answers both versions of an item, and "
                         "differently", hint="keep the version of the person's round", file=file.path)
    return np.where(np.isnan(first), second, first)


def _group_names(parts: Sequence[tuple[str, ...]]) -> list[str]:
    """Names of groups by several columns: apart by a space, or by more where that would make two groups one.

    Example:
        >>> _group_names([("BE", "2020"), ("NL", "2020")]), _group_names([("A", "B C"), ("A B", "C")])
        (['BE 2020', 'NL 2020'], ['A / B C', 'A B / C'])
    """
    different = len(set(parts))
    apart = (each for each in (" ", " / ", " | ") if len({each.join(part) for part in parts}) == different)
    between = next(apart, " ‖ ")
    return [between.join(part) for part in parts]


def _weights(cells: Sequence[Any], file: SurveyFile, column: str, named: np.ndarray) -> np.ndarray:
    import numpy as np

    made = np.array(numbers(cells, file, column))
    wrong = named & ~(np.isfinite(made) & (made > 0))
    if wrong.any():
        row = int(np.argwhere(wrong)[0][0])
        raise InputError(f"{file.path}, row {row + 1}: the weight in {column} is {made[row]:g}",
                         hint="weights are numbers above 0; leave out people who shall not count", file=file.path,
                         row=row + 1, column=column, value=float(made[row]))
    return made


def weighted_mean(x: np.ndarray, w: np.ndarray) -> tuple[float | None, float | None]:
    """A weighted mean and its standard error; None for what can't be had.

    Example:
        >>> import numpy as np
        >>> weighted_mean(np.array([1.0, 2.0, 3.0]), np.ones(3))
        (2.0, 0.5773502691896257)
        >>> weighted_mean(np.array([1.0]), np.ones(1))
        (1.0, None)
    """
    if not len(x):
        return None, None
    total = float(w.sum())
    mean = float((w * x).sum() / total)
    if len(x) < 2:
        return mean, None
    n = len(x)
    return mean, float((n / (n - 1) * (w**2 * (x - mean) ** 2).sum()) ** 0.5 / total)


def _group(name: str, scores: np.ndarray, weights: np.ndarray, system: str) -> GroupScores:
    import numpy as np

    means, errors, n = {}, {}, {}
    for place, value in enumerate(load_system(system).ids):
        there = ~np.isnan(scores[:, place])
        means[value], errors[value] = weighted_mean(scores[there, place], weights[there])
        n[value] = int(there.sum())
    return GroupScores(name, len(scores), means, errors if len(scores) > 1 else None, n)


def _notes(groups: Sequence[GroupScores], file: SurveyFile, weight: str | None, by: Sequence[str]) -> list[str]:
    notes = []
    turned = [each.group for each in groups if each.people > 1 and _means(each, "power") > _means(each, "benevolence")]
    if turned and 2 * len(turned) > len(groups):
        notes.append(
            f"power is above benevolence in {len(turned)} of {len(groups)} groups, which no survey of a country has "
            "shown: the answers may run the other way (--low-is-like-me, --high-is-like-me)"
        )
    alone = [each.group for each in groups if each.people == 1]
    if alone:
        notes.append(f"one person, so there is {NO_ERROR}: {', '.join(alone[:5])}" + (" …" if len(alone) > 5 else ""))
    country = file.named("cntry")
    if country and weight and weight.lower() in ("dweight", "pspwght") and not by:
        countries = len(set(labels(file.read([country])[country])))
        if countries > 1:
            notes.append(f"{weight} weighs inside a country; for {countries} countries together take anweight")
    return notes


def _means(group: GroupScores, value: str) -> float:
    """The mean score of a value, or of its refined ones."""
    found = [mean for name, mean in group.means.items() if name.partition("-")[0] == value and mean is not None]
    return sum(found) / len(found) if found else float("nan")


def write_scores(scores: SurveyScores, path: str | Path) -> None:
    """Write scores to a JSON file, whole or not at all."""
    write_whole(Path(path), json.dumps(scores.as_json(), ensure_ascii=False, indent=2) + "\n")


def read_survey_scores(path: str | Path) -> SurveyScores:
    """Read what `write_scores` wrote.

    Raises:
        InputError: If the file is something else.
    """
    path = Path(path)
    hint = "graphengine schwartz score FILE --out SCORES.json writes one"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("format") != FORM:
            raise InputError(f"{path} holds no scores of a survey", hint=hint, file=path)
        groups = tuple(GroupScores(**{name: value for name, value in each.items() if name != "sampling"})
                       for each in content.pop("groups"))
        made = SurveyScores(**{**content, "groups": groups, "by": tuple(content["by"]),
                               "notes": tuple(content["notes"])})
        load_instrument(made.instrument)
        for each in groups:
            load_system(made.system).vector({value: mean or 0.0 for value, mean in each.means.items()})
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror or error}", hint=hint, file=path) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} holds no scores of a survey", hint=hint, file=path) from error
    return made
