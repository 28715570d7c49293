"""Opening a dataset folder: what was exported, checked before anything is trained on it.

The folder is read directly from its Parquet files, so no cache of another library stands between the export and the
training, and none can be half written.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphengine.errors import MissingExtraError, TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from datasets import Dataset

SPLITS = ("train", "validation", "test")
FORMAT = "graphengine-preferences"
_PAIRS = ("prompt", "chosen", "rejected")
COLUMNS = {
    "cards": (*_PAIRS, "p_chosen", "weight", "margin", "context_id"),
    "responses": (*_PAIRS, "p_chosen", "weight", "margin", "context_id"),
    "adherence": (*_PAIRS, "p_chosen", "weight", "margin", "context_id"),
    "unpaired": ("prompt", "completion", "label", "weight", "context_id"),
    "prompts": ("prompt", "context_id"),
    "sft": ("prompt", "completion", "context_id"),
}
"""The columns that training reads, by kind of dataset."""

TEXTS = ("prompt", "chosen", "rejected", "completion")
NUMBERS = {"p_chosen": (0.0, 1.0), "weight": (0.0, None), "margin": (None, None), "label": (None, None)}
"""Columns that must have a value in every row, with the least and the most that it may be."""


@dataclass(frozen=True)
class PreferenceFolder:
    """One kind of dataset of a folder.

    Attributes:
        path: The folder.
        kind: `cards`, `responses`, `adherence`, `unpaired`, `prompts` or `sft`.
        splits: The rows of each split that there is, in the order train, validation, test.
        manifest: What `manifest.json` says.
        data_hash: Sha256 of `manifest.json`, which holds the sha256 of every file: it names the data.
        votes_hash: The state of the votes that the data was made from, as the graph tells it.
    """

    path: Path
    kind: str
    splits: dict[str, Dataset]
    manifest: dict[str, Any]
    data_hash: str
    votes_hash: str


def open_folder(folder: str | Path, kind: str = "cards", *, columns: Sequence[str] = ()) -> PreferenceFolder:
    """Open a kind of dataset and see that it is what was exported.

    Every file that the manifest names has the sha256 it names; every row has its texts and numbers.

    Args:
        folder: What `graphengine export preferences` wrote.
        kind: Which of its datasets.
        columns: Columns that must be there beside those of `COLUMNS`.

    Raises:
        TrainingError: If the folder is none, a file is missing or was changed, the kind or a column is missing, or a
            row lacks a value.
        MissingExtraError: If `datasets` is not installed.

    Example:
        >>> from graphengine.training.data import open_folder
        >>> open_folder("pairs", "cards").splits["train"].num_rows  # doctest: +SKIP
        60
    """
    folder = Path(folder)
    if kind not in COLUMNS:
        raise TrainingError(f"there is no kind {kind!r}", hint=f"kinds: {', '.join(COLUMNS)}", key="kind", value=kind)
    manifest, digest = _manifest(folder)
    names = _checked_files(folder, manifest)
    files = {split: f"{kind}/{split}.parquet" for split in SPLITS if f"{kind}/{split}.parquet" in names}
    if not files:
        kinds = sorted({name.split("/")[0] for name in names if name.endswith(".parquet")})
        raise TrainingError(
            f"{folder} holds no dataset of the kind {kind}",
            hint=f"it holds: {', '.join(kinds) or 'none'}; export {kind} with: graphengine export preferences",
            file=folder, key="kind", value=kind,
        )
    tables = {split: _read(folder / name) for split, name in files.items()}
    for split, table in tables.items():
        check_rows(table, (*COLUMNS[kind], *columns), str(folder / files[split]))
    try:
        from datasets import Dataset
    except ImportError as error:
        raise MissingExtraError.of("datasets", "train") from error
    # Dataset() takes a table of its own library; from_dict and from_parquet would copy through Python or a cache.
    from datasets.table import InMemoryTable

    return PreferenceFolder(
        path=folder,
        kind=kind,
        splits={split: Dataset(InMemoryTable(table)) for split, table in tables.items()},
        manifest=manifest,
        data_hash=digest,
        votes_hash=manifest.get("data_hash") or "",
    )


def _manifest(folder: Path) -> tuple[dict[str, Any], str]:
    """What `manifest.json` says, and its sha256."""
    path = folder / "manifest.json"
    hint = "give a folder that `graphengine export preferences` wrote"
    try:
        text = path.read_bytes()
        content = json.loads(text)
    except (FileNotFoundError, NotADirectoryError) as error:
        what = "has no manifest.json" if folder.is_dir() else "is no folder"
        raise TrainingError(f"{folder} {what}, so it is no dataset folder", hint=hint, file=folder) from error
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path} can't be read: {error}", hint="export the dataset again", file=path) from error
    if not isinstance(content, dict) or content.get("format") != FORMAT or not isinstance(content.get("files"), dict):
        raise TrainingError(f"{path} is not the manifest of a dataset folder", hint=hint, file=path)
    return content, hashlib.sha256(text).hexdigest()


def _checked_files(folder: Path, manifest: dict[str, Any]) -> set[str]:
    """The files that the manifest names, each with the content that it had when it was written."""
    for name, told in manifest["files"].items():
        path = folder / name
        expected = told["sha256"] if isinstance(told, dict) else told
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise TrainingError(
                f"{path} is named in manifest.json and can't be read: {error.strerror or error}",
                hint="the copy of the folder is not whole: copy or export it again", file=path,
            ) from error
        if found != expected:
            raise TrainingError(
                f"{path} was changed after the export: its sha256 is {found[:12]}…, and the manifest says "
                f"{expected[:12]}…",
                hint="export the dataset again, or restore the file", file=path, expected=expected, found=found,
            )
    return set(manifest["files"])


def _read(path: Path) -> pa.Table:
    from pyarrow import ArrowException, parquet

    try:
        return parquet.ParquetFile(path).read()
    except (OSError, ArrowException) as error:
        raise TrainingError(f"{path} is not a Parquet file: {error}", hint="export it again", file=path) from error


def check_rows(table: pa.Table, columns: Sequence[str], where: str) -> None:
    """See that the columns that training reads are there and have a value in each row.

    Args:
        table: The rows.
        columns: Names that must be there.
        where: The file, for the message.

    Raises:
        TrainingError: With file, row (counted from 1), column and value.
    """
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise TrainingError(
            f"{where} has no column {missing[0]}",
            hint=f"it has: {', '.join(table.column_names)}; export it again", file=where, column=missing[0],
        )
    for name in columns:
        values = table.column(name).to_pylist() if name in NUMBERS or name in TEXTS else ()
        for row, value in enumerate(values, start=1):
            wrong = _wrong_number(value, *NUMBERS[name]) if name in NUMBERS else _wrong_text(value)
            if wrong:
                raise TrainingError(
                    f"{where}, row {row}: {name} is {wrong}", hint="export the dataset again, or leave the row out",
                    file=where, row=row, column=name, value=value,
                )


def _wrong_number(value: Any, least: float | None, most: float | None) -> str:
    if value is None:
        return "empty"
    # NaN and infinity are not between any bounds.
    inside = float("-inf") < value < float("inf")
    if not inside or (least is not None and value < least) or (most is not None and value > most):
        return f"{value}, which is out of range"
    return ""


def _wrong_text(value: Any) -> str:
    """What is wrong with a plain text or a list of messages; nothing, as a rule."""
    if value is None:
        return "empty"
    if isinstance(value, str):
        return ""
    if not value:
        return "a conversation without messages"
    whole = all(isinstance(each.get("role"), str) and each.get("content") is not None for each in value)
    return "" if whole else "a conversation in which a message has no role or no content"
