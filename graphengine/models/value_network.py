"""A network that reads an answer and the definition of a value: so a value can be asked that it never saw.

| form | reads | one pass gives |
|---|---|---|
| `joint` | prompt and answer; each definition once, apart | all values, three sides each |
| `single` | prompt, answer and one definition together | one value, three sides |
| `regression` | the same | one value, a number from -1 to 1 (tanh), as published |
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from graphengine.errors import InputError, ModelError
from graphengine.models.encoder import open_encoder

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMS = ("joint", "single", "regression")
_CONFIG, _HEAD, _ENCODER = "network.json", "head.safetensors", "encoder"
_SHARP = 6.0  # how fast probabilities fall off with the distance of a regression's number from -1, 0, 1


class ValueNetwork(nn.Module):
    """An encoder and a small head.

    Args:
        encoder: Of Hugging Face.
        tokenizer: Its tokenizer.
        form: One of `FORMS`.
        max_length: Tokens that are read of an answer.
    """

    def __init__(self, encoder: Any, tokenizer: Any, form: str = "joint", max_length: int = 256) -> None:
        super().__init__()
        if form not in FORMS:
            raise InputError(f"{form!r} is no form of the network", hint=f"one of {', '.join(FORMS)}", value=form)
        self.encoder, self.tokenizer, self.form, self.max_length = encoder, tokenizer, form, max_length
        width = encoder.config.hidden_size
        self.head = nn.Linear(width, 1 if form == "regression" else 3)
        self.between = nn.Linear(width, 3 * width, bias=False) if form == "joint" else None

    def forward(self, pairs: Sequence[tuple[str, str]], definitions: Sequence[str]) -> torch.Tensor:
        """Logits of the three sides.

        Args:
            pairs: (prompt, response).
            definitions: Of the values.

        Returns:
            (answers, values, 3).
        """
        if self.between is not None:
            answers = self._mean([prompt for prompt, _ in pairs], [response for _, response in pairs])
            values = self._mean(list(definitions))
            mixed = self.between(answers).reshape(len(pairs), 3, -1)
            return torch.einsum("ncd,vd->nvc", mixed, values) / values.shape[1] ** 0.5 + self.head(values)
        if self.form == "regression":  # the side that is nearest to the number is the likeliest
            numbers = self.regress(pairs, definitions)[..., None]
            return -_SHARP * (numbers - torch.tensor([-1.0, 0.0, 1.0], device=numbers.device)) ** 2
        return self.head(self._together(pairs, definitions))

    def regress(self, pairs: Sequence[tuple[str, str]], definitions: Sequence[str]) -> torch.Tensor:
        """The numbers of a regression, from -1 to 1, (answers, values)."""
        return torch.tanh(self.head(self._together(pairs, definitions))[..., 0])

    def _together(self, pairs: Sequence[tuple[str, str]], definitions: Sequence[str]) -> torch.Tensor:
        """Mean vectors of each answer read with each definition, (answers, values, width)."""
        texts = [f"{prompt}\n{response}" for prompt, response in pairs for _ in definitions]
        return self._mean(texts, list(definitions) * len(pairs)).reshape(len(pairs), len(definitions), -1)

    def _mean(self, first: list[str], second: list[str] | None = None) -> torch.Tensor:
        """Mean vectors of texts, or of pairs of texts; of a pair that is too long the longer one is cut."""
        cut = True if second is None else "longest_first"
        tokens = self.tokenizer(first, second, truncation=cut, max_length=self.max_length, padding=True,
                                return_tensors="pt").to(self.head.weight.device)
        hidden = self.encoder(**tokens).last_hidden_state
        mask = tokens["attention_mask"][..., None].to(hidden.dtype)
        return ((hidden * mask).sum(1) / mask.sum(1).clamp(min=1)).to(self.head.weight.dtype)

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        from safetensors.torch import save_file

        head = {name: each.detach().cpu().contiguous() for name, each in self.state_dict().items()
                if not name.startswith("encoder.")}
        save_file(head, str(folder / _HEAD))
        self.encoder.save_pretrained(folder / _ENCODER)
        self.tokenizer.save_pretrained(folder / _ENCODER)
        (folder / _CONFIG).write_text(json.dumps({"form": self.form, "max_length": self.max_length}), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> ValueNetwork:
        """Read what `save` wrote.

        Raises:
            ModelError: If it is damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            told = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
            tokenizer, encoder = open_encoder(folder / _ENCODER)
            made = cls(encoder, tokenizer, told["form"], int(told["max_length"]))
            missing = made.load_state_dict(load_file(str(folder / _HEAD)), strict=False).missing_keys
            if any(not name.startswith("encoder.") for name in missing):
                raise KeyError(missing[0])
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError, InputError) as error:
            raise ModelError(f"the network of the evaluator in {folder} can't be read: {error}", hint="train it again",
                             file=folder) from error
        return made.eval().to("cuda" if torch.cuda.is_available() else "cpu")

    @torch.no_grad()
    def logits(self, pairs: Sequence[tuple[str, str]], definitions: Sequence[str], batch: int = 32) -> Any:
        """What `forward` says, batch by batch, as numbers, (answers, values, 3)."""
        import numpy as np

        self.eval()
        if self.form != "joint":
            batch = max(1, batch // len(definitions))
        order = sorted(range(len(pairs)), key=lambda place: len(pairs[place][0]) + len(pairs[place][1]))
        made = np.zeros((len(pairs), len(definitions), 3), dtype=np.float32)
        for start in range(0, len(order), batch):
            at = order[start : start + batch]
            made[at] = self([pairs[place] for place in at], definitions).float().cpu().numpy()
        return made
