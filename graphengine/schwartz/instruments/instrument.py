"""The instruments: which item speaks for which value, which way the answers run, what counts as missing.

Only item numbers and names of variables are here. The wording of the items belongs to their authors.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from graphengine.errors import InputError
from graphengine.schwartz.names import did_you_mean
from graphengine.schwartz.system import load_system

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Instrument:
    """A questionnaire about values.

    Attributes:
        name: Its name in files and commands.
        version: What of it was asked; kept with every target.
        title: Its name for people.
        system: The system of values that its items speak for.
        items: Item numbers, from 1, by id of the value.
        variables: The name of each item's variable, in the order of the items; empty where files use their own.
        prefixes: Where files use names of their own: what stands before the number of an item.
        reversed: Whether a low answer is the one that says "very much like me".
        missing: Codes that say that there is no answer.
        most_missing: A person with more missing answers is left out.
        most_same: A person who gives one answer to more items is left out.
        licence: What those who pass a target on must know.
        source: Where the key comes from.

    Example:
        >>> ess = load_instrument("ess-21")
        >>> ess.number, ess.items["universalism"], ess.variables[0]
        (21, (3, 8, 19), 'ipcrtiv')
    """

    name: str
    version: str
    title: str
    system: str
    items: Mapping[str, tuple[int, ...]]
    variables: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    reversed: bool = False
    missing: frozenset[int] = field(default_factory=frozenset)
    most_missing: int = 0
    most_same: int = 0
    licence: str = ""
    source: str = ""

    @property
    def number(self) -> int:
        """How many items it has."""
        return sum(len(items) for items in self.items.values())

    def items_for(self, system: str) -> dict[str, tuple[int, ...]]:
        """The items of each value of a system: its own, or a coarser one that it rolls up to.

        A value of the coarser system has the items of all values that belong to it; an item of a value that belongs to
        none (face) counts only in a person's mean.

        Raises:
            InputError: If the values of the instrument don't roll up to that system.
        """
        if system == self.system:
            return dict(self.items)
        own, to = load_system(self.system), load_system(system)
        members = own.roll_up(to) > 0
        return {
            value: tuple(sorted(item for place in members[row].nonzero()[0] for item in self.items[own.ids[place]]))
            for row, value in enumerate(to.ids)
        }


LOWEST, HIGHEST = 1, 6
"""All of the instruments are answered on six steps."""


def _keys(system: str, text: str) -> dict[str, tuple[int, ...]]:
    """`SD 1 11; …` as items by id of the value, in the order of the system."""
    space = load_system(system)
    found = {}
    for part in text.split(";"):
        short, *items = part.split()
        found[space.ids[space.place(short)]] = tuple(int(item) for item in items)
    return {value: found[value] for value in space.ids}


_ESS_ITEMS = _keys("schwartz-10", "SD 1 11; ST 6 15; HE 10 21; AC 4 13; PO 2 17; SE 5 14; TR 9 20; CO 7 16; BE 12 18; "
                                  "UN 3 8 19")
_ESS_NAMES = tuple(
    "ipcrtiv imprich ipeqopt ipshabt impsafe impdiff ipfrule ipudrst ipmodst ipgdtim impfree iphlppl ipsuces ipstrgv "
    "ipadvnt ipbhprp iprspot iplylfr impenv imptrad impfun".split()
)
_ESS_LICENCE = "European Social Survey: data CC BY-NC-SA 4.0, cite the round; the microdata must not be passed on"
_ESS_SOURCE = "Schwartz, Computing scores for the 10 human values (ESS); cleaning: ESS EduNet, Human values, ch. 1, 4"
_PVQ_LICENCE = "Portrait Values Questionnaire: free for academic use, commercial use by licence of its author"
_CLEANING = "; cleaning in proportion to the rule for 21 items, our choice"

INSTRUMENTS = {
    each.name: each for each in (
        Instrument(
            "ess-21", "rounds 1-10", "European Social Survey, 21 items", "schwartz-10", _ESS_ITEMS, _ESS_NAMES,
            reversed=True, missing=frozenset({7, 8, 9}), most_missing=5, most_same=16, licence=_ESS_LICENCE,
            source=_ESS_SOURCE,
        ),
        Instrument(
            "ess-21a", "round 11", "European Social Survey, 21 items in words for all genders", "schwartz-10",
            _ESS_ITEMS, tuple(f"{name}a" for name in _ESS_NAMES), reversed=True, missing=frozenset({66, 77, 88, 99}),
            most_missing=5, most_same=16, licence=_ESS_LICENCE, source=_ESS_SOURCE,
        ),
        Instrument(
            "pvq-40", "40 items", "Portrait Values Questionnaire, 40 items", "schwartz-10",
            _keys("schwartz-10", "CO 7 16 28 36; TR 9 20 25 38; BE 12 18 27 33; UN 3 8 19 23 29 40; SD 1 11 22 34; "
                                 "ST 6 15 30; HE 10 26 37; AC 4 13 24 32; PO 2 17 39; SE 5 14 21 31 35"),
            prefixes=("pvq", "pvq_", "pvq40_"), most_missing=9, most_same=30, licence=_PVQ_LICENCE,
            source="Schwartz, PVQ-40: scoring key" + _CLEANING,
        ),
        Instrument(
            "pvq-rr", "57 items", "Revised Portrait Values Questionnaire, 57 items", "schwartz-19",
            _keys("schwartz-19", "SDT 1 23 39; SDA 16 30 56; ST 10 28 43; HE 3 36 46; AC 17 32 48; POD 6 29 41; "
                                 "POR 12 20 44; FAC 9 24 49; SEP 13 26 53; SES 2 35 50; TR 18 33 40; COR 15 31 42; "
                                 "COI 4 22 51; HUM 7 38 54; UNN 8 21 45; UNC 5 37 52; UNT 14 34 57; BEC 11 25 47; "
                                 "BED 19 27 55"),
            prefixes=("pvq", "pvq_", "pvqrr", "pvqrr_", "pvq_rr_"), most_missing=13, most_same=43,
            licence=_PVQ_LICENCE, source="Schwartz (2021), PVQ-RR: scoring key" + _CLEANING,
        ),
    )
}
"""The instruments that are known, by name."""

ROUND_12 = (
    "round 12 of the European Social Survey asks 20 new items whose scores can't be compared with those of the 21, and "
    "the names and the key of its variables are not known here"
)
"""Why that instrument is refused."""


def load_instrument(name: str) -> Instrument:
    """An instrument by name.

    Raises:
        InputError: If it is unknown; for that of round 12 with the reason.

    Example:
        >>> load_instrument("PVQ-RR").system
        'schwartz-19'
    """
    found = INSTRUMENTS.get(name.lower())
    if found is None:
        reason = ROUND_12 if name.lower() in {"ess-20", "ess-12", "ess12", "ess20"} else f"{name!r} is no instrument"
        raise InputError(f"{reason}: it is not guessed at" if reason is ROUND_12 else reason,
                         hint=did_you_mean(name, INSTRUMENTS), value=name)
    return found
