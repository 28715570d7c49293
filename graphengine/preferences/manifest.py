"""What is told of an export beside its dataset card: the manifest, and notes for the user."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from graphengine.preferences.disjoint import card_overlap
from graphengine.preferences.folder import FORMAT, sha256
from graphengine.preferences.splits import SPLITS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

    from graphengine.preferences.form import Form
    from graphengine.preferences.kinds import Kept
    from graphengine.preferences.source import Source


def notes_of(source: Source, kept: Sequence[Kept]) -> tuple[str, ...]:
    """What the user should know."""
    notes = [note for made, _, _ in kept for note in made.notes]
    splits = kept[0][1]
    missing = [name for name in SPLITS if name not in splits]
    if list(splits) == ["train"] and len(contexts_of(splits["train"])) < len(contexts_of(source.edges)):
        notes.append("All rows are in train, where their contexts are in every kind.")
    elif list(splits) == ["train"]:
        notes.append(
            "All pairs are in train: the contexts hang together through scenarios or the cards they compare, so "
            "nothing could be held out without a leak."
        )
    elif missing:
        notes.append(
            f"There is no {' and no '.join(missing)} split: too few contexts share nothing with the others. If you "
            "need one, take whole contexts out of train."
        )
    notes += [f"No row of the kind {made.kind.name} is left." for made, splits, _ in kept if not splits]
    notes += _about_images(source, kept)
    return tuple(notes)


def _about_images(source: Source, kept: Sequence[Kept]) -> list[str]:
    shown = {
        each for _, splits, _ in kept for table in splits.values() if "scenario_id" in table.column_names
        for each in table.column("scenario_id").to_pylist()
    }  # fmt: skip
    images = [row["id"] for row in source.scenarios.to_pylist() if row.get("image") and row["id"] in shown]
    if not images:
        return []
    if source.images is None:
        return [f"{len(images)} scenario(s) of the prompts have an image, which is not in the prompt."]
    notes = ["TRL's RewardTrainer ignores the column images: a reward model trained with it sees the text only."]
    if missing := [each for each in images if each not in source.images]:
        notes.append(f"{len(missing)} of {len(images)} images were not found, the first that of the scenario "
                     f"{missing[0]}.")
    return notes


def manifest_of(source: Source, kept: Sequence[Kept], folder: Path, *, form: Form, command: str) -> str:
    """The text of manifest.json, of the files that are in the folder."""
    import pyarrow as pa

    from graphengine import __version__

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    kinds = {
        made.kind.name: {
            "rows": sum(table.num_rows for table in splits.values()),
            "splits": {
                name: {"rows": table.num_rows, "contexts": len(contexts_of(table))} for name, table in splits.items()
            },
            "cards_known_from_train": card_overlap(splits, source),
            "left_out": left,
            **({"made_with": made.facts} if made.facts else {}),
        }
        for made, splits, left in kept
    }  # fmt: skip
    content = {
        "format": FORMAT,
        "format_version": 2,
        "command": command,
        "form": vars(form),
        "kinds": kinds,
        "ranking": {
            name: source.ranking.get(name) for name in ("ranking_id", "method", "parameters", "calibration", "version")
        },
        **{name: source.facts[name] for name in ("group", "objective", "flips") if source.facts.get(name)},
        "data_hash": source.ranking.get("data_hash"),
        "versions": {"graphengine": __version__, "pyarrow": pa.__version__},
        "files": {path.relative_to(folder).as_posix(): sha256(path) for path in files},
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def contexts_of(table: pa.Table) -> set[str]:
    """The contexts of some rows."""
    return set(table.column("context_id").to_pylist())
