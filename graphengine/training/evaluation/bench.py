"""The bench that every policy is put to: what it answers, and what that is worth against the reference.

Every model is put to the same bench: the same prompts, texts and tasks, with the same seed. What is compared is
compared row by row, so that equal models differ by exactly nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.training.evaluation.divergence import divergence, same_tokens
from graphengine.training.evaluation.figures import Figure, changed_share, mean, ratio, share
from graphengine.training.evaluation.judging import Judged, judged
from graphengine.training.evaluation.loading import Language, Prompt, Response, respond, with_system
from graphengine.training.evaluation.prompts import MOST_CARDS, Asked, system_prompt
from graphengine.training.evaluation.results import OF_POLICIES
from graphengine.training.evaluation.tax import Document, Likelihood, Task, likelihoods, matches, task_prompt
from graphengine.training.measures import hits

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphengine.models.requests import Generator
    from graphengine.training.rewards import Reward


_EVERY = 16  # texts between two lines of progress


@dataclass(frozen=True)
class Bench:
    """What every policy is put to.

    Attributes:
        asked: Prompts of held-out contexts; None where there are none.
        documents: Held-out texts.
        tasks: Questions with one right answer.
        reward: Gives answers a number; None where there is no reward.
        judge: Compares answers; None where there is no judge.
        cards: The winning card of each context; empty without the in-context row.
        most_tokens: The longest answer.
        batch_size: Prompts at once.
        seed: Of what is drawn.
        tell: Is called with what is going on, in words.
    """

    asked: Asked | None
    documents: list[Document]
    tasks: list[Task]
    reward: Reward | None
    judge: Generator | None
    cards: dict[str, str]
    most_tokens: int
    batch_size: int
    seed: int
    tell: Callable[[str], None]

    def before(self, context: Any) -> str:
        """The system prompt of the in-context row: the winner of the context, or some winners where there is none."""
        card = self.cards.get(context)
        return system_prompt([card] if card else list(dict.fromkeys(self.cards.values()))[:MOST_CARDS])

    def led_prompts(self) -> list[Prompt]:
        """The prompts, each behind the winning card of its context."""
        if self.asked is None:
            return []
        rows = zip(self.asked.prompts, self.asked.contexts, strict=True)
        return [with_system(prompt, self.before(context)) for prompt, context in rows]


@dataclass(frozen=True)
class Taken:
    """What a model did on the bench.

    Attributes:
        name: The model's name in the report.
        language: The model.
        prompts: What it read.
        responses: Its answer to each prompt.
        rewards: Of each answer; empty without a reward.
        likelihoods: Of each held-out text.
        right: Whether it answered each task.
    """

    name: str
    language: Language
    prompts: list[Prompt]
    responses: list[Response]
    rewards: list[float]
    likelihoods: list[Likelihood]
    right: list[bool]


def take(language: Language, bench: Bench, name: str, *, in_context: bool = False) -> Taken:
    """Put a model to the bench.

    Args:
        language: The model, with its weights.
        bench: What it is put to.
        name: What the report calls it.
        in_context: Put the winning cards before everything that it reads.
    """
    def working(doing: str, of: int) -> Callable[[int], None]:
        def tell(done: int) -> None:
            if done == of or done % _EVERY == 0:
                bench.tell(f"{name}: {doing} {done} of {of}")

        return tell

    asked = bench.asked
    prompts: list[Prompt] = [] if asked is None else bench.led_prompts() if in_context else asked.prompts
    responses = respond(
        language, prompts, most_tokens=bench.most_tokens, batch_size=bench.batch_size, seed=bench.seed,
        tell=working("answers", len(prompts)),
    )
    rewards: list[float] = []
    if bench.reward is not None and asked is not None:
        bench.tell(f"{name}: rewards of {len(responses)} answers")
        rewards = [float(each) for each in bench.reward(asked.rows, [response.text for response in responses])]
    documents = bench.documents
    questions = [task_prompt(language, task) for task in bench.tasks]
    if in_context:
        documents = [
            replace(each, prompt=with_system(each.prompt, bench.before(each.cluster))) for each in documents
        ]
        questions = [with_system(each, bench.before(None)) for each in questions]
    likely = likelihoods(language, documents, working("held-out texts", len(documents)))
    answers = respond(
        language, questions, most_tokens=bench.most_tokens, batch_size=bench.batch_size, seed=bench.seed, greedy=True,
        tell=working("tasks", len(questions)),
    )
    right = [matches(answer, task) for answer, task in zip(answers, bench.tasks, strict=True)]
    return Taken(name, language, prompts, responses, rewards, likely, right)


def measures(taken: Taken, bench: Bench) -> dict[str, Figure | None]:
    """What a model did, as figures, without a comparison."""
    found: dict[str, Figure | None] = dict.fromkeys(OF_POLICIES)
    if bench.asked is not None:
        contexts = bench.asked.contexts
        if taken.rewards:
            found["reward"] = mean(taken.rewards, "prompts", contexts)
        found["length"] = mean([len(each.tokens) for each in taken.responses], "answers", contexts)
        found["ended"] = share([each.ended for each in taken.responses], "answers", contexts)
    if bench.documents:
        clusters = [each.cluster for each in bench.documents]
        nats = [each.nats for each in taken.likelihoods]
        found["loss"] = ratio(nats, [each.tokens for each in taken.likelihoods], "texts", clusters)
        bits = [each / math.log(2) for each in nats]
        found["bits_per_byte"] = ratio(bits, [each.bytes for each in taken.likelihoods], "texts", clusters)
    if bench.tasks:
        found["exact_match"] = share(taken.right, "tasks")
    return found


def compared(
    taken: Taken, reference: Taken, bench: Bench, in_context: Taken | None
) -> tuple[dict[str, Figure | None], Judged | None, list[str]]:
    """What a model did against the reference, row by row.

    Args:
        taken: The model, with its weights.
        reference: The reference, with its weights.
        bench: What both were put to.
        in_context: The reference with the winning cards before everything; None where there is no such row.

    Returns:
        Figures by key (only those that a comparison gives), what the judge said, and notes.
    """
    found: dict[str, Figure | None] = {}
    notes: list[str] = []
    verdicts = None
    alike = same_tokens(taken.language, reference.language)
    if bench.asked is not None:
        contexts = bench.asked.contexts
        if taken.rewards:
            both = np.array([taken.rewards, reference.rewards]).T
            found["reward_change"] = mean(both[:, 0] - both[:, 1], "prompts", contexts)
            found["win_rate"] = share(hits(both), "prompts", contexts)
            if in_context is not None and in_context is not taken:
                over = np.subtract(taken.rewards, in_context.rewards)
                found["reward_over_in_context"] = mean(over, "prompts", contexts)
        if alike:
            bench.tell(f"{taken.name}: KL on {len(taken.responses)} answers")
            far = divergence(
                taken.language, reference.language, taken.prompts, taken.responses, contexts,
                reference_prompts=reference.prompts,
            )
            found["kl_token"], found["kl_response"] = far.token, far.response
        else:
            notes.append(
                f"{taken.name} has other tokens than the reference, so KL and the change of loss per token can't be "
                "told; compare bits per byte."
            )
        if bench.judge is not None:
            verdicts = judged(
                bench.judge, bench.asked.prompts, [each.text for each in taken.responses],
                [each.text for each in reference.responses], contexts,
                lambda done, of: bench.tell(f"{taken.name}: judge {done} of {of}"),
            )
            found["judge_win_rate"] = verdicts.win_rate
    pairs = list(zip(taken.likelihoods, reference.likelihoods, strict=True))
    if alike and pairs and all(one.tokens == other.tokens for one, other in pairs):
        lost = [one.nats - other.nats for one, other in pairs]
        clusters = [each.cluster for each in bench.documents]
        found["loss_change"] = ratio(lost, [one.tokens for one, _ in pairs], "texts", clusters)
    if bench.tasks:
        found["exact_match_change"] = changed_share(reference.right, taken.right, "tasks")
    return found, verdicts, notes
