"""A made-up graph in which wisdom depends on the context and on nothing else.

Contexts and cards have a hidden type, out of six each. A secret table says which card types are wise in which context
type: each type of card is wise in three types of context and unwise in the other three. Every context has one pair for
each wise and unwise type, so in every split each type, and each of two types, is chosen exactly as often as rejected.
Who sees the cards alone can only toss a coin; who learns the table is right in contexts never seen before. Wording is
drawn from a list of words per type; all lists have words of the same lengths. Held-out contexts are new wordings of the
same types, and no pair of cards is in two splits.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import pyarrow as pa

CONTEXT_WORDS = (
    "lost tomb mourn grave coffin sorrow funeral goodbye",
    "boss desk shift staff office salary meeting manager",
    "pill ache fever nurse clinic doctor illness surgery",
    "exam math class pupil lesson essays teacher library",
    "road ship hotel train ticket border airport luggage",
    "debt cash loans price wallet budget savings payment",
)
CARD_WORDS = (
    "true fact truth plain candid honest sincere genuine",
    "wait slow quiet pause gently listen patient silence",
    "dare bold brave stand resist defend courage bravely",
    "warm kind heart cheer tender caring comfort embrace",
    "plan list rules steps method timely process exactly",
    "joke game laugh dance puzzle joking playful delight",
)
"""One list per hidden type; each has two words of 4, 5, 6 and 7 letters."""

CONTEXT_FRAMES = (
    "After the {} it is all {} and {}, and nobody speaks of the {}.",
    "Someone asks about {} and {}; the {} comes first, the {} later.",
    "Between {} and {} there is little time left for {} or {}.",
    "A friend talks of the {}, the {}, the {} and again the {}.",
    "It began with the {}. Now it is {}, {} and {}.",
    "What should I do about {} and {} when {} turns into {}?",
)
CARD_FRAMES = (
    "MOMENTS of {} that lead to {}",
    "WAYS in which {} makes room for {}",
    "SIGNS of {} behind what looks like {}",
    "CHANCES to be {} when others are {}",
)
TYPES = len(CARD_WORDS)
WISE = TYPES // 2
CARDS_PER_TYPE = 24
CONTEXTS_PER_TYPE = {"train": 45, "test": 9}
"""By split. With 9 pairs in a context: 2,430 pairs to learn from, 486 held out."""


def secret_table(seed: int) -> list[list[bool]]:
    """For each type of context and each type of card: is it wise there? Half of each row and of each column is."""
    rng = random.Random(f"table {seed}")
    rows, columns = rng.sample(range(TYPES), TYPES), rng.sample(range(TYPES), TYPES)
    return [[(row + column) % TYPES < WISE for column in columns] for row in rows]


def make_splits(seed: int) -> dict[str, pa.Table]:
    """The pairs of a world, by split, with the columns of a preference dataset.

    Args:
        seed: Of the secret table and of all wording; another seed is another world.
    """
    from graphengine.preferences import PAIRS

    rng = random.Random(f"world {seed}")
    table = secret_table(seed)
    cards = [_cards(rng, kind) for kind in range(TYPES)]
    contexts = _contexts(rng)
    used: set[frozenset[str]] = set()
    splits = {}
    for split, number in CONTEXTS_PER_TYPE.items():
        rows = []
        for place, kind in product(range(number), range(TYPES)):
            context_id, text = f"{split}-{kind}-{place:02}", next(contexts[kind])
            for one, other in product(range(TYPES), repeat=2):
                if not table[kind][one] or table[kind][other]:
                    continue
                rows.append(_row(context_id, text, *_new_pair(rng, cards[one], cards[other], used)))
        splits[split] = pa.Table.from_pylist(rows, schema=PAIRS)
    return splits


def type_of(id_: str) -> int:
    """The hidden type in the id of a context or a card; no text shows it."""
    return int(id_.split("-")[1])


def _contexts(rng: random.Random) -> list[Iterator[str]]:
    """For each type an endless stream of wordings without repetition."""
    def stream(words: Sequence[str]) -> Iterator[str]:
        told = set()
        while True:
            text = rng.choice(CONTEXT_FRAMES).format(*rng.sample(words, 4))
            if text not in told:
                told.add(text)
                yield text

    return [stream(words.split()) for words in CONTEXT_WORDS]


def _cards(rng: random.Random, kind: int) -> list[tuple[str, str]]:
    """Ids and texts of the cards of one type: a title of two words and two policies."""
    words = CARD_WORDS[kind].split()
    cards = []
    for number in range(CARDS_PER_TYPE):
        first, second, *rest = rng.sample(words, 6)
        policies = [frame.format(*rest[2 * i : 2 * i + 2]) for i, frame in enumerate(rng.sample(CARD_FRAMES, 2))]
        cards.append((f"card-{kind}-{number:02}", f"{first} and {second}\n\n" + "\n".join(f"- {p}" for p in policies)))
    return cards


def _new_pair(
    rng: random.Random, wise: list[tuple[str, str]], unwise: list[tuple[str, str]], used: set[frozenset[str]]
) -> tuple[tuple[str, str], tuple[str, str]]:
    while True:
        one, other = rng.choice(wise), rng.choice(unwise)
        if frozenset((one[0], other[0])) not in used:
            used.add(frozenset((one[0], other[0])))
            return one, other


def _row(context_id: str, text: str, chosen: tuple[str, str], rejected: tuple[str, str]) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": text}],
        "chosen": [{"role": "assistant", "content": chosen[1]}],
        "rejected": [{"role": "assistant", "content": rejected[1]}],
        # Nobody voted: each pair is as sure as any other, so that no kind of evidence favours one.
        "p_chosen": 0.95, "p_chosen_lower": 0.95, "p_chosen_upper": 0.95, "weight": 0.9, "margin": 3.0,
        "margin_sd": 0.0, "pair_id": f"{context_id}:{chosen[0]}:{rejected[0]}", "context_id": context_id,
        "chosen_id": chosen[0], "rejected_id": rejected[0], "upgrade_ids": [],
    }
