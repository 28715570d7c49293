"""What else a dataset can hide: duplicates, cut texts, contexts that outweigh others, what two splits share."""

from __future__ import annotations

import statistics
from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, Any

from graphengine.errors import MissingExtraError
from graphengine.preferences.audit.texts import Pairs, words_of
from graphengine.preferences.splits import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

NEAR = 0.9
"""Cosine of the words of two texts (TF-IDF) from which they count as near copies."""
P_CHOSEN = (0.5, 0.6, 0.7, 0.8, 0.9)
_BLOCK = 200


def sizes(splits: Mapping[str, Pairs]) -> dict[str, dict[str, int]]:
    """Pairs, contexts and prompts of each split."""
    return {
        name: {"pairs": len(pairs), "contexts": len(set(pairs.contexts)), "prompts": len(set(pairs.prompts))}
        for name, pairs in splits.items()
    }


def balance(splits: Mapping[str, Pairs]) -> dict[str, Any]:
    """How the pairs are spread over contexts, and how many cards stand on one side only.

    Returns:
        `contexts`; `least`, `median` and `most` pairs of a context; `largest_share` of all pairs; `cards` and
        `one_sided_cards`: cards (or titles, or texts) of train with at least two pairs that are always chosen, or
        never. The title baseline lives on them.
    """
    pairs = [each for split in splits.values() for each in split.contexts]
    numbers = sorted(Counter(pairs).values()) or [0]
    train = splits.get("train")
    chosen, rejected = (Counter(names) for names in (train.chosen_names, train.rejected_names)) if train else ({}, {})
    all_cards = set(chosen) | set(rejected)
    one_sided = sum(
        not (chosen.get(card) and rejected.get(card)) and chosen.get(card, 0) + rejected.get(card, 0) > 1
        for card in all_cards
    )
    return {
        "contexts": len(set(pairs)), "least": numbers[0], "median": statistics.median(numbers), "most": numbers[-1],
        "largest_share": numbers[-1] / max(1, len(pairs)), "cards": len(all_cards), "one_sided_cards": one_sided,
    }


def overlap(splits: Mapping[str, Pairs]) -> dict[str, dict[str, int]]:
    """What each two splits share: prompts, contexts, scenarios, unordered pairs of cards and of texts, single cards.

    Texts are compared as splits are made: without case, width of letters and spacing. All but `cards` are leaks.
    """
    held = {name: _keys(pairs) for name, pairs in splits.items()}
    return {
        f"{one}/{other}": {kind: len(held[one][kind] & held[other][kind]) for kind in held[one]}
        for one, other in combinations(held, 2)
    }


def _keys(pairs: Pairs) -> dict[str, set[Hashable]]:
    sides = list(zip(map(plain, pairs.chosen), map(plain, pairs.rejected), strict=True))
    names = list(zip(pairs.chosen_names, pairs.rejected_names, strict=True))
    return {
        "prompts": {plain(prompt) for prompt in pairs.prompts if prompt},
        "contexts": {each for each in pairs.ids.get("context_id", ()) if each is not None},
        "scenarios": {each for each in pairs.ids.get("scenario_id", ()) if each is not None},
        # Two answers that follow the same card are no pair of cards.
        "pairs": {frozenset(both) for both in names if len(set(both)) > 1},
        "texts": {frozenset(both) for both in sides},
        "cards": {name for both in names for name in both},
    }


def duplicates(splits: Mapping[str, Pairs]) -> dict[str, int]:
    """Rows that say nothing new, and what is nearly the same.

    Returns:
        `rows`; `repeated`: rows with a prompt and an unordered pair of texts that an earlier row has; `reversed`: those
        of them that say the opposite; `near_equal`: rows whose sides are near copies of each other; `near_prompts`
        and `near_texts`: prompts and texts of the other splits with a near copy in train that is not the same.
    """
    first: dict[Hashable, str] = {}
    found = {"rows": sum(map(len, splits.values())), "repeated": 0, "reversed": 0}
    for pairs in splits.values():
        for prompt, chosen, rejected in zip(pairs.prompts, pairs.chosen, pairs.rejected, strict=True):
            one, other = plain(chosen), plain(rejected)
            row = (plain(prompt), frozenset((one, other)))
            found["repeated"] += row in first
            found["reversed"] += first.setdefault(row, one) != one
    return {**found, **_near_copies(splits)}


def _near_copies(splits: Mapping[str, Pairs]) -> dict[str, int]:
    prompts = {name: {plain(each) for each in pairs.prompts if each} for name, pairs in splits.items()}
    texts = {name: {plain(each) for each in pairs.chosen + pairs.rejected} for name, pairs in splits.items()}
    near_equal = 0
    for pairs in splits.values():
        one, other = _vectors(pairs.chosen, pairs.rejected)
        near_equal += int((one.multiply(other).sum(axis=1) >= NEAR).sum())
    return {
        "near_equal": near_equal,
        "near_prompts": sum(_near_train(prompts)),
        "near_texts": sum(_near_train(texts)),
    }


def _near_train(held: Mapping[str, set[str]]) -> Iterable[bool]:
    """For each text of another split that train does not have: does train have a near copy?"""
    train = sorted(held.get("train", ()))
    others = sorted(set().union(*(texts for name, texts in held.items() if name != "train")) - set(train))
    if not train or not others:
        return
    known, unknown = _vectors(train, others)
    for start in range(0, len(others), _BLOCK):  # the product of a block, not of all: it is nearly dense
        nearest = (unknown[start : start + _BLOCK] @ known.T).max(axis=1).toarray()
        yield from (nearest >= NEAR).ravel().tolist()


def _vectors(*lists: Sequence[str]) -> list[Any]:
    """Rows of length 1 over the words of all texts; a text without words is all zeros."""
    try:
        from sklearn.feature_extraction.text import TfidfVectorizer
    except ImportError as error:
        raise MissingExtraError.of("scikit-learn", "train") from error
    spaced = [[" ".join(words_of(text)) for text in texts] for texts in lists]
    word = r"\S+"
    bag = TfidfVectorizer(token_pattern=word)
    bag.fit([*(text for texts in spaced for text in texts), "a word"])  # a vocabulary may not be empty
    return [bag.transform(texts) for texts in spaced]


def certainty(splits: Mapping[str, Pairs]) -> dict[str, Any]:
    """How `p_chosen` is spread.

    Returns:
        `mean`; `missing`: rows without; `from_0.5` … `from_0.9`: rows from there up to the next; `below_0.5`. Without
        the column nothing but `missing`.
    """
    values = [value for pairs in splits.values() for value in pairs.ids.get("p_chosen", [None] * len(pairs))]
    known = [value for value in values if value is not None]
    if not known:
        return {"missing": len(values)}
    spread = {"below_0.5": sum(value < P_CHOSEN[0] for value in known)}
    for low, high in zip(P_CHOSEN, (*P_CHOSEN[1:], float("inf")), strict=True):
        spread[f"from_{low}"] = sum(low <= value < high for value in known)
    return {"mean": statistics.fmean(known), "missing": len(values) - len(known), **spread}


def lengths(
    splits: Mapping[str, Pairs], measure: Callable[[str, str], int], unit: str, limit: int | None
) -> dict[str, Any]:
    """How long the longer side of each row is, prompt included, and how many rows are longer than a limit.

    Args:
        splits: The pairs.
        measure: The length of a prompt with a side.
        unit: What it counts.
        limit: The most that a trainer takes (TRL's `RewardTrainer` drops longer rows and says nothing).

    Returns:
        `unit`, `median`, `p95`, `longest`, `limit`, `longer` (rows, null without a limit) and `longer_share`.
    """
    found = sorted(
        max(measure(prompt, chosen), measure(prompt, rejected))
        for pairs in splits.values()
        for prompt, chosen, rejected in zip(pairs.prompts, pairs.chosen, pairs.rejected, strict=True)
    ) or [0]
    longer = None if limit is None else sum(length > limit for length in found)
    return {
        "unit": unit, "median": statistics.median(found), "p95": found[min(len(found) - 1, int(0.95 * len(found)))],
        "longest": found[-1], "limit": limit, "longer": longer,
        "longer_share": None if longer is None else longer / len(found),
    }
