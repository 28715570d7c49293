"""The policy and its critic as one module, and how texts are read.

Texts are read without padding in one row (`training.flat`) where the model allows it. Hidden states become logits at
the tokens of answers only.
"""

from __future__ import annotations

import functools
import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from graphengine.errors import TrainingError
from graphengine.training.flat import ATTENTION, kernel_agrees, register
from graphengine.training.texts import Texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from graphengine.training.texts import Layout


class ActorCritic(nn.Module):
    """A policy with a critic that shares its backbone, or has its own.

    Everything goes through `forward`, so that data parallel and sharding wrappers see it: `model("read", …)`.

    Args:
        policy: A causal language model, maybe with LoRA adapters.
        critic: A backbone without a head; None to share the policy's.
        temperature: At which texts are sampled; the policy is what is sampled from, so it is read at it, too.
        flat: Read texts without padding; see `reads_flat`.
    """

    def __init__(self, policy: Any, critic: Any = None, *, temperature: float = 1.0, flat: bool = False) -> None:
        super().__init__()
        self.policy, self.critic, self.temperature, self.flat = policy, critic, temperature, flat
        # By these FSDP finds the layers to shard.
        self._no_split_modules = getattr(policy, "_no_split_modules", None)
        self.value = nn.Linear(policy.config.get_text_config().hidden_size, 1)
        nn.init.zeros_(self.value.weight)  # a critic that knows nothing says nothing
        nn.init.zeros_(self.value.bias)

    def forward(self, task: str, *arguments: Any) -> Any:
        """Do a task: `read`, `reference` or `next_logits`."""
        return getattr(self, task)(*arguments)

    def read(self, texts: Texts) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probability and value of each token of the answers, (tokens,) each, and the logits, (tokens, V)."""
        layout = texts.flat() if self.flat else texts.padded()
        hidden, logits = _read(self.policy, layout, flat=self.flat)
        logits = _tempered(logits, self.temperature)
        if self.critic is not None:
            hidden = _states(self.critic, layout, flat=self.flat)
        return _of_chosen(logits, texts.answers()), self.value(hidden.float())[:, 0], logits

    def reference(self, texts: Texts) -> Tensor:
        """What the policy would say without its adapters, (tokens,)."""
        with self.policy.disable_adapter():
            return log_probabilities(self.policy, texts, self.temperature, flat=self.flat)

    def next_logits(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any) -> Tensor:
        """Logits of the token that follows, (texts, V); `cache` remembers what was read."""
        core = _core(self.policy)
        decoder = core.get_decoder()
        out = decoder(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True,
            **{_word_for_cache(type(decoder)): cache},
        )
        return _tempered(_head(core, out.last_hidden_state[:, -1]), self.temperature)


def log_probabilities(model: Any, texts: Texts, temperature: float = 1.0, *, flat: bool = False) -> Tensor:
    """Log-probability that a language model gives to each token of the answers, (tokens,)."""
    logits = _read(model, texts.flat() if flat else texts.padded(), flat=flat)[1]
    return _of_chosen(_tempered(logits, temperature), texts.answers())


def entropies(logits: Tensor) -> Tensor:
    """Entropy in nats of each row of logits."""
    logp = logits.log_softmax(-1)
    return -(logp.exp() * logp).sum(-1)


def _tempered(logits: Tensor, temperature: float) -> Tensor:
    return logits.float() if temperature == 1 else logits.float() / temperature


def _of_chosen(logits: Tensor, chosen: Tensor) -> Tensor:
    return logits.gather(1, chosen[:, None])[:, 0] - logits.logsumexp(-1)


def _read(model: Any, layout: Layout, *, flat: bool) -> tuple[Tensor, Tensor]:
    """Hidden states and logits of what chose each token of the answers."""
    core = _core(model)
    hidden = _states(core.get_decoder(), layout, flat=flat)
    return hidden, _head(core, hidden)


def _states(backbone: Any, layout: Layout, *, flat: bool) -> Tensor:
    with _attention(backbone, ATTENTION if flat else None):
        return backbone(**layout.inputs, use_cache=False).last_hidden_state.flatten(0, 1)[layout.states]


@contextmanager
def _attention(backbone: Any, name: str | None) -> Iterator[None]:
    """Another attention for a while: sampling needs one that knows a cache."""
    config = _core(backbone).config.get_text_config()
    before = config._attn_implementation
    if name:
        config._attn_implementation = name
    try:
        yield
    finally:
        config._attn_implementation = before


@functools.cache
def _word_for_cache(kind: type) -> str:
    """What a backbone calls its cache; transformers changed the word in 5.24."""
    return "cache" if "cache" in inspect.signature(kind.forward).parameters else "past_key_values"


def _core(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "disable_adapter") else model


def _head(core: Any, hidden: Tensor) -> Tensor:
    """What the model's own forward does after its backbone."""
    logits = core.get_output_embeddings()(hidden)
    cap = getattr(core.config.get_text_config(), "final_logit_softcapping", None)
    return logits if cap is None else cap * torch.tanh(logits / cap)


@torch.no_grad()
def check_head(model: Any, ids: Sequence[int]) -> None:
    """See that logits are computed as the model itself does it.

    Raises:
        TrainingError: If its forward does more after the backbone than is known here.
    """
    text = torch.tensor([list(ids)], device=model.device)
    core = _core(model)
    ours = _head(core, core.get_decoder()(input_ids=text, use_cache=False).last_hidden_state)
    if not torch.allclose(ours.float(), core(input_ids=text, use_cache=False).logits.float(), atol=1e-3, rtol=1e-3):
        raise TrainingError(
            f"{type(core).__name__} changes its logits in a way that PPO does not know",
            hint="take grpo or rloo for this model", key="model",
        )


@torch.no_grad()
def reads_flat(model: Any, prompts: Sequence[Sequence[int]], longest: int) -> bool:
    """Whether a model says the same of texts in one row without padding as of each text alone.

    Args:
        model: The model.
        prompts: Some texts to try; two are enough, since what one text sees of the other would show.
        longest: Tokens of the longest text that will come: attention with a window shorter than that is none of ours.
    """
    config = _core(model).config.get_text_config()
    windows = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")]
    if any(each and each < longest for each in windows) and getattr(config, "use_sliding_window", True):
        return False
    register()
    tried = (sorted((prompt for prompt in prompts if len(prompt) > 1), key=len) * 2)[:2]
    if not tried:
        return False
    ids = [torch.tensor(prompt, device=model.device) for prompt in tried]
    starts = torch.ones(len(ids), dtype=torch.long, device=model.device)
    texts = Texts(nn.utils.rnn.pad_sequence(ids, batch_first=True), starts,
                  torch.tensor([len(each) - 1 for each in ids], device=model.device))
    try:
        found = log_probabilities(model, texts, flat=True)
    except Exception:  # any model may refuse in its own way, and then it is read as it was made to be
        return False
    close = torch.allclose(log_probabilities(model, texts), found, atol=5e-2 if found.is_cuda else 1e-3)
    return close and kernel_agrees(model.device)
