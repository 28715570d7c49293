"""What to ask next in a graph: its counts and upgrades in, questions with titles and reasons out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphengine.answers_asking import NextQuestions
from graphengine.errors import RankingError
from graphengine.ranked import labels, records
from graphengine.store import sql
from graphengine.tables import COUNTS

if TYPE_CHECKING:
    from graphengine.answers import ContextRef
    from graphengine.store.base import Store

# Upgrades between canonical cards; of several that became one, the first.
_UPGRADES = """
    select u.context_id, coalesce(f.canonical_id, u.from_id) as from_id, coalesce(t.canonical_id, u.to_id) as to_id,
           min(u.id) as id
    from u left join d f on f.card_id = u.from_id left join d t on t.card_id = u.to_id
    group by all order by all
"""


def ask_next(store: Store, n: int = 20, context: ContextRef | None = None) -> NextQuestions:
    """The questions to ask next; see `MoralGraph.ask_next`."""
    from graphengine import ranking

    counts = store.read("count_votes")
    upgrades = sql.run(_UPGRADES, u=store.read("upgrades"), d=store.read("duplicates"))
    if not upgrades.num_rows:
        raise RankingError("there are no upgrades, so nothing is known of which values belong to which context",
                           hint="graphengine import votes.csv")
    known = records.calibration_of(store, "against")
    calibration = known[0] if known else ranking.calibrate(counts)
    open_rows = upgrades.select(["context_id", "from_id", "to_id"])
    asked_about = sql.run(
        "select context_id, from_id, to_id, wiser, not_wiser, unsure from c where $1 is null or context_id = $1"
        " union all"
        " select context_id, from_id, to_id, 0, 0, 0 from o where $1 is null or context_id = $1 order by all",
        [context.id if context else None], c=counts, o=open_rows,
    ).cast(COUNTS.schema)
    found = ranking.ask_next(asked_about, calibration, n).to_pylist()
    titles = labels.titles(store)
    texts = labels.texts(store)
    ids = {(row["context_id"], row["from_id"], row["to_id"]): row["id"] for row in upgrades.to_pylist()}
    return NextQuestions(context, [
        {
            "context": {"id": row["context_id"], "text": texts.get(row["context_id"], row["context_id"])},
            "from": {"id": row["from_id"], "title": titles.get(row["from_id"], row["from_id"])},
            "to": {"id": row["to_id"], "title": titles.get(row["to_id"], row["to_id"])},
            "upgrade_id": ids.get((row["context_id"], row["from_id"], row["to_id"])),
            **{key: row[key] for key in ("gain", "p_top_from", "p_top_to", "asked", "asked_reverse")},
            "why": why(row),
        }
        for row in found
    ])


def why(row: dict[str, Any]) -> str:
    """Why a row of QUESTIONS is worth asking, in words.

    Example:
        >>> why({"few_answers": False, "fewest": 9, "p_top_from": 0.4, "p_top_to": 0.33, "asked": 5,
        ...      "asked_reverse": 0})
        'either may be the wisest (P(top) 0.40 and 0.33); 5 answers so far, none to the opposite question'
        >>> why({"few_answers": True, "fewest": 0, "p_top_from": 0.9, "p_top_to": 0.1, "asked": 0, "asked_reverse": 0})
        'one of the two has no answer yet; never held against each other'
    """
    first, second = row["p_top_from"], row["p_top_to"]
    if row["fewest"] == 0:
        reason = "one of the two has no answer yet"
    elif row["few_answers"]:
        answers = "answer" if row["fewest"] == 1 else "answers"
        reason = f"one of the two has only {row['fewest']} {answers}"
    elif min(first, second) >= 0.05:
        reason = f"either may be the wisest (P(top) {first:.2f} and {second:.2f})"
    else:
        which = "first" if first > second else "second"
        reason = f"tests how far ahead the {which} is (P(top) {first:.2f} and {second:.2f})"
    return f"{reason}; {_history(row['asked'], row['asked_reverse'])}"


def _history(asked: int, reverse: int) -> str:
    if not asked and not reverse:
        return "never held against each other"
    own = "no answer" if not asked else "1 answer" if asked == 1 else f"{asked} answers"
    return f"{own} so far, {reverse or 'none'} to the opposite question"
