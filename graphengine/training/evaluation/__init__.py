"""What training was worth: reward models on pairs they have not seen, policies against their reference, and the price.

`evaluate` takes `EvaluationSettings` and writes a folder: `report.json`, `report.md` and pictures. Every number has a
90% interval and says from how many rows it is. The parts are small: `figures` (intervals), `pairs` and `calibration`
(reward models), `bench` with `divergence`, `judging` and `tax` (policies), `sizes` (several models).
"""

from __future__ import annotations

from graphengine.training.evaluation.figures import Figure
from graphengine.training.evaluation.results import MEASURES, Evaluation, Row
from graphengine.training.evaluation.running import evaluate
from graphengine.training.evaluation.settings import EvaluationSettings

__all__ = ["MEASURES", "Evaluation", "EvaluationSettings", "Figure", "Row", "evaluate"]
