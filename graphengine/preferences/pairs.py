"""The kind `cards`: one preference pair per wiser edge (or pair of ranked cards) and prompt."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.preferences.circles import circles_of
from graphengine.preferences.kinds import Kind
from graphengine.preferences.rendering import CONTENT, RENDERS, has_text, parts_of, render_card, render_prompt, said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphengine.preferences.source import Source

MESSAGES = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
COUNTS = ("wiser", "not_wiser", "unsure", "wiser_reverse", "not_wiser_reverse", "unsure_reverse")

PAIRS = pa.schema([
    ("prompt", MESSAGES),
    ("chosen", MESSAGES),
    ("rejected", MESSAGES),
    ("p_chosen", pa.float64()),
    ("p_chosen_lower", pa.float64()),
    ("p_chosen_upper", pa.float64()),
    ("weight", pa.float64()),
    ("margin", pa.float64()),
    ("margin_sd", pa.float64()),
    *((name, pa.int64()) for name in COUNTS),
    ("pair_id", pa.string()),
    ("context_id", pa.string()),
    ("scenario_id", pa.string()),
    ("chosen_id", pa.string()),
    ("rejected_id", pa.string()),
    ("chosen_title", pa.string()),
    ("rejected_title", pa.string()),
    ("upgrade_ids", pa.list_(pa.string())),
    ("ranking_id", pa.string()),
    ("method", pa.string()),
    ("data_hash", pa.string()),
])
"""The columns of a preference dataset: those that TRL reads (a conversation with an explicit prompt), how sure the
graph is, the answers behind the pair, and where it came from."""

NO_TEXT = "a card has no text"
NO_COMMON_PART = "the cards share no part to show"
SAME_TEXT = "both cards read the same"
NO_PROBABILITY = "the edge has no probability"
SAME_PROMPT = "another context gives the same prompt and cards"
IN_CIRCLE = "the answers run in a circle through both cards"
NOT_COMPARED = "the cards were never compared, not even by way of others"
UNSURE = "less probable than asked for"


def preference_pairs(
    source: Source, *, all_scenarios: bool = False, render: str = "full", min_probability: float = 0.5
) -> tuple[pa.Table, dict[str, int]]:
    """Turn wiser edges into preference pairs.

    - `prompt`: the scenario and the context; the context alone where no scenario with a text raises it. The first
      scenario by id, or each of them.
    - `chosen`, `rejected`: the wiser and the less wise card, showing the parts (title, description, policies) that both
      of them have, or the policies only. A card with neither description nor policies has no text, and its pairs are
      left out.
    - `p_chosen` = P(θ_chosen > θ_rejected), yes-bias removed (`p_model` of the edge), with its 90% interval.
    - `weight` = 2 `p_chosen` - 1; where an edge has several rows (`all_scenarios`) divided by their number.
    - `margin` = E[θ_chosen - θ_rejected], in log odds of an answer. TRL's `RewardTrainer` subtracts it inside its loss,
      -log s(r_chosen - r_rejected - margin), so rewards are asked to differ by at least that much.

    Two cards that are in one circle of answers (`circles_of`) make no pair, nor do two that belong to different
    components of a ranking.

    Args:
        source: The tables.
        all_scenarios: One row for each scenario that raises the context, not only for the first by id.
        render: A name of `RENDERS`: which parts of a card are shown.
        min_probability: The least `p_chosen`.

    Returns:
        The pairs (`PAIRS`, by context, scenario and cards), at most one per prompt and unordered pair of cards; and the
        number of edges left out, by reason.
    """
    cards = {card["id"]: card for card in source.cards.to_pylist()}
    contexts = {row["id"]: row["text"] or row["id"] for row in source.contexts.to_pylist()}
    scenarios = scenarios_by_context(source)
    upgrades = _upgrades(source)
    supported = _supported(source)
    rows: list[dict[str, Any]] = []
    left_out: Counter[str] = Counter(source.left_out)
    taken: set[tuple[str, frozenset[str]]] = set()
    edges = source.edges if source.candidates is None else source.candidates
    for edge in sorted(edges.to_pylist(), key=lambda row: (row["context_id"], row["from_id"], row["to_id"])):
        context_id, ends = edge["context_id"], frozenset((edge["to_id"], edge["from_id"]))
        chosen, rejected = (cards.get(edge[end]) or {} for end in ("to_id", "from_id"))
        texts = texts_of(chosen, rejected, render)
        if isinstance(texts, str):
            left_out[texts] += 1
            continue
        if reason := _why_not(edge, supported, min_probability):
            left_out[reason] += 1
            continue
        known = scenarios.get(context_id) or [(None, None)]
        for scenario_id, scenario in known if all_scenarios else known[:1]:
            prompt = render_prompt(scenario, contexts.get(context_id, context_id))
            if (prompt, ends) in taken:
                left_out[SAME_PROMPT] += 1
                continue
            taken.add((prompt, ends))
            rows.append({
                "prompt": said("user", prompt),
                "chosen": said("assistant", texts[0]),
                "rejected": said("assistant", texts[1]),
                "p_chosen": edge["p_model"],
                "p_chosen_lower": edge["p_model_lower"],
                "p_chosen_upper": edge["p_model_upper"],
                "weight": 0.0,
                "margin": edge["margin"],
                "margin_sd": edge["margin_sd"],
                **{name: edge[name] for name in COUNTS},
                "pair_id": pair_id(context_id, scenario_id, *ends),
                "context_id": context_id,
                "scenario_id": scenario_id,
                "chosen_id": edge["to_id"],
                "rejected_id": edge["from_id"],
                "chosen_title": chosen.get("title"),
                "rejected_title": rejected.get("title"),
                "upgrade_ids": upgrades.get((context_id, ends), []),
                **origin(source),
            })
    rows.sort(key=lambda row: (row["context_id"], row["scenario_id"] or "", row["chosen_id"], row["rejected_id"]))
    return with_weights(pa.Table.from_pylist(rows, schema=PAIRS)), dict(sorted(left_out.items()))


def origin(source: Source) -> dict[str, Any]:
    """Where numbers come from: `ranking_id`, `method`, `data_hash`."""
    return {name: source.ranking.get(name) for name in ("ranking_id", "method", "data_hash")}


def _supported(source: Source) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
    """By context and card: which circle the card is in, and which component of the ranking."""
    component: dict[tuple[str, str], int] = {}
    if source.candidates is not None and source.ranks is not None:
        places = source.ranks.select(["context_id", "card_id", "component"]).to_pylist()
        component = {(row["context_id"], row["card_id"]): row["component"] for row in places}
    return circles_of(source.edges, source.not_wiser), component


def _why_not(
    edge: Mapping[str, Any], supported: tuple[dict[tuple[str, str], int], ...], min_probability: float
) -> str | None:
    """Why an edge is no pair, whatever the texts of its cards."""
    circle, component = (
        [found.get((edge["context_id"], edge[end])) for end in ("from_id", "to_id")] for found in supported
    )
    if edge["p_model"] is None or edge["margin"] is None:
        return NO_PROBABILITY
    if circle[0] is not None and circle[0] == circle[1]:
        return IN_CIRCLE
    if component[0] != component[1]:
        return NOT_COMPARED
    return UNSURE if edge["p_model"] < min_probability else None


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


def texts_of(chosen: Mapping[str, Any], rejected: Mapping[str, Any], render: str = "full") -> tuple[str, str] | str:
    """Both cards as text, showing the same parts; or why not."""
    if not (has_text(chosen, render) and has_text(rejected, render)):
        return NO_TEXT
    common = parts_of(chosen) & parts_of(rejected) & RENDERS[render]
    if not common & CONTENT:
        return NO_COMMON_PART
    texts = render_card(chosen, common), render_card(rejected, common)
    return SAME_TEXT if texts[0] == texts[1] else texts


def _upgrades(source: Source) -> dict[tuple[str, frozenset[str]], list[str]]:
    """Ids of the upgrades that ask about each unordered pair of canonical cards in each context, sorted."""
    canonical = source.canonical
    found = defaultdict(list)
    for row in sorted(source.upgrades.to_pylist(), key=lambda row: row["id"]):
        pair = frozenset(canonical.get(row[end], row[end]) for end in ("from_id", "to_id"))
        found[row["context_id"], pair].append(row["id"])
    return found


def pair_id(context_id: str, scenario_id: str | None, one: str, other: str, *, letter: str = "p") -> str:
    """The name of a context, a scenario (None: the context alone) and an unordered pair, by default of cards.

    It stays when more votes turn the pair round, and `graphengine explain` finds the votes by it.

    Example:
        >>> pair_id("When lost", None, "a", "b") == pair_id("When lost", None, "b", "a")
        True
    """
    names = (context_id, scenario_id or "", *sorted((one, other)))
    return letter + hashlib.sha256("".join(f"{len(name)}:{name}" for name in names).encode()).hexdigest()[:24]


CARDS = Kind(
    name="cards",
    about="Each row says that, in a context, one values card was judged wiser than another.",
    trainers="TRL `RewardTrainer` and `DPOTrainer`; `graphengine train reward`, `dpo`",
    columns=(
        ("prompt", "the scenario and the context it raises, or the context alone: one message of the user"),
        ("chosen", "the wiser values card: one message of the assistant"),
        ("rejected", "the less wise values card, showing the same parts"),
        ("p_chosen", "P(θ_chosen > θ_rejected): how sure the model is that the chosen card is wiser, yes-bias removed"),
        ("p_chosen_lower, p_chosen_upper", "its 90% interval over what is not known of the shared terms"),
        ("weight", "2 p_chosen - 1: 0 for a coin toss, 1 for certainty; divided by the number of rows where a context "
                   "and pair of cards has one for each of several scenarios"),
        ("margin", "E[θ_chosen - θ_rejected], in log odds of an answer"),
        ("margin_sd", "its standard deviation"),
        ("wiser, not_wiser, unsure", "answers to: is the chosen card wiser than the rejected one?"),
        ("wiser_reverse, not_wiser_reverse, unsure_reverse", "answers to the opposite question"),
        ("pair_id", "names context, scenario and the unordered pair of cards; `graphengine explain PAIR_ID` walks back "
                    "from it to the votes"),
        ("context_id, scenario_id, chosen_id, rejected_id", "ids in the graph"),
        ("chosen_title, rejected_title", "titles of the two cards"),
        ("upgrade_ids", "the upgrades whose votes are counted here; none where the two cards were compared only by way "
                        "of others"),
        ("ranking_id, method, data_hash", "the ranking that gave p_chosen, how it ranks, and the state of the votes "
                                          "it was made from"),
    ),
    finish=with_weights,
)
