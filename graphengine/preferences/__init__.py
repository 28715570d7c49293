"""From wiser edges to a preference dataset: tables in, a folder out that `datasets.load_dataset` opens.

The room holds no store. `graph.py` reads the tables and hands them in as a `Source`; `preference_pairs` makes one row
per wiser edge and prompt, `split_pairs` shares the rows out without a leak, and `write_preferences` does both and
writes Parquet, a dataset card and a manifest. Nothing about single participants comes in, so nothing of them gets out.
"""

from __future__ import annotations

from graphengine.preferences.pairs import PAIRS, preference_pairs
from graphengine.preferences.rendering import render_card, render_prompt
from graphengine.preferences.source import Source
from graphengine.preferences.splits import SPLITS, split_pairs
from graphengine.preferences.writing import ExportSummary, write_preferences

__all__ = [
    "PAIRS",
    "SPLITS",
    "ExportSummary",
    "Source",
    "preference_pairs",
    "render_card",
    "render_prompt",
    "split_pairs",
    "write_preferences",
]
