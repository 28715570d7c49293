"""A dataset folder is checked when it is opened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from graphengine.errors import TrainingError
from graphengine.training.data import open_folder
from tests.training_folders import pairs, write_folder, write_manifest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.train
pytest.importorskip("datasets")


def test_a_folder_opens_with_its_rows_and_hashes(tmp_path: Path) -> None:
    """Splits in order, rows as they were written, the hash of the manifest and the state of the votes."""
    rows = pairs(6)
    folder = write_folder(tmp_path / "data", {"test": rows[4:], "train": rows[:4]})
    found = open_folder(folder)
    assert ["train", "test"] == list(found.splits)
    assert rows[:4] == found.splits["train"].to_list()
    assert "ab12" == found.votes_hash
    before = found.data_hash
    write_folder(tmp_path / "data", {"test": rows[3:], "train": rows[:3]})
    assert before != open_folder(folder).data_hash


def test_files_may_be_told_with_more_than_their_hash(tmp_path: Path) -> None:
    """`files` holds a sha256 for each name, or an object with it."""
    folder = write_folder(tmp_path / "data", {"train": pairs(2)})
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {name: {"sha256": digest, "rows": 2} for name, digest in manifest["files"].items()}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert 2 == open_folder(folder).splits["train"].num_rows


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    """A file that is not what was exported is named with both hashes."""
    folder = write_folder(tmp_path / "data", {"train": pairs(2)})
    file = folder / "cards" / "train.parquet"
    file.write_bytes(file.read_bytes() + b"\0")
    with pytest.raises(TrainingError, match=r"train\.parquet was changed after the export") as caught:
        open_folder(folder)
    assert (file, "export the dataset again, or restore the file") == (caught.value.file, caught.value.hint)


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    """A copy that is not whole is refused, even where the missing file is of another kind."""
    folder = write_folder(tmp_path / "data", {"train": pairs(2)})
    (folder / "README.md").unlink()
    with pytest.raises(TrainingError, match=r"README\.md is named in manifest.json and can't be read"):
        open_folder(folder)


@pytest.mark.parametrize("made", ["nothing", "empty folder", "another manifest", "not JSON"])
def test_what_is_no_dataset_folder_is_refused(tmp_path: Path, made: str) -> None:
    """The message says that the folder is none, and the hint what is."""
    folder = tmp_path / "data"
    if made != "nothing":
        folder.mkdir()
    if made == "another manifest":
        (folder / "manifest.json").write_text('{"format": "cake", "files": {}}')
    if made == "not JSON":
        (folder / "manifest.json").write_text("{")
    with pytest.raises(TrainingError, match=r"manifest|no folder") as caught:
        open_folder(folder)
    assert "export" in caught.value.hint


def test_a_kind_that_is_missing_is_told_with_those_that_are_there(tmp_path: Path) -> None:
    """Asked for adherence in a folder of cards: what there is, and how to get the other."""
    folder = write_folder(tmp_path / "data", {"train": pairs(2)})
    with pytest.raises(TrainingError, match="holds no dataset of the kind adherence") as caught:
        open_folder(folder, "adherence")
    assert "it holds: cards" in caught.value.hint
    with pytest.raises(TrainingError, match="there is no kind 'card'"):
        open_folder(folder, "card")


@pytest.mark.parametrize("column", ["prompt", "rejected", "weight", "context_id", "images"])
def test_a_missing_column_is_named(tmp_path: Path, column: str) -> None:
    """With the file, and the columns that there are; also one that the caller asks for."""
    rows = [{name: value for name, value in row.items() if name != column} for row in pairs(3)]
    folder = write_folder(tmp_path / "data", {"train": rows})
    with pytest.raises(TrainingError, match=f"train.parquet has no column {column}") as caught:
        open_folder(folder, columns=["images"] if column == "images" else [])
    assert column == caught.value.column


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("weight", None, "weight is empty"),
        ("weight", -0.5, "weight is -0.5, which is out of range"),
        ("margin", float("nan"), "margin is nan, which is out of range"),
        ("p_chosen", 1.5, "p_chosen is 1.5, which is out of range"),
        ("chosen", None, "chosen is empty"),
        ("chosen", [], "chosen is a conversation without messages"),
        ("prompt", [{"role": "user", "content": None}], "a message has no role or no content"),
    ],
)
def test_a_row_without_its_value_is_named(tmp_path: Path, column: str, value: Any, said: str) -> None:
    """With file, row and column, before any model is loaded."""
    rows = pairs(3)
    rows[1] = {**rows[1], column: value}
    folder = write_folder(tmp_path / "data", {"train": rows})
    with pytest.raises(TrainingError, match=f"row 2: .*{said}") as caught:
        open_folder(folder)
    assert (2, column) == (caught.value.row, caught.value.column)


def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path) -> None:
    """Even where its hash is that of the manifest."""
    folder = write_folder(tmp_path / "data", {"train": pairs(2)})
    (folder / "cards" / "train.parquet").write_bytes(b"PAR1")
    write_manifest(folder)
    with pytest.raises(TrainingError, match="is not a Parquet file"):
        open_folder(folder)
