"""Evaluators, and the reward that follows from one: minus the distance of what an answer expresses to a target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from graphengine.errors import InputError, ModelError
from graphengine.schwartz.distance import ValueDistance, distance_to
from graphengine.schwartz.scores import checked

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa

    from graphengine.schwartz.target import Target


class Evaluator(Protocol):
    """Whatever reads values from answers: an encoder, a language model as a judge, a table of people's labels.

    Attributes:
        name: For people, reports and manifests.
        system: Name or file of the system of values that it scores.
    """

    @property
    def name(self) -> str:
        """For people, reports and manifests."""
        ...

    @property
    def system(self) -> str:
        """Name or file of the system of values."""
        ...

    def score(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """Scores from -1 (opposed) over 0 (no connection) to 1 (aligned).

        Args:
            pairs: (prompt, response).

        Returns:
            (pairs, values), in the order of the system.
        """
        ...


def prompt_text(prompt: Any) -> str:
    """The words of a prompt, as evaluators read them: of a conversation, what the user said, one message a line.

    System prompts and earlier answers are left out: an evaluator shall read what was said in reply, not instructions.
    White space around the whole is left off.

    Args:
        prompt: A text, or messages with `role` and `content`.

    Example:
        >>> prompt_text([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "I feel low"}])
        'I feel low'
    """
    if isinstance(prompt, str):
        return prompt.strip()
    return "\n".join(str(each["content"]) for each in prompt if each["role"] == "user").strip()


def scores_of(evaluator: Evaluator, pairs: Sequence[tuple[str, str]], target: Target | None = None) -> np.ndarray:
    """What an evaluator says of answers, checked.

    Args:
        evaluator: The evaluator.
        pairs: (prompt, response).
        target: What the scores are for; its system must be the evaluator's.

    Returns:
        (pairs, values).

    Raises:
        InputError: If evaluator and target have different systems.
        ModelError: If the scores are too few or too many, not finite or out of range.
    """
    import numpy as np

    from graphengine.schwartz.system import load_system

    system = load_system(evaluator.system)
    if target is not None and target.values.ids != system.ids:
        raise InputError(
            f"target {target.name} is in {target.values.name}, and the evaluator {evaluator.name} scores "
            f"{system.name}", hint="take a target in the evaluator's system, or roll the scores up",
        )
    if not pairs:
        return np.zeros((0, len(system)))
    try:
        found = checked(evaluator.score(pairs), system, f"the evaluator {evaluator.name}")
    except InputError as error:
        raise ModelError(error.message, hint="an evaluator gives a finite number from -1 to 1 for each answer and "
                         "value", **error.where) from error
    if len(found) != len(pairs):
        raise ModelError(f"the evaluator {evaluator.name} scored {len(found)} of {len(pairs)} answers",
                         hint="an evaluator gives a row for each answer", value=len(found))
    return found


@dataclass(frozen=True)
class ValueReward:
    """A reward for PPO, GRPO and RLOO: `reward(rows, completions) -> list of float`.

    `table` shows the same numbers with what each value adds; `graphengine.training.value_reward` has them as a module.

    Attributes:
        target: What answers should express.
        evaluator: What reads it from them.
        distance: One of `DISTANCES`; each answer is measured alone.
        coverage: Share of the values that count on which an answer must say something; see `ValueDistance`.
        coverage_weight: What lacking it costs.

    Example:
        >>> import numpy as np
        >>> class Words:  # an evaluator made of two words
        ...     name, system = "words", "hhh"
        ...     def score(self, pairs):
        ...         return np.array([[("how" in r) * 1.0, 0.0, ("sorry" in r) * 1.0] for _, r in pairs])
        >>> from graphengine.schwartz.target_files import load_target
        >>> reward = ValueReward(load_target("hhh"), Words())
        >>> reward([{"prompt": "Fix it"}, {"prompt": "Fix it"}], ["here is how", "no"])
        [-2.0, -3.0]
        >>> reward.table([{"prompt": "Fix it"}], ["here is how"]).select(["helpful", "honest", "reward"]).to_pylist()
        [{'helpful': 0.0, 'honest': 1.0, 'reward': -2.0}]
    """

    target: Target
    evaluator: Evaluator
    distance: str = "weighted"
    coverage: float = 0.0
    coverage_weight: float = 1.0

    def __post_init__(self) -> None:
        self.formula  # noqa: B018 (an unknown distance is told at once)

    @property
    def formula(self) -> ValueDistance:
        """The distance, for numpy."""
        return distance_to(self.target, self.distance, coverage=self.coverage, coverage_weight=self.coverage_weight)

    def scores(self, rows: Sequence[dict[str, Any]], completions: Sequence[str]) -> np.ndarray:
        """What the evaluator says of each answer, (answers, values)."""
        both = zip(rows, completions, strict=True)
        pairs = [(prompt_text(row.get("prompt", "")), text.strip()) for row, text in both]
        return scores_of(self.evaluator, pairs, self.target)

    def __call__(self, rows: list[dict[str, Any]], completions: list[str]) -> list[float]:
        """The reward of each answer.

        Args:
            rows: Rows of the dataset, with `prompt`.
            completions: The answers.

        Raises:
            InputError: If the evaluator has another system than the target.
            ModelError: If the evaluator gives something that is no score.
        """
        return self.formula.reward(self.scores(rows, completions)).tolist()

    def table(self, rows: Sequence[dict[str, Any]], completions: Sequence[str]) -> pa.Table:
        """What each value adds to the distance of each answer, and the sum.

        Returns:
            A column for each value (before the root, for `l2`; null where the distance is no sum), then
            `score_of_…` for each value, `distance`, `charge` and `reward`.
        """
        import pyarrow as pa

        scores, formula = self.scores(rows, completions), self.formula
        ids = self.target.values.ids
        columns: dict[str, Any] = {
            value: formula.parts(scores)[:, place] if formula.is_sum else pa.nulls(len(scores), pa.float64())
            for place, value in enumerate(ids)
        }
        columns |= {f"score_of_{value}": scores[:, place] for place, value in enumerate(ids)}
        told = {"distance": formula.distance(scores), "charge": formula.charge(scores),
                "reward": formula.reward(scores)}
        return pa.table({**columns, **told})
