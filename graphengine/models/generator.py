"""A language model on this machine that answers requests, the same for the same seed.

Chance enters through noise that is drawn for each request from its own seed and added to the scores (the largest of
log p / T + Gumbel noise is a draw from p^(1/T)). So what is answered does not depend on what else is in the batch, and
a run that was stopped ends as if it had not been.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from graphengine.errors import InputError, MissingExtraError, ModelError
from graphengine.models.offline import stay_offline
from graphengine.models.requests import CUT_OFF, END, TOO_LONG, Request
from graphengine.models.transcript import Transcript

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphengine.models.requests import Answer

_SAMPLED_BYTES = 1 << 20


class _Asked(NamedTuple):
    key: str
    request: Request
    ids: list[int]  # of the whole chat, up to where the answer begins
    limit: int  # of tokens of the answer


@dataclass
class LocalGenerator:
    """Answers with a model of transformers; a `Generator`.

    Attributes:
        folder: Of the model: what `AutoModelForCausalLM` and `AutoTokenizer` open, with a chat template.
        transcript: Where answers are kept; by default in memory only.
        batch_size: Requests that are worked on at once.
        device: `cpu`, `cuda`, …; by default a GPU where there is one.

    Example:
        >>> LocalGenerator("models/tiny").name
        'tiny'
    """

    folder: str | Path
    transcript: Transcript = field(default_factory=lambda: Transcript(None))
    batch_size: int = 8
    device: str | None = None

    @property
    def name(self) -> str:
        """The name of the folder."""
        return Path(self.folder).resolve().name

    @property
    def identity(self) -> dict[str, Any]:
        """What makes this generator: its files, wherever they lie. Of a large file a part is read.

        Raises:
            InputError: If there is no model.
        """
        return {"weights": self._digest}

    @cached_property
    def _digest(self) -> str:
        folder = Path(self.folder)
        if not (folder / "config.json").is_file():
            raise InputError(
                f"{folder} is not the folder of a model: it has no config.json",
                hint="give the folder of a model as transformers saves it", file=folder,
            )
        digest = hashlib.sha256()
        for path in sorted(folder.iterdir()):
            if path.suffix in (".json", ".jinja", ".model", ".safetensors", ".bin", ".txt") and path.is_file():
                digest.update(f"{path.name} {path.stat().st_size} ".encode())
                with path.open("rb") as file:
                    digest.update(file.read(_SAMPLED_BYTES))
                    file.seek(max(_SAMPLED_BYTES, path.stat().st_size - _SAMPLED_BYTES))
                    digest.update(file.read(_SAMPLED_BYTES))
        return digest.hexdigest()

    def complete(
        self, requests: Sequence[Request], *, progress: Callable[[int, int], None] | None = None
    ) -> list[Answer]:
        """The answer to each request, in order; see `Generator`.

        Raises:
            InputError: If there is no model.
            ModelError: If it can't be loaded, or has no chat template.
            MissingExtraError: If torch or transformers is not installed.
        """
        return self.transcript.complete(requests, self.identity, self._ask, progress)

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        stay_offline()
        try:
            import torch
            from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig
        except ImportError as error:
            raise MissingExtraError.of(error.name or "transformers", "train") from error
        device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(self.folder, padding_side="left")
            model: Any = AutoModelForCausalLM.from_pretrained(
                self.folder, dtype=torch.float32 if device == "cpu" else "auto"
            )
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(
                f"the model in {self.folder} can't be loaded: {error}",
                hint="see that AutoModelForCausalLM.from_pretrained opens the folder", file=self.folder,
            ) from error
        if tokenizer.chat_template is None:
            raise ModelError(
                f"the model in {self.folder} has no chat template",
                hint="take a model that was made for chats, or save a tokenizer with a chat template in it",
                file=self.folder,
            )
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token  # it is masked; nothing is learnt here
        ends = model.generation_config.eos_token_id
        # A model's own settings (top_p, …) are no part of the request.
        model.generation_config = GenerationConfig(
            pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id if ends is None else ends
        )
        return tokenizer, model.to(device).eval()

    def _ask(self, missing: Mapping[str, Request], one_more: Callable[[], None]) -> None:
        tokenizer, model = self._loaded
        room = getattr(model.config, "max_position_embeddings", None) or tokenizer.model_max_length
        fitting: list[_Asked] = []
        for key, request in missing.items():
            ids = tokenizer.apply_chat_template(request.as_chat(), add_generation_prompt=True, return_dict=True)
            if len(ids["input_ids"]) >= room:
                used = {"prompt_tokens": len(ids["input_ids"]), "completion_tokens": 0}
                self.transcript.keep(key, request, self.name, "", TOO_LONG, used)
                one_more()
            else:
                limit = min(request.max_tokens, room - len(ids["input_ids"]))
                fitting.append(_Asked(key, request, ids["input_ids"], limit))
        # Requests of one length together, the longest first: little padding, and what runs out of memory does so early.
        fitting.sort(key=lambda each: (-each.limit, -len(each.ids), each.key))
        while fitting:
            batch = [each for each in fitting[: self.batch_size] if each.limit == fitting[0].limit]
            del fitting[: len(batch)]
            for asked, answer in zip(batch, self._write(batch), strict=True):
                ended = answer and answer[-1] in _ends(model)
                text = tokenizer.decode(answer[:-1] if ended else answer, skip_special_tokens=True)
                used = {"prompt_tokens": len(asked.ids), "completion_tokens": len(answer)}
                self.transcript.keep(asked.key, asked.request, self.name, text, END if ended else CUT_OFF, used)
                one_more()

    def _write(self, batch: Sequence[_Asked]) -> list[list[int]]:
        """The tokens that follow each request, up to and with the one that ends the answer; all have one limit."""
        import torch
        from transformers import LogitsProcessorList

        tokenizer, model = self._loaded
        padded = tokenizer.pad({"input_ids": [each.ids for each in batch]}, return_tensors="pt").to(model.device)
        noise = _own_noise([each.request for each in batch], [each.key for each in batch])
        with torch.inference_mode():
            out = model.generate(
                **padded, max_new_tokens=batch[0].limit, do_sample=False,
                logits_processor=LogitsProcessorList([noise]),
            )  # fmt: skip
        return [_until(row, _ends(model)) for row in out[:, padded["input_ids"].shape[1] :].tolist()]


def _ends(model: Any) -> set[int]:
    ends = model.generation_config.eos_token_id
    return set(ends) if isinstance(ends, list) else {ends}


def _until(row: list[int], ends: set[int]) -> list[int]:
    """The tokens up to the first end, with it; what follows is padding."""
    stop = next((place for place, token in enumerate(row) if token in ends), len(row) - 1)
    return row[: stop + 1]


def _own_noise(requests: Sequence[Request], keys: Sequence[str]) -> Callable[[Any, Any], Any]:
    """What turns the likeliest token into a draw, with the noise of each row from its own request."""
    import torch

    temperatures = [request.temperature for request in requests]
    draws = [torch.Generator().manual_seed(int(key[:15], 16)) for key in keys]

    def noisy(_: Any, scores: Any) -> Any:
        # On the CPU, so that the draws are those of the seed on any machine.
        rows = [
            scores[place].float() / heat
            - torch.empty(scores.shape[-1]).exponential_(generator=draw).log().to(scores.device)
            if heat > 0 else scores[place].float()
            for place, (heat, draw) in enumerate(zip(temperatures, draws, strict=True))
        ]  # fmt: skip
        return torch.stack(rows)

    return noisy
