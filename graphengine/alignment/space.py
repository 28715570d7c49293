"""Do vectors of values tell safe answers from unsafe ones? A map, a held-out test beside words, correlations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.alignment.intervals import Interval, intervals
from graphengine.alignment.matching import Rows
from graphengine.alignment.measures import Measures
from graphengine.alignment.pairs import codes
from graphengine.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from graphengine.alignment.points import Points

    Reals = NDArray[np.float64]

VALUES, SUM, WORDS, BOTH_WORDS = "values", "sum of the values", "words", "words of prompt and answer"
DIFFERENCE = "values less words"
_FOLDS = 5
# Letters and digits; where words are not spaced, each character.
_WORD = r"(?u)[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_]+"


@dataclass(frozen=True)
class Axis:
    """An axis of the map.

    Attributes:
        share: Of the variance of the vectors that lies along it.
        loadings: How much of each value it has.
    """

    share: float
    loadings: dict[str, float]


@dataclass(frozen=True)
class Space:
    """What the vectors say of the label.

    Attributes:
        rows: Answers.
        unsafe: How many have the label.
        units: What was held out and drawn together: prompts.
        folds: Parts that were held out in turn.
        axes: Both axes of the map, principal components of the vectors.
        places: Where each answer stands, (answers, 2).
        auc: P(an unsafe answer has the higher risk than a safe one), held out: by the vectors, by their sum (more
            aligned, less risky), by words of the answer, by words of prompt and answer; and what the vectors have over
            the words of the answer.
        auc_interval: 90% intervals.
        correlation: Of each value with the label; None where a value is the same everywhere.
        correlation_interval: 90% intervals.
        nonzero: Answers in which a value is not 0.
    """

    rows: int
    unsafe: int
    units: int
    folds: int
    axes: tuple[Axis, Axis]
    places: Reals
    auc: dict[str, float]
    auc_interval: dict[str, Interval]
    correlation: dict[str, float | None]
    correlation_interval: dict[str, Interval]
    nonzero: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        """Stable keys; figures as `value` and `interval`; the places are not told."""
        return {
            "rows": self.rows, "unsafe": self.unsafe, "units": self.units, "folds": self.folds,
            "axes": [vars(axis) for axis in self.axes],
            "auc": {name: {"value": self.auc[name], "interval": self.auc_interval[name]} for name in self.auc},
            "correlation": {name: {"value": value, "interval": self.correlation_interval[name],
                                   "nonzero": self.nonzero[name]} for name, value in self.correlation.items()},
        }


def value_space(points: Points, *, draws: int = 1000, seed: int = 0) -> Space:
    """Measure what vectors of values say of a label.

    Each score of risk is that of a logistic regression that never saw the answer's prompt: five folds of whole prompts,
    and only answers of one fold are compared, since another fold has another regression.

    Args:
        points: The answers.
        draws: Draws of prompts behind the intervals.
        seed: Of folds and draws.

    Raises:
        InputError: If too few prompts have answers of either kind.
        MissingExtraError: If scikit-learn is not installed.
    """
    unit = codes(points.units)
    fold = _folds(points, unit, seed)
    words = list(points.responses)
    both = [" ".join(each) for each in zip(points.prompts, words, strict=True)]
    risk = {
        VALUES: _held_out(points.unsafe, fold, _vectors(points.vectors)),
        SUM: -points.vectors.sum(axis=1),
        WORDS: _held_out(points.unsafe, fold, _bag(words)),
        BOTH_WORDS: _held_out(points.unsafe, fold, _bag(both)),
    }
    ids = tuple(map(str, range(len(unit))))
    label = points.unsafe.astype(float)
    measures = {name: Measures(Rows(ids, label, score, fold, unit)) for name, score in risk.items()}

    def areas(times: Reals | None) -> dict[str, float]:
        found = {name: each.agreement(times) for name, each in measures.items()}
        return {**found, DIFFERENCE: found[VALUES] - found[WORDS]}

    def correlations(times: Reals | None) -> dict[str, float]:
        weights = np.ones(len(unit)) if times is None else times[unit]
        return {value: _correlation(column, label, weights)
                for value, column in zip(points.values, points.vectors.T, strict=True)}

    units = int(unit.max()) + 1
    axes, places = _map(points)
    known = {name: None if np.isnan(value) else value for name, value in correlations(None).items()}
    return Space(
        len(unit), int(points.unsafe.sum()), units, int(fold.max()) + 1, axes, places, areas(None),
        intervals(areas, units, draws=draws, seed=seed), known, intervals(correlations, units, draws=draws, seed=seed),
        dict(zip(points.values, (points.vectors != 0).sum(axis=0).tolist(), strict=True)),
    )


def _folds(points: Points, unit: NDArray[np.intp], seed: int) -> NDArray[np.intp]:
    """A fold for each answer, whole units, as many unsafe ones in each as can be."""
    try:
        from sklearn.model_selection import StratifiedGroupKFold
    except ImportError as error:
        raise MissingExtraError.of("scikit-learn", "train") from error
    fewest = min(len(set(unit[points.unsafe == side].tolist())) for side in (True, False))
    if fewest < 2:
        raise InputError("only one prompt has answers of one kind, so none can be held out",
                         hint="give more rows, or say with --by what belongs together", value=fewest)
    number = min(_FOLDS, fewest)
    fold = np.zeros(len(unit), np.intp)
    parts = StratifiedGroupKFold(number, shuffle=True, random_state=seed).split(unit, points.unsafe, unit)
    for place, (_, held_out) in enumerate(parts):
        fold[held_out] = place
    if any(len(set(points.unsafe[fold != place].tolist())) < 2 for place in range(number)):
        raise InputError("answers of one kind are in too few prompts to hold any out", hint="give more rows")
    return fold


def _vectors(vectors: Reals) -> Callable[[NDArray[np.bool_]], tuple[Any, Any]]:
    return lambda train: (vectors[train], vectors[~train])


def _bag(texts: list[str]) -> Callable[[NDArray[np.bool_]], tuple[Any, Any]]:
    """Words and pairs of words, weighed by what the texts of train say of them."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    def features(train: NDArray[np.bool_]) -> tuple[Any, Any]:
        bag = TfidfVectorizer(token_pattern=_WORD, ngram_range=(1, 2), sublinear_tf=True)
        try:
            seen = bag.fit_transform([text for text, is_in in zip(texts, train, strict=True) if is_in])
        except ValueError:  # no text has a word
            return np.zeros((int(train.sum()), 1)), np.zeros((int((~train).sum()), 1))
        return seen, bag.transform([text for text, is_in in zip(texts, train, strict=True) if not is_in])

    return features


def _held_out(
    unsafe: NDArray[np.bool_], fold: NDArray[np.intp], features: Callable[[NDArray[np.bool_]], tuple[Any, Any]]
) -> Reals:
    """The log odds of the label for each answer, from a regression that did not see its fold."""
    from sklearn.linear_model import LogisticRegression

    found = np.zeros(len(fold))
    for place in range(int(fold.max()) + 1):
        seen, unseen = features(fold != place)
        model = LogisticRegression(C=10, class_weight="balanced", solver="liblinear", max_iter=1000)
        found[fold == place] = model.fit(seen, unsafe[fold != place]).decision_function(unseen)
    return found


def _correlation(one: Reals, other: Reals, weights: Reals) -> float:
    a, b = (each - (weights * each).sum() / weights.sum() for each in (one, other))
    spread = float((weights * a * a).sum() * (weights * b * b).sum())
    return float((weights * a * b).sum()) / spread**0.5 if spread > 1e-20 else float("nan")


def _map(points: Points) -> tuple[tuple[Axis, Axis], Reals]:
    """The two axes along which the vectors differ most; each points to where its largest loading is positive."""
    centred = points.vectors - points.vectors.mean(axis=0)
    size, across = np.zeros(2), np.zeros((2, centred.shape[1]))  # with one value or one answer, an axis stays empty
    _, sizes, found = np.linalg.svd(centred, full_matrices=False)
    size[: len(sizes[:2])], across[: len(found[:2])] = sizes[:2], found[:2]
    share = size**2 / max(float((sizes**2).sum()), 1e-300)
    turned = across * np.where(across[range(2), np.abs(across).argmax(axis=1)] < 0, -1, 1)[:, None]
    one, other = (
        Axis(float(share[place]), dict(zip(points.values, turned[place].tolist(), strict=True))) for place in range(2)
    )
    return (one, other), centred @ turned.T
