"""The policy and its critic as one module: sampling texts, and reading them again.

Texts are read as prompt and answer in one piece, aligned on the left. In a causal model nothing that follows a token
changes it, so the padding at the right end needs no mask, and what is read is the same in every batch. Hidden states
become logits at the tokens of answers only.
"""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from graphengine.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True)
class Texts:
    """Prompts with their answers.

    Attributes:
        ids: Token ids, prompt and answer in one piece, padded on the right, (texts, longest).
        starts: Length of each prompt, (texts,).
        lengths: Length of each answer, its end token included, (texts,); at least 1.
    """

    ids: Tensor
    starts: Tensor
    lengths: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: Tensor) -> Texts:
        """Some of the texts, without the padding that none of them needs."""
        starts, lengths = self.starts[rows], self.lengths[rows]
        return Texts(self.ids[rows, : int((starts + lengths).max())], starts, lengths)

    def mask(self, width: int) -> Tensor:
        """Which of `width` tokens an answer has, (texts, width)."""
        return torch.arange(width, device=self.ids.device) < self.lengths[:, None]

    def states(self) -> Tensor:
        """Where in `ids.flatten()` the state stands that chose each token of the answers: one before it, (tokens,)."""
        mask = self.mask(int(self.lengths.max()))
        row, place = mask.nonzero(as_tuple=True)
        return row * self.ids.shape[1] + self.starts[row] + place - 1


class ActorCritic(nn.Module):
    """A policy with a critic that shares its backbone, or has its own.

    Everything goes through `forward`, so that data parallel and sharding wrappers see it: `model("read", …)`.

    Args:
        policy: A causal language model, maybe with LoRA adapters.
        critic: A backbone without a head; None to share the policy's.
        temperature: At which texts are sampled; the policy is what is sampled from, so it is read at it, too.
    """

    def __init__(self, policy: Any, critic: Any = None, *, temperature: float = 1.0) -> None:
        super().__init__()
        self.policy, self.critic, self.temperature = policy, critic, temperature
        self.value = nn.Linear(policy.config.get_text_config().hidden_size, 1)
        nn.init.zeros_(self.value.weight)  # a critic that knows nothing says nothing
        nn.init.zeros_(self.value.bias)

    def forward(self, task: str, *arguments: Any) -> Any:
        """Do a task: `read`, `reference` or `next_logits`."""
        return getattr(self, task)(*arguments)

    def read(self, texts: Texts) -> tuple[Tensor, Tensor, Tensor]:
        """Log-probability and value of each token of the answers, (tokens,) each, and the logits, (tokens, V)."""
        states = texts.states()
        hidden, logits = _read(self.policy, texts.ids, states)
        logits = logits.float() / self.temperature
        if self.critic is not None:
            hidden = self.critic(input_ids=texts.ids, use_cache=False).last_hidden_state.flatten(0, 1)[states]
        return _of_chosen(logits, texts.ids, states), self.value(hidden.float())[:, 0], logits

    def reference(self, texts: Texts) -> Tensor:
        """What the policy would say without its adapters, (tokens,)."""
        with self.policy.disable_adapter():
            return log_probabilities(self.policy, texts, self.temperature)

    def next_logits(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any) -> Tensor:
        """Logits of the token that follows, (texts, V); `cache` remembers what was read."""
        core = _core(self.policy)
        decoder = core.get_decoder()
        out = decoder(
            input_ids=ids, attention_mask=mask, position_ids=positions, use_cache=True,
            **{_word_for_cache(type(decoder)): cache},
        )
        return _head(core, out.last_hidden_state[:, -1]).float() / self.temperature


def log_probabilities(model: Any, texts: Texts, temperature: float = 1.0) -> Tensor:
    """Log-probability that a language model gives to each token of the answers, (tokens,)."""
    states = texts.states()
    return _of_chosen(_read(model, texts.ids, states)[1].float() / temperature, texts.ids, states)


def entropies(logits: Tensor) -> Tensor:
    """Entropy in nats of each row of logits."""
    logp = logits.log_softmax(-1)
    return -(logp.exp() * logp).sum(-1)


def _of_chosen(logits: Tensor, ids: Tensor, states: Tensor) -> Tensor:
    chosen = ids.flatten()[states + 1]
    return logits.gather(1, chosen[:, None])[:, 0] - logits.logsumexp(-1)


def _read(model: Any, ids: Tensor, states: Tensor) -> tuple[Tensor, Tensor]:
    """Hidden states and logits at some places of some texts."""
    core = _core(model)
    hidden = core.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state.flatten(0, 1)[states]
    return hidden, _head(core, hidden)


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
    """See that logits are computed as the model itself does.

    Raises:
        TrainingError: If its forward does more after the backbone than we know of.
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
def sample(
    model: Callable[..., Tensor],
    prompts: Sequence[Sequence[int]],
    *,
    ends: Sequence[int],
    most: int,
    device: torch.device | str = "cpu",
    anyone: Callable[[bool], bool] = lambda going: going,
) -> Texts:
    """Let a policy write answers.

    Each token is drawn from the whole distribution, with torch's global random numbers. `generate` of transformers
    takes about 1.6 times as long for a small model, and obeys settings of the checkpoint (top_k, penalties) that make
    what is sampled another policy than the one that is trained.

    Args:
        model: An `ActorCritic`, maybe wrapped.
        prompts: Token ids of each prompt.
        ends: Tokens that end an answer.
        most: Tokens that an answer has at most.
        device: Where to.
        anyone: Whether any process goes on; with sharded weights, all take part in every step.
    """
    from transformers import DynamicCache

    longest, number = max(map(len, prompts)), len(prompts)
    ids = torch.tensor([[0] * (longest - len(prompt)) + list(prompt) for prompt in prompts], device=device)
    starts = torch.tensor([len(prompt) for prompt in prompts], device=device)
    mask = torch.ones(number, longest + most, dtype=torch.long, device=device)
    mask[:, :longest] = torch.arange(longest, device=device) >= longest - starts[:, None]
    positions = (mask[:, :longest].cumsum(1) - 1).clamp(min=0)
    answers = torch.zeros(number, most, dtype=torch.long, device=device)
    lengths = torch.full_like(starts, most)
    rows, going = torch.arange(number, device=device), torch.ones(number, dtype=torch.bool, device=device)
    stop, cache, step = torch.tensor(list(ends), device=device), DynamicCache(), ids
    for t in range(most):
        logits = model("next_logits", step, mask[:, : longest + t], positions, cache)
        step = torch.multinomial(logits.softmax(-1), 1)
        answers[rows, t] = step[:, 0]
        ended = going & torch.isin(step[:, 0], stop)
        lengths[rows[ended]] = t + 1
        going = going & ~ended
        left = int(going.sum())
        if not anyone(left > 0):
            break
        positions = positions[:, -1:] + 1
        if 0 < left <= len(rows) // 2:  # those that have ended are read no further
            kept = going.nonzero()[:, 0]
            cache.batch_select_indices(kept)
            rows, going, step, mask, positions = (each[kept] for each in (rows, going, step, mask, positions))
    whole = [torch.cat([ids[i, longest - starts[i] :], answers[i, : lengths[i]]]) for i in range(number)]
    return Texts(nn.utils.rnn.pad_sequence(whole, batch_first=True), starts, lengths)
