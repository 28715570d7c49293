"""What an evaluation found: one row for each model, with the same measures under the same keys."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from graphengine.training.evaluation.calibration import Calibration
    from graphengine.training.evaluation.figures import Figure
    from graphengine.training.evaluation.judging import Judged
    from graphengine.training.evaluation.sizes import Trend
    from graphengine.training.evaluation.stages import StageCost

FORMAT = "graphengine-evaluation"


class Measure(NamedTuple):
    """What is measured: its heading, which way is better ("" for neither), and what it is."""

    heading: str
    better: Literal["higher", "lower", ""]
    meaning: str


OF_REWARD_MODELS = {
    "accuracy_contexts": Measure(
        "accuracy, held-out contexts", "higher",
        "share of pairs whose chosen side gets the higher reward; a tie counts one half; pairs of contexts that "
        "training did not see"),
    "accuracy_scenarios": Measure(
        "accuracy, held-out scenarios", "higher", "the same on pairs whose scenario training did not see"),
    "ties": Measure("ties", "lower", "share of pairs whose sides get the same reward"),
    "ece": Measure(
        "calibration error", "lower", "mean distance between confidence and truth, the chosen side being right"),
    "ece_soft": Measure(
        "calibration error, soft", "lower", "the same, the chosen side being right with the pair's p_chosen"),
}
OF_POLICIES = {
    "reward": Measure("reward", "higher", "mean reward of the answers"),
    "reward_change": Measure("reward, change", "higher", "the same minus the reference's, prompt by prompt"),
    "win_rate": Measure(
        "win rate", "higher",
        "share of prompts where the answer has a higher reward than the reference's; a tie counts one half"),
    "judge_win_rate": Measure("win rate, judge", "higher", "the same by the judge, asked in both orders"),
    "reward_over_in_context": Measure(
        "reward over in-context", "higher", "the reward minus that of the in-context row, prompt by prompt"),
    "kl_token": Measure("KL per token", "", "KL(policy‖reference) per token of the policy's answers, in nats"),
    "kl_response": Measure("KL per answer", "", "the same, added up along each answer"),
    "loss": Measure("loss", "lower", "language-model loss on the held-out text, nats per token"),
    "loss_change": Measure("loss, change", "lower", "the same minus the reference's: what alignment cost"),
    "bits_per_byte": Measure("bits per byte", "lower", "the loss in bits per byte of text, for unlike tokenizers"),
    "exact_match": Measure("exact match", "higher", "share of tasks answered with the right text, greedily"),
    "exact_match_change": Measure("exact match, change", "higher", "the same minus the reference's, task by task"),
    "length": Measure("length", "", "mean tokens of an answer"),
    "ended": Measure("ended", "", "share of answers that ended by themselves"),
}
MEASURES = OF_REWARD_MODELS | OF_POLICIES
"""Every measure by its key in the JSON."""

Kind = Literal["reward model", "reference", "in-context", "policy"]


@dataclass(frozen=True)
class Row:
    """One model and its measures.

    Attributes:
        name: What it is called, unique in the evaluation.
        kind: `reward model`; or `reference`, `in-context` (the reference with the winning cards before the
            conversation) or `policy`.
        folder: Where it is from; a function where the reward is none of a model.
        parameters: Number of weights; None if it is no model.
        kl_weight: The weight of KL that it was trained with, if its run says so.
        measures: By key, those of its kind; None for what was not measured.
    """

    name: str
    kind: Kind
    folder: str
    parameters: int | None
    kl_weight: float | None
    measures: dict[str, Figure | None]

    def as_json(self) -> dict[str, Any]:
        """Plain dictionaries."""
        measured = {key: figure.as_json() if figure else None for key, figure in self.measures.items()}
        return {**asdict(self), "measures": measured}


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found.

    Attributes:
        out: The folder of the report.
        rows: The models.
        baselines: What length, words and titles alone reach on the pairs of held-out contexts.
        calibrations: By the name of the reward model: against hard labels, and soft ones where there are some.
        judged: By the name of the policy: how the judge answered.
        trends: Of reward models and of policies against their number of parameters.
        stages: Time and memory of the stages of training.
        notes: What the reader should know.
        run: What it was made from: settings, hashes of data, models and files, versions, device.
        cost: Seconds and memory of the evaluation itself.
    """

    out: Path
    rows: tuple[Row, ...]
    baselines: tuple[dict[str, Any], ...]
    calibrations: dict[str, tuple[Calibration, ...]]
    judged: dict[str, Judged]
    trends: tuple[Trend, ...]
    stages: tuple[StageCost, ...]
    notes: tuple[str, ...]
    run: dict[str, Any]
    cost: dict[str, Any]

    @property
    def worse_with_size(self) -> tuple[str, ...]:
        """Keys of the measures that get worse as models grow."""
        return tuple(trend.measure for trend in self.trends if trend.worse)

    def as_json(self) -> dict[str, Any]:
        """The shape of `report.json` and of `evaluate --json`."""
        return {
            "ok": True,
            "format": FORMAT,
            "path": str(self.out),
            "models": [row.as_json() for row in self.rows],
            "baselines": list(self.baselines),
            "calibration": {
                name: [each.as_json() for each in found] for name, found in self.calibrations.items()
            },
            "judge": {name: found.as_json() for name, found in self.judged.items()},
            "sizes": [trend.as_json() for trend in self.trends],
            "worse_with_size": list(self.worse_with_size),
            "stages": [asdict(stage) for stage in self.stages],
            "notes": list(self.notes),
            "cost": self.cost,
            "run": self.run,
        }
