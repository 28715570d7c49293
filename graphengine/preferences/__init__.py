"""From a ranked graph to a dataset folder: tables in, a folder out that `datasets.load_dataset` opens.

The room holds no store. `graph.py` reads the tables and hands them in as a `Source`. Nothing about single participants
comes in, so nothing of them gets out.

A folder has one or more **kinds** of rows, each a configuration (`cards`, `responses`, `adherence`, `unpaired`,
`prompts`, `sft`). To add a kind, describe it with a `Kind` and hand its rows over, not yet split, as `Rows`:

    write_folder(source, out, [Rows(KIND, table, left_out, notes, facts), …], form=Form(…))

or, beside those that follow from the graph, `write_preferences(source, out, kinds=("cards",), more=[Rows(…)])`.
`write_folder` shares all kinds out together by `split_of_contexts(source)` -> `{context_id: split}`, so a context is in
the same split in each of them, and no prompt, scenario or unordered pair of cards (`chosen_id`, `rejected_id`) is in
two. Pairs made elsewhere keep the id of `pair_id(context, scenario, card, card)`, by which `explain` finds their votes.
"""

from __future__ import annotations

from graphengine.preferences.disjoint import card_disjoint, card_overlap
from graphengine.preferences.form import Form
from graphengine.preferences.formats import FORMATS
from graphengine.preferences.kinds import Kind, Rows
from graphengine.preferences.pairs import CARDS, PAIRS, pair_id, preference_pairs
from graphengine.preferences.prompts import PROMPTS, prompt_rows
from graphengine.preferences.rendering import RENDERS, render_card, render_prompt
from graphengine.preferences.source import Source
from graphengine.preferences.splits import SPLITS, share, split_of_contexts
from graphengine.preferences.unpaired import UNPAIRED, unpaired_rows
from graphengine.preferences.writing import KINDS, ExportSummary, write_folder, write_preferences

__all__ = [
    "CARDS", "FORMATS", "KINDS", "PAIRS", "PROMPTS", "RENDERS", "SPLITS", "UNPAIRED", "ExportSummary", "Form", "Kind",
    "Rows", "Source", "card_disjoint", "card_overlap", "pair_id", "preference_pairs", "prompt_rows", "render_card",
    "render_prompt", "share", "split_of_contexts", "unpaired_rows", "write_folder", "write_preferences",
]
