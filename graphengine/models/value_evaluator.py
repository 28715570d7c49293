"""A trained evaluator: reads from an answer how likely it opposes or aligns with each value of a system.

A folder that `graphengine schwartz train-evaluator` wrote:

```
evaluator.json   the values with their definitions, how the readers are mixed, the temperature
system.toml      the system of values, if it came from a file
linear/          words, pieces of words and a frozen encoder, if there is one
network/         an encoder trained with the definitions, if there is one
```
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.models.value_linear import LinearReader

FILE, SYSTEM, LINEAR, NETWORK = "evaluator.json", "system.toml", "linear", "network"
_FORMAT = "graphengine-value-evaluator"


@dataclass
class ValueEvaluator:
    """Reads values from answers.

    Attributes:
        system: Name or file of the system of values.
        ids: The values.
        definitions: What each means; the network reads them.
        linear: The linear reader; None where there is none.
        network: The network; None where there is none.
        share: What the network's logits count beside the linear reader's, 0 to 1.
        temperature: Logits are divided by it.
        temperature_of_one: The same where values compete for an answer (`one_of_many`).
        band: Cells whose two likeliest sides are closer than this are left open by `decide`.
        name: For people.
        counts: Labels of each side that were trained on, (values, 3): what is known without reading an answer.
    """

    system: str
    ids: tuple[str, ...]
    definitions: tuple[str, ...]
    linear: LinearReader | None = None
    network: Any = None
    share: float = 0.0
    temperature: float = 1.0
    temperature_of_one: float = 1.0
    band: float = 0.0
    name: str = "evaluator"
    counts: list[list[int]] = field(default_factory=list)

    def logits(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """The readers' logits, mixed, before any temperature, (answers, values, 3)."""
        if not pairs:
            return np.zeros((0, len(self.ids), 3))
        found = mixed(self.readings(pairs), self.share)
        if not np.isfinite(found).all():
            row = int(np.argwhere(~np.isfinite(found))[0, 0])
            raise ModelError(f"{self.name}: answer {row + 1} has a probability that is no number",
                             hint="train the evaluator again, or look at that answer", row=row + 1)
        return found

    def readings(self, pairs: Sequence[tuple[str, str]]) -> list[np.ndarray]:
        """Each reader's logits, centred: the linear reader's, the network's, or both in this order."""
        parts = []
        if self.linear is not None:
            parts.append(self.linear.logits(pairs))
        if self.network is not None:
            parts.append(self.network.logits(pairs, self.definitions))
        if not parts:
            raise ModelError("the evaluator has no reader", hint="train it again")
        return [centred(logits) for logits in parts]

    def probabilities(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """How likely each side is: opposed, none, aligned.

        Args:
            pairs: (prompt, response).

        Returns:
            (answers, values, 3), each three summing to 1.

        Raises:
            ModelError: If a reader gives something that is no number.
        """
        return softmax(self.logits(pairs) / self.temperature)

    def score(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """How much rather aligned than opposed, (answers, values), from -1 to 1."""
        found = self.probabilities(pairs)
        return found[..., 2] - found[..., 0]

    def ask(self, pairs: Sequence[tuple[str, str]], definitions: Sequence[str]) -> np.ndarray:
        """The same of values that have no labels, by their definitions, (answers, definitions, 3).

        Raises:
            ModelError: If the evaluator has no network, which alone reads definitions.
        """
        if self.network is None:
            raise ModelError(f"{self.name} reads no definitions, so it knows the values that it was trained on only",
                             hint="train one with `network: joint`")
        return softmax(self.network.logits(pairs, definitions) / self.temperature)

    def one_of_many(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """How likely each value is, were an answer written for exactly one, (answers, values), rows summing to 1."""
        logits = self.logits(pairs)
        return softmax((logits[..., 2] - logits[..., 1]) / self.temperature_of_one)

    def save(self, folder: Path) -> None:
        """Write it into a folder that is there; a system of values that is a file goes with it."""
        system = self.system
        if system.endswith(".toml"):
            (folder / SYSTEM).write_bytes(Path(system).read_bytes())
            system = SYSTEM
        for part, name in ((self.linear, LINEAR), (self.network, NETWORK)):
            if part is not None:
                (folder / name).mkdir()
                part.save(folder / name)
        told = {
            "format": _FORMAT, "version": 1, "system": system, "name": self.name,
            "values": [{"id": value, "definition": text}
                       for value, text in zip(self.ids, self.definitions, strict=True)],
            "share": self.share, "temperature": self.temperature, "temperature_of_one": self.temperature_of_one,
            "band": self.band, "counts": self.counts,
        }
        (folder / FILE).write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def load_value_evaluator(folder: str | Path) -> ValueEvaluator:
    """Open a trained evaluator.

    Args:
        folder: What `train-evaluator` wrote, or its `model/`.

    Raises:
        ModelError: If it is none, or it is damaged.

    Example:
        >>> load_value_evaluator("runs/evaluator").score([("Hi", "Hello")]).shape  # doctest: +SKIP
        (1, 10)
    """
    place = Path(folder)
    if not (place / FILE).is_file():
        place = place / "model"
    hint = "give a folder that `graphengine schwartz train-evaluator` wrote"
    try:
        told = json.loads((place / FILE).read_text(encoding="utf-8"))
        if told["format"] != _FORMAT or told["version"] != 1:
            raise KeyError("format")
        made = ValueEvaluator(
            told["system"], tuple(each["id"] for each in told["values"]),
            tuple(each["definition"] for each in told["values"]), share=float(told["share"]),
            temperature=float(told["temperature"]), temperature_of_one=float(told["temperature_of_one"]),
            band=float(told["band"]), name=str(told["name"]), counts=told["counts"],
        )
        if (place / SYSTEM).is_file():
            made.system = str(place / SYSTEM)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder} is no evaluator: {error}", hint=hint, file=folder) from error
    if (place / LINEAR).is_dir():
        from graphengine.models.value_linear import LinearReader

        made.linear = LinearReader.load(place / LINEAR)
    if (place / NETWORK).is_dir():
        from graphengine.models.value_network import ValueNetwork

        made.network = ValueNetwork.load(place / NETWORK)
    return made


def mixed(readings: Sequence[np.ndarray], share: float) -> np.ndarray:
    """The logits of two readers as one, the second's by its share; those of a single reader as they are."""
    return readings[0] if len(readings) == 1 else (1 - share) * readings[0] + share * readings[1]


def centred(logits: np.ndarray) -> np.ndarray:
    """Logits whose three sides have the mean 0, so that those of two readers can be added."""
    return logits - logits.mean(axis=-1, keepdims=True)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities over the last axis, in 64 bits.

    Example:
        >>> softmax(np.array([0.0, 0.0])).tolist()
        [0.5, 0.5]
    """
    made = np.exp(np.asarray(logits, dtype=float) - np.max(logits, axis=-1, keepdims=True))
    return made / made.sum(axis=-1, keepdims=True)
