"""From a moral graph to targets: the cards of a context, weighted by P(top), and what becomes of several targets.

- Each card has a vector (hand labels, an evaluator, a language model).
- A context's target is Σ P(top) v over its cards: the vector that the wisest card is expected to have. Its `errors` are
  √(Σ P(top) (v - target)²), how far the wisest card may be from it as long as nobody knows which one it is. They are no
  sampling errors of people: P(top) has these in it.
- A value on which no card of the context says anything has weight 0.
- Several targets are merged by named weights a: the number of a value is Σ a w t / Σ a w, over those that ask about it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from graphengine.errors import InputError
from graphengine.schwartz.distance import SPEAKS, ValueDistance
from graphengine.schwartz.target import ASKED, Conflict, Target, conflicts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphengine.schwartz.reward import Evaluator
    from graphengine.schwartz.scores import Scores

COMPARED = ("l1", "l2", "cosine", "spearman")
"""The distances between two targets: those that need no weights of either."""


@dataclass(frozen=True)
class CardVectors:
    """What cards say about values.

    Attributes:
        vectors: By id of the card, from -1 to 1 in the order of the system.
        system: The system of values.
        evaluator: Who says so.
    """

    vectors: Mapping[str, tuple[float, ...]]
    system: str
    evaluator: str

    @classmethod
    def of_scores(cls, scores: Scores, evaluator: str) -> CardVectors:
        """Vectors from a table of scores whose `id` is the card's.

        Raises:
            InputError: If a card is there twice.
        """
        for name, times in Counter(scores.ids).items():
            if times > 1:
                raise InputError(f"{evaluator}: the card {name!r} is there twice", hint="one row for each card",
                                 value=name)
        made = {name: tuple(row) for name, row in zip(scores.ids, scores.matrix.tolist(), strict=True)}
        return cls(made, scores.system.ref, evaluator)

    @classmethod
    def by(cls, evaluator: Evaluator, texts: Mapping[str, str]) -> CardVectors:
        """Vectors that an evaluator gives to the texts of cards.

        Args:
            evaluator: Reads each text as an answer to nothing.
            texts: By id of the card.

        Raises:
            ModelError: If it gives something that is no score.
        """
        from graphengine.schwartz.reward import scores_of

        made = scores_of(evaluator, [("", text) for text in texts.values()])
        return cls(dict(zip(texts, map(tuple, made.tolist()), strict=True)), evaluator.system, evaluator.name)


class Part(NamedTuple):
    """A card's part in a target.

    Attributes:
        card_id: The card.
        p_top: Its P(top), over those that have a vector.
        vector: What it says about values.
    """

    card_id: str
    p_top: float
    vector: tuple[float, ...]


@dataclass(frozen=True)
class Drawn:
    """A target that was drawn from cards.

    Attributes:
        target: The target.
        contexts: Ids of the contexts that it came from.
        parts: Its cards, the likeliest first; none where it pools several contexts.
        left_out: P(top) of the cards without a vector.
        evaluator: Who read the cards.
    """

    target: Target
    contexts: tuple[str, ...]
    parts: tuple[Part, ...]
    left_out: float
    evaluator: str


def context_target(
    name: str, context_id: str, places: Sequence[tuple[str, float]], vectors: CardVectors, *, provenance: str = ""
) -> Drawn:
    """The target of one context.

    Args:
        name: What the target is called.
        context_id: The context.
        places: (card, P(top)).
        vectors: Of the cards.
        provenance: Where P(top) comes from.

    Raises:
        InputError: If no card that may be the wisest has a vector.

    Example:
        >>> both = CardVectors({"a": (1.0, 0.0, 0.0), "b": (0.0, 0.5, 0.0)}, "hhh", "labels")
        >>> drawn = context_target("When lost", "c", [("a", 0.75), ("b", 0.25)], both)
        >>> drawn.target.vector, drawn.target.weights
        ((0.75, 0.125, 0.0), (1.0, 1.0, 0.0))
        >>> [round(each, 3) for each in drawn.target.errors]
        [0.433, 0.217, 0.0]
    """
    import numpy as np

    known = [(card, p_top) for card, p_top in places if card in vectors.vectors]
    covered = sum(p_top for _, p_top in known)
    whole = sum(p_top for _, p_top in places)
    if covered <= 0:
        raise InputError(f"no card that may be the wisest in {name!r} has a vector",
                         hint="give one for each card: id and a number for each value", value=context_id)
    p = np.array([p_top for _, p_top in known]) / covered
    matrix = np.array([vectors.vectors[card] for card, _ in known], dtype=float)
    mean = p @ matrix
    spread = np.sqrt(p @ (matrix - mean) ** 2)
    says = (np.abs(matrix) > 0).any(axis=0)
    if not says.any():
        raise InputError(f"the cards of {name!r} say nothing about any value", hint="see their vectors",
                         value=context_id)
    target = Target(
        name=name, vector=tuple(np.clip(mean, -1, 1).tolist()), system=vectors.system, kind="moral-graph",
        weights=tuple(says.astype(float).tolist()), errors=tuple(spread.tolist()),
        provenance=f"cards weighted by P(top){provenance}; read by {vectors.evaluator}",
        note="errors: how far the wisest card may be from the mean, since it is not known for sure which one it is",
    )
    parts = [Part(card, float(share), vectors.vectors[card])
             for (card, _), share in sorted(zip(known, p, strict=True), key=lambda each: (-each[1], each[0][0]))]
    return Drawn(target, (context_id,), tuple(parts), float(1 - covered / whole), vectors.evaluator)


def merge(name: str, weighted: Mapping[str, tuple[Target, float]], *, kind: str = "human-defined") -> Target:
    """One target of several.

    Args:
        name: What it is called.
        weighted: Each target with its weight, by a name for it.
        kind: Whom it speaks for.

    Raises:
        InputError: If there is none, they have different systems, or a weight is not above 0.

    Example:
        >>> kind, safe = Target.of("kind", {"benevolence": 1}), Target.of("safe", {"security": 1, "benevolence": 0.5})
        >>> both = merge("both", {"kind": (kind, 1), "safe": (safe, 3)})
        >>> round(both.vector[8], 3), both.vector[5], both.weights[5]
        (0.625, 1.0, 0.75)
    """
    import numpy as np

    if not weighted:
        raise InputError("there is nothing to merge", hint="name targets and weights: UK=1 mine.toml=2")
    first = next(iter(weighted.values()))[0]
    for named, (target, weight) in weighted.items():
        if target.values.ids != first.values.ids:
            raise InputError(f"target {named} is in {target.values.name}, and {first.name} is in {first.values.name}",
                             hint="merge targets of one system of values", value=named)
        if not (np.isfinite(weight) and weight > 0):
            raise InputError(f"the weight of {named} is {weight:g}", hint="weights are above 0; leave the target out",
                             value=weight)
    a = np.array([weight for _, weight in weighted.values()], dtype=float)
    a /= a.sum()
    w = np.stack([target.weight_array for target, _ in weighted.values()])
    t = np.stack([target.array for target, _ in weighted.values()])
    share = a[:, None] * w
    total = share.sum(axis=0)
    share = np.divide(share, total, out=np.zeros_like(share), where=total > 0)
    errors = None
    if all(target.errors is not None for target, _ in weighted.values()):
        e = np.stack([np.asarray(target.errors, dtype=float) for target, _ in weighted.values()])
        errors = tuple(np.sqrt((share**2 * e**2).sum(axis=0)).tolist())
    mappings = {target.mapping for target, _ in weighted.values()}
    licences = dict.fromkeys(target.licence for target, _ in weighted.values() if target.licence)
    told = ", ".join(f"{part:.3g} {named}" for named, part in zip(weighted, a, strict=True))
    return Target(
        name=name, vector=tuple((share * t).sum(axis=0).tolist()), system=first.system, kind=kind,
        weights=tuple(total.tolist()), errors=errors, mapping=mappings.pop() if len(mappings) == 1 else None,
        licence="; ".join(licences), provenance=f"merged: {told}" if len(weighted) <= 12 else
        f"merged from {len(weighted)} targets",
    )


def pool(name: str, drawn: Sequence[Drawn]) -> Drawn:
    """The target of a population: that of its contexts together, each with the same weight.

    Raises:
        InputError: If there is none.
    """
    whole = merge(name, {each.target.name: (each.target, 1.0) for each in drawn}, kind="moral-graph")
    return Drawn(whole, tuple(context for each in drawn for context in each.contexts), (),
                 sum(each.left_out for each in drawn) / len(drawn), drawn[0].evaluator)


class Clash(NamedTuple):
    """A value, or two opposite ones, on which two targets pull apart.

    Attributes:
        value: The value as the first target sees it.
        other_value: The same, or the one across the circle, that the second asks for.
        number: Of the first target.
        other_number: Of the second.
    """

    value: str
    other_value: str
    number: float
    other_number: float


@dataclass(frozen=True)
class Compared:
    """Two targets side by side.

    Attributes:
        first: Name of one.
        second: Name of the other.
        distances: By name of the distance; None where it is not defined.
        differences: First less second, by value.
        clashes: Where one wants what the other opposes, and where they ask for opposite values.
        inner: Opposite values that one of the targets asks for at once, by name of the target.
    """

    first: str
    second: str
    distances: dict[str, float | None]
    differences: dict[str, float]
    clashes: tuple[Clash, ...]
    inner: dict[str, list[Conflict]]

    def as_json(self) -> dict[str, Any]:
        """With plain rows."""
        return {
            "first": self.first, "second": self.second, "distances": self.distances, "differences": self.differences,
            "clashes": [each._asdict() for each in self.clashes],
            "inner": {name: [each._asdict() for each in found] for name, found in self.inner.items()},
        }


def compare(first: Target, second: Target, *, least: float = ASKED, speaks: float = SPEAKS) -> Compared:
    """Compare two targets of one system of values. What a target does not ask about counts as 0.

    Args:
        first: One.
        second: The other.
        least: From which number on a target asks for a value.
        speaks: From which size on a number has a sign that counts.

    Raises:
        InputError: If they have different systems.

    Example:
        >>> found = compare(Target.of("a", {"power": 1}), Target.of("b", {"benevolence": 1, "power": -1}))
        >>> found.distances["l1"]
        3.0
        >>> [(each.value, each.other_value) for each in found.clashes]
        [('power', 'power'), ('power', 'benevolence')]
    """
    if first.values.ids != second.values.ids:
        raise InputError(f"target {first.name} is in {first.values.name}, and {second.name} is in {second.values.name}",
                         hint="compare targets of one system of values")
    ids, t, u = first.values.ids, first.array * (first.weight_array > 0), second.array * (second.weight_array > 0)
    defined = {"cosine": bool(t.any() and u.any()), "spearman": len(set(t.tolist())) > 1 and len(set(u.tolist())) > 1}
    far = {name: ValueDistance(t, first.weight_array, name) for name in COMPARED}
    distances = {name: float(each.distance(u)) if defined.get(name, True) else None for name, each in far.items()}
    clashes = [Clash(ids[i], ids[i], float(t[i]), float(u[i])) for i in range(len(ids))
               if t[i] * u[i] < 0 and min(abs(t[i]), abs(u[i])) > speaks]
    clashes += [Clash(ids[i], ids[j], float(t[i]), float(u[j])) for one, other in first.values.opposed
                for i, j in ((one, other), (other, one)) if min(t[i], u[j]) >= least]
    return Compared(
        first.name, second.name, distances, dict(zip(ids, (t - u).tolist(), strict=True)), tuple(clashes),
        {each.name: conflicts(each, least) for each in (first, second)},
    )


def named_weights(told: Sequence[str]) -> dict[str, float]:
    """`NAME=WEIGHT` as a dictionary; a weight that is left out is 1.

    Example:
        >>> named_weights(["UK=2", "context"])
        {'UK': 2.0, 'context': 1.0}
    """
    made: dict[str, float] = {}
    for each in told:
        name, _, number = each.rpartition("=") if "=" in each else (each, "", "1")
        if name in made:
            raise InputError(f"{name!r} is there twice", hint="give it one weight", value=name)
        try:
            made[name] = float(number)
        except ValueError:
            raise InputError(f"{each!r} is no NAME=WEIGHT", hint="a name, =, and a number", value=each) from None
    return made
