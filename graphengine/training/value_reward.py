"""The distance to a value target as modules of torch: a head on scores, and a reward model that reads tokens.

Both compute `graphengine.schwartz.distance`, as `ValueReward` does, so all give the same numbers.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from graphengine.errors import TrainingError
from graphengine.schwartz.distance import ValueDistance
from graphengine.schwartz.reward import scores_of

if TYPE_CHECKING:
    from graphengine.schwartz.reward import ValueReward


class TargetDistance(nn.Module):
    """From scores to rewards, as a layer: minus the distance to a target, with gradients.

    Args:
        reward: Target, distance and coverage; its evaluator is not asked.

    Example:
        >>> from graphengine.schwartz.reward import ValueReward
        >>> from graphengine.schwartz.target_files import load_target
        >>> layer = TargetDistance(ValueReward(load_target("security"), evaluator=None))
        >>> layer(torch.zeros(2, 10)).tolist()
        [-1.0, -1.0]
    """

    target: torch.Tensor
    weights: torch.Tensor

    def __init__(self, reward: ValueReward) -> None:
        super().__init__()
        self.formula = reward.formula
        self.register_buffer("target", torch.tensor(self.formula.target, dtype=torch.float64))
        self.register_buffer("weights", torch.tensor(self.formula.weights, dtype=torch.float64))

    def forward(self, scores: torch.Tensor) -> torch.Tensor:
        """The reward of each answer.

        Args:
            scores: (…, values), from -1 to 1.

        Returns:
            (…), in 64 bits.
        """
        told = self.formula
        here = ValueDistance(self.target, self.weights, told.name, told.coverage, told.coverage_weight)
        return here.reward(scores.double())


class ValueRewardModel(nn.Module):
    """A reward model in the form of Hugging Face: `model(input_ids, attention_mask).logits`, (answers, 1).

    It turns the tokens back into text, takes prompt and answer out of the conversation, asks the evaluator and measures
    the distance. TRL's GRPO and RLOO take it as a reward function; give them `processing_class`, too.

    Args:
        reward: Target, evaluator, distance.
        tokenizer: Whose tokens it gets, with a chat template.

    Raises:
        TrainingError: If the tokenizer has no chat template: then nothing tells where a prompt ends.
    """

    def __init__(self, reward: ValueReward, tokenizer: Any) -> None:
        from transformers import PretrainedConfig

        super().__init__()
        self.reward, self.processing_class = reward, tokenizer
        self.head = TargetDistance(reward)
        self.talk = _Talk(tokenizer)
        self.config: Any = PretrainedConfig(**{"num_labels": 1, "pad_token_id": tokenizer.pad_token_id})
        self.config._name_or_path = tokenizer.name_or_path or "value-distance"

    @torch.no_grad()
    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any) -> Any:
        """The reward of each conversation.

        Args:
            input_ids: (answers, tokens).
            attention_mask: 0 for padding.

        Returns:
            A `SequenceClassifierOutput` whose `logits` are (answers, 1).
        """
        from transformers.modeling_outputs import SequenceClassifierOutput

        keep = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        texts = [self.processing_class.decode(ids[mask.bool()]) for ids, mask in zip(input_ids, keep, strict=True)]
        pairs = [self.talk.split(text) for text in texts]
        scores = scores_of(self.reward.evaluator, pairs, self.reward.target)
        logits = self.head(torch.tensor(scores, device=input_ids.device))
        return SequenceClassifierOutput(logits=logits[:, None])  # type: ignore[arg-type]


class _Talk:
    """Takes conversations apart that a chat template has put together."""

    def __init__(self, tokenizer: Any) -> None:
        if not getattr(tokenizer, "chat_template", None):
            raise TrainingError("the tokenizer has no chat template, so nothing tells a prompt from its answer",
                                hint="save a template with the tokenizer, or use the reward as a function")
        said = ["first question", "first answer", "second question", "second answer"]
        roles = ["user", "assistant"] * 2
        talk = [{"role": role, "content": text} for role, text in zip(roles, said, strict=True)]
        text = tokenizer.apply_chat_template(talk, tokenize=False)
        parts = re.split("|".join(said), text)
        if len(parts) != len(said) + 1:
            raise TrainingError("the chat template does not keep what was said", hint="use the reward as a function")
        head, self._to_answer, back, _, self._end = parts
        # What stands before the first question and before the second one ends alike: there a question begins.
        alike = 0
        while alike < min(len(head), len(back)) and head[-1 - alike] == back[-1 - alike]:
            alike += 1
        self._to_question = head[len(head) - alike :]

    def split(self, text: str) -> tuple[str, str]:
        """What the user said, and the last answer."""
        before, mark, answer = text.rpartition(self._to_answer)
        if not mark:
            raise TrainingError("a text is no conversation of the tokenizer's chat template",
                                hint="give prompts as messages, or use the reward as a function")
        asked = re.findall(f"{re.escape(self._to_question)}(.*?){re.escape(self._to_answer)}", before + mark, re.DOTALL)
        return "\n".join(asked).strip(), answer.removesuffix(self._end).removesuffix(self._end.strip()).strip()

