"""From survey files to a preference dataset, in one readable program.

`python pipelines/survey_to_preferences.py OUT cards.csv scenarios.csv votes.csv …`

Imports the files in the order given into a new graph `OUT/moral.graph`, ranks it, prints what each context says, and
writes the dataset to `OUT/preferences`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import graphengine


def main(out: Path, files: list[Path]) -> int:
    """Run the recipe; returns the number of preference pairs."""
    with graphengine.open(out / "moral.graph") as graph:
        for file in files:
            outcome = graph.import_file(file, rejects=out / f"{file.stem}-rejects.csv")
            print(f"{file.name}: {outcome.accepted} votes, {outcome.rejected} rows rejected")
        ranked = graph.rank()
        print(f"{ranked.contexts} contexts, {ranked.single_winners} with a single winner")
        for row in graph.query("wisest_everywhere").to_pylist():
            print(f"  {row['context']}: {row['title'] or row['id']} (P(top) {row['p_top']:.2f})")
        exported = graph.export_preferences(out / "preferences")
    print(f"{exported.pairs} pairs in {exported.path}: {exported.splits}")
    return exported.pairs


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
