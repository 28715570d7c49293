"""The three closing rows of a report: is it clear, can it adapt, can it be traced?"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from graphengine.ranking.validity.finding import counted, share
from graphengine.report.html import Column, table
from graphengine.report.words import clean, days, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from graphengine.report.source import Source

SMALLEST = 5
"""A group of fewer people is not counted out, since its members could be told."""


def closing_rows(source: Source) -> str:
    """Clarity, adaptability and transparency as a table."""
    rows = [["Clarity", clarity(source)], ["Adaptability", adaptability(source)],
            ["Transparency", transparency(source)]]
    return table([Column("question"), Column("what there is")], rows, "Clarity, adaptability, transparency")


def clarity(source: Source) -> str:
    """Cards that can't be understood on their own, or that say the same as another."""
    every = source.cards.to_pylist()
    cards = [row for row in every if not row.get("canonical_id")]
    stubs = sum(1 for row in cards if not row["title"])
    vague = sum(1 for row in cards if row["title"] and not (row["policies"] or clean(row["description"] or "")))
    same = _alike(cards)
    said = [f"{counted(len(cards), 'card')}, {len(every) - len(cards)} more merged into them as duplicates"]
    said.append(f"{counted(len(same), 'group')} of cards with the same words" if same else
                "no two cards have the same title or the same policies")
    said.append(f"{counted(vague, 'card')} with a title only" if vague else
                "every card with a title says more than its title")
    said.append(f"{counted(stubs, 'card')} known by the id only" if stubs else "every card has a title")
    return plain("; ".join(said) + ".")


def _alike(cards: Iterable[Mapping[str, Any]]) -> set[frozenset[str]]:
    """Groups of cards with the same title, or the same policies, but for case, spaces and punctuation."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in cards:
        for kind, text in (("title", row["title"] or ""), ("policies", " ".join(row["policies"] or []))):
            if words := _bare(text):
                found[kind, words].add(row["id"])
    return {frozenset(ids) for ids in found.values() if len(ids) > 1}


def _bare(text: str) -> str:
    return "".join(letter for letter in unicodedata.normalize("NFKC", text).casefold() if letter.isalnum())


def adaptability(source: Source) -> str:
    """What the graph covers: contexts, groups, dates."""
    voted = sum(1 for votes in source.contexts.column("votes").to_pylist() if votes)
    said = [f"{counted(source.contexts.num_rows, 'context')}, {voted} of them with votes",
            counted(source.scenarios.num_rows, "scenario"), counted(source.totals.get("loads", 0), "import"),
            f"{counted(source.totals.get('superseded votes', 0), 'answer')} changed since"]
    said.append(f"votes cast: {days(source.first, source.last)}")
    groups = [f"{variable}: " + ", ".join(f"{clean(value, 60)} {number}" for value, number in sizes)
              for variable, sizes in group_sizes(source.members.to_pylist()).items()]
    said.append("people by group: " + "; ".join(groups) if groups else "no groups were recorded")
    return plain("; ".join(said) + ".")


def group_sizes(members: Iterable[Mapping[str, Any]]) -> dict[str, list[tuple[str, str]]]:
    """People in each group, by variable; small groups masked.

    Where one group alone of a variable would be masked, the next larger is too, so that it does not follow from the
    number of all.

    Example:
        >>> rows = [{"user_id": str(n), "variable": "age", "value": "old" if n < 3 else "young"} for n in range(12)]
        >>> group_sizes(rows)
        {'age': [('young', 'masked'), ('old', 'fewer than 5')]}
    """
    sizes: dict[str, Counter[str]] = defaultdict(Counter)
    for variable, value, _ in {(row["variable"], row["value"], row["user_id"]) for row in members}:
        sizes[variable][value] += 1
    made = {}
    for variable in sorted(sizes):
        ordered = sorted(sizes[variable].items(), key=lambda item: (-item[1], item[0]))
        small = sum(number < SMALLEST for _, number in ordered)
        hidden = len(ordered) - (2 if small == 1 else small)
        made[variable] = [
            (value, f"fewer than {SMALLEST}" if number < SMALLEST else "masked" if at >= hidden else f"{number:,}")
            for at, (value, number) in enumerate(ordered)
        ]
    return made


def transparency(source: Source) -> str:
    """How much of what is shown follows from single votes that the graph holds."""
    keys = ("context_id", "from_id", "to_id")
    voted = {(c, *sorted(pair)) for c, *pair in zip(*(source.counts.column(k).to_pylist() for k in keys), strict=True)}
    edges = [(c, *sorted(pair)) for c, *pair in zip(*(source.edges.column(k).to_pylist() for k in keys), strict=True)]
    traced = sum(edge in voted for edge in edges)
    if not edges:
        return plain(f"No wiser edges; {counted(source.totals.get('votes', 0), 'single vote')} and "
                     f"{counted(source.totals.get('tallies', 0), 'published tally', 'published tallies')} are there.")
    said = [f"{traced:,} of {counted(len(edges), 'wiser edge')} ({share(traced / len(edges))}) rest on single votes "
            "that the graph holds"]
    said.append(f"{len(edges) - traced:,} on published tallies only" if traced < len(edges) else
                "none on published tallies only")
    return plain("; ".join(said) + ". graphengine explain CONTEXT CARD shows the votes behind a place.")
