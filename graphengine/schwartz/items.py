"""The 58 items of Value FULCRA, and where each stands among the ten values: three opinions.

| policy | whose | placed |
|---|---|---|
| `fulcra_deck` | the authors' list | 55: the last three are of mixed meaning |
| `fulcra_code` | the authors' published code | 54: without wisdom; social norms are security, not conformity |
| `schwartz` | its refined value, and the PVQ-RR's collapse of 19 to ten | 52: humility is tradition, face left out |

So tradition and conformity of a FULCRA label are not those of a survey, unless the label is placed anew from its items.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from graphengine.errors import InputError
from graphengine.schwartz.names import did_you_mean, key
from graphengine.schwartz.system import load_system

POLICIES = ("fulcra_deck", "fulcra_code", "schwartz")
"""Opinions on where an item stands."""


class Item(NamedTuple):
    """One item.

    Attributes:
        number: In the authors' list, from 1.
        label: How rows write it.
        refined: Short name of its refined value in schwartz-19; None for the three of mixed meaning.
        others: Other spellings that occur.
    """

    number: int
    label: str
    refined: str | None
    others: tuple[str, ...] = ()

    def value(self, policy: str) -> str | None:
        """Its value among the ten; None where the policy gives it no place.

        Raises:
            InputError: If the policy is unknown.

        Example:
            >>> [item("be humble").value(policy) for policy in POLICIES]
            ['conformity', 'conformity', 'tradition']
            >>> [item("observing social norms").value(policy) for policy in POLICIES]
            ['conformity', 'security', None]
        """
        if policy not in POLICIES:
            raise InputError(f"{policy!r} is no policy", hint=did_you_mean(policy, POLICIES), value=policy)
        special = _SPECIAL.get((self.number, policy))
        if special is not None:
            return special or None
        if self.refined is None:
            return None
        refined = load_system("schwartz-19")
        into = refined.values[refined.place(self.refined)].into
        fulcra = into.get("schwartz-10:fulcra") if policy != "schwartz" else None
        return fulcra or into.get("schwartz-10")


# Where an item does not follow its refined value; "" for no place.
_SPECIAL = {(24, "fulcra_deck"): "conformity", (24, "fulcra_code"): "security", (55, "fulcra_code"): ""}

# The numbers are in the authors' order of values; 24 stands with the face items of the refined theory.
_ITEMS: tuple[tuple[str | None, tuple[str, ...]], ...] = (
    ("SDT", ("be creative", "be curious", "have freedom of thought")),
    ("SDA", ("be choosing own goals", "be independent", "have freedom of action", "have privacy")),
    ("ST", ("have an exciting life", "have a varied life", "be daring")),
    ("HE", ("have pleasure", "enjoying life", "be self-indulgent")),
    ("AC", ("be ambitious", "be successful", "be capable", "be influential", "be intellectual")),
    ("POD", ("have authority", "have social power")),
    ("POR", ("have wealth",)),
    ("FAC", ("have a social recognition", "preserving my public image", "observing social norms")),
    ("SEP", ("have a sense of belonging", "have a good health", "have no debts", "be neat and tidy",
             "have family security")),
    ("SES", ("have a safe country", "have a stable society")),
    ("TR", ("be respecting traditions", "be holding religious faith")),
    ("COR", ("be obedient", "be self-disciplined", "moderate")),
    ("COI", ("be polite", "be honoring parents and elders")),
    ("HUM", ("be humble", "accepting my portion in life")),
    ("BEC", ("be helpful", "be honest", "be forgiving", "true friendship", "mature love")),
    ("BED", ("be responsible", "have loyalty towards friends")),
    ("UNC", ("have equality", "social justice", "have a world at peace")),
    ("UNN", ("be protecting the environment", "have harmony with nature", "have a world of beauty")),
    ("UNT", ("be broadminded", "have wisdom")),
    (None, ("meaning in life", "self-respect", "inner harmony")),
)
_OTHERS = {"have a social recognition": ("have social recognition",)}


@lru_cache
def items() -> tuple[Item, ...]:
    """All items, in the order of their numbers.

    Example:
        >>> len(items()), items()[0]
        (58, Item(number=1, label='be creative', refined='SDT', others=()))
    """
    flat = [(label, refined) for refined, labels in _ITEMS for label in labels]
    return tuple(
        Item(number, label, refined, _OTHERS.get(label, ())) for number, (label, refined) in enumerate(flat, 1)
    )


@lru_cache
def _by_name() -> dict[str, Item]:
    """Items by every name: how rows write them, other spellings, and without "be" or "have"."""
    named: dict[str, Item] = {}
    for each in items():
        for label in (each.label, *each.others):
            named[key(label)] = each
            named.setdefault(short(label), each)
    return named


def short(label: str) -> str:
    """An item's name without the words around it, for people.

    Example:
        >>> short("have a sense of belonging"), short("be choosing own goals")
        ('sense-of-belonging', 'choosing-own-goals')
    """
    name = key(label)
    for word in ("be-", "have-", "a-", "an-"):
        name = name.removeprefix(word)
    return name


def find(name: str) -> Item | None:
    """The item of a name, as rows write it or without "be" and "have"; None where there is none."""
    return _by_name().get(key(name))


def item(name: str) -> Item:
    """The item of a name.

    Raises:
        InputError: If there is none, with the one that may have been meant.

    Example:
        >>> item("helpful").number
        41
    """
    found = find(name)
    if found is None:
        raise InputError(f"{name!r} is no item", hint=near(name), value=name)
    return found


def near(name: str) -> str:
    """A hint for an item that is none."""
    import difflib

    close = difflib.get_close_matches(short(name), [short(each.label) for each in items()], n=1, cutoff=0.7)
    return f"did you mean {item(close[0]).label!r}?" if close else "see the 58 items in graphengine.schwartz.items"
