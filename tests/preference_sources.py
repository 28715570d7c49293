"""Sources for the tests of the preferences room, and what it means for a dataset not to leak."""

from __future__ import annotations

import csv
import unicodedata
from collections import Counter, defaultdict
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine import tables
from graphengine.preferences import Source, share, split_of_contexts
from graphengine.preferences.pairs import with_weights

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

CALIBRATION = '{"answers":90,"beta":0.9,"contexts":3,"covariance":[[0.04,0.0],[0.0,0.01]],"log_tau":-0.7,"sigma":0.8}'
RANKING = {
    "ranking_id": "bradley-terry",
    "method": "bradley-terry",
    "parameters": '{"not_wiser":"against"}',
    "calibration": CALIBRATION,
    "data_hash": "ab12",
    "version": "0.1.0",
}


def edge(context_id: str, from_id: str, to_id: str, p: float | None = 0.8, **more: Any) -> dict[str, Any]:
    """One row of EDGES; counts are those of a pair asked in one direction."""
    margin = None if p is None else round(4 * p - 2, 6)
    counts = {"wiser": 3, "not_wiser": 1, "unsure": 0, "wiser_reverse": 0, "not_wiser_reverse": 0, "unsure_reverse": 0}
    sure = {"p_model": p, "p_model_lower": p and p - 0.1, "p_model_upper": p and p + 0.1}
    far = {"margin": margin, "margin_sd": 0.5, "p_majority": 0.7, "p_majority_lower": 0.4, "p_majority_upper": 0.9}
    return {"context_id": context_id, "from_id": from_id, "to_id": to_id, **counts, **sure, **far, **more}


def card(id_: str, **more: Any) -> dict[str, Any]:
    """A card with all its parts."""
    full = {"title": f"Title {id_}", "description": f"Describes {id_}.", "policies": [f"MOMENTS of {id_}", "SIGNS"]}
    return {"id": id_, **full, "canonical_id": None, **more}


def make_source(
    edges: Sequence[Mapping[str, Any]],
    *,
    cards: Iterable[Mapping[str, Any]] | None = None,
    scenarios: Mapping[str, Sequence[str]] | None = None,
    texts: Mapping[str, str | None] | None = None,
    upgrades: Iterable[tuple[str, str, str]] | None = None,
    contexts: Mapping[str, str] | None = None,
    **more: Any,
) -> Source:
    """A source around some edges: by default each card has its text, and each edge one upgrade in its direction.

    Args:
        edges: Rows made by `edge`.
        cards: Rows made by `card`.
        scenarios: Context ids by scenario id; the text of scenario `s` is "Scenario s?".
        texts: Other texts of scenarios.
        upgrades: (context, from, to).
        contexts: Text by context id, where it is not the id.
        more: `ranking`, `facts`, `images` (hashes by scenario id), and other fields of a source.
    """
    scenarios, texts, contexts = scenarios or {}, texts or {}, contexts or {}
    named = sorted({row[side] for row in edges for side in ("from_id", "to_id")})
    asked = upgrades if upgrades is not None else [(row["context_id"], row["from_id"], row["to_id"]) for row in edges]
    images = more.get("images", {})
    return Source(
        edges=tables.EDGES.table(edges),
        cards=pa.Table.from_pylist(
            list(map(dict, cards if cards is not None else map(card, named))),
            schema=pa.schema([*tables.TRUTH["cards"].without("load_id"), ("canonical_id", pa.string())]),
        ),
        contexts=pa.table({
            "id": pa.array(ids := sorted({row["context_id"] for row in edges}), pa.string()),
            "text": pa.array([contexts.get(each, each) for each in ids], pa.string()),
        }),
        scenarios=pa.table({
            "id": pa.array(list(scenarios), pa.string()),
            "text": pa.array([texts.get(each, f"Scenario {each}?") for each in scenarios], pa.string()),
            "image": pa.array([images.get(each) for each in scenarios], pa.string()),
        }),
        raises=pa.Table.from_pylist(
            [{"scenario_id": each, "context_id": context} for each, raised in scenarios.items() for context in raised],
            schema=tables.TRUTH["raises"].without("load_id"),
        ),
        upgrades=pa.Table.from_pylist(
            [
                {"id": tables.upgrade_id(*key), "context_id": key[0], "from_id": key[1], "to_id": key[2]}
                for key in asked
            ],
            schema=tables.TRUTH["upgrades"].without("load_id", "story"),
        ),
        **{
            "ranking": RANKING, "facts": {}, "ranks": make_ranks(edges),
            "verdicts": pa.table({"context_id": pa.array(ids, pa.string()),
                                  "single_winner": pa.array([True] * len(ids), pa.bool_())}),
            **{name: value for name, value in more.items() if name != "images"},
        },
    )  # fmt: skip


def make_ranks(edges: Sequence[Mapping[str, Any]]) -> pa.Table:
    """RANKS of the cards of some edges: by how many edges point to a card."""
    points: dict[str, Counter[str]] = defaultdict(Counter)
    for row in edges:
        points[row["context_id"]].update({row["to_id"]: 1, row["from_id"]: 0})
    return tables.RANKS.table([
        {"context_id": context, "card_id": card_id, "rank": rank, "score": float(-rank), "component": 0,
         "p_top": 0.9 if rank == 1 else 0.1, "tied_top": rank == 1}
        for context, cards in sorted(points.items())
        for rank, card_id in enumerate(sorted(cards, key=lambda each: (-cards[each], each)), start=1)
    ])  # fmt: skip


def split_pairs(pairs: pa.Table, source: Source) -> tuple[dict[str, pa.Table], dict[str, int]]:
    """Pairs shared out as an export shares them out."""
    [(splits, left_out)] = share([pairs], source, split_of_contexts(source))
    return {name: with_weights(table) for name, table in splits.items()}, left_out


def source_of_files(folder: Path) -> Source:
    """The source that the four CSV files of a sample amount to, ranked with the ranking room."""
    from graphengine.ranking import calibrate, wiser_edges

    read = {}
    for kind in ("cards", "scenarios", "contexts", "votes"):
        with (folder / f"{kind}.csv").open(newline="", encoding="utf-8") as file:
            read[kind] = list(csv.DictReader(file))
    canonical = {row["id"]: row["duplicate_of"] or row["id"] for row in read["cards"]}
    counted: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    for row in read["votes"]:
        counted[row["context"], canonical[row["from_value"]], canonical[row["to_value"]]][row["answer"]] += 1
    keys = ("context_id", "from_id", "to_id")
    counts = tables.COUNTS.table([
        dict(zip(keys, key, strict=True)) | {answer: said[answer] for answer in tables.ANSWERS}
        for key, said in sorted(counted.items())
    ])  # fmt: skip
    calibration = calibrate(counts)
    return make_source(
        wiser_edges(counts, calibration).to_pylist(),
        cards=[
            {name: row[name] for name in ("id", "title", "description")}
            | {"policies": row["policies"].split("\n"), "canonical_id": row["duplicate_of"] or None}
            for row in read["cards"]
        ],
        scenarios={row["id"]: row["contexts"].split("\n") for row in read["scenarios"]},
        texts={row["id"]: row["text"] for row in read["scenarios"]},
        upgrades=sorted({(row["context"], row["from_value"], row["to_value"]) for row in read["votes"]}),
        ranking={**RANKING, "calibration": calibration.to_json()},
        facts={"votes": len(read["votes"]), "made_up": True},
    )


def plain(text: str) -> str:
    """A text without case, width of letters and spacing."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def leaks(splits: Mapping[str, pa.Table | Sequence[pa.Table]], source: Source) -> set[str]:
    """The kinds of thing that two splits share; a split may have tables of several kinds."""
    scenario_text = {row["id"]: row["text"] for row in source.scenarios.to_pylist()}
    context_text = {row["id"]: row["text"] for row in source.contexts.to_pylist()}
    held: dict[str, dict[str, set[Any]]] = {}
    for name, kinds in splits.items():
        rows = [row for table in ([kinds] if isinstance(kinds, pa.Table) else kinds) for row in table.to_pylist()]
        with_scenario = [row for row in rows if row["scenario_id"] is not None]
        pairs = [row for row in rows if "chosen_id" in row]
        held[name] = {
            "context": {row["context_id"] for row in rows},
            "text of a context": {plain(context_text[row["context_id"]]) for row in rows},
            "scenario": {row["scenario_id"] for row in with_scenario},
            "text of a scenario": {plain(scenario_text[row["scenario_id"]]) for row in with_scenario},
            "prompt": {plain(row["prompt"][0]["content"]) for row in rows},
            "cards": {frozenset((row["chosen_id"], row["rejected_id"])) for row in pairs},
            "text of cards": {
                frozenset(plain(row[side][0]["content"]) for side in ("chosen", "rejected")) for row in pairs
            },
        }
    return {kind for one, other in combinations(held.values(), 2) for kind in one if one[kind] & other[kind]}
