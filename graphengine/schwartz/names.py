"""Names that people write, compared with those that are known."""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_DASHES = re.compile(r"\s*[-‐‑‒–—_:]+\s*|\s+")


@lru_cache(4096)
def key(name: str) -> str:
    """How a name is compared: lower case, one hyphen for any dash, colon, underscore or space.

    Example:
        >>> key("Self–direction: Thought"), key("self_direction thought")
        ('self-direction-thought', 'self-direction-thought')
    """
    return _DASHES.sub("-", name.strip().lower()).strip("-")


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that may have been meant; None where none is near.

    Example:
        >>> closest("benevolance", ["benevolence", "power"]), closest("sun", ["power"])
        ('benevolence', None)
    """
    by_key = {key(each): each for each in known}
    close = difflib.get_close_matches(key(name), by_key, n=1, cutoff=0.55)
    return by_key[close[0]] if close else None


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint for a name that is none of the known ones.

    Example:
        >>> did_you_mean("benevolance", ["benevolence", "power"])
        'did you mean benevolence? Known: benevolence, power'
    """
    names = list(known)
    close, told = closest(name, names), ", ".join(names)
    return f"did you mean {close}? Known: {told}" if close is not None else f"known: {told}"
