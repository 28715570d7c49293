"""A reward model as a reward: it reads prompt and answer as it did when it was trained, and says one number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from graphengine.errors import TrainingError
from graphengine.training.reward_rows import plain_text
from graphengine.training.stage import weights_of
from graphengine.training.tokens import open_tokenizer


class RewardModel:
    """A folder that `AutoModelForSequenceClassification` opens, with one output.

    Args:
        folder: The folder, with a tokenizer and, for conversations, a chat template.
        device: Where it runs.
        batch_size: Texts that are read at once.
        dtype: Of its weights; None for the one they were saved in.

    Attributes:
        cut: Texts that were longer than the model can read, and lost their beginning.

    Raises:
        TrainingError: If the folder is no such model, or its weights are missing or damaged.

    Example:
        >>> reward = RewardModel("runs/reward/model")  # doctest: +SKIP
        >>> reward([{"prompt": [{"role": "user", "content": "I feel low"}]}], ["What weighs on you?"])  # doctest: +SKIP
        [1.3]
    """

    def __init__(self, folder: Path | str, *, device: str = "cpu", batch_size: int = 16, dtype: Any = None) -> None:
        from transformers import AutoModelForSequenceClassification

        folder = Path(folder)
        self.tokenizer = open_tokenizer(folder, [{"prompt": ""}])
        with weights_of(folder, RuntimeError, ValueError, key="rewards"):
            self.model: Any = AutoModelForSequenceClassification.from_pretrained(str(folder), dtype=dtype or "auto")
        if self.model.config.num_labels != 1:
            raise TrainingError(
                f"{folder} gives {self.model.config.num_labels} numbers for a text, and a reward model gives one",
                hint="train one with: graphengine train reward", file=folder, key="rewards",
            )
        self.folder, self.batch_size, self.cut = folder, batch_size, 0
        self.model.eval().requires_grad_(False).to(device)
        # What no model says is a limit for none.
        self.most = getattr(self.model.config, "max_position_embeddings", None) or 1 << 20

    @torch.no_grad()
    def __call__(self, rows: list[dict[str, Any]], completions: list[str]) -> list[float]:
        """One number for each answer, the same in whatever batch it is read."""
        ids = [self._tokens(row["prompt"], text) for row, text in zip(rows, completions, strict=True)]
        scores = [0.0] * len(ids)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))  # alike in length: little padding
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            for i, score in zip(batch, self._read([ids[i] for i in batch]), strict=True):
                scores[i] = score
        return scores

    def _tokens(self, prompt: Any, completion: str) -> list[int]:
        plain = isinstance(prompt, str)
        if plain:
            text = plain_text(prompt, completion, self.tokenizer)
        else:
            if not self.tokenizer.chat_template:
                raise TrainingError(
                    f"the tokenizer of {self.folder} has no chat template, and the prompts are conversations",
                    hint="save a template with the tokenizer", file=self.folder, key="rewards",
                )
            talk = [*prompt, {"role": "assistant", "content": completion}]
            text = self.tokenizer.apply_chat_template(talk, tokenize=False)
        ids = self.tokenizer(text, add_special_tokens=plain)["input_ids"]
        self.cut += len(ids) > self.most
        return ids[-self.most :]

    def _read(self, batch: list[list[int]]) -> list[float]:
        longest = max(map(len, batch))
        # The score is read at the last token that is not padding, so a text must not end with what pads it.
        ends = {ids[-1] for ids in batch}
        pad = next(token for token in (self.tokenizer.pad_token_id, *range(len(ends) + 1))
                   if token is not None and token not in ends)
        self.model.config.pad_token_id = pad
        padded = torch.tensor([ids + [pad] * (longest - len(ids)) for ids in batch], device=self.model.device)
        mask = torch.tensor([[1] * len(ids) + [0] * (longest - len(ids)) for ids in batch], device=self.model.device)
        out = self.model(input_ids=padded, attention_mask=mask)
        return out.logits[:, 0].float().tolist()
