"""The whole evaluation: what is asked for, measured one model after the other, written as one report."""

from __future__ import annotations

import contextlib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.training.evaluation.found import Found
from graphengine.training.evaluation.loading import is_reward_model, libraries, quiet
from graphengine.training.evaluation.manifest import manifest
from graphengine.training.evaluation.policies import measure_policies
from graphengine.training.evaluation.results import OF_POLICIES, OF_REWARD_MODELS, Evaluation, Row
from graphengine.training.evaluation.rewards import measure_reward_models, open_reward
from graphengine.training.evaluation.sizes import trend
from graphengine.training.evaluation.stages import cost_of, model_folders, stage_cost
from graphengine.training.evaluation.writing import prepare, write
from graphengine.training.run_folder import RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphengine.models.requests import Generator
    from graphengine.training.evaluation.settings import EvaluationSettings
    from graphengine.training.evaluation.sizes import Trend

TRANSCRIPT = "judge.jsonl"
"""What the judge was asked and said: evaluating again into the same folder asks nothing twice."""


def evaluate(
    settings: EvaluationSettings, *, judge: Generator | None = None, progress: Callable[[str], None] = quiet
) -> Evaluation:
    """Measure reward models and policies, and write the report.

    Args:
        settings: What to measure, and on what.
        judge: Compares answers, in place of the endpoint that the settings name.
        progress: Takes a line for each thing that is being done.

    Returns:
        What was found; `report.json`, `report.md` and the pictures in `settings.out` say the same.

    Raises:
        TrainingError: If a model or the data is not what it should be, or the folder can't be written.
        InputError: If the text or a task can't be read.
        ModelError: If the judge can't be asked.

    Example:
        >>> from pathlib import Path
        >>> from graphengine.training.evaluation import EvaluationSettings, evaluate
        >>> found = evaluate(EvaluationSettings(out=Path("evaluation"), data=Path("pairs"), reward="runs/reward"))
        ... # doctest: +SKIP
        >>> found.rows[0].measures["accuracy_contexts"].value  # doctest: +SKIP
        0.93
    """
    libraries()
    with warnings.catch_warnings():
        # What the libraries say to each other about coming versions is not about the user.
        for kind in (DeprecationWarning, FutureWarning, UserWarning):
            warnings.simplefilter("ignore", kind)
        return _evaluate(settings, judge, progress)


def _evaluate(
    settings: EvaluationSettings, judge: Generator | None, progress: Callable[[str], None]
) -> Evaluation:
    models = model_folders(settings.models)
    reference = model_folders((settings.reference,))[0] if settings.reference else None
    scorer = model_folders((Path(settings.reward),))[0] if _is_folder(settings.reward) else None
    of_rewards = [each for each in models if is_reward_model(each.path)]
    policies = [each for each in models if each not in of_rewards]
    run, found = RunFolder(settings.out), Found()
    prepare(run)
    reward = open_reward(scorer.path if scorer else settings.reward) if settings.reward else None
    scored = [*([scorer] if scorer else []), *(each for each in of_rewards if not scorer or each.path != scorer.path)]
    if scored or (reward and settings.data):
        measure_reward_models(settings, scored, scorer, reward, found, progress)
    if policies or reference:
        with _the_judge(settings, judge) as asked:
            measure_policies(settings, policies, reference, reward, asked, found, progress)
    stages = [stage_cost(each) for each in settings.stages]
    known = [*([scorer] if scorer else []), *([reference] if reference else []), *models]
    stages += [cost_of(each.path.parent, each.report) for each in known if each.report]
    used = [*scored, *policies, *([reference] if reference else [])]
    evaluation = Evaluation(
        out=settings.out, rows=tuple(found.rows), baselines=found.baselines, calibrations=found.calibrations,
        judged=found.judged, trends=_trends(found.rows), stages=tuple({each.folder: each for each in stages}.values()),
        notes=tuple(found.notes), run=manifest(settings, used, found), cost={},
    )
    progress("writing the report")
    return write(run, evaluation)


def _is_folder(reward: str) -> bool:
    return bool(reward) and (Path(reward).is_dir() or ":" not in reward)


@contextlib.contextmanager
def _the_judge(settings: EvaluationSettings, judge: Generator | None) -> Any:
    if judge is not None or not settings.judge:
        yield judge
        return
    from graphengine.models.chat import Budget, ChatClient
    from graphengine.models.transcript import Transcript

    with Transcript(settings.out / TRANSCRIPT) as transcript:
        yield ChatClient(settings.judge_model, settings.judge, transcript, Budget(settings.judge_budget))


def _trends(rows: list[Row]) -> tuple[Trend, ...]:
    found = []
    for kind, known in (("reward model", OF_REWARD_MODELS), ("policy", OF_POLICIES)):
        sized = [row for row in rows if row.kind == kind and row.parameters]
        for key, measure in known.items():
            measured = [(row.parameters, row.measures.get(key)) for row in sized]
            points = [(size, figure) for size, figure in measured if size and figure is not None]
            if measure.better and (seen := trend(
                key, [size for size, _ in points], [figure for _, figure in points],
                higher_is_better=measure.better == "higher",
            )):
                found.append(seen)
    return tuple(found)
