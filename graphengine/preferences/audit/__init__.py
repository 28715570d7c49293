"""What a dataset folder is worth before anything is trained on it.

`baselines` tells how far length, words and titles alone lead on held-out pairs; `audit_folder` adds what else makes a
reward model look better than it is: duplicates, texts that are cut, contexts that outweigh others, what two splits
share. Pure functions over Parquet; scikit-learn (extra `train`) is loaded where words are counted.
"""

from __future__ import annotations

from graphengine.preferences.audit.auditing import KINDS, Audit, Limits, audit_folder
from graphengine.preferences.audit.baselines import Baseline, baselines
from graphengine.preferences.audit.intervals import Accuracy, accuracy

__all__ = ["KINDS", "Accuracy", "Audit", "Baseline", "Limits", "accuracy", "audit_folder", "baselines"]
