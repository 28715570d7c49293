"""The kind `unpaired`: single cards, each labelled as one to follow or not, for KTO."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.preferences.kinds import Kind
from graphengine.preferences.pairs import COUNTS, MESSAGES

if TYPE_CHECKING:
    from collections.abc import Iterable

UNPAIRED = pa.schema([
    ("prompt", MESSAGES),
    ("completion", MESSAGES),
    ("label", pa.bool_()),
    ("p_wiser", pa.float64()),
    ("weight", pa.float64()),
    ("margin", pa.float64()),
    ("pairs", pa.int64()),
    *((name, pa.int64()) for name in COUNTS),
    ("context_id", pa.string()),
    ("scenario_id", pa.string()),
    ("card_id", pa.string()),
    ("card_title", pa.string()),
    ("pair_ids", pa.list_(pa.string())),
    ("upgrade_ids", pa.list_(pa.string())),
    ("ranking_id", pa.string()),
    ("method", pa.string()),
    ("data_hash", pa.string()),
])
"""The columns of the kind `unpaired`."""


def unpaired_rows(pairs: pa.Table) -> pa.Table:
    """One row for each prompt and card of some pairs.

    A card that is wiser than one card and less wise than another would be labelled both ways if each pair were torn in
    two, so all its pairs speak together: `p_wiser` is the mean over them of P(θ_card > θ_other), `label` whether it is
    above one half, `weight` = |2 `p_wiser` - 1|. A card at exactly one half says nothing and gives no row. Where the
    pairs of this prompt show different parts of the card, the shortest of these texts is taken.

    Args:
        pairs: `PAIRS`.

    Returns:
        `UNPAIRED`, by context, scenario and card.

    Example:
        >>> from graphengine.preferences.pairs import PAIRS
        >>> def say(text, role): return [{"role": role, "content": text}]
        >>> pair = {"prompt": say("When lost", "user"), "chosen": say("Ask back", "assistant"), "p_chosen": 0.9,
        ...         "rejected": say("Give advice", "assistant"), "context_id": "c", "chosen_id": "a",
        ...         "rejected_id": "b", "margin": 2.0, "pair_id": "p", "upgrade_ids": [],
        ...         **dict.fromkeys(COUNTS, 1)}
        >>> rows = unpaired_rows(pa.Table.from_pylist([pair], schema=PAIRS)).to_pylist()
        >>> [(row["card_id"], row["label"], round(row["weight"], 3)) for row in rows]
        [('a', True, 0.8), ('b', False, 0.8)]
    """
    found: dict[tuple[str, str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in pairs.to_pylist():
        for side, sign in (("chosen", 1), ("rejected", -1)):
            key = (row["context_id"], row["scenario_id"] or "", row[f"{side}_id"])
            found[key].append({**row, "side": side, "sign": sign})
    rows = [made for _, sides in sorted(found.items()) if (made := _row(sides)) is not None]
    return pa.Table.from_pylist(rows, schema=UNPAIRED)


def _row(sides: list[dict[str, Any]]) -> dict[str, Any] | None:
    first = sides[0]
    p_wiser = _mean(each["p_chosen"] if each["sign"] > 0 else 1 - each["p_chosen"] for each in sides)
    if p_wiser == 0.5:
        return None
    same = ("prompt", "context_id", "scenario_id", "ranking_id", "method", "data_hash")
    counts = {name: sum(each[_turned(name) if each["sign"] < 0 else name] for each in sides) for name in COUNTS}
    return {
        **{name: first[name] for name in same},
        **counts,
        # Pairs may show different parts of the card: mostly, the shortest text has those that all of them show.
        "completion": min((each[each["side"]] for each in sides), key=lambda said: len(said[0]["content"])),
        "label": p_wiser > 0.5,
        "p_wiser": p_wiser,
        "weight": abs(2 * p_wiser - 1),
        "margin": _mean(each["sign"] * each["margin"] for each in sides),
        "pairs": len(sides),
        "card_id": first[f"{first['side']}_id"],
        "card_title": first[f"{first['side']}_title"],
        "pair_ids": sorted(each["pair_id"] for each in sides),
        "upgrade_ids": sorted({upgrade for each in sides for upgrade in each["upgrade_ids"] or ()}),
    }


def _turned(name: str) -> str:
    return name.removesuffix("_reverse") if name.endswith("_reverse") else f"{name}_reverse"


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)


KIND = Kind(
    name="unpaired",
    about="Each row says whether, in a context, a values card is one to follow or not, judged by all cards that it was "
          "paired with there.",
    trainers="TRL `KTOTrainer`; `graphengine train kto`",
    columns=(
        ("prompt", "as in `cards`"),
        ("completion", "the card: one message of the assistant"),
        ("label", "whether it is, on the whole, wiser than the cards it was paired with"),
        ("p_wiser", "the mean over its pairs of P(θ_card > θ_other)"),
        ("weight", "|2 p_wiser - 1|"),
        ("margin", "the mean over its pairs of E[θ_card - θ_other]"),
        ("pairs", "number of its pairs"),
        ("wiser, not_wiser, unsure", "answers to: is this card wiser than another one?"),
        ("wiser_reverse, not_wiser_reverse, unsure_reverse", "answers to the opposite questions"),
        ("context_id, scenario_id, card_id", "ids in the graph"),
        ("card_title", "title of the card"),
        ("pair_ids", "its pairs"),
        ("upgrade_ids", "the upgrades whose votes are counted here"),
        ("ranking_id, method, data_hash", "as in `cards`"),
    ),
    finish=unpaired_rows,
)
