"""What an evaluation is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from graphengine.errors import TrainingError
from graphengine.training.settings import at_least


@dataclass(frozen=True, kw_only=True)
class EvaluationSettings:
    """What to measure, and on what.

    Attributes:
        out: Folder of the report.
        models: Policies, and reward models to tabulate beside `reward`: folders of stages, or of models.
        reward: The reward that policies are measured by: a folder of a reward model, or `module:function`.
        reference: The policy before training; what win rate, KL and the alignment tax are told against.
        data: The dataset folder that `graphengine export preferences` wrote; its test split is measured on.
        kind: Which of its pairs reward models are measured on.
        scenarios: An export of the same graph with all scenarios, for held-out scenarios of contexts in train.
        text: A text file that training did not see, for the language-model loss; left out, the sft test split.
        task: A JSONL file of tasks (prompt, answer), for exact match.
        judge: Address of a chat endpoint that compares answers.
        judge_model: Its name of the judge.
        judge_budget: The most tokens that the judge may cost; none for no limit.
        stages: More run folders whose time and memory are told.
        in_context: Measure the reference with winning cards as a system prompt, too.
        prompts: The most prompts.
        texts: The most held-out texts.
        max_new_tokens: The longest answer, in tokens.
        batch_size: Prompts that are answered at once.
        seed: Of what is drawn.
    """

    out: Path
    models: tuple[Path, ...] = ()
    reward: str = ""
    reference: Path | None = None
    data: Path | None = None
    kind: str = "cards"
    scenarios: Path | None = None
    text: Path | None = None
    task: Path | None = None
    judge: str = ""
    judge_model: str = ""
    judge_budget: int | None = None
    stages: tuple[Path, ...] = ()
    in_context: bool = True
    prompts: int = 64
    texts: int = 200
    max_new_tokens: int = 128
    batch_size: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        at_least(self, 1, "prompts", "texts", "max_new_tokens", "batch_size", "judge_budget")
        at_least(self, 0, "seed")
        if not (self.models or self.reward or self.reference or self.stages):
            raise TrainingError(
                "there is nothing to evaluate",
                hint="name policies (--models A B), a reward model (--reward R), or both", key="models",
            )
        if bool(self.judge) != bool(self.judge_model):
            missing = "judge_model" if self.judge else "judge"
            raise TrainingError(
                "a judge needs its address and its name", hint=f"give --{missing.replace('_', '-')} too", key=missing
            )
