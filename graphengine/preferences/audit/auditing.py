"""The audit of a dataset folder."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from graphengine.preferences.audit import findings
from graphengine.preferences.audit.baselines import LENGTH, TITLE, TITLE_WORDS, WORDS, Baseline, baselines
from graphengine.preferences.audit.reading import changed_files, read_splits
from graphengine.preferences.audit.texts import read_pairs, words_of
from graphengine.preferences.audit.tokens import token_length

KINDS = ("cards", "responses", "adherence")
TRAIN = "train"


@dataclass(frozen=True)
class Limits:
    """What a dataset may have at most; None: no limit.

    Attributes:
        length_accuracy: Held-out accuracy of the length baseline.
        words_accuracy: Of the words baseline.
        title_accuracy: Of the title baseline, and of the words of the titles.
        duplicates: Share of the rows that repeat another one, or whose sides are near copies.
        truncated: Share of the rows that are longer than `max_length`.
    """

    length_accuracy: float | None = None
    words_accuracy: float | None = None
    title_accuracy: float | None = None
    duplicates: float | None = None
    truncated: float | None = None


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        folder: The folder.
        kind: `cards`, `responses` or `adherence`.
        splits: By split: `pairs`, `contexts`, `prompts`.
        baselines: By held-out split, what baselines reach that learnt from train.
        shows_titles: Does each text start with its card's title?
        certainty: How `p_chosen` is spread (`findings.certainty`).
        lengths: How long the rows are (`findings.lengths`).
        balance: Pairs per context (`findings.balance`).
        duplicates: `findings.duplicates`.
        overlap: By two splits, what they share (`findings.overlap`).
        changed: Files that are not what the manifest says.
        problems: What is wrong, and which limits are passed.
    """

    folder: Path
    kind: str
    splits: dict[str, dict[str, int]]
    baselines: dict[str, tuple[Baseline, ...]]
    shows_titles: bool
    certainty: dict[str, Any]
    lengths: dict[str, Any]
    balance: dict[str, Any]
    duplicates: dict[str, int]
    overlap: dict[str, dict[str, int]]
    changed: tuple[str, ...]
    problems: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """The shape of `dataset audit --json`: `ok` (no problem), then the attributes."""
        told = {each.name: getattr(self, each.name) for each in fields(self)}
        told["folder"] = str(self.folder)
        told["baselines"] = {name: [each.as_json() for each in found] for name, found in self.baselines.items()}
        return {"ok": not self.problems, **told, "changed": list(self.changed), "problems": list(self.problems)}


def audit_folder(
    folder: str | Path,
    kind: str = "cards",
    *,
    limits: Limits | None = None,
    tokenizer: str | Path | None = None,
    max_length: int | None = None,
) -> Audit:
    """Look at the pairs of a dataset folder as a sceptic would.

    Args:
        folder: What `graphengine export preferences` wrote; any folder of `KIND/SPLIT.parquet` (or `.jsonl`) with
            the columns `prompt`, `chosen`, `rejected` will do.
        kind: One of `KINDS`.
        limits: What may not be passed.
        tokenizer: A folder with a tokenizer of Hugging Face; lengths are counted in its tokens, with its chat template,
            and in words without it.
        max_length: The longest row that shall be trained on, in tokens or words.

    Returns:
        What was found. `problems` names the limits that are passed, files that changed since the export, and leaks: a
        prompt, scenario, context or unordered pair in two splits.

    Raises:
        InputError: If the folder, the kind or a column is missing.
        MissingExtraError: If scikit-learn, or transformers for a tokenizer, is not installed.

    Example:
        >>> from graphengine.preferences.audit import audit_folder
        >>> audit_folder("preferences").splits["train"]["pairs"]  # doctest: +SKIP
        60
    """
    tables = read_splits(folder, kind)
    splits = {name: read_pairs(table) for name, table in tables.items()}
    measure, unit = (_words, "words") if tokenizer is None else (token_length(tokenizer), "tokens")
    found = Audit(
        folder=Path(folder),
        kind=kind,
        splits=findings.sizes(splits),
        baselines={
            name: baselines(tables[TRAIN], table) for name, table in tables.items() if name != TRAIN and TRAIN in tables
        },
        shows_titles=all(pairs.shows_titles for pairs in splits.values()),
        certainty=findings.certainty(splits),
        lengths=findings.lengths(splits, measure, unit, max_length),
        balance=findings.balance(splits),
        duplicates=findings.duplicates(splits),
        overlap=findings.overlap(splits),
        changed=changed_files(folder, kind),
    )
    return Audit(**{**vars(found), "problems": (*_faults(found), *_beyond(found, limits or Limits()))})


def _words(prompt: str, side: str) -> int:
    return len(words_of(prompt)) + len(words_of(side))


def _faults(audit: Audit) -> list[str]:
    """What no dataset may have."""
    told = [f"{name} is not what manifest.json says: it was changed after the export" for name in audit.changed]
    for both, shared in audit.overlap.items():
        leaks = [f"{number} {kind}" for kind, number in shared.items() if kind != "cards" and number]
        if leaks:
            told.append(f"{' and '.join(both.split('/'))} share {', '.join(leaks)}: what is held out was seen in train")
    return told


def _beyond(audit: Audit, limits: Limits) -> list[str]:
    """Which limits are passed, and which can't be held against anything."""
    told = []
    accuracies = {
        "length": (limits.length_accuracy, (LENGTH,)),
        "words": (limits.words_accuracy, (WORDS,)),
        "title": (limits.title_accuracy, (TITLE, TITLE_WORDS)),
    }
    for name, (limit, which) in accuracies.items():
        if limit is None:
            continue
        if not audit.baselines:
            told.append(f"the {name} baseline has no limit to keep: there is no held-out split beside train")
        for split, found in audit.baselines.items():
            told += [
                f"on {split} the {each.name} baseline reaches {each.measured.accuracy:.3f}, more than {limit:g}"
                for each in found if each.name in which and each.measured.accuracy > limit
            ]
    rows = max(1, audit.duplicates["rows"])
    share = (audit.duplicates["repeated"] + audit.duplicates["near_equal"]) / rows
    if limits.duplicates is not None and share > limits.duplicates:
        told.append(f"{share:.1%} of the rows repeat another or have two sides that are near copies, more than "
                    f"{limits.duplicates:.1%}")
    longer = audit.lengths["longer_share"]
    if limits.truncated is not None and longer is not None and longer > limits.truncated:
        told.append(f"{longer:.1%} of the rows are longer than {audit.lengths['limit']} {audit.lengths['unit']}, more "
                    f"than {limits.truncated:.1%}")
    return told
