"""Are a few numbers enough? How well the wiser card is found from a few numbers for each card.

If ten values, or nineteen, or an embedding of a card's text held what people judge by, a linear rule on their
difference would find the chosen side of pairs it has never seen. Beside it stand a bag of words, which is what any text
gives away, and the longer text. None of them sees the prompt: where another card is wiser in each context, none can be
right.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.errors import InputError
from graphengine.preferences.audit.intervals import LEVEL, Accuracy, accuracy
from graphengine.preferences.audit.rules import by_length, hits, margins, word_differences
from graphengine.preferences.audit.texts import read_pairs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphengine.preferences.audit.rules import Reals, Sides
    from graphengine.preferences.audit.texts import Pairs

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Inverse penalties that are tried on train alone."""
_INNER = 5


@dataclass(frozen=True)
class Features:
    """Numbers for each card.

    Attributes:
        name: What they are: `ten values`.
        vectors: By id of the card, or by ids of context and card; all of one length.
    """

    name: str
    vectors: Mapping[Any, Reals]


@dataclass(frozen=True)
class Probed:
    """What one kind of numbers reaches on held-out pairs.

    Attributes:
        name: What was looked at.
        numbers: How many numbers a card has.
        measured: Accuracy with its 90% interval.
        over_words: Accuracy less that of the words, on the same pairs; None for the words themselves.
        over_words_interval: Its 90% interval over contexts, `[lower, upper]`.
    """

    name: str
    numbers: int
    measured: Accuracy
    over_words: float | None
    over_words_interval: list[float | None]

    def as_json(self) -> dict[str, Any]:
        """Stable keys: name, numbers, those of `Accuracy`, over_words with its interval."""
        return {"name": self.name, "numbers": self.numbers, **self.measured.as_json(),
                "over_words": {"value": self.over_words, "interval": self.over_words_interval}}


def probe(train: Any, held_out: Any, features: Sequence[Features]) -> tuple[Probed, ...]:
    """Learn from train which side is chosen, and measure on pairs of other contexts.

    Each row of the table is a logistic regression on the difference of both sides' numbers, without an intercept, so
    that which side a card stands on says nothing. How strongly it is held back is chosen on train, by contexts held out
    there; so more numbers have no unfair advantage, and fewer none either.

    Args:
        train: Pairs to learn from: `prompt`, `chosen`, `rejected`, `context_id`, `chosen_id`, `rejected_id`.
        held_out: Pairs to measure on.
        features: Kinds of numbers.

    Returns:
        A row for each kind, then the words, then the length.

    Raises:
        InputError: If a card has no numbers, or kinds share a name.
        MissingExtraError: If scikit-learn is not installed.
    """
    seen, unseen = read_pairs(train), read_pairs(held_out)
    if not len(seen) or not len(unseen):
        raise InputError("there are no pairs to learn from, or none to measure on", hint="export more pairs")
    names = [each.name for each in features]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two kinds of numbers are called {name!r}", hint="give each a name of its own")
    kinds = [(each.name, *_differences(each, seen, unseen)) for each in features]
    words = ("words", *word_differences((seen.chosen, seen.rejected), (unseen.chosen, unseen.rejected)))
    reached = {name: _hits(one, other, seen) for name, one, other in (*kinds, words)}
    reached["length"] = by_length(seen, unseen)[1]
    sizes = {name: one.shape[1] for name, one, _ in (*kinds, words)} | {"length": 1}

    def over_words(name: str) -> tuple[float | None, list[float | None]]:
        if name == "words":
            return None, [None, None]
        return _difference(reached[name], reached["words"], unseen.contexts)

    return tuple(
        Probed(name, sizes[name], accuracy(found.tolist(), unseen.contexts), *over_words(name))
        for name, found in reached.items()
    )


def _differences(features: Features, seen: Pairs, unseen: Pairs) -> tuple[Reals, Reals]:
    """Chosen less rejected, in units of their spread in train, for both sets of pairs."""
    by_context = isinstance(next(iter(features.vectors), ""), tuple)
    missing: dict[Any, None] = {}

    def of(pairs: Pairs) -> Reals:
        made = []
        for context, *ends in zip(pairs.contexts, pairs.chosen_names, pairs.rejected_names, strict=True):
            keys = [(context, card) if by_context else card for card in ends]
            missing.update((key, None) for key in keys if key not in features.vectors)
            if not missing:
                made.append(np.asarray(features.vectors[keys[0]], float) - np.asarray(features.vectors[keys[1]], float))
        return np.array(made)

    one, other = of(seen), of(unseen)
    if missing:
        some = [" in ".join(reversed(key)) if isinstance(key, tuple) else str(key) for key in missing]
        told = ", ".join(some[:3]) + (", …" if len(some) > 3 else "")
        raise InputError(
            f"{features.name}: {len(some)} of the cards in pairs have no numbers ({told})",
            hint="give a row for each card, its id as in chosen_id and rejected_id", column="id", value=some[:3],
        )
    # A number that never differs (a dead dimension of an embedding) must not become noise.
    spread = np.sqrt((one**2).mean(axis=0)) + 1e-4
    return one / spread, other / spread


def _hits(seen: Sides, unseen: Sides, pairs: Pairs) -> Reals:
    """Whether the chosen side of each unseen pair is found; a tie is one half."""
    return hits(margins(seen, unseen, _strength(seen, pairs.contexts)))


def _strength(seen: Sides, contexts: Sequence[str]) -> float:
    """The inverse penalty with the least loss on contexts held out of train; the middle one if it has one context."""
    names = sorted(set(contexts))
    if len(names) < 2:
        return STRENGTHS[len(STRENGTHS) // 2]
    fold = {name: place % min(_INNER, len(names)) for place, name in enumerate(names)}
    at = np.array([fold[name] for name in contexts])

    def loss(strength: float) -> float:
        held_out = [margins(seen[at != part], seen[at == part], strength) for part in sorted(set(at.tolist()))]
        return float(np.logaddexp(0, -np.concatenate(held_out)).mean())

    return min(STRENGTHS, key=loss)


def _difference(found: Reals, others: Reals, contexts: Sequence[str]) -> tuple[float | None, list[float | None]]:
    """The mean difference on the same pairs, with Student's interval over whole contexts."""
    from scipy.stats import t

    apart = found - others
    mean = float(apart.mean())
    beyond: dict[str, float] = defaultdict(float)
    for each, context in zip(apart, contexts, strict=True):
        beyond[context] += float(each) - mean
    if len(beyond) < 2:
        return mean, [None, None]
    spread = len(beyond) / (len(beyond) - 1) * math.fsum(each**2 for each in beyond.values())
    half = float(t.ppf((1 + LEVEL) / 2, len(beyond) - 1)) * math.sqrt(spread) / len(apart)
    return mean, [max(-1.0, mean - half), min(1.0, mean + half)]
