"""Which instrument a file holds. What is not recognised is refused with the reason, never guessed at."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from graphengine.errors import InputError
from graphengine.schwartz.instruments.instrument import INSTRUMENTS, ROUND_12, Instrument, load_instrument
from graphengine.schwartz.instruments.survey_files import SurveyFile, numbers

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Recognised:
    """An instrument, and the columns of its items in a file.

    Attributes:
        instrument: The instrument.
        columns: Names of columns, in the order of the items.
    """

    instrument: Instrument
    columns: tuple[str, ...]


def recognise(file: SurveyFile, name: str | None = None, prefix: str | None = None) -> list[Recognised]:
    """The instruments in a file; two where rounds of the European Social Survey were merged.

    Args:
        file: The file.
        name: The instrument, where it is known; found by the names of the columns otherwise.
        prefix: What stands before the numbers of the items (`q12_` for q12_1, q12_2, …); needs `name`.

    Raises:
        InputError: If there is none, only a part of one, or one whose key is not known.
    """
    _not_round_12(file)
    if name is not None:
        instrument = load_instrument(name)
        return [Recognised(instrument, _columns(file, instrument, prefix))]
    found = [
        Recognised(each, _columns(file, each)) for each in INSTRUMENTS.values() if each.variables and _some(file, each)
    ]
    if found:
        return found
    counted = _numbered(file)
    fitting = [each for each in INSTRUMENTS.values() if each.prefixes and each.number in counted]
    if len(fitting) == 1:
        return [Recognised(fitting[0], _columns(file, fitting[0]))]
    told = ", ".join(f"{each.name} ({each.number} items)" for each in INSTRUMENTS.values())
    what = f"{max(counted)} numbered items" if counted else "no variables of a known instrument"
    raise InputError(
        f"{file.path} has {what}: which instrument it is can't be told, and it is not guessed at",
        hint=f"known: {told}; name it: --instrument NAME, and where its items have names of their own --items PREFIX. "
             f"Not known: {ROUND_12}", file=file.path,
    )


def _not_round_12(file: SurveyFile) -> None:
    column = file.named("essround")
    if column is None:
        return
    rounds = numbers(file.read([column])[column], file, column)
    for row, number in enumerate(rounds, 1):
        if number >= 12:
            raise InputError(
                f"{file.path}, row {row} is of round {number:g} of the European Social Survey; {ROUND_12}: it is not "
                "guessed at", hint="leave these rows out, and score rounds 1 to 11", file=file.path, row=row,
                value=number,
            )


def _some(file: SurveyFile, instrument: Instrument) -> bool:
    """Whether most of an instrument's variables are there; one or two may be anything."""
    return 2 * sum(file.named(name) is not None for name in instrument.variables) > instrument.number


def _numbered(file: SurveyFile) -> set[int]:
    """How many items each prefix of the known instruments has."""
    found = set()
    for prefix in {prefix for each in INSTRUMENTS.values() for prefix in each.prefixes}:
        there = {int(match[1]) for name in file.names if (match := _match(name, prefix))}
        if there and there == set(range(1, len(there) + 1)):
            found.add(len(there))
    return found


def _match(name: str, prefix: str) -> re.Match[str] | None:
    return re.fullmatch(re.escape(prefix.lower()) + r"0*([1-9]\d*)", name.lower())


def _columns(file: SurveyFile, instrument: Instrument, prefix: str | None = None) -> tuple[str, ...]:
    if instrument.variables and prefix is None:
        names = [file.named(variable) for variable in instrument.variables]
        missing = [variable for variable, name in zip(instrument.variables, names, strict=True) if name is None]
        if missing:
            raise _lacks(file, instrument, missing)
        return tuple(name for name in names if name is not None)
    best: list[str] = []
    for each in instrument.prefixes if prefix is None else (prefix,):
        by_number = {int(match[1]): name for name in file.names if (match := _match(name, each))}
        lacking = [f"{each}{number}" for number in range(1, instrument.number + 1) if number not in by_number]
        if not lacking:
            return tuple(by_number[number] for number in range(1, instrument.number + 1))
        best = lacking if not best or len(lacking) < len(best) else best
    raise _lacks(file, instrument, best)


def _lacks(file: SurveyFile, instrument: Instrument, missing: Sequence[str]) -> InputError:
    told = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
    return InputError(
        f"{file.path} lacks items of {instrument.name} ({instrument.version}): {told}",
        hint=f"all {instrument.number} items are needed, also for a person's mean; where they have other names: "
             "--instrument NAME --items PREFIX", file=file.path, column=missing[0],
    )
