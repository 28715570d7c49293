"""Words and pieces of words as numbers: TF-IDF of an answer, and of prompt and answer together."""

from __future__ import annotations

import json
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from graphengine.errors import MissingExtraError, ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

_FILE, _NUMBERS = "words.json", "words.npz"
_KINDS: dict[str, dict[str, Any]] = {
    "words": {"ngram_range": (1, 2), "max_features": 40_000},
    "characters": {"analyzer": "char_wb", "ngram_range": (2, 5), "max_features": 60_000},
}


@dataclass
class Words:
    """Blocks of TF-IDF columns: words and pairs of words, and pieces of 2 to 5 characters, each of two texts.

    Attributes:
        prompt_weight: How much prompt and answer together count beside the answer alone; 0 leaves the prompt out.
    """

    prompt_weight: float = 1.0
    _blocks: dict[tuple[str, str], Any] = field(default_factory=dict)

    def fit(self, pairs: Sequence[tuple[str, str]]) -> Words:
        """Learn the columns from answers.

        Args:
            pairs: (prompt, response).
        """
        self._blocks = {}
        for part in ("response", "both") if self.prompt_weight else ("response",):
            for kind in _KINDS:
                self._blocks[part, kind] = _vectorizer(kind, len(pairs)).fit(_texts(pairs, part))
        return self

    def columns(self, pairs: Sequence[tuple[str, str]]) -> Any:
        """The columns of answers, a sparse (answers, columns) matrix; the blocks of a row have length 1 together."""
        from scipy import sparse

        weights = {"response": 1.0, "both": self.prompt_weight}
        total = 2 * sum(weights[part] for part in {part for part, _ in self._blocks})
        made = [vectorizer.transform(_texts(pairs, part)) * (weights[part] / total) ** 0.5
                for (part, _), vectorizer in self._blocks.items()]
        return sparse.hstack(made, format="csr", dtype="float32")

    def save(self, folder: Path) -> None:
        """Write the columns into a folder, as JSON and numbers."""
        import numpy as np

        names = [[part, kind, vectorizer.get_feature_names_out().tolist()]
                 for (part, kind), vectorizer in self._blocks.items()]
        (folder / _FILE).write_text(json.dumps({"prompt_weight": self.prompt_weight, "blocks": names},
                                               ensure_ascii=False), encoding="utf-8")
        numbers = {f"{part}-{kind}": vectorizer.idf_ for (part, kind), vectorizer in self._blocks.items()}
        np.savez_compressed(folder / _NUMBERS, **numbers)

    @classmethod
    def load(cls, folder: Path) -> Words:
        """Read what `save` wrote.

        Raises:
            ModelError: If it is damaged.
        """
        try:
            content = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            made = cls(float(content["prompt_weight"]))
            numbers = read_numbers(folder / _NUMBERS)
            for part, kind, names in content["blocks"]:
                vectorizer = _vectorizer(kind, 1)
                vectorizer.set_params(vocabulary={name: place for place, name in enumerate(names)})
                vectorizer.idf_ = numbers[f"{part}-{kind}"]
                made._blocks[part, kind] = vectorizer
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"the words of the evaluator in {folder} can't be read: {error}",
                             hint="train it again", file=folder) from error
        return made


def read_numbers(file: Path) -> dict[str, np.ndarray]:
    """The arrays of a file of numpy (`.npz`).

    Raises:
        OSError: If it can't be read.
        ValueError: If it is damaged.
    """
    import numpy as np

    try:
        # Opened here, since numpy leaves a file open that is not whole.
        with file.open("rb") as opened, np.load(opened) as numbers:
            return dict(numbers)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise ValueError(f"{file.name} is not whole: {error}") from error


def _texts(pairs: Sequence[tuple[str, str]], part: str) -> list[str]:
    return [response if part == "response" else f"{prompt}\n{response}" for prompt, response in pairs]


def _vectorizer(kind: str, rows: int) -> Any:
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError as error:
        raise MissingExtraError.of(error.name or "scikit-learn", "train") from error
    return TfidfVectorizer(sublinear_tf=True, min_df=2 if rows >= 50 else 1, **_KINDS[kind])
