"""A linear reader of values: words, pieces of words and, if there is one, a frozen encoder's mean vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError, ModelError
from graphengine.models.encoder import open_encoder
from graphengine.models.value_words import Words, read_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

_WEIGHTS = "linear.npz"
ENCODER = "encoder"
"""The folder of the frozen encoder inside an evaluator."""


class FrozenEncoder:
    """Mean vectors of texts under an encoder that is not trained. A text that was read is not read again.

    Args:
        folder: Of any encoder of Hugging Face.
        max_length: Tokens that are read of a text.
    """

    def __init__(self, folder: str | Path, max_length: int = 256) -> None:
        import torch

        self.tokenizer, self.model = open_encoder(folder)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model.to(self.device)
        self.max_length = max_length
        self._known: dict[str, np.ndarray] = {}

    def vectors(self, texts: Sequence[str]) -> np.ndarray:
        """(texts, width), each of length 1."""
        import numpy as np
        import torch

        missing = sorted({text for text in texts if text not in self._known}, key=len)
        for start in range(0, len(missing), 32):
            batch = missing[start : start + 32]
            tokens = self.tokenizer(batch, truncation=True, max_length=self.max_length, padding=True,
                                    return_tensors="pt").to(self.device)
            with torch.no_grad():
                hidden = self.model(**tokens).last_hidden_state
            mask = tokens["attention_mask"][..., None].to(hidden.dtype)
            means = ((hidden * mask).sum(1) / mask.sum(1).clamp(min=1)).float().cpu().numpy()
            means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-9)
            self._known |= dict(zip(batch, means, strict=True))
        return np.stack([self._known[text] for text in texts])

    def save(self, folder: Path) -> None:
        """Write the encoder."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


@dataclass
class LinearReader:
    """Probabilities from a weighted sum of columns, for the values that it was trained on.

    Attributes:
        words: The columns of words.
        encoder: The frozen encoder; None where there are words alone.
        encoder_weight: What its columns are multiplied by.
        middle: Mean of the encoder's columns in training, (width,).
        spread: Their spread, (width,).
        weights: (columns, values, 3).
        bias: (values, 3).
    """

    words: Words
    encoder: FrozenEncoder | None
    encoder_weight: float
    middle: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def logits(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """(answers, values, 3)."""
        columns = self.columns(pairs)
        flat = self.weights.reshape(self.weights.shape[0], -1)
        words = columns[0].shape[1]
        found = columns[0] @ flat[:words]
        if columns[1] is not None:
            found = found + columns[1] @ flat[words:]
        return found.reshape(len(pairs), *self.bias.shape) + self.bias

    def columns(self, pairs: Sequence[tuple[str, str]]) -> tuple[Any, np.ndarray | None]:
        """The columns of words, sparse, and of the encoder, dense."""
        if self.encoder is None:
            return self.words.columns(pairs), None
        found = (self.encoder.vectors([response for _, response in pairs]) - self.middle) / self.spread
        return self.words.columns(pairs), found * (self.encoder_weight / len(self.middle)) ** 0.5

    def save(self, folder: Path) -> None:
        """Write it into a folder; the encoder as a whole, so that the folder needs nothing else."""
        import numpy as np

        self.words.save(folder)
        np.savez_compressed(
            folder / _WEIGHTS, encoder_weight=self.encoder_weight, middle=self.middle, spread=self.spread,
            weights=self.weights.astype(np.float32), bias=self.bias,
            max_length=self.encoder.max_length if self.encoder else 0,
        )
        if self.encoder is not None:
            self.encoder.save(folder / ENCODER)

    @classmethod
    def load(cls, folder: Path) -> LinearReader:
        """Read what `save` wrote.

        Raises:
            ModelError: If it is damaged.
        """
        words = Words.load(folder)
        try:
            found = read_numbers(folder / _WEIGHTS)
            encoder = FrozenEncoder(folder / ENCODER, int(found["max_length"])) if found["max_length"] else None
            return cls(words, encoder, float(found["encoder_weight"]), found["middle"], found["spread"],
                       found["weights"], found["bias"])
        except (OSError, ValueError, KeyError, InputError) as error:
            raise ModelError(f"the weights of the evaluator in {folder} can't be read: {error}",
                             hint="train it again", file=folder) from error
