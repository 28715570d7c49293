"""The gate in front of PPO: a reward model that does not know what it should is not optimised.

A policy finds what its reward model is wrong about. So the model must have shown, on contexts that it was not trained
on, that it knows more than a coin and than any rule that never sees the prompt, and that length alone does not pay.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import TrainingError
from graphengine.training.rewards import is_model

if TYPE_CHECKING:
    from collections.abc import Iterable

LENGTH = 0.5
"""The most that rewards may go with the length of answers (correlation, either way)."""


def check_gates(rewards: Iterable[str], *, force: bool = False) -> list[dict[str, Any]]:
    """Look at the report of every reward model among some rewards.

    Args:
        rewards: Names, as in a recipe; functions pass.
        force: Go on with a model that fails, or that nothing is known of.

    Returns:
        For each reward model: `model`, `passed` and `reasons` why not.

    Raises:
        TrainingError: If one fails and `force` is false.
    """
    found = [{"model": name, "reasons": reasons_against(Path(name))} for name in rewards if is_model(name)]
    found = [{**each, "passed": not each["reasons"]} for each in found]
    failed = [each for each in found if not each["passed"]]
    if failed and not force:
        raise TrainingError(
            f"{failed[0]['model']} is not fit to be optimised: {'; '.join(failed[0]['reasons'])}",
            hint="train a better one, on more pairs; or --set force=true, and look hard at what comes out",
            file=failed[0]["model"], key="rewards",
        )
    return found


def reasons_against(model: Path) -> list[str]:
    """Why a reward model should not be optimised; nothing if it may.

    Its report is `report.json` beside the folder (where `train reward` writes it), or in it.
    """
    files = [folder / "report.json" for folder in (model.resolve().parent, model.resolve())]
    report = next((file for file in files if file.is_file()), None)
    if report is None:
        return ["it has no report.json, so nobody knows what it is worth"]
    try:
        told = json.loads(report.read_text(encoding="utf-8"))
    except ValueError:
        return [f"{report} can't be read"]
    if not isinstance(told, dict) or not isinstance(told.get("held_out") or {}, dict):
        return [f"{report} is no report of a reward model"]
    held_out = told.get("held_out") or {}
    accuracy, lower, upper = (held_out.get(name) for name in ("accuracy", "lower", "upper"))
    if accuracy is None or lower is None or upper is None:
        return ["its accuracy on held-out pairs was not measured"]
    shown = f"{accuracy:.3f} ({lower:.3f} to {upper:.3f})"
    reasons = []
    if lower <= 0.5:
        reasons.append(f"its accuracy on held-out pairs is {shown}, so it may be no better than a coin")
    if not told.get("baselines"):
        reasons.append("what rules that never see the prompt reach on the same pairs was not measured")
    for baseline in told.get("baselines") or []:
        if baseline.get("accuracy") is not None and lower <= baseline["accuracy"]:
            reasons.append(
                f"its accuracy on held-out pairs is {shown}, and {baseline['name']} alone, which never sees the "
                f"prompt, has {baseline['accuracy']:.3f}"
            )
    length = held_out.get("length_correlation", told.get("length_correlation"))
    if length is not None and abs(length) > LENGTH:
        reasons.append(f"its rewards go with the length of the answer (correlation {length:.2f})")
    return reasons
