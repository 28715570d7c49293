"""Value targets of a ranked graph: drawn from its contexts, stored with what they came from, found again."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections import Counter
from typing import TYPE_CHECKING, Any

from graphengine.errors import InputError, NotRankedError, StoreError
from graphengine.ranked.names import options
from graphengine.schwartz.bridge import CardVectors, Drawn, Part, context_target, pool
from graphengine.schwartz.distance import distance_to
from graphengine.schwartz.names import closest, did_you_mean
from graphengine.schwartz.target_files import load_target, presets, target_of
from graphengine.store import targets
from graphengine.tables import canonical_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphengine.schwartz.target import Target
    from graphengine.store.base import Store

POOLED = "all contexts"
"""What the target of all contexts together is called."""


def draw_targets(
    store: Store, vectors: CardVectors, ranking_id: str, contexts: Sequence[str] | None = None
) -> tuple[list[Drawn], dict[str, str]]:
    """The target of each context, and of all together (the last one, where there are several).

    Args:
        store: The graph.
        vectors: Of its canonical cards.
        ranking_id: Whose P(top).
        contexts: Ids of the contexts; None for all that are ranked.

    Returns:
        The targets, named by the texts of their contexts (with the id where two have one text); and why a context has
        none, by that name.

    Raises:
        NotRankedError: If there is no such ranking.
        InputError: If the vectors name a card that the graph does not hold, or no context has a target.
    """
    if ranking_id not in store.read("rankings").column("id").to_pylist():
        raise NotRankedError(f"there is no ranking {ranking_id!r} yet", ranking=ranking_id,
                             hint=f"make it: graphengine rank{options(ranking_id)}")
    _check(vectors, store.read("cards").column("id").to_pylist())
    places: dict[str, list[tuple[str, float]]] = {}
    for row in store.read("ranks", ranking=ranking_id).to_pylist():
        if row["p_top"] is not None:
            places.setdefault(row["context_id"], []).append((row["card_id"], row["p_top"]))
    drawn: list[Drawn] = []
    without: dict[str, str] = {}
    found = store.read("contexts").to_pylist()
    texts = Counter([POOLED, *(row["text"] or row["id"] for row in found)])
    for row in found:
        text = row["text"] or row["id"]
        if texts[text] > 1:  # a target is known by its name
            text = f"{text} ({row['id']})"
        if contexts is not None and row["id"] not in contexts:
            continue
        if row["id"] not in places:
            without[text] = "it is not ranked"
            continue
        try:
            drawn.append(context_target(text, row["id"], places[row["id"]], vectors,
                                        provenance=f" of the ranking {ranking_id}"))
        except InputError as error:
            without[text] = error.message
    if not drawn:
        told = "; ".join(dict.fromkeys(without.values())) or "there are none"
        raise InputError(f"no context has a target: {told}", hint="see graphengine query contexts, and the vectors")
    return [*drawn, pool(POOLED, drawn)] if len(drawn) > 1 else drawn, without


def _check(vectors: CardVectors, cards: Sequence[str]) -> None:
    unknown = sorted({*vectors.vectors} - {*cards})
    if unknown:
        close = closest(unknown[0], cards)
        raise InputError(
            f"{vectors.evaluator} names {len(unknown)} cards that the graph does not hold, such as {unknown[0]!r}",
            hint="graphengine query cards lists them" if close is None else f"did you mean {close}?", value=unknown[0],
        )


def store_drawn(store: Store, drawn: Sequence[Drawn], ranking_id: str) -> None:
    """Keep targets in the graph, with their cards and the state of the votes that they came from."""
    states = _states(store)
    targets.put(store, [
        _row(each.target, each.contexts, ranking_id, states, {
            "evaluator": each.evaluator, "left_out": each.left_out,
            "cards": [{"card_id": part.card_id, "p_top": part.p_top, "vector": list(part.vector)}
                      for part in each.parts],
        }) for each in drawn
    ])


def store_target(store: Store, target: Target) -> None:
    """Keep a target that came from elsewhere.

    Raises:
        InputError: If the graph has one of that name that was drawn from its contexts.
    """
    known = {row["id"]: row["contexts"] for row in store.read("targets").to_pylist()}
    if known.get(target.name):
        raise InputError(f"the graph's target {target.name!r} was drawn from its contexts",
                         hint="give the target another name", value=target.name)
    targets.put(store, [_row(target, (), "", {}, {})])


def _row(
    target: Target, contexts: Sequence[str], ranking_id: str, states: Mapping[str, str], more: dict[str, Any]
) -> dict[str, Any]:
    return {
        "id": target.name, "kind": target.kind, "system": target.system, "contexts": sorted(contexts),
        "ranking_id": ranking_id, "data_hash": _state(contexts, states),
        "document": canonical_json({"target": target.as_json(), **more}),
    }


def _states(store: Store) -> dict[str, str]:
    return {row["id"]: row["data_hash"] or "" for row in store.read("contexts").to_pylist()}


def _state(contexts: Sequence[str], states: Mapping[str, str]) -> str:
    told = [(context, states.get(context, "gone")) for context in sorted(contexts)]
    return hashlib.sha256(canonical_json(told).encode()).hexdigest() if told else ""


def stored(store: Store) -> list[dict[str, Any]]:
    """The targets in the graph.

    Returns:
        Of each: `name`, `target`, `contexts`, `ranking_id`, `at`, `stale` (votes of its contexts came in since),
        `evaluator` (None where it came from elsewhere) and `parts` (its cards).

    Raises:
        StoreError: If a record is not what this version writes, or the file of its system is gone.
    """
    states = _states(store)
    found = []
    for row in store.read("targets").to_pylist():
        try:
            content = json.loads(row["document"])
            parts = tuple(Part(each["card_id"], each["p_top"], tuple(each["vector"]))
                          for each in content.get("cards", ()))
            target = target_of(content["target"], row["id"])
        except (InputError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"the target {row['id']!r} in the graph can't be read: {error}", hint="put back what it "
                             f"names, or take it out: graphengine schwartz targets --forget {shlex.quote(row['id'])}"
                             ) from error
        found.append({
            "name": row["id"], "target": target, "contexts": row["contexts"] or [], "ranking_id": row["ranking_id"],
            "at": row["at"], "stale": bool(row["contexts"]) and _state(row["contexts"], states) != row["data_hash"],
            "evaluator": content.get("evaluator"), "parts": parts,
        })
    return found


def find_target(store: Store, name: str) -> Target:
    """A target of the graph by name, else a preset, else a file.

    Raises:
        InputError: If there is none.
    """
    known = {row["name"]: row["target"] for row in stored(store)}
    if name in known:
        return known[name]
    if name.endswith((".toml", ".json")) or name.lower() in {each.lower() for each in presets()}:
        return load_target(name)
    raise InputError(f"there is no target {name!r}", value=name,
                     hint=did_you_mean(name, [*known, *presets()]) + "; or give a .toml or .json file")


def values_of_pair(store: Store, context_id: str, wiser: str, less_wise: str) -> list[dict[str, Any]]:
    """What the graph's targets of a context say of two of its cards.

    Returns:
        Of each target with vectors of both: `target`, `evaluator`, `stale`, `vector` (of the target), `wiser` and
        `less_wise` (the cards' vectors, by value), `distance_wiser`, `distance_less_wise`, and `agrees`: whether the
        target, too, is nearer to the wiser card (None: both are equally far).
    """
    told = []
    for row in stored(store):
        vectors = {part.card_id: part.vector for part in row["parts"]}
        if context_id not in row["contexts"] or not {wiser, less_wise} <= {*vectors}:
            continue
        target: Target = row["target"]
        far = distance_to(target)
        near, away = far.distance(far.array([vectors[wiser], vectors[less_wise]])).tolist()
        ids = target.values.ids
        told.append({
            "target": target.name, "evaluator": row["evaluator"], "stale": row["stale"],
            "vector": dict(zip(ids, target.vector, strict=True)),
            "wiser": dict(zip(ids, vectors[wiser], strict=True)),
            "less_wise": dict(zip(ids, vectors[less_wise], strict=True)),
            "distance_wiser": near, "distance_less_wise": away,
            "agrees": None if abs(away - near) < 1e-12 else away > near,
        })
    return told
