"""From two rankings to the contexts that moved, with the names of things."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphengine.answers import ContextRef
from graphengine.answers_time import Moved
from graphengine.ranked.labels import names
from graphengine.tables import of_contexts

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.store.base import Store


def moves(
    store: Store, before: tuple[pa.Table, pa.Table], after: tuple[pa.Table, pa.Table], least: float, *,
    ranks: bool = False,
) -> list[Moved]:
    """The contexts that moved between two rankings.

    Args:
        store: Where texts and titles are.
        before: RANKS and VERDICTS.
        after: RANKS and VERDICTS.
        least: Least move of P(top) that counts.
        ranks: Whether any other rank counts.
    """
    from graphengine.ranking.drift import changes, moved

    places = changes(before[0], after[0])
    why = moved(places, before[1], after[1], least=least, ranks=ranks)
    if not why:
        return []
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in of_contexts(places, list(why)).to_pylist():
        rows.setdefault(row.pop("context_id"), []).append(row)
    texts, titles = names(store, "contexts", "text"), names(store, "cards", "title")
    said = [{row["context_id"]: row for row in verdicts.to_pylist()} for _, verdicts in (before, after)]
    found = []
    for context, reasons in why.items():
        cards = rows[context]
        one, other = (verdicts.get(context, {}) for verdicts in said)
        shown = [{"id": card["card_id"], "title": titles.get(card["card_id"]), **_numbers(card)} for card in cards
                 if _tells(card, least, ranks=ranks)]
        wisest = [[card["card_id"] for card in cards if card[f"tied_top_{side}"]] for side in ("before", "after")]
        found.append(Moved(
            ContextRef(context, texts.get(context) or context), reasons, wisest[0], wisest[1],
            bool(one.get("single_winner")), bool(other.get("single_winner")), one.get("reason"), other.get("reason"),
            shown,
        ))
    return found


def _numbers(card: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in card.items() if key != "card_id"}


def _tells(card: dict[str, Any], least: float, *, ranks: bool) -> bool:
    first = 1 in (card["rank_before"], card["rank_after"])
    step = abs((card["p_top_after"] or 0.0) - (card["p_top_before"] or 0.0)) >= least
    return first or step or (ranks and card["rank_before"] != card["rank_after"])
