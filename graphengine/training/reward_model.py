"""The reward model itself: a language model with one number at the end of a text.

It is loaded from any folder of a language model (the head is new then) or of an earlier reward model, and saved as a
plain folder that `AutoModelForSequenceClassification` opens.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import torch

from graphengine.errors import TrainingError
from graphengine.training import flat
from graphengine.training.batches import Padded, pad
from graphengine.training.stage import weights_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from graphengine.training.batches import Pair
    from graphengine.training.flat import Packed

HEADS = ("score", "classifier", "classification_head")
PAD = "<|pad|>"
AGREES = 1e-3
"""Rewards around 1 in single precision differ by 1e-6 between layouts; a model that reads across texts, by far more."""


class Scorer(torch.nn.Module):
    """A model that gives the rewards of a batch, however it is laid out.

    Wrapping it, instead of the model inside, lets DDP and FSDP see one forward for both layouts.

    Args:
        model: A model for sequence classification with one label, or adapters around one.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        # By these FSDP finds the layers to shard.
        self._no_split_modules = getattr(model, "_no_split_modules", None)

    def forward(self, batch: Packed | Padded) -> torch.Tensor:
        """Rewards [2B] in single precision: the chosen answers first."""
        if isinstance(batch, Padded):
            return self.model(input_ids=batch.ids, attention_mask=batch.mask).logits.float().sum(-1)
        whole = without_adapters(self.model)
        states = getattr(whole, whole.base_model_prefix)(
            input_ids=batch.ids, position_ids=batch.positions, use_cache=False, packed=batch
        ).last_hidden_state
        # The sum over one label: FSDP wants no view of another tensor.
        return whole.score(states[0, batch.last]).float().sum(-1)


def without_adapters(model: Any) -> Any:
    """The model inside adapters; their layers stay in it."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model


def load(
    folder: Path, tokenizer: Any, *, seed: int = 0, lora_rank: int = 0, lora_alpha: int = 0
) -> tuple[Any, list[str]]:
    """The model of a folder, with a head for one number, a pad token of its own and without dropout.

    Args:
        folder: Of a language model or a reward model.
        tokenizer: Its tokenizer; it gets a pad token if it has none of its own.
        seed: Of what is new: the head, the adapters, the row of a new pad token.
        lora_rank: Rank of LoRA adapters in all linear layers; 0 for none.
        lora_alpha: Their scale; 0 takes twice the rank.

    Returns:
        The model in single precision, and what the user should know of it.

    Raises:
        TrainingError: If weights are missing or damaged.
    """
    from transformers import AutoModelForSequenceClassification

    with torch.random.fork_rng(devices=[]), _quiet():
        torch.manual_seed(seed)
        with weights_of(folder, RuntimeError, ValueError):
            model, found = AutoModelForSequenceClassification.from_pretrained(
                str(folder), num_labels=1, dtype=torch.float32, output_loading_info=True
            )
        missing = [name for name in sorted(found["missing_keys"]) if not name.startswith(HEADS)]
        if missing:
            raise TrainingError(
                f"{folder} lacks {len(missing)} of its weights, {missing[0]} the first",
                hint="copy or download the model again", file=folder, key="model",
            )
        notes = _own_pad(model, tokenizer)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        model.config.attention_dropout = 0.0
        if lora_rank:
            from peft import LoraConfig, get_peft_model

            model = get_peft_model(model, LoraConfig(
                task_type="SEQ_CLS", r=lora_rank, lora_alpha=lora_alpha or 2 * lora_rank, target_modules="all-linear",
                modules_to_save=[name for name in HEADS if hasattr(model, name)],
            ))  # fmt: skip
    return model, notes


def _own_pad(model: Any, tokenizer: Any) -> list[str]:
    """See that what pads ends no text: the reward is read at the last token that is not padding."""
    ends = model.config.get_text_config().eos_token_id
    ends = {tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])}
    notes = []
    if tokenizer.pad_token_id is None or tokenizer.pad_token_id in ends:
        was = "there was none" if tokenizer.pad_token_id is None else f"{tokenizer.pad_token} also ends a text"
        tokenizer.add_special_tokens({"pad_token": PAD})
        if len(tokenizer) > model.get_input_embeddings().num_embeddings:
            model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        notes.append(f"The tokenizer has a new pad token, {PAD}: {was}.")
    model.config.get_text_config().pad_token_id = tokenizer.pad_token_id
    return notes


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the report that the head is new, which is as it should be."""
    log = logging.getLogger("transformers")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def use_flat(model: Any, pairs: Sequence[Pair], *, pad_id: int, device: torch.device | None = None) -> str:
    """Have a model read flat batches, if it gives the same rewards then.

    Args:
        model: The model; its attention is replaced where it fits, and left as it was where it does not.
        pairs: All pairs that it shall read.
        pad_id: What pads.
        device: Where it will be trained, if it is elsewhere yet.

    Returns:
        Why it does not fit; empty if it does.
    """
    whole = without_adapters(model)
    config = whole.config.get_text_config()
    longest = max((len(text) for pair in pairs for text in pair), default=0)
    windows = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")]
    window = min([each for each in windows if each and getattr(config, "use_sliding_window", True)], default=longest)
    if not hasattr(whole, "score"):
        return "it has another head than decoders have"
    if window < longest:
        return f"it looks {window} tokens back, and a text has {longest}"
    # Two short pairs: if a text could see its neighbour, the rewards would differ.
    few = sorted(pairs, key=lambda pair: len(pair[0]) + len(pair[1]))[:2]
    before = config._attn_implementation
    flat.register()
    with torch.no_grad():
        scorer, here = Scorer(model), next(model.parameters()).device
        expected = scorer(pad(few, pad_id).to(here))
        try:
            whole.set_attn_implementation(flat.ATTENTION)
            found = scorer(flat.pack(few).to(here))
            why = _differs(expected, found) or ("" if flat.kernel_agrees(device or here) else "the kernel differs")
        except Exception as error:  # any model may refuse in its own way, and then it is read as it was made to be
            why = f"it refuses: {type(error).__name__}: {error}"
    if why:
        whole.set_attn_implementation(before)
    return why


def _differs(expected: torch.Tensor, found: torch.Tensor) -> str:
    worst = float((expected - found).abs().max() / expected.abs().max().clamp(min=1e-6))
    return f"its rewards differ by {worst:.0e} then" if worst > AGREES else ""


def save(model: Any, tokenizer: Any, place: Path, state: dict[str, torch.Tensor] | None = None) -> None:
    """Write a plain folder.

    Args:
        model: The model, without adapters.
        tokenizer: Its tokenizer.
        place: The folder.
        state: Its weights, where they are not in `model` (they may be spread over processes).
    """
    model.save_pretrained(str(place), state_dict=state)
    tokenizer.save_pretrained(str(place))
