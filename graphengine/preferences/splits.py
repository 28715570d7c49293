"""Train, validation and test, without a leak.

Rows of one context stay together, and so do contexts that share a scenario, a text or a prompt: such a **unit** goes to
one split as a whole. Units are taken in the order of a sha256 of their first context id, so the draw is random and yet
always the same, and each goes to the split that lacks most of its share (80, 10 and 10 in 100). What then still leaks
is left out and counted: a scenario that a context of another split has besides its first, and a pair of cards that two
units compare (train keeps it). The draw is made twice, the second time with contexts that compare the same pair in one
unit, so that no pair is lost; of the two the one that comes closer to the shares is taken. Where everything hangs
together in one unit, all of it is train.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from graphengine.preferences.pairs import with_weights

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    import pyarrow as pa

    from graphengine.preferences.source import Source

SPLITS = ("train", "validation", "test")
_SHARE = {"train": 0.8, "validation": 0.1, "test": 0.1}
# Who keeps what two splits share, and who is served first when two lack the same.
_ORDER = ("train", "test", "validation")

STRADDLING_SCENARIO = "the scenario belongs to another split"
STRADDLING_PROMPT = "the prompt is in another split"
STRADDLING_PAIR = "the pair of cards is in another split"


class _Row(NamedTuple):
    place: int
    context_id: str
    context: str
    scenario: str | None
    prompt: str
    pair: frozenset[str]
    first: bool  # is the scenario the context's first (or none)?


def split_pairs(pairs: pa.Table, source: Source) -> tuple[dict[str, pa.Table], dict[str, int]]:
    """Share preference pairs out among train, validation and test.

    No context, no prompt, no scenario and no unordered pair of cards is in two splits; texts are compared without case,
    width of letters and spacing, so that the same scenario under two ids counts as one. The split of a context does not
    depend on whether all scenarios were exported. Train is never empty, and test only where nothing could be held out.

    Args:
        pairs: `PAIRS`, from `preference_pairs`.
        source: What they were made from.

    Returns:
        The rows of each split that has any, in their order, with the weight of an edge shared among the rows that it
        still has; and the number of rows left out, by reason.
    """
    import pyarrow as pa

    rows = _rows(pairs, source)
    first = [row for row in rows if row.first]
    draws = [_draw(_units(rows, pairs_together=together)) for together in (True, False)]
    split_of = min(draws, key=lambda draw: _distance(_without_leaks(first, draw)[0], draw, len(first)))
    rows, left_out = _without_leaks(rows, split_of)
    at = defaultdict(list)
    for row in rows:
        at[split_of[row.context_id]].append(row.place)
    splits = {name: pairs.take(pa.array(at[name], pa.int64())) for name in SPLITS if at[name]}
    return {name: with_weights(table) for name, table in splits.items()}, left_out


def _rows(pairs: pa.Table, source: Source) -> list[_Row]:
    contexts = {row["id"]: _plain(row["text"] or row["id"]) for row in source.contexts.to_pylist()}
    scenarios = {row["id"]: _plain(row["text"] or "") for row in source.scenarios.to_pylist()}
    first: dict[str, str | None] = {}
    rows = []
    columns = ["context_id", "scenario_id", "prompt", "chosen", "rejected"]
    for place, row in enumerate(pairs.select(columns).to_pylist()):
        context_id, scenario_id = row["context_id"], row["scenario_id"]
        first.setdefault(context_id, scenario_id)  # pairs are sorted by scenario within a context
        prompt, *cards = (_plain(row[column][0]["content"]) for column in columns[2:])
        rows.append(_Row(
            place, context_id, contexts.get(context_id, _plain(context_id)), scenarios.get(scenario_id), prompt,
            frozenset(cards), first[context_id] == scenario_id,
        ))
    return rows


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _units(rows: list[_Row], *, pairs_together: bool) -> list[tuple[int, list[str]]]:
    """Context ids that must stay together, each list sorted, with the number of their rows with a first scenario."""
    parent: dict[Any, Any] = {}

    def root(node: Any) -> Any:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for row in rows:
        shared = {"text": row.context, "scenario": row.scenario, "prompt": row.prompt}
        if pairs_together:
            shared["pair"] = row.pair
        for kind, value in shared.items():
            if row.first and value is not None:
                parent[root((kind, value))] = root(("id", row.context_id))
    together = defaultdict(list)
    sizes = Counter(row.context_id for row in rows if row.first)
    for context_id in sorted(sizes):
        together[root(("id", context_id))].append(context_id)
    return [(sum(sizes[each] for each in unit), unit) for unit in together.values()]


def _draw(units: list[tuple[int, list[str]]]) -> dict[str, str]:
    """The split of each context: every unit goes to the split that lacks most."""
    lacks = {name: share * sum(size for size, _ in units) for name, share in _SHARE.items()}
    drawn = []
    for size, unit in sorted(units, key=lambda each: _digest(each[1][0])):
        name = max(_ORDER, key=lambda each: (lacks[each], -_ORDER.index(each)))
        lacks[name] -= size
        drawn.append((size, unit, name))
    if len(drawn) > 1 and all(name == "train" for *_, name in drawn):
        smallest = min(range(len(drawn)), key=lambda place: drawn[place][0])
        drawn[smallest] = (*drawn[smallest][:2], "test")
    return {context_id: name for _, unit, name in drawn for context_id in unit}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _distance(rows: list[_Row], split_of: dict[str, str], total: int) -> float:
    """How far the splits are from their shares of the total, in rows; a row that was left out counts too."""
    sizes = Counter(split_of[row.context_id] for row in rows)
    return total - len(rows) + sum(abs(sizes[name] - share * total) for name, share in _SHARE.items())


def _without_leaks(rows: list[_Row], split_of: dict[str, str]) -> tuple[list[_Row], dict[str, int]]:
    """The rows that may stay where they are, and the number of the others, by reason."""
    left_out = {}
    keys: dict[str, Callable[[_Row], Hashable]] = {
        STRADDLING_SCENARIO: lambda row: row.scenario,
        STRADDLING_PROMPT: lambda row: row.prompt,
        STRADDLING_PAIR: lambda row: row.pair,
    }
    for reason, key in keys.items():
        kept = _without_straddlers(rows, split_of, key)
        if len(kept) < len(rows):
            left_out[reason] = len(rows) - len(kept)
        rows = kept
    return rows, left_out


def _without_straddlers(
    rows: list[_Row], split_of: dict[str, str], key: Callable[[_Row], Hashable]
) -> list[_Row]:
    """The rows whose key is not kept by another split; a context's first scenario comes before all others."""
    keeper: dict[Hashable, tuple[bool, int]] = {}
    for row in rows:
        claim = (not row.first, _ORDER.index(split_of[row.context_id]))
        keeper[key(row)] = min(keeper.get(key(row), claim), claim)
    return [row for row in rows if key(row) is None or _ORDER[keeper[key(row)][1]] == split_of[row.context_id]]
