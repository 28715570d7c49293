"""Train, validation and test, without a leak.

Rows of one context stay together, and so do contexts that share a scenario, a text or a prompt: such a **unit** goes to
one split as a whole. Units are taken in the order of a sha256 of their first context id, so the draw is random and yet
always the same, and each goes to the split that lacks most of its share (80, 10 and 10 in 100). What then still leaks
is left out and counted: a scenario that a context of another split has besides its first, and a pair of cards that two
units compare (train keeps it). Where everything hangs together in one unit, all of it is train.
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
    depend on whether all scenarios were exported. Train is never empty; from two units on, test is not empty either.

    Args:
        pairs: `PAIRS`, from `preference_pairs`.
        source: What they were made from.

    Returns:
        The rows of each split that has any, in their order, with the weight of an edge shared among the rows that it
        still has; and the number of rows left out, by reason.
    """
    import pyarrow as pa

    rows = _rows(pairs, source)
    split_of = _draw(_units(rows), Counter(row.context_id for row in rows if row.first))
    left_out: dict[str, int] = {}
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


def _units(rows: list[_Row]) -> list[list[str]]:
    """Context ids that must stay together, each list sorted."""
    parent: dict[Any, Any] = {}

    def root(node: Any) -> Any:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for row in rows:
        if row.first:
            for shared in (("text", row.context), ("scenario", row.scenario), ("prompt", row.prompt)):
                if shared[1] is not None:
                    parent[root(shared)] = root(("id", row.context_id))
    together = defaultdict(list)
    for context_id in sorted({row.context_id for row in rows}):
        together[root(("id", context_id))].append(context_id)
    return list(together.values())


def _draw(units: list[list[str]], sizes: Counter[str]) -> dict[str, str]:
    """The split of each context: every unit goes to the split that lacks most."""
    weighed = [
        (hashlib.sha256(unit[0].encode()).hexdigest(), sum(sizes[each] for each in unit), unit) for unit in units
    ]
    total = sum(size for _, size, _ in weighed)
    lacks = {name: share * total for name, share in _SHARE.items()}
    drawn: list[tuple[str, int, str, list[str]]] = []
    for digest, size, unit in sorted(weighed):
        name = max(_ORDER, key=lambda each: (lacks[each], -_ORDER.index(each)))
        lacks[name] -= size
        drawn.append((name, size, digest, unit))
    if len(drawn) > 1 and all(name == "train" for name, *_ in drawn):
        smallest = min(drawn, key=lambda each: each[1:3])
        drawn[drawn.index(smallest)] = ("test", *smallest[1:])
    return {context_id: name for name, _, _, unit in drawn for context_id in unit}


def _without_straddlers(
    rows: list[_Row], split_of: dict[str, str], key: Callable[[_Row], Hashable]
) -> list[_Row]:
    """The rows whose key is not kept by another split; a context's first scenario comes before all others."""
    keeper: dict[Hashable, tuple[bool, int]] = {}
    for row in rows:
        claim = (not row.first, _ORDER.index(split_of[row.context_id]))
        keeper[key(row)] = min(keeper.get(key(row), claim), claim)
    return [
        row
        for row in rows
        if key(row) is None or _ORDER[keeper[key(row)][1]] == split_of[row.context_id]
    ]
