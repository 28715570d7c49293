"""How well the chosen side can be told without judging: what a reward model has to beat.

Each baseline learns from train and is measured on pairs that it has not seen. None of them sees the prompt, so what
they reach is a property of the texts: a reward model that does no better has learnt no value.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.preferences.audit.intervals import Accuracy, accuracy
from graphengine.preferences.audit.rules import by_length, hits, margins, word_differences
from graphengine.preferences.audit.texts import Pairs, read_pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

LENGTH, WORDS, TITLE, TITLE_WORDS = "length", "words", "title", "title words"


@dataclass(frozen=True)
class Baseline:
    """One baseline, measured.

    Attributes:
        name: `length`, `words`, `title`, `title words`.
        rule: What it does, in words.
        measured: Accuracy with its interval.
    """

    name: str
    rule: str
    measured: Accuracy

    def as_json(self) -> dict[str, Any]:
        """Stable keys: name, rule, and those of `Accuracy`."""
        return {"name": self.name, "rule": self.rule, **self.measured.as_json()}


def baselines(train: Any, held_out: Any) -> tuple[Baseline, ...]:
    """What baselines that never see the prompt reach on held-out pairs.

    - `length`: the longer text is chosen, or the shorter one, whichever is the case more often in train.
    - `words`: a logistic regression on the difference of both texts' words and pairs of words (TF-IDF).
    - `title`: the card that was chosen in the larger part of its pairs in train (the card by its id; by its title or
      text where there is none); one that train does not have counts one half.
    - `title words`: as `words`, but it sees the titles alone, whether the texts show them or not. Only where all titles
      are known: from the columns `chosen_title` and `rejected_title`, or since each text starts with one.

    Args:
        train: The pairs to learn from: `prompt`, `chosen`, `rejected` as messages or plain text, and `context_id`,
            `chosen_id`, `rejected_id`, `chosen_title`, `rejected_title` where they are known. A `pyarrow.Table`, a
            `datasets.Dataset`, or a mapping of lists.
        held_out: The pairs to measure on, in the same form.

    Raises:
        InputError: If a column is missing.
        MissingExtraError: If scikit-learn is not installed.

    Example:
        >>> pairs = {"prompt": ["a", "b"], "chosen": ["longer text", "long text"], "rejected": ["text", "text"]}
        >>> for each in baselines(pairs, pairs):
        ...     print(each.name, each.measured.accuracy)
        length 1.0
        words 1.0
        title 1.0
    """
    seen, unseen = read_pairs(train), read_pairs(held_out)
    found = [_length(seen, unseen), _words(seen, unseen), _title(seen, unseen)]
    if seen.titles and unseen.titles:
        by_titles = _by_words(seen.titles, unseen.titles)
        found.append(_baseline(TITLE_WORDS, "the words of the titles alone", by_titles, unseen))
    return tuple(found)


def _baseline(name: str, rule: str, found: Sequence[float], pairs: Pairs) -> Baseline:
    return Baseline(name, rule, accuracy(found, pairs.contexts))


def _length(seen: Pairs, unseen: Pairs) -> Baseline:
    which, found = by_length(seen, unseen)
    return _baseline(LENGTH, f"the {which} text is chosen", found.tolist(), unseen)


def _words(seen: Pairs, unseen: Pairs) -> Baseline:
    found = _by_words((seen.chosen, seen.rejected), (unseen.chosen, unseen.rejected))
    return _baseline(WORDS, "a bag of words of both texts, without the prompt", found, unseen)


def _title(seen: Pairs, unseen: Pairs) -> Baseline:
    chosen, rejected = Counter(seen.chosen_names), Counter(seen.rejected_names)

    def popularity(name: str) -> float:
        return (chosen[name] + 1) / (chosen[name] + rejected[name] + 2)

    apart = [
        popularity(one) - popularity(other)
        for one, other in zip(unseen.chosen_names, unseen.rejected_names, strict=True)
    ]
    return _baseline(TITLE, "the card that was chosen more often in train", hits(np.array(apart)).tolist(), unseen)


def _by_words(seen: tuple[list[str], list[str]], unseen: tuple[list[str], list[str]]) -> list[float]:
    """Whether a linear model of words finds the chosen side of unseen pairs, for each of them."""
    if not seen[0] or not unseen[0]:
        return [0.5] * len(unseen[0])
    return hits(margins(*word_differences(seen, unseen), strength=10)).tolist()
