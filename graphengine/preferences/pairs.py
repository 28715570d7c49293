"""One preference pair per wiser edge and prompt."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.preferences.rendering import parts_of, render_card, render_prompt

if TYPE_CHECKING:
    from graphengine.preferences.source import Source

_MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
_COUNTS = ("wiser", "not_wiser", "unsure", "wiser_reverse", "not_wiser_reverse", "unsure_reverse")

PAIRS = pa.schema([
    ("prompt", _MESSAGES),
    ("chosen", _MESSAGES),
    ("rejected", _MESSAGES),
    ("p_chosen", pa.float64()),
    ("p_chosen_lower", pa.float64()),
    ("p_chosen_upper", pa.float64()),
    ("weight", pa.float64()),
    ("margin", pa.float64()),
    ("margin_sd", pa.float64()),
    *((name, pa.int64()) for name in _COUNTS),
    ("pair_id", pa.string()),
    ("context_id", pa.string()),
    ("scenario_id", pa.string()),
    ("chosen_id", pa.string()),
    ("rejected_id", pa.string()),
    ("upgrade_ids", pa.list_(pa.string())),
    ("ranking_id", pa.string()),
    ("data_hash", pa.string()),
])
"""The columns of a preference dataset: those that TRL reads (a conversation with an explicit prompt), how sure the
graph is, the answers behind the pair, and where it came from."""

NO_TEXT = "a card has no text"
NO_COMMON_PART = "the cards share no part to show"
SAME_TEXT = "both cards read the same"
NO_PROBABILITY = "the edge has no probability"
SAME_PROMPT = "another context gives the same prompt and cards"


def preference_pairs(source: Source, *, all_scenarios: bool = False) -> tuple[pa.Table, dict[str, int]]:
    """Turn wiser edges into preference pairs.

    - `prompt`: the scenario and the context; the context alone where no scenario with a text raises it. The first
      scenario by id, or each of them.
    - `chosen`, `rejected`: the wiser and the less wise card, showing the parts (title, description, policies) that both
      of them have. A card with neither description nor policies has no text, and its pairs are left out.
    - `p_chosen` = P(θ_chosen > θ_rejected), yes-bias removed (`p_model` of the edge), with its 90% interval.
    - `weight` = 2 `p_chosen` - 1; where an edge has several rows (`all_scenarios`) divided by their number.
    - `margin` = E[θ_chosen - θ_rejected], in log odds of an answer. TRL's `RewardTrainer` subtracts it inside its loss,
      -log s(r_chosen - r_rejected - margin), so rewards are asked to differ by at least that much.

    Args:
        source: The tables.
        all_scenarios: One row for each scenario that raises the context, not only for the first by id.

    Returns:
        The pairs (`PAIRS`, by context, scenario and cards), at most one per prompt and unordered pair of cards; and the
        number of edges left out, by reason.
    """
    cards = {card["id"]: card for card in source.cards.to_pylist()}
    contexts = {row["id"]: row["text"] or row["id"] for row in source.contexts.to_pylist()}
    scenarios = scenarios_by_context(source)
    upgrades = _upgrades(source)
    origin = {"ranking_id": source.ranking.get("ranking_id"), "data_hash": source.ranking.get("data_hash")}
    rows: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter()
    taken: set[tuple[str, frozenset[str]]] = set()
    for edge in sorted(source.edges.to_pylist(), key=lambda row: (row["context_id"], row["from_id"], row["to_id"])):
        context_id, chosen_id, rejected_id = edge["context_id"], edge["to_id"], edge["from_id"]
        texts = _texts(cards.get(chosen_id) or {}, cards.get(rejected_id) or {})
        if isinstance(texts, str):
            left_out[texts] += 1
            continue
        if edge["p_model"] is None or edge["margin"] is None:
            left_out[NO_PROBABILITY] += 1
            continue
        asked = upgrades.get((context_id, frozenset((chosen_id, rejected_id))), [])
        known = scenarios.get(context_id) or [(None, None)]
        prompts = known if all_scenarios else known[:1]
        for scenario_id, scenario in prompts:
            prompt = render_prompt(scenario, contexts.get(context_id, context_id))
            if (prompt, frozenset((chosen_id, rejected_id))) in taken:
                left_out[SAME_PROMPT] += 1
                continue
            taken.add((prompt, frozenset((chosen_id, rejected_id))))
            rows.append({
                "prompt": [{"role": "user", "content": prompt}],
                "chosen": [{"role": "assistant", "content": texts[0]}],
                "rejected": [{"role": "assistant", "content": texts[1]}],
                "p_chosen": edge["p_model"],
                "p_chosen_lower": edge["p_model_lower"],
                "p_chosen_upper": edge["p_model_upper"],
                "weight": 0.0,
                "margin": edge["margin"],
                "margin_sd": edge["margin_sd"],
                **{name: edge[name] for name in _COUNTS},
                "pair_id": _pair_id(context_id, scenario_id or "", *sorted((chosen_id, rejected_id))),
                "context_id": context_id,
                "scenario_id": scenario_id,
                "chosen_id": chosen_id,
                "rejected_id": rejected_id,
                "upgrade_ids": asked,
                **origin,
            })
    rows.sort(key=lambda row: (row["context_id"], row["scenario_id"] or "", row["chosen_id"], row["rejected_id"]))
    return with_weights(pa.Table.from_pylist(rows, schema=PAIRS)), dict(sorted(left_out.items()))


def with_weights(pairs: pa.Table) -> pa.Table:
    """The pairs with `weight` = (2 `p_chosen` - 1) / number of rows of the same edge, so an edge counts once."""
    named = (pairs.column(name).to_pylist() for name in ("context_id", "chosen_id", "rejected_id"))
    edges = list(zip(*named, strict=True))
    rows = Counter(edges)
    weights = [(2 * p - 1) / rows[edge] for p, edge in zip(pairs.column("p_chosen").to_pylist(), edges, strict=True)]
    return pairs.set_column(PAIRS.get_field_index("weight"), PAIRS.field("weight"), pa.array(weights, pa.float64()))


def scenarios_by_context(source: Source) -> dict[str, list[tuple[str, str]]]:
    """Id and text of the scenarios that raise each context, by id; those without text are not among them."""
    texts = {row["id"]: row["text"] for row in source.scenarios.to_pylist() if (row["text"] or "").strip()}
    raised = defaultdict(set)
    for row in source.raises.to_pylist():
        if row["scenario_id"] in texts:
            raised[row["context_id"]].add(row["scenario_id"])
    return {context: [(each, texts[each]) for each in sorted(ids)] for context, ids in raised.items()}


def _texts(chosen: dict[str, Any], rejected: dict[str, Any]) -> tuple[str, str] | str:
    """Both cards as text, or why not."""
    content = {"description", "policies"}
    if not (parts_of(chosen) & content and parts_of(rejected) & content):
        return NO_TEXT
    common = parts_of(chosen) & parts_of(rejected)
    if not common & content:
        return NO_COMMON_PART
    texts = render_card(chosen, common), render_card(rejected, common)
    return SAME_TEXT if texts[0] == texts[1] else texts


def _upgrades(source: Source) -> dict[tuple[str, frozenset[str]], list[str]]:
    """Ids of the upgrades that ask about each unordered pair of canonical cards in each context, sorted."""
    canonical = {
        card["id"]: card["canonical_id"] for card in source.cards.to_pylist() if card.get("canonical_id")
    }
    found = defaultdict(list)
    for row in sorted(source.upgrades.to_pylist(), key=lambda row: row["id"]):
        pair = frozenset(canonical.get(row[end], row[end]) for end in ("from_id", "to_id"))
        found[row["context_id"], pair].append(row["id"])
    return found


def _pair_id(*names: str) -> str:
    """The same for both directions, so that a pair keeps its id when more votes turn it round."""
    return "p" + hashlib.sha256("".join(f"{len(name)}:{name}" for name in names).encode()).hexdigest()[:24]
