"""How far a policy went from its reference: the KL divergence KL(policy‖reference), in nats.

Answers are drawn from the policy. At each place of an answer the divergence of the two next-token distributions is
summed over the whole vocabulary, and these are added up along the answer: an estimate without bias of the divergence of
whole answers, with less noise than the log ratio of the drawn tokens alone. Equal models give exactly zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphengine.training.evaluation.figures import Figure, mean, ratio
from graphengine.training.evaluation.loading import Language, Prompt, Response, log_probabilities

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Divergence:
    """KL(policy‖reference).

    Attributes:
        token: Mean per token, in nats.
        response: Mean per answer; answers that were cut off count as far as they go.
    """

    token: Figure
    response: Figure


def same_tokens(one: Language, other: Language) -> bool:
    """Whether two models speak in the same tokens, so that their distributions can be compared."""
    widths = {each.model.get_output_embeddings().weight.shape[0] for each in (one, other)}
    return len(widths) == 1 and one.tokenizer.get_vocab() == other.tokenizer.get_vocab()


def divergence(
    policy: Language, reference: Language, prompts: Sequence[Prompt], responses: Sequence[Response],
    clusters: Sequence[Any], *, reference_prompts: Sequence[Prompt] | None = None,
) -> Divergence:
    """Estimate KL(policy‖reference) on answers of the policy.

    Args:
        policy: The model that gave the answers.
        reference: The model it is held against.
        prompts: What was asked.
        responses: The policy's answers, drawn at temperature 1.
        clusters: The context of each prompt.
        reference_prompts: What the reference sees, if it is not the same.
    """
    sums, lengths = [], []
    for prompt, seen, response in zip(prompts, reference_prompts or prompts, responses, strict=True):
        mine = log_probabilities(policy, policy.ids(prompt), response.tokens)
        theirs = log_probabilities(reference, reference.ids(seen), response.tokens)
        sums.append(float((mine.exp() * (mine - theirs)).sum()))
        lengths.append(len(response.tokens))
    return Divergence(ratio(sums, lengths, "answers", clusters), mean(sums, "answers", clusters))
