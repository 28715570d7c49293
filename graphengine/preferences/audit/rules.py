"""Rules that are learnt from train and find the chosen side of other pairs: the longer text, a weighted sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.errors import MissingExtraError
from graphengine.preferences.audit.texts import words_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from graphengine.preferences.audit.texts import Pairs

    Reals = NDArray[np.float64]
    Sides: TypeAlias = Any  # (pairs, numbers), chosen less rejected: dense, or sparse


def hits(margins: Reals) -> Reals:
    """1 where the chosen side is ahead, 0 where the other one is, a half for a tie.

    Example:
        >>> hits(np.array([2.0, 0.0, -1.0])).tolist()
        [1.0, 0.5, 0.0]
    """
    return np.where(margins == 0, 0.5, margins > 0)


def by_length(seen: Pairs, unseen: Pairs) -> tuple[str, Reals]:
    """`longer`, or `shorter` where the chosen side is that more often in train; and the hits in unseen pairs."""
    def longer(pairs: Pairs) -> Reals:
        return hits(np.array([len(one) - len(other) for one, other in zip(pairs.chosen, pairs.rejected, strict=True)]))

    before, found = longer(seen), longer(unseen)
    return ("shorter", 1 - found) if before.sum() < len(before) / 2 else ("longer", found)


def word_differences(
    seen: tuple[Sequence[str], Sequence[str]], unseen: tuple[Sequence[str], Sequence[str]]
) -> tuple[Sides, Sides]:
    """Differences of TF-IDF weights of words and pairs of words, which are a little stronger than words alone.

    Args:
        seen: The chosen and the rejected texts of train, at least one of each; words that they lack don't count.
        unseen: Those of other pairs, at least one.

    Raises:
        MissingExtraError: If scikit-learn is not installed.
    """
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError as error:
        raise MissingExtraError.of("scikit-learn", "train") from error
    chosen, rejected, one, other = ([" ".join(words_of(text)) for text in side] for side in (*seen, *unseen))
    word = r"\S+"
    bag: Any = TfidfVectorizer(token_pattern=word, ngram_range=(1, 2), sublinear_tf=True)
    bag.fit([*chosen, *rejected] if any(chosen + rejected) else ["."])  # a vocabulary may not be empty
    return bag.transform(chosen) - bag.transform(rejected), bag.transform(one) - bag.transform(other)


def margins(seen: Sides, unseen: Sides, strength: float) -> Reals:
    """How far the chosen side of unseen pairs is ahead by a logistic regression on the differences of train.

    Each pair is there both ways round and there is no intercept: which side a text stands on says nothing.

    Args:
        seen: Differences in train.
        unseen: Differences in other pairs.
        strength: The inverse penalty.
    """
    from scipy.sparse import issparse, vstack
    from sklearn.linear_model import LogisticRegression

    both = vstack([seen, -seen]) if issparse(seen) else np.vstack([seen, -seen])
    model = LogisticRegression(C=strength, fit_intercept=False, solver="liblinear", max_iter=1000)
    model.fit(both, np.repeat([1, 0], seen.shape[0]))
    return np.asarray(unseen @ model.coef_[0], float)
