"""What cards and contexts are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphengine.store.base import Store


def names(store: Store, table: str, column: str) -> dict[str, str | None]:
    """A column by id; null where nothing is known."""
    known = store.read(table)
    return dict(zip(known.column("id").to_pylist(), known.column(column).to_pylist(), strict=True))


def titles(store: Store) -> dict[str, str]:
    """Cards' titles by id; a card without one is called by its id."""
    return {card: title or card for card, title in names(store, "cards", "title").items()}


def texts(store: Store) -> dict[str, str]:
    """Contexts' texts by id; a context without one is called by its id."""
    return {context: text or context for context, text in names(store, "contexts", "text").items()}
