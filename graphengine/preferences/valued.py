"""Pairs of cards with what the graph and a value target say of them: the kind `cards`, with columns more.

A card's distance to a target is that of its vector. The target's margin is the distance of the rejected card less that
of the chosen one: above 0 where the target would choose the same card. The order of a pair stays the graph's. Where the
wanted margin is not above 0, the pair is left out and counted: a pair is never there in both directions.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.errors import ExportError, InputError
from graphengine.preferences.kinds import Rows
from graphengine.preferences.pairs import CARDS, PAIRS, preference_pairs
from graphengine.schwartz.distance import distance_to
from graphengine.schwartz.target import warning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from graphengine.preferences.form import Form
    from graphengine.preferences.source import Source
    from graphengine.schwartz.bridge import CardVectors
    from graphengine.schwartz.target import Target

MARGINS = ("graph", "target", "both")
"""Whose margin stands in `margin`."""

VALUED = pa.schema([
    *PAIRS,
    ("target", pa.string()),
    ("target_distance_chosen", pa.float64()),
    ("target_distance_rejected", pa.float64()),
    ("target_margin", pa.float64()),
    ("graph_margin", pa.float64()),
    ("target_agrees", pa.bool_()),
])
"""The columns of the kind `cards` with value targets."""

NO_VECTOR = "a card has no vector"
NO_TARGET = "the context has no target"
_SHUFFLES = 100
_LISTED = ("pair_id", "context_id", "chosen_id", "rejected_id", "target", "graph_margin", "target_margin")
DISAGREE = "the target does not prefer the chosen card"

KIND = replace(
    CARDS,
    about=CARDS.about + " Beside it stands how far each of the two cards is from a value target.",
    columns=(
        *((name, what) if name != "margin" else
          (name, "graph_margin, target_margin, or the sum of both, as the manifest says under `margin_from`")
          for name, what in CARDS.columns),
        ("target", "the value target"),
        ("target_distance_chosen, target_distance_rejected", "how far each card's vector is from it"),
        ("target_margin", "distance of the rejected card less distance of the chosen one: above 0 where the target "
                          "would choose the same card"),
        ("graph_margin", "E[θ_chosen - θ_rejected], in log odds of an answer"),
        ("target_agrees", "whether target_margin is above 0; null where both cards are equally far"),
    ),
)


@dataclass(frozen=True)
class Valuing:
    """How pairs are valued.

    Attributes:
        vectors: Of the cards.
        targets: The target of each context by its id, or one for all under "".
        margin: Whose margin counts: `graph`, `target` or `both` (their sum).
        scale: By what the target's margin is multiplied in the sum, since log odds and distances share no unit.
        distance: One of `graphengine.schwartz.distance.DISTANCES`.
    """

    vectors: CardVectors
    targets: Mapping[str, Target]
    margin: str = "graph"
    scale: float = 1.0
    distance: str = "weighted"

    def __post_init__(self) -> None:
        from graphengine.schwartz.names import did_you_mean
        from graphengine.schwartz.system import load_system

        if self.margin not in MARGINS:
            raise InputError(f"{self.margin!r} is no margin", hint=did_you_mean(self.margin, MARGINS))
        if not 0 < self.scale < float("inf"):
            raise InputError(f"the scale of the target's margin is {self.scale}", hint="it must be above 0")
        ids = load_system(self.vectors.system).ids
        for target in self.targets.values():
            if target.values.ids != ids:
                raise InputError(f"target {target.name} is in {target.values.name}, and the cards' vectors are in "
                                 f"{self.vectors.system}", hint="take a target in the system of the vectors")

    def warnings(self) -> list[str]:
        """What to know of the targets: which of them ask for both poles of the circle."""
        told = {id(target): warning(target) for target in self.targets.values()}
        return [each for each in told.values() if each]


def valued_rows(source: Source, valuing: Valuing, form: Form) -> Rows:
    """The pairs of a graph with their distances to a target.

    Args:
        source: The graph.
        valuing: How.
        form: Which pairs, and how cards are shown.

    Raises:
        ExportError: If no pair has vectors and a target.
        InputError: If the distance is unknown.
    """
    pairs, left_out = preference_pairs(source, **form.of_pairs())
    left = Counter(left_out)
    far = {context: distance_to(target, valuing.distance) for context, target in valuing.targets.items()}
    rows: list[dict[str, Any]] = []
    disagreeing: list[dict[str, Any]] = []
    asked: list[tuple[str, str, str]] = []
    for row in pairs.to_pylist():
        context = row["context_id"] if row["context_id"] in far else ""
        both = [valuing.vectors.vectors.get(row[side]) for side in ("chosen_id", "rejected_id")]
        if context not in far or None in both:
            left[NO_VECTOR if context in far else NO_TARGET] += 1
            continue
        made = _valued(row, valuing.targets[context].name, _distances(far[context], both))
        asked.append((context, row["chosen_id"], row["rejected_id"]))
        if made["target_agrees"] is False:
            disagreeing.append({name: made[name] for name in _LISTED})
        made["margin"] = _margin(made, valuing)
        if made["margin"] <= 0 and valuing.margin != "graph":
            left[DISAGREE] += 1
        else:
            rows.append(made)
    if not asked:
        raise ExportError("no pair has a target and vectors of both cards",
                          hint="vectors are known by the ids of canonical cards: graphengine query cards lists them")
    disagreeing.sort(key=lambda each: (each["target_margin"], each["pair_id"]))
    chance = _by_chance(far, valuing.vectors, asked)
    facts = {
        "margin_from": valuing.margin, "scale": valuing.scale, "distance": valuing.distance,
        "vectors": valuing.vectors.evaluator, "valued_pairs": len(asked), "disagreeing_pairs": disagreeing,
        "disagreeing_by_chance": chance,
        "targets": {context: target.as_json() for context, target in sorted(valuing.targets.items())},
        "warnings": valuing.warnings(),
    }
    notes = (*valuing.warnings(), f"graph and target disagree on {len(disagreeing)} of {len(asked)} pairs; with the "
             f"vectors shuffled among the cards they would on {chance:.1f}")
    return Rows(KIND, pa.Table.from_pylist(rows, schema=VALUED), dict(sorted(left.items())), notes, facts)


def _by_chance(far: Mapping[str, Any], vectors: CardVectors, asked: Sequence[tuple[str, str, str]]) -> float:
    """On how many pairs they would disagree if the cards' vectors were shuffled, mean of some shuffles."""
    import numpy as np

    rng = np.random.default_rng(0)
    cards = {card: place for place, card in enumerate(sorted({card for _, *both in asked for card in both}))}
    matrix = np.array([vectors.vectors[card] for card in cards], dtype=float)
    disagree = 0
    for _ in range(_SHUFFLES):
        shuffled = matrix[rng.permutation(len(cards))]
        distances = {context: each.distance(shuffled) for context, each in far.items()}
        disagree += sum(bool(distances[context][cards[other]] - distances[context][cards[chosen]] <= -1e-12)
                        for context, chosen, other in asked)
    return disagree / _SHUFFLES


def _distances(far: Any, both: list[Any]) -> np.ndarray:
    return far.distance(far.array(both))


def _valued(row: dict[str, Any], target: str, distances: np.ndarray) -> dict[str, Any]:
    chosen, rejected = distances.tolist()
    margin = rejected - chosen
    return {
        **row, "target": target, "target_distance_chosen": chosen, "target_distance_rejected": rejected,
        "target_margin": margin, "graph_margin": row["margin"],
        "target_agrees": None if abs(margin) < 1e-12 else margin > 0,
    }


def _margin(row: dict[str, Any], valuing: Valuing) -> float:
    parts = {"graph": row["graph_margin"], "target": row["target_margin"]}
    if valuing.margin == "both":
        return parts["graph"] + valuing.scale * parts["target"]
    return parts[valuing.margin]
