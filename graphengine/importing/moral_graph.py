"""Published moral graphs: `values` become cards, `edges` become tallies.

Two forms are read. A (the 2023 study): `instructionsShort`, `evaluationCriteria`. B (later tools): `description`,
`policies`. Edges are alike: `sourceValueId`, `wiserValueId`, `contexts`, `counts`. Likelihood and entropy are not kept:
they follow from the counts.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from graphengine.importing import names
from graphengine.importing.cards import to_table
from graphengine.importing.privacy import look
from graphengine.importing.source import Rows, Source, database, make_tables
from graphengine.importing.votes import Taken

if TYPE_CHECKING:
    from pathlib import Path

    from graphengine.importing.model import Known

COUNTERS = {
    "wiser": "markedWiser", "not_wiser": "markedNotWiser", "less_wise": "markedLessWise", "unsure": "markedUnsure",
    "impressions": "impressions",
}
_USED = {"id", "title", "instructionsShort", "description", "evaluationCriteria", "policies"}
_MEND = "mend the JSON file and import it again"


class _BadEntryError(ValueError):
    """Why an entry can't be taken: field, value, reason."""


def is_moral_graph(data: Any) -> bool:
    """Whether JSON is a published moral graph."""
    return isinstance(data, dict) and isinstance(data.get("values"), list) and isinstance(data.get("edges"), list)


def tally_id(from_id: str, to_id: str) -> str:
    """The id of a tally: it follows from the ordered pair.

    Example:
        >>> tally_id("1", "23") == tally_id("12", "3")
        False
    """
    text = f"{len(from_id)}:{from_id}{len(to_id)}:{to_id}"
    return "t" + hashlib.sha256(text.encode()).hexdigest()[:24]


def take_moral_graph(
    file: Path, data: Any, known: Known, prefix: str, *, strict: bool
) -> tuple[Source, Taken]:
    """Read a published moral graph. Tables: cards, contexts, tallies. Numbers in `data` are text.

    Returns:
        A source that holds only the rejects, and what was taken.
    """
    from graphengine.errors import InputError

    if not is_moral_graph(data):
        raise InputError(
            f'{file}: a moral graph is an object with the lists "values" and "edges"',
            hint="a table of votes or cards is imported without --kind moral-graph-json", file=str(file),
        )
    counting = "entries as they come in the file, values first, from 1"
    source = Source(file, "json", ("list", "entry"), database(), counting)
    make_tables(source.con, 2, "source", "broken")
    rejects = Rows(source.con, 2)
    titles = known.map("cards", "id", "title")
    contexts = names.Texts(known.map("contexts", "id", "text"), prefix)
    values, edges = data["values"], data["edges"]

    cards: dict[str, dict[str, Any]] = {}
    good = _each(values, "values", 1, rejects, lambda entry: _card(entry, titles, prefix))
    good = _agreeing(good, "values", rejects, "id")
    for _, _, card in good:
        cards[card["id"]] = card
    # A value that was rejected is not the card that the graph holds under the same id.
    named = {prefix + str(entry.get("id")).strip() for entry in values if isinstance(entry, dict)}
    there = set(cards) | (set(titles) - named)
    tallies: dict[str, dict[str, Any]] = {}
    found = _each(
        edges, "edges", len(values) + 1, rejects, lambda entry: _tally(entry, there, contexts, prefix, strict=strict)
    )
    found = _agreeing(found, "edges", rejects, "sourceValueId")
    for _, _, tally in found:
        tallies[tally["id"]] = tally
    rejects.flush()

    new_contexts = sorted({each for tally in tallies.values() for each in tally["contexts"]} - set(contexts.known))
    texts = [(row, json.dumps(card, ensure_ascii=False)) for row, _, card in good]
    notes = look(texts, "values", "entries")
    extra = sorted({key for entry in values if isinstance(entry, dict) for key in entry} - _USED)
    extra += sorted(set(data) - {"values", "edges"})
    if extra:
        notes.append(f"Fields left out, nothing of them is stored: {', '.join(extra)}.")
    tables = {
        "cards": [cards[key] for key in sorted(cards)],
        "contexts": [{"id": each, "text": contexts.text(each)} for each in new_contexts],
        "tallies": [tallies[key] for key in sorted(tallies)],
    }
    return source, Taken(
        {name: to_table(name, rows) for name, rows in tables.items()}, notes,
        len(good) + len(found), repeated=len(good) + len(found) - len(cards) - len(tallies),
        new_cards=sorted(set(cards) - set(titles)), new_contexts=new_contexts, stub_contexts=new_contexts,
    )


_Good = list[tuple[int, Any, dict[str, Any]]]


def _each(entries: list[Any], name: str, first: int, rejects: Rows, read: Any) -> _Good:
    """Entry by entry: number, entry, and what `read` makes of it."""
    good: _Good = []
    for number, entry in enumerate(entries, start=first):
        try:
            if not isinstance(entry, dict):
                raise _BadEntryError(name, str(entry), "not an object")
            good.append((number, entry, read(entry)))
        except _BadEntryError as fault:
            field, value, reason = fault.args
            place = f"{name}[{number - first}].{field}"
            rejects.bad(number, [name, json.dumps(entry)], place, json.dumps(value)[:200], reason, _MEND)
    return good


def _agreeing(good: _Good, name: str, rejects: Rows, field: str) -> _Good:
    """Entries less those of one id that say different things."""
    said: dict[str, set[str]] = {}
    for _, _, made in good:
        said.setdefault(made["id"], set()).add(json.dumps(made, sort_keys=True))
    kept: _Good = []
    for number, entry, made in good:
        if len(said[made["id"]]) == 1:
            kept.append((number, entry, made))
        else:
            reason = "the same card or pair stands in the file with different content"
            rejects.bad(number, [name, json.dumps(entry)], f"{name}[].{field}", str(entry.get(field)), reason, _MEND)
    return kept


def _text(entry: dict[str, Any], field: str) -> str:
    value = entry.get(field)
    if value is None:
        return ""
    if not isinstance(value, str) or "\0" in value or not _encodes(value):
        raise _BadEntryError(field, value, "not a text")
    return value.strip()


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _texts(entry: dict[str, Any], field: str) -> list[str]:
    value = entry.get(field)
    if value is None:
        return []
    if not isinstance(value, list):
        raise _BadEntryError(field, value, "not a list of texts")
    return [text for text in (_text({field: item}, field) for item in value) if text]


def _card(entry: dict[str, Any], titles: dict[str, str | None], prefix: str) -> dict[str, Any]:
    identifier = _text(entry, "id")
    if not identifier:
        raise _BadEntryError("id", entry.get("id"), "no id")
    card = {
        "id": prefix + identifier,
        "title": _text(entry, "title") or None,
        "description": _text(entry, "instructionsShort") or _text(entry, "description") or None,
        "policies": _texts(entry, "evaluationCriteria") or _texts(entry, "policies"),
    }
    held = titles.get(card["id"])
    if card["title"] and held and names.tidy(card["title"]) != names.tidy(held):
        raise _BadEntryError(
            "title", card["title"],
            f'the graph holds the card {card["id"]} with the title "{held}" (--prefix keeps studies apart)',
        )
    return card


def _tally(
    entry: dict[str, Any], cards: set[str], contexts: names.Texts, prefix: str, *, strict: bool
) -> dict[str, Any]:
    ids = []
    for field in ("sourceValueId", "wiserValueId"):
        identifier = prefix + _text(entry, field)
        if identifier not in cards:
            raise _BadEntryError(field, entry.get(field), "no value of the file and no card of the graph has this id")
        ids.append(identifier)
    if ids[0] == ids[1]:
        raise _BadEntryError("wiserValueId", ids[1], "a value is compared with itself")
    listed = sorted({each for each in map(contexts.id, _texts(entry, "contexts")) if each})
    if not listed:
        raise _BadEntryError("contexts", entry.get("contexts"), "no contexts")
    new = [each for each in listed if each not in contexts.known]
    if strict and new:
        raise _BadEntryError("contexts", new[0], "a context that the graph does not hold")
    counts = entry.get("counts")
    if not isinstance(counts, dict):
        raise _BadEntryError("counts", counts, "no counts")
    tally = {"id": tally_id(*ids), "from_id": ids[0], "to_id": ids[1], "contexts": listed}
    for column, counter in COUNTERS.items():
        # Numbers come as text, so that ids keep their digits; isdecimal leaves out signs, fractions and other scripts.
        value = counts.get(counter)
        if not isinstance(value, str) or not (value.isascii() and value.isdecimal()) or len(value) > 15:
            raise _BadEntryError(f"counts.{counter}", value, "not a whole number from 0")
        tally[column] = int(value)
    return tally
