"""How rows lie in files: Parquet or JSON lines, chats or plain text, and the forms that OpenRLHF and verl read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.preferences.rendering import text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from graphengine.preferences.kinds import Kind

FORMATS = {"parquet": "parquet", "jsonl": "jsonl", "openrlhf": "jsonl", "verl": "parquet"}
"""The formats, and how the names of their files end. A folder has one: `load_dataset` can't open a mixture."""

IMAGES = pa.field("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())])))
"""The column of images, as `datasets` keeps them."""

_TEXTS = ("prompt", "chosen", "rejected", "completion", "negative", "revision")
_KEPT = ("pair_id", "context_id", "card_id", "weight")
_SOURCE = "graphengine"


def kinds_of(format_: str) -> tuple[str, ...]:
    """The kinds that a format has a form for; all of them where this is empty."""
    return {"openrlhf": tuple(_OPENRLHF), "verl": tuple(_VERL)}.get(format_, ())


def shaped(kind: str, table: pa.Table, format_: str = "parquet", *, plain: bool = False) -> pa.Table:
    r"""The rows in the form that a format asks for.

    Args:
        kind: The name of their kind.
        table: The rows, with messages.
        format_: A name of `FORMATS`.
        plain: Texts instead of messages. A prompt then ends with a blank line, since trainers join plain texts as they
            are.

    Example:
        >>> said = [[{"role": "user", "content": "When lost"}]]
        >>> rows = pa.table({"prompt": pa.array(said), "context_id": ["c"]})
        >>> shaped("prompts", rows, plain=True).to_pylist()
        [{'prompt': 'When lost\n\n', 'context_id': 'c'}]
    """
    changed = {"openrlhf": _OPENRLHF, "verl": _VERL}.get(format_)
    if changed is None:
        return _as_plain(table) if plain else table
    rows = (_as_plain(table) if plain else table).to_pylist()
    return pa.Table.from_pylist([changed[kind](row) for row in rows])


def write(table: pa.Table, path: Path, format_: str) -> None:
    """Write rows as a file; the same rows give the same bytes."""
    path.parent.mkdir(exist_ok=True)
    if FORMATS[format_] == "jsonl":
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in table.to_pylist())
        return
    from pyarrow import parquet

    if IMAGES.name in table.column_names:
        features = {field.name: _feature(field.name, field.type) for field in table.schema}
        told = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": told})
    parquet.write_table(table, path, compression="zstd", version="2.6")


def with_images(table: pa.Table, images: Mapping[str, bytes]) -> pa.Table:
    """The rows with the image of their scenario, in a list of its own; the list is empty where there is none."""
    scenarios = table.column("scenario_id").to_pylist()
    column = [[{"bytes": images[each], "path": None}] if each in images else [] for each in scenarios]
    return table.append_column(IMAGES, pa.array(column, IMAGES.type))


def _as_plain(table: pa.Table) -> pa.Table:
    for at, name in enumerate(table.column_names):
        if name in _TEXTS:
            texts = list(map(text_of, table.column(name).to_pylist()))
            if name == "prompt":
                texts = [f"{text}\n\n" for text in texts]
            table = table.set_column(at, name, pa.array(texts, pa.string()))
    return table


def _feature(name: str, type_: pa.DataType) -> Any:
    """What `datasets` calls a type."""
    if name == IMAGES.name:
        return {"feature": {"_type": "Image"}, "_type": "List"}
    if pa.types.is_list(type_):
        return {"feature": _feature("", type_.value_type), "_type": "List"}
    if pa.types.is_struct(type_):
        return {field.name: _feature("", field.type) for field in type_}
    return {"dtype": {"double": "float64"}.get(str(type_), str(type_)), "_type": "Value"}


def _told(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in (*names, *_KEPT) if name in row}


def _pair(row: Mapping[str, Any]) -> dict[str, Any]:
    return _told(row, "prompt", "chosen", "rejected", "margin")


def _labelled(row: Mapping[str, Any]) -> dict[str, Any]:
    # With a chat template OpenRLHF reads the response alone, so it must be the whole conversation.
    said = row["completion"]
    whole = said if isinstance(said, str) else row["prompt"] + said
    return {"prompt": row["prompt"], "response": whole, "label": int(row["label"]), **_told(row)}


def _followed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"input": row["prompt"], "output": row["completion"], **_told(row)}


def _asked(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"input": row["prompt"], "label": row["card"], "datasource": _SOURCE, **_told(row)}


def _verl_prompt(row: Mapping[str, Any]) -> dict[str, Any]:
    names = ("context_id", "scenario_id", "card_id", "card_title", "p_top", "single_winner", "ranking_id", "data_hash")
    return {
        "data_source": _SOURCE,
        "prompt": row["prompt"],
        "ability": "values",
        "reward_model": {"style": "model", "ground_truth": row["card"]},
        "extra_info": {name: row[name] for name in names},
    }


def _verl_messages(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"messages": row["prompt"] + row["completion"], **_told(row)}


_COLUMNS = {
    ("unpaired", "response"): "the whole conversation: OpenRLHF reads nothing else where it has a chat template",
    ("unpaired", "label"): "1 for a card that is, on the whole, wiser than the cards it was paired with; else 0",
    ("prompts", "input"): "the prompt",
    ("prompts", "label"): "the card of the first rank as text: the target",
    ("prompts", "datasource"): "where the row comes from",
    ("sft", "input"): "the prompt",
    ("sft", "output"): "the completion",
    ("prompts", "data_source"): "where the row comes from",
    ("prompts", "ability"): "what is asked of the policy",
    ("prompts", "reward_model"): "the card of the first rank as text (ground_truth): the target",
    ("prompts", "extra_info"): "ids of context, scenario and card, the card's title and P(top), ranking, data hash",
    ("sft", "messages"): "prompt and completion",
}
"""Columns that only another trainer's form has, and what is in them."""


def columns_of(kind: Kind, table: pa.Table, format_: str) -> list[tuple[str, str]]:
    """The columns of a kind as they are written, and what is in them.

    Args:
        kind: The kind.
        table: Its rows, before they were shaped.
        format_: A name of `FORMATS`.
    """
    written = shaped(kind.name, table.slice(0, 1), format_).column_names
    told: list[tuple[str, str]] = []
    known = {name: (names, what) for names, what in kind.columns for name in names.split(", ")}
    for name in written:
        names, what = known.get(name, (name, "images of the scenario, or none"))
        if kinds_of(format_) and (kind.name, name) in _COLUMNS:
            names, what = name, _COLUMNS[kind.name, name]
        kept = ", ".join(each for each in names.split(", ") if each in written)
        if (kept, what) not in told:
            told.append((kept, what))
    return told


_Form = dict[str, "Callable[[Mapping[str, Any]], dict[str, Any]]"]
_OPENRLHF: _Form = {
    "cards": _pair, "responses": _pair, "adherence": _pair, "unpaired": _labelled, "prompts": _asked, "sft": _followed,
}
_VERL: _Form = {"prompts": _verl_prompt, "sft": _verl_messages}
