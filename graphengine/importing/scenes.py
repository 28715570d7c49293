"""Scenarios and contexts."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from graphengine.importing import names
from graphengine.importing.cards import to_table
from graphengine.importing.lists import FIX, split_list
from graphengine.importing.privacy import look
from graphengine.importing.votes import Taken

if TYPE_CHECKING:
    from pathlib import Path

    from graphengine.importing.mapping import Mapping
    from graphengine.importing.model import Known
    from graphengine.importing.source import Source


def take_scenarios(source: Source, mapping: Mapping, known: Known, prefix: str, *, strict: bool) -> Taken:
    """Read scenarios: id, text, image, contexts. Tables: scenarios, contexts, raises.

    An image is kept by the hash of its bytes; the image itself is not stored.
    """
    rows = source.rows(mapping.columns)
    read = len(rows)
    notes = look([(row["row"], row["text"]) for row in rows], mapping.columns["text"], source.counting)
    held = known.map("scenarios", "id", "text")
    contexts = names.Texts(known.map("contexts", "id", "text"), prefix)
    good = []
    for row in rows:
        row["text"] = names.tidy(row["text"])
        row["key"] = prefix + names.tidy(row["id"]) if row["id"] else ""
        fault = _scenario_fault(row, held) or _complete(row, source.path.parent, contexts, strict=strict)
        if fault:
            field, reason, fix = fault
            source.reject(row["row"], mapping.columns[field], row[field], reason, fix)
        else:
            good.append(row)
    good = _agreeing(source, mapping, good, ("text", "image"), "scenario")
    raises = {(row["key"], context) for row in good for context in row["context_ids"]}
    found = {row["key"]: {"id": row["key"], "text": row["text"], "image": row["image"] or None} for row in good}
    new = sorted({context for _, context in raises} - set(contexts.known))
    tables = {
        "scenarios": [found[key] for key in sorted(found)],
        "contexts": [{"id": each, "text": contexts.text(each)} for each in new],
        "raises": [{"scenario_id": scenario, "context_id": context} for scenario, context in sorted(raises)],
    }
    return Taken(
        {name: to_table(name, each) for name, each in tables.items()}, notes, read,
        repeated=len(good) - len(found), new_contexts=new, stub_contexts=new,
    )


def _scenario_fault(row: dict[str, Any], held: dict[str, str | None]) -> tuple[str, str, str] | None:
    if not row["key"]:
        return "id", "no id", "give every scenario an id"
    if not row["text"]:
        return "text", "no text", "write down the situation"
    before = held.get(row["key"])
    # A scenario that only a votes file named has its id for a text.
    if before and row["text"] != before and before not in (row["key"], row["id"]):
        return "text", f'the graph holds the scenario {row["key"]} with another text: "{before[:80]}"', _KEEP_APART
    return None


_KEEP_APART = "use that text, give it another id, or import with --prefix to keep studies apart"


def _complete(
    row: dict[str, Any], folder: Path, contexts: names.Texts, *, strict: bool
) -> tuple[str, str, str] | None:
    """Read the image and the list of contexts of a row."""
    try:
        row["image"] = image_hash(row.get("image", ""), folder)
    except ValueError as error:
        return "image", str(error), "name a file relative to the imported one, a data: URI, or leave the cell blank"
    try:
        listed = split_list(row.get("contexts", ""))
    except ValueError:
        return "contexts", "not a list", FIX
    row["context_ids"] = sorted({each for each in map(contexts.id, listed) if each})
    new = [each for each in row["context_ids"] if each not in contexts.known]
    if strict and new:
        return "contexts", f"a context that the graph does not hold: {new[0]}", "import it first, or without --strict"
    return None


def image_hash(image: str, folder: Path) -> str:
    """`sha256:` and the hash of an image's bytes.

    Args:
        image: A path relative to `folder`, a `data:` URI, such a hash already, or nothing.
        folder: Of the imported file.

    Raises:
        ValueError: If there is no such image.
    """
    if not image or re.fullmatch("sha256:[0-9a-f]{64}", image):
        return image
    if image.startswith("data:"):
        head, comma, body = image[5:].partition(",")
        if not comma:
            raise ValueError("not a data: URI")
        content = base64.b64decode(body, validate=True) if head.endswith(";base64") else unquote_to_bytes(body)
        return "sha256:" + hashlib.sha256(content).hexdigest()
    if re.match("[a-z]+://", image):
        raise ValueError("images are not downloaded")
    if "\0" in image or not (folder / image).is_file():
        raise ValueError("there is no such image")
    with (folder / image).open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def take_contexts(source: Source, mapping: Mapping, known: Known, prefix: str) -> Taken:
    """Read contexts: text, and an id where it is not the text. Table: contexts."""
    rows = source.rows(mapping.columns)
    read = len(rows)
    notes = look([(row["row"], row["text"]) for row in rows], mapping.columns["text"], source.counting)
    held = known.map("contexts", "id", "text")
    by_text = {text: each for each, text in held.items()}
    good = []
    for row in rows:
        row["text"] = names.tidy(row["text"])
        given = names.tidy(row.get("id", ""))
        row["key"] = prefix + (given or row["text"])
        before, same = held.get(row["key"]), by_text.get(row["text"])
        fault = None
        if not row["text"]:
            fault = "no text", "write the context down, such as When grieving"
        elif before and before not in (row["text"], row["key"], given):
            fault = f'the graph holds the context {row["key"]} with the text "{before[:80]}"', _KEEP_APART
        elif same and same != row["key"] and same.startswith(prefix) and given:
            fault = f"the graph holds this text as the context {same}", "leave the id blank, or use that id"
        if fault:
            source.reject(row["row"], mapping.columns["text"], row["text"], *fault)
        else:
            good.append(row)
    good = _agreeing(source, mapping, good, ("text",), "context")
    found = {row["key"]: {"id": row["key"], "text": row["text"]} for row in good}
    return Taken(
        {"contexts": to_table("contexts", [found[key] for key in sorted(found)])}, notes, read,
        repeated=len(good) - len(found), new_contexts=sorted(set(found) - set(held)),
    )


def _agreeing(
    source: Source, mapping: Mapping, rows: list[dict[str, Any]], fields: tuple[str, ...], what: str
) -> list[dict[str, Any]]:
    """Rows less those that say different things of one id."""
    said: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for row in rows:
        said[row["key"]].add(tuple(row[each] for each in fields))
    good = []
    for row in rows:
        if len(said[row["key"]]) == 1:
            good.append(row)
        else:
            source.reject(
                row["row"], mapping.columns["text"], row["text"],
                f"the file says different things of the {what} {row['key']}",
                "make all its rows say the same, or give one another id",
            )
    return good
