"""Accuracies with intervals that know that pairs of one context are no independent trials."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

LEVEL = 0.9


@dataclass(frozen=True)
class Accuracy:
    """How often the chosen side was found.

    Attributes:
        accuracy: Share of the pairs; a tie counts one half.
        lower: Lower end of the 90% interval.
        upper: Upper end.
        pairs: Number of pairs.
        ties: Pairs with no answer either way.
        contexts: Number of contexts (or whatever the clusters are) that the pairs are from.
    """

    accuracy: float
    lower: float
    upper: float
    pairs: int
    ties: int
    contexts: int

    def as_json(self) -> dict[str, Any]:
        """Stable keys: accuracy, lower, upper, pairs, ties, contexts."""
        return dict(vars(self))


def accuracy(hits: Sequence[float], contexts: Sequence[Hashable]) -> Accuracy:
    """The accuracy of some answers, with a 90% interval.

    Wilson's interval on the effective number of pairs (Korn and Graubard 1998): n / D (z / t)², where D is the design
    effect of the clusters (the variance of the accuracy between contexts over that of independent pairs, at least 1), z
    the normal and t Student's quantile with as many degrees of freedom as there are contexts, less one. So pairs that
    are right and wrong together widen it, and one context alone says nothing about others: its interval is 0 to 1.

    Args:
        hits: For each pair 1 where the chosen side was found, 0 where not, .5 for a tie.
        contexts: For each pair the context that it is from. Where pairs are independent, anything that differs.

    Example:
        >>> found = accuracy([1, 1, 1, 0, 1, 0.5], ["a", "a", "b", "b", "c", "c"])
        >>> round(found.accuracy, 2), found.pairs, found.ties, found.contexts
        (0.75, 6, 1, 3)
        >>> accuracy([1, 1, 1], ["a", "a", "a"]).lower
        0.0
    """
    if not len(hits):
        return Accuracy(math.nan, 0.0, 1.0, 0, 0, 0)
    number, share = len(hits), math.fsum(hits) / len(hits)
    beyond: dict[Hashable, float] = defaultdict(float)
    for hit, context in zip(hits, contexts, strict=True):
        beyond[context] += hit - share
    effective = _effective(number, share, list(beyond.values()))
    lower, upper = _wilson(share, effective)
    return Accuracy(share, lower, upper, number, sum(hit == 0.5 for hit in hits), len(beyond))


def _effective(number: int, share: float, beyond: list[float]) -> float:
    """The number of independent pairs that say as much as these."""
    from scipy.stats import norm, t

    clusters = len(beyond)
    if clusters < 2:
        return 0.0
    independent = share * (1 - share) / number
    between = clusters / (clusters - 1) * math.fsum(each**2 for each in beyond) / number**2
    design = max(1.0, between / independent) if independent else 1.0
    tail = (1 + LEVEL) / 2
    return number / design * float(norm.ppf(tail) / t.ppf(tail, clusters - 1)) ** 2


def _wilson(share: float, number: float) -> tuple[float, float]:
    from scipy.stats import norm

    if not number:
        return 0.0, 1.0
    z2 = float(norm.ppf((1 + LEVEL) / 2)) ** 2
    middle = (share + z2 / (2 * number)) / (1 + z2 / number)
    half = math.sqrt(z2 * (share * (1 - share) / number + z2 / (4 * number**2))) / (1 + z2 / number)
    return max(0.0, middle - half), min(1.0, middle + half)
