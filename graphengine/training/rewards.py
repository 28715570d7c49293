"""What a policy is rewarded for: reward models and Python functions, several of them with weights, as one callable.

A reward is a callable `reward(rows, completions) -> list of float`: one number for each text. `rows` are rows of the
dataset (dicts with all columns), one for each text, so that a reward may look at the prompt and at the target columns.
`load_rewards` makes one from the `rewards` of a recipe:

```yaml
rewards:
  runs/reward/model: 1.0              # a folder of a reward model
  mine.py:distance: -0.5              # a function of a file of yours: minus a distance, by its weight
  mypackage.values:politeness: 0.1    # a function of an installed module
  value-distance:                     # minus the distance to a value target: see `value_distance`
    target: UK
    evaluator: runs/evaluator
    coverage: 0.3
```
"""

from __future__ import annotations

import importlib
import importlib.util
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Row = dict[str, Any]
Reward = Callable[[list[Row], list[str]], list[float]]
Weights = dict[str, float | dict[str, float | str]]
"""The rewards of a recipe: a weight for each, or the settings of a value distance."""


@dataclass(frozen=True)
class Rewards:
    """Several rewards with weights, as one.

    Attributes:
        parts: By a short name: the weight, and the reward.

    Example:
        >>> shout = lambda rows, texts: [float(text.isupper()) for text in texts]
        >>> length = lambda rows, texts: [float(len(text)) for text in texts]
        >>> both = Rewards({"shout": (1.0, shout), "length": (-0.1, length)})
        >>> both([{}, {}], ["HELLO", "hi"])
        [0.5, -0.2]
    """

    parts: dict[str, tuple[float, Reward]]

    def __call__(self, rows: list[Row], completions: list[str]) -> list[float]:
        """The weighted sum for each text."""
        return self.weighted(self.each(rows, completions))

    def each(self, rows: list[Row], completions: list[str]) -> dict[str, list[float]]:
        """What every part says of each text, without its weight.

        Raises:
            TrainingError: If a part gives too few or too many numbers, or something that is no finite number.
        """
        return {name: _checked(reward(rows, completions), name, len(completions))
                for name, (_, reward) in self.parts.items()}

    def weighted(self, each: Mapping[str, Sequence[float]]) -> list[float]:
        """The weighted sum of what `each` gave."""
        weights = [weight for weight, _ in self.parts.values()]
        return [sum(w * value for w, value in zip(weights, values, strict=True))
                for values in zip(*each.values(), strict=True)]


def load_rewards(
    spec: Mapping[str, Any],
    *,
    functions: Mapping[str, Reward] | None = None,
    device: str = "cpu",
    batch_size: int = 16,
    dtype: Any = None,
) -> Rewards:
    """The rewards that a recipe names.

    Args:
        spec: Weights by what each belongs to: a folder of a reward model, `module:function` or `file.py:function`; or
            the settings of a value distance.
        functions: Callables of a Python program, by names that the spec may use.
        device: Where reward models run.
        batch_size: Texts that a reward model reads at once.
        dtype: Of the weights of reward models; None for the one they were saved in.

    Raises:
        TrainingError: If there is no such folder, module or function.
    """
    parts: dict[str, tuple[float, Reward]] = {}
    reward: Reward
    for name, weight in spec.items():
        if not isinstance(weight, int | float):
            from graphengine.training.value_distance import ValueDistanceSpec, open_value_distance

            told = ValueDistanceSpec.of(name, weight)
            weight, reward = told.weight, open_value_distance(told)  # noqa: PLW2901
        elif functions and name in functions:
            reward = functions[name]
        elif is_model(name):
            from graphengine.training.scoring import RewardModel

            reward = RewardModel(Path(name), device=device, batch_size=batch_size, dtype=dtype)
        else:
            reward = load_function(name)
        parts[_short(name, spec)] = (weight, reward)
    return Rewards(parts)


def is_model(name: str) -> bool:
    """Whether a name of `rewards` is a folder of a reward model, not a function."""
    return (Path(name) / "config.json").is_file()


def as_trl(reward: Reward, name: str = "reward") -> Callable[..., list[float]]:
    """A reward in the form that TRL's GRPO and RLOO trainers take.

    Args:
        reward: Ours.
        name: What the trainer's metrics call it.

    Returns:
        A function of `prompts`, `completions` and every other column of the dataset. It raises a TrainingError where
        the reward gives no finite number for a text, which TRL would leave out of the sum without a word.
    """

    def scored(prompts: list[Any], completions: list[Any], **columns: Any) -> list[float]:
        of_rows = {key: values for key, values in columns.items()
                   if key != "completion_ids" and isinstance(values, list) and len(values) == len(prompts)}
        rows = [{"prompt": prompt, **{key: values[i] for key, values in of_rows.items()}}
                for i, prompt in enumerate(prompts)]
        texts = [text if isinstance(text, str) else text[-1]["content"] for text in completions]
        return _checked(reward(rows, texts), name, len(texts))

    scored.__name__ = name
    return scored


def _checked(values: Any, name: str, number: int) -> list[float]:
    told = list(values)
    found = [_finite(value) for value in told]
    if len(told) != number or None in found:
        what = f"{len(told)} numbers for {number} texts"
        if len(told) == number:
            what = f"{told[found.index(None)]!r} for a text"
        raise TrainingError(
            f"the reward {name} gave {what}", hint="a reward gives one finite number for each text", key="rewards",
            value=name,
        )
    return [value for value in found if value is not None]


def _finite(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def _short(name: str, spec: Mapping[str, Any]) -> str:
    """The last word that tells a reward from the others."""

    def word(whole: str) -> str:
        if ":" in whole and not is_model(whole):
            return whole.rpartition(":")[2]
        path = Path(whole).resolve()
        return path.parent.name if path.name == "model" else path.name

    return word(name) if [word(other) for other in spec].count(word(name)) == 1 else name


def load_function(name: str, what: str = "rewards") -> Callable[..., Any]:
    """A function by its name, `module:function` or `file.py:function`.

    Args:
        name: Its name.
        what: The setting that names it, for errors.

    Raises:
        TrainingError: If there is none.
    """
    module, colon, function = name.rpartition(":")
    if not colon:
        raise TrainingError(
            f"{what}: {name} is no folder of a model",
            hint="give the model folder of a run of `train reward`, or module:function, or file.py:function",
            key=what, value=name,
        )
    try:
        found: Any = getattr(_module(module), function)
    except (ImportError, AttributeError, FileNotFoundError) as error:
        raise TrainingError(
            f"{what}: {name} can't be loaded: {error}", hint="give module:function, or file.py:function",
            key=what, value=name,
        ) from error
    if not callable(found):
        raise TrainingError(f"{what}: {name} is no function", hint="give the name of a function", key=what,
                            value=name)
    return found


def _module(name: str) -> Any:
    if not name.endswith(".py"):
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(Path(name).stem, name)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
