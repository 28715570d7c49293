"""Evaluators by what names them: a folder, a file of labels, an endpoint, a function."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.errors import InputError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from graphengine.schwartz.reward import Evaluator

FORMS = (
    "a folder of train-evaluator, a file of labelled answers, MODEL@http://host/v1, module:function or file.py:function"
)
_TABLES = (".jsonl", ".ndjson", ".csv", ".parquet")


def load_evaluator(
    spec: str | Path, system: str = "schwartz-10", *, transcript: str | Path | None = None, budget: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Evaluator:
    """Open an evaluator.

    Args:
        spec: One of

            - a folder that `schwartz train-evaluator` wrote,
            - a file of labelled answers: people's labels of the answers that they read,
            - `MODEL@http://host/v1`: a language model as a judge,
            - `module:function` or `file.py:function`, which gives an evaluator without being asked anything.
        system: Of the values, for labels and judges; a folder knows its own.
        transcript: File that keeps a judge's answers, so that none is asked twice.
        budget: The most tokens that a judge may use.
        progress: Called with how many answers a judge has read, and of how many.

    Raises:
        InputError: If there is no such evaluator.
        ModelError: If the folder holds none.
    """
    text = str(spec)
    if "@http://" in text or "@https://" in text or text.startswith(("http://", "https://")):
        return _judge(text, system, transcript, budget, progress)
    path = Path(text)
    if path.is_dir():
        from graphengine.models.value_evaluator import load_value_evaluator

        return load_value_evaluator(path)
    if path.suffix in _TABLES:
        from graphengine.schwartz.labelled import LabelTable, read_labelled

        return LabelTable(read_labelled(path, system), name=path.name)
    module, colon, name = text.rpartition(":")
    if colon and name.isidentifier() and (module.endswith(".py") or module.replace(".", "").isidentifier()):
        from graphengine.training.rewards import load_function

        try:
            make = load_function(text, "evaluator")
        except TrainingError as error:  # here it need not be a setting of a recipe that names it
            raise InputError(error.message, hint=error.hint, value=text) from error
        return make()
    raise InputError(f"there is no evaluator {text}", hint=f"give {FORMS}", value=text)


def probabilities_of(evaluator: Evaluator, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
    """How likely each side is under any evaluator, (answers, values, 3).

    One that gives scores only is taken at its word: a score of .6 is aligned with .6 and none with .4. Means of
    people's labels are read so, too.

    Raises:
        ModelError: If what it gives is no score or no probability.
    """
    from graphengine.schwartz.judged import check_probabilities
    from graphengine.schwartz.reward import scores_of
    from graphengine.schwartz.system import load_system

    own: Any = getattr(evaluator, "probabilities", None)
    if own is not None:
        return check_probabilities(own(pairs), len(pairs), len(load_system(evaluator.system)), evaluator.name)
    scores = scores_of(evaluator, pairs)
    return np.stack([np.maximum(-scores, 0), 1 - np.abs(scores), np.maximum(scores, 0)], axis=-1)


def _judge(
    spec: str, system: str, transcript: str | Path | None, budget: int | None,
    progress: Callable[[int, int], None] | None,
) -> Evaluator:
    from graphengine.models.chat import Budget, ChatClient
    from graphengine.models.transcript import Transcript
    from graphengine.models.value_judge import ValueJudge
    from graphengine.schwartz.system import load_system

    model, _, url = spec.rpartition("@")
    if not model:
        raise InputError("the endpoint names no model", value=url,
                         hint="give it like my-model@http://localhost:8000/v1")
    values = [(value.id, value.definition) for value in load_system(system).values]
    kept = Transcript(Path(transcript) if transcript else None)
    return ValueJudge(ChatClient(model, url, kept, Budget(budget)), system, values, progress=progress)
