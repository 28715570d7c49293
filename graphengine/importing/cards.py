"""Values cards, who articulated them, and which are duplicates."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.importing import names
from graphengine.importing.lists import FIX, split_list
from graphengine.importing.privacy import look
from graphengine.importing.votes import Taken
from graphengine.tables import TRUTH

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphengine.importing.mapping import Mapping
    from graphengine.importing.model import Known
    from graphengine.importing.source import Source

TEXTS = ("title", "description", "policies")


def take_cards(
    source: Source, mapping: Mapping, known: Known, pseudonym: Callable[[pa.Array], pa.Array], prefix: str,
    *, strict: bool,
) -> Taken:
    """Read cards: id, title, description, policies, author, duplicate_of.

    A card may stand in several rows (one per author) as long as they say the same of it. Tables: cards, duplicates,
    users, articulated.
    """
    rows = source.rows(mapping.columns)
    read = len(rows)
    for row in rows:
        for each in ("id", "duplicate_of"):
            row[each] = prefix + row[each] if row.get(each) else ""
    notes = [
        note for each in ("title", "description", "policies")
        for note in look([(row["row"], row.get(each, "")) for row in rows], each, source.counting)
    ]
    titles = known.map("cards", "id", "title")
    rows = [row for row in rows if _check(source, mapping, row, titles)]
    rows = _agreeing(source, mapping, rows)
    rows = _check_duplicates(source, mapping, rows, known, titles, strict=strict)
    authors, dropped, more = _authors(rows, known, pseudonym, prefix)
    notes += more

    cards: dict[str, dict[str, Any]] = {}
    stubs: set[str] = set()
    for row in rows:
        if row.get("title"):
            cards[row["id"]] = {
                "id": row["id"], "title": row["title"], "description": row.get("description") or None,
                "policies": row["items"],
            }
        elif row["id"] not in titles:
            stubs.add(row["id"])
        if row["duplicate_of"] and row["duplicate_of"] not in titles:
            stubs.add(row["duplicate_of"])
    stubs -= set(cards)
    links = {(row["id"], row["duplicate_of"]) for row in rows if row["duplicate_of"]}
    ordered = sorted(cards.values(), key=lambda card: card["id"]) + [{"id": each} for each in sorted(stubs)]
    tables = {
        "cards": ordered,
        "duplicates": [{"card_id": card, "canonical_id": canonical} for card, canonical in sorted(links)],
        "users": [{"id": user} for user in sorted({user for user, _ in authors})],
        "articulated": [{"user_id": user, "card_id": card} for user, card in sorted(authors)],
    }
    statements = {tuple(str(row.get(each)) for each in ("id", *mapping.columns)) for row in rows}
    return Taken(
        {name: to_table(name, each) for name, each in tables.items()}, notes, read,
        repeated=len(rows) - len(statements), dropped=dropped,
        new_cards=sorted((set(cards) | stubs) - set(titles)), stub_cards=sorted(stubs),
    )


def to_table(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    """Rows as a truth table without `load_id`."""
    return pa.Table.from_pylist(rows, schema=TRUTH[name].without("load_id"))


def _check(source: Source, mapping: Mapping, row: dict[str, Any], titles: dict[str, str | None]) -> bool:
    """Whether a row is usable by itself; if not, it goes to the problems."""
    def no(field: str, value: str, reason: str, fix: str) -> bool:
        source.reject(row["row"], mapping.columns.get(field, field), value, reason, fix)
        return False

    if not row["id"]:
        return no("id", "", "no id", "give every card an id")
    title, held = row.get("title", ""), titles.get(row["id"])
    if not title and not row["duplicate_of"] and row["id"] not in titles:
        return no("title", "", "no title", "give every card a title")
    if title and held and names.tidy(title) != names.tidy(held):
        return no(
            "title", title, f'the graph holds the card {row["id"]} with the title "{held}"',
            "use that title, give the card another id, or import with --prefix to keep studies apart",
        )
    try:
        row["items"] = split_list(row.get("policies", ""))
    except ValueError:
        return no("policies", row["policies"], "not a list", FIX)
    return True


def _agreeing(source: Source, mapping: Mapping, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows less those that say different things of one card; nothing tells which of them is right."""
    said: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        for each in (*TEXTS, "duplicate_of"):
            if row.get(each):
                said[row["id"]][each].add(row[each])
    good = []
    for row in rows:
        torn = [each for each in (*TEXTS, "duplicate_of") if len(said[row["id"]][each]) > 1]
        for each in torn:
            source.reject(
                row["row"], mapping.columns[each], row.get(each, ""),
                f"the file says different things of the card {row['id']}",
                "make all its rows say the same, or give one another id",
            )
        if not torn:
            # One row may leave out what another says.
            texts = {each: next(iter(said[row["id"]][each]), "") for each in (*TEXTS, "duplicate_of")}
            good.append(row | texts | {"items": split_list(texts["policies"])})
    return good


def _check_duplicates(
    source: Source, mapping: Mapping, rows: list[dict[str, Any]], known: Known, titles: dict[str, str | None],
    *, strict: bool,
) -> list[dict[str, Any]]:
    """Rows less those whose `duplicate_of` can't hold: a canonical card is never a duplicate itself."""
    held = known.map("duplicates", "card_id", "canonical_id")
    canonical = set(held.values())
    links = {row["id"]: row["duplicate_of"] for row in rows if row["duplicate_of"]}
    there = set(titles) | {row["id"] for row in rows}
    good = []
    for row in rows:
        card, of = row["id"], row["duplicate_of"]
        reason, fix = "", "name the card that all of them lead to"
        if not of or held.get(card) == of:
            pass
        elif card == of:
            reason, fix = "a card is a duplicate of itself", "leave the cell blank, or name another card"
        elif card in held:
            reason = f"the graph holds the card as a duplicate of {held[card]}"
        elif of in held or of in links:
            reason = f"{of} is itself a duplicate of {held.get(of) or links[of]}"
        elif card in canonical:
            first = min(each for each, other in held.items() if other == card)
            reason = f"other cards are duplicates of this one in the graph ({first})"
        elif strict and of not in there:
            reason, fix = "a card that the graph does not hold", "add it to the file, or import without --strict"
        if reason:
            source.reject(row["row"], mapping.columns.get("duplicate_of"), of, reason, fix)
        else:
            good.append(row)
    return good


def _authors(
    rows: list[dict[str, Any]], known: Known, pseudonym: Callable[[pa.Array], pa.Array], prefix: str
) -> tuple[set[tuple[str, str]], int, list[str]]:
    """Pairs of pseudonym and card; erased people are left out, their cards stay."""
    raw = pa.array([row.get("author") or None for row in rows], pa.string())
    people = names.pseudonyms(names.trimmed(raw, prefix), pseudonym).to_pylist()
    pairs = {(user, row["id"]) for user, row in zip(people, rows, strict=True) if user}
    erased = {pair for pair in pairs if names.is_erased(pair[0], known)}
    note = f"{len(erased)} authors who were erased from this graph were left out; their cards are kept."
    return pairs - erased, 0, [note] if erased else []
