"""Train, validation and test, without a leak.

The split of a context (`split_of_contexts`) is drawn once for all kinds of a folder. Contexts that share a scenario, a
text or a prompt stay together: such a **unit** goes to one split as a whole. Units are taken in the order of a sha256
of their first context id, so the draw is random and yet always the same, and each goes to the split that lacks most of
its share (80, 10 and 10 in 100 of the pairs). The draw is made twice, the second time with contexts that compare the
same pair in one unit, so that no pair is lost; of the two the one that comes closer to the shares is taken. Where
everything hangs together in one unit, all of it is train.

What then still leaks is left out and counted (`share`), over all kinds together: a scenario that a context of another
split has besides its first, and a pair of cards that two units compare (train keeps it).
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from graphengine.preferences.pairs import preference_pairs, scenarios_by_context, texts_of
from graphengine.preferences.rendering import render_prompt, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

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
    at: tuple[int, int]  # which table, which of its rows
    context_id: str
    context: str
    scenario: str | None
    prompt: str
    pair: frozenset[str] | None
    first: bool  # is the scenario the context's first (or none)?


def split_of_contexts(source: Source) -> dict[str, str]:
    """The split of each context: the same for every kind, form, group and way of rendering.

    It follows from `split_edges` (or the edges), texts, and which scenarios raise which contexts. Contexts without a
    pair have a split too. Train is never empty, and test only where nothing could be held out.

    Args:
        source: What the dataset is made from.

    Returns:
        `train`, `validation` or `test` by context id.
    """
    drawn_from = source.edges if source.split_edges is None else source.split_edges
    base = replace(source, edges=drawn_from.slice(0, 0), candidates=drawn_from, ranks=None, left_out={})
    pairs, _ = preference_pairs(base, all_scenarios=True)
    rows = _rows([pairs], base, "full")
    rows += _without_pairs(base, {row.context_id for row in rows if row.first})
    first = [row for row in rows if row.first and row.pair is not None]
    draws = [_draw(_units(rows, pairs_together=together)) for together in (True, False)]
    return min(draws, key=lambda draw: _distance(_without_leaks(first, draw)[0], draw, len(first)))


def share(
    tables: Sequence[pa.Table], source: Source, split_of: Mapping[str, str], render: str = "full"
) -> list[tuple[dict[str, pa.Table], dict[str, int]]]:
    """Share the rows of several kinds out among the splits of their contexts.

    No context, no prompt, no scenario and no unordered pair of cards is in two splits, whichever kinds one looks at;
    texts are compared without case, width of letters and spacing, so that the same scenario under two ids counts as
    one.

    Args:
        tables: Each with `prompt` and `context_id`, and perhaps `scenario_id`, `chosen_id`, `rejected_id`.
        source: What they were made from.
        split_of: From `split_of_contexts`.
        render: How cards are shown: two cards that read the same are one.

    Returns:
        For each table: the rows of each split that has any, in their order; and the number of rows left out, by reason.
    """
    import pyarrow as pa

    kept, reasons = _without_leaks(_rows(tables, source, render), split_of)
    at: list[dict[str, list[int]]] = [defaultdict(list) for _ in tables]
    for row in kept:
        at[row.at[0]][split_of[row.context_id]].append(row.at[1])
    shared = []
    for number, table in enumerate(tables):
        splits = {name: table.take(pa.array(at[number][name], pa.int64())) for name in SPLITS if at[number][name]}
        shared.append((splits, {reason: left[number] for reason, left in reasons.items() if left[number]}))
    return shared


def _rows(tables: Sequence[pa.Table], source: Source, render: str) -> list[_Row]:
    contexts = {row["id"]: plain(row["text"] or row["id"]) for row in source.contexts.to_pylist()}
    scenarios = {row["id"]: plain(row["text"] or "") for row in source.scenarios.to_pylist()}
    known = {context: rows[0][0] for context, rows in scenarios_by_context(source).items()}
    cards = {card["id"]: card for card in source.cards.to_pylist()}
    columns = ("prompt", "context_id", "scenario_id", "chosen_id", "rejected_id")
    rows = []
    for number, table in enumerate(tables):
        there = table.select([name for name in columns if name in table.column_names])
        for place, row in enumerate(there.to_pylist()):
            context_id, scenario_id = row["context_id"], row.get("scenario_id")
            ends = [row.get("chosen_id"), row.get("rejected_id")]
            rows.append(_Row(
                (number, place), context_id, contexts.get(context_id, plain(context_id)),
                scenarios.get(scenario_id) or None, plain(text_of(row["prompt"])),
                None if None in ends else _pair(*(cards.get(end) or {"id": end} for end in ends), render=render),
                scenario_id is None or known.get(context_id) == scenario_id,
            ))
    return rows


def _without_pairs(source: Source, known: set[str]) -> list[_Row]:
    """A row without a pair for each context that no row is about."""
    scenarios = scenarios_by_context(source)
    rows = []
    for row in sorted(source.contexts.to_pylist(), key=lambda row: row["id"]):
        if row["id"] not in known:
            text = row["text"] or row["id"]
            first = scenarios.get(row["id"], [(None, None)])[0][1]
            rows.append(_Row((0, -1), row["id"], plain(text), None if first is None else plain(first),
                             plain(render_prompt(first, text)), None, first=True))
    return rows


def _pair(one: Mapping[str, Any], other: Mapping[str, Any], *, render: str) -> frozenset[str]:
    """An unordered pair of cards, by what is shown of them; of cards without text by their ids."""
    texts = texts_of(one, other, render)
    return frozenset((one["id"], other["id"]) if isinstance(texts, str) else map(plain, texts))


def plain(text: str) -> str:
    """A text without case, width of letters and spacing: what is equal then counts as the same.

    Example:
        >>> plain("When  Lost") == plain("when lost")
        True
    """
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
        shared: dict[str, Any] = {"text": row.context, "scenario": row.scenario, "prompt": row.prompt}
        if pairs_together:
            shared["pair"] = row.pair
        for kind, value in shared.items():
            if row.first and value is not None:
                parent[root((kind, value))] = root(("id", row.context_id))
    together = defaultdict(list)
    sizes = Counter(row.context_id for row in rows if row.first and row.pair is not None)
    for context_id in sorted({row.context_id for row in rows}):
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
    full = [place for place, (size, *_) in enumerate(drawn) if size]
    if len(full) > 1 and all(drawn[place][2] == "train" for place in full):
        smallest = min(full, key=lambda place: drawn[place][0])
        drawn[smallest] = (*drawn[smallest][:2], "test")
    return {context_id: name for _, unit, name in drawn for context_id in unit}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _distance(rows: list[_Row], split_of: Mapping[str, str], total: int) -> float:
    """How far the splits are from their shares of the total, in rows; a row that was left out counts too."""
    sizes = Counter(split_of[row.context_id] for row in rows)
    return total - len(rows) + sum(abs(sizes[name] - share * total) for name, share in _SHARE.items())


def _without_leaks(
    rows: list[_Row], split_of: Mapping[str, str]
) -> tuple[list[_Row], dict[str, Counter[int]]]:
    """The rows that may stay where they are, and by reason the number of the others of each table."""
    left_out = {}
    keys: dict[str, Callable[[_Row], Hashable]] = {
        STRADDLING_SCENARIO: lambda row: row.scenario,
        STRADDLING_PROMPT: lambda row: row.prompt,
        STRADDLING_PAIR: lambda row: row.pair,
    }
    for reason, key in keys.items():
        kept = _without_straddlers(rows, split_of, key)
        left_out[reason] = Counter(row.at[0] for row in rows)
        left_out[reason].subtract(row.at[0] for row in kept)
        rows = kept
    return rows, left_out


def _without_straddlers(
    rows: list[_Row], split_of: Mapping[str, str], key: Callable[[_Row], Hashable]
) -> list[_Row]:
    """The rows whose key is not kept by another split; a context's first scenario comes before all others."""
    keeper: dict[Hashable, tuple[bool, int]] = {}
    for row in rows:
        claim = (not row.first, _ORDER.index(split_of[row.context_id]))
        keeper[key(row)] = min(keeper.get(key(row), claim), claim)
    return [row for row in rows if key(row) is None or _ORDER[keeper[key(row)][1]] == split_of[row.context_id]]
