"""Trains an evaluator of values on labelled answers, fits its temperature on held-out ones, and says how good it is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphengine.errors import TrainingError
from graphengine.models.value_evaluator import ValueEvaluator, mixed, softmax
from graphengine.models.value_linear import FrozenEncoder
from graphengine.schwartz.judged import Known, judged
from graphengine.schwartz.labelled import Labelled, join, read_labelled
from graphengine.training.evaluator_linear import fit_linear
from graphengine.training.evaluator_settings import EvaluatorSettings
from graphengine.training.evaluator_targets import cell_weights, side_targets
from graphengine.training.run_folder import CARD, open_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphengine.models.value_linear import LinearReader

__all__ = ["EvaluatorOutcome", "EvaluatorSettings", "fit_evaluator", "train_evaluator", "words_alone"]

_TEMPERATURES = np.exp(np.linspace(np.log(0.2), np.log(5.0), 97))
_SHARES = np.linspace(0, 1, 21)


@dataclass(frozen=True)
class EvaluatorOutcome:
    """What a run made.

    Attributes:
        model: The evaluator's folder.
        report: What stands in `report.json`.
    """

    model: Path
    report: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {"ok": True, "model": str(self.model), "report": self.report}


def train_evaluator(
    settings: EvaluatorSettings, *, progress: Callable[[str], None] | None = None
) -> EvaluatorOutcome:
    """Train an evaluator and write it.

    Args:
        settings: The recipe.
        progress: Called with what is going on.

    Raises:
        InputError: If the rows can't be read.
        TrainingError: If there are too few of them, or `out` holds something else.
    """
    parts = [read_labelled(path, settings.system, policy=settings.policy, roll_up=settings.roll_up)
             for path in settings.rows]
    rows = join(parts)
    run = open_run(settings, "evaluator", data_hash=_hash(settings.rows))
    try:
        evaluator, held = fit_evaluator(rows, settings, progress=progress,
                                        log=lambda step, loss: run.log(step, loss=loss))
    except BaseException:
        run.forget()  # such a run is begun anew, so there is nothing to keep
        raise
    measured = {"evaluator": held["judged"], "words": held["words"]}
    run.write_folder(run.model, evaluator.save)
    report = run.finish({
        "rows": {str(path): {"answers": len(part), "left_out": part.left_out}
                 for path, part in zip(settings.rows, parts, strict=True)},
        "system": rows.system.name, "values": list(rows.system.ids), "temperature": evaluator.temperature,
        "network_share": evaluator.share if evaluator.network is not None and evaluator.linear is not None else None,
        "held_out": measured,
        "note": "share, temperature and these numbers are of the same held-out groups: measure other rows with "
                "`graphengine schwartz evaluate`",
    })
    run.write_text(CARD, _card(report))
    return EvaluatorOutcome(run.model, report)


def fit_evaluator(
    rows: Labelled, settings: EvaluatorSettings, *, progress: Callable[[str], None] | None = None,
    log: Callable[[int, float], None] | None = None, encoder: FrozenEncoder | None = None,
) -> tuple[ValueEvaluator, dict[str, Any]]:
    """Fit an evaluator in memory.

    The readers are fitted without some groups, on which their mixture and the temperature are fitted; then the linear
    reader, which costs little, is fitted again on all rows.

    Args:
        rows: Labelled answers.
        settings: The recipe; `rows` and `out` are not looked at.
        progress: Called with what is going on.
        log: Called with step and loss of the network.
        encoder: The frozen encoder, if it is open already.

    Returns:
        The evaluator, and what it and words alone reach on the held-out groups (`judged`, `words`).

    Raises:
        TrainingError: If there are too few rows or groups.
    """
    say = progress or (lambda _: None)
    folds = max(2, round(1 / settings.held_out))
    if len(set(rows.groups)) < folds:
        raise TrainingError(f"there are {len(set(rows.groups))} prompts, too few to hold some out",
                            hint="label answers to more prompts, or raise held_out", key="rows")
    held = rows.folds(folds, settings.seed) == 0
    fitted, kept_out = rows.take(~held), rows.take(held)
    if encoder is None and settings.linear and settings.encoder is not None:
        encoder = FrozenEncoder(settings.encoder, settings.max_length)
    made = ValueEvaluator(
        rows.system.ref, rows.system.ids, tuple(value.definition for value in rows.system.values), band=settings.band,
        name=f"evaluator of {rows.system.name}", counts=Known.of(rows.labels).counts.tolist(),
    )
    if settings.network != "none":
        from graphengine.training.evaluator_network import train_network

        def told(step: int, steps: int, loss: float) -> None:
            say(f"network: step {step:,} of {steps:,}, loss {loss:.3f}")
            if log:
                log(step, loss)

        targets = side_targets(fitted, settings.circular)
        made.network = train_network(settings, fitted.pairs, made.definitions, targets,
                                     cell_weights(targets, settings.class_power), told=told)
    if settings.linear:
        say(f"the linear reader: {len(fitted):,} answers")
        made.linear = _linear(fitted, settings, encoder)
    _calibrate(made, kept_out)
    found = {
        "judged": judged(made.probabilities(kept_out.pairs), kept_out, known=Known.of(fitted.labels),
                         band=settings.band, one=made.one_of_many(kept_out.pairs)),
        "words": judged(words_alone(fitted, settings.seed).probabilities(kept_out.pairs), kept_out,
                        known=Known.of(fitted.labels)),
    }
    if settings.linear:
        say(f"the linear reader on all: {len(rows):,} answers")
        made.linear = _linear(rows, settings, encoder)
    return made, found


def words_alone(rows: Labelled, seed: int = 0) -> ValueEvaluator:
    """The baseline: words and pieces of words of the whole text, rare sides weighted n^-.75, no encoder."""
    targets = side_targets(rows)
    linear = fit_linear(rows.pairs, targets, cell_weights(targets, 0.75), rows.sources, prompt_weight=1e4, seed=seed)
    values = rows.system.values
    return ValueEvaluator(rows.system.ref, rows.system.ids, tuple(value.definition for value in values), linear,
                          name="words alone")


def _linear(rows: Labelled, settings: EvaluatorSettings, encoder: FrozenEncoder | None) -> LinearReader:
    targets = side_targets(rows, settings.circular)
    return fit_linear(
        rows.pairs, targets, cell_weights(targets, settings.class_power), rows.sources, encoder=encoder,
        prompt_weight=settings.prompt_weight, encoder_weight=settings.encoder_weight, strength=settings.strength,
        seed=settings.seed,
    )


def _calibrate(made: ValueEvaluator, rows: Labelled) -> None:
    """Fit how the readers are mixed, and the temperatures, to labels that neither reader saw."""
    there = ~np.isnan(rows.labels)
    truth = rows.labels[there].astype(int) + 1
    readings = made.readings(rows.pairs)
    shares = _SHARES.tolist() if len(readings) > 1 else [0.0]
    tried = [(_surprise(logits[there] / heat, truth), share, float(heat))
             for share in shares for logits in [mixed(readings, share)] for heat in _TEMPERATURES]
    _, made.share, made.temperature = min(tried)
    at = rows.chosen >= 0
    if at.any():
        logits = mixed(readings, made.share)[at]
        rather = logits[..., 2] - logits[..., 1]
        made.temperature_of_one = float(min(_TEMPERATURES, key=lambda heat: _surprise(rather / heat, rows.chosen[at])))


def _surprise(logits: np.ndarray, truth: np.ndarray) -> float:
    """The mean negative log likelihood."""
    return -float(np.log(np.maximum(softmax(logits)[np.arange(len(truth)), truth], 1e-12)).mean())


def _hash(paths: tuple[Path, ...]) -> str:
    return hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in paths)).hexdigest()


def _card(report: dict[str, Any]) -> str:
    ours, words = (report["held_out"][name]["measured"] for name in ("evaluator", "words"))
    zeros = report["held_out"]["evaluator"]["baselines"]["all_zeros"]
    lines = [
        f"# An evaluator of {report['system']}", "",
        "Reads from a prompt and an answer how likely the answer opposes, or aligns with, each value. Trained by "
        "graphengine; open it with `graphengine.models.value_evaluator.load_value_evaluator`.", "",
        "| on held-out groups | accuracy | pooled macro-F1 |", "|---|---|---|",
    ]
    for name, each in (("this evaluator", ours), ("words alone", words), ("always 0", zeros)):
        lines.append(f"| {name} | {each['accuracy']:.3f} {_range(each['accuracy_interval'])} | "
                     f"{each['macro_f1']:.3f} {_range(each['macro_f1_interval'])} |")
    lines += ["", f"Calibration error {report['held_out']['evaluator']['ece']:.3f}. {report['note']}.",
              "Labels of answers say what a text expresses in the eyes of whoever labelled it, not what somebody "
              "values."]
    return "\n".join(lines) + "\n"


def _range(interval: list[float]) -> str:
    return f"[{interval[0]:.3f}, {interval[1]:.3f}]"
