"""A value distance among the `rewards` of a recipe: target, evaluator, distance and coverage by name.

```yaml
rewards:
  value-distance:
    target: security              # a preset, or a .toml or .json file
    evaluator: runs/evaluator     # a folder, a file of labels, MODEL@http://host/v1, module:function, file.py:function
    distance: weighted
    coverage: 0.3                 # share of the values that count on which an answer must say something
    coverage_weight: 2            # times the share that is lacking is what it costs
    weight: 1
```

A second one needs a name of its own that begins alike, such as `value-distance to UK`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphengine.errors import TrainingError
from graphengine.schwartz.names import did_you_mean
from graphengine.schwartz.reward import ValueReward

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "value-distance"
"""How the name of such a reward begins."""
_NUMBERS: dict[str, float] = {"coverage": 0.0, "coverage_weight": 1.0, "weight": 1.0}
_TEXTS = {"target": "", "evaluator": "", "distance": "weighted"}


@dataclass(frozen=True)
class ValueDistanceSpec:
    """What a recipe says of a value distance.

    Attributes:
        target: A preset, or a file.
        evaluator: As `load_evaluator` takes it.
        distance: One of `graphengine.schwartz.distance.DISTANCES`.
        coverage: Share of the values that count on which an answer must say something.
        coverage_weight: Times the share that is lacking is what it costs.
        weight: Of this reward beside others.
    """

    target: str
    evaluator: str
    distance: str
    coverage: float
    coverage_weight: float
    weight: float

    @classmethod
    def of(cls, name: str, given: Mapping[str, Any]) -> ValueDistanceSpec:
        """From the table of a recipe.

        Raises:
            TrainingError: If the name does not begin with `value-distance`, a key is unknown or has the wrong type,
                or target or evaluator is missing.

        Example:
            >>> ValueDistanceSpec.of("value-distance", {"target": "UK", "evaluator": "runs/evaluator"}).distance
            'weighted'
        """
        def wrong(told: str, hint: str) -> TrainingError:
            return TrainingError(f"rewards: {name}{told}", hint=hint, key="rewards", value=name)

        if not name.startswith(NAME):
            raise wrong(" has settings of its own, as only a value distance has",
                        f"name it {NAME}, or give a weight alone")
        for key, value in given.items():
            if key not in {**_NUMBERS, **_TEXTS}:
                raise wrong(f": there is no setting {key}", did_you_mean(key, [*_TEXTS, *_NUMBERS]))
            fits = isinstance(value, int | float) and not isinstance(value, bool)
            if not (fits if key in _NUMBERS else isinstance(value, str)):
                raise wrong(f": {key} is {value!r}, and must be {'a number' if key in _NUMBERS else 'text'}",
                            f"give {key} another value")
        for key in ("target", "evaluator"):
            if not given.get(key):
                raise wrong(f" names no {key}", "give target: a preset or a file; evaluator: a folder of "
                            "train-evaluator, a file of labels, an endpoint, or a function")
        return cls(**{**_TEXTS, **_NUMBERS, **given})


def open_value_distance(spec: ValueDistanceSpec) -> ValueReward:
    """The reward that a recipe describes: `reward(rows, completions)`.

    Raises:
        InputError: If there is no such target, evaluator or distance, or target and evaluator have different systems.
    """
    from graphengine.schwartz.reward import scores_of
    from graphengine.schwartz.target_files import load_target
    from graphengine.training.evaluators import load_evaluator

    target = load_target(spec.target)
    evaluator = load_evaluator(spec.evaluator, target.system)
    scores_of(evaluator, [], target)  # a target in another system is refused before anything is sampled
    return ValueReward(target, evaluator, spec.distance, spec.coverage, spec.coverage_weight)
