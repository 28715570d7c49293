"""From a source to a dataset folder."""

from __future__ import annotations

import json
import shlex
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import ExportError
from graphengine.preferences.dataset_card import dataset_card
from graphengine.preferences.folder import FORMAT, MANIFEST, check, new_folder, sha256
from graphengine.preferences.pairs import NO_TEXT, preference_pairs
from graphengine.preferences.splits import SPLITS, split_pairs

if TYPE_CHECKING:
    import os

    import pyarrow as pa

    from graphengine.preferences.source import Source


@dataclass(frozen=True)
class ExportSummary:
    """What an export wrote.

    Attributes:
        path: The folder.
        pairs: Number of rows.
        splits: Rows by split; only splits that exist.
        sha256: Of the manifest, which holds the sha256 of every other file.
        left_out: What could not be exported, by reason.
        contexts: Ids of the contexts that the rows are from, sorted.
        data_hash: The state of the votes that the ranking was made from.
        notes: What the user should know.
    """

    path: Path
    pairs: int
    splits: dict[str, int]
    sha256: str
    left_out: dict[str, int]
    contexts: tuple[str, ...]
    data_hash: str
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The shape of `export preferences --json`."""
        return {
            "ok": True,
            "path": str(self.path),
            "pairs": self.pairs,
            "splits": self.splits,
            "sha256": self.sha256,
            "left_out": self.left_out,
            "notes": list(self.notes),
        }


def write_preferences(
    source: Source,
    out: str | os.PathLike[str],
    *,
    all_scenarios: bool = False,
    force: bool = False,
    command: str = "",
) -> ExportSummary:
    """Write a preference dataset: `preferences/<split>.parquet`, `README.md` (the dataset card) and `manifest.json`.

    The folder is written under another name beside `out` and renamed at the end. The same source gives the same bytes,
    wherever it is written.

    Args:
        source: The tables of the graph.
        out: The folder; `datasets.load_dataset(str(out))` opens it.
        all_scenarios: One row for each scenario of a context, with the weight divided by their number.
        force: Replace an earlier export in `out`.
        command: The command for the dataset card, in which the path is told as OUT, so that it does not change the
            bytes; left out, it follows from the options.

    Raises:
        ExportError: If no pair is left, or `out` holds something else, or can't be written.
    """
    out = Path(out)
    check(out.resolve(), force=force)
    pairs, left_out = preference_pairs(source, all_scenarios=all_scenarios)
    if not pairs.num_rows:
        raise _nothing_left(source, left_out, out)
    splits, straddling = split_pairs(pairs, source)
    left_out |= straddling
    if command:
        with suppress(ValueError):  # words with an open quote: told as they are
            command = shlex.join("OUT" if word == str(out) else word for word in shlex.split(command))
    else:
        command = "graphengine export preferences OUT" + (" --all-scenarios" if all_scenarios else "")
    notes = _notes(source, splits)
    with new_folder(out, force=force) as folder:
        for name, table in splits.items():
            _write_parquet(table, folder / "preferences" / f"{name}.parquet")
        card = dataset_card(source, splits, left_out, notes, command)
        (folder / "README.md").write_text(card, encoding="utf-8", newline="\n")
        manifest = _manifest(source, splits, left_out, folder, all_scenarios=all_scenarios, command=command)
        (folder / MANIFEST).write_text(manifest, encoding="utf-8", newline="\n")
        digest = sha256(folder / MANIFEST)
    return ExportSummary(
        path=out,
        pairs=sum(table.num_rows for table in splits.values()),
        splits={name: table.num_rows for name, table in splits.items()},
        sha256=digest,
        left_out=left_out,
        contexts=tuple(sorted(set().union(*(contexts_of(table) for table in splits.values())))),
        data_hash=source.ranking.get("data_hash") or "",
        notes=notes,
    )


def contexts_of(table: pa.Table) -> set[str]:
    """The contexts of some pairs."""
    return set(table.column("context_id").to_pylist())


def _nothing_left(source: Source, left_out: dict[str, int], out: Path) -> ExportError:
    if not source.edges.num_rows:
        return ExportError(
            "the graph has no wiser edges, so there is nothing to export", hint="run: graphengine rank", path=out
        )
    reasons = ", ".join(f"{reason}: {number}" for reason, number in left_out.items())
    hint = "run: graphengine rank"
    if NO_TEXT in left_out:
        hint = "import the texts of the cards: graphengine import cards.csv (graphengine template shows its form)"
    return ExportError(f"no pair is left of {source.edges.num_rows} wiser edges ({reasons})", hint=hint, path=out)


def _notes(source: Source, splits: dict[str, pa.Table]) -> tuple[str, ...]:
    notes = []
    missing = [name for name in SPLITS if name not in splits]
    if len(missing) == len(SPLITS) - 1:
        notes.append(
            "All pairs are in train: the contexts hang together through scenarios or the cards they compare, so "
            "nothing could be held out without a leak."
        )
    elif missing:
        notes.append(
            f"There is no {missing[0]} split: too few contexts share nothing with the others. If you need one, take "
            "whole contexts out of train."
        )
    shown = {each for table in splits.values() for each in table.column("scenario_id").to_pylist()}
    images = sum(1 for row in source.scenarios.to_pylist() if row.get("image") and row["id"] in shown)
    if images:
        notes.append(f"{images} scenario(s) of the prompts have an image, which is not in the prompt.")
    return tuple(notes)


def _write_parquet(table: pa.Table, path: Path) -> None:
    from pyarrow import parquet

    path.parent.mkdir(exist_ok=True)
    parquet.write_table(table, path, compression="zstd", version="2.6")


def _manifest(
    source: Source,
    splits: dict[str, pa.Table],
    left_out: dict[str, int],
    folder: Path,
    *,
    all_scenarios: bool,
    command: str,
) -> str:
    import pyarrow as pa

    from graphengine import __version__

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    content = {
        "format": FORMAT,
        "format_version": 1,
        "command": command,
        "all_scenarios": all_scenarios,
        "pairs": sum(table.num_rows for table in splits.values()),
        "splits": {
            name: {"pairs": table.num_rows, "contexts": len(contexts_of(table))} for name, table in splits.items()
        },
        "left_out": left_out,
        "ranking": {
            name: source.ranking.get(name) for name in ("ranking_id", "method", "parameters", "calibration", "version")
        },
        "data_hash": source.ranking.get("data_hash"),
        "versions": {"graphengine": __version__, "pyarrow": pa.__version__},
        "files": {path.relative_to(folder).as_posix(): sha256(path) for path in files},
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
